"""The history of a pool, from the changes of its lab: the load to try other formulas on.

Changes come in once and in order. Two things are kept: a line of nodes and tasks over time, which
gets coarser as it gets longer, and for each task when it arrived, how long it took and how it
ended. `Recording.load` cuts a window out of that, so that the same tasks can arrive again.

A task that has not ended is assumed to take as long as the others, or as long as it has run.
"""

from __future__ import annotations

import threading
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from datetime import timedelta
from statistics import median
from typing import Any

import msgspec

from batchlab.core.messages.outputs import (
    Change,
    JobChanged,
    NodeChanged,
    PoolChanged,
    TaskChanged,
)
from batchlab.core.model.ids import fold
from batchlab.drivers.simulated.workload import Behavior
from batchlab.laboratory.patterns import Arrival

__all__ = ["LINES", "RecordedLoad", "Recording"]

LINES = ("at", "target", "current", "spot", "waiting", "running")
"""The columns of the line over time: seconds since 1970, target nodes, current nodes, current spot
nodes, waiting and running tasks."""
MOST_POINTS = 2000
UNKNOWN_S = 300.0
"""How long a task takes when none has ended yet."""
_GONE = ("creating", "deleted")


class RecordedLoad(msgspec.Struct, frozen=True):
    """The tasks of a window: `arrivals` count from `begin`, with the node targets at that time."""

    begin: float
    seconds: float
    arrivals: list[Arrival]
    dedicated: int
    spot: int


class _Task:
    __slots__ = ("at", "began", "failed", "first", "job", "seconds", "slots", "state")

    def __init__(self, at: float, job: str) -> None:
        self.at = at
        self.job = job
        self.state = "active"
        self.first: float | None = None  # when it first ran
        self.began: float | None = None  # when its current or last run began
        self.seconds: float | None = None  # how long its last run took
        self.failed = False
        self.slots = 1


class Recording:
    """Nodes and tasks of one pool over time. May be used by several threads.

    Parameters
    ----------
    pool_id : str

    Attributes
    ----------
    lines : dict of list
        The columns of `LINES`: the values from each moment on.
    now : float
        The lab's clock when the last changes came.
    next : int
        The number of the next change.
    """

    def __init__(self, pool_id: str) -> None:
        self.next = 0
        self._lock = threading.RLock()
        self._pool = fold(pool_id)
        self._begin()

    def _begin(self) -> None:
        self.now = 0.0
        self.lines: dict[str, list[float]] = {name: [] for name in LINES}
        self._step = 0.0
        self._kinds: list[tuple[float, int, int]] = []  # dedicated and spot targets over time
        self._nodes: dict[str, bool] = {}
        self._homes: dict[str, str] = {}
        self._tasks: dict[tuple[str, str], _Task] = {}
        self._target = self._spot = self._waiting = self._running = 0

    def follow(self, connection: Any) -> bool:
        """Take in what has happened since the last time; return whether there was anything."""
        with self._lock:
            before = self.next, self.now
            while True:
                batch = connection.changes(self.next, 0.0)
                if batch.fresh and self.next:
                    self._begin()
                self.next = batch.next
                self.take(batch.changes, batch.now)
                if not batch.more:
                    return before != (self.next, self.now)

    def take(self, changes: Sequence[Change], now: float) -> None:
        """Take in some changes.

        Parameters
        ----------
        changes : sequence of Change
            In order.
        now : float
            The lab's clock, in seconds since 1970.
        """
        at = self.now
        for change in changes:
            if change.at != at:
                self._note(at)
                at = change.at
            kind = type(change)
            if kind is TaskChanged:
                self._task(change)  # type: ignore[arg-type]
            elif kind is NodeChanged:
                self._node(change)  # type: ignore[arg-type]
            elif kind is JobChanged:
                self._job(change)  # type: ignore[arg-type]
            elif kind is PoolChanged and fold(change.pool_id) == self._pool:  # type: ignore[attr-defined]
                self._sized(change)  # type: ignore[arg-type]
        self._note(at)
        self.now = max(now, at)

    def _sized(self, change: PoolChanged) -> None:
        dedicated, spot = change.target_dedicated_nodes, change.target_low_priority_nodes
        self._target = dedicated + spot
        if not self._kinds or self._kinds[-1][1:] != (dedicated, spot):
            self._kinds.append((change.at, dedicated, spot))

    def _node(self, change: NodeChanged) -> None:
        if fold(change.pool_id) != self._pool:
            return
        was = self._nodes.pop(change.node_id, None)
        self._spot -= was is False
        if change.state not in _GONE:
            self._nodes[change.node_id] = change.dedicated
            self._spot += not change.dedicated

    def _job(self, change: JobChanged) -> None:
        if change.state != "deleted":
            self._homes[change.job_id] = fold(change.pool_id)
            return
        # No more changes of its tasks will come; they are still part of the load.
        for task in self._tasks.values():
            if task.job == change.job_id:
                self._move(task, "deleted")

    def _task(self, change: TaskChanged) -> None:
        if self._homes.get(change.job_id) != self._pool:
            return
        key = (change.job_id, change.task_id)
        task = self._tasks.get(key)
        if task is None or (task.state == "deleted" and change.state != "deleted"):
            task = self._tasks[key] = _Task(change.at, change.job_id)
            self._waiting += 1
        task.slots = change.slots
        if change.state == "running":
            task.began = change.at
            if task.first is None:
                task.first = change.at
        elif task.state == "running" and task.began is not None and change.state == "completed":
            task.seconds = change.at - task.began
            task.failed = bool(change.reason)
        self._move(task, change.state)

    def _move(self, task: _Task, state: str) -> None:
        for name, by in ((task.state, -1), (state, 1)):
            self._waiting += by * (name == "active")
            self._running += by * (name in ("running", "preparing"))
        task.state = state

    def _note(self, at: float) -> None:
        """Record the current values if they changed; less often when there are many already."""
        lines = self.lines
        row = (at, self._target, len(self._nodes), self._spot, self._waiting, self._running)
        if not lines["at"]:
            if any(row[1:]):
                _append(lines, row)
            return
        if row[1:] == tuple(lines[name][-1] for name in LINES[1:]):
            return
        if at < lines["at"][-1] + self._step or at == lines["at"][-1]:
            for name, value in zip(LINES[1:], row[1:], strict=True):
                lines[name][-1] = value
            return
        _append(lines, row)
        if len(lines["at"]) > MOST_POINTS:
            self._thin()

    def _thin(self) -> None:
        lines = self.lines
        self._step = max(2 * self._step, 2 * (lines["at"][-1] - lines["at"][0]) / MOST_POINTS)
        kept: dict[str, list[float]] = {name: [] for name in LINES}
        for row in zip(*(lines[name] for name in LINES), strict=True):
            if kept["at"] and row[0] < kept["at"][-1] + self._step:
                for name, value in zip(LINES[1:], row[1:], strict=True):
                    kept[name][-1] = value
            else:
                _append(kept, row)
        lines.update(kept)

    # -- what is asked ------------------------------------------------------------------------

    @property
    def begin(self) -> float:
        """When the pool first appears; now, if it never did."""
        return self.lines["at"][0] if self.lines["at"] else self.now

    def window(self, begin: float, end: float | None = None) -> dict[str, list[float]]:
        """The lines from a moment on, including the values at that moment.

        Parameters
        ----------
        begin : float
            Seconds since 1970.
        end : float, optional
            Now if omitted.
        """
        with self._lock:
            times = self.lines["at"]
            first = max(0, bisect_right(times, begin) - 1)
            last = len(times) if end is None else bisect_right(times, end)
            return {name: self.lines[name][first:last] for name in LINES}

    def targets(self, at: float) -> tuple[int, int]:
        """The target numbers of dedicated and spot nodes at a moment."""
        found = (0, 0)
        for since, dedicated, spot in self._kinds:
            if since > at:
                break
            found = dedicated, spot
        return found

    def waits(self, begin: float, end: float) -> list[float]:
        """How long each task that arrived in a window waited for its first start, until `end`.

        Parameters
        ----------
        begin, end : float
            Seconds since 1970.
        """
        with self._lock:
            return sorted(
                min(end, task.first if task.first is not None else end) - task.at
                for task in self._tasks.values()
                if begin <= task.at < end
            )

    def load(self, begin: float, end: float) -> RecordedLoad:
        """The tasks that arrived in a window, after those not yet done when it starts.

        Parameters
        ----------
        begin, end : float
            Seconds since 1970.
        """
        with self._lock:
            typical = self._typical()
            known = [task for task in self._tasks.values() if task.at < end]
            found = [self._arrival(task, begin, typical) for task in known]
            targets = self.targets(begin)
        arrivals = sorted(filter(None, found), key=lambda arrival: arrival.at)
        return RecordedLoad(begin, end - begin, arrivals, *targets)

    def _arrival(self, task: _Task, begin: float, typical: float) -> Arrival | None:
        """A task as it arrives again; None if it ended before the window."""
        seconds = task.seconds
        if seconds is None:
            ran = 0.0 if task.began is None else max(0.0, self.now - task.began)
            seconds = max(typical, ran)
        if task.at < begin and task.began is not None and task.began < begin:
            seconds = task.began + seconds - begin  # the rest of it
            if seconds <= 0 or task.state == "deleted":
                return None
        behavior = Behavior(duration=timedelta(seconds=seconds), exit_code=int(task.failed))
        return Arrival(max(0.0, task.at - begin), behavior, task.slots)

    def _typical(self) -> float:
        known = [task.seconds for task in self._tasks.values() if task.seconds is not None]
        return median(known) if known else UNKNOWN_S


def _append(lines: dict[str, list[float]], row: Iterable[float]) -> None:
    for name, value in zip(LINES, row, strict=True):
        lines[name].append(value)
