"""The numbers of a report: computed once, then only written and drawn."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime

from batchlab.core.answers.wait_kinds import WAITS
from batchlab.core.state.states import ACTIVITIES
from batchlab.history.node_times import NodeTimes
from batchlab.history.series import Series, Steps
from batchlab.history.subject import PastRun, SubjectHistory
from batchlab.history.waiting import Waiting
from batchlab.percentiles import percentile

__all__ = ["Numbers", "count"]


@dataclass(frozen=True)
class Numbers:
    """The numbers of a report. Hours are lab time, costs are US dollars.

    Attributes
    ----------
    begin, end : datetime
        The time covered, on the lab's clock.
    is_final : bool
        Whether it is complete; if not, it is a snapshot.
    succeeded, failed, running, waiting : int
        Tasks at the end.
    timed_out : int
        How many runs exceeded their time limit.
    retries, requeues : int
        How often a task started again after a failure, and after it lost its node.
    run_times : list of float
        The duration of each completed task run in seconds, shortest first.
    task_hours : float
        The duration of all task runs, including those that failed or were cut short.
    preparation_hours, release_hours, start_task_hours : float
        The same for preparation, release and start tasks.
    slot_hours, capacity_hours : float
        Slot-hours in use, and slot-hours of nodes that could take tasks.
    waiting_hours : dict
        Hours that tasks waited, by reason.
    node_hours : dict
        What nodes did, by activity; empty for a job, which does not own nodes.
    cost : dict
        What that would have cost, by activity. For a job, its share by slots: ``tasks`` while they
        ran, ``preparation`` while they held their slots and waited for it.
    machines : int
        How many machines were used.
    unpriced : list of str
        Sizes without a known price, which are not in `cost`.
    """

    begin: datetime
    end: datetime
    is_final: bool
    succeeded: int
    failed: int
    running: int
    waiting: int
    timed_out: int
    retries: int
    requeues: int
    run_times: list[float]
    task_hours: float
    preparation_hours: float
    release_hours: float
    start_task_hours: float
    slot_hours: float
    capacity_hours: float
    waiting_hours: dict[str, float]
    node_hours: dict[str, float]
    cost: dict[str, float]
    machines: int
    unpriced: list[str]
    lines: dict[str, Series] = field(repr=False)
    history: SubjectHistory = field(repr=False)
    times: NodeTimes = field(repr=False)

    @property
    def tasks(self) -> int:
        """How many tasks there are."""
        return self.succeeded + self.failed + self.running + self.waiting

    @property
    def most_running(self) -> int:
        """How many tasks ran at the same time, at most."""
        return int(self.lines["tasks"].most("running"))

    @property
    def utilisation(self) -> float | None:
        """The fraction of slots in use; None if there were none."""
        return self.slot_hours / self.capacity_hours if self.capacity_hours else None

    @property
    def preparation_share(self) -> float | None:
        """Hours of preparation per hour of tasks; None without tasks."""
        return self.preparation_hours / self.task_hours if self.task_hours else None

    @property
    def total_cost(self) -> float:
        """The total cost."""
        return sum(self.cost.values())

    def run_time(self, part: float) -> float | None:
        """The time in which this part of the runs was done: 0.5 is the median."""
        return percentile(self.run_times, 100 * part)


def count(history: SubjectHistory) -> Numbers:
    """Compute the numbers of a history."""
    begin, end = history.begin, history.end
    waiting = Waiting(history)
    times = NodeTimes(history)
    states = task_counts(history)
    tasks, line = [run for run in history.runs if run.kind == "task"], Steps()
    for run in tasks:
        line.span("running", run.start, run.end)
    reasons = waiting.steps.series([*WAITS, "capacity", "used"], begin, end)
    is_job = history.kind == "job"
    nodes = times.steps.series(ACTIVITIES, begin, end)
    return Numbers(
        begin=datetime.fromtimestamp(begin, UTC),
        end=datetime.fromtimestamp(end, UTC),
        is_final=not history.going_on,
        succeeded=sum(row[2] for row in states.values()),
        failed=sum(row[3] for row in states.values()),
        running=sum(row[1] for row in states.values()),
        waiting=sum(row[0] for row in states.values()),
        timed_out=sum(run.reason == "TimedOut" for run in tasks),
        retries=sum(run.outcome == "retry" for run in tasks),
        requeues=sum(run.outcome in ("requeued", "lost") for run in history.runs if run.slots),
        run_times=sorted(run.seconds for run in tasks if run.outcome in ("success", "failure")),
        task_hours=hours_of(history.runs, "task"),
        preparation_hours=hours_of(history.runs, "jobpreparation"),
        release_hours=hours_of(history.runs, "jobrelease"),
        start_task_hours=hours_of(history.runs, "starttask"),
        slot_hours=reasons.hours("used"),
        capacity_hours=reasons.hours("capacity"),
        waiting_hours={key: hours for key in WAITS if (hours := reasons.hours(key))},
        node_hours={} if is_job else _by_activity(times.hours),
        cost=_share(history, times) if is_job else _by_activity(times.costs),
        machines=len(history.nodes) if is_job else sum(times.machines.values()),
        unpriced=times.unpriced,
        lines={
            "waiting": reasons,
            "nodes": nodes,
            "tasks": line.series(["running"], begin, end),
        },
        history=history,
        times=times,
    )


def hours_of(runs: list[PastRun], kind: str) -> float:
    """The duration of all runs of a kind, in hours; subtasks count as tasks."""
    kinds = ("task", "subtask") if kind == "task" else (kind,)
    return sum(run.seconds for run in runs if run.kind in kinds) / 3600


def task_counts(history: SubjectHistory) -> dict[int, tuple[int, int, int, int]]:
    """Tasks by state of each job: active, running, succeeded, failed; for a deleted job, the
    last ones.
    """
    rows, wanted = history.tables.columns["counts"], set(history.jobs)
    found = dict.fromkeys(history.jobs, (0, 0, 0, 0))
    for at, job, *counts in zip(*(rows[name] for name in rows), strict=True):
        if job in wanted and at >= history.life(job)[0] and any(counts):
            active, running, succeeded, failed = counts
            found[job] = (active, running, succeeded, failed)
    return found


def _by_activity(amounts: dict[tuple[int, str], float]) -> dict[str, float]:
    found = {
        activity: sum(amount for (_, doing), amount in amounts.items() if doing == activity)
        for activity in ACTIVITIES
    }
    return {activity: amount for activity, amount in found.items() if amount}


def _share(history: SubjectHistory, times: NodeTimes) -> dict[str, float]:
    """What the slots held by a job's tasks would have cost."""
    cost: dict[str, float] = {}
    names = {"task": "tasks", "subtask": "tasks", "waiting": "preparation"}
    for run in history.runs:
        if run.kind in names:
            slots = max(1, history.slots.get(history.pool_of(run.node), 1))
            dollars = (times.price(run.node) or 0.0) * run.seconds / 3600 * run.slots / slots
            cost[names[run.kind]] = cost.get(names[run.kind], 0.0) + dollars
    return {name: cost[name] for name in names.values() if cost.get(name)}
