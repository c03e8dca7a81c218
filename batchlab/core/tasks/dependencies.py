"""Tasks that depend on other tasks of their job.

A task with dependencies is ``active`` from the start and is queued when the last dependency is
satisfied: the parent has completed, and its exit conditions say ``satisfy`` (by default, if it
succeeded). If a parent fails with ``block``, its children stay active forever, unless it is
reactivated and then succeeds. A dependency that was satisfied once stays satisfied.

Ranges consist of numbers. A task whose id is a whole number in decimal, with or without leading
zeros, has that number; the first of several such tasks to complete satisfies it. A range is a
single entry, however long it is and however many tasks refer to it: it watches the highest of its
missing numbers, and is satisfied when none is missing. All ranges that watch the same number
advance together, so the total time grows only linearly with the number of tasks.
"""

from __future__ import annotations

from collections.abc import Iterator
from heapq import heappop, heappush
from typing import TYPE_CHECKING

from batchlab.core.model import TaskSpec
from batchlab.core.model.ids import fold
from batchlab.core.state import phases
from batchlab.core.state.dependencies import DependenciesRecord, SpanRecord
from batchlab.core.state.records import TaskRecord
from batchlab.errors import InvalidRequest, invalid

if TYPE_CHECKING:
    from batchlab.core.state.records import JobRecord

SHORT = 32
"""Ranges of up to this many numbers are shown number by number."""


def check(job: JobRecord, spec: TaskSpec) -> None:
    """Refuse dependencies if the job does not use them, and of a task on itself."""
    wanted = spec.depends_on
    if wanted is None:
        return
    if not job.spec.uses_task_dependencies:
        raise InvalidRequest(
            "TaskDependenciesNotSpecifiedOnJob",
            f"task {spec.id!r} has depends_on, but job {job.spec.id!r} was not created with "
            "uses_task_dependencies=True",
            {"PropertyName": "depends_on"},
        )
    number = number_of(spec.id)
    if fold(spec.id) in map(fold, wanted.task_ids) or any(
        number is not None and span.start <= number <= span.end for span in wanted.task_id_ranges
    ):
        raise invalid("depends_on", spec.id, "a task cannot depend on itself", owner="TaskSpec")


def number_of(task_id: str) -> int | None:
    """The number that an id stands for, if any."""
    return int(task_id) if task_id.isdecimal() and task_id.isascii() else None


def hold(job: JobRecord, task: TaskRecord) -> None:
    """Make a new task wait for its dependencies; `task.unmet` counts the missing ones."""
    if task.spec.depends_on is None:
        return
    book = job.dependencies
    for key in _ids(task):
        book.by_id.setdefault(key, []).append(task)
        task.unmet += 1
    for start, end in _spans(task):
        record = book.spans.get((start, end)) or _open_span(book, start, end)
        record.waiting.append(task)
        task.unmet += 1


def satisfy(job: JobRecord, task_id: str) -> list[TaskRecord]:
    """A dependency is satisfied: return the tasks that have nothing left to wait for."""
    book, key, number = job.dependencies, fold(task_id), number_of(task_id)
    freed: list[TaskRecord] = []
    if key not in book.satisfied:
        book.satisfied[key] = None
        freed += book.by_id.pop(key, ())
    if number is not None and number not in book.below:
        book.below[number] = number - 1
        for record in _go_on(book, number):
            del book.spans[record.start, record.end]
            freed += record.waiting
    ready = []
    for task in freed:
        task.unmet -= 1
        if not task.unmet and isinstance(task.phase, phases.TaskActive):
            ready.append(task)
    return ready


def missing(task: TaskRecord) -> list[str]:
    """The ids and ranges that a task still waits for, in order; short ranges as numbers."""
    if task.spec.depends_on is None:
        return []
    names, below = list(_ids(task).values()), task.job.dependencies.below
    for start, end in _spans(task):
        if end - start < SHORT:
            names += [str(number) for number in range(start, end + 1) if number not in below]
        else:
            names.append(f"{start}-{end}")
    return names


def unmet(task: TaskRecord) -> int:
    """How many ids and ranges a task still waits for."""
    return len(_ids(task)) + len(_spans(task)) if task.spec.depends_on else 0


def _ids(task: TaskRecord) -> dict[str, str]:
    """The ids that a task waits for: folded, and as given."""
    wanted, satisfied = task.spec.depends_on, task.job.dependencies.satisfied
    assert wanted is not None
    names = {fold(task_id): task_id for task_id in wanted.task_ids}
    return {key: name for key, name in names.items() if key not in satisfied}


def _spans(task: TaskRecord) -> dict[tuple[int, int], None]:
    """The ranges that a task waits for."""
    wanted, below = task.spec.depends_on, task.job.dependencies.below
    assert wanted is not None
    return {
        (span.start, span.end): None
        for span in wanted.task_id_ranges
        if _highest(below, span.end) >= span.start
    }


# -- ranges -------------------------------------------------------------------------------------


def _highest(below: dict[int, int], number: int) -> int:
    """The highest missing number up to this one; -1 if there is none.

    `below` maps each satisfied number to a lower one; paths are shortened for the next search.
    """
    found = number
    while (lower := below.get(found)) is not None:
        found = lower
    while number != found:
        below[number], number = found, below[number]
    return found


def _open_span(
    book: DependenciesRecord[TaskRecord], start: int, end: int
) -> SpanRecord[TaskRecord]:
    record = book.spans[start, end] = SpanRecord(start=start, end=end)
    heappush(book.looking.setdefault(_highest(book.below, end), []), (-start, end, record))
    return record


def _go_on(book: DependenciesRecord[TaskRecord], number: int) -> Iterator[SpanRecord[TaskRecord]]:
    """A number is satisfied: yield the completed ranges; the others watch the next number."""
    looking = book.looking.pop(number, None)
    if not looking:
        return
    lower = _highest(book.below, number)
    while looking and -looking[0][0] > lower:
        yield heappop(looking)[2]
    if looking:
        others = book.looking.get(lower, [])
        few, many = sorted((looking, others), key=len)
        for entry in few:
            heappush(many, entry)
        book.looking[lower] = many


# -- parents ------------------------------------------------------------------------------------


class Parents:
    """The parents of the tasks of a job, asked for task by task; each parent is returned once.

    If several tasks have the same number, none of them is returned: any of them may satisfy it.
    """

    def __init__(self, job: JobRecord) -> None:
        self._job = job
        self._live: dict[int, list[TaskRecord]] | None = None
        self._named: dict[int, int] = {}

    def of(self, task: TaskRecord) -> list[TaskRecord] | str:
        """The parents of a task; if one of them failed or does not exist, its id."""
        found = []
        for key, name in _ids(task).items():
            parent = self._job.tasks.get(key)
            if parent is None or isinstance(parent.phase, phases.TaskCompleted):
                return name
            found.append(parent)
        for start, end in _spans(task):
            for number in self._missing(start, end):
                live = self._by_number().get(number, ())
                if not live:
                    return str(number)
                found += live if len(live) == 1 else ()
        return found

    def _missing(self, start: int, end: int) -> Iterator[int]:
        """The missing numbers of a range that were not returned before."""
        below, number = self._job.dependencies.below, end
        while True:
            number = _highest(below, _highest(self._named, number))
            if number < start:
                return
            if number not in self._named:
                self._named[number] = number - 1
                yield number

    def _by_number(self) -> dict[int, list[TaskRecord]]:
        """The tasks that may still satisfy a number."""
        if self._live is None:
            self._live = {}
            for task in self._job.tasks.values():
                number = number_of(task.spec.id)
                if number is not None and not isinstance(task.phase, phases.TaskCompleted):
                    self._live.setdefault(number, []).append(task)
        return self._live
