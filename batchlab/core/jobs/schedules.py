"""Job schedules: one job after the other, never two at a time.

Occurrences are the first due time plus whole intervals. When one is due, a job is created. If the
previous job has not ended, the new one is created when it ends, provided that is within the start
window; otherwise the occurrence is skipped. The next occurrence is always the first one in the
future. Without an interval there is exactly one job.

A schedule is ``completed`` when there will be no further job and the last one has ended. A
disabled schedule creates no jobs but keeps its next run time; a job that became due meanwhile is
created when the schedule is enabled, if the start window allows. Terminating a schedule terminates
its job (``TerminateJobSchedule``), and deleting it deletes all its jobs.
"""

from __future__ import annotations

import math
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from batchlab.core.account import users
from batchlab.core.jobs import jobs
from batchlab.core.messages import inputs
from batchlab.core.model.ids import fold
from batchlab.core.pools import auto_pools
from batchlab.core.state import phases
from batchlab.core.state.records import ScheduleRecord
from batchlab.errors import Conflict, invalid

if TYPE_CHECKING:
    from batchlab.core.state.state import State

_LIVE = ("active", "disabled")


# -- requests -----------------------------------------------------------------------------------


def create_job_schedule(state: State, request: inputs.CreateJobSchedule) -> None:
    """Add a schedule, and create its first job if that is due."""
    spec, key = request.spec, fold(request.spec.id)
    if key in state.schedules:
        _refuse_id_of(state.schedules[key])
    if key in state.jobs:
        raise Conflict(
            "JobWithSameIdExists",
            f"there is a job {state.jobs[key].spec.id!r}: choose another id for the job schedule",
        )
    jobs.refuse_not_enabled(state, spec.job_specification)
    jobs.refuse_quota(state)
    auto_pools.check(state, spec.job_specification, scheduled=True)
    users.check_job(state, spec.job_specification)
    first = max(state.now, _seconds(spec.schedule.do_not_run_until, state.now))
    after = spec.schedule.do_not_run_after
    if after is not None and first >= after.timestamp():
        raise invalid("do_not_run_after", after.isoformat(),
                      "is in the past: no job would ever run", owner="Schedule")  # fmt: skip
    schedule = ScheduleRecord(
        key=key, spec=spec, created=state.now, phase=phases.ScheduleActive(state.now), due=first
    )
    state.schedules[key] = schedule
    state.unfinished[schedule] = None
    state.tell_schedule(schedule, "active")
    state.deadlines.at(first, state.touch_schedule, schedule)
    settle(state, schedule)


def update_job_schedule(state: State, request: inputs.UpdateJobSchedule) -> None:
    """Change the given properties; only later jobs are affected."""
    schedule = state.schedule(request.job_schedule_id)
    _refuse_unless(schedule, _LIVE)
    if request.job_specification is not None:
        jobs.refuse_not_enabled(state, request.job_specification)
        auto_pools.check(state, request.job_specification, scheduled=True)
        users.check_job(state, request.job_specification)
    changes = msgspec.structs.asdict(request) | {"job_schedule_id": None}
    given = {name: value for name, value in changes.items() if value is not None}
    schedule.spec = msgspec.structs.replace(schedule.spec, **given)
    auto_pools.schedule_updated(state, schedule)
    if request.schedule is not None:
        _plan(state, schedule)


def disable_job_schedule(state: State, request: inputs.DisableJobSchedule) -> None:
    """Create no further jobs."""
    schedule = state.schedule(request.job_schedule_id)
    _refuse_unless(schedule, _LIVE)
    if isinstance(schedule.phase, phases.ScheduleActive):
        state.move(schedule, phases.ScheduleDisabled(state.now))


def enable_job_schedule(state: State, request: inputs.EnableJobSchedule) -> None:
    """Create jobs again."""
    schedule = state.schedule(request.job_schedule_id)
    _refuse_unless(schedule, _LIVE)
    if isinstance(schedule.phase, phases.ScheduleDisabled):
        state.move(schedule, phases.ScheduleActive(state.now))
        settle(state, schedule)


def terminate_job_schedule(state: State, request: inputs.TerminateJobSchedule) -> None:
    """End a schedule and its job."""
    schedule = state.schedule(request.job_schedule_id)
    _refuse_unless(schedule, _LIVE)
    state.move(schedule, phases.ScheduleTerminating(state.now))
    if schedule.job is not None:
        jobs.end(state, schedule.job, "TerminateJobSchedule")
    settle(state, schedule)


def delete_job_schedule(state: State, request: inputs.DeleteJobSchedule) -> None:
    """Delete a schedule with all its jobs and their tasks and files."""
    schedule = state.schedule(request.job_schedule_id)
    _refuse_unless(schedule, (*_LIVE, "terminating", "completed"))
    state.move(schedule, phases.ScheduleDeleting(state.now))
    for job in list(schedule.jobs.values()):
        jobs.delete(state, job)
    settle(state, schedule)


_ENDING = {
    "completed": "JobScheduleCompleted",
    "terminating": "JobScheduleBeingTerminated",
    "deleting": "JobScheduleBeingDeleted",
}
"""The code for what cannot be done to a schedule in this state."""


def _refuse_id_of(schedule: ScheduleRecord) -> None:
    """Refuse another schedule with the id of this one."""
    state = schedule.phase.state
    cure = "delete that one first" if state != "deleting" else "wait until it is gone"
    raise Conflict(
        _ENDING.get(state, "JobScheduleExists"),
        f"there is already a job schedule {schedule.spec.id!r} (ids ignore case), which is "
        f"{state}: choose another id, or {cure}",
    )


def _refuse_unless(schedule: ScheduleRecord, states: tuple[str, ...]) -> None:
    state = schedule.phase.state
    if state not in states:
        raise Conflict(_ENDING[state], f"job schedule {schedule.spec.id!r} is {state}")


# -- time ---------------------------------------------------------------------------------------


def settle(state: State, schedule: ScheduleRecord) -> None:
    """Create the job that is due, or end the schedule with its last job."""
    phase = schedule.phase
    if state.schedules.get(schedule.key) is not schedule:
        return  # it was touched before it was deleted
    if isinstance(phase, phases.ScheduleDeleting):
        if not schedule.jobs:
            del state.schedules[schedule.key]
            state.unfinished.pop(schedule, None)
            auto_pools.schedule_ended(state, schedule)
            state.tell_schedule(schedule, "deleted")
        return
    if schedule.job is not None:
        return
    if isinstance(phase, phases.ScheduleTerminating):
        _complete(state, schedule)
    elif isinstance(phase, phases.ScheduleActive):
        _skip_missed(state, schedule)
        if schedule.due is None:
            _complete(state, schedule)
        elif schedule.due <= state.now:
            _make_job(state, schedule)


def _make_job(state: State, schedule: ScheduleRecord) -> None:
    schedule.count += 1
    spec = schedule.spec.job_specification
    job_id = f"{schedule.spec.id}:job-{schedule.count}"
    _set_due(state, schedule, _following(schedule, state.now))
    job = jobs.add(state, msgspec.structs.replace(spec, id=job_id), schedule)
    schedule.jobs[job.key] = job
    schedule.recent = job_id
    if job.phase.state != "completed":
        schedule.job = job
    else:
        state.touch_schedule(schedule)  # it has no pool: this may have been the last job


def _skip_missed(state: State, schedule: ScheduleRecord) -> None:
    """Skip an occurrence whose start window is over."""
    if is_missed(schedule, state.now):
        _set_due(state, schedule, _following(schedule, state.now))


def is_missed(schedule: ScheduleRecord, now: float) -> bool:
    """Whether it is too late for the next occurrence: its start window is over."""
    limit = start_limit(schedule)
    return limit is not None and now > limit


def start_limit(schedule: ScheduleRecord) -> float | None:
    """When the next occurrence will be too late; None if never."""
    plan = schedule.spec.schedule
    interval, window = plan.recurrence_interval, plan.start_window
    if schedule.due is None or window is None or (interval is not None and window > interval):
        return None
    return schedule.due + window.total_seconds()


def next_run(schedule: ScheduleRecord, now: float) -> float | None:
    """The next occurrence that can still run.

    It is in the past while it waits, for the end of the job before or to be enabled.
    """
    return _following(schedule, now) if is_missed(schedule, now) else schedule.due


def _following(schedule: ScheduleRecord, now: float) -> float | None:
    """The first occurrence after the next one that is still to come."""
    interval, due = schedule.spec.schedule.recurrence_interval, schedule.due
    assert due is not None
    if interval is None:
        return None
    span = interval.total_seconds()
    passed = max(0, math.floor((now - due) / span))
    return _allowed(schedule, due + (passed + 1) * span)


def _allowed(schedule: ScheduleRecord, due: float) -> float | None:
    after = schedule.spec.schedule.do_not_run_after
    return None if after is not None and due >= after.timestamp() else due


def _plan(state: State, schedule: ScheduleRecord) -> None:
    """After a change, set the first occurrence in the future, counted from the creation."""
    plan = schedule.spec.schedule
    first = max(schedule.created, _seconds(plan.do_not_run_until, schedule.created))
    if schedule.count == 0:
        _set_due(state, schedule, max(first, state.now))
    elif plan.recurrence_interval is None:
        schedule.due = None
        state.touch_schedule(schedule)
    else:
        span = plan.recurrence_interval.total_seconds()
        passed = 0 if first > state.now else math.floor((state.now - first) / span) + 1
        _set_due(state, schedule, first + passed * span)


def _set_due(state: State, schedule: ScheduleRecord, due: float | None) -> None:
    schedule.due = due if due is None else _allowed(schedule, due)
    if schedule.due is not None:
        state.deadlines.at(schedule.due, state.touch_schedule, schedule)
    state.touch_schedule(schedule)


def _complete(state: State, schedule: ScheduleRecord) -> None:
    schedule.due = None
    schedule.ended = state.now
    auto_pools.schedule_ended(state, schedule)
    state.move(schedule, phases.ScheduleCompleted(state.now))


def _seconds(moment: datetime | None, default: float) -> float:
    return default if moment is None else moment.timestamp()
