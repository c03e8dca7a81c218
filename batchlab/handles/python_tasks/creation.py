"""Python tasks: a function and its arguments become a task of a job.

The function is written to the lab's storage, once for all tasks of a map. Arguments travel in the
task's environment or, if they are large, in a blob. The rest is a task like any other: the
function and the arguments are resource files, the result is an output file.
"""

from __future__ import annotations

import functools
import inspect
import os
import pickle
import re
import sys
import uuid
from base64 import b64encode
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import Any

from batchlab.core.messages.inputs import CreateTasks
from batchlab.core.model import (
    OutputFile,
    OutputFileBlobContainerDestination,
    OutputFileDestination,
    ResourceFile,
    TaskSpec,
)
from batchlab.core.model.ids import check_id
from batchlab.drivers.calls import ARGUMENTS, ARGUMENTS_VARIABLE, FUNCTION, PROGRAM, RESULT
from batchlab.drivers.ports import Connection
from batchlab.errors import BatchError, InvalidRequest, invalid
from batchlab.handles.storage import translate_storage_errors
from batchlab.handles.task import free_ids
from batchlab.storage.containers import BlobContainer
from batchlab.storage.faults import StorageFailed

__all__ = ["CONTAINER", "check_iterables", "create_calls", "name_of", "split_options"]

CONTAINER = "python-tasks"
"""Where functions, large arguments and results are kept in the lab's storage."""
SMALL = 1024
"""The most bytes of arguments that travel in the environment."""
WRITERS = 16
"""How many blobs are written at a time."""

OPTIONS = frozenset(TaskSpec.__struct_fields__) - {"id", "command_line"}

Call = tuple[tuple[Any, ...], dict[str, Any]]


def split_options(keywords: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Divide keywords into those that are properties of a task and those of the function."""
    options = {name: value for name, value in keywords.items()
               if name in OPTIONS and value is not None}  # fmt: skip
    return options, {name: value for name, value in keywords.items() if name not in OPTIONS}


def create_calls(
    connection: Connection,
    job_id: str,
    taken: Callable[[], list[str]],
    function: Callable[..., Any],
    calls: Sequence[Call],
    ids: Any,
    options: dict[str, Any],
    owner: str,
) -> list[str]:
    """Add a task for each call of a function: all of them or, if one is refused, none.

    Parameters
    ----------
    connection : Connection
    job_id : str
    taken : callable
        Returns the ids of the job's tasks.
    function : callable
    calls : list of (args, kwargs)
    ids : list of str or None
        The tasks' ids, one per call; named after the function if None.
    options : dict
        Properties of the tasks; see `split_options`.
    owner : str
        The verb that the user called, for messages.

    Returns
    -------
    list of str
        The tasks' ids.
    """
    _check_calls(function, calls, owner)
    if options.get("container_settings") is not None:
        reason = (
            "a function runs in the Python of its node, which an image does not have: create a "
            "task with a command line that runs the Python of the image"
        )
        raise invalid("container_settings", options["container_settings"], reason, owner=owner)
    if ids is not None:
        ids = _checked_ids(ids, len(calls), owner)
    elif calls:
        free = free_ids(taken(), f"{name_of(function)}-")
        ids = [next(free) for _ in calls]
    if calls:
        _create(connection, job_id, function, calls, ids, options, owner)
    return ids or []


def _create(
    connection: Connection,
    job_id: str,
    function: Callable[..., Any],
    calls: Sequence[Call],
    ids: list[str],
    options: dict[str, Any],
    owner: str,
) -> None:
    template = TaskSpec(id="checked", command_line=f"{PROGRAM} {name_of(function)}", **options)
    packed = pickle.dumps(
        (sys.version_info[:2], [os.path.abspath(entry) for entry in sys.path],  # noqa: PTH100
         _function(function, owner))
    )  # fmt: skip
    arguments = [
        _pickled(call, "arguments" if len(calls) == 1 else f"arguments[{index}]", owner)
        for index, call in enumerate(calls)
    ]
    container = connection.storage.container(CONTAINER)
    prefix = f"{job_id.replace(':', '/')}/{uuid.uuid4().hex[:12]}"
    maker = _Maker(container, prefix, template, options)
    specs = [maker.spec(name, data) for name, data in zip(ids, arguments, strict=True)]
    maker.blobs[f"{prefix}/function.pkl"] = packed
    try:
        with translate_storage_errors():
            container.create()
            _write(container, maker.blobs)
        connection.request(CreateTasks(job_id=job_id, specs=tuple(specs)))
    except BatchError:
        for name in maker.blobs:
            with suppress(StorageFailed):
                container.delete(name)
        raise


class _Maker:
    """Makes the specs of calls and collects the blobs that they need."""

    def __init__(
        self, container: BlobContainer, prefix: str, template: TaskSpec, options: dict[str, Any]
    ) -> None:
        self.blobs: dict[str, bytes] = {}
        self._container = container
        self._prefix = prefix
        self._template = template
        self._options = options
        self._function = self._file(f"{prefix}/function.pkl", FUNCTION)

    def _file(self, blob: str, target: str) -> ResourceFile:
        url = self._container.url_of(blob)
        return ResourceFile(http_url=url, file_path=target, file_mode="0660")

    def spec(self, task_id: str, arguments: bytes) -> TaskSpec:
        """Make the task of one call."""
        template = self._template
        settings = template.environment_settings
        files = [*template.resource_files, self._function]
        if len(arguments) <= SMALL:
            settings = {**settings, ARGUMENTS_VARIABLE: b64encode(arguments).decode()}
        else:
            blob = f"{self._prefix}/{task_id}.arguments.pkl"
            self.blobs[blob] = arguments
            files.append(self._file(blob, ARGUMENTS))
        result = OutputFile(
            file_pattern=RESULT,
            destination=OutputFileDestination(
                container=OutputFileBlobContainerDestination(
                    container_url=CONTAINER, path=f"{self._prefix}/{task_id}.result.pkl"
                )
            ),
        )
        return TaskSpec(
            **{
                **self._options,
                "id": task_id,
                "command_line": template.command_line,
                "resource_files": files,
                "environment_settings": settings,
                "output_files": [*template.output_files, result],
            }
        )


def _write(container: BlobContainer, blobs: dict[str, bytes]) -> None:
    if len(blobs) == 1 or container.url.startswith(("file:", "memory:")):
        for name, data in blobs.items():
            container.write(name, data)
        return
    from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415 - slow

    with ThreadPoolExecutor(WRITERS) as pool:
        for _ in pool.map(container.write, blobs.keys(), blobs.values()):
            pass


def check_iterables(iterables: tuple[Any, ...], owner: str) -> None:
    """Refuse arguments of a map that are not iterable."""
    for index, items in enumerate(iterables):
        if not isinstance(items, Iterable):
            reason = "must be a list or another iterable"
            raise invalid(f"iterables[{index}]", items, reason, owner=owner)
    if not iterables:
        raise InvalidRequest(
            "MissingRequiredProperty",
            f"{owner} needs the items to call the function with: {owner}(function, items)",
            {"PropertyName": "iterables"},
        )


# -- what is sent -------------------------------------------------------------------------------


def _check_calls(function: Any, calls: Iterable[Call], owner: str) -> None:
    """Refuse non-functions, and arguments that the function does not accept."""
    if not callable(function):
        raise invalid("function", function, "must be a function or another callable",
                      owner=owner)  # fmt: skip
    if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
        reason = "is asynchronous: pass a function that calls asyncio.run(...)"
        raise invalid("function", function, reason, owner=owner)
    if inspect.isgeneratorfunction(function):
        reason = (
            "is a generator, which cannot leave its process: pass a function that returns a list"
        )
        raise invalid("function", function, reason, owner=owner)
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        return  # written in C
    for args, kwargs in calls:
        try:
            signature.bind(*args, **kwargs)
        except TypeError as error:
            raise InvalidRequest(
                "InvalidRequestBody",
                f"{owner}: {name_of(function)}{signature} cannot be called like this: {error}. "
                "Keywords that are properties of TaskSpec configure the task, all others go to "
                "the function; functools.partial can pass it any keyword",
            ) from None


def _function(function: Any, owner: str) -> bytes:
    import cloudpickle  # type: ignore[import-untyped]  # noqa: PLC0415 - slow

    try:
        data: bytes = cloudpickle.dumps(function)
    except Exception as error:
        raise _cannot_travel("function", function, error, owner) from None
    return data


def _pickled(call: Call, name: str, owner: str) -> bytes:
    data: bytes
    with suppress(Exception):
        data = pickle.dumps(call, pickle.HIGHEST_PROTOCOL)
        if b"__main__" not in data:
            return data
    import cloudpickle  # noqa: PLC0415 - slow

    try:
        data = cloudpickle.dumps(call)
    except Exception as error:
        raise _cannot_travel(name, call[0] or call[1], error, owner) from None
    return data


def _cannot_travel(name: str, value: Any, error: Exception, owner: str) -> InvalidRequest:
    return invalid(
        name, value,
        f"cannot be sent to a node: {type(error).__name__}: {error}. (Instead of a lab, pool, job "
        "or task, pass its id: inside the function, Lab.current() is the lab)",
        owner=owner,
    )  # fmt: skip


# -- names --------------------------------------------------------------------------------------


def name_of(function: Any) -> str:
    """Return the name of a function, as part of an id."""
    while isinstance(function, functools.partial):
        function = function.func
    name = getattr(function, "__name__", None) or type(function).__name__
    return re.sub(r"[^A-Za-z0-9_]+", "-", str(name)).strip("-")[:50] or "call"


def _checked_ids(ids: Any, wanted: int, owner: str) -> list[str]:
    """Return the ids that a user gave, one per call."""
    if isinstance(ids, str) or not isinstance(ids, Iterable):
        raise invalid("ids", ids, "must be a list of ids", owner=owner)
    names = list(ids)
    if len(names) != wanted:
        raise invalid("ids", names, f"must have one id per call: {wanted}", owner=owner)
    return [check_id(name, owner=owner) for name in names]
