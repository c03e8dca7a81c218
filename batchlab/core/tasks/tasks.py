"""Tasks: adding, changing, ending and deleting them.

A task is placed when a node has room for it (`placement`) and runs there (`runs`). After that it
is completed or queued again (`outcomes`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from batchlab.core.account import users
from batchlab.core.messages import inputs
from batchlab.core.model import TaskSpec
from batchlab.core.model.ids import fold
from batchlab.core.placement import queues, recall
from batchlab.core.state import phases
from batchlab.core.state.records import (
    InstancesRecord,
    JobRecord,
    TaskRecord,
)
from batchlab.core.tasks import dependencies, exits, outcomes, runs
from batchlab.errors import Conflict

if TYPE_CHECKING:
    from batchlab.core.state.state import State


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
                f"job {job.spec.id!r} already has a task {spec.id!r} (ids ignore case): choose "
                "another id. None of the tasks was added",
            )
        dependencies.check(job, spec)
        exits.check(job.spec, spec)
        if spec.user_identity:
            users.check_task(state, job, spec.user_identity)
        new[key] = spec
    for key, spec in new.items():
        add(state, job, key, spec)


def add(state: State, job: JobRecord, key: str, spec: TaskSpec) -> TaskRecord:
    """Add a valid task, and queue it unless it has to wait for others."""
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
        queues.enqueue(state, task)
    return task


def update_task(state: State, request: inputs.UpdateTask) -> None:
    """Replace the constraints of a task that is not completed."""
    task = state.task(request.job_id, request.task_id)
    _refuse_deleting(task.job)
    _refuse_completed(task)
    task.constraints = request.constraints
    if task.ahead is not None:
        recall.recall(state, [task.ahead])


def terminate_task(state: State, request: inputs.TerminateTask) -> None:
    """End a task: at once if it is not running, otherwise when its processes are gone."""
    task = state.task(request.job_id, request.task_id)
    _refuse_deleting(task.job)
    _refuse_completed(task)
    runs.end(state, task, "terminate")


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
    outcomes.delete_files(state, task)
    task.retry_count = task.requeue_count = task.recoveries = 0
    task.last_retry = task.last_requeue = task.started = None
    outcomes.activate(state, task, "reactivated")


def delete_task(state: State, request: inputs.DeleteTask) -> None:
    """Delete a task and its files; a running task is stopped first."""
    task = state.task(request.job_id, request.task_id)
    _refuse_deleting(task.job)
    runs.end(state, task, "delete")


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
