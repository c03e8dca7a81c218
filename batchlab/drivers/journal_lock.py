"""Who has a journal: one process at a time, which holds a lock until it ends, however it ends.

The lock is that of a process (POSIX), so no child that outlives it keeps it. It has one trap: it
is lost when the process closes *any* of its handles of the file. So what this process has is also
noted here, and not opened again; and as it may copy the folder, each writing takes the lock again.
"""

from __future__ import annotations

import contextlib
import errno
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec

from batchlab.core.model.moments import moment
from batchlab.errors import Conflict

try:
    import fcntl
except ImportError:  # not POSIX: only this process is excluded
    fcntl = None  # type: ignore[assignment]

__all__ = ["JournalLock", "brief_lock"]

_lock = threading.Lock()
_ours: set[tuple[int, int]] = set()
"""The folders, by device and number: one may have several names."""


class _Owner(msgspec.Struct, frozen=True):
    host: str
    process: int
    since: float

    def __str__(self) -> str:
        return f"process {self.process} on {self.host}, since {moment(self.since):%Y-%m-%d %H:%M}"


class JournalLock:
    """The lock of a folder, held until `release` or the end of this process.

    Raises
    ------
    Conflict
        ``OperationInvalidForCurrentState``: another lab has the folder.
    """

    def __init__(self, folder: Path) -> None:
        facts = folder.stat()
        self._folder = facts.st_dev, facts.st_ino
        with _lock:
            if self._folder in _ours:
                raise _taken(folder, f"process {os.getpid()}, this one")
            _ours.add(self._folder)
        try:
            self._number = self._take(folder)
        except BaseException:
            _ours.discard(self._folder)
            raise
        owner = _Owner(os.uname().nodename, os.getpid(), time.time())
        with contextlib.suppress(OSError):  # a full disk: the lock itself needs no room
            os.ftruncate(self._number, 0)
            os.pwrite(self._number, msgspec.json.encode(owner), 0)
        self._record = os.pread(self._number, 4096, 0)

    def _take(self, folder: Path) -> int:
        number = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            if fcntl is not None:
                fcntl.lockf(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            owner = _read(number)
            os.close(number)
            raise _taken(folder, str(owner) if owner else "another process") from None
        return number

    def keep(self) -> None:
        """Take the lock again if it was lost, as when this process has copied the folder.

        Raises
        ------
        OSError
            Another process has, or has had it.
        """
        if fcntl is None or self._number < 0:
            return
        with contextlib.suppress(OSError):
            fcntl.lockf(self._number, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.pread(self._number, 4096, 0) == self._record:
                return
        owner = _read(self._number) or "another process"
        raise OSError(errno.EBUSY, f"the lab was opened elsewhere: {owner}")

    def release(self) -> None:
        """Let others have the folder. Can be called twice."""
        if self._number >= 0:
            os.close(self._number)
            self._number = -1
            _ours.discard(self._folder)


@contextlib.contextmanager
def brief_lock(folder: Path) -> Iterator[None]:
    """Hold the lock for files that come and go: the lab's opening, a snapshot's completion."""
    number = os.open(folder / "snapshot.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        if fcntl is not None:
            fcntl.lockf(number, fcntl.LOCK_EX)
        yield
    finally:
        os.close(number)


def _read(number: int) -> _Owner | None:
    try:
        return msgspec.json.decode(os.pread(number, 4096, 0), type=_Owner)
    except (OSError, msgspec.MsgspecError):
        return None


def _taken(folder: Path, owner: str) -> Conflict:
    return Conflict(
        "OperationInvalidForCurrentState",
        f"the lab in {str(folder)!r} is open elsewhere ({owner}): close it there, attach to it if "
        "it is on a cluster, or choose another folder",
    )
