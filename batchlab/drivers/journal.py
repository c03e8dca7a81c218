"""The inputs of a lab, one JSON line each: enough to replay its whole history.

Line 1 has the format's version and the core's settings; every other line is ``[now, input]``. From
the same lines, a core produces the same commands on any machine.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator, Sequence
from functools import reduce
from operator import or_
from pathlib import Path
from typing import Any, Literal, Protocol

import msgspec

from batchlab.core.machine import Core, Settings
from batchlab.core.messages.facts import REPORTS
from batchlab.core.messages.inputs import REQUESTS, Input, Request
from batchlab.core.messages.outputs import Step
from batchlab.core.model.secrets import forget_secret, read_secret
from batchlab.errors import BatchError, InvalidRequest, NotFound

__all__ = [
    "Durability",
    "Journal",
    "JournalFile",
    "Notes",
    "Reading",
    "read",
    "replay",
    "sync",
]

VERSION = 1
Durability = Literal["flush", "fsync"]


class Header(msgspec.Struct, frozen=True, kw_only=True):
    batchlab_journal: int
    settings: Settings


class _EarlierSettings(Settings, frozen=True, kw_only=True):
    """Settings as they are read: a journal without rules was written before there were any."""

    rules: int = 1


class _ReadHeader(msgspec.Struct, frozen=True, kw_only=True):
    batchlab_journal: int
    settings: _EarlierSettings


_ANY_INPUT: Any = reduce(or_, REQUESTS + REPORTS)
_decoder: msgspec.json.Decoder[tuple[float, Input]] = msgspec.json.Decoder(
    tuple[float, _ANY_INPUT], dec_hook=read_secret
)


class Journal(Protocol):
    """Where an engine records its inputs."""

    @property
    def path(self) -> Path:
        """Where it is."""
        ...

    def write(self, entries: Sequence[tuple[float, Input]]) -> None:
        """Record inputs with their times; if this raises `OSError`, none is recorded."""
        ...

    def keep(self) -> Path:
        """Keep what is recorded, also after the lab was closed; return its path."""
        ...

    def close(self) -> None:
        """Stop recording. Can be called twice."""
        ...


class JournalFile:
    """A journal in a file that did not exist. What was written survives this process.

    Parameters
    ----------
    path : Path
    settings : Settings
        The settings of the core.
    durability : {"flush", "fsync"}
        Whether what was written also survives a power cut.

    Raises
    ------
    FileExistsError
        There is such a file.
    OSError
        It cannot be written.
    """

    def __init__(
        self, path: Path, settings: Settings, *, durability: Durability = "flush"
    ) -> None:
        self._path = path
        self._sync = durability == "fsync"
        self._encode = msgspec.json.Encoder(enc_hook=forget_secret).encode
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC
        self._number = os.open(path, flags, 0o600)  # it contains all environment variables
        self.size = 0
        self._torn = False
        try:
            self._append(self._encode(Header(batchlab_journal=VERSION, settings=settings)) + b"\n")
        except OSError:
            self.close()
            path.unlink()
            raise

    @property
    def path(self) -> Path:
        """Where it is."""
        return self._path

    def write(self, entries: Sequence[tuple[float, Input]]) -> None:
        """Record inputs with their times; if this raises `OSError`, none is recorded."""
        if self._number >= 0:
            encode = self._encode
            self._append(b"".join([encode(entry) + b"\n" for entry in entries]))

    def _append(self, data: bytes) -> None:
        try:
            if self._torn:
                self._cut()
            rest = data[os.write(self._number, data) :]
            while rest:
                rest = rest[os.write(self._number, rest) :]
            if self._sync:
                sync(self._number)
        except OSError:
            self._torn = True
            with contextlib.suppress(OSError):  # then before the next inputs
                self._cut()
            raise
        self.size += len(data)

    def _cut(self) -> None:
        """Remove what was written of inputs that are not recorded."""
        os.ftruncate(self._number, self.size)
        self._torn = False

    def keep(self) -> Path:
        """Return its path: it is always kept."""
        return self._path

    def close(self) -> None:
        """Close the file. Can be called twice."""
        if self._number >= 0:
            os.close(self._number)
            self._number = -1


class Notes:
    """A journal that is only read if the lab fails, so a disk that is full does not stop it.

    Parameters
    ----------
    path : Path
        The file; an existing one is replaced.
    settings : Settings
        The settings of the core.
    """

    def __init__(self, path: Path, settings: Settings) -> None:
        self._path = path
        self.kept = False
        self._encode = msgspec.json.Encoder(enc_hook=forget_secret).encode
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
        number = os.open(path, flags, 0o600)  # it contains all environment variables
        self._file = os.fdopen(number, "wb")
        self._file.write(self._encode(Header(batchlab_journal=VERSION, settings=settings)) + b"\n")

    @property
    def path(self) -> Path:
        """Where it is."""
        return self._path

    def write(self, entries: Sequence[tuple[float, Input]]) -> None:
        """Record inputs with their times, until that fails."""
        if self._file.closed:
            return
        try:
            for entry in entries:
                self._file.write(self._encode(entry) + b"\n")
        except OSError:
            self._give_up()

    def keep(self) -> Path:
        """Flush the file, mark it as one to keep, and return its path."""
        try:
            self._file.flush()
        except (OSError, ValueError):  # full, or closed
            self._give_up()
        self.kept = True
        return self._path

    def close(self) -> None:
        """Close the file. Can be called twice."""
        try:
            self._file.close()
        except OSError:
            self._give_up()

    def _give_up(self) -> None:
        with contextlib.suppress(OSError):
            self._file.raw.close()  # what it could not write stays unwritten


def sync(number: int) -> None:
    """Have the disk keep what was written to a file, even if the power fails."""
    getattr(os, "fdatasync", os.fsync)(number)


class Reading:
    """A journal being read: iterate over it to get each input with its time.

    If the lab was killed while writing, the incomplete last line is skipped.

    Parameters
    ----------
    source : Path or sequence of str or bytes
        The file, or its lines.

    Attributes
    ----------
    settings : Settings
        The settings of the core.
    line : int
        The number of the last line read; the first line is 1.
    cut : bool
        Whether an incomplete last line was skipped.

    Raises
    ------
    NotFound
        ``FileNotFound``.
    InvalidRequest
        ``InvalidInput``: not a journal, a journal of another version, or, while reading, a damaged
        line.
    """

    def __init__(self, source: Path | Sequence[str | bytes]) -> None:
        self.name = str(source) if isinstance(source, Path) else "the given text"
        self.line = 1
        self.cut = False
        self._lines = _file_lines(source) if isinstance(source, Path) else _as_bytes(source)
        first = next(self._lines, b"")
        if not first.strip():
            raise self._none("it is empty")
        try:
            header = msgspec.json.decode(first, type=_ReadHeader)
        except msgspec.MsgspecError as error:
            raise self._none(str(error)) from None
        if header.batchlab_journal != VERSION:
            raise InvalidRequest(
                "InvalidInput",
                f"{self.name} is a journal of version {header.batchlab_journal}; this batchlab "
                f"reads version {VERSION}",
            )
        self.settings = Settings(**msgspec.structs.asdict(header.settings))

    def begin(self) -> Core:
        """The service before the first input."""
        return Core(self.settings)

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
                    f"line {self.line} of {self.name} is damaged: {error}; the lines before it "
                    "are valid"
                )
                raise InvalidRequest("InvalidInput", text) from None
            yield entry

    def _none(self, why: str) -> InvalidRequest:
        return InvalidRequest("InvalidInput", f"{self.name} is not a journal: {why}")


def _file_lines(path: Path) -> Iterator[bytes]:
    try:
        with path.open("rb") as file:
            yield from file
    except (OSError, ValueError) as error:  # a name with a null character is a ValueError
        why = getattr(error, "strerror", error)
        raise NotFound("FileNotFound", f"{str(path)!r} cannot be read: {why}") from None


def _as_bytes(lines: Iterable[str | bytes]) -> Iterator[bytes]:
    return (line.encode() if isinstance(line, str) else line for line in lines)


def read(path: Path) -> tuple[Settings, list[tuple[float, Input]]]:
    """Read a whole journal: the core's settings, and each input with its time; see `Reading`."""
    reading = Reading(path)
    return reading.settings, list(reading)


def replay(path: Path) -> tuple[Core, list[Step]]:
    """Replay a journal; return the core at its end, and the result of each input."""
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
