"""Operations on tasks.

In the response to a collection, the status of a task that was added is ``Success``, as in Azure,
but that of a refused one is ``clienterror`` in lower case: SDK 15 takes ``ClientError`` for a
success.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from batchlab.core.messages import inputs
from batchlab.core.messages.questions import GetTask, GetTasks, ListSubtasks, PageTasks
from batchlab.core.messages.views import SubtaskView, TaskView
from batchlab.core.model import TaskConstraints, TaskSpec
from batchlab.errors import BatchError, InvalidRequest
from batchlab.rest import odata, resources
from batchlab.rest.answers import changed, check_conditions, done, json, listed, one, page
from batchlab.rest.errors import error_content, too_large
from batchlab.rest.messages import Response, RestCall, Wire
from batchlab.rest.routes import operation
from batchlab.rest.wire import Unknown, read, write_datetime

__all__: list[str] = []

MOST_TASKS = 100
"""The maximum number of tasks in a collection."""
MOST_BYTES = 2**20
"""The maximum size of the description of a task."""
_TASK = "/jobs/{job_id}/tasks/{task_id}"


@operation("POST", "/jobs/{job_id}/tasks")
def create_task(call: RestCall, job_id: str) -> Response:
    """POST /jobs/{id}/tasks."""
    _refuse_large(len(call.body))
    unknown: Unknown = {}
    spec = read(TaskSpec, call.json(), unknown)
    call.request(inputs.CreateTasks(job_id=job_id, specs=(spec,)))
    view = _view(call, job_id, spec.id)
    call.unknown_properties.put(("job", job_id, "task", spec.id), view.creation_time, unknown)
    return done(call, 201, view, "jobs", job_id, "tasks", spec.id)


@operation("POST", "/jobs/{job_id}/addtaskcollection")
def create_task_collection(call: RestCall, job_id: str) -> Response:
    """POST /jobs/{id}/addtaskcollection: each task is accepted or refused on its own."""
    wires = call.json().get("value")
    if not isinstance(wires, list) or not all(isinstance(wire, dict) for wire in wires):
        raise InvalidRequest(
            "InvalidRequestBody", "the body must have a list of tasks", {"PropertyName": "value"}
        )
    if len(wires) > MOST_TASKS:
        raise too_large(f"it has {len(wires)} tasks; the maximum is {MOST_TASKS}")
    results: list[Wire] = [{} for _ in wires]
    specs: dict[int, TaskSpec] = {}
    unknowns: list[Unknown] = [{} for _ in wires]
    for number, wire in enumerate(wires):
        if len(call.body) > MOST_BYTES:
            _refuse_large(len(msgspec.json.encode(wire)))
        try:
            specs[number] = read(TaskSpec, wire, unknowns[number])
        except BatchError as error:
            results[number] = _refused(wire, error)
    numbers: dict[str, int] = {}
    for number, refusal in _create(call, job_id, specs).items():
        if refusal is not None:
            results[number] = _refused(wires[number], refusal)
            continue
        task_id = specs[number].id
        numbers[task_id] = number
        location = call.url("jobs", job_id, "tasks", task_id)
        results[number] = {"status": "Success", "taskId": task_id, "location": location}
    for view in call.ask(GetTasks(job_id=job_id, task_ids=tuple(numbers))):
        number = numbers[view.id]
        modified = write_datetime(view.last_modified)
        results[number] |= {"eTag": view.etag, "lastModified": modified}
        call.unknown_properties.put(
            ("job", job_id, "task", view.id), view.creation_time, unknowns[number]
        )
    return json(call, {"value": results}, "taskaddresult")


def _create(
    call: RestCall, job_id: str, specs: dict[int, TaskSpec]
) -> dict[int, BatchError | None]:
    """Add all tasks at once or, if one of them is refused, one by one."""
    try:
        call.request(inputs.CreateTasks(job_id=job_id, specs=tuple(specs.values())))
    except BatchError as error:
        if error.status == 404 or not specs:
            raise
    else:
        return dict.fromkeys(specs)
    refusals: dict[int, BatchError | None] = {}
    for number, spec in specs.items():
        try:
            call.request(inputs.CreateTasks(job_id=job_id, specs=(spec,)))
        except BatchError as error:
            refusals[number] = error
        else:
            refusals[number] = None
    return refusals


def _refused(wire: Wire, error: BatchError) -> Wire:
    status = "clienterror" if error.status < 500 else "servererror"
    found = {"status": status, "error": error_content(error, wire)}
    task_id = wire.get("id")
    return found | {"taskId": task_id if isinstance(task_id, str) else ""}


def _refuse_large(size: int) -> None:
    if size > MOST_BYTES:
        raise too_large(f"the task has {size} bytes; the maximum is {MOST_BYTES}")


@operation("GET", "/jobs/{job_id}/tasks")
def list_tasks(call: RestCall, job_id: str) -> Response:
    """GET /jobs/{id}/tasks."""
    size = odata.page_size(call.query.get("maxresults"))
    token = call.query.get("$skiptoken", "0")
    if not (token.isdecimal() and token.isascii() and len(token) < 10):
        raise odata.refusal("$skiptoken", token, "is not a token from this service")
    chosen = odata.read_filter(call.query.get("$filter"), resources.names(TaskView))
    where = (("state", (chosen.state,)),) if chosen is not None and chosen.state else ()
    numbers = _numbered(call, job_id, where, int(token), size, few=chosen is None)
    return listed(call, "tasks", TaskView, numbers, size, str)


def _numbered(
    call: RestCall, job_id: str, where: tuple[tuple[str, tuple[str, ...]], ...], after: int,
    size: int, *, few: bool,
) -> Iterator[tuple[int, Wire]]:  # fmt: skip
    """Tasks and their numbers; with `few` at most one is looked up beyond the page."""
    start: int | None = after
    while start is not None:
        found = call.ask(PageTasks(job_id=job_id, where=where, after=start, limit=size))
        start, size = found.next, 1 if few else size
        for number, view in zip(found.numbers, found.items, strict=True):
            yield number, resources.task(call, view)


@operation("GET", _TASK)
def get_task(call: RestCall, job_id: str, task_id: str) -> Response:
    """GET /jobs/{id}/tasks/{id}."""
    return one(call, _view(call, job_id, task_id), resources.task, "tasks")


@operation("DELETE", _TASK)
def delete_task(call: RestCall, job_id: str, task_id: str) -> Response:
    """DELETE /jobs/{id}/tasks/{id}."""
    check_conditions(call, _view(call, job_id, task_id))
    call.request(inputs.DeleteTask(job_id=job_id, task_id=task_id))
    return Response(200)


@operation("PUT", _TASK)
def replace_task(call: RestCall, job_id: str, task_id: str) -> Response:
    """PUT /jobs/{id}/tasks/{id}: sets its constraints."""
    given = {"constraints": call.json().get("constraints")}
    if given["constraints"] is None:
        request = inputs.UpdateTask(job_id=job_id, task_id=task_id, constraints=TaskConstraints())
    else:
        request = read(inputs.UpdateTask, given, job_id=job_id, task_id=task_id)
    return _change(call, request, 200)


@operation("POST", f"{_TASK}/terminate")
def terminate_task(call: RestCall, job_id: str, task_id: str) -> Response:
    """POST .../terminate."""
    return _change(call, inputs.TerminateTask(job_id=job_id, task_id=task_id), 204)


@operation("POST", f"{_TASK}/reactivate")
def reactivate_task(call: RestCall, job_id: str, task_id: str) -> Response:
    """POST .../reactivate."""
    return _change(call, inputs.ReactivateTask(job_id=job_id, task_id=task_id), 204)


@operation("GET", f"{_TASK}/subtasksinfo")
def list_subtasks(call: RestCall, job_id: str, task_id: str) -> Response:
    """GET .../subtasksinfo."""
    views = call.ask(ListSubtasks(job_id=job_id, task_id=task_id))
    return page(call, "subtaskinfo", SubtaskView, views, resources.subtask)


def _view(call: RestCall, job_id: str, task_id: str) -> TaskView:
    view: TaskView = call.ask(GetTask(job_id=job_id, task_id=task_id))
    return view


def _change(
    call: RestCall,
    request: inputs.UpdateTask | inputs.TerminateTask | inputs.ReactivateTask,
    status: int,
) -> Response:
    return changed(call, GetTask(job_id=request.job_id, task_id=request.task_id), request, status)
