"""A report in sentences and tables: what people read first."""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter
from typing import NamedTuple

from markupsafe import Markup

from batchlab.core.answers.wait_kinds import WAITS
from batchlab.core.model import price_per_hour
from batchlab.core.state.states import ACTIVITIES
from batchlab.history.schema import JOB_STATES, RUNS
from batchlab.history.subject import PastRun, SubjectHistory, by
from batchlab.html import details, table
from batchlab.reports.numbers import Numbers, hours_of, task_counts
from batchlab.words import amount, money, natural, node_name, span_text

__all__ = ["Grid", "grids", "sentences"]

MOST = 20
"""Rows of a table."""
NAMED, LISTED = 3, 2000
"""How many of the tasks that failed in one way are named at once, and in a list that is folded."""


class Grid(NamedTuple):
    """A table: `numbers` are the right-aligned columns."""

    title: str
    columns: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]
    left_out: int = 0

    @property
    def numbers(self) -> tuple[str, ...]:
        """All columns with numbers."""
        return tuple(c for c in self.columns[1:] if c not in _TEXT)

    def html(self) -> Markup:
        """The table as HTML."""
        rows = self.rows
        if self.columns[-1:] == ("which",):
            rows = [(*row[:-1], _folded(row[-1].split(", "))) for row in rows]
        return table(self.title, self.columns, rows, left_out=self.left_out,
                     numbers=self.numbers)  # fmt: skip


def _folded(names: list[str]) -> str:
    """A few names; the others, if there are any, are in a list that is folded."""
    few, more = ", ".join(names[:NAMED]), len(names) - NAMED
    if more <= 0:
        return few
    rest = len(names) - LISTED
    last = f" and {rest:,} more" if rest > 0 else ""
    return details(f"{few} and {more:,} more", ", ".join(names[NAMED:LISTED]) + last)


_TEXT = ("state", "size", "node", "job", "result", "kind", "which")


def hours(amount: float) -> str:
    """A number of hours as text."""
    return span_text(amount * 3600)


def sentences(numbers: Numbers) -> list[tuple[str, str]]:
    """The summary of a report: pairs of a label and a sentence."""
    until = "" if numbers.is_final else ", still running"
    span = span_text((numbers.end - numbers.begin).total_seconds())
    told = [("Time", f"{numbers.begin:%Y-%m-%d %H:%M:%S} UTC, {span}{until}")]
    told.append(("Tasks", _tasks(numbers)))
    if numbers.run_times:
        parts = (("median", 0.5), ("90% within", 0.9), ("longest", 1.0))
        text = ", ".join(f"{name} {span_text(numbers.run_time(p) or 0)}" for name, p in parts)
        told.append(("Run times", f"{text}; {hours(numbers.task_hours)} in all"))
    waited = sum(numbers.waiting_hours.values())
    if waited:
        most = max(numbers.waiting_hours, key=lambda key: numbers.waiting_hours[key])
        share = numbers.waiting_hours[most] / waited
        told.append(
            ("Waiting", f"{hours(waited)} in all, {share:.0%} because {WAITS[most].label}")
        )
    if numbers.preparation_hours:
        part = numbers.preparation_share
        beside = ""
        if part is not None:
            much = f"{part:.0%} of" if part < 10 else f"{part:,.0f} times"
            beside = f", {much} the task time"
        told.append(("Preparation", hours(numbers.preparation_hours) + beside))
    if numbers.utilisation is not None:
        told.append(("Slots in use", f"{numbers.utilisation:.0%} on average"))
    told += _nodes(numbers)
    return told


def _tasks(numbers: Numbers) -> str:
    if not numbers.tasks:
        return "none"
    states = ("succeeded", "failed", "running", "waiting")
    parts = [f"{n:,} {state}" for state in states if (n := getattr(numbers, state))]
    parts += [f"{numbers.timed_out:,} timed out"] if numbers.timed_out else []
    parts += [f"{numbers.retries:,} retries"] if numbers.retries else []
    parts += [f"{numbers.requeues:,} requeues"] if numbers.requeues else []
    return f"{numbers.tasks:,}: {', '.join(parts)}"


def _nodes(numbers: Numbers) -> list[tuple[str, str]]:
    told = []
    total = sum(numbers.node_hours.values())
    if numbers.history.kind != "job":
        idle = numbers.node_hours.get("idle", 0.0)
        text = f"{numbers.machines:,}, {amount(total)} node-hours" if total else "none"
        told.append(("Nodes", text + (f", {idle / total:.0%} idle" if idle else "")))
    if numbers.cost:
        idle = numbers.cost.get("idle", 0.0)
        text = money(numbers.total_cost) + (
            f", of which {money(idle)} for idle time" if idle else ""
        )
        text += " for its share of the nodes" if numbers.history.kind == "job" else ""
        told.append(("Cost", text + " (list prices, for illustration)"))
    if numbers.unpriced:
        told.append(("Price unknown", ", ".join(numbers.unpriced)))
    return told


def grids(numbers: Numbers) -> list[Grid]:
    """The tables of a report; empty ones are left out."""
    history = numbers.history
    found = [_waiting(numbers), _activity(numbers)]
    if history.kind == "lab":
        found.append(_pools(numbers))
    if history.kind != "job":
        found.append(_jobs(history))
    else:
        found.append(_preparations(history))
    found += [_slowest(history), _failures(history)]
    if not numbers.cost and not numbers.unpriced:
        found = [_without_cost(grid) for grid in found]
    return [grid for grid in found if grid.rows]


def _without_cost(grid: Grid) -> Grid:
    if "cost" not in grid.columns:
        return grid
    return grid._replace(columns=grid.columns[:-1], rows=[row[:-1] for row in grid.rows])


def _waiting(numbers: Numbers) -> Grid:
    total = sum(numbers.waiting_hours.values()) or 1
    ordered = sorted(numbers.waiting_hours.items(), key=lambda item: -item[1])
    rows = [(WAITS[key].label, hours(amount), f"{amount / total:.1%}") for key, amount in ordered]
    return Grid("Why tasks waited", ("because", "task time", "share"), rows)


def _activity(numbers: Numbers) -> Grid:
    if not numbers.node_hours:
        return Grid("What the nodes did", (), [])
    total = sum(numbers.node_hours.values())
    rows = [
        (ACTIVITIES[key].label, f"{amount:,.3f}", f"{amount / total:.1%}",
         money(numbers.cost[key]) if key in numbers.cost else "unknown")
        for key, amount in numbers.node_hours.items()
    ]  # fmt: skip
    rows.append(("all", f"{total:,.3f}", "100.0%",
                 money(numbers.total_cost) if numbers.cost else "unknown"))  # fmt: skip
    return Grid("What the nodes did", ("doing", "node-hours", "share", "cost"), rows)


def _pools(numbers: Numbers) -> Grid:
    history, times = numbers.history, numbers.times
    rows = []
    for pool in history.pools:
        spent = {key: amount for (of, key), amount in times.hours.items() if of == pool}
        total = sum(spent.values())
        share = [f"{spent.get(key, 0) / total:.0%}" if total else "" for key in ("tasks", "idle")]
        cost = sum(amount for (of, _), amount in times.costs.items() if of == pool)
        size = history.tables.vm_sizes[pool]
        is_priced = price_per_hour(size, dedicated=True) is not None
        has_price = history.tables.priced[pool]
        text = money(cost) if is_priced and has_price else "unknown" if has_price else ""
        rows.append((history.pool_name(pool), size,
                     f"{times.machines.get(pool, 0):,}", f"{total:,.3f}", *share,
                     text))  # fmt: skip
    columns = ("pool", "size", "machines", "node-hours", "tasks", "idle", "cost")
    return _cut("Pools", columns, rows)


def _jobs(history: SubjectHistory) -> Grid:
    states = dict(zip(history.tables.columns["job_states"]["job"],
                      history.tables.columns["job_states"]["state"], strict=True))  # fmt: skip
    of_job = by(history.runs, attrgetter("job"))
    rows = []
    for job, counts in task_counts(history).items():
        runs = of_job.get(job, [])
        tasks, preparation = hours_of(runs, "task"), hours_of(runs, "jobpreparation")
        rows.append((
            history.job_name(job), JOB_STATES[states[job]], f"{sum(counts):,}", f"{counts[2]:,}",
            f"{counts[3]:,}", hours(tasks) if tasks else "",
            hours(preparation) if preparation else "",
            f"{preparation / tasks:.0%}" if tasks and preparation else "",
        ))  # fmt: skip
    columns = ("job", "state", "tasks", "succeeded", "failed", "task time", "preparation",
               "of task time")  # fmt: skip
    return _cut("Jobs", columns, rows)


def _preparations(history: SubjectHistory) -> Grid:
    rows, of_node = [], by(history.runs, attrgetter("node"))
    for node in history.nodes:
        runs = of_node.get(node, [])
        tasks = [run for run in runs if run.kind == "task"]
        spent = [hours_of(runs, kind) for kind in ("task", "jobpreparation", "jobrelease")]
        rows.append((node_name(history.tables.node_ids[node]), f"{len(tasks):,}",
                     *(hours(amount) if amount else "" for amount in spent)))  # fmt: skip
    columns = ("node", "runs", "task time", "preparation", "release")
    return _cut("Nodes", columns, rows)


def _slowest(history: SubjectHistory) -> Grid:
    runs = sorted((run for run in history.runs if run.kind == "task" and run.outcome),
                  key=lambda run: -run.seconds)[:10]  # fmt: skip
    rows = [
        (run.task_id, history.job_name(run.job), node_name(history.tables.node_ids[run.node]),
         RUNS[run.outcome].label, span_text(run.seconds))
        for run in runs
    ]  # fmt: skip
    return Grid("Longest runs", ("task", "job", "node", "result", "time"), rows)


def _failures(history: SubjectHistory) -> Grid:
    found: dict[tuple[str, str], list[PastRun]] = {}
    for run in history.runs:
        if run.outcome in ("failure", "retry", "lost"):
            found.setdefault((_wrong(run), run.kind), []).append(run)
    names = {"jobpreparation": "preparation", "jobrelease": "release", "starttask": "start task"}
    rows = [
        (reason, names.get(kind, kind), f"{len(runs):,}", _named(history, runs))
        for (reason, kind), runs in sorted(found.items(), key=lambda item: -len(item[1]))
    ]
    return _cut("What went wrong", ("reason", "kind", "times", "which"), rows)


def _named(history: SubjectHistory, runs: Sequence[PastRun]) -> str:
    """The tasks among runs, with their jobs if there are several."""
    one_job = history.kind == "job"
    tasks = {
        (run.task_id if one_job else f"{history.job_name(run.job)}/{run.task_id}"): None
        for run in runs if run.task_id
    }  # fmt: skip
    return ", ".join(sorted(tasks, key=natural))


def _wrong(run: PastRun) -> str:
    if run.outcome != "failure" or not run.reason:
        return _TOLD[run.outcome]
    return "its time limit was exceeded" if run.reason == "TimedOut" else run.reason


_TOLD = {"failure": "it failed", "retry": "it failed and was retried",
         "lost": "its node was lost"}  # fmt: skip


def _cut(title: str, columns: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> Grid:
    return Grid(title, columns, rows[:MOST], max(0, len(rows) - MOST))
