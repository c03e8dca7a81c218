"""Jobs: created, changed, disabled, ended.

A job ends on request, at the end of its wall-clock time, or when all its tasks are complete. The
steps are the same: running tasks and preparations are stopped, and queued tasks stay ``active``
forever. When no process of the job is left, the release runs where the preparation succeeded. When
the last release is over, the job is ``completed``. Deleting a job takes the same steps (but a
release that has run does not run again); then its tasks, its files and its record are removed.

A job whose tasks are all completed stays ``active`` unless ``on_all_tasks_complete`` says
otherwise. A job without tasks counts as complete, but only ends `GRACE_S` later, so that there is
time to add tasks. A job is ``disabling`` until no task of it runs any more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from batchlab.core.account import users
from batchlab.core.jobs import release
from batchlab.core.messages import inputs
from batchlab.core.model import DisableTasks, JobSpec, PoolInfo
from batchlab.core.model.ids import check_id, fold
from batchlab.core.placement import preemption, queues, recall
from batchlab.core.pools import auto_pools, resizing
from batchlab.core.state import phases
from batchlab.core.state.records import JobRecord, ScheduleRecord, TaskRecord
from batchlab.core.tasks import runs, tasks
from batchlab.errors import Conflict, Forbidden, InvalidRequest, invalid

if TYPE_CHECKING:
    from batchlab.core.state.state import State

GRACE_S = 30.0
_LIVE = ("active", "disabling", "disabled", "enabling")


# -- requests -----------------------------------------------------------------------------------


def create_job(state: State, request: inputs.CreateJob) -> None:
    """Add a job; its pool need not exist yet."""
    spec, key = request.spec, fold(request.spec.id)
    if not spec.id:
        raise InvalidRequest(
            "MissingRequiredProperty",
            "JobSpec.id is required: pass id=...",
            {"PropertyName": "id"},
        )
    check_id(spec.id, owner="JobSpec")  # only jobs of schedules have a colon
    if key in state.jobs:
        _refuse_id_of(state.jobs[key])
    if key in state.schedules:
        raise Conflict(
            "JobScheduleWithSameIdExists",
            f"there is a job schedule {state.schedules[key].spec.id!r}: choose another id for the "
            "job",
        )
    refuse_not_enabled(state, spec)
    refuse_quota(state)
    auto_pools.check(state, spec, scheduled=False)
    _refuse_pool(state, spec.pool_info)
    users.check_job(state, spec)
    add(state, spec)


def _refuse_id_of(job: JobRecord) -> None:
    """Refuse another job with the id of this one; the code says whether it is ending or over."""
    code, cure = {
        "terminating": ("JobBeingTerminated", "delete it, and wait until it is gone"),
        "completed": ("JobCompleted", "delete it, and wait until it is gone"),
        "deleting": ("JobBeingDeleted", "wait until it is gone"),
    }.get(job.phase.state, ("JobExists", "delete that job first"))
    raise Conflict(
        code,
        f"there is already a job {job.spec.id!r} (ids ignore case), which is {job.phase.state}: "
        f"choose another id, or {cure}",
    )


def refuse_quota(state: State) -> None:
    """Refuse another job or schedule if the quota is used up."""
    quota = state.settings.quotas.active_job_and_job_schedule_quota
    if quota is None:
        return
    if len(state.unfinished) >= quota:
        raise Conflict(
            "ActiveJobAndScheduleQuotaReached",
            f"the quota of {quota} jobs and job schedules that are not completed is used up: "
            "terminate some, or set on_all_tasks_complete='terminatejob'",
        )


def refuse_not_enabled(state: State, given: JobSpec | inputs.UpdateJob) -> None:
    """Refuse properties that are not enabled for the account, unless they have no effect."""
    for name in state.settings.not_enabled:
        if getattr(given, name) not in (None, -1, False):
            reason = f"Property {name} is not enabled for current account"
            raise Forbidden(
                "Forbidden",
                f"{name} is not enabled for this account: omit it, or open a lab without "
                f"not_enabled={name!r}; in Azure, ask for it with a support request",
                {"Reason": reason},
            )


def _refuse_pool(state: State, pool_info: PoolInfo) -> None:
    """Refuse a pool that is being deleted."""
    pool = state.pools.get(fold(pool_info.pool_id or ""))
    if pool:
        resizing.refuse_deleting(pool)


def add(state: State, spec: JobSpec, schedule: ScheduleRecord | None = None) -> JobRecord:
    """Add a valid job, with its auto pool and its job manager."""
    number = state.next_number()
    pool_id, error = auto_pools.provide(state, spec, schedule)
    job = JobRecord(
        key=fold(spec.id),
        spec=spec,
        number=number,
        created=state.now,
        phase=phases.JobCompleted(state.now, "") if error else phases.JobActive(state.now),
        ended=state.now if error else None,
        pool_id=pool_id,
        schedule=schedule,
        scheduling_error=error,
    )
    state.add_job(job)
    if error is not None:
        return job
    _set_clock(state, job)
    if spec.job_manager_task:
        manager = spec.job_manager_task.task_spec()
        job.manager = tasks.add(state, job, fold(manager.id), manager)
    state.touch_job(job)
    return job


def update_job(state: State, request: inputs.UpdateJob) -> None:
    """Change the given properties, keep the others."""
    job = state.job(request.job_id)
    _refuse_unless(job, _LIVE)
    refuse_not_enabled(state, request)
    spec = job.spec
    pool_info = request.pool_info if request.pool_info != spec.pool_info else None
    keeping = auto_pools.keeping(spec, pool_info)
    if pool_info and pool_info.pool_id is None and keeping is None:
        reason = (
            "a job cannot move to an auto pool; of its own, only whether it is kept can change"
        )
        raise invalid("pool_info", pool_info.auto_pool_specification, reason, owner="update")
    if keeping is not None:
        pool_info = None
    elif pool_info and fold(pool_info.pool_id or "") != fold(job.pool_id):
        if job.phase.state != "disabled":
            raise Conflict(
                "OperationInvalidForCurrentState",
                f"job {spec.id!r} is {job.phase.state}: disable it before changing its pool",
            )
        if state.settings.rules >= 3:
            _refuse_pool(state, pool_info)
    else:
        pool_info = None
    complete = request.on_all_tasks_complete
    if complete == "noaction" and spec.on_all_tasks_complete == "terminatejob":
        raise invalid("on_all_tasks_complete", complete, "'terminatejob' cannot be undone")
    queues.withdraw(state, job)
    recall.recall(state, job.ahead.values())
    changes = msgspec.structs.asdict(request) | {"pool_info": pool_info or keeping, "job_id": None}
    given = {name: value for name, value in changes.items() if value is not None}
    if pool_info:
        auto_pools.job_ended(state, job)  # nothing needs its auto pool any more
    preemption.respecify(job, msgspec.structs.replace(spec, **given))
    if pool_info:
        state.transfer_job(job, pool_info.pool_id or "")
    queues.offer(state, job)
    if request.constraints is not None:
        _set_clock(state, job)
    if complete is not None:
        state.touch_job(job)


def disable_job(state: State, request: inputs.DisableJob) -> None:
    """Start no more tasks, and treat running ones as the option says."""
    job = state.job(request.job_id)
    _refuse_unless(job, ("active", "disabling", "disabled"))
    _disable(state, job, request.disable_tasks)


def _disable(state: State, job: JobRecord, disable_tasks: DisableTasks) -> None:
    queues.withdraw(state, job)
    if job.phase.state != "disabled":
        state.move(job, phases.JobDisabling(state.now, disable_tasks))
    ending = "" if disable_tasks == "wait" else disable_tasks
    recall.recall(state, job.ahead.values(), started=ending)
    if ending:
        for task in _under_way(job):
            runs.end(state, task, ending)
    state.touch_job(job)


def enable_job(state: State, request: inputs.EnableJob) -> None:
    """Let a disabled job continue."""
    job = state.job(request.job_id)
    _refuse_unless(job, ("disabling", "disabled"))
    state.move(job, phases.JobEnabling(state.now))
    state.move(job, phases.JobActive(state.now))
    queues.offer(state, job)
    state.touch_job(job)


def terminate_job(state: State, request: inputs.TerminateJob) -> None:
    """End a job: stop its running tasks, then run its releases."""
    job = state.job(request.job_id)
    _refuse_unless(job, _LIVE)
    _terminate(state, job, request.reason)


def delete_job(state: State, request: inputs.DeleteJob) -> None:
    """End a job as `terminate_job` does, then remove it with its tasks and files."""
    job = state.job(request.job_id)
    _refuse_unless(job, (*_LIVE, "terminating", "completed"))
    delete(state, job)


def end(state: State, job: JobRecord, reason: str) -> None:
    """Terminate a job if it is live."""
    if job.phase.state in _LIVE:
        _terminate(state, job, reason)


def delete(state: State, job: JobRecord) -> None:
    """Delete a job, unless it is being deleted already."""
    if isinstance(job.phase, phases.JobDeleting):
        return
    released = job.phase.state == "completed"
    state.move(job, phases.JobDeleting(state.now))
    if released:
        _remove(state, job)
    else:
        _end_all(state, job)


def _refuse_unless(job: JobRecord, states: tuple[str, ...]) -> None:
    state = job.phase.state
    if state not in states:
        code = {
            "active": "OperationInvalidForCurrentState",
            "terminating": "JobBeingTerminated",
            "completed": "JobCompleted",
            "deleting": "JobBeingDeleted",
        }[state]
        raise Conflict(
            code, f"job {job.spec.id!r} is {state}: it must be {' or '.join(states)} for this"
        )


# -- ending -------------------------------------------------------------------------------------


def _terminate(state: State, job: JobRecord, reason: str) -> None:
    state.move(job, phases.JobTerminating(state.now, reason), reason)
    _end_all(state, job)


def _end_all(state: State, job: JobRecord) -> None:
    queues.withdraw(state, job)
    recall.recall(state, job.ahead.values(), started="terminate")
    for task in _under_way(job):
        runs.end(state, task, "terminate")
    for run in job.runs.values():
        if run.kind == "jobpreparation" and not run.ending:
            state.ask_to_end(run, "terminate")
    state.touch_job(job)


def _under_way(job: JobRecord) -> list[TaskRecord]:
    """The tasks of a job that are on a node, running or waiting for its preparation."""
    found = {id(run.task): run.task for run in job.runs.values() if run.task}
    for footprint in job.footprints.values():
        found.update((id(task), task) for task in footprint.waiting.values())
    return list(found.values())


def settle(state: State, job: JobRecord) -> None:
    """Do everything that the end of a run or a task has made possible."""
    action, job.action = job.action, ""
    if action == "disable" and job.phase.state in ("active", "disabling"):
        _disable(state, job, "requeue")
    elif action not in ("", "disable"):
        end(state, job, action)
    phase = job.phase
    if isinstance(phase, phases.JobActive):
        if job.spec.on_all_tasks_complete == "noaction" or job.active or job.running:
            return
        if job.tasks:
            _terminate(state, job, "AllTasksComplete")
        else:
            _end_if_still_empty(state, job)
    elif isinstance(phase, phases.JobDisabling):
        if not job.running and not job.ahead:
            state.move(job, phases.JobDisabled(state.now))
    elif isinstance(phase, (phases.JobTerminating, phases.JobDeleting)):
        if job.ahead or any(run.kind != "jobrelease" for run in job.runs.values()):
            return
        if release.start_due(state, job):
            release.forget(state, job)
            if isinstance(phase, phases.JobDeleting):
                _remove(state, job)
            else:
                job.ended = state.now
                state.move(job, phases.JobCompleted(state.now, phase.reason), phase.reason)
                _ended(state, job, gone=False)


def _remove(state: State, job: JobRecord) -> None:
    if state.jobs.get(job.key) is not job:
        return
    state.drop_job(job)
    _ended(state, job, gone=True)
    for node in job.nodes.values():
        state.delete_files(node, job.directory)
    state.tell_job(job, "deleted")


def _ended(state: State, job: JobRecord, *, gone: bool) -> None:
    state.restarting.pop(job.key, None)
    state.deadlines.cancel(job.expiry)
    auto_pools.job_ended(state, job)
    schedule = job.schedule
    if schedule is None:
        return
    if schedule.job is job:
        schedule.job = None
    if gone:
        schedule.jobs.pop(job.key, None)
    state.touch_schedule(schedule)


# -- clocks -------------------------------------------------------------------------------------


def _set_clock(state: State, job: JobRecord) -> None:
    """End the job when its wall-clock time, counted from its creation, is over."""
    state.deadlines.cancel(job.expiry)
    limit = job.spec.constraints.max_wall_clock_time
    if limit is not None:
        when = max(state.now, job.created + limit.total_seconds())
        job.expiry = state.deadlines.at(when, end, state, job, "MaxWallClockTimeExpiry")


def _end_if_still_empty(state: State, job: JobRecord) -> None:
    """End a job that has no tasks, and so counts as complete, after a grace period."""
    state.deadlines.at(state.now + GRACE_S, _grace_over, state, job)


def _grace_over(state: State, job: JobRecord) -> None:
    if state.jobs.get(job.key) is job and job.phase.state == "active" and not job.tasks:
        _terminate(state, job, "AllTasksComplete")
