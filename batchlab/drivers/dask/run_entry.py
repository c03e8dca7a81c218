"""What a node keeps of a run in progress, and of those that have just ended."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable

from batchlab.core.messages.facts import RunExited
from batchlab.drivers.dask.runs import NodeRun

__all__ = ["EndedRuns", "RunEntry"]


class RunEntry:
    """A run of the node; its future is done when the run is over.

    Parameters
    ----------
    run : NodeRun
    exited : asyncio.Future
    reported : bool
        Whether the host learns of its end.
    """

    __slots__ = ("_timer", "exited", "reported", "run")

    def __init__(self, run: NodeRun, exited: asyncio.Future[RunExited], reported: bool) -> None:
        self.run = run
        self.exited = exited
        self.reported = reported
        self._timer: asyncio.TimerHandle | None = None

    def limit(self, speed: float) -> None:
        """The run begins: end it after its time limit."""
        limit_s = self.run.start_run.time_limit_s
        if limit_s is not None and not self.exited.done():
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(limit_s / speed, self.run.end, "expired")

    def over(self, report: RunExited) -> None:
        """The run is over."""
        if self._timer is not None:
            self._timer.cancel()
        self.exited.set_result(report)


class EndedRuns:
    """Runs that have ended, on any thread, until the node's loop takes all of them at once.

    Parameters
    ----------
    soon : callable
        Calls something soon on the loop; used on the loop only.
    take : callable
        Takes the runs and their reports. Made on the loop, like this object.
    """

    def __init__(
        self,
        soon: Callable[[Callable[[], None]], None],
        take: Callable[[list[tuple[NodeRun, RunExited]]], None],
    ) -> None:
        self._loop, self._thread = asyncio.get_running_loop(), threading.get_ident()
        self._soon = soon
        self._take = take
        self._ended: list[tuple[NodeRun, RunExited]] = []
        self._called = False

    def add(self, run: NodeRun, report: RunExited) -> None:
        """Add a run."""
        self._ended.append((run, report))
        if self._called:
            return
        self._called = True
        if threading.get_ident() == self._thread:
            self._soon(self._take_all)
            return
        with contextlib.suppress(RuntimeError):  # the loop is closed
            self._loop.call_soon_threadsafe(self._take_all)

    def _take_all(self) -> None:
        self._called = False
        ended, self._ended = self._ended, []
        self._take(ended)
