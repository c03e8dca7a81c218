"""Reports about nodes: allocated, started, lost, deallocated, stopped.

A node counts its starts (`boot`), and reports from an earlier boot are dropped. At each start the
pool's start task runs first (`start_task`).

When a node is lost, its tasks are queued again, and the node is restarted under its id. If that
fails it becomes ``unusable``, until a user reboots or removes it; if it only takes long, until it
has a machine again. A node that was to leave or to be deallocated needs no machine, and goes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from batchlab.core.messages import facts
from batchlab.core.messages.outputs import DeleteFiles, NodeNetwork
from batchlab.core.model.values import ResizeError
from batchlab.core.nodes import nodes, start_task
from batchlab.core.placement import availability
from batchlab.core.pools import resizing
from batchlab.core.state import phases
from batchlab.core.state.records import NodeRecord
from batchlab.core.state.states import NODE

if TYPE_CHECKING:
    from batchlab.core.state.state import State

RETRY_S = 15.0
"""The minimum time between requests for a spot node while none is available."""

_AWAITED = NODE.group("awaited")
_NOTHING_TO_LOSE = (phases.NodeUnusable, phases.NodePreempted, phases.NodeDeallocated)


# -- start --------------------------------------------------------------------------------------


def node_allocated(state: State, report: facts.NodeAllocated) -> None:
    """A node has got its machine."""
    node = _present(state, report.node_id, report.boot)
    if node is None or not (_awaited(node) or node.may_return):
        return
    if node.allocated is None:
        node.allocated = state.now
    node.ip_address, node.machine = report.ip_address, report.machine
    if node.pool.spec.enable_inter_node_communication:
        node.network = NodeNetwork(report.ip_address, *report.port_range)
    node.pool.creating.pop(node.id, None)
    state.move(node, phases.NodeStarting(state.now))
    resizing.settle(state, node.pool)


def node_started(state: State, report: facts.NodeStarted) -> None:
    """A node is up: run its start task, or let it take tasks."""
    node = _present(state, report.node_id, report.boot)
    if node is None or node.phase.state != "starting":
        return
    node.booted, node.no_containers = state.now, report.no_containers
    trash, node.trash = tuple(node.trash), []
    if trash:
        state.command(DeleteFiles(node_id=node.id, directories=trash))
    start_task.begin(state, node)
    if node.start_task and node.start_task.wait_for_success:
        state.move(node, phases.NodeWaitingForStartTask(state.now))
        return
    nodes.rest(state, node)
    nodes.wake_jobs(state, node)


# -- lose ---------------------------------------------------------------------------------------


def node_lost(state: State, report: facts.NodeLost) -> None:
    """Contact with a node was lost: queue its tasks again, and restart it."""
    node = _present(state, report.node_id, report.boot)
    if node is not None and node.may_return:  # a machine had just been found for it
        node.boot += 1
        nodes.command_start(state, node)
        return
    if node is None or nodes.stopping(node) or isinstance(node.phase, _NOTHING_TO_LOSE):
        return
    if node.drain and node.drain.purpose == "leave":
        nodes.stop(state, node)
        return
    if node.away:
        nodes.deallocate(state, node)
        return
    node.drain = None
    if node.phase.state == "reimaging":
        nodes.reboot(state, node, reimage=True)  # finish what was started
        return
    if node.phase.state != "creating":
        state.move(node, phases.NodeUnknown(state.now), report.reason)
    availability.sort_node(state, node)
    nodes.end_life(state, node, gone=False)
    node.boot += 1
    nodes.command_start(state, node)


def node_start_failed(state: State, report: facts.NodeStartFailed) -> None:
    """There is no machine for a node: it will not join, or cannot be brought back."""
    node = _present(state, report.node_id, report.boot)
    if node is None or not (
        _awaited(node) or node.phase.state == "starting" or _is_news(node.phase, report)
    ):
        return
    error = ResizeError(code=report.code, message=report.message)
    if node.allocated is None:
        resizing.remove(state, node)
        resizing.add_error(node.pool, error)
        resizing.settle(state, node.pool)
    elif node.phase.state == "creating":
        nodes.stay_away(state, node, report.message, at_least_s=RETRY_S)  # as Azure keeps trying
    else:
        since = node.phase.since if node.may_return else state.now
        phase = phases.NodeUnusable(since, report.code, report.message, report.trying)
        state.move(node, phase, report.message)
        nodes.wake_jobs(state, node)


def machines_passed_over(state: State, report: facts.MachinesPassedOver) -> None:
    """Note which machines cannot be nodes: `explain` names them."""
    state.passed_over = report.machines


def node_stopped(state: State, report: facts.NodeStopped) -> None:
    """A node that was asked to stop has left."""
    node = state.nodes.get(report.node_id)
    if node is None or not nodes.stopping(node):
        state.dropped += 1
        return
    resizing.remove(state, node)
    for footprint in node.footprints.values():
        state.touch_job(footprint.job)
    resizing.settle(state, node.pool)


def node_released(state: State, report: facts.NodeReleased) -> None:
    """A node that was to be deallocated has released its machine."""
    node = _present(state, report.node_id, report.boot)
    if node is None or node.drain or not isinstance(node.phase, phases.NodeDeallocating):
        return
    if not report.files_kept:
        nodes.lose_data(state, node)
    state.move(node, phases.NodeDeallocated(state.now))


def _awaited(node: NodeRecord) -> bool:
    """Whether the driver owes the node a machine."""
    if isinstance(node.phase, phases.NodeStarting):
        return node.phase.awaited
    return node.drain is None and node.phase.state in _AWAITED


def _is_news(phase: phases.Phase, report: facts.NodeStartFailed) -> bool:
    """Whether a report says something new of a node that was not brought back so far."""
    if not (isinstance(phase, phases.NodeUnusable) and phase.trying):
        return False
    known = (phase.code, phase.message, phase.trying)
    return (report.code, report.message, report.trying) != known


def _present(state: State, node_id: str, boot: int) -> NodeRecord | None:
    node = state.nodes.get(node_id)
    if node is None or node.boot != boot:
        state.dropped += 1
        return None
    return node
