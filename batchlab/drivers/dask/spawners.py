"""The worker's side of spawners: which there are, and what they do for the nodes.

A loop that has nodes has at most `MOST` spawners, each of which serves its share of the nodes (see
`batchlab.drivers.dask.spawner`). They are started when the nodes have begun some runs, and end
with the last node that has used them. Until they are ready, and for all that needs more than a
folder and a process (users, containers, resource files, packages, certificates, subtasks, and
everything that is not a task), and on systems other than Linux, runs have threads instead.

A spawner that ends or does not answer any more is a fault of the node: what it has begun is
killed and reported as lost, so that it runs again, and another spawner is started.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import subprocess
import sys
import time
import weakref
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from batchlab.drivers.dask import guards, spawner, threads, watchdog
from batchlab.drivers.dask.plain_runs import PlainRun
from batchlab.drivers.dask.spawned import Ended, Spawned
from batchlab.drivers.dask.spawner_processes import end_process, kill_lost, links, start_process

__all__ = ["NodeSpawner", "Spawner"]

logger = logging.getLogger("batchlab")

MOST = 2
"""How many spawners a loop has at most; a single one is busy while a command is being loaded."""
FEW = 3
"""How many runs have threads before a spawner is started."""
TICK_S = 1.0
SILENT_TICKS = 8
"""A spawner with commands that is silent for so many ticks of the loop does not answer."""
PAUSE_S = 2.0
"""How long after a start of a spawner another one may be started in its place."""
_POSSIBLE = sys.platform == "linux" and hasattr(os, "posix_spawn")


class Spawner(asyncio.BufferedProtocol):
    """A spawner; used on its loop only.

    Parameters
    ----------
    process : subprocess.Popen
    table : SessionTable
        The running sessions, shared with the spawner and the watchdog.
    """

    def __init__(self, process: subprocess.Popen[bytes], table: guards.SessionTable) -> None:
        self.table = table
        self.process = process
        self.ended = asyncio.Event()
        self._place = table.reserve(watchdog.SPAWNER)
        if self._place is not None:
            table.note(self._place, process.pid)
        self._loop = asyncio.get_running_loop()
        self._frames = spawner.Frames()
        self._buffer = memoryview(bytearray(2**14))
        self._orders: list[tuple[Any, ...]] = []
        self._running: dict[int, Spawned] = {}
        self._nodes: dict[str, int] = {}  # by root
        self._number = 0
        self._timer: asyncio.TimerHandle | None = None
        self._silence = 0
        self._reading = False
        self._after: list[Callable[[], None]] = []
        self._reason = "ended"

    @classmethod
    async def start(cls) -> Spawner:
        """Start a spawner; raises `OSError`."""
        table = guards.session_table()
        if table is None:
            raise OSError("no folder is guarded")
        ours, theirs = socket.socketpair()
        links.add(ours)
        try:
            with theirs:
                process = await threads.call(start_process, table, theirs)
        except OSError:
            ours.close()
            raise
        new = cls(process, table)
        await new._loop.create_unix_connection(lambda: new, sock=ours)
        return new

    # -- orders ---------------------------------------------------------------------------------

    def begin(
        self, words: list[str], variables: dict[str, str], logs: Sequence[str],
        done: Callable[[Ended], None], begun: Callable[[float], None] | None = None,
        until: float | None = None,
    ) -> Spawned | None:  # fmt: skip
        """Begin a command in its directories, soon; None if there are too many already.

        With `begun`, it is staged: it begins after another one of the node, if that is before
        `until` on the monotonic clock, and calls this with the moment.
        """
        root, directory = variables["AZ_BATCH_NODE_ROOT_DIR"], variables["AZ_BATCH_TASK_DIR"]
        place = self.table.reserve(self.table.places.get(root, 0))
        if place is None:
            return None
        self._number += 1
        spawned = Spawned(self, self._number, place, variables, done)
        spawned.begun = begun
        self._running[self._number] = spawned
        (limit,) = watchdog.kin_of(root, directory)
        node = self._nodes.setdefault(root, len(self._nodes))
        how = ("start",) if begun is None else ("stage", until)
        self.order(
            (*how, self._number, node, place, limit, words, directory, tuple(logs), variables)
        )
        if self._timer is None:
            self._silence = 0
            self._timer = self._loop.call_later(TICK_S, self._tick)
        return spawned

    def measure(self) -> None:
        """Have the counters of commands reported from now on."""
        self.order(("measure",))

    def order(self, order: tuple[object, ...]) -> None:
        """Send an order with all others of this turn of the loop."""
        self._orders.append(order)
        if len(self._orders) == 1 and not self._reading:
            self._loop.call_soon(self.flush)

    def flush(self) -> None:
        """Send the orders."""
        if self._orders:
            orders, self._orders = self._orders, []
            self._transport.write(spawner.frame(orders))

    def close(self) -> None:
        """Let the spawner end."""
        self._reason = "was closed"
        self.flush()
        self._transport.close()

    # -- reports --------------------------------------------------------------------------------

    def connection_made(self, transport: Any) -> None:
        """Be connected."""
        self._transport: asyncio.WriteTransport = transport

    def get_buffer(self, _: int) -> memoryview:
        """Return where to put what arrives."""
        return self._buffer

    def buffer_updated(self, size: int) -> None:
        """Take reports."""
        self._silence = 0
        self._reading = True
        for reports in self._frames.feed(bytes(self._buffer[:size])):
            for number, *values in reports:
                spawned, ended = self._running.pop(number, None), Ended(*values)
                if spawned is not None:
                    _call(partial(spawned.end, ended))
                if ended.then and (then := self._running.get(ended.then)):
                    _call(partial(then.begins, ended.when))
        self._reading = False
        after, self._after = self._after, []
        for callback in after:
            _call(callback)
        self.flush()

    def soon(self, callback: Callable[[], None]) -> None:
        """Call something when all reports of this turn are taken."""
        if self._reading:
            self._after.append(callback)
        else:
            self._loop.call_soon(callback)

    def _tick(self) -> None:
        self._timer = None
        if not self._running:
            return
        self._silence += 1
        if self._silence > SILENT_TICKS:
            self._reason = "did not answer"
            self._transport.abort()
            return
        self._transport.write(spawner.frame([]))
        self._timer = self._loop.call_later(TICK_S, self._tick)

    def connection_lost(self, _: Exception | None) -> None:
        """Clear away what is left."""
        if self._timer is not None:
            self._timer.cancel()
        self._task = asyncio.ensure_future(self._clear())

    async def _clear(self) -> None:
        await threads.call(end_process, self.process, self._reason == "was closed")
        if self._place is not None:
            self.table.free(self._place)
        lost, self._running = list(self._running.values()), {}
        if lost:
            reason = f"the node's process that begins commands {self._reason}"
            logger.error("%s, with %d commands", reason, len(lost))
            places = {spawned.place: spawned.variables for spawned in lost}
            await threads.call(kill_lost, places, self.table)
        for spawned in lost:
            spawned.end(Ended(None, False, lost=reason))
        self.ended.set()

    @property
    def works(self) -> bool:
        """Whether it takes orders."""
        return not self._transport.is_closing()


def _call(callback: Callable[[], None]) -> None:
    """Call something; an error in it must not end the spawner."""
    try:
        callback()
    except Exception:
        logger.exception("the end of a command could not be noted")


class _Seat:
    """A spawner's place on a loop: the spawner is replaced if it has ended."""

    def __init__(self) -> None:
        self.nodes = 0
        self.current: Spawner | None = None
        self._starting: asyncio.Task[None] | None = None
        self._not_before = 0.0

    def spawner(self) -> Spawner | None:
        """Return the spawner; if there is none, start one for later."""
        if self.current is not None and self.current.works:
            return self.current
        if self._starting is None and time.monotonic() >= self._not_before:
            self._not_before = time.monotonic() + PAUSE_S
            self._starting = asyncio.ensure_future(self._start())
        return None

    async def _start(self) -> None:
        try:
            self.current = await Spawner.start()
        except OSError as error:  # the machine is full: later, then
            logger.warning("a spawner could not be started: %s", error)
        finally:
            self._starting = None

    async def leave(self) -> None:
        """Remove a node; end with the last one."""
        self.nodes -= 1
        if self.nodes:
            return
        if self._starting is not None:
            await asyncio.wait([self._starting])
        if self.current is not None and not self.nodes:
            ended, self.current = self.current, None
            ended.close()
            await ended.ended.wait()


class _Seats:
    """The spawners of one loop."""

    def __init__(self) -> None:
        self._seats = [_Seat() for _ in range(MOST)]
        self.runs = 0

    def join(self) -> _Seat:
        """Return the place with the fewest nodes, for one more."""
        seat = min(self._seats, key=lambda seat: seat.nodes)
        seat.nodes += 1
        return seat


class NodeSpawner:
    """What begins the runs of a node: its share of a spawner, or threads."""

    def __init__(self) -> None:
        self._seat: _Seat | None = None
        self._measured: Spawner | None = None
        self._measures = False

    def begin(self, run: Any) -> None:
        """Begin a `NodeRun`."""
        if not self._pass_on(run):
            threads.run(run.execute)

    def stage(
        self, run: Any, begun: Callable[[float], None], never: Callable[[], None], until: float
    ) -> bool:
        """Have a `NodeRun` begin after another one; False if that is not possible.

        Calls `begun` with the moment when it has begun by itself, and `never` if it will not.
        """
        return self._pass_on(run, begun, never, until)

    def _pass_on(self, run: Any, *when: Any) -> bool:
        plain = _POSSIBLE and isinstance(run, PlainRun) and run.is_plain
        spawner = self._spawner() if plain else None
        return spawner is not None and run.begin(spawner, *when)

    def _spawner(self) -> Spawner | None:
        if self._seat is None:
            loop = asyncio.get_running_loop()
            seats = _loops.get(loop) or _loops.setdefault(loop, _Seats())
            seats.runs += 1
            if seats.runs <= FEW:
                return None
            self._seat = seats.join()
        spawner = self._seat.spawner()
        if self._measures and spawner is not None and spawner is not self._measured:
            self._measured = spawner
            spawner.measure()
        return spawner

    def soon(self, callback: Callable[[], None]) -> None:
        """Call something soon on the loop, once for all that has ended in the same turn."""
        if self._seat is not None and self._seat.current is not None:
            self._seat.current.soon(callback)
        else:
            asyncio.get_running_loop().call_soon(callback)

    def measure(self) -> None:
        """Have the counters of runs reported from now on."""
        self._measures = True
        if self._seat is not None:
            self._spawner()

    async def leave(self) -> None:
        """End the node's share; its runs are over."""
        seat, self._seat = self._seat, None
        if seat is not None:
            await seat.leave()


_loops: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, _Seats] = weakref.WeakKeyDictionary()
