"""Runs that wait on a node and that its spawner has already: the next ones to begin.

When a run exits, the spawner begins the next one in its place at once, and the node learns of
both in one message. So a slot is in use again before the node's loop, which has much else to do,
gets to it. A staged run can still be dropped; the spawner answers whether it has begun.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from batchlab.core.messages.outputs import StartRun
from batchlab.drivers.dask.plain_runs import PlainRun
from batchlab.drivers.dask.runs import NodeRun
from batchlab.drivers.dask.spawners import NodeSpawner

__all__ = ["Staged", "StagedRuns"]


class Staged(Protocol):
    """A run that has not begun, as far as known."""

    def begin(self) -> None:
        """Let it begin now."""

    def drop(self) -> None:
        """Let it never begin; whether it has begun already will be reported."""


class StagedRuns:
    """Stages runs of a node.

    Parameters
    ----------
    make : callable
        Makes a run.
    enter : callable
        Enters a run that has begun into the books of the node.
    spawner : NodeSpawner
    until : callable
        Returns when the lease of the node ends, on the monotonic clock.
    """

    def __init__(
        self,
        make: Callable[[StartRun], NodeRun],
        enter: Callable[[NodeRun], Any],
        spawner: NodeSpawner,
        until: Callable[[], float],
    ) -> None:
        self._make = make
        self._enter = enter
        self._spawner = spawner
        self._until = until

    def stage(
        self, start_run: StartRun, begun: Callable[[], None], never: Callable[[], None]
    ) -> Staged | None:
        """Stage a run; None if the spawner cannot have it.

        Parameters
        ----------
        start_run : StartRun
        begun : callable
            Called when the run has begun by itself.
        never : callable
            Called if it has not begun, and will not: it was dropped, or the spawner was lost.
        """
        run = self._make(start_run)

        def begins(when: float) -> None:
            run.began = when
            self._enter(run)
            begun()

        if isinstance(run, PlainRun) and self._spawner.stage(run, begins, never, self._until()):
            return _Staged(run, self._enter)
        return None


class _Staged:
    def __init__(self, run: PlainRun, enter: Callable[[NodeRun], Any]) -> None:
        self._run = run
        self._enter = enter

    def begin(self) -> None:
        self._enter(self._run)
        self._run.begin_staged()

    def drop(self) -> None:
        self._run.drop_staged()
