"""Parses the part of the shell language that simulated nodes understand.

::

    script   = chain { (";" | newline) chain }        chain = pipe { ("&&" | "||") pipe }
    pipe     = command { "|" command }
    command  = { NAME=word } { word | redirect }      redirect = (">" | ">>" | "2>" | "<" ...) word
    word     = parts, each literal, $NAME, $(script) or `script`, or
               $((expression)), quoted or not
    command  = "if" script "then" script { "elif" script "then" script } [ "else" script ] "fi"
    command  = ("while" | "until") script "do" script "done"
    command  = "for" NAME "in" { word } (";" | newline) "do" script "done"
    command  = "case" word "in" { clause } "esac"
    clause   = ["("] word { "|" word } ")" script ";;"     the last ";;" may be left out
    command  = "{" script "}"                         pipe = "!" pipe

Everything else (``&``, functions, patterns) raises `NotUnderstood`, and the whole
script is then left to the workload.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from batchlab.drivers.simulated.arithmetic import parse_expression
from batchlab.drivers.simulated.words import (
    NotUnderstood,
    Part,
    Word,
    end_of_word,
    quoted_parts,
    word,
)

__all__ = [
    "Piece",
    "Redirect",
    "ShellCase",
    "ShellChain",
    "ShellCommand",
    "ShellFor",
    "ShellGroup",
    "ShellIf",
    "ShellLoop",
    "ShellNot",
    "ShellPipe",
    "parse",
]


class Redirect(NamedTuple):
    """``2>>file``: descriptor 2, ``>>``, file; in ``2>&1`` the target is the digit."""

    descriptor: int
    operator: str
    target: Word


class ShellCommand(NamedTuple):
    """Assignments before a command, its words, and its redirections."""

    assignments: tuple[tuple[str, Word], ...]
    words: tuple[Word, ...]
    redirects: tuple[Redirect, ...]


class ShellPipe(NamedTuple):
    """Commands joined by ``|``, at least two."""

    stages: tuple[ShellCommand, ...]


class ShellChain(NamedTuple):
    """Commands joined by ``&&`` and ``||``; each operator precedes its command."""

    links: tuple[tuple[str, Piece], ...]


class ShellIf(NamedTuple):
    """``if condition; then body; else otherwise; fi``."""

    condition: tuple[ShellChain, ...]
    body: tuple[ShellChain, ...]
    otherwise: tuple[ShellChain, ...]


class ShellLoop(NamedTuple):
    """``while condition; do body; done``, or with ``until``."""

    until: bool
    condition: tuple[ShellChain, ...]
    body: tuple[ShellChain, ...]


class ShellFor(NamedTuple):
    """``for name in words; do body; done``."""

    name: str
    words: tuple[Word, ...]
    body: tuple[ShellChain, ...]


class ShellCase(NamedTuple):
    """``case subject in pattern|pattern) body;; esac``."""

    subject: Word
    clauses: tuple[tuple[tuple[Word, ...], tuple[ShellChain, ...]], ...]


class ShellGroup(NamedTuple):
    """``{ body; }``."""

    body: tuple[ShellChain, ...]


class ShellNot(NamedTuple):
    """``! piece``."""

    piece: Piece


Compound = ShellIf | ShellCase | ShellLoop | ShellFor | ShellGroup
Piece = ShellCommand | ShellPipe | ShellNot | Compound
_TOKEN = re.compile(
    r"""(?P<space>[ \t]+|\\\n|(?<![^\s;&|()])\#[^\n]*)
      | (?P<redirect>[0-9]?(?:>>|>&|>|<))
      | (?P<operator>&&|\|\||;;|;|\n|[()]|\|(?!&))""",
    re.VERBOSE,
)
_ENDS_OF_LINE = {("operator", ";"), ("operator", "\n")}
_ASSIGNMENT = re.compile(r"([A-Za-z_]\w*)=")
_NAME = re.compile(r"[A-Za-z_]\w*")
_COMPOUND = {"if", "case", "while", "until", "for", "{"}
_KEYWORD = re.compile(
    "if|then|else|elif|fi|for|while|until|do|done|case|esac|in|function|select|time|!|{|}"
)


@lru_cache(maxsize=4096)
def parse(text: str) -> tuple[ShellChain, ...]:
    """Parse a script; raises `NotUnderstood`."""
    try:
        return _Reader(_tokens(text)).chains()
    except RecursionError:
        raise NotUnderstood("nested too deeply") from None


class _Reader:
    """Parses commands one by one and keeps its position."""

    def __init__(self, tokens: list[tuple[str, str]]) -> None:
        self._tokens = [*tokens, ("end", "")]
        self._at = 0

    def chains(self, *ends: str) -> tuple[ShellChain, ...]:
        """Parse up to and including one of these tokens, or up to the end if there are none."""
        found: list[ShellChain] = []
        while True:
            kind, token = self._tokens[self._at]
            if kind == "end" or (kind in {"word", "operator"} and token in ends):
                if bool(ends) == (kind == "end"):
                    raise NotUnderstood(f"no {' or '.join(ends)}")
                self._at += 1
                return tuple(found)
            if (kind, token) in _ENDS_OF_LINE:
                self._at += 1
            else:
                found.append(self._chain())

    def _chain(self) -> ShellChain:
        links: list[tuple[str, Piece]] = []
        joint = ""
        while True:
            links.append((joint, self._pipe()))
            kind, joint = self._tokens[self._at]
            if kind != "operator" or joint not in {"&&", "||"}:
                return ShellChain(tuple(links))
            self._go_on()

    def _pipe(self) -> Piece:
        if self._tokens[self._at] == ("word", "!"):
            self._at += 1
            return ShellNot(self._pipe())
        first = command = self._command()
        stages: list[ShellCommand] = []
        while True:
            if isinstance(command, ShellCommand):
                stages.append(command)
            elif stages:
                raise NotUnderstood("an if or a loop behind a pipe")
            if self._tokens[self._at] != ("operator", "|"):
                return ShellPipe(tuple(stages)) if len(stages) > 1 else first
            if not isinstance(first, ShellCommand):
                raise NotUnderstood("an if or a loop before a pipe")
            self._go_on()
            command = self._command()

    def _go_on(self) -> None:
        """Pass an operator, after which a line may end."""
        self._at += 1
        self._skip(("operator", "\n"))

    def _skip(self, *tokens: tuple[str, str]) -> None:
        """Pass any number of these."""
        while self._tokens[self._at] in tokens:
            self._at += 1

    def _command(self) -> ShellCommand | Compound:
        kind, token = self._tokens[self._at]
        if kind == "word" and token in _COMPOUND:
            self._at += 1
            found = self._compound(token)
            if self._tokens[self._at][0] not in {"operator", "end"}:
                raise NotUnderstood(f"something behind the end of {token}")
            return found
        begin = self._at
        while self._tokens[self._at][0] not in {"operator", "end"}:
            self._at += 1
        if self._at == begin:
            raise NotUnderstood("no command where one should be")
        return _command(self._tokens[begin : self._at])

    def _compound(self, keyword: str) -> Compound:
        if keyword == "if":
            return self._branch()
        if keyword == "case":
            return self._case()
        if keyword == "{":
            body = self.chains("}")
            if not body:
                raise NotUnderstood("a group is empty")
            return ShellGroup(body)
        return self._for() if keyword == "for" else self._loop(until=keyword == "until")

    def _for(self) -> ShellFor:
        """Parse the rest of a `for`, through `done`."""
        begin = self._at
        while self._tokens[self._at][0] == "word":
            self._at += 1
        name, *words = [token for _, token in self._tokens[begin : self._at]] or [""]
        if not _NAME.fullmatch(name) or words[:1] != ["in"]:
            raise NotUnderstood("for without a name and in")
        self._skip(*_ENDS_OF_LINE)
        self._take("word", "do")
        body = self.chains("done")
        if not body:
            raise NotUnderstood("a part of a loop is empty")
        return ShellFor(name, tuple(map(_word, words[1:])), body)

    def _take(self, kind: str, *tokens: str) -> str:
        """Pass one of these tokens, or any one of the kind if there are none."""
        found, token = self._tokens[self._at]
        if found != kind or (tokens and token not in tokens):
            raise NotUnderstood(token)
        self._at += 1
        return token

    def _case(self) -> ShellCase:
        """Parse the rest of a `case`, through `esac`."""
        subject = _word(self._take("word"))
        self._skip(("operator", "\n"))
        self._take("word", "in")
        clauses = []
        while True:
            self._skip(("operator", "\n"))
            if self._tokens[self._at] == ("word", "esac"):
                self._at += 1
                break
            if self._tokens[self._at] == ("operator", "("):
                self._at += 1
            patterns = [_word(self._take("word"), pattern=True)]
            while self._take("operator", "|", ")") == "|":
                patterns.append(_word(self._take("word"), pattern=True))
            clauses.append((tuple(patterns), self.chains(";;", "esac")))
            if self._tokens[self._at - 1][1] == "esac":
                break
        return ShellCase(subject, tuple(clauses))

    def _branch(self) -> ShellIf:
        """Parse the rest of an `if` or `elif`, through the final `fi`."""
        condition, body = self.chains("then"), self.chains("elif", "else", "fi")
        end = self._tokens[self._at - 1][1]
        otherwise: tuple[ShellChain, ...] = ()
        if end == "elif":
            otherwise = (ShellChain((("", self._branch()),)),)
        elif end == "else":
            otherwise = self.chains("fi")
        if not condition or not body or (end == "else" and not otherwise):
            raise NotUnderstood("a part of an if is empty")
        return ShellIf(condition, body, otherwise)

    def _loop(self, *, until: bool) -> ShellLoop:
        """Parse the rest of a loop, through `done`."""
        condition, body = self.chains("do"), self.chains("done")
        if not condition or not body:
            raise NotUnderstood("a part of a loop is empty")
        return ShellLoop(until, condition, body)


def _tokens(text: str) -> list[tuple[str, str]]:
    found, at = [], 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        kind = (match.lastgroup or "") if match else "word"
        begin, at = at, match.end() if match else end_of_word(text, at)
        if at == begin:
            raise NotUnderstood(text[at : at + 20])
        if kind != "space":
            found.append((kind, text[begin:at]))
    return found


def _command(tokens: list[tuple[str, str]]) -> ShellCommand:
    assignments: list[tuple[str, Word]] = []
    words: list[Word] = []
    redirects: list[Redirect] = []
    pending: str | None = None
    for kind, token in tokens:
        if kind == "redirect":
            if pending is not None:
                raise NotUnderstood(token)
            pending = token
        elif pending is not None:
            redirects.append(_redirect(pending, _word(token)))
            pending = None
        elif not words and (match := _ASSIGNMENT.match(token)):
            assignments.append((match[1], _word(token[match.end() :])))
        elif not words and _KEYWORD.fullmatch(token):
            raise NotUnderstood(token)
        else:
            words.append(_word(token))
    if pending is not None:
        raise NotUnderstood(pending)
    return ShellCommand(tuple(assignments), tuple(words), tuple(redirects))


def _redirect(operator: str, target: Word) -> Redirect:
    number, sign = (operator[0], operator[1:]) if operator[0].isdigit() else ("", operator)
    descriptor = int(number) if number else int(sign[0] == ">")
    if descriptor > 2 or (descriptor == 0) != (sign == "<"):
        raise NotUnderstood(operator)
    if sign == ">&" and "".join(part.text for part in target) not in {"1", "2"}:
        raise NotUnderstood(operator)
    return Redirect(descriptor, sign, target)


def _word(token: str, *, pattern: bool = False) -> Word:
    parts = word(token, pattern=pattern)
    _check(parts)
    return parts


def _check(parts: Sequence[Part]) -> None:
    """Parse what is substituted, so that nothing runs of a script that is not understood."""
    for part in parts:
        if part.kind == "script":
            parse(part.text)
        elif part.kind == "expression":
            inner = quoted_parts(part.text)
            _check(inner)
            parse_expression("".join(i.text if i.kind == "literal" else "1" for i in inner))
