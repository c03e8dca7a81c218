"""Tasks: their results, why they wait, their output, and the verbs to end or repeat them."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator
from typing import Any

from batchlab.core.messages.inputs import DeleteTask, ReactivateTask, TerminateTask, UpdateTask
from batchlab.core.messages.questions import (
    CountTasks,
    ExplainTask,
    GetTask,
    ListSubtasks,
    ListTaskIds,
    LocateTask,
    TaskIs,
    TasksCompleted,
)
from batchlab.core.messages.view_fields import TaskProperties
from batchlab.core.messages.views import TaskView
from batchlab.core.model import (
    TaskConstraints,
)
from batchlab.core.model.ids import fold
from batchlab.core.model.ranges import is_whole
from batchlab.core.model.values import TaskCounts
from batchlab.drivers.ports import Connection
from batchlab.errors import invalid
from batchlab.handles.base import Awaited, Handle
from batchlab.handles.collections.filters import where_text
from batchlab.handles.collections.mapping import Handles
from batchlab.handles.collections.pages import task_ids, task_views
from batchlab.handles.current import current_connection, current_name
from batchlab.handles.explanation import Explanation, end_of_stderr
from batchlab.handles.files import Files
from batchlab.handles.outputs import TaskOutputStorage
from batchlab.handles.progress import show_progress, tasks_of
from batchlab.handles.python_tasks.results import ResultProperty
from batchlab.handles.subtasks import Subtasks
from batchlab.handles.verbs import Duration, Watch, ask_for, check_state, seconds, verb
from batchlab.words import plural

__all__ = ["Task", "Tasks"]


class Task(Handle, Awaited, TaskProperties, init=False):
    """A command line that runs once. Properties query the service; `view` returns all at once."""

    __slots__ = ("_job_id",)

    result = ResultProperty()

    def __init__(self, connection: Connection, job_id: str, id: str) -> None:  # noqa: A002
        super().__init__(connection, id)
        self._job_id = job_id

    @classmethod
    def current(cls) -> Task:
        """The task that this process belongs to; see `Lab.current`."""
        connection = current_connection("Task.current")
        job_id = current_name("AZ_BATCH_JOB_ID", "Task.current")
        return cls(connection, job_id, current_name("AZ_BATCH_TASK_ID", "Task.current"))

    @property
    def job_id(self) -> str:
        """The id of its job."""
        return self._job_id

    def _key(self) -> tuple[str, ...]:
        return fold(self._job_id), fold(self._id)

    def view(self) -> TaskView:
        """All properties at one moment, as an immutable snapshot."""
        view: TaskView = self._connection.ask(GetTask(job_id=self._job_id, task_id=self._id))
        return view

    @property
    def files(self) -> Files:
        """Its files: ``stdout.txt``, ``stderr.txt`` and the working directory ``wd``."""
        place = LocateTask(job_id=self._job_id, task_id=self._id)
        return Files(self._connection, place, f"task {self._id!r}")

    @property
    def output_storage(self) -> TaskOutputStorage:
        """Its outputs in the lab's storage, by Azure's file conventions."""
        return TaskOutputStorage(self._connection, self._job_id, self._id)

    @property
    def subtasks(self) -> Subtasks:
        """Its subtasks on other nodes: a row for each subtask except the primary.

        Empty for a task that is not multi-instance or has no nodes yet.
        """
        rows = self._connection.ask(ListSubtasks(job_id=self._job_id, task_id=self._id))
        return Subtasks(rows)

    @verb
    def subtask_files(self, subtask_id: int) -> Files:
        """The files of a subtask on its node; 0 is the primary.

        Using them raises `NotFound` ``ResourceNotFound`` if there is no such subtask.
        """
        number = _number(subtask_id)
        place = LocateTask(job_id=self._job_id, task_id=self._id, subtask_id=number)
        return Files(self._connection, place, f"subtask {number} of task {self._id!r}")

    @property
    def stdout(self) -> str:
        """Its standard output; only the last 1 MiB, with a note, if it is longer."""
        return self.files.stream("stdout.txt")

    @property
    def stderr(self) -> str:
        """Its standard error; only the last 1 MiB, with a note, if it is longer."""
        return self.files.stream("stderr.txt")

    @verb
    def explain(self) -> Explanation:
        """Why it is not running now, or what happened if it failed, in sentences.

        For a failed task also what to do and the last lines of its stderr, if they are still on
        its node; for a multi-instance task those of the subtask that failed first, and for a task
        that a failed one blocks those of the failed one.

        Examples
        --------
        >>> task.explain()  # doctest: +SKIP
        The task exited with code 2, on node 1 of pool 'render', at 09:12:44 after 3.1 s.
            -> look at task.stderr, task.stdout and task.files; once it is fixed, ...
        stderr.txt:
            cannot open scene.blend
        """
        question = ExplainTask(job_id=self._job_id, task_id=self._id)
        reasons, view = self._connection.ask(question), self.view()
        failed, output = self, ""
        for reason in reasons:
            if reason.code == "Dependencies" and reason.example:
                failed = Task(self._connection, self._job_id, reason.example)
        end = view if failed is self else failed.view()
        if end.result == "failure" and end.start_time is not None:
            place = LocateTask(
                job_id=self._job_id, task_id=end.id, subtask_id=failed._culprit(end)
            )
            output = end_of_stderr(self._connection, (place, "stderr.txt"))
        return Explanation(reasons, f"Not waiting: the task is {view.state}.", output=output,
                           failed=end.result == "failure")  # fmt: skip

    def _culprit(self, view: TaskView) -> int:
        """The number of the subtask that failed first; 0, the primary, for any other task."""
        failed = [
            row for row in (self.subtasks if view.multi_instance_settings else [])
            if row.result == "failure" and row.end_time and row.failure_info
            and row.failure_info.code != "TaskEnded"
        ]  # fmt: skip
        return min(failed, key=lambda row: row.end_time or view.creation_time).id if failed else 0

    @verb
    def update(self, *, constraints: TaskConstraints) -> None:
        """Replace its constraints, the only property of a task that can change."""
        ask_for(self._connection, UpdateTask, "Task.update", job_id=self._job_id,
                task_id=self._id, constraints=constraints)  # fmt: skip

    @verb
    def terminate(self) -> None:
        """Terminate it: it becomes completed, with the failure ``TaskEnded``.

        Raises
        ------
        Conflict
            ``TaskCompleted``.
        """
        ask_for(self._connection, TerminateTask, "Task.terminate", job_id=self._job_id,
                task_id=self._id)  # fmt: skip

    @verb
    def reactivate(self) -> None:
        """Queue a failed task again, with all its retries.

        Raises
        ------
        Conflict
            ``TaskNotCompleted``, ``TaskSucceeded``, ``JobCompleted``.
        """
        ask_for(self._connection, ReactivateTask, "Task.reactivate", job_id=self._job_id,
                task_id=self._id)  # fmt: skip

    @verb
    def delete(self) -> None:
        """Terminate it if it is running, and delete it with its files."""
        ask_for(self._connection, DeleteTask, "Task.delete", job_id=self._job_id,
                task_id=self._id)  # fmt: skip

    @verb
    def wait(
        self, state: str = "completed", *, timeout: Duration = None, watch: Watch | None = None
    ) -> None:
        """Block until it is in a state.

        Parameters
        ----------
        state : str, default "completed"
            A state, or ``"deleted"``.
        timeout : duration, optional
            In lab time; no limit if omitted.
        watch : callable, optional
            Called a few times a second while waiting.

        Raises
        ------
        InvalidRequest
            ``InvalidPropertyValue``: not one of its states.
        WaitTimeout
            ``OperationTimedOut``: the timeout expired.
        WaitNeverEnds
            Nothing in progress will bring it into that state; the message says why.
        """
        known = check_state("task", state, "Task.wait")
        goal = TaskIs(job_id=self._job_id, task_id=self._id, state=known)
        self._connection.wait(goal, seconds(timeout, "Task.wait"), watch)


def _number(subtask_id: Any) -> int:
    if not is_whole(subtask_id) or subtask_id < 0:
        reason = "must be the number of a subtask: 0 is the primary"
        raise invalid("subtask_id", subtask_id, reason, owner="Task.subtask_files")
    return subtask_id


class Tasks(Handles[Task], Awaited):
    """The tasks of a job by id, in order of creation.

    Views are fetched in pages, so that listing many tasks does not block the service.
    """

    __slots__ = ("_job_id",)
    _kind = "task"
    _view_type = TaskView
    _shows_progress = True

    def __init__(self, connection: Connection, job_id: str) -> None:
        super().__init__(connection)
        self._job_id = job_id

    def ids(self) -> list[str]:
        """All ids, in order of creation."""
        if self._where:
            return list(task_ids(self._connection, self._job_id, self._where))
        ids: list[str] = self._connection.ask(ListTaskIds(job_id=self._job_id))
        return ids

    def views(self, *states: str) -> Iterator[TaskView]:
        """An immutable snapshot of each task (in one of the states), fetched page by page."""
        where = self.filter(state=states)._where if states else self._where
        return task_views(self._connection, self._job_id, where)

    def first(self, count: int) -> list[TaskView]:
        """An immutable snapshot of the first `count` tasks."""
        if not is_whole(count) or not 0 <= count < 2**31:
            reason = "must be a whole number from 0 to 2147483647"
            raise invalid("count", count, reason, owner="Tasks.first")
        found = task_views(self._connection, self._job_id, self._where, limit=count)
        return list(itertools.islice(found, count))

    @verb
    def wait(
        self, *, timeout: Duration = None, watch: Watch | None = None,
        progress: bool | None = None,
    ) -> None:  # fmt: skip
        """Block until every task of the job is completed; the job itself stays active.

        ``await job.tasks.done()`` waits without blocking.

        Parameters
        ----------
        timeout : duration, optional
            In lab time; no limit if omitted.
        watch : callable, optional
            Called a few times a second while waiting.
        progress : bool, optional
            Whether to show progress, in a notebook or on a terminal, once the wait takes longer
            than half a second. By default it is shown unless `watch` is given.

        Raises
        ------
        WaitTimeout
            ``OperationTimedOut``: the timeout expired.
        WaitNeverEnds
            Nothing in progress will complete them all; the message says why. Also inside a task of
            the job, which would wait for itself.
        """
        goal = TasksCompleted(job_id=self._job_id)
        limit = seconds(timeout, "Tasks.wait")
        with show_progress(tasks_of(self._connection, self._job_id), watch, progress) as look:
            self._connection.wait(goal, limit, look)

    def _handle(self, id: str) -> Task:  # noqa: A002
        return Task(self._connection, self._job_id, id)

    def _counts(self) -> TaskCounts:
        counts: TaskCounts = self._connection.ask(CountTasks(job_id=self._job_id))
        return counts

    def __len__(self) -> int:
        return len(self.ids()) if self._where else total(self._counts())

    def _summary(self) -> str:
        if not self._where:
            return count_text(self._counts())
        count = len(self)
        return f"{plural(count, 'task')} with {where_text(self._where)}"


def total(counts: TaskCounts) -> int:
    """The total number of tasks."""
    return counts.active + counts.running + counts.completed


def count_text(counts: TaskCounts) -> str:
    """Counts as a line: ``8 tasks: 2 running, 6 completed (1 failed)``."""
    count = total(counts)
    states = ("active", "running", "completed")
    parts = [f"{n:,} {state}" for state in states if (n := getattr(counts, state))]
    if counts.failed:
        parts[-1] += f" ({counts.failed:,} failed)"
    return plural(count, "task") + f": {', '.join(parts)}" * bool(parts)


def free_ids(taken: Iterable[str], prefix: str) -> Iterator[str]:
    """Return ids that continue from the highest existing number: ``task001``, ``task002`` ..."""
    pattern = re.compile(re.escape(fold(prefix)) + r"(\d{1,9})")
    found = (pattern.fullmatch(fold(name)) for name in taken)
    numbers = [int(match[1]) for match in found if match]
    return (f"{prefix}{number:03d}" for number in itertools.count(max(numbers, default=0) + 1))
