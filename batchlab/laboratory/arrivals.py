"""When tasks arrive and how long they take: the load that a formula has to cope with.

A pattern is drawn with a seed, and the same seed draws the same tasks, so that formulas are
compared under exactly the same load. The duration of a task is drawn with its arrival, not when it
starts. Days begin at midnight UTC, and the first day is a Monday.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta
from operator import attrgetter
from pathlib import Path
from random import Random
from typing import Any

from batchlab.core.messages.outputs import StartRun, TaskChanged
from batchlab.core.model.ids import fold
from batchlab.core.model.ranges import is_number, is_whole
from batchlab.drivers.journal import read, replay
from batchlab.drivers.simulated.workload import Behavior
from batchlab.durations import format_duration, parse_duration
from batchlab.errors import invalid
from batchlab.laboratory.patterns import (
    DAY_S,
    Arrival,
    Both,
    Bursts,
    Listed,
    Rated,
    lasting,
)

__all__ = ["Arrivals", "as_arrivals"]

MOST_TASKS = 1_000_000
"""The most tasks that one pattern may draw."""

Draw = Callable[[float, Random], Iterable["Arrival"]]


class Arrivals:
    """A pattern of arriving tasks, created by the class methods. Patterns can be added.

    Examples
    --------
    >>> Arrivals.office_hours(100, task="5m") + Arrivals.bursts(50, every="6h", task="20m")
    Arrivals.office_hours(100, task=5m) + Arrivals.bursts(50, every=6h, task=20m)
    """

    def __init__(self, said: str, draw: Draw) -> None:
        self._said = said
        self._draw = draw

    # -- patterns --------------------------------------------------------------------------------

    @classmethod
    def constant(cls, per_hour: float = 60, *, task: Any = "5m", jitter: float = 0.2) -> Arrivals:
        """Tasks that arrive at any time, day and night.

        Parameters
        ----------
        per_hour : float, default 60
            How many on average; the exact times are random.
        task : Behavior or duration, default 5 minutes
            What each task does.
        jitter : float, default 0.2
            How much durations vary: 0.2 means up to 20 % more or less.

        Raises
        ------
        InvalidRequest
            ``InvalidPropertyValue``: an argument is invalid.
        """
        rate, behavior = _number("per_hour", per_hour), _behavior(task)
        spread = _jitter(jitter)
        return cls(
            f"Arrivals.constant({rate:g}, task={_said(behavior)})",
            Rated([rate] * 168, behavior, spread),
        )

    @classmethod
    def office_hours(
        cls,
        per_hour: float = 120,
        *,
        quiet_per_hour: float = 0,
        begin: float = 8,
        end: float = 18,
        task: Any = "5m",
        jitter: float = 0.2,
    ) -> Arrivals:
        """Tasks that arrive from Monday to Friday, between two hours of the day (UTC).

        Parameters
        ----------
        per_hour : float, default 120
            How many on average during office hours.
        quiet_per_hour : float, default 0
            How many at any other time.
        begin, end : int, default 8 and 18
            Whole hours of the day.
        task, jitter
            As for `constant`.

        Raises
        ------
        InvalidRequest
            ``InvalidPropertyValue``: an argument is invalid.
        """
        owner = "Arrivals.office_hours"
        first, last = _hour("begin", begin), _hour("end", end)
        if first >= last:
            raise invalid("end", end, f"must come after begin, {begin}", owner=owner)
        busy, quiet = _number("per_hour", per_hour), _number("quiet_per_hour", quiet_per_hour)
        behavior, spread = _behavior(task), _jitter(jitter)
        rates = [
            busy if day < 5 and first <= hour < last else quiet
            for day in range(7)
            for hour in range(24)
        ]
        return cls(
            f"Arrivals.office_hours({busy:g}, task={_said(behavior)})",
            Rated(rates, behavior, spread),
        )

    @classmethod
    def bursts(
        cls,
        size: int = 100,
        *,
        every: Any = "4h",
        first: Any = "1h",
        task: Any = "5m",
        jitter: float = 0.2,
    ) -> Arrivals:
        """Many tasks at once, at regular intervals, as a script would add them.

        Parameters
        ----------
        size : int, default 100
            Tasks per burst.
        every : duration, default 4 hours
            From one burst to the next.
        first : duration, default 1 hour
            When the first burst arrives.
        task, jitter
            As for `constant`.

        Raises
        ------
        InvalidRequest
            ``InvalidPropertyValue``: an argument is invalid.
        """
        owner = "Arrivals.bursts"
        count = _number("size", size)
        if count != int(count) or not 1 <= count <= MOST_TASKS:
            raise invalid("size", size, "must be a whole number, 1 or more", owner=owner)
        period = parse_duration(every, name="every", owner=owner)
        if period < timedelta(seconds=1):
            raise invalid("every", format_duration(period), "must be a second or more",
                          owner=owner)  # fmt: skip
        begin = parse_duration(first, name="first", owner=owner)
        behavior, spread = _behavior(task), _jitter(jitter)
        return cls(
            f"Arrivals.bursts({count:g}, every={format_duration(period)}, task={_said(behavior)})",
            Bursts(int(count), period.total_seconds(), begin.total_seconds(), behavior, spread),
        )

    @classmethod
    def listed(cls, entries: Iterable[Any], *, task: Any = "5m") -> Arrivals:
        """Tasks at given times.

        Parameters
        ----------
        entries : list
            Each entry is a moment (a duration since midnight of the first day: ``"8h30m"``), a
            pair (moment, number of tasks), or a triple (moment, number of tasks, what they do: a
            duration or a `Behavior`).
        task : Behavior or duration, default 5 minutes
            What tasks do whose entry does not say.

        Raises
        ------
        InvalidRequest
            ``InvalidPropertyValue``: an argument is invalid.
        """
        other = _behavior(task)
        if isinstance(entries, (str, bytes)) or not isinstance(entries, Iterable):
            raise invalid("entries", entries, "must be a list", owner="Arrivals.listed")
        found: list[Arrival] = []
        for index, entry in enumerate(entries):
            found += _listed(f"entries[{index}]", entry, other)
            if len(found) > MOST_TASKS:
                raise invalid("entries", f"{len(found)} tasks",
                              f"may have {MOST_TASKS:,} tasks at most",
                              owner="Arrivals.listed")  # fmt: skip
        return cls(f"Arrivals.listed({len(found)} tasks)", Listed(found))

    @classmethod
    def recorded(cls, journal: str | os.PathLike[str]) -> Arrivals:
        """The tasks of a previous lab, from its journal.

        ``Lab(journal=path)`` writes one. Each task arrives when it was added there, counted from
        the midnight before the first, takes as long as its last run, and ends the same way. A
        task that did not end there takes 5 minutes.

        Raises
        ------
        NotFound
            ``FileNotFound``.
        InvalidRequest
            ``InvalidInput``: not a journal.
        """
        if not isinstance(journal, (str, os.PathLike)):
            raise invalid("journal", journal, "must be a path", owner="Arrivals.recorded")
        found = list(_recorded(Path(journal)))
        return cls(f"Arrivals.recorded({os.fspath(journal)!r})", Listed(found))

    # -- use -------------------------------------------------------------------------------------

    def draw(self, days: float = 1, *, seed: int = 0) -> list[Arrival]:
        """The tasks of some days, in order of arrival.

        Parameters
        ----------
        days : float, default 1
        seed : int, default 0
            Random seed; equal seeds give equal tasks.

        Raises
        ------
        InvalidRequest
            ``InvalidPropertyValue``: more than a million tasks.
        """
        found: list[Arrival] = []
        for arrival in self._draw(days * DAY_S, Random(seed)):
            found.append(arrival)
            if len(found) > MOST_TASKS:
                raise invalid("days", days, f"would draw more than {MOST_TASKS:,} tasks",
                              owner="Arrivals.draw")  # fmt: skip
        found.sort(key=attrgetter("at"))
        return found

    def __add__(self, other: object) -> Arrivals:
        if not isinstance(other, Arrivals):
            return NotImplemented
        return Arrivals(f"{self} + {other}", Both(self._draw, other._draw))

    def __repr__(self) -> str:
        return self._said


def as_arrivals(workload: Any, owner: str) -> Arrivals:
    """A pattern, or something that stands for one: a list of moments, the path of a journal."""
    if isinstance(workload, Arrivals):
        return workload
    if isinstance(workload, os.PathLike):
        return Arrivals.recorded(workload)
    if isinstance(workload, (list, tuple)):
        return Arrivals.listed(workload)
    raise invalid(
        "workload",
        workload,
        "must be Arrivals such as Arrivals.office_hours(100), a list of moments, or the Path of a "
        "journal",
        owner=owner,
    )


# Patterns are classes, not functions, so that they can be sent to another process.


def _behavior(task: Any) -> Behavior:
    found = task if isinstance(task, Behavior) else Behavior.from_sugar(task)
    if not isinstance(found, Behavior):
        raise invalid("task", task, "must be a duration or a Behavior", owner="Arrivals")
    return found if found.duration is not None else lasting(found, 300.0)


def _said(behavior: Behavior) -> str:
    assert behavior.duration is not None
    return format_duration(behavior.duration)


def _number(name: str, value: Any) -> float:
    if not is_number(value) or not 0 <= value <= 1e6:
        raise invalid(name, value, "must be a number from 0 to 1,000,000", owner="Arrivals")
    return float(value)


def _jitter(value: Any) -> float:
    if not is_number(value) or not 0 <= value < 1:
        raise invalid("jitter", value, "must be a number from 0 to less than 1", owner="Arrivals")
    return float(value)


def _hour(name: str, value: Any) -> int:
    if not is_whole(value) or not 0 <= value <= 24:
        raise invalid(name, value, "must be a whole hour from 0 to 24", owner="Arrivals")
    return value


def _listed(name: str, entry: Any, other: Behavior) -> list[Arrival]:
    parts = entry if isinstance(entry, (list, tuple)) else (entry,)
    if not 1 <= len(parts) <= 3:
        raise invalid(name, entry, "must be a moment, (moment, count) or (moment, count, task)",
                      owner="Arrivals.listed")  # fmt: skip
    at = parse_duration(parts[0], name=name, owner="Arrivals.listed").total_seconds()
    count = parts[1] if len(parts) > 1 else 1
    if not is_whole(count) or not 0 <= count <= MOST_TASKS:
        raise invalid(
            name, count, "the count must be a whole number, 0 or more", owner="Arrivals.listed"
        )
    behavior = _behavior(parts[2]) if len(parts) > 2 else other
    return [Arrival(at, behavior)] * count


def _recorded(path: Path) -> Iterator[Arrival]:
    """Replay a journal; record when tasks were added and how long their last runs took."""
    _, inputs = read(path)
    _, steps = replay(path)
    came: dict[tuple[str, str], float] = {}
    began: dict[Any, float] = {}
    took: dict[tuple[str, str], Behavior] = {}
    for (now, item), step in zip(inputs, steps, strict=True):
        for change in step.changes:
            if isinstance(change, TaskChanged):
                came.setdefault((fold(change.job_id), fold(change.task_id)), now)
        for command in step.commands:
            if isinstance(command, StartRun) and command.kind == "task":
                began[command.run_id] = now
        run_id: Any = getattr(item, "run_id", None)
        if run_id is not None and run_id in began:
            code = getattr(item, "exit_code", 0) or 0
            took[fold(run_id.job_id), fold(run_id.task_id)] = Behavior(
                duration=timedelta(seconds=now - began.pop(run_id)), exit_code=min(255, abs(code))
            )
    if not came:
        return
    midnight = min(came.values()) // DAY_S * DAY_S
    for key, moment in sorted(came.items(), key=lambda item: item[1]):
        yield Arrival(moment - midnight, took.get(key) or Behavior(duration=timedelta(minutes=5)))
