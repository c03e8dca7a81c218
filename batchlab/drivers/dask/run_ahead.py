"""The queue of a node: runs that it starts by itself as soon as a slot is free.

A run that waits here has not begun. When a run exits, the oldest one starts in its place, and
one report has both. Such reports are held for `HOLD_S` and sent together while the node has work
for as long, because the host's answer is not urgent then; all others are sent at once.

The first ones of those that wait are *staged*, if possible (see `staged_runs`): the spawner begins
one of them as soon as a run has exited, before the node's loop knows. A run is either taken back
or started: `TakeBack` and the exits come on one thread, the node's loop, and if it is staged, the
spawner is asked to drop it, and `TakenBack` is sent when the answer is there.

How many runs should wait depends on how long runs and a round trip take: enough that the node has
work until the next command comes, and none if that gains little. The host decides which (see
`batchlab.core.placement.ahead`).
"""

from __future__ import annotations

import asyncio
import math
import time
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from itertools import islice

import msgspec

from batchlab.core.messages.facts import (
    DepthMeasured,
    Report,
    RunExited,
    RunStarted,
    TakenBack,
)
from batchlab.core.messages.outputs import StartRun
from batchlab.core.model.ids import RunId
from batchlab.core.placement.ahead import MOST
from batchlab.drivers.dask.messages import NodeConfig
from batchlab.drivers.dask.staged_runs import Staged

__all__ = ["RunAhead"]

HOLD_S = 0.01
"""How long the report of a run is held whose slot is in use again."""
TURN_S = 0.002
"""How long the host takes to answer, beside the way."""
LONGEST_S = 1.0
"""If runs take longer on average, none wait here."""
GAIN = 0.02
"""The part of its time that a node must lose without a queue to get one."""
LATEST = 0.1
"""How much the last run counts in the average."""
STAGED = 2
"""How many runs per slot are staged."""
LEAST_STAGED = 8
"""How many runs are staged on a node with few slots: the spawner reports several exits at once."""


class _Recall:
    """A recall of runs some of which are staged."""

    def __init__(self) -> None:
        self.taken: list[RunId] = []
        self.started: list[RunId] = []
        self.asked = 0


class RunAhead:
    """The runs of tasks on one node: which wait, which are in progress, and how long they take.

    Parameters
    ----------
    config : NodeConfig
    start : callable
        Starts a run.
    send : callable
        Sends reports to the host, with how long ago each happened, in lab time.
    round_trip_s : callable
        Returns how long a message to the host and its answer take at least.
    stage : callable, optional
        Stages a run: see `StagedRuns.stage`.
    """

    def __init__(
        self,
        config: NodeConfig,
        start: Callable[[StartRun], None],
        send: Callable[[Sequence[Report], Sequence[float]], None],
        round_trip_s: Callable[[], float],
        stage: Callable[
            [StartRun, Callable[[], None], Callable[[], None]], Staged | None
        ] = lambda *_: None,
    ) -> None:
        self._config = config
        self._start = start
        self._send = send
        self._round_trip_s = round_trip_s
        self._stage = stage
        self._waiting: dict[RunId, StartRun] = {}
        self._staged: dict[RunId, Staged] = {}  # the first ones of those that wait
        self._begun: deque[RunId] = deque()  # staged ones that began after an exit not seen yet
        self._recalls: dict[RunId, _Recall] = {}  # of staged ones, until the spawner answers
        self._answers: list[Report] = []
        self._began: dict[RunId, float] = {}
        self._reports: list[Report] = []
        self._times: list[float] = []
        self._timer: asyncio.TimerHandle | None = None
        self._urgent = False
        self._mean_s: float | None = None
        self._news = False
        self._depth = 0

    def add(self, start_run: StartRun) -> None:
        """Let a run wait for a slot; it starts at once if one is free."""
        self._waiting[start_run.run_id] = start_run
        started = self._start_next()
        if started is not None:
            self.send([RunStarted(run_id=started)])
        self._stage_more()

    def take_back(self, run_ids: Sequence[RunId]) -> None:
        """Do not start these runs, unless they have started already."""
        recall = _Recall()
        for run_id in run_ids:
            if self._waiting.pop(run_id, None) is None:
                recall.started.append(run_id)
            elif run_id in self._staged:
                self._recalls[run_id] = recall
                recall.asked += 1
            else:
                recall.taken.append(run_id)
        for run_id in run_ids:
            if run_id in self._recalls and run_id in self._staged:
                self._staged.pop(run_id).drop()
        self._stage_more()
        self._answer(recall)
        self.flush()

    def _answer(self, recall: _Recall) -> None:
        """Answer once it is known of each run whether it has started."""
        if not recall.asked:
            if not self._waiting:  # the host may want none for now: after an exit, say it again
                self._depth = 0
            taken, started = tuple(recall.taken), tuple(recall.started)
            self._answers.append(TakenBack(taken=taken, started=started))

    def _settle(self, run_id: RunId, *, started: bool) -> None:
        """It is known whether a staged run has started; if it was recalled, say so."""
        recall = self._recalls.pop(run_id, None)
        if recall is not None:
            (recall.started if started else recall.taken).append(run_id)
            recall.asked -= 1
            self._answer(recall)

    def begin(self, start_run: StartRun, when: float = 0.0) -> None:
        """Note that a run begins, or has at a moment of the monotonic clock."""
        if start_run.kind == "task":
            self._began[start_run.run_id] = when or time.monotonic()

    def exited(self, report: RunExited, when: float = 0.0, *, reported: bool) -> None:
        """A run is over: start the next one in its place, and keep the report for `flush`."""
        began, when = self._began.pop(report.run_id, None), when or time.monotonic()
        if began is not None:
            took_s = when - began
            mean_s = took_s if self._mean_s is None else self._mean_s
            self._mean_s = mean_s + LATEST * (took_s - mean_s)
            self._news = True
            then = self._start_next()
            if then is not None:
                report = msgspec.structs.replace(report, then=then)
        if reported:
            self._reports.append(report)
            self._times.append(when)
            self._urgent = self._urgent or report.then is None

    def flush(self) -> None:
        """Send the reports, or hold them for a moment while there is enough to do."""
        self._stage_more()
        if self._begun:  # a slot was free
            started = [RunStarted(run_id=run_id) for run_id in self._begun]
            self._begun.clear()
            self.send(started)
        elif self._answers or self._urgent:
            self.send(())
        elif not self._reports:
            return
        elif self._lasts_s() < HOLD_S:
            self.send(())
        elif self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(HOLD_S, self.send, ())

    def send(self, reports: Sequence[Report]) -> None:
        """Send reports, after all that are held."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        now = time.monotonic()
        held, speed = self._reports, self._config.speed
        ages = [(now - when) * speed for when in self._times]
        self._reports, self._times, self._urgent = [], [], False
        more = [*self._answers, *reports, *self._measured()]
        self._answers = []
        self._send([*held, *more], [*ages, *[0.0] * len(more)])

    def close(self) -> None:
        """Start nothing more: the node leaves."""
        self._waiting.clear()
        for staged in self._staged.values():
            staged.drop()
        self._staged.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _start_next(self) -> RunId | None:
        """Start the next run if a slot is free, or note the one that has started itself."""
        if self._begun:
            run_id = self._begun.popleft()
            self._settle(run_id, started=True)
            return run_id
        if not self._waiting or len(self._began) >= self._config.task_slots:
            return None
        run_id = next(iter(self._waiting))
        start_run, staged = self._waiting.pop(run_id), self._staged.pop(run_id, None)
        if staged is None:
            self._start(start_run)
        else:
            staged.begin()
        return run_id

    def _stage_more(self) -> None:
        """Stage the next runs, as many as may begin before the node's loop gets to it."""
        most = max(STAGED * self._config.task_slots, LEAST_STAGED)
        for run_id, start_run in islice(self._waiting.items(), most):
            if run_id not in self._staged:
                staged = self._stage(
                    start_run, partial(self._has_begun, run_id), partial(self._will_not, run_id)
                )
                if staged is None:
                    return
                self._staged[run_id] = staged

    def _has_begun(self, run_id: RunId) -> None:
        """A staged run has begun by itself."""
        self._waiting.pop(run_id, None)
        self._staged.pop(run_id, None)
        self._begun.append(run_id)

    def _will_not(self, run_id: RunId) -> None:
        """A staged run has not begun: it was recalled, or its spawner was lost and it waits."""
        self._staged.pop(run_id, None)
        self._settle(run_id, started=False)
        asyncio.get_running_loop().call_soon(self.flush)

    def _lasts_s(self) -> float:
        """How long the node has work if nothing comes."""
        return len(self._waiting) * (self._mean_s or 0.0) / self._config.task_slots

    def _measured(self) -> list[Report]:
        """How many runs should wait here, if that has changed much since a run exited."""
        if self._mean_s is None or not self._news:
            return []
        self._news = False
        round_trip_s = self._round_trip_s()
        depth = depth_for(self._mean_s, round_trip_s, self._config.task_slots)
        if depth == self._depth or 0 < self._depth / 3 < depth < 1.5 * self._depth:
            return []
        self._depth = depth
        patience_s = (1.0 + 4 * round_trip_s) * self._config.speed
        return [DepthMeasured(node_id=self._config.node_id, depth=depth, patience_s=patience_s)]


def depth_for(run_s: float, round_trip_s: float, slots: int) -> int:
    """Return how many runs a node should have waiting: those of two round trips."""
    away_s = round_trip_s + TURN_S
    if run_s > LONGEST_S or away_s < GAIN * run_s:
        return 0
    return min(MOST, math.ceil(2 * slots * (away_s + HOLD_S) / max(run_s, 1e-6)))
