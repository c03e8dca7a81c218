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
table in shared memory, so recording one costs nothing. On Linux, a command also has a limit that
means nothing, as it would take thousands of years to reach it, but that all its processes inherit:
how long a real-time process may run. Its bits name the lab, the node and the run. A `spawner` sets
it before the command executes; otherwise, what escapes in the milliseconds after that is lost.

Beside them are deadlines: a node that runs on a `lease` moves its own on again and again, and when
one passes, because the node has lost its host or is frozen, the watchdog kills the runs of that
node. It looks only when a deadline that it knows has passed, so an idle node costs nothing.

Because the watchdog must start fast and must not depend on anything, this file imports only the
standard library, and nothing of batchlab: at first the little that it needs to wait, as a machine
may start many nodes at once.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import resource
import select
import signal
import sys
import time
import zlib
from collections.abc import Callable, Collection, Iterator
from importlib import import_module

__all__ = ["DEADLINES", "GRACE_S", "ROOT_MARK", "SESSIONS", "SESSION_BYTES", "SPAWNER",
           "TABLE_BYTES", "USERS_FILE", "clear_away", "engine_file", "kill_marked", "kill_users",
           "kin_of", "mark_kin", "owner_file", "socket_file", "users_below",
           "watch"]  # fmt: skip

ROOT_MARK = b"AZ_BATCH_NODE_ROOT_DIR="
USERS_FILE = "/var/run/batchlab-users"
"""The user IDs that nodes have taken: see `batchlab.drivers.dask.users`."""
GRACE_S = 30.0
"""How long the folder of a node is kept after its process died, if the node may return."""

_POLL_S = 0.2
_ROUNDS = 200
SESSIONS = 4096
DEADLINES = 512
SPAWNER = -1
SESSION_BYTES = 2 * 4 * SESSIONS  # the session, and the place of its node's deadline or `SPAWNER`
TABLE_BYTES = SESSION_BYTES + 2 * 8 * DEADLINES  # when it is, and whether it has passed
LAB_BITS, NODE_BITS, RUN_BITS = 20, 24, 16  # with a bit in front, 61: most of microseconds
LATE_S = 1.0
"""How long after a deadline the watchdog kills the runs, unless the node itself has done so."""


# -- what both sides use ------------------------------------------------------------------------


def kill_marked(
    mark: bytes, *, below: bool = False, sessions: Collection[int] = (), kin: range = range(0)
) -> int:
    """Kill all processes with a variable in their environment, until none is found.

    Parameters
    ----------
    mark : bytes
        ``NAME=value``; with `below`, any value that continues this with a slash.
    sessions : collection of int, optional
        Sessions whose processes are also killed, as they may have cleared their environment.
    kin : range, optional
        From `kin_of`: what has cleared its environment is also killed if it is one of these.

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
            if needle in environ
            or (sessions and _live_session(pid) in sessions)
            or (kin and ROOT_MARK not in environ and _kinship(pid) in kin and _live_session(pid))
        ]
    )


def kin_of(folder: str, directory: str | None = None, *, below: bool = False) -> range:
    """Return the limits of processes: of a node's run, of a node or, with `below`, of its lab.

    Parameters
    ----------
    folder : str
        The node's root or, with `below`, the lab's folder.
    directory : str, optional
        The run's directory.
    below : bool, default False
        Whether all nodes in the folder are meant.
    """
    lab = folder if below else os.path.dirname(folder)
    number = (1 << LAB_BITS) | _hash(lab, LAB_BITS)
    number = number << NODE_BITS | (0 if below else _hash(folder, NODE_BITS))
    first = number << RUN_BITS
    if directory is not None:
        first |= _hash(directory, RUN_BITS)
        return range(first, first + 1)
    return range(first, first + (1 << (NODE_BITS + RUN_BITS if below else RUN_BITS)))


def mark_kin(pid: int, folder: str, directory: str) -> None:
    """Give a process that has just been spawned the limit of its run, where there is one."""
    if hasattr(resource, "prlimit"):
        (number,) = kin_of(folder, directory)
        with contextlib.suppress(OSError, ValueError):  # it has ended, or has less
            resource.prlimit(pid, resource.RLIMIT_RTTIME, (number, number))


def _hash(text: str, bits: int) -> int:
    return zlib.crc32(os.fsencode(text)) & ((1 << bits) - 1)


def _kinship(pid: int) -> int:
    if not hasattr(resource, "prlimit"):
        return -1
    try:
        return resource.prlimit(pid, resource.RLIMIT_RTTIME)[0]
    except (OSError, ValueError):
        return -1


def users_below(folder: str) -> set[int]:
    """Return the IDs of the users that were created for a folder, and for folders in it."""
    found = set()
    for row in _text(USERS_FILE).splitlines()[1:]:
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
        if not (found := look()):
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
    import subprocess  # noqa: PLC0415 - see above

    listing = subprocess.run(
        ["ps", "-axww", "-E", "-o", "pid=,command="],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False,
    )  # fmt: skip
    for line in listing.stdout.splitlines():
        pid, _, rest = line.strip().partition(b" ")
        if pid.isdigit() and int(pid) != os.getpid():
            yield int(pid), b"\0" + rest.replace(b" ", b"\0") + b"\0"


def owner_file(folder: str) -> str:
    """Return the file that names the process that owns a node's folder."""
    return _beside(folder, "owner")


def socket_file(folder: str) -> str:
    """Return the Unix socket through which the tasks of a node reach their service."""
    return _beside(folder, "sock")


def engine_file(folder: str) -> str:
    """Return the file that has the path of the engine that ran containers of a node."""
    return _beside(folder, "engine")


def _beside(folder: str, kind: str) -> str:
    parent, name = os.path.split(folder)
    return f"{parent}/.{name}.{kind}"


# -- the watchdog -------------------------------------------------------------------------------


def watch() -> None:
    """Be the watchdog: guard what the parent says, until it ends."""
    for ignored in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
        signal.signal(ignored, signal.SIG_IGN)
    table = memoryview(mmap.mmap(int(sys.argv[2]), TABLE_BYTES))
    folders: dict[str, tuple[float, str]] = {}
    nodes: dict[int, str] = {}
    for line in _lines(lambda: _strike(table, nodes)):
        verb, number, owner, name = line.decode().split()
        folder = os.fsdecode(bytes.fromhex(name))
        if verb == "guard":
            folders[folder] = (float(number), owner)
        elif verb == "deadline":
            nodes[int(number)] = folder
        elif verb == "dismiss":
            folders.pop(folder, None)
        else:
            return
    _sweep(table, folders)


def _lines(pause: Callable[[], float | None]) -> Iterator[bytes]:
    """Yield the parent's lines until it ends; before each wait, `pause` says how long at most."""
    rest = b""
    while True:
        if not select.select([sys.stdin.fileno()], [], [], pause())[0]:
            continue
        if not (data := os.read(sys.stdin.fileno(), 2**16)):
            return
        *lines, rest = (rest + data).split(b"\n")
        yield from lines


def _strike(table: memoryview, nodes: dict[int, str]) -> float | None:
    """Kill the runs of nodes whose deadline has passed; return how long to wait for the next."""
    deadlines = table[SESSION_BYTES:].cast("d")
    waits = []
    for place, folder in nodes.items():
        until, struck = deadlines[2 * place], deadlines[2 * place + 1]
        if not until or struck:
            continue
        left = until + LATE_S - time.monotonic()
        if left > 0:
            waits.append(left)
            continue
        deadlines[2 * place + 1] = 1.0  # first: the node must not report what comes of it
        _kill_sessions(table, place)
        _kill_nodes(folder)
    return min(waits, default=None)


def _sweep(table: memoryview, folders: dict[str, tuple[float, str]]) -> None:
    died = time.monotonic()
    for place in (SPAWNER, None):  # no spawner may begin anything after the rest was killed
        _kill_sessions(table, place)
    for folder in folders:
        _kill_nodes(folder)
    while folders:
        for folder, (grace, owner) in list(folders.items()):
            if grace and _text(owner_file(folder)) != owner:
                del folders[folder]
            elif time.monotonic() - died >= grace:
                del folders[folder]
                clear_away(folder)
        if folders:
            time.sleep(_POLL_S)


def _kill_sessions(table: memoryview, place: int | None = None) -> None:
    """Kill the running sessions, or those of the node with its deadline at this place."""
    rows = table[:SESSION_BYTES].cast("i").tolist()
    sessions = {
        session
        for session, of in zip(rows[::2], rows[1::2], strict=True)
        if session and place in (None, of)
    }
    for session in sessions:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(session, signal.SIGKILL)
    if sessions:
        kill_marked(b"=", sessions=sessions)


def _kill_nodes(folder: str) -> None:
    mark = ROOT_MARK + os.fsencode(folder)
    kill_marked(mark, below=True, kin=kin_of(folder, below=True))
    kill_marked(mark, kin=kin_of(folder))
    kill_users(users_below(folder))
    for path in _engine_files(folder):
        # Rare, so not loaded before. As a program of its own, this file has no package.
        import_module(f"{__package__}.abandoned_containers".lstrip(".")).clear_node(path)


def _engine_files(folder: str) -> list[str]:
    """Those of a node, or of all nodes of a lab."""
    try:
        names = [name for name in os.listdir(folder) if name.endswith(".engine")]
    except OSError:
        names = []
    return [*filter(os.path.exists, [engine_file(folder), *(f"{folder}/{n}" for n in names)])]


def _text(path: str) -> str:
    """The contents of a small file; empty if there is none."""
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except OSError:
        return ""


def clear_away(folder: str) -> None:
    """Delete a folder and kill all processes of its nodes, although these may still write."""
    for _ in range(20):
        import_module(f"{__package__}.removing".lstrip(".")).remove_tree(folder)
        _kill_nodes(folder)
        if not os.path.lexists(folder):
            break
        time.sleep(0.05)
    for path in (owner_file(folder), socket_file(folder), engine_file(folder)):
        with contextlib.suppress(OSError):
            os.unlink(path)
    lab, name = os.path.split(folder)
    if os.path.basename(lab).startswith("batchlab-") and not name.startswith("batchlab-"):
        with contextlib.suppress(OSError):  # other nodes of the lab still exist
            os.rmdir(lab)
