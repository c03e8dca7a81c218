"""Reports about runs that wait on nodes: started, taken back, and how many there should be."""

from __future__ import annotations

from typing import TYPE_CHECKING

from batchlab.core.messages import facts
from batchlab.core.model.ids import RunId
from batchlab.core.placement import ahead, recall
from batchlab.core.state import phases
from batchlab.core.tasks import ahead_runs, runs

if TYPE_CHECKING:
    from batchlab.core.state.state import State


def depth_measured(state: State, report: facts.DepthMeasured) -> None:
    """A node should have a longer or a shorter queue; one that is a little too long runs down."""
    node = state.nodes.get(report.node_id)
    if node is None or not node.up:
        state.dropped += 1
        return
    node.ahead.depth, node.ahead.patience_s = min(report.depth, ahead.MOST), report.patience_s
    recall.recall(state, node.ahead.kept[2 * node.ahead.depth :])
    recall.after(state, node)


def run_started(state: State, report: facts.RunStarted) -> None:
    """A node has started a run that waited there, in a slot that was free already."""
    found = leave(state, report.run_id)
    if found is None:
        state.dropped += 1
    else:
        begin(state, found)


def leave(state: State, run_id: RunId) -> recall.Entry | None:
    """Take a run that its node has started out of the queue there; None if it is not in it."""
    found = _find(state, run_id)
    if found is not None:
        recall.leave(found)
    return found


def begin(state: State, found: recall.Entry) -> None:
    """A run that has left the queue of its node runs."""
    task, node = found.task, found.node
    runs.occupy(state, task, node)
    run = state.new_run("task", node, task.job, task.spec.id, task, found.id)
    runs.running(state, task, run)
    if not isinstance(node.phase, phases.NodeRunning):
        state.touch_node(node)
    recall.after(state, node)
    if found.started:
        runs.end(state, task, found.started)


def taken_back(state: State, report: facts.TakenBack) -> None:
    """A node has answered which runs it will not start."""
    known = False
    for run_id in report.started:
        found = leave(state, run_id)
        if found is not None:
            begin(state, found)
            known = True
    for run_id in report.taken:
        found = _find(state, run_id)
        if found is not None:
            ahead_runs.give_back(state, found)
            recall.after(state, found.node)
            known = True
    state.dropped += not known


def _find(state: State, run_id: RunId) -> recall.Entry | None:
    node = state.nodes.get(run_id.node_id)
    return None if node is None else node.ahead.queue.get(run_id)
