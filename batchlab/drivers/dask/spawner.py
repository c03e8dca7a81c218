"""A spawner: begins the commands of a worker's nodes, and reaps them, in a process of its own.

A worker's process is large and its threads wait for each other; this one is small and has a single
thread, so a command costs little more than its process. Like the watchdog, this file runs as a
program that imports only the standard library. It gets *orders* from its worker over a socket,
many in one message, and answers with *reports*. See `batchlab.drivers.dask.spawners` for the
worker's side.

A command leads its own session. Its number is in the table that the watchdog reads from the moment
it is spawned until just before it is reaped. The limit that marks its run (see `watchdog`) is set
before it executes, as the spawner has it at that moment itself. After a command has ended, it is
not reaped until the rest of its group has been killed. A spawner whose worker has ended kills its
commands and ends, too.

A command that a spawner cannot begin is left to its worker, which tries itself and says why.

A node may have commands *staged*: when one of its others has exited by itself, and nothing is left
to do for it, the next one begins in its place without an answer from the worker, unless its moment
has passed: the node's lease may be over, and the worker not there to notice. A report of that is
not urgent: it is held for at most `HOLD_S`, while the node has more commands staged than are
reported, so that the worker is woken less often.

Messages have four bytes with their length, and a marshalled list. Orders are ``("start", id, node,
place in the table, limit, words, task directory, old logs, environment)``, ``("stage", the last
moment, ...)`` with the same, ``("begin", id)`` and ``("drop", id)`` for one that is staged,
``("kill", id)`` and ``("measure",)``; an empty list asks for an answer. A report is ``(id, exit
code, killed, counters, when, id of the command that has begun in its place)``. Without an exit
code, the command never began: it was killed or dropped before, or it is left to the worker. The
counters are ``(process ID, stat, io)`` if they were asked for.
"""

from __future__ import annotations

import contextlib
import gc
import marshal
import mmap
import os
import resource
import select
import signal
import sys
import time
from collections.abc import Iterator, Mapping, Sequence

__all__ = ["Frames", "frame", "make_directories", "open_stream", "spawn_forever"]

MYPY = False
if MYPY:  # at run time, the module takes too long to import
    from typing import Any

_STREAM = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
_READ_BYTES = 2**16
_NEVER = float("inf")
HOLD_S = 0.005
"""How long the report of a command may be held if its slot is in use again."""


# -- what both sides use ------------------------------------------------------------------------


def frame(message: list[tuple[Any, ...]]) -> bytes:
    """Return a message as it is sent."""
    data = marshal.dumps(message)
    return len(data).to_bytes(4, "little") + data


class Frames:
    """Messages that arrive in pieces."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> Iterator[list[tuple[Any, ...]]]:
        """Yield the messages that are complete."""
        data, start = self._rest + data if self._rest else data, 0
        while len(data) >= start + 4:
            end = start + 4 + int.from_bytes(data[start : start + 4], "little")
            if len(data) < end:
                break
            yield marshal.loads(data[start + 4 : end])
            start = end
        self._rest = data[start:]


def make_directories(variables: Mapping[str, str], logs: Sequence[str] = ()) -> None:
    """Create the folders of a run; delete the streams and logs of an earlier run."""
    directory = variables["AZ_BATCH_TASK_DIR"]
    try:
        os.mkdir(directory)
    except FileNotFoundError:
        os.makedirs(directory, exist_ok=True)
    except FileExistsError:
        for name in ("stdout.txt", "stderr.txt", *logs):
            with contextlib.suppress(OSError):
                os.unlink(f"{directory}/{name}")
    for name in ("AZ_BATCH_TASK_WORKING_DIR", "AZ_BATCH_CERTIFICATES_DIR"):
        with contextlib.suppress(FileExistsError):
            os.mkdir(variables[name])


def open_stream(path: str) -> int:
    """Open a file for the output of a command; a link is not followed."""
    return os.open(path, _STREAM, 0o644)


# -- the spawner --------------------------------------------------------------------------------


class _Command:
    __slots__ = ("killed", "node", "number", "pid", "place", "simple")

    def __init__(self, number: int, node: int, pid: int, place: int, simple: bool) -> None:
        self.number = number
        self.node = node
        self.pid = pid
        self.place = place
        self.simple = simple  # there is nothing to do after it
        self.killed = False


class _Spawner:
    def __init__(self, table: memoryview) -> None:
        self._table = table
        self._by_number: dict[int, _Command] = {}
        self._by_pid: dict[int, _Command] = {}
        self._staged: dict[int, dict[int, tuple[float, tuple[Any, ...]]]] = {}  # by node
        self._last = -1  # the highest number that a command had
        self._doomed: set[int] = set()  # to be killed, before they were to start
        self._measures = False
        self._limits = resource.getrlimit(resource.RLIMIT_RTTIME)
        self._reports: list[tuple[Any, ...]] = []
        self._due = _NEVER  # when they are sent at the latest

    def obey(self, orders: list[tuple[Any, ...]]) -> None:
        if not orders:
            self._due = 0.0
        self._doomed.update(order[1] for order in orders if order[0] == "kill")
        for order in orders:
            if order[0] == "start":
                self._start(*order[1:])
            elif order[0] == "stage":
                self._last = order[2]
                self._staged.setdefault(order[3], {})[order[2]] = order[1], order[2:]
            elif order[0] == "kill":
                self._kill(order[1])
            elif order[0] == "measure":
                self._measures = True
            elif staged := self._unstage(order[1]):
                if order[0] == "begin":
                    self._start(*staged)
                else:
                    self._never_began(order[1], killed=True)

    def _unstage(self, number: int) -> tuple[Any, ...] | None:
        """Return a command that is staged, and no longer is."""
        for staged in self._staged.values():
            if number in staged:
                return staged.pop(number)[1]
        return None

    def _next(self, node: int) -> tuple[Any, ...] | None:
        """Return the next command of a node that may begin by itself."""
        for number, (last_moment, order) in self._staged.get(node, {}).items():
            if time.monotonic() < last_moment and number not in self._doomed:
                del self._staged[node][number]
                return order
            return None
        return None

    def _start(
        self, number: int, node: int, place: int, limit: int, words: list[str], directory: str,
        logs: tuple[str, ...], variables: dict[str, str],
    ) -> None:  # fmt: skip
        self._last = max(number, self._last)
        if number in self._doomed:
            self._never_began(number, killed=True)
            return
        try:
            pid = self._spawn(limit, words, directory, logs, variables)
        except (OSError, ValueError, LookupError, TypeError, NotImplementedError):
            self._never_began(number, killed=False)
            return
        self._table[2 * place] = pid
        command = _Command(number, node, pid, place, simple=not logs)
        self._by_number[number] = self._by_pid[pid] = command
        with contextlib.suppress(OSError, ValueError):  # it has ended, or has less
            resource.prlimit(pid, resource.RLIMIT_RTTIME, (limit, limit))

    def _spawn(
        self, limit: int, words: list[str], directory: str, logs: tuple[str, ...],
        variables: dict[str, str],
    ) -> int:  # fmt: skip
        make_directories(variables, logs)
        opened: list[int] = []
        try:
            opened += [open_stream(f"{directory}/stdout.txt")]
            opened += [open_stream(f"{directory}/stderr.txt")]
            os.chdir(f"{directory}/wd")
            self._limit(limit)  # which the command inherits
            return os.posix_spawn(
                _program(words[0], variables), words, variables, setsid=True,
                file_actions=[(os.POSIX_SPAWN_DUP2, opened[0], 1),
                              (os.POSIX_SPAWN_DUP2, opened[1], 2)],
                setsigdef=(signal.SIGPIPE, signal.SIGXFSZ),  # Python ignores them
            )  # fmt: skip
        finally:
            self._limit(self._limits[0])  # or it would be killed like what it has begun
            os.chdir("/")
            for number in opened:
                os.close(number)

    def _limit(self, number: int) -> None:
        with contextlib.suppress(OSError, ValueError):  # less is allowed
            resource.setrlimit(resource.RLIMIT_RTTIME, (number, self._limits[1]))

    def _kill(self, number: int) -> None:
        command = self._by_number.get(number)
        if number <= self._last:
            self._doomed.discard(number)
        if self._unstage(number):
            self._never_began(number, killed=True)
        elif command is not None and not _ended(os.P_PID, command.pid):
            command.killed = True
            _kill_group(command.pid)

    def reap(self) -> None:
        """Report the commands that have ended, and let no process of their groups live."""
        while ended := _ended(os.P_ALL, 0):
            now = time.monotonic()
            command = self._by_pid.pop(ended.si_pid, None)
            if command is not None:
                natural = ended.si_code == os.CLD_EXITED
                code = ended.si_status if natural else 128 + ended.si_status
                counters = _counters(command.pid) if self._measures else None
                _kill_group(command.pid)
                self._table[2 * command.place] = 0  # from here on, the ID may be reused
                del self._by_number[command.number]
                simple = natural and command.simple and not command.killed
                then = self._next(command.node) if simple else None
                number = None if then is None else then[0]
                self._reports.append((command.number, code, command.killed, counters, now, number))
                enough = then is not None and len(self._staged[command.node]) > len(self._reports)
                self._due = min(self._due, now + HOLD_S if enough else 0.0)
                os.waitpid(ended.si_pid, 0)
                if then is not None:
                    self._start(*then)
            else:
                os.waitpid(ended.si_pid, 0)

    def _never_began(self, number: int, *, killed: bool) -> None:
        self._reports.append((number, None, killed, None, 0.0, None))
        self._due = 0.0

    def pause_s(self) -> float | None:
        """Return for how long there is nothing to send; None if it depends on what happens."""
        return None if self._due == _NEVER else max(0.0, self._due - time.monotonic())

    def message(self) -> bytes:
        """Return what is to be sent now."""
        if self.pause_s() != 0.0:
            return b""
        data, self._reports, self._due = frame(self._reports), [], _NEVER
        return data

    def end(self) -> None:
        """Kill all commands."""
        for command in self._by_pid.values():
            _kill_group(command.pid)


def _program(name: str, variables: Mapping[str, str]) -> str:
    """Find a program as `subprocess` does; if it is not there, the worker looks again."""
    if "/" in name:
        return name
    for folder in os.get_exec_path(variables):
        path = os.path.join(folder, name)
        if os.access(path, os.X_OK):
            return path
    raise FileNotFoundError(name)


def _ended(kind: int, pid: int) -> os.waitid_result | None:
    """Return how a child has ended, without reaping it; None if none has."""
    try:
        return os.waitid(kind, pid, os.WEXITED | os.WNOWAIT | os.WNOHANG)
    except ChildProcessError:
        return None


def _kill_group(group: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGKILL)


def _counters(pid: int) -> tuple[int, bytes, bytes]:
    return pid, _read(f"/proc/{pid}/stat"), _read(f"/proc/{pid}/io")


def _read(path: str) -> bytes:
    try:
        with open(path, "rb", buffering=0) as file:
            return file.read() or b""
    except OSError:
        return b""


def spawn_forever() -> None:
    """Be a spawner, until the worker ends."""
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _ignore)  # commands are to have the default
    signal.signal(signal.SIGCHLD, _ignore)
    woken, waker = os.pipe()
    for end in (woken, waker):
        os.set_blocking(end, False)
    signal.set_wakeup_fd(waker, warn_on_full_buffer=False)
    table = int(sys.argv[2])
    rows = memoryview(mmap.mmap(table, int(sys.argv[3]))).cast("i")
    os.close(table)
    link = os.dup(0)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)  # as the input of commands
    os.close(nothing)
    spawner = _Spawner(rows)
    gc.disable()  # there are no cycles
    try:
        _serve(spawner, link, woken)
    finally:
        spawner.end()
        os._exit(0)


def _serve(spawner: _Spawner, link: int, woken: int) -> None:
    poll, frames = select.poll(), Frames()
    poll.register(link, select.POLLIN)
    poll.register(woken, select.POLLIN)
    while True:
        pause_s = spawner.pause_s()
        ready = {number for number, _ in poll.poll(pause_s and 1000 * pause_s)}
        if woken in ready:
            os.read(woken, 2**10)
        if link in ready:
            data = os.read(link, _READ_BYTES)
            if not data:
                return
            for orders in frames.feed(data):
                spawner.obey(orders)
        spawner.reap()
        data = spawner.message()
        while data:
            data = data[os.write(link, data) :]


def _ignore(*_: object) -> None:
    """Ignore a signal; unlike SIG_IGN, this is not inherited."""
