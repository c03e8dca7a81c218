"""Waiting: whether a condition holds, and whether it can still become true.

A wait that can never end fails with the reason instead of hanging. For example, a job whose tasks
are all completed stays active until someone ends it, and a queued task whose job preparation task
failed on every node never runs. Only certainties count: while a node starts or a task runs, the
condition may still become true.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from batchlab.core.account import certificates
from batchlab.core.answers.explain_task import explain, explain_queued, no_nodes
from batchlab.core.answers.reasons import Reason
from batchlab.core.messages import questions
from batchlab.core.model import read_thumbprint
from batchlab.core.model.ids import fold
from batchlab.core.pools import auto_pools
from batchlab.core.state import phases
from batchlab.core.state.records import (
    JobRecord,
    NodeRecord,
    PoolRecord,
    ScheduleRecord,
    TaskRecord,
)
from batchlab.core.state.states import NODE, WAITABLE
from batchlab.errors import invalid

if TYPE_CHECKING:
    from batchlab.core.state.state import State

_KINDS: dict[Any, str] = {
    questions.PoolIs: "pool",
    questions.NodesAre: "node",
    questions.JobIs: "job",
    questions.JobScheduleIs: "job schedule",
    questions.TaskIs: "task",
    questions.CertificateIs: "certificate",
}


def met(state: State, condition: questions.Condition) -> bool:
    """Whether a condition holds now."""
    if isinstance(condition, questions.TasksCompleted):  # first, as it is asked most often
        tasks = state.job(condition.job_id)
        return not tasks.active and not tasks.running
    _check(condition)
    match condition:
        case questions.PoolIs(pool_id=pool_id, state=current):
            if current == "deleted":
                return fold(pool_id) not in state.pools
            pool = state.pool(pool_id)
            return current in (pool.phase.state, pool.allocation.state)
        case questions.NodesAre(pool_id=pool_id, state=current):
            pool, nodes = _nodes(state, condition)
            if not condition.node_ids and (pool.allocation.state != "steady" or not nodes):
                return False  # a pool without nodes has none in this state
            return all(node.phase.state == current for node in nodes)
        case questions.JobIs(job_id=job_id, state=current):
            if current == "deleted":
                return fold(job_id) not in state.jobs
            return state.job(job_id).phase.state == current
        case questions.TaskIs(job_id=job_id, task_id=task_id, state=current):
            if current == "deleted":
                job = state.jobs.get(fold(job_id))
                return job is None or fold(task_id) not in job.tasks
            return state.task(job_id, task_id).phase.state == current
        case questions.JobScheduleIs(job_schedule_id=job_schedule_id, state=current):
            if current == "deleted":
                return fold(job_schedule_id) not in state.schedules
            return state.schedule(job_schedule_id).phase.state == current
        case questions.CertificateIs(thumbprint=thumbprint, state=current):
            if current == "deleted":
                return read_thumbprint(thumbprint) not in state.certificates
            return certificates.find(state, thumbprint).phase.state == current
        case questions.TaskCompletedSince(job_id=job_id, completed=completed):
            job = state.job(job_id)
            return job.succeeded + job.failed != completed
    raise invalid("condition", condition, "is not a condition that a wait supports")


def hopeless(state: State, condition: questions.Condition) -> list[Reason]:
    """Why a condition can never become true without help; empty if it holds or still may."""
    if met(state, condition):
        return []
    match condition:
        case questions.PoolIs(pool_id=pool_id, state=current):
            return _pool(state, state.pool(pool_id), current)
        case questions.NodesAre(state=current):
            pool, nodes = _nodes(state, condition)
            return _node_states(pool, nodes, current)
        case questions.JobIs(job_id=job_id, state=current):
            return _job(state, state.job(job_id), current)
        case questions.TaskIs(job_id=job_id, task_id=task_id, state=current):
            task = state.task(job_id, task_id)
            if current == "deleted" and _is_going(state, task):
                return []
            if isinstance(task.phase, phases.TaskCompleted) or current == "deleted":
                return [_stays(f"Task {task_id!r}", task.phase.state, current)]
            reasons = explain(state, task)
            return reasons if reasons and all(reason.lasting for reason in reasons) else []
        case questions.JobScheduleIs(job_schedule_id=job_schedule_id, state=current):
            return _schedule(state, state.schedule(job_schedule_id), current)
        case questions.CertificateIs(thumbprint=thumbprint, state=current):
            phase = certificates.find(state, thumbprint).phase
            going = isinstance(phase, phases.CertificateDeleting)
            if going and current in ("deletefailed", "deleted"):
                return []
            return [_stays(f"Certificate {thumbprint}", phase.state, current)]
        case questions.TasksCompleted(job_id=job_id):
            return _tasks(state, state.job(job_id))
        case questions.TaskCompletedSince(job_id=job_id):
            job = state.job(job_id)
            if not job.active and not job.running:
                text = f"All tasks of job {job_id!r} have completed."
                return [Reason(code="NothingUnderWay", text=text, lasting=True)]
            return _tasks(state, job)
    return []


def _check(condition: Any) -> None:
    """Refuse a state that does not exist for this kind of resource."""
    kind = _KINDS.get(type(condition), "")
    if kind and condition.state not in WAITABLE[kind]:
        known = ", ".join(WAITABLE[kind])
        raise invalid("state", condition.state, f"must be one of {known}", owner="wait")


def _nodes(state: State, condition: questions.NodesAre) -> tuple[PoolRecord, list[NodeRecord]]:
    pool = state.pool(condition.pool_id)
    if condition.node_ids:
        return pool, [state.node(condition.pool_id, node_id) for node_id in condition.node_ids]
    return pool, list(pool.nodes.values())


def _is_going(state: State, task: TaskRecord) -> bool:
    """Whether a task is about to be deleted, alone or with its job."""
    phase = task.phase
    if isinstance(phase, phases.TaskRunning):
        wish = task.instances or state.runs[phase.run_id]
        if wish.ending == "delete":
            return True
    return isinstance(task.job.phase, phases.JobDeleting)


def _stays(what: str, state: str, wanted: str, cure: str = "") -> Reason:
    text = f"{what} is {state}, and nothing in progress will make it {wanted}.{cure}"
    return Reason(code="NothingUnderWay", text=text, lasting=True)


def _pool(state: State, pool: PoolRecord, wanted: str) -> list[Reason]:
    if pool.allocation.state != "steady" or pool.phase.state == "deleting":
        return []
    if pool.auto_scale is not None and wanted in ("resizing", "stopping"):
        return []
    if wanted in ("deleting", "deleted", "resizing"):
        for owner in auto_pools.owners(state, pool.key):
            if isinstance(owner, JobRecord):
                never = _job(state, owner, "completed")
            else:
                never = _schedule(state, owner, "completed")
            if not never:
                return []
    return [_stays(f"Pool {pool.spec.id!r}", "active and steady", wanted)]


def _node_states(pool: PoolRecord, nodes: list[NodeRecord], wanted: str) -> list[Reason]:
    if pool.allocation.state != "steady":
        return []
    if not nodes:
        reason = no_nodes(pool)
        return [reason] if reason.lasting else []
    fixed = [
        node
        for node in nodes
        if node.phase.state != wanted
        and node.drain is None
        and node.phase.state in NODE.group("resting")
        and not node.may_return
        and not (wanted == "running" and isinstance(node.phase, phases.NodeIdle))
    ]
    return [_node_stays(node, wanted) for node in fixed[:3]]


def _node_stays(node: NodeRecord, wanted: str) -> Reason:
    cure = " Call node.start()." if isinstance(node.phase, phases.NodeDeallocated) else ""
    return _stays(f"Node {node.id}", node.phase.state, wanted, cure)


def _job(state: State, job: JobRecord, wanted: str) -> list[Reason]:
    current, name = job.phase.state, f"Job {job.spec.id!r}"
    if current in ("disabling", "terminating", "deleting"):
        return []
    ends = job.spec.constraints.max_wall_clock_time is not None and current != "completed"
    by_tasks = _ends_with_tasks(state, job) or _may_be_ended(state, job)
    if wanted in ("terminating", "completed") and (ends or by_tasks):
        return []
    if wanted in ("disabling", "disabled") and _may_take_action(state, job):
        return []
    if wanted == "completed" and current == "active":
        text = (
            f"{name} stays active even when all its tasks have completed: nothing will end it. "
            "Call job.terminate(), wait for the tasks with job.tasks.wait(), or create the job "
            "with on_all_tasks_complete='terminatejob'."
        )
        if job.spec.on_all_tasks_complete == "terminatejob":
            return _tasks(state, job)
        if stuck := _stuck_manager(state, job):
            return stuck
        return [Reason(code="JobStaysActive", text=text, lasting=True)]
    return [_stays(name, current, wanted)]


def _ends_with_tasks(state: State, job: JobRecord) -> bool:
    if job.spec.on_all_tasks_complete == "noaction" or job.phase.state != "active":
        return False
    return not _tasks(state, job)


def _may_be_ended(state: State, job: JobRecord) -> bool:
    """Whether a task that may still run can end the job when it completes."""
    if job.phase.state != "active":
        return False
    if _is_ended_by_manager(job) and not _stuck_manager(state, job):
        return True
    return _may_take_action(state, job)


def _is_ended_by_manager(job: JobRecord) -> bool:
    """Whether the job will end when its job manager, not yet completed, completes."""
    spec, manager = job.spec.job_manager_task, job.manager
    if spec is None or manager is None or not spec.kill_job_on_completion:
        return False
    return manager.phase.state != "completed"


def _stuck_manager(state: State, job: JobRecord) -> list[Reason]:
    """Why the job manager that would end the job never runs; empty if it may."""
    if not _is_ended_by_manager(job) or job.manager is None:
        return []
    reasons = explain(state, job.manager)
    return reasons if all(reason.lasting for reason in reasons) else []


def _may_take_action(state: State, job: JobRecord) -> bool:
    """Whether the exit conditions of a task that may still run can change the job's state."""
    if job.phase.state != "active" or job.spec.on_task_failure == "noaction":
        return False
    return bool(job.active or job.running) and not _tasks(state, job)


def _schedule(state: State, schedule: ScheduleRecord, wanted: str) -> list[Reason]:
    current, plan = schedule.phase.state, schedule.spec.schedule
    if current in ("terminating", "deleting"):
        return []
    ends = plan.recurrence_interval is None or plan.do_not_run_after is not None
    if current == "active" and wanted == "completed" and ends:
        return _job(state, schedule.job, "completed") if schedule.job else []
    return [_stays(f"Job schedule {schedule.spec.id!r}", current, wanted)]


def _tasks(state: State, job: JobRecord) -> list[Reason]:
    """Why the queued tasks of a job will never all complete; empty if they may."""
    if job.running or not job.active:
        return []
    manager = job.manager
    if manager and isinstance(manager.phase, phases.TaskActive):
        reasons = explain(state, manager)
        return reasons if all(reason.lasting for reason in reasons) else []
    sizes: set[tuple[int, int]] = set()
    found: list[Reason] = []
    for task in job.tasks.values():
        if task.phase.state != "active" or task.unmet:
            continue
        size = task.spec.required_slots, task.instances.count if task.instances else 0
        if size in sizes:
            continue
        sizes.add(size)
        reasons = explain_queued(state, job, size[0], instances=size[1])
        if not all(reason.lasting for reason in reasons):
            return []
        found += [reason for reason in reasons if reason not in found]
    blocked = next((t for t in job.tasks.values() if t.unmet and t.phase.state == "active"), None)
    return found or (explain(state, blocked) if blocked else [])
