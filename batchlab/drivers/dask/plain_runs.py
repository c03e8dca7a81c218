"""Runs that need only a folder and a process: a spawner can carry them out without a thread.

If the spawner cannot begin the command, the run has a thread after all, which tries itself, and
finds out why. If the spawner is lost, so is the run: that is a fault of the node.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from batchlab.core.model.values import FailureInfo
from batchlab.core.tasks.environment import environment
from batchlab.drivers.dask import threads
from batchlab.drivers.dask.processes import kill_remaining
from batchlab.drivers.dask.runs import NodeRun

if TYPE_CHECKING:
    from batchlab.drivers.dask.spawned import Ended, Spawned
    from batchlab.drivers.dask.spawners import Spawner

__all__ = ["PlainRun"]


class PlainRun(NodeRun):
    """A run that a spawner may carry out.

    Parameters
    ----------
    *args
        The arguments of `NodeRun`.
    """

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._spawned: Spawned | None = None

    @property
    def process_id(self) -> int | None:
        """The ID of the run's process and session, while it exists."""
        return self._process_id if self._spawned is None else self._spawned.pid

    @property
    def is_plain(self) -> bool:
        """Whether a spawner can begin it: it needs nothing but its folder and a process."""
        return self._users is None and self._equipment.is_plain(self.start_run)

    def begin(
        self, spawner: Spawner, begun: Callable[[float], None] | None = None,
        never: Callable[[], None] | None = None, until: float = 0.0,
    ) -> bool:  # fmt: skip
        """Let a spawner carry out the run, on the node's loop; False if it needs a thread.

        With `begun`, it is only staged: see `NodeSpawner.stage`.
        """
        try:
            words = self._words()
            variables = environment(self.start_run, self._node, self._inherited)
        except Exception:  # a thread finds out again, and reports it
            return False

        def done(ended: Ended) -> None:
            if never is not None and self._spawned is not None and self._spawned.begun:
                never()
            else:
                self._has_ended(ended, variables)

        self._process = self._spawned = spawner.begin(
            words, variables, self._logs, done, begun, until
        )
        self.began = time.monotonic()
        return self._spawned is not None

    def begin_staged(self) -> None:
        """Have the staged run begun."""
        if self._spawned is not None:
            self.began = time.monotonic()
            self._spawned.begin()

    def drop_staged(self) -> None:
        """Have the staged run never begun, if it has not."""
        if self._spawned is not None:
            self._spawned.drop()

    def _has_ended(self, ended: Ended, variables: dict[str, str]) -> None:
        """Continue a run that a spawner has begun, or could not begin, on the node's loop."""
        with self._lock:
            if not (ended.killed or ended.lost or ended.code is None):
                self._ending = None  # it ended by itself before it could be killed
            ending = self._ending
        if ended.code is not None:
            self._returned(ended, ended.code, variables)
        elif ending is not None:
            self._exited(None, None, ending)
        elif ended.lost:
            self._exited(None, _lost(ended.lost), None, node_fault=True)
        else:
            self._process = self._spawned = None
            threads.run(self.execute)

    def _returned(self, ended: Ended, code: int, variables: dict[str, str]) -> None:
        if ended.counters is not None:
            pid, stat, io = ended.counters
            self._meter.ended(pid, self.began, (stat, io))
        self.ended = ended.when

        def conclude() -> None:
            if ended.killed:
                kill_remaining(variables)
            self._conclude(code, variables)

        if ended.killed or self.start_run.output_files:
            threads.run(conclude)
        else:
            conclude()


def _lost(reason: str) -> FailureInfo:
    return FailureInfo(
        category="ServerError",
        code="CommandLaunchFailed",
        message="The node lost the command",
        details={"Message": reason},
    )
