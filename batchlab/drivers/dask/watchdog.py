"""The watchdog: nothing is left behind, however a process that hosts nodes dies.

Every process of a run has its node's root directory in its environment
(``AZ_BATCH_NODE_ROOT_DIR``, which no user can set), so it can be found even if it moved to another
session or became a child of init. A process that hosts nodes keeps one *watchdog*: this file, run
as a separate program in its own session, holding the end of a pipe. When the pipe closes, the
parent is dead, whatever the signal. The watchdog then kills all processes marked with a guarded
folder and deletes the folder: immediately or, if the node may return under the same name, after a
grace period, unless the folder's `owner` file shows that it has returned.

A command that clears its environment (``env -i``) loses the mark, but not its session, nor its
user if that was created for the node (see `users`). The sessions of running commands are in a
table in shared memory, so recording one costs nothing.

Because the watchdog must start fast and must not depend on anything, this file imports only the
standard library, and nothing of batchlab.
"""

from __future__ import annotations

import atexit
import contextlib
import mmap
import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Collection, Iterator
from pathlib import Path

__all__ = ["USERS_FILE", "dismiss", "enter_session", "guard", "kill_marked", "kill_users",
           "owner_file", "remove_tree", "socket_file", "users_below"]  # fmt: skip

ROOT_MARK = b"AZ_BATCH_NODE_ROOT_DIR="
USERS_FILE = "/var/run/batchlab-users"
"""The user IDs that nodes have taken: see `batchlab.drivers.dask.users`."""
GRACE_S = 30.0
"""How long the folder of a node is kept after its process died, if the node may return."""

_POLL_S = 0.2
_ROUNDS = 200
_TABLE_BYTES = 4 * 4096


# -- what both sides use ------------------------------------------------------------------------


def kill_marked(mark: bytes, *, below: bool = False, sessions: Collection[int] = ()) -> int:
    """Kill all processes with a variable in their environment, until none is found.

    Parameters
    ----------
    mark : bytes
        ``NAME=value``; with `below`, any value that continues this with a slash.
    sessions : collection of int, optional
        Sessions whose processes are also killed, as they may have cleared their environment.

    Returns
    -------
    int
        Number of killed processes.
    """
    needle = b"\0" + mark + (b"/" if below else b"\0")
    return _kill_while(
        lambda: [
            pid
            for pid, environ in _environments()
            if needle in environ or (sessions and _live_session(pid) in sessions)
        ]
    )


def users_below(folder: str) -> set[int]:
    """Return the IDs of the users that were created for a folder, and for folders in it."""
    try:
        rows = Path(USERS_FILE).read_text(encoding="ascii").splitlines()[1:]
    except OSError:
        return set()
    found = set()
    for row in rows:
        number, name, _ = row.split(" ")
        path = os.fsdecode(bytes.fromhex(name))
        if path == folder or path.startswith(f"{folder}/"):
            found.add(int(number))
    return found


def kill_users(numbers: Collection[int]) -> None:
    """Kill all processes of these users, until none is found."""
    if numbers:
        _kill_while(lambda: [pid for pid in _process_ids() if _live_user(pid) in numbers])


def _kill_while(look: Callable[[], list[int]]) -> int:
    """Kill the processes that `look` finds, until it finds none; return their number."""
    killed: set[int] = set()
    for _ in range(_ROUNDS):
        found = look()
        if not found:
            break
        for pid in found:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        killed.update(found)
        time.sleep(0.002)
    return len(killed)


def _process_ids() -> list[int]:
    """Return all processes but this one; none if there is no /proc."""
    try:
        names = os.listdir("/proc")
    except OSError:
        return []
    return [int(name) for name in names if name.isdigit() and int(name) != os.getpid()]


def _live_user(pid: int) -> int:
    """Return the user of a process, or -1 if it is only waiting to be reaped."""
    try:
        with open(f"/proc/{pid}/status", "rb", buffering=0) as file:
            lines = dict(line.split(b":", 1) for line in file.read().splitlines() if b":" in line)
        return -1 if lines[b"State"].split()[0] in b"ZX" else int(lines[b"Uid"].split()[0])
    except (OSError, LookupError, ValueError):
        return -1


def _live_session(pid: int) -> int:
    """Return the session of a process, or 0 if it is only waiting to be reaped."""
    try:
        with open(f"/proc/{pid}/stat", "rb", buffering=0) as file:
            fields = (file.read() or b"").rpartition(b")")[2].split()
    except OSError:
        return 0
    return 0 if len(fields) < 4 or fields[0] in b"ZX" else int(fields[3])


def _environments() -> Iterator[tuple[int, bytes]]:
    """Yield the processes with a readable environment; each variable is between two NULs."""
    pids = _process_ids()
    if not pids:
        yield from _environments_by_ps()
    for pid in pids:
        try:
            with open(f"/proc/{pid}/environ", "rb", buffering=0) as file:
                yield pid, b"\0" + (file.read() or b"") + b"\0"
        except OSError:
            continue


def _environments_by_ps() -> Iterator[tuple[int, bytes]]:
    listing = subprocess.run(
        ["ps", "-axww", "-E", "-o", "pid=,command="],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False,
    )  # fmt: skip
    for line in listing.stdout.splitlines():
        pid, _, rest = line.strip().partition(b" ")
        if pid.isdigit() and int(pid) != os.getpid():
            yield int(pid), b"\0" + rest.replace(b" ", b"\0") + b"\0"


def remove_tree(path: str) -> None:
    """Delete a directory and its contents, as far as possible; never raises."""

    def unlock(function: Callable[[str], None], name: str, _: object) -> None:
        """Restore permissions that a task may have removed, and try again."""
        if os.geteuid() == 0:
            return  # permissions do not stop root, and a link could mislead it
        with contextlib.suppress(OSError):
            for place in (os.path.dirname(name), name):
                if not os.path.islink(place):
                    os.chmod(place, stat.S_IRWXU)
            if function in (os.unlink, os.rmdir):
                function(name)
            else:
                shutil.rmtree(name, ignore_errors=True)

    if os.path.islink(path):
        with contextlib.suppress(OSError):
            os.unlink(path)
        return
    shutil.rmtree(path, onerror=unlock)


def owner_file(folder: str) -> str:
    """Return the file that names the process that owns a node's folder."""
    parent, name = os.path.split(folder)
    return f"{parent}/.{name}.owner"


def socket_file(folder: str) -> str:
    """Return the Unix socket through which the tasks of a node reach their service."""
    parent, name = os.path.split(folder)
    return f"{parent}/.{name}.sock"


# -- the side of the process that hosts nodes ---------------------------------------------------


class _Table:
    """IDs of running sessions, in memory shared with the watchdog."""

    def __init__(self, file: int) -> None:
        os.truncate(file, _TABLE_BYTES)
        self._map = mmap.mmap(file, _TABLE_BYTES)
        self._places = memoryview(self._map).cast("i")
        self._free = list(range(len(self._places)))

    def enter(self, session: int) -> Callable[[], None]:
        """Record a session; call the result to remove it."""
        try:
            place = self._free.pop()
        except IndexError:  # the table is full: the mark must be enough
            return lambda: None
        self._places[place] = session

        def strike() -> None:
            self._places[place] = 0
            self._free.append(place)

        return strike


_lock = threading.Lock()
_guarded: set[str] = set()
_watchdog: subprocess.Popen[bytes] | None = None
_sessions: _Table | None = None


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
        _guarded.add(folder)
        _tell(f"guard {GRACE_S if grace else 0} {owner or '-'} {os.fsencode(folder).hex()}")


def dismiss(folder: str) -> None:
    """Stop guarding a folder. Harmless if it is not guarded."""
    with _lock:
        if folder in _guarded:
            _guarded.discard(folder)
            if _guarded:
                _tell(f"dismiss 0 - {os.fsencode(folder).hex()}")
            else:
                _end()


def enter_session(session: int) -> Callable[[], None]:
    """Record a running session for the watchdog; call the result before it is reaped."""
    table = _sessions
    return table.enter(session) if table is not None else lambda: None


def _tell(line: str) -> None:
    global _watchdog, _sessions  # noqa: PLW0603
    if _watchdog is None:
        with tempfile.TemporaryFile() as file:
            number = file.fileno()
            _sessions = _Table(number)
            _watchdog = subprocess.Popen(
                [sys.executable, "-I", "-S", __file__, str(number)], pass_fds=[number],
                stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                start_new_session=True, cwd="/",
            )  # fmt: skip
    assert _watchdog.stdin is not None
    with contextlib.suppress(BrokenPipeError):
        _watchdog.stdin.write(line.encode() + b"\n")
        _watchdog.stdin.flush()


def _end() -> None:
    global _watchdog, _sessions
    watchdog, _watchdog, _sessions = _watchdog, None, None
    if watchdog is not None and watchdog.stdin is not None:
        with contextlib.suppress(BrokenPipeError):
            watchdog.stdin.write(b"end 0 - 00\n")
            watchdog.stdin.close()
        try:
            watchdog.wait(timeout=5)
        except subprocess.TimeoutExpired:
            watchdog.kill()
            watchdog.wait()


def _forget() -> None:
    """Close the pipe: a forked child's copy would hide its parent's death, and the watchdog
    treats an ordinary exit like any other. Python must not warn about the process."""
    global _watchdog, _lock, _sessions
    watchdog, _watchdog, _lock, _sessions = _watchdog, None, threading.Lock(), None
    _guarded.clear()
    if watchdog is not None and watchdog.stdin is not None:
        with contextlib.suppress(OSError):
            watchdog.stdin.close()
        watchdog.returncode = 0  # no one waits for it, or only its parent


# -- the watchdog -------------------------------------------------------------------------------


def _watch() -> None:
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    folders: dict[str, tuple[float, str]] = {}
    for line in sys.stdin.buffer:
        verb, grace, owner, name = line.decode().split()
        folder = os.fsdecode(bytes.fromhex(name))
        if verb == "guard":
            folders[folder] = (float(grace), owner)
        elif verb == "dismiss":
            folders.pop(folder, None)
        else:
            return
    _sweep(folders)


def _sweep(folders: dict[str, tuple[float, str]]) -> None:
    died = time.monotonic()
    _kill_sessions()
    for folder in folders:
        _kill_nodes(folder)
    while folders:
        for folder, (grace, owner) in list(folders.items()):
            if grace and _owner(folder) != owner:
                del folders[folder]
            elif time.monotonic() - died >= grace:
                del folders[folder]
                _remove(folder)
        if folders:
            time.sleep(_POLL_S)


def _kill_sessions() -> None:
    with mmap.mmap(int(sys.argv[1]), _TABLE_BYTES, access=mmap.ACCESS_READ) as table:
        sessions = {number for number in memoryview(table).cast("i").tolist() if number}
    for session in sessions:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(session, signal.SIGKILL)
    if sessions:
        kill_marked(b"=", sessions=sessions)


def _kill_nodes(folder: str) -> None:
    mark = ROOT_MARK + os.fsencode(folder)
    kill_marked(mark, below=True)
    kill_marked(mark)
    kill_users(users_below(folder))


def _owner(folder: str) -> str:
    try:
        return Path(owner_file(folder)).read_text(encoding="utf-8")
    except OSError:
        return ""


def _remove(folder: str) -> None:
    """Delete a folder, although a dying worker process may still write to it."""
    for _ in range(20):
        remove_tree(folder)
        _kill_nodes(folder)
        if not os.path.lexists(folder):
            break
        time.sleep(0.05)
    for path in (owner_file(folder), socket_file(folder)):
        with contextlib.suppress(OSError):
            os.unlink(path)
    lab, name = os.path.split(folder)
    if os.path.basename(lab).startswith("batchlab-") and not name.startswith("batchlab-"):
        with contextlib.suppress(OSError):  # other nodes of the lab still exist
            os.rmdir(lab)


if __name__ == "__main__":
    _watch()
else:
    os.register_at_fork(after_in_child=_forget)
    atexit.register(_forget)
