"""Operations on jobs."""

from __future__ import annotations

from collections.abc import Iterable

from batchlab.core.messages import inputs
from batchlab.core.messages.questions import (
    CountTasks,
    CountTaskSlots,
    GetJob,
    ListJobs,
    ListPreparations,
)
from batchlab.core.messages.views import JobView, PreparationView
from batchlab.core.model import JobSpec
from batchlab.core.model.jobs import JobFields
from batchlab.rest import inherited, resources
from batchlab.rest.answers import changed, check_conditions, done, json, one, page
from batchlab.rest.messages import Response, RestCall, Wire
from batchlab.rest.pool_resources import check_job
from batchlab.rest.routes import operation
from batchlab.rest.wire import Unknown, camel, is_field, read

__all__: list[str] = []

_DEFAULTS = {
    name: getattr(JobFields, name)
    for name in inputs.UpdateJob.__struct_fields__
    if hasattr(JobFields, name)
}
"""The values that a PUT sets if it does not give them."""


@operation("POST", "/jobs")
def create_job(call: RestCall) -> Response:
    """POST /jobs."""
    unknown: Unknown = {}
    wire = call.json()
    check_job(call, wire)
    spec = read(JobSpec, wire, unknown)
    call.request(inputs.CreateJob(spec=spec))
    view = _view(call, spec.id)
    call.unknown_properties.put(("job", spec.id), view.creation_time, unknown)
    inherited.give_to_auto_pool(call, view, unknown)
    return done(call, 201, view, "jobs", "job-1")  # whatever its id, as in Azure


@operation("GET", "/jobs")
def list_jobs(call: RestCall) -> Response:
    """GET /jobs."""
    return page(call, "jobs", JobView, call.ask(ListJobs()), resources.job)


@operation("GET", "/jobs/{job_id}")
def get_job(call: RestCall, job_id: str) -> Response:
    """GET /jobs/{id}."""
    return one(call, _view(call, job_id), resources.job, "jobs")


@operation("DELETE", "/jobs/{job_id}", "begin_delete_job")
def delete_job(call: RestCall, job_id: str) -> Response:
    """DELETE /jobs/{id}."""
    check_conditions(call, _view(call, job_id))
    call.request(inputs.DeleteJob(job_id=job_id))
    return Response(202)


@operation("PATCH", "/jobs/{job_id}")
def update_job(call: RestCall, job_id: str) -> Response:
    """PATCH /jobs/{id}."""
    return _update(call, job_id, call.json(), {})


@operation("PUT", "/jobs/{job_id}")
def replace_job(call: RestCall, job_id: str) -> Response:
    """PUT /jobs/{id}: sets or resets all properties that can change; the others stay."""
    return _update(call, job_id, call.json(), _DEFAULTS)


def _update(call: RestCall, job_id: str, wire: Wire, defaults: Wire) -> Response:
    unknown: Unknown = {}
    check_job(call, wire)
    asked = read(inputs.UpdateJob, wire, unknown, job_id=job_id)
    missing = {name: value for name, value in defaults.items() if getattr(asked, name) is None}
    if missing:
        asked = inputs.UpdateJob(
            **{name: getattr(asked, name) for name in asked.__struct_fields__} | missing
        )
    if defaults:
        known = resources.names(JobView) | resources.names(JobSpec)
        unknown = {
            name: value
            for name, value in unknown.items()
            if name not in known or is_field(inputs.UpdateJob, name)
        }
    changeable = [
        name for name in [*wire, *map(camel, defaults)] if is_field(inputs.UpdateJob, name)
    ]
    return _change(call, job_id, asked, 200, unknown, [*unknown, *changeable])


@operation("POST", "/jobs/{job_id}/disable", "begin_disable_job")
def disable_job(call: RestCall, job_id: str) -> Response:
    """POST /jobs/{id}/disable."""
    return _change(call, job_id, read(inputs.DisableJob, call.json(), job_id=job_id), 202)


@operation("POST", "/jobs/{job_id}/enable", "begin_enable_job")
def enable_job(call: RestCall, job_id: str) -> Response:
    """POST /jobs/{id}/enable."""
    return _change(call, job_id, inputs.EnableJob(job_id=job_id), 202)


@operation("POST", "/jobs/{job_id}/terminate", "begin_terminate_job")
def terminate_job(call: RestCall, job_id: str) -> Response:
    """POST /jobs/{id}/terminate."""
    return _change(call, job_id, read(inputs.TerminateJob, call.json(), job_id=job_id), 202)


@operation("GET", "/jobs/{job_id}/jobpreparationandreleasetaskstatus")
def list_job_preparation_and_release_task_status(call: RestCall, job_id: str) -> Response:
    """GET /jobs/{id}/jobpreparationandreleasetaskstatus."""
    rows = call.ask(ListPreparations(job_id=job_id))
    kind = "jobpreparationandreleasetaskstatuslist"
    return page(call, kind, PreparationView, rows, resources.preparation)


@operation("GET", "/jobs/{job_id}/taskcounts")
def get_job_task_counts(call: RestCall, job_id: str) -> Response:
    """GET /jobs/{id}/taskcounts."""
    tasks = resources.write(call.ask(CountTasks(job_id=job_id)))
    slots = resources.write(call.ask(CountTaskSlots(job_id=job_id)))
    if call.version < ("2020-09",):  # before a task could take several slots
        checked = {"validationStatus": "validated"} if call.version < ("2018-08",) else {}
        return json(call, tasks | checked, "taskcounts/@Element")
    return json(call, {"taskCounts": tasks, "taskSlotCounts": slots}, "taskcountsresult/@Element")


def _view(call: RestCall, job_id: str) -> JobView:
    view: JobView = call.ask(GetJob(job_id=job_id))
    return view


def _change(
    call: RestCall,
    job_id: str,
    request: inputs.Request,
    status: int,
    unknown: Unknown | None = None,
    given: Iterable[str] = (),
) -> Response:
    question = GetJob(job_id=job_id)
    return changed(call, question, request, status, "job", job_id, unknown=unknown, given=given)
