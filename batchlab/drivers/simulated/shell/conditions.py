"""What ``test``, ``[`` and ``[[`` find out on simulated nodes."""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Sequence
from fnmatch import fnmatchcase
from typing import Protocol

from batchlab.drivers.simulated.disk import File, Folder
from batchlab.drivers.simulated.shell.program_host import Host
from batchlab.drivers.simulated.shell.words import NotUnderstood, Part, Word

__all__ = ["holds", "test"]


class Evaluator(Host, Protocol):
    """What the words of ``[[`` are expanded by."""

    def text(self, word: Sequence[Part]) -> Generator[float, None, str]:
        """Return what a word stands for."""
        ...

    def pattern(self, word: Sequence[Part]) -> Generator[float, None, str]:
        """Return a word as a pattern."""
        ...


def _find(host: Host, name: str) -> File | Folder | None:
    try:
        return host.disk.find(host.path(name))
    except OSError:
        return None


def _is_file(host: Host, name: str) -> bool:
    return isinstance(_find(host, name), File)


def _may_run(host: Host, name: str) -> bool:
    found = _find(host, name)
    return isinstance(found, Folder) or (found is not None and bool(found.mode & 0o111))


def _is_newer(host: Host, left: str, right: str) -> bool:
    first, second = _find(host, left), _find(host, right)
    if isinstance(first, Folder) or isinstance(second, Folder):
        raise NotUnderstood("-nt")
    return first is not None and (second is None or first.modified > second.modified)


_UNARY: dict[str, Callable[[Host, str], bool]] = {
    "-e": lambda host, name: _find(host, name) is not None,
    "-f": _is_file,
    "-d": lambda host, name: isinstance(_find(host, name), Folder),
    "-s": lambda host, name: _is_file(host, name) and host.disk.size(host.path(name)) > 0,
    "-r": lambda host, name: _find(host, name) is not None,
    "-w": lambda host, name: _find(host, name) is not None,
    "-x": _may_run,
    "-h": lambda host, name: False,
    "-L": lambda host, name: False,
    "-n": lambda host, text: bool(text),
    "-z": lambda host, text: not text,
}
_BINARY: dict[str, Callable[[str, str], bool]] = {
    "=": lambda left, right: left == right,
    "!=": lambda left, right: left != right,
    "-eq": lambda left, right: _integer(left) == _integer(right),
    "-ne": lambda left, right: _integer(left) != _integer(right),
    "-lt": lambda left, right: _integer(left) < _integer(right),
    "-le": lambda left, right: _integer(left) <= _integer(right),
    "-gt": lambda left, right: _integer(left) > _integer(right),
    "-ge": lambda left, right: _integer(left) >= _integer(right),
}


def _integer(text: str) -> int:
    if not re.fullmatch(r"\s*[+-]?\d+\s*", text, re.ASCII):
        raise ValueError(f"{text}: integer expression expected")
    return int(text)


def test(host: Host, args: Sequence[str], *, bash: bool) -> int:
    """Return the exit code of ``test`` with these arguments."""
    words = list(args)
    try:
        return int(not _either(host, words, bash=bash))
    except ValueError as error:
        host.complain(f"test: {error}")
        return 2


def _either(host: Host, words: list[str], *, bash: bool) -> bool:
    if len(words) > 4:
        for joint, combine in (("-o", any), ("-a", all)):
            if joint in words[1:-1]:
                at = words.index(joint, 1)
                sides = (words[:at], words[at + 1 :])
                return combine([_either(host, side, bash=bash) for side in sides])
    return _one(host, words, bash=bash)


def _one(host: Host, words: list[str], *, bash: bool) -> bool:
    match words:
        case []:
            return False
        case [text]:
            return bool(text)
        case [left, sign, right] if sign in _BINARY or sign in {"==", "-nt"}:
            return _two(host, left, sign, right, bash=bash)
        case ["!", *rest]:
            return not _one(host, rest, bash=bash)
        case [sign, text] if sign in _UNARY:
            return _UNARY[sign](host, text)
        case ["(", *rest, ")"]:
            return _either(host, rest, bash=bash)
    if len(words) == 3 and words[1] not in {"-ot", "-ef", "<", ">"}:
        raise ValueError(f"{words[1]}: unexpected operator")
    if not words[0].startswith("-"):  # an empty or a split word, usually
        raise ValueError(f"{words[0]}: unexpected operator")
    raise NotUnderstood(" ".join(words))


def _two(host: Host, left: str, sign: str, right: str, *, bash: bool) -> bool:
    if sign == "==":
        if not bash:
            raise ValueError(f"{sign}: unexpected operator (sh has only =)")
        return left == right
    if sign == "-nt":
        return _is_newer(host, left, right)
    return _BINARY[sign](left, right)


def holds(host: Evaluator, parts: Sequence[Word | str]) -> Generator[float, None, bool]:
    """Whether the condition between ``[[`` and ``]]`` is fulfilled."""
    for joint in ("||", "&&"):
        if (at := _outside(parts, joint)) is not None:
            first = yield from holds(host, parts[:at])
            if first == (joint == "||"):
                return first
            return (yield from holds(host, parts[at + 1 :]))
    if parts[:1] == ("!",):
        return not (yield from holds(host, parts[1:]))
    if parts[:1] == ("(",) and parts[-1:] == (")",):
        return (yield from holds(host, parts[1:-1]))
    words: list[str] = []
    for part in parts:
        text = part if isinstance(part, str) else (yield from host.text(part))
        words.append(text)
    if len(words) != 3:
        return _one(host, words, bash=True)
    left, sign, right = words
    if sign in {"=", "==", "!="} and not isinstance(parts[2], str):
        pattern = yield from host.pattern(parts[2])
        return fnmatchcase(left, pattern) == (sign != "!=")
    if sign == "=~":
        try:
            return bool(re.search(right, left))
        except re.error:
            raise NotUnderstood(right) from None
    if sign in {"<", ">"}:
        return left < right if sign == "<" else left > right
    return _one(host, words, bash=True)


def _outside(parts: Sequence[Word | str], sign: str) -> int | None:
    """Where a sign stands outside of parentheses."""
    depth = 0
    for at, part in enumerate(parts):
        if isinstance(part, str):
            depth += {"(": 1, ")": -1}.get(part, 0)
            if part == sign and not depth:
                return at
    return None
