"""Results of Python tasks: the value that a function returned, or the exception it raised.

A result is kept in the lab's storage, so it outlives its node and the files of its task. The
service decides which runs count: a result is used only if it matches the exit code that the
service recorded.
"""

from __future__ import annotations

import pickle
import signal
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Self, overload

from batchlab.core.messages.questions import TaskIs
from batchlab.core.messages.views import TaskView
from batchlab.core.model import OutputFile
from batchlab.drivers.calls import ERROR, EXIT, RESULT, VALUE
from batchlab.drivers.ports import Connection
from batchlab.errors import BatchError, Conflict, NotFound, TaskFailed
from batchlab.handles.base import Handle, ViewProperty
from batchlab.handles.storage import translate_storage_errors
from batchlab.handles.verbs import Duration, Watch, seconds, verb

if TYPE_CHECKING:
    from batchlab.handles.task import Task

__all__ = ["RemoteTraceback", "Result", "ResultProperty", "take"]


class RemoteTraceback(Exception):
    """The traceback of an exception on the node: the cause of the one raised here."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text

    def __str__(self) -> str:
        return f'\n"""\n{self.text.rstrip()}\n"""'


class Result(str):
    """``success`` or ``failure``, empty until the task is completed; it can also be called.

    `result` is a word on Azure's tasks and a method on Dask's futures; this is both.
    """

    _task: Task
    _view: TaskView

    @classmethod
    def of(cls, task: Task, view: TaskView) -> Result:
        """The result of a task."""
        result = cls(view.result or "")
        result._task, result._view = task, view
        return result

    def __call__(self, *args: Any, **keywords: Any) -> Any:
        """Wait for the task, and return what its function returned; see `ResultProperty`."""
        return _result(self._task, self._view, *args, **keywords)


class ResultProperty(ViewProperty[Result]):
    """``success`` or ``failure`` once it is completed; callable for a Python task.

    ``task.result(timeout=None)`` waits for a task of `Job.submit` or `Job.map`, and returns what
    its function returned, or raises what it raised with the remote traceback as the cause. The
    result is kept in the lab's storage, even if the node and its files are lost. `TaskFailed`:
    there is no result for another reason (it was killed, its files are missing ...), or the
    exception cannot be pickled. `Conflict` ``OperationInvalidForCurrentState``: it runs a command
    line. `WaitTimeout`, `WaitNeverEnds`: as for `Task.wait`.
    """

    def __init__(self) -> None:
        super().__init__(type(self).__doc__ or "")

    @overload
    def __get__(self, handle: None, owner: type) -> Self: ...
    @overload
    def __get__(self, handle: Handle, owner: type) -> Result: ...
    def __get__(self, handle: Handle | None, owner: type) -> Self | Result:
        if handle is None:
            return self
        task: Any = handle
        return Result.of(task, task.view())


def _named_result(task: Task, view: TaskView, *, timeout: Duration = None) -> Any:
    return take(task, seconds(timeout, "Task.result"), view)


_named_result.__name__ = "result"
_result = verb(_named_result)


def take(
    task: Task, timeout: float | None, view: TaskView | None = None, watch: Watch | None = None
) -> Any:
    """Wait for a Python task; return what its function returned, or raise what it raised."""
    connection = task._connection
    view = view or task.view()
    place = _place(view)
    if view.state != "completed":
        done = TaskIs(job_id=task.job_id, task_id=task.id, state="completed")
        connection.wait(done, timeout, watch)
        view = task.view()
    failure = view.failure_info
    if view.exit_code is None or (failure and failure.code != "FailureExitCode"):
        raise _failed(task, view)
    try:
        data = _read(connection, place, view)
    except NotFound:
        if failure:  # it was killed before it could write one
            raise _failed(task, view) from None
        raise
    line, _, rest = data.partition(b"\n")
    kind = line + b"\n"
    if kind == VALUE and not failure:
        return _unpickled(rest, view)
    if kind == ERROR and view.exit_code == 1:
        raise _exception(rest, view)
    if kind == EXIT and not failure:
        return None
    raise _failed(task, view)


def _place(view: TaskView) -> OutputFile:
    for file in view.output_files:
        if file.file_pattern == RESULT:
            return file
    raise Conflict(
        "OperationInvalidForCurrentState",
        f"task {view.id!r} runs a command line, which has no result to return: see its exit_code, "
        "stdout and files",
    )


def _read(connection: Connection, place: OutputFile, view: TaskView) -> bytes:
    target = place.destination.container
    try:
        with translate_storage_errors():
            return connection.storage.resolve(target.container_url).read(target.path or "")
    except NotFound as error:
        reason = f"the result of task {view.id!r} is no longer in the storage: {error.message}"
        raise NotFound(error.code, reason) from None


def _unpickled(data: bytes, view: TaskView) -> Any:
    try:
        return pickle.loads(data)
    except Exception as error:
        raise Conflict(
            "OperationInvalidForCurrentState",
            f"the result of task {view.id!r} cannot be read here: {type(error).__name__}: {error}",
        ) from error


def _exception(data: bytes, view: TaskView) -> Exception:
    """What the function raised, with the remote traceback as its cause."""
    said, trace, packed = pickle.loads(data)
    error: Any = None
    if packed:
        try:
            error = pickle.loads(packed)
        except Exception as reason:
            said = f"{said} (cannot be unpickled here: {type(reason).__name__}: {reason})"
    if not isinstance(error, Exception):
        error = TaskFailed("FailureExitCode", f"the function of task {view.id!r} raised {said}")
    error.__cause__ = RemoteTraceback(trace)
    error.add_note(f"raised in task {view.id!r} of job {view.job_id!r} on node {view.node_id}")
    return error  # type: ignore[no-any-return]


def _failed(task: Task, view: TaskView) -> TaskFailed:
    """A failure that is not an exception of the function."""
    failure = view.failure_info
    code = failure.code if failure else "FailureExitCode"
    said = failure.message if failure else "its process ended before the function returned"
    parts = [f"task {view.id!r} of job {view.job_id!r} has no result: {said}"]
    if failure and "Message" in failure.details:
        parts.append(failure.details["Message"])
    if view.exit_code is not None:
        parts.append(f"exit code {view.exit_code}{_signal(view.exit_code)}")
    try:
        last = task.files.tail("stderr.txt", 5).strip()
    except BatchError:
        last = ""  # it has no files, or they are gone
    if last:
        parts.append(f"its last output was: {last}")
    return TaskFailed(code, "; ".join(parts))


def _signal(code: int) -> str:
    with suppress(ValueError):
        return f", which is 128 + {signal.Signals(code - 128).name}"
    return ""
