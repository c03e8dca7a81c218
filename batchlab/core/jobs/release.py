"""Job release tasks: clean up a job's nodes when it ends.

The release runs after the job's last task and preparation have ended, on the nodes where the
preparation succeeded (or, without ``wait_for_success``, ended) since the last reimage. It runs
once, but again if a reboot interrupts it. Nodes that leave or are deallocated before are skipped;
one that drains before that runs the release meanwhile. Its failure has no effect. A preparation
that is cut short is not released, whatever it has written. If a job has no release task, its nodes
only forget the job.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from batchlab.core.jobs import node_tasks
from batchlab.core.messages.facts import RunExited
from batchlab.core.messages.outputs import ForgetJob, StartRun
from batchlab.core.model.ids import RunId
from batchlab.core.state import phases
from batchlab.core.state.records import FootprintRecord, JobRecord, RunRecord
from batchlab.core.state.states import NODE
from batchlab.core.tasks.contained import as_specified

if TYPE_CHECKING:
    from batchlab.core.state.state import State

_STARTED = NODE.group("started")
_GONE = (phases.NodeUnusable, phases.NodeDeallocating, phases.NodeDeallocated)


def start_due(state: State, job: JobRecord) -> bool:
    """Start the release wherever it is due and possible; True if there is none to wait for."""
    spec = job.spec.job_release_task
    finished = True
    for footprint in job.footprints.values() if spec else ():
        node = footprint.node
        if footprint.release and isinstance(footprint.release.phase, phases.NodeTaskRunning):
            finished = False  # whatever the node does next
            continue
        if not _releasable(state, footprint):
            continue
        if footprint.release is None:
            footprint.release = node_tasks.pending(state, "jobrelease", node, job)
        if isinstance(footprint.release.phase, phases.NodeTaskDone):
            continue
        finished = False
        if node.phase.state in _STARTED or isinstance(node.phase, phases.NodeLeavingPool):
            assert spec is not None
            run = state.new_run("jobrelease", node, job, spec.id)
            state.command(start_run_of(footprint, run.id))
            phase = phases.NodeTaskRunning(state.now, run.id)
            state.move(footprint.release, phase)
    return finished


def forget(state: State, job: JobRecord) -> None:
    """The job has ended: remove its footprint from nodes where no release did."""
    for footprint in job.footprints.values():
        node = footprint.node
        node.footprints.pop(job.key, None)
        if footprint.release and not isinstance(footprint.release.phase, phases.NodeTaskDone):
            footprint.release = None
        if footprint.release is None and node.up:
            state.command(ForgetJob(job_id=job.spec.id, node_id=node.id))


def _releasable(state: State, footprint: FootprintRecord) -> bool:
    """Whether there is something to release, on a node that can still do it."""
    node, done = footprint.node, footprint.preparation.phase
    phase = node.phase
    going = isinstance(phase, _GONE) or (
        isinstance(phase, phases.NodeLeavingPool) and (phase.stopping or state.settings.rules < 3)
    )
    if going or node.id not in state.nodes:
        return False
    if not isinstance(done, phases.NodeTaskDone) or done.image != node.image:
        return False
    spec = node_tasks.preparation_of(footprint.job)
    return node_tasks.succeeded(done) or not spec.wait_for_success


def start_run_of(footprint: FootprintRecord, run_id: RunId) -> StartRun:
    """The command that starts the run of a release."""
    job, node = footprint.job, footprint.node
    spec = job.spec.job_release_task
    assert spec is not None
    start_run = StartRun(
        run_id=run_id,
        kind="jobrelease",
        pool_id=node.pool.spec.id,
        command_line=spec.command_line,
        directory=f"{job.directory}/{spec.id}",
        environment={**job.spec.common_environment_settings, **spec.environment_settings},
        resource_files=spec.resource_files,
        time_limit_s=spec.max_wall_clock_time.total_seconds(),
        preparation_directory=f"{job.directory}/{node_tasks.preparation_of(job).id}",
        network=node.network,
    )
    return as_specified(start_run, node, spec)


def exited(state: State, run: RunRecord, report: RunExited) -> None:
    """End a release, whatever its result; it is never retried."""
    assert run.job is not None
    footprint = run.job.footprints[run.node.id]
    node_task, spec = footprint.release, run.job.spec.job_release_task
    assert node_task is not None
    assert spec is not None
    state.move(node_task, node_tasks.done(state, run, report))
    node_tasks.retain(state, footprint, spec.id, node_task, spec.retention_time.total_seconds())
