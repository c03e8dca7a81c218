"""What scripts on simulated nodes are made of, once they are parsed."""

from __future__ import annotations

from typing import NamedTuple

from batchlab.drivers.simulated.shell.words import Word

__all__ = [
    "Compound",
    "Piece",
    "Redirect",
    "Script",
    "ShellArithmetic",
    "ShellCase",
    "ShellChain",
    "ShellCommand",
    "ShellCondition",
    "ShellFor",
    "ShellFunction",
    "ShellGroup",
    "ShellIf",
    "ShellLoop",
    "ShellNot",
    "ShellPipe",
    "ShellRedirected",
]


class Redirect(NamedTuple):
    """``2>>file``: descriptor 2, ``>>``, file; in ``2>&1`` the target is the digit."""

    descriptor: int
    operator: str
    target: Word


class ShellCommand(NamedTuple):
    """Assignments before a command, its words, and its redirections."""

    assignments: tuple[tuple[str, Word], ...]  # a name with + is appended to
    words: tuple[Word, ...]
    redirects: tuple[Redirect, ...]


class ShellPipe(NamedTuple):
    """Commands joined by ``|``, at least two."""

    stages: tuple[Piece, ...]


class ShellChain(NamedTuple):
    """Commands joined by ``&&`` and ``||``; each operator precedes its command."""

    links: tuple[tuple[str, Piece], ...]
    background: bool = False


class ShellIf(NamedTuple):
    """``if condition; then body; else otherwise; fi``."""

    condition: tuple[ShellChain, ...]
    body: tuple[ShellChain, ...]
    otherwise: tuple[ShellChain, ...]


class ShellLoop(NamedTuple):
    """``while condition; do body; done``, or with ``until``; in bash's ``for``, with a step."""

    until: bool
    condition: tuple[ShellChain, ...]
    body: tuple[ShellChain, ...]
    step: str = ""


class ShellFor(NamedTuple):
    """``for name in words; do body; done``; without ``in``, the words are ``"$@"``."""

    name: str
    words: tuple[Word, ...]
    body: tuple[ShellChain, ...]


class ShellCase(NamedTuple):
    """``case subject in pattern|pattern) body;; esac``."""

    subject: Word
    clauses: tuple[tuple[tuple[Word, ...], tuple[ShellChain, ...]], ...]


class ShellGroup(NamedTuple):
    """``{ body; }``, or ``( body )`` in a shell of its own."""

    body: tuple[ShellChain, ...]
    separate: bool = False


class ShellFunction(NamedTuple):
    """``name() body``."""

    name: str
    body: Piece


class ShellCondition(NamedTuple):
    """``[[ ... ]]``, in bash: words, and the operators ``! && || ( ) < >``."""

    parts: tuple[Word | str, ...]


class ShellArithmetic(NamedTuple):
    """``(( expression ))``, in bash."""

    expression: str


class ShellRedirected(NamedTuple):
    """A compound command with redirections."""

    piece: Piece
    redirects: tuple[Redirect, ...]


class ShellNot(NamedTuple):
    """``! piece``."""

    piece: Piece


class Script(NamedTuple):
    """What a script does, and the error at which it ends, if it has one.

    A shell reads a script line by line: the lines above an error are run.
    """

    chains: tuple[ShellChain, ...]
    error: str = ""


Compound = (
    ShellIf | ShellCase | ShellLoop | ShellFor | ShellGroup | ShellCondition | ShellArithmetic
)
Piece = ShellCommand | ShellPipe | ShellNot | ShellFunction | ShellRedirected | Compound
