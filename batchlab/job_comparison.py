"""Two runs of work on one clock: `compare_jobs`."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from batchlab.core.model.ids import fold
from batchlab.display import Displayed
from batchlab.drivers.ports import Connection
from batchlab.errors import invalid
from batchlab.extras import pandas
from batchlab.handles.job import Job
from batchlab.handles.lab import BaseLab
from batchlab.handles.verbs import verb
from batchlab.history.subject import SubjectHistory, tables_of
from batchlab.reports.run_comparison import FIGURES, ComparedRun, TaskKey, differences, slower

__all__ = ["JobComparison", "compare_jobs"]

MOST = 60
"""Characters of a name."""


class JobComparison(Displayed):
    """Two runs beside each other, from `compare_jobs`: a snapshot, which needs no lab.

    Attributes
    ----------
    a, b : ComparedRun
        Each with its `name`, its `numbers` as in a report, and `seconds`, `waited`, `node_hours`,
        `idle_share` and the `durations` of its tasks.
    factor : float
        How many times as long a task must take to be named as slower.
    """

    def __init__(self, a: ComparedRun, b: ComparedRun, factor: float) -> None:
        self.a, self.b, self.factor = a, b, factor

    @property
    def differences(self) -> list[str]:
        """What differs, in sentences."""
        return differences(self.a, self.b, self.factor)

    @property
    def only_in_a(self) -> list[TaskKey]:
        """The tasks that only the first run has."""
        return [task for task in self.a.durations if task not in self.b.durations]

    @property
    def only_in_b(self) -> list[TaskKey]:
        """The tasks that only the second run has."""
        return [task for task in self.b.durations if task not in self.a.durations]

    @property
    def slower(self) -> dict[TaskKey, float]:
        """The tasks that took more than `factor` times as long in `b`, with how many times."""
        return slower(self.a, self.b, self.factor)

    @property
    def faster(self) -> dict[TaskKey, float]:
        """The tasks that took more than `factor` times as long in `a`, with how many times."""
        return slower(self.b, self.a, self.factor)

    def numbers(self) -> dict[str, tuple[float | None, float | None]]:
        """The numbers of both by name: times in seconds, cost in US dollars."""
        return {name: (figure.of(self.a), figure.of(self.b)) for name, figure in FIGURES.items()}

    def to_frame(self) -> Any:
        """`numbers` as a pandas DataFrame, with the columns ``a``, ``b`` and ``difference``.

        Raises
        ------
        NotInstalled
            pandas is not installed.
        """
        pd = pandas()
        frame = pd.DataFrame.from_dict(
            self.numbers(), orient="index", columns=["a", "b"], dtype=float
        )
        frame.index.name = "number"
        return frame.assign(difference=frame["b"] - frame["a"])

    def rows(self) -> Iterator[tuple[str, str, str]]:
        """The numbers as text; those that are zero in both are left out."""
        for name, pair in self.numbers().items():
            if any(pair):
                one, other = ("" if value is None else FIGURES[name].text(value) for value in pair)
                yield FIGURES[name].label, one, other

    def __repr__(self) -> str:
        lines = [f"{self.a.name} and {self.b.name}", *(f"- {text}" for text in self.differences)]
        grid = [("", self.a.name, self.b.name), *self.rows()]
        widths = [max(len(row[column]) for row in grid) for column in range(3)]
        lines += [
            f"{label:<{widths[0]}}  {one:>{widths[1]}}  {other:>{widths[2]}}"
            for label, one, other in grid
        ]
        return "\n".join(line.rstrip() for line in lines)


@verb
def compare_jobs(
    a: Job | BaseLab | str | os.PathLike[str],
    b: Job | BaseLab | str | os.PathLike[str],
    *,
    names: tuple[str, str] | None = None,
    factor: float = 1.5,
) -> JobComparison:
    """Compare two runs on one clock: both timelines from their beginnings, and what differs.

    A job begins when it is created, a lab with its first pool or job. Runs may still be going on;
    the comparison is about this moment, and says so.

    Parameters
    ----------
    a, b : Job, lab or path
        Jobs of one lab or of two, also of closed ones; all that a lab did; or the folder or file
        of a lab's journal, which is only read.
    names : (str, str), optional
        What to call them; by default their ids.
    factor : float, default 1.5
        A task is named as slower if it took more than so many times as long; at least 1.

    Returns
    -------
    JobComparison

    Raises
    ------
    NotFound
        ``JobNotFound``; ``FileNotFound``: no such journal.
    InvalidRequest
        ``InvalidPropertyValue``: something else than a job, a lab or a path, or without tasks;
        ``InvalidInput``: not a journal.

    Examples
    --------
    >>> comparison = compare_jobs(lab.jobs["monday"], lab.jobs["tuesday"])  # doctest: +SKIP
    >>> comparison.differences  # doctest: +SKIP
    """
    if isinstance(factor, bool) or not isinstance(factor, (int, float)) or not factor >= 1:
        raise invalid("factor", factor, "must be a number, at least 1", owner="compare_jobs")
    sides = [_Side(place, thing) for place, thing in (("a", a), ("b", b))]
    called = _names(names, [side.name for side in sides])
    runs = [side.run(name) for side, name in zip(sides, called, strict=True)]
    return JobComparison(runs[0], runs[1], float(factor))


class _Side:
    """One of the two arguments, with its own name."""

    connection: Connection

    def __init__(self, place: str, thing: object) -> None:
        self.place, self.thing = place, thing
        self.kind, self.id = "lab", ""
        if isinstance(thing, Job):
            self.connection, self.kind, self.id = thing._connection, "job", thing.id
            self.name = thing.id
        elif isinstance(thing, BaseLab):
            self.connection, self.name = thing._connection, "Lab"
        elif isinstance(thing, (str, os.PathLike)) and os.fspath(thing):
            from batchlab.drivers.replayed import ReplayedConnection  # noqa: PLC0415 - if needed

            path = Path(os.fspath(thing))
            self.connection, self.name = ReplayedConnection(path), path.name or str(path)
        else:
            reason = "must be a job, a lab, or the folder of a lab's journal"
            raise invalid(place, thing, reason, owner="compare_jobs")

    def run(self, name: str) -> ComparedRun:
        history = SubjectHistory(tables_of(self.connection), self.kind, self.id)
        run = ComparedRun.of(name, history, self.connection)
        if not run.durations:
            reason = "has no tasks, so there is nothing to compare: add tasks first"
            raise invalid(self.place, self.thing, reason, owner="compare_jobs")
        return run


def _names(names: object, own: list[str]) -> tuple[str, str]:
    if names is None:
        if fold(own[0]) == fold(own[1]):
            own = [f"{own[0]} (a)", f"{own[1]} (b)"]
        return own[0], own[1]
    given = list(names) if isinstance(names, (tuple, list)) else []
    if (
        len(given) != 2
        or not all(isinstance(name, str) and 0 < len(name.strip()) <= MOST for name in given)
        or given[0] == given[1]
    ):
        reason = f"must be two different texts, each of 1 to {MOST} characters"
        raise invalid("names", names, reason, owner="compare_jobs")
    return given[0], given[1]
