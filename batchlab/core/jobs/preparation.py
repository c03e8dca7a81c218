"""Job preparation tasks: run once per job and node, before the job's first task there.

That task, and any others placed there meanwhile, waits for it in ``preparing`` and holds its
slots. Without ``wait_for_success`` tasks start beside it, whatever its result. If a preparation
fails after all retries, its waiting tasks return to the queue, and the node takes no more tasks of
the job until it is reimaged. The task and the job do not show this, only the status list does.

A reimage makes a preparation run again. So does a reboot, unless
``rerun_on_node_reboot_after_success`` is off and the preparation had succeeded. A preparation that
a reboot interrupted counts as not run yet.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from batchlab.core.jobs import node_tasks, release
from batchlab.core.messages.facts import RunExited
from batchlab.core.messages.outputs import StartRun
from batchlab.core.model import RETENTION, JobPreparationTask
from batchlab.core.model.ids import RunId
from batchlab.core.placement import recall
from batchlab.core.state import phases
from batchlab.core.state.records import FootprintRecord, JobRecord, NodeRecord, RunRecord
from batchlab.core.tasks.contained import as_specified

if TYPE_CHECKING:
    from batchlab.core.state.state import State


def prepared(footprint: FootprintRecord) -> bool:
    """Whether the job's tasks may run on the node now."""
    spec = node_tasks.preparation_of(footprint.job)
    phase = footprint.preparation.phase
    if not isinstance(phase, phases.NodeTaskDone):
        return not spec.wait_for_success and isinstance(phase, phases.NodeTaskRunning)
    good = node_tasks.succeeded(phase) or not spec.wait_for_success
    return good and _valid(footprint, phase, spec)


def _valid(
    footprint: FootprintRecord, phase: phases.NodeTaskDone, spec: JobPreparationTask
) -> bool:
    node = footprint.node
    if phase.image != node.image:
        return False
    rerun = spec.rerun_on_node_reboot_after_success or not node_tasks.succeeded(phase)
    return phase.boot == node.boot or not rerun


def prepare(state: State, job: JobRecord, node: NodeRecord) -> FootprintRecord | None:
    """Start the preparation on the node unless it is done or running; None if the job has none."""
    if job.spec.job_preparation_task is None:
        return None
    footprint = job.footprints.get(node.id)
    if footprint is None:
        pending = node_tasks.pending(state, "jobpreparation", node, job)
        footprint = FootprintRecord(job=job, node=node, preparation=pending)
        job.footprints[node.id] = node.footprints[job.key] = footprint
        _start_preparation(state, footprint)
    elif not isinstance(footprint.preparation.phase, phases.NodeTaskRunning) and not prepared(
        footprint
    ):
        footprint.preparation.retry_count = 0
        footprint.preparation.last_retry = None
        _start_preparation(state, footprint)
    return footprint


def _start_preparation(state: State, footprint: FootprintRecord) -> None:
    job, node = footprint.job, footprint.node
    spec = node_tasks.preparation_of(job)
    state.deadlines.cancel(footprint.preparation.expiry)
    run = state.new_run("jobpreparation", node, job, spec.id)
    limit = spec.constraints.max_wall_clock_time
    carried = job.spec.job_release_task and release.start_run_of(
        footprint, RunId(job.spec.id, job.spec.job_release_task.id, node.id, 0)
    )
    start_run = StartRun(
        run_id=run.id,
        kind="jobpreparation",
        pool_id=node.pool.spec.id,
        command_line=spec.command_line,
        directory=f"{job.directory}/{spec.id}",
        environment={**job.spec.common_environment_settings, **spec.environment_settings},
        resource_files=spec.resource_files,
        time_limit_s=limit.total_seconds() if limit else None,
        release=carried or None,
        network=node.network,
    )
    state.command(as_specified(start_run, node, spec))
    phase = phases.NodeTaskRunning(state.now, run.id)
    state.move(footprint.preparation, phase)


def exited(state: State, run: RunRecord, report: RunExited) -> bool | None:
    """Retry a preparation that failed, or end it.

    Returns whether the tasks that wait for it may start, None if it is retried.
    """
    assert run.job is not None
    footprint = run.job.footprints[run.node.id]
    spec, node_task, node = node_tasks.preparation_of(run.job), footprint.preparation, run.node
    retries = spec.constraints.max_task_retry_count or 0
    if node_tasks.may_retry(state, run, node_task, report, retries):
        _start_preparation(state, footprint)
        return None
    phase = node_tasks.done(state, run, report)
    state.move(node_task, phase)
    retention = spec.constraints.retention_time or RETENTION
    node_tasks.retain(state, footprint, spec.id, node_task, retention.total_seconds())
    if phase.failure and spec.wait_for_success and not report.cancelled:
        run.job.refused_by[node.id] = node
        recall.recall(state, run.job.ahead.values())
    return phase.failure is None or not spec.wait_for_success
