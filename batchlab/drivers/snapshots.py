"""The folder of a durable lab: what is in it, and the state that follows from it.

::

    lab.json                   which lab this is
    lock                       who has it (`journal_lock`)
    snapshot-000004            the state before the inputs of the fourth segment
    segment-000004.jsonl       inputs, as in any journal
    segment-000005.jsonl       the last segment: the lab writes here
    work                       where it works on the scheduler's machine
    storage/                   the lab's data, unless it is elsewhere
    earlier/                   what was here before ``fresh=True``
    moving                     where what is here is being moved

A snapshot and the segments from its number on give the state: `recover`. That is a pure function,
so another process can compute the next snapshot from closed segments (`compact`), while the lab
goes on. It counts from when it is renamed into place; only then, what it replaces is deleted. So a
crash at any moment leaves everything that is needed.

Run as a program, with a folder and the number of the last closed segment, this module compacts.
"""

from __future__ import annotations

import contextlib
import gc
import os
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path

import msgspec

from batchlab.core.machine import Core
from batchlab.core.messages.inputs import Input, Request
from batchlab.drivers.freezing import Unreadable, freeze, thaw
from batchlab.drivers.journal import Reading
from batchlab.drivers.journal_lock import brief_lock
from batchlab.errors import BatchError, InvalidRequest, NotFound
from batchlab.version import __version__

__all__ = [
    "FolderReading",
    "Recovered",
    "compact",
    "recover",
    "segment",
    "segments",
    "sync_folder",
]

_HEAD = b"batchlab snapshot of "


class Recovered(msgspec.Struct):
    """The state that a folder leads to.

    Parameters
    ----------
    core : Core
    last : int
        The number of the last segment.
    inputs : int
        How many inputs came after the snapshot.
    """

    core: Core
    last: int
    inputs: int


def segment(folder: Path, number: int) -> Path:
    """The path of a segment."""
    return folder / f"segment-{number:06}.jsonl"


def snapshot(folder: Path, number: int) -> Path:
    """The path of a snapshot."""
    return folder / f"snapshot-{number:06}"


def segments(folder: Path) -> list[int]:
    """The numbers of all segments, in order."""
    return _numbers(folder, "segment-*.jsonl")


def _numbers(folder: Path, pattern: str) -> list[int]:
    names = [path.name.partition("-")[2].partition(".")[0] for path in folder.glob(pattern)]
    return sorted(int(name) for name in names if name.isdigit())


def recover(folder: Path, until: int | None = None) -> Recovered | None:
    """Compute the state after the last segment, or after the segment `until`; None if none began.

    An incomplete end of the last segment, from a crash while writing, is cut off: nothing of it
    was acknowledged.

    Raises
    ------
    InvalidRequest
        ``InvalidInput``: something is damaged, missing, or of another version of batchlab.
    """
    collecting = gc.isenabled()
    gc.disable()  # searching for cycles would take longer than everything else
    try:
        return _recover(folder, until)
    finally:
        if collecting:
            gc.enable()


def _recover(folder: Path, until: int | None) -> Recovered | None:
    found = segments(folder)
    if until is None and found and not _cut(segment(folder, found[-1])):
        segment(folder, found.pop()).unlink()
    core, first = None, 1
    for number in reversed(_numbers(folder, "snapshot-??????")):
        if until is None or number <= until:
            core, first = _read_snapshot(snapshot(folder, number)), number
            break
    last = max(found, default=first - 1) if until is None else until
    missing = [n for n in range(first, last + 1) if n not in found]
    if core is None and not last:
        return None
    if missing:
        raise InvalidRequest("InvalidInput", f"{segment(folder, missing[0])} is missing")
    inputs = 0
    for number in range(first, last + 1):
        path = segment(folder, number)
        reading = Reading(path)
        core = core or Core(reading.settings)
        for now, item in reading:
            inputs += 1
            try:
                core.handle(now, item)
            except BatchError:
                if not isinstance(item, Request):
                    raise
            except Exception as error:
                text = (
                    f"line {reading.line} of {path} made batchlab fail: "
                    f"{type(error).__name__}: {error}"
                )
                raise InvalidRequest("InvalidInput", text) from error
    assert core is not None  # there is a snapshot or a segment
    return Recovered(core, last, inputs)


class FolderReading:
    """The folder of a durable lab being read, from its last snapshot on; see `Reading`."""

    def __init__(self, folder: Path) -> None:
        self.line = 0
        self.cut = False
        self._folder = folder
        snapshots, found = _numbers(folder, "snapshot-??????"), segments(folder)
        if not found:
            raise NotFound("FileNotFound", f"there is no journal in {str(folder)!r}")
        self._first = max(snapshots, default=0)
        self._segments = [number for number in found if number >= self._first]

    def begin(self) -> Core:
        """The service before the first input."""
        if self._first:
            return _read_snapshot(snapshot(self._folder, self._first))
        return Reading(segment(self._folder, 1)).begin()

    def __iter__(self) -> Iterator[tuple[float, Input]]:
        for number in self._segments:
            reading = Reading(segment(self._folder, number))
            for entry in reading:
                self.line += 1
                yield entry
            self.cut = reading.cut


def _cut(path: Path) -> bool:
    """Remove what a crash left at the end of a segment: an incomplete line, or blocks of zeros.

    A complete line that this batchlab cannot read is left alone: it is damaged, or from a later
    version. Returns whether the first line is complete.
    """
    data = path.read_bytes()
    end = len(data)
    while end:
        begin = data.rfind(b"\n", 0, end - 1) + 1
        if begin == 0 or (data[end - 1 : end] == b"\n" and _is_whole(data[begin:end])):
            break
        end = begin
    if end < len(data):
        os.truncate(path, end)
    return b"\n" in data


def _is_whole(line: bytes) -> bool:
    try:
        msgspec.json.decode(line)
    except msgspec.MsgspecError:
        return False
    return True


def _read_snapshot(path: Path) -> Core:
    head, _, frozen = path.read_bytes().partition(b"\n")
    version, _, digest = head.removeprefix(_HEAD).partition(b" ")
    why = ""
    if not head.startswith(_HEAD) or digest != _digest(frozen):
        why = "it is damaged"
    else:
        try:
            return thaw(frozen)
        except Unreadable as error:
            why = f"it is of batchlab {version.decode()}, this is batchlab {__version__}: {error}"
    raise InvalidRequest("InvalidInput", f"{path} cannot be read: {why}")


def _digest(frozen: bytes) -> bytes:
    return b"%08x" % zlib.crc32(frozen)


def compact(folder: Path, until: int) -> None:
    """Replace the segments up to a closed one, and the snapshot before them, by a new snapshot."""
    found = recover(folder, until)
    assert found is not None
    frozen = freeze(found.core)
    target = snapshot(folder, until + 1)
    temporary = folder / f"snapshot.tmp{os.getpid()}"
    try:
        with open(temporary, "xb", opener=_private) as file:
            file.write(_HEAD + __version__.encode() + b" " + _digest(frozen) + b"\n")
            file.write(frozen)
            file.flush()
            os.fsync(file.fileno())
        with brief_lock(folder):
            temporary.rename(target)
            sync_folder(folder)
            _sweep(folder, until)
    finally:
        temporary.unlink(missing_ok=True)


def _sweep(folder: Path, until: int) -> None:
    for number in segments(folder):
        if number <= until:
            segment(folder, number).unlink(missing_ok=True)
    for number in _numbers(folder, "snapshot-??????"):
        if number <= until:
            snapshot(folder, number).unlink(missing_ok=True)


def sync_folder(folder: Path) -> None:
    """Have the disk keep the names in a folder."""
    number = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        with contextlib.suppress(OSError):  # some file systems cannot
            os.fsync(number)
    finally:
        os.close(number)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_CLOEXEC, 0o600)


if __name__ == "__main__":
    with contextlib.suppress(AttributeError, OSError):
        os.nice(19)
    compact(Path(sys.argv[1]), int(sys.argv[2]))
