"""What the programs on simulated nodes have in common."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from batchlab.drivers.simulated.disk import Disk
from batchlab.drivers.simulated.shell.words import NotUnderstood

__all__ = ["Host", "Program", "for_each", "lines_of", "options_of"]


class Host(Protocol):
    """The part of its process that a program can use."""

    disk: Disk
    environment: dict[str, str]
    cwd: str
    bash: bool

    def now(self) -> float:
        """Virtual seconds since 1970."""
        ...

    def path(self, name: str) -> str:
        """Return the absolute path of a name."""
        ...

    def stdin(self) -> bytes:
        """Return all of the standard input."""
        ...

    def say(self, data: str | bytes) -> None:
        """Print to stdout."""
        ...

    def complain(self, text: str) -> None:
        """Print a line to stderr."""
        ...


Program = Callable[[Host, Sequence[str]], int]


def options_of(args: Sequence[str], known: str) -> tuple[set[str], list[str]]:
    """Split arguments into letters and names; raises `NotUnderstood` for other letters."""
    options: set[str] = set()
    words, names = list(args), []
    while words:
        word = words.pop(0)
        if word == "--":
            names += words
            break
        if word.startswith("-") and len(word) > 1:
            options |= set(word[1:])
        else:
            names.append(word)
    if options - set(known):
        raise NotUnderstood(" ".join(args))
    return options, names


def for_each(host: Host, program: str, names: Sequence[str], act: Callable[[str], None]) -> int:
    """Do something with each file, and complain of those with which it fails."""
    status = 0
    for name in names:
        try:
            act(name)
        except OSError as error:
            host.complain(f"{program}: {name}: {error.strerror}")
            status = 1
    return status


def lines_of(host: Host, program: str, names: Sequence[str]) -> list[str] | None:
    """The lines of files, or of the standard input; None, and a complaint, if one is missing."""
    texts: list[bytes] = []
    failed = for_each(
        host, program, names, lambda name: texts.append(host.disk.read(host.path(name)))
    )
    if failed:
        return None
    return b"".join(texts or [host.stdin()]).decode(errors="replace").splitlines()
