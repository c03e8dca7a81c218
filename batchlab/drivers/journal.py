"""The inputs of a lab, one JSON line each: enough to live its whole history again.

Line 1 names the format and the core's settings; every further line is ``[now, input]``. A core
that is fed the same lines gives the same commands, whatever the machine.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from functools import reduce
from operator import or_
from pathlib import Path
from typing import Any

import msgspec

from batchlab.core.machine import Core, Settings
from batchlab.core.messages.inputs import REPORTS, REQUESTS, Input, Request
from batchlab.core.messages.outputs import Step
from batchlab.errors import BatchError, InvalidRequest, NotFound, invalid

__all__ = ["Journal", "Reading", "read", "replay"]

VERSION = 1


class Header(msgspec.Struct, frozen=True, kw_only=True):
    batchlab_journal: int
    settings: Settings


_ANY_INPUT: Any = reduce(or_, REQUESTS + REPORTS)
_decoder: msgspec.json.Decoder[tuple[float, Input]] = msgspec.json.Decoder(
    tuple[float, _ANY_INPUT]
)


class Journal:
    """Writes inputs to a file as they come.

    Parameters
    ----------
    path : Path
        The file; an existing one is replaced.
    settings : Settings
        What the core was made with.

    Raises
    ------
    InvalidRequest
        ``InvalidPropertyValue``: the file cannot be written.
    """

    def __init__(self, path: Path, settings: Settings) -> None:
        self.path = path
        self.kept = False
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            number = os.open(path, flags, 0o600)  # it tells of all environments
        except OSError as error:
            reason = f"cannot be written: {error.strerror}"
            raise invalid("journal", str(path), reason) from None
        self._file = os.fdopen(number, "wb")
        self._encode = msgspec.json.Encoder().encode
        self._file.write(self._encode(Header(batchlab_journal=VERSION, settings=settings)) + b"\n")

    def write(self, now: float, item: Input) -> None:
        """Add one input."""
        if not self._file.closed:
            self._file.write(self._encode((now, item)) + b"\n")

    def keep(self) -> Path:
        """Write what is buffered, mark the file as one to be kept, and say where it is."""
        if not self._file.closed:
            self._file.flush()
        self.kept = True
        return self.path

    def close(self) -> None:
        """Close the file. Harmless when done twice."""
        self._file.close()


class Reading:
    """A journal on its way in: iterated over, it gives each input with its time.

    A last line that was cut, because its lab was killed while it wrote, is left out.

    Parameters
    ----------
    source : Path or sequence of str or bytes
        The file, or its lines.

    Attributes
    ----------
    settings : Settings
        What the core was made with.
    line : int
        The number of the line that was read last; the first is 1.
    cut : bool
        Whether the last line was left out.

    Raises
    ------
    NotFound
        ``FileNotFound``.
    InvalidRequest
        ``InvalidInput``: not a journal, of another version, or, while it is read, damaged.
    """

    def __init__(self, source: Path | Sequence[str | bytes]) -> None:
        self.name = str(source) if isinstance(source, Path) else "what was given"
        self.line = 1
        self.cut = False
        self._lines = _file_lines(source) if isinstance(source, Path) else _as_bytes(source)
        first = next(self._lines, b"")
        if not first.strip():
            raise self._none("it is empty; a lab writes in pieces, and the last when it is closed")
        try:
            header = msgspec.json.decode(first, type=Header)
        except msgspec.MsgspecError as error:
            raise self._none(str(error)) from None
        if header.batchlab_journal != VERSION:
            raise InvalidRequest(
                "InvalidInput",
                f"{self.name} is a journal of version {header.batchlab_journal}; this batchlab "
                f"reads version {VERSION}",
            )
        self.settings = header.settings

    def __iter__(self) -> Iterator[tuple[float, Input]]:
        for line in self._lines:
            self.line += 1
            try:
                entry = _decoder.decode(line)
            except msgspec.MsgspecError as error:
                if not line.endswith(b"\n") and next(self._lines, None) is None:
                    self.cut = True
                    return
                text = (
                    f"line {self.line} of {self.name} is damaged: {error}; those before it are not"
                )
                raise InvalidRequest("InvalidInput", text) from None
            yield entry

    def _none(self, why: str) -> InvalidRequest:
        return InvalidRequest("InvalidInput", f"{self.name} is not a journal: {why}")


def _file_lines(path: Path) -> Iterator[bytes]:
    try:
        with path.open("rb") as file:
            yield from file
    except (OSError, ValueError) as error:  # no system opens a name with a zero in it
        why = getattr(error, "strerror", error)
        raise NotFound("FileNotFound", f"{str(path)!r} cannot be read: {why}") from None


def _as_bytes(lines: Iterable[str | bytes]) -> Iterator[bytes]:
    return (line.encode() if isinstance(line, str) else line for line in lines)


def read(path: Path) -> tuple[Settings, list[tuple[float, Input]]]:
    """Read a journal: the core's settings, and each input with its time; as `Reading` does."""
    reading = Reading(path)
    return reading.settings, list(reading)


def replay(path: Path) -> tuple[Core, list[Step]]:
    """Live a journal again: the core at its end, and what each input led to."""
    settings, inputs = read(path)
    core, steps = Core(settings), []
    for now, item in inputs:
        try:
            steps.append(core.handle(now, item))
        except BatchError:
            if not isinstance(item, Request):
                raise
            steps.append(Step([], []))
    return core, steps
