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

from batchlab.core import (
    dependencies,
    exits,
    hooks,
    inputs,
    instances,
    orders,
    phases,
    placement,
    users,
)
from batchlab.core.ids import fold
from batchlab.core.outputs import CancelRun
from batchlab.core.records import (
    InstancesRecord,
    JobRecord,
    NodeRecord,
    RunRecord,
    TaskRecord,
)
from batchlab.core.specs import TaskSpec
from batchlab.core.views import FailureInfo
from batchlab.errors import Conflict

if TYPE_CHECKING:
    from batchlab.core.machine import Core

MAX_RECOVERIES = 10


# -- requests -----------------------------------------------------------------------------------


def create_tasks(core: Core, request: inputs.CreateTasks) -> None:
    """Add tasks: all of them, or none."""
    job = core.job(request.job_id)
    _refuse_ended(job)
    new: dict[str, TaskSpec] = {}
    hook_ids = {}
    if job.spec.job_preparation_task:
        hook_ids[fold(job.spec.job_preparation_task.id)] = "TaskIdSameAsJobPreparationTask"
    if job.spec.job_release_task:
        hook_ids[fold(job.spec.job_release_task.id)] = "TaskIdSameAsJobReleaseTask"
    for spec in request.specs:
        key = fold(spec.id)
        if key in hook_ids:
            raise Conflict(
                hook_ids[key],
                f"task id {spec.id!r} is taken by a hook of job {job.spec.id!r}: choose another",
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
            users.check_task(core, job, spec.user_identity)
        new[key] = spec
    for key, spec in new.items():
        add(core, job, key, spec)


def add(core: Core, job: JobRecord, key: str, spec: TaskSpec) -> TaskRecord:
    """Enter a task, and queue it unless it has to wait for others."""
    active = phases.TaskActive(core.now)
    job.added += 1
    task = TaskRecord(
        number=job.added,
        spec=spec,
        job=job,
        created=core.now,
        phase=active,
        constraints=spec.constraints,
        slots=spec.required_slots,
    )
    if spec.multi_instance_settings is not None:
        task.instances = InstancesRecord(count=spec.multi_instance_settings.number_of_instances)
    job.tasks[key] = task
    job.active += 1
    dependencies.hold(job, task)
    core.tell_task(task, "active")
    if not task.unmet:
        placement.enqueue(core, task)
    return task


def update_task(core: Core, request: inputs.UpdateTask) -> None:
    """Replace the constraints of a task that is not completed."""
    task = core.task(request.job_id, request.task_id)
    _refuse_deleting(task.job)
    _refuse_completed(task)
    task.constraints = request.constraints


def terminate_task(core: Core, request: inputs.TerminateTask) -> None:
    """End a task: at once if it does not run, else as soon as its processes are gone."""
    task = core.task(request.job_id, request.task_id)
    _refuse_deleting(task.job)
    _refuse_completed(task)
    end(core, task, "terminate")


def reactivate_task(core: Core, request: inputs.ReactivateTask) -> None:
    """Queue a failed task again, as if it had never run."""
    task = core.task(request.job_id, request.task_id)
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
    delete_files(core, task)
    task.retry_count = task.requeue_count = task.recoveries = 0
    task.last_retry = task.last_requeue = task.started = None
    activate(core, task, "reactivated")


def delete_task(core: Core, request: inputs.DeleteTask) -> None:
    """Delete a task and its files; a running one is ended first."""
    task = core.task(request.job_id, request.task_id)
    _refuse_deleting(task.job)
    end(core, task, "delete")


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


def assign(core: Core, task: TaskRecord, node: NodeRecord) -> None:
    """Give a queued task slots on a node, and run it there once the job is prepared."""
    if task.instances is not None:
        instances.assign(core, task, task.instances)
        return
    job = task.job
    former = task.node
    if former is not node:
        delete_files(core, task)
    task.node = node
    job.nodes[node.id] = node
    if task is job.manager:
        core.restarting.pop(job.key, None)
    node.free -= task.slots
    if not isinstance(node.phase, phases.NodeRunning):
        core.move_node(node, phases.NodeRunning(core.now))
    placement.sort_node(core, node)
    footprint = hooks.prepare(core, job, node)
    if footprint is None or hooks.prepared(footprint):
        start(core, task, node)
    else:
        footprint.waiting[fold(task.spec.id)] = task
        core.move_task(task, phases.TaskPreparing(core.now, node.id))


def start(core: Core, task: TaskRecord, node: NodeRecord) -> None:
    """Run a task that holds its slots on a prepared node."""
    run = core.new_run("task", node, task.job, task.spec.id, task)
    task.started = core.now
    core.command(orders.of_task(core, task, run))
    core.move_task(task, phases.TaskRunning(core.now, run.id))


def vacate(core: Core, node: NodeRecord, task: TaskRecord) -> None:
    """Give the slots of a task back to its node."""
    node.free += task.slots
    placement.sort_node(core, node)
    if task.job.spec.max_parallel_tasks != -1:
        placement.offer(core, task.job)


# -- from node to end ---------------------------------------------------------------------------


def run_exited(core: Core, run: RunRecord, report: inputs.RunExited) -> None:
    """A run has ended: judge it, or, of a multi-instance task, see what it means for the whole."""
    task, node = run.task, run.node
    assert task is not None
    vacate(core, node, task)
    failure = hooks.failure_of(report)
    node.tasks_run += 1
    node.tasks_succeeded += failure is None
    if run.subtask is None:
        judge(core, task, run.ending, report, failure)
    else:
        instances.run_exited(core, run.subtask, task, report, failure)


def judge(
    core: Core, task: TaskRecord, ending: str, report: inputs.RunExited,
    failure: FailureInfo | None,
) -> None:  # fmt: skip
    """Do what follows from how a task's run ended, and from what was asked for meanwhile."""
    if ending == "delete":
        _remove(core, task)
    elif report.cancelled:
        _cancelled(core, task, ending, report.exit_code)
    elif _may_retry(task, ending, report):
        task.retry_count += 1
        task.last_retry = core.now
        activate(core, task, "retry")
    else:
        complete(core, task, report.exit_code, failure)


def _cancelled(core: Core, task: TaskRecord, ending: str, exit_code: int | None) -> None:
    if ending == "requeue":
        task.requeue_count += 1
        task.last_requeue = core.now
        activate(core, task, "requeued", first=True)
    else:
        complete(core, task, exit_code, hooks.ENDED)


def _may_retry(task: TaskRecord, ending: str, report: inputs.RunExited) -> bool:
    if not report.exit_code or report.failure or ending == "terminate":
        return False
    return task.retries == -1 or task.retry_count < task.retries


def run_lost(core: Core, run: RunRecord) -> None:
    """The node of a run is gone, and the run with it."""
    task = run.task
    assert task is not None
    core.end_run(run)
    vacate(core, run.node, task)
    if run.subtask is None:
        recover(core, task, run.ending)
    else:
        instances.run_lost(core, run.subtask, task)


def recover(core: Core, task: TaskRecord, ending: str) -> None:
    """A node was lost under a task: do what was asked for, or repeat the run elsewhere."""
    if ending == "delete":
        _remove(core, task)
    elif ending:
        _cancelled(core, task, ending, None)
    elif task.recoveries >= MAX_RECOVERIES:
        failure = FailureInfo(
            category="UserError",
            code="MaxInternalRetryCountReached",
            message=f"its node was lost {MAX_RECOVERIES + 1} times while it ran",
        )
        complete(core, task, None, failure)
    else:
        task.recoveries += 1
        activate(core, task, "node lost", first=True)


def end(core: Core, task: TaskRecord, ending: str) -> None:
    """Have a task end: ``terminate``, ``requeue`` or ``delete`` it.

    A stronger wish replaces a weaker one that is under way.
    """
    phase = task.phase
    from_node = None
    if task.instances is not None:
        instances.end(core, task, task.instances, ending)
        if isinstance(phase, phases.TaskRunning):
            return
    elif isinstance(phase, phases.TaskRunning):
        run = core.runs[phase.run_id]
        if not run.ending:
            core.command(CancelRun(run_id=run.id))
        run.ending = stronger(ending, run.ending)
        return
    elif isinstance(phase, phases.TaskPreparing):
        assert task.node is not None
        del task.job.footprints[task.node.id].waiting[fold(task.spec.id)]
        vacate(core, task.node, task)
        from_node = task.node
    if ending == "delete":
        _remove(core, task)
    elif ending == "terminate" and not isinstance(phase, phases.TaskCompleted):
        complete(core, task, None, hooks.ENDED)
    elif ending == "requeue" and isinstance(phase, phases.TaskPreparing):
        activate(core, task, "requeued", first=True)
    if from_node is not None:
        core.touch_node(from_node)


_STRENGTH = {"": 0, "requeue": 1, "terminate": 2, "delete": 3}


def stronger(ending: str, other: str) -> str:
    """The one of two wishes that wins."""
    return ending if _STRENGTH[ending] > _STRENGTH[other] else other


def activate(core: Core, task: TaskRecord, reason: str, *, first: bool = False) -> None:
    """Queue a task (again)."""
    core.move_task(task, phases.TaskActive(core.now), reason)
    core.touch_job(task.job)
    if task is task.job.manager and task.started is not None:
        core.restarting[task.job.key] = task.job
    if not task.unmet:
        placement.enqueue(core, task, first=first)


def complete(
    core: Core, task: TaskRecord, exit_code: int | None, failure: FailureInfo | None
) -> None:
    """A task has come to its end: note how, and do what follows from it."""
    phase = phases.TaskCompleted(core.now, exit_code, failure)
    core.move_task(task, phase, failure.code if failure else "")
    _follow(core, task, exit_code, failure)
    core.touch_job(task.job)
    if task.started is None:
        return
    until = core.now + task.retention.total_seconds()
    for node in task.nodes:
        node.retained_until = max(node.retained_until, until)
    core.deadlines.at(until, _retention_over, core, task, phase)


def _retention_over(core: Core, task: TaskRecord, phase: phases.TaskCompleted) -> None:
    if task.phase is phase and core.jobs.get(task.job.key) is task.job:
        delete_files(core, task)


def _follow(
    core: Core, task: TaskRecord, exit_code: int | None, failure: FailureInfo | None
) -> None:
    """Do what the exit conditions say about this end."""
    job = task.job
    job_action, dependency_action = exits.judge(task.spec, exit_code, failure)
    if job.spec.uses_task_dependencies and dependency_action == "satisfy":
        for child in dependencies.satisfy(job, task.spec.id):
            core.tell_task(child, "active")
            placement.enqueue(core, child)
    if job.spec.on_task_failure != "noaction" and job_action != "none":
        job.action = "TaskFailed" if job_action == "terminate" else "disable"
    manager = job.spec.job_manager_task
    if task is job.manager and manager and manager.kill_job_on_completion:
        job.action = "JMComplete"


def _remove(core: Core, task: TaskRecord) -> None:
    job = task.job
    del job.tasks[fold(task.spec.id)]
    core.drop_task(task)
    core.tell_task(task, "deleted")
    delete_files(core, task)
    core.touch_job(job)


def delete_files(core: Core, task: TaskRecord) -> None:
    """Delete a task's directory on the node, or nodes, where it ran last, if still there."""
    for node in task.nodes if task.started is not None else ():
        core.delete_files(node, task.directory)
