"""Tasks: added, assigned, run, repeated, ended.

A run that ends is judged once, here. Somebody may have asked for its end before (`ending`): to
``terminate`` the task, to ``requeue`` it, or to ``delete`` it; the process may have ended by
itself in the same moment, and then what it achieved counts, save for a deletion. Else: exit code 0
is success; any other is retried while the task has retries left; what never started (a missing
program or file) or was killed by the clock is final at once.

A node that is lost takes nothing from the task's retries: the run is repeated elsewhere, up to
`MAX_RECOVERIES` times. A task whose run is being ended stays ``running`` until the node says that
no process of it is left, so that no two runs of a task ever overlap.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from batchlab.core.account import users
from batchlab.core.jobs import node_tasks
from batchlab.core.messages import inputs
from batchlab.core.messages.outputs import CancelRun
from batchlab.core.model import TaskSpec
from batchlab.core.model.ids import fold
from batchlab.core.model.values import FailureInfo
from batchlab.core.placement import placement
from batchlab.core.state import phases
from batchlab.core.state.records import (
    InstancesRecord,
    JobRecord,
    NodeRecord,
    RunRecord,
    TaskRecord,
)
from batchlab.core.tasks import dependencies, exits, multi_instance, orders
from batchlab.errors import Conflict

if TYPE_CHECKING:
    from batchlab.core.state.state import State

MAX_RECOVERIES = 10


# -- requests -----------------------------------------------------------------------------------


def create_tasks(state: State, request: inputs.CreateTasks) -> None:
    """Add tasks: all of them, or none."""
    job = state.job(request.job_id)
    _refuse_ended(job)
    new: dict[str, TaskSpec] = {}
    node_task_ids = {}
    if job.spec.job_preparation_task:
        node_task_ids[fold(job.spec.job_preparation_task.id)] = "TaskIdSameAsJobPreparationTask"
    if job.spec.job_release_task:
        node_task_ids[fold(job.spec.job_release_task.id)] = "TaskIdSameAsJobReleaseTask"
    for spec in request.specs:
        key = fold(spec.id)
        if key in node_task_ids:
            raise Conflict(
                node_task_ids[key],
                f"task id {spec.id!r} is used by the job preparation or release task of job "
                f"{job.spec.id!r}: choose another",
            )
        if key in job.tasks or key in new:
            raise Conflict(
                "TaskExists",
                f"job {job.spec.id!r} already has a task {spec.id!r} (ids are compared without "
                "case): choose another id; none of the tasks was added",
            )
        dependencies.check(job, spec)
        exits.check(job.spec, spec)
        if spec.user_identity:
            users.check_task(state, job, spec.user_identity)
        new[key] = spec
    for key, spec in new.items():
        add(state, job, key, spec)


def add(state: State, job: JobRecord, key: str, spec: TaskSpec) -> TaskRecord:
    """Enter a task, and queue it unless it has to wait for others."""
    active = phases.TaskActive(state.now)
    job.added += 1
    task = TaskRecord(
        number=job.added,
        spec=spec,
        job=job,
        created=state.now,
        phase=active,
        constraints=spec.constraints,
        slots=spec.required_slots,
    )
    if spec.multi_instance_settings is not None:
        task.instances = InstancesRecord(count=spec.multi_instance_settings.number_of_instances)
    job.tasks[key] = task
    job.active += 1
    dependencies.hold(job, task)
    state.tell_task(task, "active")
    if not task.unmet:
        placement.enqueue(state, task)
    return task


def update_task(state: State, request: inputs.UpdateTask) -> None:
    """Replace the constraints of a task that is not completed."""
    task = state.task(request.job_id, request.task_id)
    _refuse_deleting(task.job)
    _refuse_completed(task)
    task.constraints = request.constraints


def terminate_task(state: State, request: inputs.TerminateTask) -> None:
    """End a task: at once if it does not run, else as soon as its processes are gone."""
    task = state.task(request.job_id, request.task_id)
    _refuse_deleting(task.job)
    _refuse_completed(task)
    end(state, task, "terminate")


def reactivate_task(state: State, request: inputs.ReactivateTask) -> None:
    """Queue a failed task again, as if it had never run."""
    task = state.task(request.job_id, request.task_id)
    _refuse_ended(task.job)
    phase = task.phase
    if not isinstance(phase, phases.TaskCompleted):
        raise Conflict(
            "TaskNotCompleted",
            f"task {task.spec.id!r} is {phase.state}: only a completed task can be reactivated",
        )
    if phase.failure is None:
        raise Conflict(
            "TaskSucceeded",
            f"task {task.spec.id!r} succeeded: only a failed task can be reactivated",
        )
    delete_files(state, task)
    task.retry_count = task.requeue_count = task.recoveries = 0
    task.last_retry = task.last_requeue = task.started = None
    activate(state, task, "reactivated")


def delete_task(state: State, request: inputs.DeleteTask) -> None:
    """Delete a task and its files; a running one is ended first."""
    task = state.task(request.job_id, request.task_id)
    _refuse_deleting(task.job)
    end(state, task, "delete")


def _refuse_ended(job: JobRecord) -> None:
    _refuse_deleting(job)
    code = {"terminating": "JobBeingTerminated", "completed": "JobCompleted"}.get(job.phase.state)
    if code:
        raise Conflict(code, f"job {job.spec.id!r} is {job.phase.state}: create a new job")


def _refuse_deleting(job: JobRecord) -> None:
    if isinstance(job.phase, phases.JobDeleting):
        raise Conflict("JobBeingDeleted", f"job {job.spec.id!r} is being deleted")


def _refuse_completed(task: TaskRecord) -> None:
    if isinstance(task.phase, phases.TaskCompleted):
        raise Conflict("TaskCompleted", f"task {task.spec.id!r} is already completed")


# -- from queue to node -------------------------------------------------------------------------


def assign(state: State, task: TaskRecord, node: NodeRecord) -> None:
    """Give a queued task slots on a node, and run it there once the job is prepared."""
    if task.instances is not None:
        multi_instance.assign(state, task, task.instances)
        return
    job = task.job
    former = task.node
    if former is not node:
        delete_files(state, task)
    task.node = node
    job.nodes[node.id] = node
    if task is job.manager:
        state.restarting.pop(job.key, None)
    node.free -= task.slots
    if not isinstance(node.phase, phases.NodeRunning):
        state.move(node, phases.NodeRunning(state.now))
    placement.sort_node(state, node)
    footprint = node_tasks.prepare(state, job, node)
    if footprint is None or node_tasks.prepared(footprint):
        start(state, task, node)
    else:
        footprint.waiting[fold(task.spec.id)] = task
        state.move(task, phases.TaskPreparing(state.now, node.id))


def start(state: State, task: TaskRecord, node: NodeRecord) -> None:
    """Run a task that holds its slots on a prepared node."""
    run = state.new_run("task", node, task.job, task.spec.id, task)
    task.started = state.now
    state.command(orders.of_task(state, task, run))
    state.move(task, phases.TaskRunning(state.now, run.id))


def vacate(state: State, node: NodeRecord, task: TaskRecord) -> None:
    """Give the slots of a task back to its node."""
    node.free += task.slots
    placement.sort_node(state, node)
    if task.job.spec.max_parallel_tasks != -1:
        placement.offer(state, task.job)


# -- from node to end ---------------------------------------------------------------------------


def run_exited(state: State, run: RunRecord, report: inputs.RunExited) -> None:
    """A run has ended: judge it, or, of a multi-instance task, see what it means for the whole."""
    task, node = run.task, run.node
    assert task is not None
    vacate(state, node, task)
    failure = node_tasks.failure_of(report)
    node.tasks_run += 1
    node.tasks_succeeded += failure is None
    if run.subtask is None:
        judge(state, task, run.ending, report, failure)
    else:
        multi_instance.run_exited(state, run.subtask, task, report, failure)


def judge(
    state: State, task: TaskRecord, ending: str, report: inputs.RunExited,
    failure: FailureInfo | None,
) -> None:  # fmt: skip
    """Do what follows from how a task's run ended, and from what was asked for meanwhile."""
    if ending == "delete":
        _remove(state, task)
    elif report.cancelled:
        _cancelled(state, task, ending, report.exit_code)
    elif _may_retry(task, ending, report):
        task.retry_count += 1
        task.last_retry = state.now
        activate(state, task, "retry")
    else:
        complete(state, task, report.exit_code, failure)


def _cancelled(state: State, task: TaskRecord, ending: str, exit_code: int | None) -> None:
    if ending == "requeue":
        task.requeue_count += 1
        task.last_requeue = state.now
        activate(state, task, "requeued", first=True)
    else:
        complete(state, task, exit_code, node_tasks.ENDED)


def _may_retry(task: TaskRecord, ending: str, report: inputs.RunExited) -> bool:
    if not report.exit_code or report.failure or ending == "terminate":
        return False
    return task.retries == -1 or task.retry_count < task.retries


def run_lost(state: State, run: RunRecord) -> None:
    """The node of a run is gone, and the run with it."""
    task = run.task
    assert task is not None
    state.end_run(run)
    vacate(state, run.node, task)
    if run.subtask is None:
        recover(state, task, run.ending)
    else:
        multi_instance.run_lost(state, run.subtask, task)


def recover(state: State, task: TaskRecord, ending: str) -> None:
    """A node was lost under a task: do what was asked for, or repeat the run elsewhere."""
    if ending == "delete":
        _remove(state, task)
    elif ending:
        _cancelled(state, task, ending, None)
    elif task.recoveries >= MAX_RECOVERIES:
        failure = FailureInfo(
            category="UserError",
            code="MaxInternalRetryCountReached",
            message=f"its node was lost {MAX_RECOVERIES + 1} times while it ran",
        )
        complete(state, task, None, failure)
    else:
        task.recoveries += 1
        activate(state, task, "node lost", first=True)


def end(state: State, task: TaskRecord, ending: str) -> None:
    """Have a task end: ``terminate``, ``requeue`` or ``delete`` it.

    A stronger wish replaces a weaker one that is under way.
    """
    phase = task.phase
    from_node = None
    if task.instances is not None:
        multi_instance.end(state, task, task.instances, ending)
        if isinstance(phase, phases.TaskRunning):
            return
    elif isinstance(phase, phases.TaskRunning):
        run = state.runs[phase.run_id]
        if not run.ending:
            state.command(CancelRun(run_id=run.id))
        run.ending = stronger(ending, run.ending)
        return
    elif isinstance(phase, phases.TaskPreparing):
        assert task.node is not None
        del task.job.footprints[task.node.id].waiting[fold(task.spec.id)]
        vacate(state, task.node, task)
        from_node = task.node
    if ending == "delete":
        _remove(state, task)
    elif ending == "terminate" and not isinstance(phase, phases.TaskCompleted):
        complete(state, task, None, node_tasks.ENDED)
    elif ending == "requeue" and isinstance(phase, phases.TaskPreparing):
        activate(state, task, "requeued", first=True)
    if from_node is not None:
        state.touch_node(from_node)


_STRENGTH = {"": 0, "requeue": 1, "terminate": 2, "delete": 3}


def stronger(ending: str, other: str) -> str:
    """The one of two wishes that wins."""
    return ending if _STRENGTH[ending] > _STRENGTH[other] else other


def activate(state: State, task: TaskRecord, reason: str, *, first: bool = False) -> None:
    """Queue a task (again)."""
    state.move(task, phases.TaskActive(state.now), reason)
    state.touch_job(task.job)
    if task is task.job.manager and task.started is not None:
        state.restarting[task.job.key] = task.job
    if not task.unmet:
        placement.enqueue(state, task, first=first)


def complete(
    state: State, task: TaskRecord, exit_code: int | None, failure: FailureInfo | None
) -> None:
    """A task has come to its end: note how, and do what follows from it."""
    phase = phases.TaskCompleted(state.now, exit_code, failure)
    state.move(task, phase, failure.code if failure else "")
    _follow(state, task, exit_code, failure)
    state.touch_job(task.job)
    if task.started is None:
        return
    until = state.now + task.retention.total_seconds()
    for node in task.nodes:
        node.retained_until = max(node.retained_until, until)
    state.deadlines.at(until, _retention_over, state, task, phase)


def _retention_over(state: State, task: TaskRecord, phase: phases.TaskCompleted) -> None:
    if task.phase is phase and state.jobs.get(task.job.key) is task.job:
        delete_files(state, task)


def _follow(
    state: State, task: TaskRecord, exit_code: int | None, failure: FailureInfo | None
) -> None:
    """Do what the exit conditions say about this end."""
    job = task.job
    job_action, dependency_action = exits.judge(task.spec, exit_code, failure)
    if job.spec.uses_task_dependencies and dependency_action == "satisfy":
        for child in dependencies.satisfy(job, task.spec.id):
            state.tell_task(child, "active")
            placement.enqueue(state, child)
    if job.spec.on_task_failure != "noaction" and job_action != "none":
        job.action = "TaskFailed" if job_action == "terminate" else "disable"
    manager = job.spec.job_manager_task
    if task is job.manager and manager and manager.kill_job_on_completion:
        job.action = "JMComplete"


def _remove(state: State, task: TaskRecord) -> None:
    state.strike_out(task)
    delete_files(state, task)
    state.touch_job(task.job)


def delete_files(state: State, task: TaskRecord) -> None:
    """Delete a task's directory on the node, or nodes, where it ran last, if still there."""
    for node in task.nodes if task.started is not None else ():
        state.delete_files(node, task.directory)
