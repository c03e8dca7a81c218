"""A lab goes on after its scheduler: all machines are gone, with their processes and their disks.

Each node is treated as lost in its present phase. Its tasks are queued again, which is no retry,
and it starts under its id with a new boot and a new image: a preparation there runs again before
the next task, and a release no longer runs. A node that was leaving is stopped, one that was being
deallocated is released, and one that is deallocated or preempted stays away. Resizes, schedules
and retention go on by the clock. Reports from before belong to an earlier boot, and are dropped.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from batchlab.core.messages.facts import LabResumed
from batchlab.core.messages.outputs import ReleaseNode, StartNode, StopNode
from batchlab.core.nodes import nodes
from batchlab.core.placement import availability
from batchlab.core.state import phases
from batchlab.core.state.records import NodeRecord

if TYPE_CHECKING:
    from batchlab.core.state.state import State

_AWAY = (phases.NodeDeallocated, phases.NodePreempted)
_FOR_NEW_MACHINES = (StartNode, StopNode, ReleaseNode)


def lab_resumed(state: State, report: LabResumed) -> None:
    """The lab was opened again: get machines for its nodes."""
    state.closing = False
    state.passed_over = ()
    for node in list(state.nodes.values()):
        nodes.lose_data(state, node)
        _go_on(state, node)
    # A node that was lost first may have sent something to one that was lost after it.
    state.commands = [each for each in state.commands if isinstance(each, _FOR_NEW_MACHINES)]


def _go_on(state: State, node: NodeRecord) -> None:
    if nodes.stopping(node):
        state.command(StopNode(pool_id=node.pool.spec.id, node_id=node.id))
    elif node.drain and node.drain.purpose == "leave":
        nodes.stop(state, node)
    elif isinstance(node.phase, _AWAY):
        pass
    elif node.away:
        nodes.deallocate(state, node)
    else:
        node.drain = None
        if isinstance(node.phase, phases.NodeUnusable):
            state.move(node, phases.NodeStarting(state.now, awaited=True))
        elif not isinstance(node.phase, phases.NodeCreating):
            state.move(node, phases.NodeUnknown(state.now), "the lab was resumed")
        availability.sort_node(state, node)
        nodes.end_life(state, node, gone=False)
        node.boot += 1
        nodes.command_start(state, node)
