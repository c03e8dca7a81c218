"""``sed`` on simulated nodes: ``s``, ``d``, ``p`` and ``q``, for all lines or some."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from batchlab.drivers.simulated.shell.patterns import python_pattern
from batchlab.drivers.simulated.shell.program_host import Host
from batchlab.drivers.simulated.shell.words import NotUnderstood

__all__ = ["sed"]


class _Command(NamedTuple):
    first: str
    last: str
    negated: bool
    letter: str
    pattern: re.Pattern[str] | None
    replacement: str
    flags: str


_ADDRESS = r"\d+|\$|/(?:\\.|[^/\\])*/"
_HEAD = re.compile(rf"\s*({_ADDRESS})?(?:,\s*({_ADDRESS}))?\s*(!?)\s*([sdpq])")
_REST = re.compile(r"\s*(?:;|\n|$)\s*")


def _commands(script: str, *, extended: bool) -> list[_Command]:
    found: list[_Command] = []
    at = 0
    while at < len(script):
        head = _HEAD.match(script, at)
        if head is None:
            raise NotUnderstood(script)
        at, pattern, replacement, flags = head.end(), None, "", ""
        if head[4] == "s":
            sign = re.escape(script[at : at + 1] or "/")
            part = rf"((?:\\.|(?!{sign})[^\\])*)"
            match = re.compile(rf"{sign}{part}{sign}{part}{sign}([gpiI\d]*)", re.DOTALL).match(
                script, at
            )
            if match is None:
                raise NotUnderstood(script)
            wanted = re.sub(rf"\\({sign})", r"\1", match[1]) if sign != "/" else match[1]
            ignore_case = "i" in match[3].lower()
            pattern = python_pattern(wanted, extended=extended, ignore_case=ignore_case)
            replacement, flags, at = _replacement(match[2]), match[3], match.end()
        end = _REST.match(script, at)
        if end is None:
            raise NotUnderstood(script)
        at = end.end()
        found.append(
            _Command(
                head[1] or "", head[2] or "", bool(head[3]), head[4], pattern, replacement, flags
            )
        )
    return found


def _replacement(text: str) -> str:
    """The replacement of ``s``, as Python reads it."""

    def turned(match: re.Match[str]) -> str:
        sign = match.group()
        if sign == "&":
            return r"\g<0>"
        if sign[1:].isdigit():
            return rf"\g<{sign[1:]}>"
        if sign[1:] in {"n", "t"}:
            return sign
        if sign[1:].isalpha():
            raise NotUnderstood(sign)
        return "\\\\" if sign == "\\\\" else sign[1:]

    return re.sub(r"\\.|&", turned, text, flags=re.DOTALL)


class _Stream:
    """The lines of all files, one after the other, and which commands are inside their range."""

    def __init__(self, commands: list[_Command], *, extended: bool) -> None:
        self.commands = commands
        self.extended = extended
        self.open = [False] * len(commands)

    def _is_at(self, address: str, number: int, last: bool, line: str) -> bool:
        if address == "$":
            return last
        if address.isdigit():
            return int(address) == number
        return bool(python_pattern(address[1:-1], extended=self.extended).search(line))

    def _chosen(self, place: int, number: int, last: bool, line: str) -> bool:
        command = self.commands[place]
        if not command.last:
            chosen = not command.first or self._is_at(command.first, number, last, line)
        elif self.open[place]:
            chosen = True
            ends = (
                int(command.last) <= number
                if command.last.isdigit()
                else self._is_at(command.last, number, last, line)
            )
            self.open[place] = not ends
        else:
            chosen = self._is_at(command.first, number, last, line)
            self.open[place] = chosen and not (
                command.last.isdigit() and int(command.last) <= number
            )
        return chosen != command.negated

    def run(self, lines: list[str], *, quiet: bool) -> Iterator[str]:
        """Yield the lines that are printed."""
        for number, original in enumerate(lines, 1):
            line = original
            last, deleted = number == len(lines), False
            for place, command in enumerate(self.commands):
                if not self._chosen(place, number, last, line):
                    continue
                if command.letter == "q":
                    if not quiet:
                        yield line
                    return
                if command.letter == "d":
                    deleted = True
                    break
                if command.letter == "p":
                    yield line
                elif command.pattern is not None:
                    line, changed = _substituted(command, line)
                    if changed and "p" in command.flags:
                        yield line
            if not deleted and not quiet:
                yield line


def _substituted(command: _Command, line: str) -> tuple[str, bool]:
    assert command.pattern is not None
    which = re.sub(r"\D", "", command.flags)
    if not which:
        new, count = command.pattern.subn(
            command.replacement, line, count="g" not in command.flags
        )
        return new, bool(count)
    for place, match in enumerate(command.pattern.finditer(line), 1):
        if place == int(which):
            return line[: match.start()] + match.expand(command.replacement) + line[
                match.end() :
            ], True
    return line, False


def sed(host: Host, args: Sequence[str]) -> int:
    """Edit lines; an exit code is returned."""
    words, scripts, names, letters = list(args), [], [], set()
    while words:
        option = words.pop(0)
        if option in {"-e", "--expression"} and words:
            scripts.append(words.pop(0))
        elif option.startswith("-") and len(option) > 1:
            if set(option[1:]) - set("nErie") or (option[-1] == "e" and not words):
                raise NotUnderstood(option)
            letters |= set(option[1:])
            if option[-1] == "e":
                scripts.append(words.pop(0))
        else:
            names.append(option)
    if not scripts and names:
        scripts.append(names.pop(0))
    extended, quiet = bool(letters & {"E", "r"}), "n" in letters
    commands = _commands("\n".join(scripts), extended=extended)
    status, texts = 0, []
    for name in names:
        try:
            texts.append((name, host.disk.read(host.path(name))))
        except OSError as error:
            host.complain(f"sed: can't read {name}: {error.strerror}")
            status = 2
    if "i" in letters:
        for name, data in texts:
            new = _edited(commands, data, quiet=quiet, extended=extended)
            host.disk.write(host.path(name), new.encode(), host.now(), append=False)
        return status
    data = b"".join(text for _, text in texts) if names else host.stdin()
    host.say(_edited(commands, data, quiet=quiet, extended=extended))
    return status


def _edited(commands: list[_Command], data: bytes, *, quiet: bool, extended: bool) -> str:
    lines = data.decode(errors="replace").splitlines()
    stream = _Stream(commands, extended=extended)
    return "".join(f"{line}\n" for line in stream.run(lines, quiet=quiet))
