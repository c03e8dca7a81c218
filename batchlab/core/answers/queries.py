"""Answers about the current state: records in, frozen views out. Questions change nothing."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from typing import TYPE_CHECKING, Any

from msgspec.structs import asdict, replace

from batchlab.autoscale import AutoScaleRun
from batchlab.core.account import applications, certificates, kept_properties, node_users
from batchlab.core.answers import locations
from batchlab.core.answers.explain_job import explain_job
from batchlab.core.answers.explain_node import explain_node
from batchlab.core.answers.explain_pool import explain_pool
from batchlab.core.answers.explain_schedule import explain_schedule
from batchlab.core.answers.explain_task import explain_task
from batchlab.core.answers.pages import chosen, page_tasks
from batchlab.core.answers.recent import recent_tasks
from batchlab.core.answers.slots import count_slots
from batchlab.core.jobs.schedules import next_run
from batchlab.core.messages import questions, views
from batchlab.core.model import values
from batchlab.core.model.moments import maybe, moment
from batchlab.core.pools import autoscaling, costs
from batchlab.core.state import phases, revisions
from batchlab.core.state.records import (
    FootprintRecord,
    JobRecord,
    NodeRecord,
    NodeTaskRecord,
    PoolRecord,
    ScheduleRecord,
    SubtaskRecord,
    TaskRecord,
)
from batchlab.errors import Conflict, invalid

if TYPE_CHECKING:
    from batchlab.core.state.state import State


def answer(state: State, question: questions.Question, now: float) -> Any:
    """Answer a question; the class of the question documents its answer."""
    return _ANSWERS[type(question)](state, question, now)


def _properties(record: PoolRecord | JobRecord | ScheduleRecord | TaskRecord) -> dict[str, Any]:
    """The part of a view that all resources have: the description, and its `Versioned` fields."""
    found = asdict(record.spec)
    phase = record.phase
    found["state"] = phase.state
    found["state_transition_time"] = moment(phase.since)
    found["creation_time"] = moment(record.created)
    found["last_modified"] = moment(revisions.last_modified(record))
    found["etag"] = revisions.etag(record)
    if not isinstance(record, PoolRecord):
        found["previous_state"] = record.previous
        found["previous_state_transition_time"] = maybe(record.previous_since)
    return found


# -- pools and nodes ----------------------------------------------------------------------------


def pool_view(pool: PoolRecord) -> views.PoolView:
    """View of a pool."""
    counts: dict[str, int] = {}
    for node in pool.nodes.values():
        counts[node.phase.state] = counts.get(node.phase.state, 0) + 1
    had = [node for node in pool.nodes.values() if node.allocated is not None]
    auto = pool.auto_scale
    steady = isinstance(pool.allocation, phases.Steady)
    found = _properties(pool) | {
        "allocation_state": pool.allocation.state,
        "allocation_state_transition_time": moment(pool.allocation.since),
        "target_dedicated_nodes": pool.target,
        "target_low_priority_nodes": pool.target_spot,
        "current_dedicated_nodes": sum(node.dedicated for node in had),
        "current_low_priority_nodes": sum(not node.dedicated for node in had),
        "resize_errors": tuple(pool.resize_errors) if steady else (),
        "enable_auto_scale": auto is not None,
        "auto_scale_formula": auto.formula.text if auto else None,
        "auto_scale_evaluation_interval": auto.interval if auto else None,
        "auto_scale_run": auto.runs[-1] if auto and auto.runs else None,
        "node_counts": counts,
    }
    return views.PoolView(**found)


def _auto_scale_runs(pool: PoolRecord) -> list[AutoScaleRun]:
    return list(pool.auto_scale.runs) if pool.auto_scale else []


def node_view(node: NodeRecord) -> views.NodeView:
    """View of a node."""
    spec, phase = node.pool.spec, node.phase
    errors: tuple[values.ResizeError, ...] = ()
    if isinstance(phase, phases.NodeUnusable):
        errors = (values.ResizeError(code=phase.code, message=phase.message),)
    running = [run.task for run in node.runs.values() if run.task]
    return views.NodeView(
        id=node.id,
        pool_id=spec.id,
        state=phase.state,
        state_transition_time=moment(phase.since),
        scheduling_state=node.scheduling,
        allocation_time=maybe(node.allocated),
        last_boot_time=maybe(node.booted),
        ip_address=node.ip_address,
        machine=node.machine,
        affinity_id=f"TVM:{node.id}",
        vm_size=spec.vm_size,
        is_dedicated=node.dedicated,
        task_slots=spec.task_slots_per_node,
        running_tasks_count=len(running),
        running_task_slots_count=spec.task_slots_per_node - node.free,
        total_tasks_run=node.tasks_run,
        total_tasks_succeeded=node.tasks_succeeded,
        start_task=node.start_task,
        start_task_info=_node_task_view(node.start, "startup") if node.start else None,
        certificate_references=node.certificate_references,
        errors=errors,
        usage=node.usage,
        running_tasks=tuple((task.job.spec.id, task.spec.id) for task in running),
    )


def _node_task_view(node_task: NodeTaskRecord, directory: str) -> values.ExecutionInfo:
    phase = node_task.phase
    common: dict[str, Any] = {
        "state": phase.state,
        "retry_count": node_task.retry_count,
        "last_retry_time": maybe(node_task.last_retry),
        "task_root_directory": directory,
    }
    if isinstance(phase, phases.NodeTaskRunning):
        run = node_task.node.runs.get(phase.run_id)
        common["container_info"] = run.container if run else None
    if not isinstance(phase, phases.NodeTaskDone):
        return values.ExecutionInfo(start_time=moment(phase.since), **common)
    return values.ExecutionInfo(
        start_time=moment(phase.started),
        end_time=moment(phase.since),
        exit_code=phase.exit_code,
        container_info=phase.container,
        failure_info=phase.failure,
        result="failure" if phase.failure else "success",
        **common,
    )


# -- jobs and tasks -----------------------------------------------------------------------------


def job_view(job: JobRecord) -> views.JobView:
    """View of a job."""
    phase = job.phase
    reason = None
    if isinstance(phase, (phases.JobTerminating, phases.JobCompleted)):
        reason = phase.reason or None  # none if the job never started
    return views.JobView(
        **_properties(job),
        start_time=moment(job.created),
        end_time=maybe(job.ended),
        pool_id=job.pool_id,
        scheduling_error=_scheduling_error(job),
        terminate_reason=reason,
        task_counts=job.counts,
    )


def _scheduling_error(job: JobRecord) -> values.FailureInfo | None:
    """Why a job could not start or, while it terminates, how many nodes it waits for."""
    if job.phase.state != "terminating":
        return job.scheduling_error
    count = len({run.node.id for run in job.runs.values()})
    return values.FailureInfo(
        category="UserError",
        code="JobTerminationAwaitingNodeProcessing",
        message=f"The job is waiting for {count} nodes to end its tasks and release it",
        details={"NodeCount": str(count)},
    )


def schedule_view(schedule: ScheduleRecord, now: float) -> views.JobScheduleView:
    """View of a job schedule."""
    ending = schedule.phase.state in ("terminating", "completed", "deleting")
    return views.JobScheduleView(
        **_properties(schedule),
        next_run_time=None if ending else maybe(next_run(schedule, now)),
        recent_job_id=schedule.recent,
        end_time=maybe(schedule.ended),
    )


def task_view(task: TaskRecord) -> views.TaskView:
    """View of a task."""
    phase, node = task.phase, task.node
    done = phase if isinstance(phase, phases.TaskCompleted) else None
    found = _properties(task)
    found["constraints"] = replace(
        task.constraints, max_task_retry_count=task.retries, retention_time=task.retention
    )
    return views.TaskView(
        **found,
        job_id=task.job.spec.id,
        node_id=node.id if node else None,
        pool_id=node.pool.spec.id if node else None,
        task_root_directory=task.root if node else None,
        start_time=maybe(task.started),
        end_time=moment(done.since) if done else None,
        exit_code=done.exit_code if done else None,
        container_info=task.container_info,
        failure_info=done.failure if done else None,
        result=("failure" if done.failure else "success") if done else None,
        retry_count=task.retry_count,
        last_retry_time=maybe(task.last_retry),
        requeue_count=task.requeue_count,
        last_requeue_time=maybe(task.last_requeue),
    )


def subtask_views(task: TaskRecord) -> list[views.SubtaskView]:
    """Views of the subtasks except the primary; empty if the task is not multi-instance."""
    return [_subtask_view(task, subtask) for subtask in _subtasks(task)[1:]]


def _subtasks(task: TaskRecord) -> list[SubtaskRecord]:
    return task.instances.subtasks if task.instances is not None else []


def _subtask_view(task: TaskRecord, subtask: SubtaskRecord) -> views.SubtaskView:
    phase, node = subtask.phase, subtask.node
    done = phase if isinstance(phase, phases.TaskCompleted) else None
    return views.SubtaskView(
        id=subtask.number,
        state=phase.state,
        state_transition_time=moment(phase.since),
        previous_state=subtask.previous,
        previous_state_transition_time=maybe(subtask.previous_since),
        node_id=node.id,
        pool_id=node.pool.spec.id,
        task_root_directory=f"{task.directory}/{subtask.number}",
        start_time=maybe(subtask.started),
        end_time=moment(done.since) if done else None,
        exit_code=done.exit_code if done else None,
        container_info=subtask.container_info,
        failure_info=done.failure if done else None,
        result=("failure" if done.failure else "success") if done else None,
    )


def preparation_views(job: JobRecord) -> list[views.PreparationView]:
    """The status of preparation and release on each node used, including nodes that have left."""
    spec = job.spec
    if spec.job_preparation_task is None:
        raise Conflict(
            "JobPreparationTaskOrReleaseTaskNotSpecified",
            "The specified job does not have either job preparation task or job release task.",
        )
    return [_preparation_view(footprint) for footprint in job.footprints.values()]


def _preparation_view(footprint: FootprintRecord) -> views.PreparationView:
    job, release = footprint.job, footprint.release
    preparation, release_spec = job.spec.job_preparation_task, job.spec.job_release_task
    assert preparation is not None
    started = release and not isinstance(release.phase, phases.NodeTaskPending)
    return views.PreparationView(
        pool_id=footprint.node.pool.spec.id,
        node_id=footprint.node.id,
        job_preparation_task_execution_info=_node_task_view(
            footprint.preparation, f"{job.directory}/{preparation.id}"
        ),
        job_release_task_execution_info=_node_task_view(
            release, f"{job.directory}/{release_spec.id}"
        )
        if release and release_spec and started
        else None,
    )


def _list_tasks(state: State, q: questions.ListTasks, now: float) -> list[views.TaskView]:
    if q.skip < 0 or q.limit < 0:
        raise invalid("skip, limit", (q.skip, q.limit), "a page cannot be negative")
    tasks = state.job(q.job_id).tasks.values()
    chosen = (task for task in tasks if not q.states or task.phase.state in q.states)
    return [task_view(task) for task in islice(chosen, q.skip, q.skip + q.limit)]


_ANSWERS: dict[type[questions.Question], Callable[[State, Any, float], Any]] = {
    questions.ListPools: lambda state, q, now: [pool_view(pool) for pool in state.pools.values()],
    questions.GetPool: lambda state, q, now: pool_view(state.pool(q.pool_id)),
    questions.EvaluateAutoScale: lambda state, q, now: autoscaling.evaluate(
        state, state.pool(q.pool_id), q.auto_scale_formula, now
    ),
    questions.ListAutoScaleRuns: lambda state, q, now: _auto_scale_runs(state.pool(q.pool_id)),
    questions.ListKeptProperties: lambda state, q, now: kept_properties.kept_properties(state),
    questions.GetQuotas: lambda state, q, now: state.settings.quotas,
    questions.GetCost: lambda state, q, now: costs.views(state, q.pool_id, q.node_id, now),
    questions.ListNodes: lambda state, q, now: [
        node_view(node) for node in state.pool(q.pool_id).nodes.values()
    ],
    questions.ListRecentTasks: lambda state, q, now: {
        node.id: recent_tasks(node)
        for node in state.pool(q.pool_id).nodes.values()
        if node.recent or node.completed
    },
    questions.GetNode: lambda state, q, now: node_view(state.node(q.pool_id, q.node_id)),
    questions.ListJobs: lambda state, q, now: [job_view(job) for job in state.jobs.values()],
    questions.GetJob: lambda state, q, now: job_view(state.job(q.job_id)),
    questions.ListJobSchedules: lambda state, q, now: [
        schedule_view(schedule, now) for schedule in state.schedules.values()
    ],
    questions.GetJobSchedule: lambda state, q, now: schedule_view(
        state.schedule(q.job_schedule_id), now
    ),
    questions.ListTasks: _list_tasks,
    questions.PageTasks: lambda state, q, now: page_tasks(state.job(q.job_id), q, task_view),
    questions.ListTaskIds: lambda state, q, now: [
        task.spec.id for task in state.job(q.job_id).tasks.values()
    ],
    questions.GetTask: lambda state, q, now: task_view(state.task(q.job_id, q.task_id)),
    questions.GetTasks: lambda state, q, now: [
        task_view(task) for task in chosen(state.job(q.job_id), q.task_ids)
    ],
    questions.CountTaskSlots: lambda state, q, now: count_slots(state.job(q.job_id)),
    questions.CountTasks: lambda state, q, now: state.job(q.job_id).counts,
    questions.ListPreparations: lambda state, q, now: preparation_views(state.job(q.job_id)),
    questions.ListApplications: lambda state, q, now: [
        applications.view(application) for application in state.applications.values()
    ],
    questions.GetApplication: lambda state, q, now: applications.view(
        applications.find(state, q.application_id)
    ),
    questions.ListApplicationPackages: lambda state, q, now: [
        applications.package_view(package)
        for package in applications.find(state, q.application_id).packages.values()
    ],
    questions.GetApplicationPackage: lambda state, q, now: applications.package_view(
        applications.find_package(state, q.application_id, q.version)
    ),
    questions.ListCertificates: lambda state, q, now: [
        certificates.view(certificate) for certificate in state.certificates.values()
    ],
    questions.GetCertificate: lambda state, q, now: certificates.view(
        certificates.find(state, q.thumbprint)
    ),
    questions.ExplainTask: lambda state, q, now: explain_task(
        state, state.task(q.job_id, q.task_id)
    ),
    questions.ExplainJob: lambda state, q, now: explain_job(state, state.job(q.job_id), now),
    questions.ExplainPool: lambda state, q, now: explain_pool(state, state.pool(q.pool_id)),
    questions.ExplainNode: lambda state, q, now: explain_node(
        state, state.node(q.pool_id, q.node_id)
    ),
    questions.ExplainJobSchedule: lambda state, q, now: explain_schedule(
        state, state.schedule(q.job_schedule_id), now
    ),
    questions.ListSubtasks: lambda state, q, now: subtask_views(state.task(q.job_id, q.task_id)),
    questions.LocateTask: lambda state, q, now: locations.locate_task(
        state, state.task(q.job_id, q.task_id), now, q.subtask_id
    ),
    questions.GetRemoteLoginSettings: lambda state, q, now: node_users.remote_login(
        state.node(q.pool_id, q.node_id)
    ),
    questions.LocateNode: lambda state, q, now: locations.locate_node(
        state.node(q.pool_id, q.node_id)
    ),
}
