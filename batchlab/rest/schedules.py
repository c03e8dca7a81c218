"""Operations on job schedules."""

from __future__ import annotations

from collections.abc import Iterable

from batchlab.core.messages import inputs
from batchlab.core.messages.questions import GetJobSchedule, ListJobs, ListJobSchedules
from batchlab.core.messages.views import JobScheduleView, JobView
from batchlab.core.model import JobScheduleSpec, Schedule
from batchlab.rest import resources
from batchlab.rest.answers import changed, check_conditions, done, one, page, versioned
from batchlab.rest.messages import Response, RestCall
from batchlab.rest.pool_resources import check_job
from batchlab.rest.routes import operation
from batchlab.rest.wire import Unknown, read

__all__: list[str] = []

_ONE = "/jobschedules/{job_schedule_id}"


@operation("POST", "/jobschedules")
def create_job_schedule(call: RestCall) -> Response:
    """POST /jobschedules."""
    unknown: Unknown = {}
    wire = call.json()
    check_job(call, wire.get("jobSpecification"))
    spec = read(JobScheduleSpec, wire, unknown)
    call.request(inputs.CreateJobSchedule(spec=spec))
    view = _view(call, spec.id)
    call.unknown_properties.put(("jobschedule", spec.id), view.creation_time, unknown)
    return done(call, 201, view, "jobschedules", spec.id)


@operation("GET", "/jobschedules")
def list_job_schedules(call: RestCall) -> Response:
    """GET /jobschedules."""
    views = call.ask(ListJobSchedules())
    return page(call, "jobschedules", JobScheduleView, views, resources.schedule)


@operation("GET", _ONE)
def get_job_schedule(call: RestCall, job_schedule_id: str) -> Response:
    """GET /jobschedules/{id}."""
    return one(call, _view(call, job_schedule_id), resources.schedule, "jobschedules")


@operation("HEAD", _ONE)
def job_schedule_exists(call: RestCall, job_schedule_id: str) -> Response:
    """HEAD /jobschedules/{id}."""
    view = _view(call, job_schedule_id)
    check_conditions(call, view, reading=True)
    return Response(200, versioned(view))


@operation("DELETE", _ONE, "begin_delete_job_schedule")
def delete_job_schedule(call: RestCall, job_schedule_id: str) -> Response:
    """DELETE /jobschedules/{id}."""
    check_conditions(call, _view(call, job_schedule_id))
    call.request(inputs.DeleteJobSchedule(job_schedule_id=job_schedule_id))
    return Response(202)


@operation("PATCH", _ONE)
def update_job_schedule(call: RestCall, job_schedule_id: str) -> Response:
    """PATCH /jobschedules/{id}."""
    unknown: Unknown = {}
    wire = call.json()
    check_job(call, wire.get("jobSpecification"))
    request = read(inputs.UpdateJobSchedule, wire, unknown, job_schedule_id=job_schedule_id)
    return _change(call, job_schedule_id, request, 200, unknown, wire)


@operation("PUT", _ONE)
def replace_job_schedule(call: RestCall, job_schedule_id: str) -> Response:
    """PUT /jobschedules/{id}: sets or resets all properties that can change."""
    unknown: Unknown = {}
    wire = call.json()
    check_job(call, wire.get("jobSpecification"))
    given = {name: wire.get(name) for name in ("schedule", "jobSpecification", "metadata")}
    asked = read(inputs.UpdateJobSchedule, given, unknown, job_schedule_id=job_schedule_id)
    request = inputs.UpdateJobSchedule(
        job_schedule_id=job_schedule_id,
        schedule=asked.schedule or Schedule(),
        job_specification=asked.job_specification,
        metadata=asked.metadata or {},
    )
    return _change(call, job_schedule_id, request, 200, unknown, given)


@operation("POST", f"{_ONE}/disable")
def disable_job_schedule(call: RestCall, job_schedule_id: str) -> Response:
    """POST .../disable."""
    request = inputs.DisableJobSchedule(job_schedule_id=job_schedule_id)
    return _change(call, job_schedule_id, request, 204)


@operation("POST", f"{_ONE}/enable")
def enable_job_schedule(call: RestCall, job_schedule_id: str) -> Response:
    """POST .../enable."""
    request = inputs.EnableJobSchedule(job_schedule_id=job_schedule_id)
    return _change(call, job_schedule_id, request, 204)


@operation("POST", f"{_ONE}/terminate", "begin_terminate_job_schedule")
def terminate_job_schedule(call: RestCall, job_schedule_id: str) -> Response:
    """POST .../terminate."""
    request = inputs.TerminateJobSchedule(job_schedule_id=job_schedule_id)
    return _change(call, job_schedule_id, request, 202)


@operation("GET", f"{_ONE}/jobs")
def list_jobs_from_schedule(call: RestCall, job_schedule_id: str) -> Response:
    """GET .../jobs: the jobs that it created."""
    start = f"{_view(call, job_schedule_id).id}:".lower()
    views = [view for view in call.ask(ListJobs()) if view.id.lower().startswith(start)]
    return page(call, "jobs", JobView, views, resources.job)


def _view(call: RestCall, job_schedule_id: str) -> JobScheduleView:
    view: JobScheduleView = call.ask(GetJobSchedule(job_schedule_id=job_schedule_id))
    return view


def _change(
    call: RestCall, schedule_id: str, request: inputs.Request, status: int,
    unknown: Unknown | None = None, given: Iterable[str] = (),
) -> Response:  # fmt: skip
    question = GetJobSchedule(job_schedule_id=schedule_id)
    key = ("jobschedule", schedule_id)
    return changed(call, question, request, status, *key, unknown=unknown, given=given)
