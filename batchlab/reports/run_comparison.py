"""Two runs of work compared: their numbers beside each other, and what differs, in words."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

from batchlab.core.answers.wait_kinds import WAITS
from batchlab.history.load import load_of
from batchlab.history.series import Series
from batchlab.history.subject import SubjectHistory
from batchlab.history.task_rows import rows_of
from batchlab.reports.numbers import Numbers, count, hours_of
from batchlab.words import amount, money, natural, plural, span_text

__all__ = ["FIGURES", "ComparedRun", "Figure", "TaskKey", "differences"]

TaskKey = str | tuple[str, str]
"""The id of a task or, among several jobs, of its job and itself."""
LEAST = 0.02
"""The least difference worth a sentence, as a part of the larger number."""
NAMED = 3
"""How many tasks a sentence names."""
_WHAT = {"jobpreparation": "preparations", "starttask": "start tasks"}


@dataclass(frozen=True)
class ComparedRun:
    """One of two runs that are compared: all numbers of it, on its own clock.

    Attributes
    ----------
    name : str
        What it is called here.
    numbers : Numbers
        As in its report.
    durations : dict
        How long each task took that succeeded, in seconds; None for the others.
    """

    name: str
    numbers: Numbers
    durations: dict[TaskKey, float | None] = field(repr=False)

    @classmethod
    def of(cls, name: str, history: SubjectHistory, connection: Any) -> ComparedRun:
        """Everything about a job or a lab."""
        return cls(name, count(history), _durations(history, connection))

    @property
    def begin(self) -> float:
        """When it was created, in seconds since 1970 (UTC)."""
        return self.numbers.history.begin

    @cached_property
    def seconds(self) -> float:
        """From its creation to the end of its last task; until now if tasks are left."""
        history = self.numbers.history
        if self.tasks_left:
            return history.end - self.begin
        ends = [run.end for run in history.runs if run.kind in ("task", "subtask")]
        return max(ends, default=history.end) - self.begin

    @property
    def tasks_left(self) -> int:
        """How many tasks were not completed when it was looked at."""
        return self.numbers.running + self.numbers.waiting

    @property
    def waited(self) -> dict[str, float]:
        """How long its tasks waited in all, in seconds, by reason."""
        return {kind: 3600 * hours for kind, hours in self.numbers.waiting_hours.items()}

    @property
    def node_hours(self) -> float:
        """Hours of its nodes; of a job's nodes while it existed."""
        return sum(self.numbers.times.hours.values())

    @property
    def idle_share(self) -> float | None:
        """The part of them in which nodes were idle; None without any."""
        hours = self.numbers.times.hours
        idle = sum(amount for (_, doing), amount in hours.items() if doing == "idle")
        return idle / self.node_hours if self.node_hours else None

    @cached_property
    def load(self) -> Series:
        """Its running and waiting tasks over time."""
        history = self.numbers.history
        return load_of(history.tables, history.jobs, self.begin, history.end)

    def runs(self, kind: str) -> int:
        """How many runs of a kind there were."""
        return sum(run.kind == kind for run in self.numbers.history.runs)


def _durations(history: SubjectHistory, connection: Any) -> dict[TaskKey, float | None]:
    jobs = {job: history.job_name(job) for job in history.jobs}
    alone = len(jobs) == 1

    def key(job: str, task: str) -> TaskKey:
        return task if alone else (job, task)

    found: dict[TaskKey, float | None] = {}
    for name in jobs.values():
        for row in rows_of(connection).chosen(("", name, "", "", "task", False), history.end):
            found[key(row.job, row.id)] = None
    for run in history.runs:
        if run.kind == "task":
            done = run.seconds if run.outcome == "success" else None
            found[key(jobs[run.job], run.task_id)] = done
    return found


class Figure(NamedTuple):
    """A number that both runs have."""

    label: str
    of: Callable[[ComparedRun], float | None]
    text: Callable[[float], str]


def _whole(number: float) -> str:
    return f"{number:,.0f}"


def _percent(part: float) -> str:
    return f"{part:.0%}"


def _waiting(kind: str) -> Callable[[ComparedRun], float]:
    return lambda run: run.waited.get(kind, 0.0)


FIGURES = {
    "duration": Figure("duration", lambda run: run.seconds, span_text),
    "tasks": Figure("tasks", lambda run: run.numbers.tasks, _whole),
    "succeeded": Figure("succeeded", lambda run: run.numbers.succeeded, _whole),
    "failed": Figure("failed", lambda run: run.numbers.failed, _whole),
    "left": Figure("not completed", lambda run: run.tasks_left, _whole),
    "retries": Figure("retries", lambda run: run.numbers.retries, _whole),
    "requeues": Figure("requeues", lambda run: run.numbers.requeues, _whole),
    "median_run": Figure("median run of a task", lambda run: run.numbers.run_time(0.5), span_text),
    "task_time": Figure("time of all tasks", lambda run: 3600 * run.numbers.task_hours, span_text),
    "preparations": Figure("preparations", lambda run: run.runs("jobpreparation"), _whole),
    "preparation_time": Figure(
        "their time", lambda run: 3600 * run.numbers.preparation_hours, span_text
    ),
    "waited": Figure("tasks waited, in all", lambda run: sum(run.waited.values()), span_text),
    **{f"waited: {kind}": Figure(f"… because {look.label}", _waiting(kind), span_text)
       for kind, look in WAITS.items()},
    "node_hours": Figure("node-hours", lambda run: run.node_hours, amount),
    "idle_share": Figure("of them idle", lambda run: run.idle_share, _percent),
    "cost": Figure("cost, at list prices",
                   lambda run: run.numbers.total_cost if run.numbers.cost else None, money),
}  # fmt: skip
"""What is compared, by the name of its row in a DataFrame. Times are in seconds."""


def differences(a: ComparedRun, b: ComparedRun, factor: float) -> list[str]:
    """What differs, in sentences, the most important first."""
    return [*_length(a, b), *_waits(a, b), *_prepared(a, b), *_trouble(a, b), *_nodes(a, b),
            *_tasks(a, b, factor)]  # fmt: skip


def slower(a: ComparedRun, b: ComparedRun, factor: float) -> dict[TaskKey, float]:
    """The tasks that took more than `factor` times as long in b as in a, and how many times."""
    found = {}
    for task, before in a.durations.items():
        after = b.durations.get(task)
        if before and after and after > max(before * factor, 0.05):
            found[task] = after / before
    return dict(sorted(found.items(), key=lambda item: -item[1]))


def _differ(one: float, other: float, least: float) -> bool:
    """Whether two numbers differ by at least so much, and by more than a small part of them."""
    return abs(one - other) >= max(least, LEAST * max(one, other))


def _length(a: ComparedRun, b: ComparedRun) -> Iterator[str]:
    for run in (a, b):
        if run.tasks_left:
            left = plural(run.tasks_left, "task")
            yield f"{run.name} is not finished: {left} left after {span_text(run.seconds)}."
    if not _differ(a.seconds, b.seconds, 0.05):
        if not a.tasks_left and not b.tasks_left:
            yield f"Both took {span_text(a.seconds)}."
        return
    short, long = sorted((a, b), key=lambda run: run.seconds)
    more = span_text(long.seconds - short.seconds)
    times = f", {long.seconds / short.seconds:.1f} times as long" if short.seconds else ""
    yield (f"{long.name} took {span_text(long.seconds)}, {short.name} "
           f"{span_text(short.seconds)}: {more} longer{times}.")  # fmt: skip


def _waits(a: ComparedRun, b: ComparedRun) -> Iterator[str]:
    one, other = a.waited, b.waited
    kinds = [kind for kind in WAITS if _differ(one.get(kind, 0), other.get(kind, 0), 0.5)]
    for kind in sorted(kinds, key=lambda kind: -abs(one.get(kind, 0) - other.get(kind, 0))):
        short, long = sorted((a, b), key=lambda run: run.waited.get(kind, 0.0))
        least, most = (run.waited.get(kind, 0.0) for run in (short, long))
        against = (
            f"those of {short.name} {span_text(least)}"
            if least
            else f"those of {short.name} did not"
        )
        yield (f"Tasks of {long.name} waited {span_text(most)} in all because "
               f"{WAITS[kind].label}, {against}.")  # fmt: skip


def _prepared(a: ComparedRun, b: ComparedRun) -> Iterator[str]:
    for kind, what in _WHAT.items():
        said, seconds = [], []
        for run in (a, b):
            seconds.append(3600 * hours_of(run.numbers.history.runs, kind))
            times = plural(run.runs(kind), "run")
            said.append(f"{span_text(seconds[-1])} in {run.name} ({times})"
                        if run.runs(kind) else f"none in {run.name}")  # fmt: skip
        if a.runs(kind) != b.runs(kind) or _differ(seconds[0], seconds[1], 0.5):
            yield f"Time of {what}: {', '.join(said)}."


def _trouble(a: ComparedRun, b: ComparedRun) -> Iterator[str]:
    for name, what in (("failed", "Failed tasks"), ("timed_out", "Exceeded time limits"),
                       ("retries", "Retries"), ("requeues", "Requeues")):  # fmt: skip
        counts = [getattr(run.numbers, name) for run in (a, b)]
        if counts[0] != counts[1]:
            yield f"{what}: {counts[0]:,} in {a.name}, {counts[1]:,} in {b.name}."


def _nodes(a: ComparedRun, b: ComparedRun) -> Iterator[str]:
    idle = [run.idle_share for run in (a, b)]
    if None not in idle and abs((idle[0] or 0) - (idle[1] or 0)) >= LEAST:
        yield (f"Nodes were idle {idle[0]:.0%} of the time in {a.name}, {idle[1]:.0%} in "
               f"{b.name}.")  # fmt: skip
    short, long = sorted((a, b), key=lambda run: run.node_hours)
    if _differ(a.node_hours, b.node_hours, 1e-6):
        yield (f"{long.name} used {amount(long.node_hours)} node-hours, {short.name} "
               f"{amount(short.node_hours)}.")  # fmt: skip
    one, other = (run.numbers.total_cost for run in (a, b))
    if a.numbers.cost and b.numbers.cost and _differ(one, other, 1e-6):
        yield (f"{a.name} costs {money(one)}, {b.name} {money(other)} "
               "(list prices, for illustration).")  # fmt: skip


def _tasks(a: ComparedRun, b: ComparedRun, factor: float) -> Iterator[str]:
    for run, other in ((a, b), (b, a)):
        extra = list(run.durations.keys() - other.durations.keys())
        if extra:
            are = "is" if len(extra) == 1 else "are"
            yield f"{plural(len(extra), 'task')} {are} only in {run.name}: {_named(extra)}."
    for run, other in ((a, b), (b, a)):
        late = slower(run, other, factor)
        if late:
            texts = [f"{_text(task)} ({_times(times)})" for task, times in late.items()]
            yield (f"{plural(len(late), 'task')} took more than {factor:g} times as long in "
                   f"{other.name}: {_cut(texts)}.")  # fmt: skip


def _times(times: float) -> str:
    return f"{times:,.1f} times"


def _text(task: TaskKey) -> str:
    return task if isinstance(task, str) else "/".join(task)


def _named(tasks: list[TaskKey]) -> str:
    return _cut(sorted(map(_text, tasks), key=natural))


def _cut(texts: list[str]) -> str:
    more = len(texts) - NAMED
    return ", ".join(texts[:NAMED]) + (f" and {more:,} more" if more > 0 else "")
