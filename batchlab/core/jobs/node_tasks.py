"""Node tasks: what start, preparation and release tasks have in common.

Each runs on a node beside the tasks and needs no slot. Only nonzero exits are retried. If the node
is lost or restarted, they are interrupted and run again when it is back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from batchlab.core.messages.facts import RunExited
from batchlab.core.messages.outputs import RunKind
from batchlab.core.model import JobPreparationTask
from batchlab.core.state import phases
from batchlab.core.state.records import (
    FootprintRecord,
    JobRecord,
    NodeRecord,
    NodeTaskRecord,
    RunRecord,
)
from batchlab.core.tasks.failures import failure_of

if TYPE_CHECKING:
    from batchlab.core.state.state import State


def succeeded(phase: phases.NodeTaskDone) -> bool:
    """Whether a node task succeeded."""
    return phase.failure is None


def preparation_of(job: JobRecord) -> JobPreparationTask:
    """The preparation task of a job that has one."""
    assert job.spec.job_preparation_task is not None
    return job.spec.job_preparation_task


def pending(
    state: State, kind: RunKind, node: NodeRecord, job: JobRecord | None = None
) -> NodeTaskRecord:
    """A node task that will run."""
    return NodeTaskRecord(kind=kind, node=node, job=job, phase=phases.NodeTaskPending(state.now))


def may_retry(
    state: State, run: RunRecord, node_task: NodeTaskRecord, report: RunExited, retries: int
) -> bool:
    """Whether a node task may be retried; if so, count the retry. Only nonzero exits are."""
    if report.failure or report.cancelled or run.ending or not report.exit_code:
        return False
    if retries != -1 and node_task.retry_count >= retries:
        return False
    node_task.retry_count += 1
    node_task.last_retry = state.now
    return True


def done(state: State, run: RunRecord, report: RunExited) -> phases.NodeTaskDone:
    """The phase in which a run of a node task has ended."""
    return phases.NodeTaskDone(
        state.now, run.started, report.exit_code, failure_of(report), run.node.boot,
        run.node.image, report.container,
    )  # fmt: skip


def why_not_run(node_task: NodeTaskRecord | None) -> str:
    """Why a node task failed before its command ran; empty if it did run."""
    phase = node_task.phase if node_task else None
    if not isinstance(phase, phases.NodeTaskDone) or phase.failure is None:
        return ""
    if phase.exit_code is not None or "Message" not in phase.failure.details:
        return ""
    return f" ({phase.failure.code}: {phase.failure.details['Message']})"


def interrupt(state: State, node: NodeRecord, *, gone: bool) -> None:
    """End the node tasks that ran on a node without a report, as the node is lost or restarts.

    With `gone` it leaves for good: a preparation then counts as failed, and a release as never
    run. Otherwise both run again when the node is back.
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


def retain(
    state: State, footprint: FootprintRecord, name: str, node_task: NodeTaskRecord, seconds: float
) -> None:
    """Keep its directory for the retention time after its end."""
    directory = f"{footprint.job.directory}/{name}"
    when = state.now + seconds
    node_task.expiry = state.deadlines.at(when, state.delete_files, footprint.node, directory)
