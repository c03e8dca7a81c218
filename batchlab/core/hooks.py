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

from batchlab.core import phases, users
from batchlab.core.ids import RunId
from batchlab.core.inputs import RunExited
from batchlab.core.outputs import ForgetJob, StartRun
from batchlab.core.records import (
    FootprintRecord,
    HookRecord,
    JobRecord,
    NodeRecord,
    RunRecord,
)
from batchlab.core.specs import RETENTION, JobPreparationTask
from batchlab.core.views import FailureInfo

if TYPE_CHECKING:
    from batchlab.core.machine import Core

_UP = ("idle", "running", "offline", "starttaskfailed")


def accepts(job: JobRecord, node: NodeRecord) -> bool:
    """Whether a node takes tasks of a job, as far as its preparation is concerned."""
    return node.id not in job.refused_by


def prepared(footprint: FootprintRecord) -> bool:
    """Whether the job's tasks may run on the node now."""
    spec = _preparation(footprint.job)
    phase = footprint.preparation.phase
    if not isinstance(phase, phases.HookDone):
        return not spec.wait_for_success and isinstance(phase, phases.HookRunning)
    return _valid(footprint, phase, spec) and (_succeeded(phase) or not spec.wait_for_success)


def _valid(footprint: FootprintRecord, phase: phases.HookDone, spec: JobPreparationTask) -> bool:
    node = footprint.node
    if phase.image != node.image:
        return False
    rerun = spec.rerun_on_node_reboot_after_success or not _succeeded(phase)
    return phase.boot == node.boot or not rerun


def _succeeded(phase: phases.HookDone) -> bool:
    return phase.failure is None


def _preparation(job: JobRecord) -> JobPreparationTask:
    assert job.spec.job_preparation_task is not None
    return job.spec.job_preparation_task


# -- preparation --------------------------------------------------------------------------------


def prepare(core: Core, job: JobRecord, node: NodeRecord) -> FootprintRecord | None:
    """Start what the job needs on the node, unless it is there or under way; None if nothing."""
    if job.spec.job_preparation_task is None:
        return None
    footprint = job.footprints.get(node.id)
    if footprint is None:
        pending = HookRecord(phase=phases.HookPending(core.now))
        footprint = FootprintRecord(job=job, node=node, preparation=pending)
        job.footprints[node.id] = node.footprints[job.key] = footprint
        _start_preparation(core, footprint)
    elif not isinstance(footprint.preparation.phase, phases.HookRunning) and not prepared(
        footprint
    ):
        footprint.preparation.retry_count = 0
        footprint.preparation.last_retry = None
        _start_preparation(core, footprint)
    return footprint


def _start_preparation(core: Core, footprint: FootprintRecord) -> None:
    job, node = footprint.job, footprint.node
    spec = _preparation(job)
    run = core.new_run("jobpreparation", node, job, spec.id)
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
    core.command(order)
    phase = phases.HookRunning(core.now, run.id)
    core.move_hook(footprint.preparation, phase, node, footprint)


def preparation_exited(core: Core, run: RunRecord, report: RunExited) -> bool | None:
    """Repeat a preparation that failed and may be retried, or settle it.

    Returns whether the tasks that wait for it may start, None while it is still under way.
    """
    assert run.job is not None
    footprint = run.job.footprints[run.node.id]
    spec, hook, node = _preparation(run.job), footprint.preparation, run.node
    if retry_hook(core, run, hook, report, spec.constraints.max_task_retry_count or 0):
        _start_preparation(core, footprint)
        return None
    phase = done(core, run, report)
    core.move_hook(hook, phase, node, footprint)
    retention = spec.constraints.retention_time or RETENTION
    _retain(core, footprint, spec.id, hook, retention.total_seconds())
    if phase.failure and spec.wait_for_success and not report.cancelled:
        run.job.refused_by[node.id] = node
    return phase.failure is None or not spec.wait_for_success


# -- release ------------------------------------------------------------------------------------


def release(core: Core, job: JobRecord) -> bool:
    """Start the release wherever it is due and possible; True when none is left to wait for."""
    spec = job.spec.job_release_task
    finished = True
    for footprint in job.footprints.values() if spec else ():
        node = footprint.node
        if footprint.release and isinstance(footprint.release.phase, phases.HookRunning):
            finished = False  # whatever the node is about to do
            continue
        if not _releasable(core, footprint):
            continue
        if footprint.release is None:
            footprint.release = HookRecord(phase=phases.HookPending(core.now))
        if isinstance(footprint.release.phase, phases.HookDone):
            continue
        finished = False
        if node.phase.state in _UP:
            assert spec is not None
            run = core.new_run("jobrelease", node, job, spec.id)
            core.command(_release_order(footprint, run.id))
            phase = phases.HookRunning(core.now, run.id)
            core.move_hook(footprint.release, phase, node, footprint)
    return finished


def forget(core: Core, job: JobRecord) -> None:
    """The job has ended: nodes where no release took its footprint away forget it now."""
    for footprint in job.footprints.values():
        node = footprint.node
        node.footprints.pop(job.key, None)
        if footprint.release and not isinstance(footprint.release.phase, phases.HookDone):
            footprint.release = None
        if footprint.release is None and node.up:
            core.command(ForgetJob(job_id=job.spec.id, node_id=node.id))


def _releasable(core: Core, footprint: FootprintRecord) -> bool:
    """Whether the preparation left something to release, on a node that can still do it."""
    node, done = footprint.node, footprint.preparation.phase
    if node.id not in core.nodes or node.phase.state in ("leavingpool", "unusable"):
        return False
    if not isinstance(done, phases.HookDone) or done.image != node.image:
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


def release_exited(core: Core, run: RunRecord, report: RunExited) -> None:
    """Settle a release, however it ended; it is never repeated."""
    assert run.job is not None
    footprint = run.job.footprints[run.node.id]
    hook, spec = footprint.release, run.job.spec.job_release_task
    assert hook is not None
    assert spec is not None
    core.move_hook(hook, done(core, run, report), run.node, footprint)
    _retain(core, footprint, spec.id, hook, spec.retention_time.total_seconds())


# -- both ---------------------------------------------------------------------------------------


def retry_hook(
    core: Core, run: RunRecord, hook: HookRecord, report: RunExited, retries: int
) -> bool:
    """Whether a hook may run once more; if so, count it. Only nonzero exits are retried."""
    if report.failure or report.cancelled or run.ending or not report.exit_code:
        return False
    if retries != -1 and hook.retry_count >= retries:
        return False
    hook.retry_count += 1
    hook.last_retry = core.now
    return True


def done(core: Core, run: RunRecord, report: RunExited) -> phases.HookDone:
    """The end of a run of a hook, as a phase."""
    return phases.HookDone(
        core.now, run.started, report.exit_code, failure_of(report), run.node.boot, run.node.image
    )


def failure_of(report: RunExited) -> FailureInfo | None:
    """Why a run failed: every nonzero exit has a failure, success never."""
    if report.failure is not None:
        return report.failure
    if report.cancelled:
        return ENDED
    code = report.exit_code
    if code is None:
        return FailureInfo(category="ServerError", code="Unknown", message="no exit code is known")
    if code == 0:
        return None
    return FailureInfo(
        category="UserError",
        code="FailureExitCode",
        message="The task exited with an exit code representing a failure",
        details={
            "Message": f"The task exited with exit code {code}",
            "FailureExitCode": str(code),
        },
    )


ENDED = FailureInfo(
    category="UserError", code="TaskEnded", message="The task was ended by user request"
)


def interrupt(core: Core, node: NodeRecord, *, gone: bool) -> None:
    """The node's life ends: what ran of hooks is over, unreported.

    `gone`: it leaves for good. A preparation then ends as failed and a release as never run; else
    both are to be run when the node is back.
    """
    for footprint in list(node.footprints.values()):
        preparation, release_hook = footprint.preparation, footprint.release
        if isinstance(preparation.phase, phases.HookRunning):
            run = core.runs[preparation.phase.run_id]
            core.end_run(run)
            phase = (
                done(core, run, RunExited(run_id=run.id, cancelled=True))
                if gone
                else phases.HookPending(core.now)
            )
            core.move_hook(preparation, phase, node, footprint)
        if release_hook and isinstance(release_hook.phase, phases.HookRunning):
            core.end_run(core.runs[release_hook.phase.run_id])
            core.move_hook(release_hook, phases.HookPending(core.now), node, footprint)
        if gone:
            if release_hook and not isinstance(release_hook.phase, phases.HookDone):
                footprint.release = None
            footprint.job.refused_by.pop(node.id, None)
        core.touch_job(footprint.job)


def _retain(
    core: Core, footprint: FootprintRecord, name: str, hook: HookRecord, seconds: float
) -> None:
    phase, job, node = hook.phase, footprint.job, footprint.node

    def delete() -> None:
        if core.jobs.get(job.key) is job and hook.phase is phase:
            core.delete_files(node, f"{job.directory}/{name}")

    core.deadlines.at(core.now + seconds, delete)
