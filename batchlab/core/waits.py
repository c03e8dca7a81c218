"""Waiting: whether a condition holds, and whether anything under way can still make it true.

A wait that cannot end is refused with its reason instead of hanging: a job whose tasks are all
done stays active until somebody ends it; a queued task whose preparation failed everywhere never
runs. Only what is certain counts: while a node starts or a task runs, there is hope.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from batchlab.core import autopools, certificates, phases, questions
from batchlab.core.explain import explain, explain_queued
from batchlab.core.ids import fold
from batchlab.core.reasons import Reason
from batchlab.core.records import (
    JobRecord,
    NodeRecord,
    PoolRecord,
    ScheduleRecord,
    TaskRecord,
)
from batchlab.core.specs import read_thumbprint
from batchlab.errors import invalid

if TYPE_CHECKING:
    from batchlab.core.machine import Core

_POOL = ("active", "deleting", "deleted", "steady", "resizing", "stopping")
_NODE = (
    "creating", "starting", "waitingforstarttask", "starttaskfailed", "idle", "running",
    "preempted", "rebooting", "reimaging", "unusable", "unknown", "offline", "leavingpool",
)  # fmt: skip
_JOB = ("active", "disabling", "disabled", "terminating", "completed", "deleting", "deleted")
_SCHEDULE = ("active", "disabled", "terminating", "completed", "deleting", "deleted")
_CERTIFICATE = ("active", "deleting", "deletefailed", "deleted")
_TASK = ("active", "preparing", "running", "completed", "deleted")


def met(core: Core, condition: questions.Condition) -> bool:
    """Whether a condition holds now."""
    match condition:
        case questions.PoolIs(pool_id=pool_id, state=state):
            _check(state, _POOL)
            if state == "deleted":
                return fold(pool_id) not in core.pools
            pool = core.pool(pool_id)
            return state in (pool.phase.state, pool.allocation.state)
        case questions.NodesAre(pool_id=pool_id, state=state):
            _check(state, _NODE)
            pool, nodes = _nodes(core, condition)
            if not condition.node_ids and pool.allocation.state != "steady":
                return False
            return all(node.phase.state == state for node in nodes)
        case questions.JobIs(job_id=job_id, state=state):
            _check(state, _JOB)
            if state == "deleted":
                return fold(job_id) not in core.jobs
            return core.job(job_id).phase.state == state
        case questions.TaskIs(job_id=job_id, task_id=task_id, state=state):
            _check(state, _TASK)
            if state == "deleted":
                job = core.jobs.get(fold(job_id))
                return job is None or fold(task_id) not in job.tasks
            return core.task(job_id, task_id).phase.state == state
        case questions.JobScheduleIs(job_schedule_id=job_schedule_id, state=state):
            _check(state, _SCHEDULE)
            if state == "deleted":
                return fold(job_schedule_id) not in core.schedules
            return core.schedule(job_schedule_id).phase.state == state
        case questions.CertificateIs(thumbprint=thumbprint, state=state):
            _check(state, _CERTIFICATE)
            if state == "deleted":
                return read_thumbprint(thumbprint) not in core.certificates
            return certificates.find(core, thumbprint).phase.state == state
        case questions.TasksCompleted(job_id=job_id):
            job = core.job(job_id)
            return not job.active and not job.running
        case questions.TaskCompletedSince(job_id=job_id, completed=completed):
            job = core.job(job_id)
            return job.succeeded + job.failed != completed
    raise invalid("condition", condition, "is not one that can be waited for")


def hopeless(core: Core, condition: questions.Condition) -> list[Reason]:
    """Why a condition that does not hold cannot come true by itself; empty while it may."""
    if met(core, condition):
        return []
    match condition:
        case questions.PoolIs(pool_id=pool_id, state=state):
            return _pool(core, core.pool(pool_id), state)
        case questions.NodesAre(state=state):
            pool, nodes = _nodes(core, condition)
            return _node_states(pool, nodes, state)
        case questions.JobIs(job_id=job_id, state=state):
            return _job(core, core.job(job_id), state)
        case questions.TaskIs(job_id=job_id, task_id=task_id, state=state):
            task = core.task(job_id, task_id)
            if state == "deleted" and _is_going(core, task):
                return []
            if isinstance(task.phase, phases.TaskCompleted) or state == "deleted":
                return [_stays(f"Task {task_id!r}", task.phase.state, state)]
            reasons = explain(core, task)
            return reasons if reasons and all(reason.lasting for reason in reasons) else []
        case questions.JobScheduleIs(job_schedule_id=job_schedule_id, state=state):
            return _schedule(core, core.schedule(job_schedule_id), state)
        case questions.CertificateIs(thumbprint=thumbprint, state=state):
            phase = certificates.find(core, thumbprint).phase
            going = isinstance(phase, phases.CertificateDeleting)
            if going and state in ("deletefailed", "deleted"):
                return []
            return [_stays(f"Certificate {thumbprint}", phase.state, state)]
        case questions.TasksCompleted(job_id=job_id):
            return _tasks(core, core.job(job_id))
        case questions.TaskCompletedSince(job_id=job_id):
            job = core.job(job_id)
            if not job.active and not job.running:
                text = f"All tasks of job {job_id!r} are completed."
                return [Reason(code="NothingUnderWay", text=text, lasting=True)]
            return _tasks(core, job)
    return []


def _check(state: str, known: tuple[str, ...]) -> None:
    if state not in known:
        raise invalid("state", state, "must be one of " + ", ".join(known), owner="wait")


def _nodes(core: Core, condition: questions.NodesAre) -> tuple[PoolRecord, list[NodeRecord]]:
    pool = core.pool(condition.pool_id)
    if condition.node_ids:
        return pool, [core.node(condition.pool_id, node_id) for node_id in condition.node_ids]
    return pool, list(pool.nodes.values())


def _is_going(core: Core, task: TaskRecord) -> bool:
    """Whether a task is about to be deleted: by itself, or with its job."""
    phase = task.phase
    if isinstance(phase, phases.TaskRunning):
        wish = task.instances or core.runs[phase.run_id]
        if wish.ending == "delete":
            return True
    return isinstance(task.job.phase, phases.JobDeleting)


def _stays(what: str, state: str, wanted: str) -> Reason:
    text = f"{what} is {state}, and nothing under way will make it {wanted}."
    return Reason(code="NothingUnderWay", text=text, lasting=True)


def _pool(core: Core, pool: PoolRecord, wanted: str) -> list[Reason]:
    if pool.allocation.state != "steady" or pool.phase.state == "deleting":
        return []
    if pool.auto_scale is not None and wanted in ("resizing", "stopping"):
        return []
    if wanted in ("deleting", "deleted", "resizing"):
        for owner in autopools.owners(core, pool.key):
            if isinstance(owner, JobRecord):
                never = _job(core, owner, "completed")
            else:
                never = _schedule(core, owner, "completed")
            if not never:
                return []
    return [_stays(f"Pool {pool.spec.id!r}", "active and steady", wanted)]


def _node_states(pool: PoolRecord, nodes: list[NodeRecord], wanted: str) -> list[Reason]:
    if pool.allocation.state != "steady":
        return []
    fixed = [
        node
        for node in nodes
        if node.phase.state != wanted
        and node.drain is None
        and node.phase.state in ("idle", "offline", "starttaskfailed", "unusable")
        and not (wanted == "running" and node.phase.state == "idle")
    ]
    return [_stays(f"Node {node.id}", node.phase.state, wanted) for node in fixed[:3]]


def _job(core: Core, job: JobRecord, wanted: str) -> list[Reason]:
    state, name = job.phase.state, f"Job {job.spec.id!r}"
    if state in ("disabling", "terminating", "deleting"):
        return []
    ends = job.spec.constraints.max_wall_clock_time is not None and state != "completed"
    by_tasks = _ends_with_tasks(core, job) or _may_be_ended(core, job)
    if wanted in ("terminating", "completed") and (ends or by_tasks):
        return []
    if wanted in ("disabling", "disabled") and _may_take_action(core, job):
        return []
    if wanted == "completed" and state == "active":
        text = (
            f"{name} stays active even when all its tasks are completed: nothing will end it. "
            "Call job.terminate(), or wait for the tasks with job.tasks.wait(), or create the "
            "job with on_all_tasks_complete='terminatejob'."
        )
        if job.spec.on_all_tasks_complete == "terminatejob":
            return _tasks(core, job)
        if stuck := _stuck_manager(core, job):
            return stuck
        return [Reason(code="JobStaysActive", text=text, lasting=True)]
    return [_stays(name, state, wanted)]


def _ends_with_tasks(core: Core, job: JobRecord) -> bool:
    if job.spec.on_all_tasks_complete == "noaction" or job.phase.state != "active":
        return False
    return not _tasks(core, job)


def _may_be_ended(core: Core, job: JobRecord) -> bool:
    """Whether the end of a task that may still run can end the job."""
    if job.phase.state != "active":
        return False
    if _is_ended_by_manager(job) and not _stuck_manager(core, job):
        return True
    return _may_take_action(core, job)


def _is_ended_by_manager(job: JobRecord) -> bool:
    """Whether the end of its job manager, which is still to come, ends the job."""
    spec, manager = job.spec.job_manager_task, job.manager
    if spec is None or manager is None or not spec.kill_job_on_completion:
        return False
    return manager.phase.state != "completed"


def _stuck_manager(core: Core, job: JobRecord) -> list[Reason]:
    """Why the job manager that would end the job never runs; empty while it may."""
    if not _is_ended_by_manager(job) or job.manager is None:
        return []
    reasons = explain(core, job.manager)
    return reasons if all(reason.lasting for reason in reasons) else []


def _may_take_action(core: Core, job: JobRecord) -> bool:
    """Whether the exit conditions of a task that may still run have a say in the job's state."""
    if job.phase.state != "active" or job.spec.on_task_failure == "noaction":
        return False
    return bool(job.active or job.running) and not _tasks(core, job)


def _schedule(core: Core, schedule: ScheduleRecord, wanted: str) -> list[Reason]:
    state, plan = schedule.phase.state, schedule.spec.schedule
    if state in ("terminating", "deleting"):
        return []
    ends = plan.recurrence_interval is None or plan.do_not_run_after is not None
    if state == "active" and wanted == "completed" and ends:
        return _job(core, schedule.job, "completed") if schedule.job else []
    return [_stays(f"Job schedule {schedule.spec.id!r}", state, wanted)]


def _tasks(core: Core, job: JobRecord) -> list[Reason]:
    """Why the queued tasks of a job will never all complete; empty while they may."""
    if job.running or not job.active:
        return []
    manager = job.manager
    if manager and isinstance(manager.phase, phases.TaskActive):
        reasons = explain(core, manager)
        return reasons if all(reason.lasting for reason in reasons) else []
    sizes = {
        (task.spec.required_slots, task.instances.count if task.instances else 0): None
        for task in job.tasks.values()
        if task.phase.state == "active" and not task.unmet
    }
    found: list[Reason] = []
    for slots, instances in sizes:
        reasons = explain_queued(core, job, slots, instances=instances)
        if not all(reason.lasting for reason in reasons):
            return []
        found += [reason for reason in reasons if reason not in found]
    blocked = next((t for t in job.tasks.values() if t.unmet and t.phase.state == "active"), None)
    return found or (explain(core, blocked) if blocked else [])
