"""The inputs of a lab, one JSON line each: enough to live its whole history again.

Line 1 names the format and the core's settings; every further line is ``[now, input]``. A core
that is fed the same lines gives the same commands, whatever the machine.
"""

from __future__ import annotations

import os
from functools import reduce
from operator import or_
from pathlib import Path
from typing import Any

import msgspec

from batchlab.core.inputs import REPORTS, REQUESTS, Input, Request
from batchlab.core.machine import Core, Settings
from batchlab.core.outputs import Step
from batchlab.errors import BatchError, InvalidRequest, NotFound

__all__ = ["Journal", "read", "replay"]

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
    """

    def __init__(self, path: Path, settings: Settings) -> None:
        self.path = path
        self.kept = False
        path.parent.mkdir(parents=True, exist_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
        self._file = os.fdopen(os.open(path, flags, 0o600), "wb")  # it tells of all environments
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


def read(path: Path) -> tuple[Settings, list[tuple[float, Input]]]:
    """Read a journal: the core's settings, and each input with its time.

    A last line that was cut, because its lab was killed while it wrote, is left out.

    Raises
    ------
    NotFound
        ``FileNotFound``.
    InvalidRequest
        ``InvalidInput``: not a journal, of another version, or damaged.
    """
    try:
        lines = path.read_bytes().splitlines(keepends=True)
    except OSError as error:
        raise NotFound("FileNotFound", f"{path} cannot be read: {error.strerror}") from None
    if lines and not lines[-1].endswith(b"\n"):
        lines.pop()
    try:
        header = msgspec.json.decode(lines[0] if lines else b"", type=Header)
        inputs = [_decoder.decode(line) for line in lines[1:]]
    except msgspec.MsgspecError as error:
        raise InvalidRequest("InvalidInput", f"{path} is not a journal: {error}") from None
    if header.batchlab_journal != VERSION:
        raise InvalidRequest(
            "InvalidInput",
            f"{path} is a journal of version {header.batchlab_journal}; this batchlab reads "
            f"version {VERSION}",
        )
    return header.settings, inputs


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
