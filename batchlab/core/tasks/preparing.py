"""Tasks that wait on a node for their job's preparation: started after it, or queued again.

They hold their slots meanwhile. A multi-instance task waits on all its nodes and starts when the
last of them is prepared.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from batchlab.core.jobs import preparation
from batchlab.core.messages.facts import RunExited
from batchlab.core.state.records import FootprintRecord, RunRecord, TaskRecord
from batchlab.core.tasks import multi_instance, outcomes, runs
from batchlab.core.tasks.failures import ENDED

if TYPE_CHECKING:
    from batchlab.core.state.state import State


def preparation_exited(state: State, run: RunRecord, report: RunExited) -> None:
    """A preparation has ended: unless it is retried, start its waiting tasks or return them."""
    may_start = preparation.exited(state, run, report)
    assert run.job is not None
    footprint = run.job.footprints[run.node.id]
    if may_start:
        start_waiting(state, footprint)
    elif may_start is not None:
        return_waiting(state, footprint, "preparation failed")


def start_waiting(state: State, footprint: FootprintRecord) -> None:
    """Run the tasks that waited for the preparation."""
    for task in _take_waiting(footprint):
        if task.instances is None:
            runs.start(state, task, footprint.node)
        else:
            multi_instance.node_prepared(state, task, task.instances, footprint)


def return_waiting(
    state: State, footprint: FootprintRecord, reason: str, *, end: str = "requeue"
) -> None:
    """The preparation has failed: queue the tasks that waited for it again, or end them."""
    for task in reversed(_take_waiting(footprint)):  # so that the oldest is first again
        if task.instances is None:
            outcomes.vacate(state, footprint.node, task)
        else:
            multi_instance.withdraw(state, task, task.instances)
        if end == "terminate":
            outcomes.complete(state, task, None, ENDED)
        else:
            outcomes.activate(state, task, reason, first=True)


def _take_waiting(footprint: FootprintRecord) -> list[TaskRecord]:
    waiting = list(footprint.waiting.values())
    footprint.waiting = {}
    return waiting
