"""Tasks of one job that were added together, to wait for together or one by one.

A task counts as completed when the service says so. A list follows the changes, and queries the
completed tasks only if more has happened than the service remembers.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from batchlab.core.messages.outputs import TaskChanged
from batchlab.core.messages.questions import CountTasks, ListTaskIds, TaskCompletedSince
from batchlab.core.model.ids import fold
from batchlab.display import Displayed
from batchlab.drivers.ports import Connection
from batchlab.errors import NotFound
from batchlab.handles.collections.pages import task_ids
from batchlab.handles.progress import Progress, show_progress
from batchlab.handles.python_tasks.results import take
from batchlab.handles.task import Task
from batchlab.handles.verbs import Duration, Watch, seconds, verb
from batchlab.words import plural

__all__ = ["TaskList"]


class TaskList(list[Task], Displayed):
    """Tasks of one job that were added together, in order, to wait for together."""

    def __repr__(self) -> str:
        if not self:
            return "no tasks"
        ends = self[0].id if len(self) == 1 else f"{self[0].id} ... {self[-1].id}"
        return f"{plural(len(self), 'task')}: {ends}"

    @verb
    def results(self, *, timeout: Duration = None, progress: bool | None = None) -> list[Any]:
        """Wait for all of them; return what the functions returned, in order.

        To get each result as soon as it is available, use ``for task in tasks: task.result()``
        (in the order of the list) or `as_completed` (in the order of completion).

        Parameters
        ----------
        timeout : duration, optional
            In lab time, for all of them together; no limit if omitted.
        progress : bool, default True
            Whether to show progress; see `wait`.

        Raises
        ------
        Exception
            What the first failed task, in order, raised; see `Task.result`.
        WaitTimeout
            ``OperationTimedOut``: the timeout expired.
        WaitNeverEnds
            Nothing in progress will complete them all; the message says why.
        """
        left = self._clock(timeout, "TaskList.results")
        done = 0
        with show_progress(lambda: self._progress(done), None, progress) as watching:
            values = []
            for done, task in enumerate(self):  # noqa: B007 - shown meanwhile
                values.append(take(task, next(left), watch=watching))
            done = len(self)
        return values

    @verb
    def wait(
        self, *, timeout: Duration = None, watch: Watch | None = None,
        progress: bool | None = None,
    ) -> None:  # fmt: skip
        """Block until all are completed, even if some fail.

        The parameters are those of `Tasks.wait`.

        Raises
        ------
        WaitTimeout
            ``OperationTimedOut``: the timeout expired.
        WaitNeverEnds
            Nothing in progress will complete them all; the message says why.
        """
        clock = self._clock(timeout, "TaskList.wait")
        if not self:
            return
        done = 0
        with show_progress(lambda: self._progress(done), watch, progress) as watching:
            for _ in self._completed(clock, watching):
                done += 1

    def _progress(self, done: int) -> Progress:
        total = len(self)
        parts = (("completed", done), ("waiting", total - done))
        return Progress(f"job {self[0].job_id}", "tasks", parts, done, total)

    @verb
    def as_completed(self, *, timeout: Duration = None) -> Iterator[Task]:
        """Iterate over the tasks as they complete, successfully or not.

        Parameters
        ----------
        timeout : duration, optional
            In lab time, until the last completes; no limit if omitted.

        Raises
        ------
        NotFound
            ``TaskNotFound``: one of them was deleted.
        WaitTimeout
            ``OperationTimedOut``: the timeout expired.
        WaitNeverEnds
            Nothing in progress will complete them all; the message says why.
        """
        return self._completed(self._clock(timeout, "TaskList.as_completed"), None)

    def _clock(self, timeout: Duration, owner: str) -> Iterator[float | None]:
        """How much of the timeout is left at each step."""
        limit = seconds(timeout, owner)
        if limit is None or not self:
            while True:
                yield None
        now = self[0]._connection.now
        end = now() + limit
        while True:
            yield max(0.0, end - now())

    def _completed(self, left: Iterator[float | None], watch: Watch | None) -> Iterator[Task]:
        if not self:
            return
        connection, job_id = self[0]._connection, self[0].job_id
        pending = {fold(task.id): task for task in self}
        since = connection.changes(-1).next
        there = set(map(fold, connection.ask(ListTaskIds(job_id=job_id))))
        for key, task in pending.items():
            if key not in there:
                raise _gone(task.id)
        yield from _taken(pending, _completed_ids(connection, job_id))
        while pending:
            count = connection.ask(CountTasks(job_id=job_id)).completed
            found: list[Task] = []
            more = True
            while more:
                batch = connection.changes(since)
                since, more = batch.next, batch.more
                if batch.fresh:  # more has happened than the service remembers
                    found += _taken(pending, _completed_ids(connection, job_id))
                ids = [
                    change.task_id
                    for change in batch.changes
                    if isinstance(change, TaskChanged)
                    and change.job_id == job_id
                    and _is_over(change, pending)
                ]
                found += _taken(pending, ids)
            yield from found
            if pending and not found:
                goal = TaskCompletedSince(job_id=job_id, completed=count)
                connection.wait(goal, next(left), watch)


def _is_over(change: TaskChanged, pending: dict[str, Task]) -> bool:
    if change.state == "deleted" and fold(change.task_id) in pending:
        raise _gone(change.task_id)
    return change.state == "completed"


def _gone(task_id: str) -> NotFound:
    return NotFound("TaskNotFound", f"task {task_id!r} was deleted")


def _taken(pending: dict[str, Task], ids: Iterable[str]) -> list[Task]:
    found = (pending.pop(fold(name), None) for name in ids)
    return [task for task in found if task is not None]


def _completed_ids(connection: Connection, job_id: str) -> Iterator[str]:
    return task_ids(connection, job_id, (("state", ("completed",)),))
