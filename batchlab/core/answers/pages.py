"""Pages of a long, filtered list: answering one page never blocks the service for long.

A page starts after a number, not at a position: tasks that are added, deleted or changed between
two pages are never shown twice and do not cause others to be skipped. A filter reads fields
directly from the records where it can. For other fields it needs a view, which costs fifty times
as much, so fewer tasks are examined per page.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from fnmatch import translate
from itertools import compress, islice
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
"""Pairs of a field and its allowed values; all of them must match."""

LOOKS = 20_000
"""The number of records examined for one page."""
VIEWS = 1000
"""The number of views created for one page."""

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
"""Fields of a `TaskView` that can be read without creating one."""


def page_tasks(
    job: JobRecord, question: PageTasks, view: Callable[[TaskRecord], TaskView]
) -> TaskPage:
    """Answer with the next matching tasks, or with fewer if too many had to be examined."""
    limit = question.limit
    if question.after < 0 or limit < 1:
        raise invalid("after, limit", (question.after, limit), "after must be 0 or more, and "
                      "limit 1 or more")  # fmt: skip
    following = _following(job, question.after)
    looked = found = list(islice(following, LOOKS))
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
    more = next(following, None) is not None
    return TaskPage(items, looked[-1].number if more else None, numbers)


def _following(job: JobRecord, number: int) -> Iterator[TaskRecord]:
    """The tasks of a job after a number."""
    tasks = job.tasks.values()
    if len(tasks) == job.added:  # none was deleted: its number is its place
        return islice(tasks, number, None)
    kept = list(tasks)
    return islice(kept, bisect_right(kept, number, key=_number), None)


def chosen(job: JobRecord, task_ids: Iterable[str]) -> Iterator[TaskRecord]:
    """The tasks with these ids that exist."""
    for task_id in task_ids:
        task = job.tasks.get(fold(task_id))
        if task is not None:
            yield task


def matching(views: Iterable[V], where: Where) -> list[V]:
    """The views that match."""
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
