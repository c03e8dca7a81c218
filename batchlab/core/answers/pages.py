"""Pages of a long list, and which of it is wanted: a look never holds the service up for long.

A page begins after a number, not at a position: tasks that come, go or change their state between
two pages are neither shown twice nor cause others to be left out. What a filter asks for is
looked up in the records where it stands there as it is; for the other fields a view is made,
which costs fifty times as much, so that fewer tasks are looked at for one page.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from fnmatch import translate
from itertools import compress
from operator import attrgetter
from typing import TYPE_CHECKING, Any, TypeVar

from batchlab.core.messages.questions import PageTasks, TaskPage
from batchlab.core.messages.views import TaskView
from batchlab.core.model.ids import fold
from batchlab.core.model.values import View
from batchlab.core.state.phases import TaskCompleted
from batchlab.errors import invalid

if TYPE_CHECKING:
    from batchlab.core.state.records import JobRecord, TaskRecord

__all__ = ["Where", "chosen", "matching", "page_tasks"]

Where = tuple[tuple[str, tuple[Any, ...]], ...]
"""Pairs of a field and the values that it may have; all of them must fit."""

LOOKS = 20_000
"""Records that are looked at for one page."""
VIEWS = 1000
"""Views that are made for one page."""

Test = Callable[[Any], bool]
_number = attrgetter("number")
V = TypeVar("V", bound=View)


def _completed(task: TaskRecord) -> TaskCompleted | None:
    return task.phase if isinstance(task.phase, TaskCompleted) else None


def _exit_code(task: TaskRecord) -> int | None:
    done = _completed(task)
    return done.exit_code if done else None


def _result(task: TaskRecord) -> str | None:
    done = _completed(task)
    return ("failure" if done.failure else "success") if done else None


_READY: dict[str, Callable[[TaskRecord], Any]] = {
    "id": attrgetter("spec.id"),
    "state": attrgetter("phase.state"),
    "exit_code": _exit_code,
    "result": _result,
    "node_id": lambda task: task.node.id if task.node else None,
    "retry_count": attrgetter("retry_count"),
    "requeue_count": attrgetter("requeue_count"),
    "required_slots": attrgetter("slots"),
}
"""Fields of a `TaskView` that can be had without making one."""


def page_tasks(
    job: JobRecord, question: PageTasks, view: Callable[[TaskRecord], TaskView]
) -> TaskPage:
    """Answer with the next tasks that fit, or with the fewer that could be looked at."""
    limit = question.limit
    if question.after < 0 or limit < 1:
        raise invalid("after, limit", (question.after, limit), "a page begins at 0 or later and "
                      "has room for one task")  # fmt: skip
    tasks = list(job.tasks.values())
    start = bisect_right(tasks, question.after, key=_number)
    looked = found = tasks[start : start + LOOKS]
    rest = []
    for name, values in question.where:
        test = _test(name, values)
        if name in _READY:
            get = _READY[name]
            found = [task for task in found if test(get(task))]
        else:
            rest.append((name, test))
    room = limit if question.only_ids and not rest else min(limit, VIEWS)
    cut = len(found) > room
    found = found[:room]
    last = found[-1].number if found else 0
    if question.only_ids and not rest:
        items: list[Any] = [task.spec.id for task in found]
    else:
        items = [view(task) for task in found]
        if rest:
            fitting = [all(test(getattr(one, name)) for name, test in rest) for one in items]
            items, found = list(compress(items, fitting)), list(compress(found, fitting))
        if question.only_ids:
            items = [one.id for one in items]
    numbers = [task.number for task in found]
    if cut:
        return TaskPage(items, last, numbers)
    return TaskPage(items, looked[-1].number if start + LOOKS < len(tasks) else None, numbers)


def chosen(job: JobRecord, task_ids: Iterable[str]) -> Iterator[TaskRecord]:
    """Those of some tasks that are there."""
    for task_id in task_ids:
        task = job.tasks.get(fold(task_id))
        if task is not None:
            yield task


def matching(views: Iterable[V], where: Where) -> list[V]:
    """Those views that fit."""
    tests = [(name, _test(name, values)) for name, values in where]
    return [view for view in views if all(test(getattr(view, name)) for name, test in tests)]


def _test(name: str, values: tuple[Any, ...]) -> Test:
    if name != "id" and not name.endswith("_id"):
        return lambda value: value in values
    texts = [fold(value) for value in values if value is not None]
    none = None in values
    if not any("*" in text or "?" in text for text in texts):
        wanted = frozenset(texts)
        return lambda value: none if value is None else fold(value) in wanted
    pattern = re.compile("|".join(map(translate, texts)))
    return lambda value: none if value is None else pattern.match(fold(value)) is not None
