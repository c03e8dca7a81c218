"""Tasks that wait for other tasks of their job.

A task with dependencies is ``active`` from the start and is queued when the last of them is
satisfied: its parent completed, and its exit conditions say ``satisfy`` (by default, when it
succeeded). A parent that failed with ``block`` leaves its children active for ever, unless it is
reactivated and does better; one that was satisfied once stays so, whatever becomes of the parent.

Ranges name numbers. A task whose id is the decimal form of a whole number stands for it, leading
zeros or not, and the first of several to complete satisfies it. A short range is counted number
by number; a long one is one entry, however many tasks name it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from batchlab.core import phases
from batchlab.core.ids import fold
from batchlab.core.records import DependenciesRecord, SpanRecord, TaskRecord
from batchlab.core.specs import TaskDependencies, TaskSpec
from batchlab.errors import InvalidRequest, invalid

if TYPE_CHECKING:
    from batchlab.core.records import JobRecord

SHORT = 32
"""Ranges of at most so many numbers are counted number by number."""


def check(job: JobRecord, spec: TaskSpec) -> None:
    """Refuse dependencies in a job without them, and of a task on itself."""
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
        raise invalid("depends_on", spec.id, "a task cannot wait for itself", owner="TaskSpec")


def number_of(task_id: str) -> int | None:
    """The number that an id is, if it is one."""
    return int(task_id) if task_id.isdecimal() and task_id.isascii() else None


def hold(job: JobRecord, task: TaskRecord) -> None:
    """Have a new task wait for what it depends on; `task.unmet` counts what is missing."""
    wanted = task.spec.depends_on
    if wanted is None:
        return
    book = job.dependencies
    for key in dict.fromkeys(map(fold, wanted.task_ids)):
        if key not in book.satisfied:
            book.by_id.setdefault(key, []).append(task)
            task.unmet += 1
    for number in _short_numbers(wanted):
        if number not in book.numbers:
            book.by_number.setdefault(number, []).append(task)
            task.unmet += 1
    for span in dict.fromkeys(
        (span.start, span.end)
        for span in wanted.task_id_ranges
        if not _short(span.start, span.end)
    ):
        record = book.spans.get(span) or _open_span(book, *span)
        if record.missing:
            record.waiting.append(task)
            task.unmet += 1


def satisfy(job: JobRecord, task_id: str) -> list[TaskRecord]:
    """A task has ended well enough: the tasks that have nothing left to wait for."""
    book, key, number = job.dependencies, fold(task_id), number_of(task_id)
    freed: list[TaskRecord] = []
    if key not in book.satisfied:
        book.satisfied[key] = None
        freed += book.by_id.pop(key, ())
    if number is not None and number not in book.numbers:
        book.numbers[number] = None
        freed += book.by_number.pop(number, ())
        for (start, end), span in book.spans.items():
            if start <= number <= end:
                span.missing -= 1
                if not span.missing:
                    freed += span.waiting
                    span.waiting = []
    ready = []
    for task in freed:
        task.unmet -= 1
        if not task.unmet and isinstance(task.phase, phases.TaskActive):
            ready.append(task)
    return ready


def missing(task: TaskRecord) -> list[str]:
    """The ids and ranges that a task still waits for, in order."""
    wanted, book = task.spec.depends_on, task.job.dependencies
    if wanted is None:
        return []
    names = [task_id for task_id in wanted.task_ids if fold(task_id) not in book.satisfied]
    for span in wanted.task_id_ranges:
        if _short(span.start, span.end):
            numbers = range(span.start, span.end + 1)
            names += [str(number) for number in numbers if number not in book.numbers]
        elif book.spans[span.start, span.end].missing:
            names.append(f"{span.start}-{span.end}")
    return names


def parents(task: TaskRecord) -> list[TaskRecord] | None:
    """The tasks that a task still waits for; None when one of them failed or does not exist.

    Where several tasks stand for one number none of them is named: any may do.
    """
    wanted, job = task.spec.depends_on, task.job
    assert wanted is not None
    found = []
    for key in map(fold, wanted.task_ids):
        if key not in job.dependencies.satisfied:
            parent = job.tasks.get(key)
            if parent is None or isinstance(parent.phase, phases.TaskCompleted):
                return None
            found.append(parent)
    live = _live_numbers(job) if wanted.task_id_ranges else {}
    for span in wanted.task_id_ranges:
        inside = [number for number in live if span.start <= number <= span.end]
        have = sum(span.start <= number <= span.end for number in job.dependencies.numbers)
        if have + len(inside) <= span.end - span.start:
            return None
        found += [live[number][0] for number in inside if len(live[number]) == 1]
    return found


def _live_numbers(job: JobRecord) -> dict[int, list[TaskRecord]]:
    """The tasks that may still satisfy a number."""
    live: dict[int, list[TaskRecord]] = {}
    for task in job.tasks.values():
        number = number_of(task.spec.id)
        if number is None or number in job.dependencies.numbers:
            continue
        if not isinstance(task.phase, phases.TaskCompleted):
            live.setdefault(number, []).append(task)
    return live


def _short(start: int, end: int) -> bool:
    return end - start < SHORT


def _short_numbers(wanted: TaskDependencies) -> dict[int, None]:
    return {
        number: None
        for span in wanted.task_id_ranges
        if _short(span.start, span.end)
        for number in range(span.start, span.end + 1)
    }


def _open_span(book: DependenciesRecord, start: int, end: int) -> SpanRecord:
    have = sum(start <= number <= end for number in book.numbers)
    record = book.spans[start, end] = SpanRecord(missing=end - start + 1 - have)
    return record
