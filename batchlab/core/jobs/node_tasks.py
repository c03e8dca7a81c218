"""Job preparation and release tasks: once per job and node.

Preparation is lazy: it starts when the first task of the job is assigned to a node, and that task,
like all that come there meanwhile, waits for it in ``preparing``, holding its slots. With
``wait_for_success`` off, tasks start beside it and care nothing for its end. A preparation that
failed for good sends its waiting tasks back to the queue, and the node takes no more tasks of the
job until it is reimaged; nothing about it shows on the task or the job, only in the status list.

A preparation counts for the life of the node it ran in. A reimage ends that life. A reboot ends it
too, unless ``rerun_on_node_reboot_after_success`` is off and it had succeeded; one that a reboot
cut short has simply not run yet.

Release runs when the job ends, after its last task and preparation have ended, on the nodes where
its preparation succeeded (or, without ``wait_for_success``, ended) in the node's present image. It
runs once; a reboot in the middle has it run again; a node that leaves before is passed over; its
failure changes nothing. A job without a release task is only forgotten by its nodes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from batchlab.core.account import users
from batchlab.core.messages.inputs import RunExited
from batchlab.core.messages.outputs import ForgetJob, RunKind, StartRun
from batchlab.core.model import RETENTION, JobPreparationTask
from batchlab.core.model.ids import RunId
from batchlab.core.state import phases
from batchlab.core.state.records import (
    FootprintRecord,
    JobRecord,
    NodeRecord,
    NodeTaskRecord,
    RunRecord,
)
from batchlab.core.state.states import NODE
from batchlab.core.tasks.failures import failure_of

if TYPE_CHECKING:
    from batchlab.core.state.state import State

_STARTED = NODE.group("started")


def prepared(footprint: FootprintRecord) -> bool:
    """Whether the job's tasks may run on the node now."""
    spec = _preparation(footprint.job)
    phase = footprint.preparation.phase
    if not isinstance(phase, phases.NodeTaskDone):
        return not spec.wait_for_success and isinstance(phase, phases.NodeTaskRunning)
    return _valid(footprint, phase, spec) and (_succeeded(phase) or not spec.wait_for_success)


def _valid(
    footprint: FootprintRecord, phase: phases.NodeTaskDone, spec: JobPreparationTask
) -> bool:
    node = footprint.node
    if phase.image != node.image:
        return False
    rerun = spec.rerun_on_node_reboot_after_success or not _succeeded(phase)
    return phase.boot == node.boot or not rerun


def _succeeded(phase: phases.NodeTaskDone) -> bool:
    return phase.failure is None


def _preparation(job: JobRecord) -> JobPreparationTask:
    assert job.spec.job_preparation_task is not None
    return job.spec.job_preparation_task


# -- preparation --------------------------------------------------------------------------------


def prepare(state: State, job: JobRecord, node: NodeRecord) -> FootprintRecord | None:
    """Start what the job needs on the node, unless it is there or under way; None if nothing."""
    if job.spec.job_preparation_task is None:
        return None
    footprint = job.footprints.get(node.id)
    if footprint is None:
        pending = _pending(state, "jobpreparation", job, node)
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
    spec = _preparation(job)
    run = state.new_run("jobpreparation", node, job, spec.id)
    limit = spec.constraints.max_wall_clock_time
    release = job.spec.job_release_task and _release_order(
        footprint, RunId(job.spec.id, job.spec.job_release_task.id, node.id, 0)
    )
    order = StartRun(
        run_id=run.id,
        kind="jobpreparation",
        pool_id=node.pool.spec.id,
        command_line=spec.command_line,
        directory=f"{job.directory}/{spec.id}",
        environment={**job.spec.common_environment_settings, **spec.environment_settings},
        resource_files=spec.resource_files,
        time_limit_s=limit.total_seconds() if limit else None,
        release=release or None,
        network=node.network,
    )
    if spec.user_identity:
        order = users.run_as(order, node.pool, spec.user_identity)
    state.command(order)
    phase = phases.NodeTaskRunning(state.now, run.id)
    state.move(footprint.preparation, phase)


def preparation_exited(state: State, run: RunRecord, report: RunExited) -> bool | None:
    """Repeat a preparation that failed and may be retried, or settle it.

    Returns whether the tasks that wait for it may start, None while it is still under way.
    """
    assert run.job is not None
    footprint = run.job.footprints[run.node.id]
    spec, node_task, node = _preparation(run.job), footprint.preparation, run.node
    if retry_node_task(state, run, node_task, report, spec.constraints.max_task_retry_count or 0):
        _start_preparation(state, footprint)
        return None
    phase = done(state, run, report)
    state.move(node_task, phase)
    retention = spec.constraints.retention_time or RETENTION
    _retain(state, footprint, spec.id, node_task, retention.total_seconds())
    if phase.failure and spec.wait_for_success and not report.cancelled:
        run.job.refused_by[node.id] = node
    return phase.failure is None or not spec.wait_for_success


# -- release ------------------------------------------------------------------------------------


def release(state: State, job: JobRecord) -> bool:
    """Start the release wherever it is due and possible; True when none is left to wait for."""
    spec = job.spec.job_release_task
    finished = True
    for footprint in job.footprints.values() if spec else ():
        node = footprint.node
        if footprint.release and isinstance(footprint.release.phase, phases.NodeTaskRunning):
            finished = False  # whatever the node is about to do
            continue
        if not _releasable(state, footprint):
            continue
        if footprint.release is None:
            footprint.release = _pending(state, "jobrelease", job, node)
        if isinstance(footprint.release.phase, phases.NodeTaskDone):
            continue
        finished = False
        if node.phase.state in _STARTED:
            assert spec is not None
            run = state.new_run("jobrelease", node, job, spec.id)
            state.command(_release_order(footprint, run.id))
            phase = phases.NodeTaskRunning(state.now, run.id)
            state.move(footprint.release, phase)
    return finished


def forget(state: State, job: JobRecord) -> None:
    """The job has ended: nodes where no release took its footprint away forget it now."""
    for footprint in job.footprints.values():
        node = footprint.node
        node.footprints.pop(job.key, None)
        if footprint.release and not isinstance(footprint.release.phase, phases.NodeTaskDone):
            footprint.release = None
        if footprint.release is None and node.up:
            state.command(ForgetJob(job_id=job.spec.id, node_id=node.id))


def _releasable(state: State, footprint: FootprintRecord) -> bool:
    """Whether the preparation left something to release, on a node that can still do it."""
    node, done = footprint.node, footprint.preparation.phase
    going = isinstance(node.phase, phases.NodeLeavingPool | phases.NodeUnusable)
    if going or node.id not in state.nodes:
        return False
    if not isinstance(done, phases.NodeTaskDone) or done.image != node.image:
        return False
    return _succeeded(done) or not _preparation(footprint.job).wait_for_success


def _release_order(footprint: FootprintRecord, run_id: RunId) -> StartRun:
    job, node = footprint.job, footprint.node
    spec = job.spec.job_release_task
    assert spec is not None
    order = StartRun(
        run_id=run_id,
        kind="jobrelease",
        pool_id=node.pool.spec.id,
        command_line=spec.command_line,
        directory=f"{job.directory}/{spec.id}",
        environment={**job.spec.common_environment_settings, **spec.environment_settings},
        resource_files=spec.resource_files,
        time_limit_s=spec.max_wall_clock_time.total_seconds(),
        preparation_directory=f"{job.directory}/{_preparation(job).id}",
        network=node.network,
    )
    return users.run_as(order, node.pool, spec.user_identity) if spec.user_identity else order


def release_exited(state: State, run: RunRecord, report: RunExited) -> None:
    """Settle a release, however it ended; it is never repeated."""
    assert run.job is not None
    footprint = run.job.footprints[run.node.id]
    node_task, spec = footprint.release, run.job.spec.job_release_task
    assert node_task is not None
    assert spec is not None
    state.move(node_task, done(state, run, report))
    _retain(state, footprint, spec.id, node_task, spec.retention_time.total_seconds())


# -- both ---------------------------------------------------------------------------------------


def _pending(state: State, kind: RunKind, job: JobRecord, node: NodeRecord) -> NodeTaskRecord:
    return NodeTaskRecord(kind=kind, node=node, job=job, phase=phases.NodeTaskPending(state.now))


def retry_node_task(
    state: State, run: RunRecord, node_task: NodeTaskRecord, report: RunExited, retries: int
) -> bool:
    """Whether a node task may run once more; if so, count it. Only nonzero exits are retried."""
    if report.failure or report.cancelled or run.ending or not report.exit_code:
        return False
    if retries != -1 and node_task.retry_count >= retries:
        return False
    node_task.retry_count += 1
    node_task.last_retry = state.now
    return True


def done(state: State, run: RunRecord, report: RunExited) -> phases.NodeTaskDone:
    """The end of a run of a node task, as a phase."""
    return phases.NodeTaskDone(
        state.now, run.started, report.exit_code, failure_of(report), run.node.boot, run.node.image
    )


def interrupt(state: State, node: NodeRecord, *, gone: bool) -> None:
    """The node's life ends: what ran of node tasks is over, unreported.

    `gone`: it leaves for good. A preparation then ends as failed and a release as never run; else
    both are to be run when the node is back.
    """
    for footprint in list(node.footprints.values()):
        preparation, release_node_task = footprint.preparation, footprint.release
        if isinstance(preparation.phase, phases.NodeTaskRunning):
            run = state.runs[preparation.phase.run_id]
            state.end_run(run)
            phase = (
                done(state, run, RunExited(run_id=run.id, cancelled=True))
                if gone
                else phases.NodeTaskPending(state.now)
            )
            state.move(preparation, phase)
        if release_node_task and isinstance(release_node_task.phase, phases.NodeTaskRunning):
            state.end_run(state.runs[release_node_task.phase.run_id])
            state.move(release_node_task, phases.NodeTaskPending(state.now))
        if gone:
            if release_node_task and not isinstance(release_node_task.phase, phases.NodeTaskDone):
                footprint.release = None
            footprint.job.refused_by.pop(node.id, None)
        state.touch_job(footprint.job)


def _retain(
    state: State, footprint: FootprintRecord, name: str, node_task: NodeTaskRecord, seconds: float
) -> None:
    phase, job, node = node_task.phase, footprint.job, footprint.node

    def delete() -> None:
        if state.jobs.get(job.key) is job and node_task.phase is phase:
            state.delete_files(node, f"{job.directory}/{name}")

    state.deadlines.at(state.now + seconds, delete)
