"""The queue of a node: runs that it starts by itself as soon as a slot is free.

A run that waits here has not begun. When a run exits, the oldest one starts in its place, and
one report has both. Such reports are held for `HOLD_S` and sent together while the node has work
for as long, because the host's answer is not urgent then; all others are sent at once. `TakeBack`
and the exits come on one thread, the node's loop, so a run is either taken back or started.

How many runs should wait depends on how long runs and a round trip take: enough that the node has
work until the next command comes, and none if that gains little. The host decides which (see
`batchlab.core.placement.ahead`).
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Sequence

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
    """

    def __init__(
        self,
        config: NodeConfig,
        start: Callable[[StartRun], None],
        send: Callable[[Sequence[Report], Sequence[float]], None],
        round_trip_s: Callable[[], float],
    ) -> None:
        self._config = config
        self._start = start
        self._send = send
        self._round_trip_s = round_trip_s
        self._waiting: dict[RunId, StartRun] = {}
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

    def take_back(self, run_ids: Sequence[RunId]) -> None:
        """Do not start these runs, unless they have started already."""
        taken = [run_id for run_id in run_ids if self._waiting.pop(run_id, None) is not None]
        started = [run_id for run_id in run_ids if run_id not in taken]
        if not self._waiting:
            self._depth = 0  # the host may want none for now: tell it again after the next exit
        self.send([TakenBack(taken=tuple(taken), started=tuple(started))])

    def begin(self, start_run: StartRun) -> None:
        """Note that a run begins."""
        if start_run.kind == "task":
            self._began[start_run.run_id] = time.monotonic()

    def exited(self, report: RunExited, *, reported: bool) -> None:
        """A run is over: start the next one in its place, and keep the report for `flush`."""
        began = self._began.pop(report.run_id, None)
        if began is not None:
            took_s = time.monotonic() - began
            mean_s = took_s if self._mean_s is None else self._mean_s
            self._mean_s = mean_s + LATEST * (took_s - mean_s)
            self._news = True
            then = self._start_next()
            if then is not None:
                report = msgspec.structs.replace(report, then=then)
        if reported:
            self._reports.append(report)
            self._times.append(time.monotonic())
            self._urgent = self._urgent or report.then is None

    def flush(self) -> None:
        """Send the reports, or hold them for a moment while there is enough to do."""
        if not self._reports:
            return
        if self._urgent or self._lasts_s() < HOLD_S:
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
        more = [*reports, *self._measured()]
        self._send([*held, *more], [*ages, *[0.0] * len(more)])

    def close(self) -> None:
        """Start nothing more: the node leaves."""
        self._waiting.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _start_next(self) -> RunId | None:
        if not self._waiting or len(self._began) >= self._config.task_slots:
            return None
        run_id = next(iter(self._waiting))
        self._start(self._waiting.pop(run_id))
        return run_id

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
