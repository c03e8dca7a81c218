"""Functions as tasks of a job: the verbs that Dask's users know, `submit` and `map`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from batchlab.drivers.ports import Connection
from batchlab.handles.python_tasks.task_list import TaskList
from batchlab.handles.task import Task, Tasks

__all__ = ["PythonTasks"]


class PythonTasks:
    """The verbs of a job for functions."""

    __slots__ = ()
    _connection: Connection
    _id: str

    def submit(self, function: Callable[..., Any], /, *args: Any, **keywords: Any) -> Task:
        """Add a task that calls a function; `Task.result` returns its value.

        The function runs in its own process on a node, in the task's working directory and with
        its environment; what it prints is in ``task.stdout``. An exception gives exit code 1,
        ``sys.exit(3)`` gives 3; retries, exit conditions, preparation, release and the loss of
        nodes work as for any task. The function may be defined in a notebook; the modules that it
        imports must be installed on the node. In a simulated lab it is called in this process,
        after the time that the workload says, and has no working directory.

        Parameters
        ----------
        function : callable
        *args
            Its arguments.
        **keywords
            ``id`` and properties of `TaskSpec` (``constraints``, ``required_slots``,
            ``resource_files`` ...) configure the task; all others are passed to the function. The
            default id is the function's name with a number.

        Raises
        ------
        InvalidRequest
            ``InvalidRequestBody``: the function cannot be called with these arguments.
            ``InvalidPropertyValue``: the function or an argument cannot be pickled.
        Conflict
            As for `create_task`.

        Examples
        --------
        >>> task = job.submit(pow, 2, 10)  # doctest: +SKIP
        >>> task.result()
        1024
        """
        from batchlab.handles.python_tasks import creation  # noqa: PLC0415 - only for Python tasks

        owner, task_id = "Job.submit", keywords.pop("id", None)
        options, kwargs = creation.split_options(keywords)
        ids = None if task_id is None else [task_id]
        return self._add_calls(function, [(args, kwargs)], ids, options, owner)[0]

    def map(
        self, function: Callable[..., Any], /, *iterables: Iterable[Any], **keywords: Any
    ) -> TaskList:
        """Add a task for each item that calls a function with it; see `submit`.

        Parameters
        ----------
        function : callable
        *iterables : iterable
            The arguments: one item of each iterable per task, until the shortest ends.
        **keywords
            ``ids`` is a list of the tasks' ids; properties of `TaskSpec` apply to all tasks; all
            others are passed to the function in each call.

        Returns
        -------
        TaskList
            The tasks in order; `TaskList.results` waits for all of them,
            `TaskList.as_completed` yields each as it completes.

        Raises
        ------
        InvalidRequest
            As for `submit`; ``MissingRequiredProperty``: there are no iterables.
        Conflict
            As for `create_task`.

        Examples
        --------
        >>> job.map(lambda x: x * x, range(4)).results()  # doctest: +SKIP
        [0, 1, 4, 9]
        """
        from batchlab.handles.python_tasks import creation  # noqa: PLC0415 - only for Python tasks

        owner, ids = "Job.map", keywords.pop("ids", None)
        creation.check_iterables(iterables, owner)
        options, kwargs = creation.split_options(keywords)
        calls = [(args, kwargs) for args in zip(*iterables, strict=False)]
        return self._add_calls(function, calls, ids, options, owner)

    def _add_calls(self, *what: Any) -> TaskList:
        from batchlab.handles.python_tasks import creation  # noqa: PLC0415 - only for Python tasks

        taken = Tasks(self._connection, self._id).ids
        ids = creation.create_calls(self._connection, self._id, taken, *what)
        return TaskList(Task(self._connection, self._id, task_id) for task_id in ids)
