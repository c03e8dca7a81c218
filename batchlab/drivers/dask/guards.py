"""What a process that hosts nodes keeps for its watchdog: folders, sessions, deadlines.

The watchdog (`batchlab.drivers.dask.watchdog`) is started with the first folder that it guards,
and ends with the last. If it is killed before, another one is started at once, with all that the
first one knew.
"""

from __future__ import annotations

import atexit
import contextlib
import mmap
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable

from batchlab.drivers.dask import watchdog

__all__ = ["Deadline", "SessionTable", "dismiss", "enter_session", "guard",
           "session_table"]  # fmt: skip


RETRY_S = 1.0
_WATCH = """
import os, sys
sys.path.append(os.path.dirname(sys.argv[1]))
import watchdog
watchdog.watch()
"""
"""Imports the watchdog, which is faster than to run its file, as it may be compiled already."""


class SessionTable:
    """Running sessions and the deadlines of nodes, in memory shared with the watchdog."""

    def __init__(self) -> None:
        self.file = tempfile.TemporaryFile()  # noqa: SIM115 - for the next watchdog, too
        os.truncate(self.file.fileno(), watchdog.TABLE_BYTES)
        view = memoryview(mmap.mmap(self.file.fileno(), watchdog.TABLE_BYTES))
        self._sessions = view[: watchdog.SESSION_BYTES].cast("i")
        self.deadlines = view[watchdog.SESSION_BYTES :].cast("d")
        self._free = list(range(watchdog.SESSIONS))
        self.free_deadlines = list(range(1, watchdog.DEADLINES))  # 0: none
        self.places: dict[str, int] = {}  # of the deadlines, by folder
        self.lines: dict[str, str] = {}  # what the watchdog knows of them

    def enter(self, session: int, folder: str) -> Callable[[], None]:
        """Record a session; call the result to remove it."""
        place = self.reserve(self.places.get(folder, 0))
        if place is None:  # the table is full: the mark must be enough
            return lambda: None
        self.note(place, session)
        return lambda: self.free(place)

    def reserve(self, deadline: int) -> int | None:
        """Return a place for a session of a node with this deadline; None if there is none."""
        try:
            place = self._free.pop()
        except IndexError:
            return None
        self._sessions[2 * place + 1] = deadline
        return place

    def note(self, place: int, session: int) -> None:
        """Record a session at a reserved place."""
        self._sessions[2 * place] = session

    def session(self, place: int) -> int:
        """Return the session at a place; 0 if there is none."""
        return self._sessions[2 * place]

    def free(self, place: int) -> None:
        """Remove a session; its place may be reserved again."""
        self._sessions[2 * place] = 0
        self._free.append(place)


class Deadline:
    """The moment at which the watchdog kills the runs of a guarded node.

    Parameters
    ----------
    folder : str
        The node's root.
    until : float
        When, on the monotonic clock.
    """

    def __init__(self, folder: str, until: float) -> None:
        self._folder = folder
        with _lock:
            self._table = _sessions if _sessions and _sessions.free_deadlines else None
            self._place = self._table.free_deadlines.pop() if self._table else 0
            if self._table is not None:
                self._table.places[folder] = self._place
                self._table.deadlines[2 * self._place + 1] = 0.0
                self.extend(until)
                self._table.lines[folder] = f"deadline {self._place} - {os.fsencode(folder).hex()}"
                _tell(self._table.lines[folder])

    @property
    def struck(self) -> bool:
        """Whether the watchdog has begun to kill the runs."""
        return self._table is not None and self._table.deadlines[2 * self._place + 1] > 0

    def extend(self, until: float) -> None:
        """Move the deadline on."""
        if self._table is not None:
            self._table.deadlines[2 * self._place] = until

    def give_back(self) -> None:
        """Remove the deadline: nothing runs there any more."""
        with _lock:
            if self._table is not None:
                self._table.deadlines[2 * self._place] = 0.0
                self._table.places.pop(self._folder, None)
                self._table.lines.pop(self._folder, None)
                self._table.free_deadlines.append(self._place)
                self._table = None


_lock = threading.Lock()
_guarded: dict[str, str] = {}  # what the watchdog knows, by folder
_watchdog: subprocess.Popen[bytes] | None = None
_sessions: SessionTable | None = None


def guard(folder: str, *, grace: bool = False, owner: str = "") -> None:
    """Delete a folder, and kill all processes of its nodes, when this process dies.

    Parameters
    ----------
    folder : str
        A lab's folder or a node's root.
    grace : bool, default False
        Keep the folder for `GRACE_S` seconds, and permanently if its `owner_file` has changed.
    owner : str
        The contents of the owner file while the folder is ours.
    """
    with _lock:
        if folder in _guarded or os.path.dirname(folder) in _guarded:
            return
        grace_s = watchdog.GRACE_S if grace else 0
        line = f"guard {grace_s} {owner or '-'} {os.fsencode(folder).hex()}"
        _tell(line)
        _guarded[folder] = line


def dismiss(folder: str) -> None:
    """Stop guarding a folder. Harmless if it is not guarded."""
    with _lock:
        if folder in _guarded:
            del _guarded[folder]
            if _guarded:
                _tell(f"dismiss 0 - {os.fsencode(folder).hex()}")
            else:
                _end()


def enter_session(session: int, folder: str = "") -> Callable[[], None]:
    """Record a running session of a node for the watchdog; call the result before it is reaped."""
    table = _sessions
    return table.enter(session, folder) if table is not None else lambda: None


def session_table() -> SessionTable | None:
    """Return the running sessions, in a file that other processes can map; None if no folder is
    guarded."""
    return _sessions


def _tell(line: str) -> None:
    global _watchdog, _sessions  # noqa: PLW0603
    if _watchdog is None:
        table = SessionTable()
        try:
            _watchdog = _start(table)
        except BaseException:
            table.file.close()
            raise
        _sessions = table
    _say(_watchdog, line)


def _say(process: subprocess.Popen[bytes], line: str) -> None:
    assert process.stdin is not None
    with contextlib.suppress(BrokenPipeError):
        process.stdin.write(line.encode() + b"\n")
        process.stdin.flush()


def _start(table: SessionTable) -> subprocess.Popen[bytes]:
    number = table.file.fileno()
    process = subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", _WATCH, watchdog.__file__, str(number)],
        pass_fds=[number],
        stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        start_new_session=True, cwd="/",
    )  # fmt: skip
    threading.Thread(
        target=_replace, args=(process, table), name="batchlab-watchdog", daemon=True
    ).start()
    return process


def _replace(process: subprocess.Popen[bytes], table: SessionTable) -> None:
    """Start another watchdog if this one ends too early."""
    global _watchdog  # noqa: PLW0603
    process.wait()
    while True:
        with _lock:
            if _watchdog is not process:
                return  # it was to end
            assert process.stdin is not None
            with contextlib.suppress(OSError):
                process.stdin.close()
            try:
                _watchdog = _start(table)
            except OSError:  # the machine is full: later, then
                pass
            else:
                for line in (*_guarded.values(), *table.lines.values()):
                    _say(_watchdog, line)
                return
        time.sleep(RETRY_S)


def _end() -> None:
    global _watchdog, _sessions
    process, _watchdog, table, _sessions = _watchdog, None, _sessions, None
    if table is not None:
        table.file.close()
    if process is not None and process.stdin is not None:
        with contextlib.suppress(BrokenPipeError):
            process.stdin.write(b"end 0 - 00\n")
            process.stdin.close()
        try:
            process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _forget() -> None:
    """Close the pipe: a forked child's copy would hide its parent's death, and the watchdog
    treats an ordinary exit like any other. Python must not warn about the process."""
    global _watchdog, _lock, _sessions
    (
        process,
        _watchdog,
        _lock,
    ) = _watchdog, None, threading.Lock()
    table, _sessions = _sessions, None
    _guarded.clear()
    if table is not None:
        table.file.close()
    if process is not None and process.stdin is not None:
        with contextlib.suppress(OSError):
            process.stdin.close()
        process.returncode = 0  # no one waits for it, or only its parent


os.register_at_fork(after_in_child=_forget)
atexit.register(_forget)
