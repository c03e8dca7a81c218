"""Records of what the tasks of a job wait for; `tasks.dependencies` has the rules.

They only list the tasks that wait, and never look inside: `Waiting` is the record of a task.
"""

from __future__ import annotations

from typing import Generic, TypeVar

from batchlab.core.state.base import Record

Waiting = TypeVar("Waiting")


class SpanRecord(Record, Generic[Waiting], eq=False, kw_only=True):
    """A range of numbers that tasks wait for."""

    start: int
    end: int
    waiting: list[Waiting] = []


class DependenciesRecord(Record, Generic[Waiting], eq=False, kw_only=True):
    """The dependencies in one job, by id and by range, and which are satisfied.

    `below` maps every satisfied number to a lower one, which leads down to the next missing one.
    `looking` maps the highest missing number of unsatisfied ranges to a heap of these ranges, with
    the highest start first.
    """

    satisfied: dict[str, None] = {}
    by_id: dict[str, list[Waiting]] = {}
    below: dict[int, int] = {}
    spans: dict[tuple[int, int], SpanRecord[Waiting]] = {}
    looking: dict[int, list[tuple[int, int, SpanRecord[Waiting]]]] = {}
