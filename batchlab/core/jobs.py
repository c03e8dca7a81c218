"""Jobs: created, changed, disabled, ended.

A job that ends, by request, by its clock or because all its tasks are complete, goes through the
same steps: running tasks and preparations are ended, queued tasks stay ``active`` for ever; when
no process of the job is left, the release runs where the preparation succeeded; when the last
release is over the job is ``completed``. A deleted job takes the same steps (only once: a release
that has run does not run again), then its tasks, its files on all nodes and its record go.

A job whose tasks are all done stays ``active`` unless ``on_all_tasks_complete`` says otherwise. A
job without tasks counts as all complete; it is ended `GRACE_S` after that was asked for, so that
there is time to add some. Disabling waits until no task runs (``disabling``), as its option says.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from batchlab.core import (
    autopools,
    hooks,
    inputs,
    phases,
    placement,
    pools,
    schedules,
    tasks,
    users,
)
from batchlab.core.ids import check_id, fold
from batchlab.core.outputs import CancelRun
from batchlab.core.records import JobRecord, ScheduleRecord, TaskRecord
from batchlab.core.specs import DisableTasks, JobSpec, check_max_parallel_tasks, check_priority
from batchlab.errors import Conflict, InvalidRequest, invalid

if TYPE_CHECKING:
    from batchlab.core.machine import Core

GRACE_S = 30.0
_LIVE = ("active", "disabling", "disabled", "enabling")


# -- requests -----------------------------------------------------------------------------------


def create_job(core: Core, request: inputs.CreateJob) -> None:
    """Add a job; its pool need not exist yet."""
    spec, key = request.spec, fold(request.spec.id)
    if not spec.id:
        raise InvalidRequest(
            "MissingRequiredProperty",
            "JobSpec.id is required: give id=...",
            {"PropertyName": "id"},
        )
    check_id(spec.id, owner="JobSpec")  # a colon is for the jobs of schedules
    if key in core.jobs:
        raise Conflict(
            "JobExists",
            f"there is already a job {core.jobs[key].spec.id!r} (ids are compared without case): "
            "choose another id, or delete it first",
        )
    if key in core.schedules:
        raise Conflict(
            "JobWithSameIdExists",
            f"there is a job schedule {core.schedules[key].spec.id!r}: a job needs another id",
        )
    refuse_quota(core)
    autopools.check(spec, scheduled=False)
    _refuse_pool(core, spec)
    users.check_job(core, spec)
    add(core, spec)


def refuse_quota(core: Core) -> None:
    """Refuse one more active job or schedule than the account may have."""
    quota = core.settings.quotas.active_job_and_job_schedule_quota
    if quota is None:
        return
    count = sum(job.phase.state != "completed" for job in core.jobs.values())
    count += sum(schedule.phase.state != "completed" for schedule in core.schedules.values())
    if count >= quota:
        raise Conflict(
            "ActiveJobAndScheduleQuotaReached",
            f"the account may have {quota} jobs and job schedules that are not completed: "
            "terminate some, or set on_all_tasks_complete='terminatejob'",
        )


def _refuse_pool(core: Core, spec: JobSpec) -> None:
    pool = core.pools.get(fold(spec.pool_info.pool_id or ""))
    if pool:
        pools.refuse_deleting(pool)


def add(core: Core, spec: JobSpec, schedule: ScheduleRecord | None = None) -> JobRecord:
    """Enter a job, with its auto pool and its job manager."""
    job = JobRecord(
        key=fold(spec.id),
        spec=spec,
        number=core.next_number(),
        created=core.now,
        phase=phases.JobActive(core.now),
        pool_id=spec.pool_info.pool_id or "",
        schedule=schedule,
    )
    core.jobs[job.key] = job
    job.scheduling_error = autopools.provide(core, job)
    if job.scheduling_error is not None:
        job.phase = phases.JobCompleted(core.now, "")
        job.ended = core.now
        core.tell_job(job, "completed")
        return job
    _note_preemptible(core, job)
    core.tell_job(job, "active")
    _set_clock(core, job)
    if spec.job_manager_task:
        manager = spec.job_manager_task.task_spec()
        job.manager = tasks.add(core, job, fold(manager.id), manager)
    core.touch_job(job)
    return job


def update_job(core: Core, request: inputs.UpdateJob) -> None:
    """Change what is given, keep the rest."""
    job = core.job(request.job_id)
    _refuse_unless(job, _LIVE)
    spec = job.spec
    if request.priority is not None:
        check_priority(request.priority, "update")
    if request.max_parallel_tasks is not None:
        check_max_parallel_tasks(request.max_parallel_tasks, "update")
    pool_info = request.pool_info if request.pool_info != spec.pool_info else None
    if pool_info and pool_info.pool_id is None:
        reason = "a job cannot move to an auto pool: name a pool"
        raise invalid("pool_info", pool_info.auto_pool_specification, reason, owner="update")
    if pool_info and fold(pool_info.pool_id or "") != fold(job.pool_id):
        if job.phase.state != "disabled":
            raise Conflict(
                "OperationInvalidForCurrentState",
                f"job {spec.id!r} is {job.phase.state}: disable it before it changes its pool",
            )
    else:
        pool_info = None
    complete = request.on_all_tasks_complete
    if complete == "noaction" and spec.on_all_tasks_complete == "terminatejob":
        raise invalid("on_all_tasks_complete", complete, "cannot be taken back once it is set")
    placement.withdraw(core, job)
    changes = {
        "priority": request.priority,
        "constraints": request.constraints,
        "pool_info": pool_info,
        "on_all_tasks_complete": complete,
        "max_parallel_tasks": request.max_parallel_tasks,
        "allow_task_preemption": request.allow_task_preemption,
        "metadata": request.metadata,
    }
    given = {name: value for name, value in changes.items() if value is not None}
    if pool_info:
        autopools.job_ended(core, job)  # its auto pool has lost its owner
    job.spec = msgspec.structs.replace(spec, **given)
    if pool_info:
        job.pool_id = pool_info.pool_id or ""
    _note_preemptible(core, job)
    placement.offer(core, job)
    if request.constraints is not None:
        _set_clock(core, job)
    if complete is not None:
        core.touch_job(job)


def disable_job(core: Core, request: inputs.DisableJob) -> None:
    """Start no more tasks, and deal with the running ones as asked."""
    job = core.job(request.job_id)
    _refuse_unless(job, ("active", "disabling", "disabled"))
    _disable(core, job, request.disable_tasks)


def _disable(core: Core, job: JobRecord, disable_tasks: DisableTasks) -> None:
    placement.withdraw(core, job)
    if job.phase.state != "disabled":
        core.move_job(job, phases.JobDisabling(core.now, disable_tasks))
    if disable_tasks != "wait":
        for task in _under_way(job):
            tasks.end(core, task, disable_tasks)
    core.touch_job(job)


def enable_job(core: Core, request: inputs.EnableJob) -> None:
    """Let a disabled job go on."""
    job = core.job(request.job_id)
    _refuse_unless(job, ("disabling", "disabled"))
    core.move_job(job, phases.JobEnabling(core.now))
    core.move_job(job, phases.JobActive(core.now))
    placement.offer(core, job)
    core.touch_job(job)


def terminate_job(core: Core, request: inputs.TerminateJob) -> None:
    """End a job: its running tasks, then its releases."""
    job = core.job(request.job_id)
    _refuse_unless(job, _LIVE)
    _terminate(core, job, request.reason)


def delete_job(core: Core, request: inputs.DeleteJob) -> None:
    """End a job as `terminate_job` does, then remove it with its tasks and files."""
    job = core.job(request.job_id)
    _refuse_unless(job, (*_LIVE, "terminating", "completed"))
    delete(core, job)


def end(core: Core, job: JobRecord, reason: str) -> None:
    """Terminate a job if it is live."""
    if job.phase.state in _LIVE:
        _terminate(core, job, reason)


def delete(core: Core, job: JobRecord) -> None:
    """Delete a job, unless that is under way."""
    if isinstance(job.phase, phases.JobDeleting):
        return
    released = job.phase.state == "completed"
    core.move_job(job, phases.JobDeleting(core.now))
    if released:
        _remove(core, job)
    else:
        _end_all(core, job)


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
            code, f"job {job.spec.id!r} is {state}: this needs it to be {' or '.join(states)}"
        )


# -- ending -------------------------------------------------------------------------------------


def _terminate(core: Core, job: JobRecord, reason: str) -> None:
    core.move_job(job, phases.JobTerminating(core.now, reason), reason)
    _end_all(core, job)


def _end_all(core: Core, job: JobRecord) -> None:
    placement.withdraw(core, job)
    for task in _under_way(job):
        tasks.end(core, task, "terminate")
    for run in job.runs.values():
        if run.kind == "jobpreparation" and not run.ending:
            run.ending = "terminate"
            core.command(CancelRun(run_id=run.id))
    core.touch_job(job)


def _under_way(job: JobRecord) -> list[TaskRecord]:
    """The tasks of a job that are on a node: running or waiting for its preparation."""
    found = {id(run.task): run.task for run in job.runs.values() if run.task}
    for footprint in job.footprints.values():
        found.update((id(task), task) for task in footprint.waiting.values())
    return list(found.values())


def settle(core: Core, job: JobRecord) -> None:
    """Do what the end of a run or a task has made possible."""
    action, job.action = job.action, ""
    if action == "disable" and job.phase.state in ("active", "disabling"):
        _disable(core, job, "requeue")
    elif action not in ("", "disable"):
        end(core, job, action)
    phase = job.phase
    if isinstance(phase, phases.JobActive):
        if job.spec.on_all_tasks_complete == "noaction" or job.active or job.running:
            return
        if job.tasks:
            _terminate(core, job, "AllTasksComplete")
        else:
            _end_if_still_empty(core, job)
    elif isinstance(phase, phases.JobDisabling):
        if not job.running:
            core.move_job(job, phases.JobDisabled(core.now))
    elif isinstance(phase, (phases.JobTerminating, phases.JobDeleting)):
        if any(run.kind != "jobrelease" for run in job.runs.values()):
            return
        if hooks.release(core, job):
            hooks.forget(core, job)
            if isinstance(phase, phases.JobDeleting):
                _remove(core, job)
            else:
                job.ended = core.now
                core.move_job(job, phases.JobCompleted(core.now, phase.reason), phase.reason)
                _ended(core, job, gone=False)


def _note_preemptible(core: Core, job: JobRecord) -> None:
    if job.spec.allow_task_preemption:
        core.preemptible[job.key] = job
    else:
        core.preemptible.pop(job.key, None)


def _remove(core: Core, job: JobRecord) -> None:
    if core.jobs.pop(job.key, None) is None:
        return
    _ended(core, job, gone=True)
    for node in job.nodes.values():
        core.delete_files(node, job.directory)
    core.tell_job(job, "deleted")


def _ended(core: Core, job: JobRecord, *, gone: bool) -> None:
    core.preemptible.pop(job.key, None)
    core.restarting.pop(job.key, None)
    autopools.job_ended(core, job)
    if job.schedule is not None:
        schedules.job_ended(core, job.schedule, job, gone=gone)


# -- clocks -------------------------------------------------------------------------------------


def _set_clock(core: Core, job: JobRecord) -> None:
    """Have the job end when its time, counted from its creation, is over."""
    limit = job.spec.constraints.max_wall_clock_time
    if limit is None:
        return

    def expire() -> None:
        live = core.jobs.get(job.key) is job and job.phase.state in _LIVE
        if live and job.spec.constraints.max_wall_clock_time == limit:
            _terminate(core, job, "MaxWallClockTimeExpiry")

    core.deadlines.at(max(core.now, job.created + limit.total_seconds()), expire)


def _end_if_still_empty(core: Core, job: JobRecord) -> None:
    """Have a job without tasks, which counts as all complete, end after the grace."""

    def expire() -> None:
        if core.jobs.get(job.key) is job and job.phase.state == "active" and not job.tasks:
            _terminate(core, job, "AllTasksComplete")

    core.deadlines.at(core.now + GRACE_S, expire)
