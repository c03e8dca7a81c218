"""What a node does at each moment, and for how long it did it.

A node is paid for from the moment it has its machine until it has gone, whatever its state, as in
Azure; a preempted node is not, until it has a machine again. At every moment it does one thing:

    tasks ........ at least one task holds its slots
    preparation .. they only wait: a job preparation task runs, and no task
    release ...... no task, but a job release task
    starttask .... it is up and runs its start task, and takes no task yet
    idle ......... it could run tasks and has none, or it is offline
    boot ......... it starts, reboots, is reimaged, or goes
    down ......... it is unusable, unknown, or its start task failed

The row of the node's state says which (`states`), and `beside_node_tasks` where it is in service;
reports say by the same rule what nodes did. `charge` is called whenever that may have changed; it
looks at one node, and adds what has passed to the bills of the node and of its pool only when it
did change.
"""

from __future__ import annotations

from batchlab.core.state.phases import NodeLeavingPool, NodeStarting
from batchlab.core.state.records import BillRecord, NodeRecord
from batchlab.core.state.states import NODE

_BY_STATE = {name: state.activity for name, state in NODE.items() if name != "leavingpool"}


def activity(node: NodeRecord) -> str:
    """What a node does now; empty while it has no machine."""
    doing = NODE[node.phase.state].activity
    if not doing or not (node.activity or isinstance(node.phase, NodeStarting)):
        return ""
    held = node.free < node.pool.spec.task_slots_per_node
    if isinstance(node.phase, NodeLeavingPool) and not node.phase.stopping:
        doing = "tasks" if held else "idle"  # it drains
    if not node.node_task_count:
        return doing
    kinds = [run.kind for run in node.runs.values()]
    return beside_node_tasks(
        doing, tasks="task" in kinds, preparation="jobpreparation" in kinds,
        release="jobrelease" in kinds, held=held,
    )  # fmt: skip


def beside_node_tasks(
    doing: str, *, tasks: bool, preparation: bool, release: bool, held: bool
) -> str:
    """What a node does of several things: what its state says, unless it is in service.

    `held`: tasks hold slots, though none of them runs.
    """
    if doing not in ("tasks", "idle"):
        return doing
    if tasks:
        return "tasks"
    if preparation:
        return "preparation"
    if held:
        return "tasks"
    return "release" if release else "idle"


def charge(node: NodeRecord, now: float) -> None:
    """If a node does something else from now on, enter what it did until now."""
    plain = node.activity and not node.node_task_count  # as it nearly always is: one look
    doing = (plain and _BY_STATE.get(node.phase.state)) or activity(node)
    if doing != node.activity:
        _turn(node, now, doing)


def leave(node: NodeRecord, now: float) -> None:
    """A node has gone: enter what it did."""
    if node.activity:
        _turn(node, now, "")


def _turn(node: NodeRecord, now: float, doing: str) -> None:
    own = node.bill
    if node.activity:
        assert own is not None
        span = now - node.since
        node.pool.bills[node.dedicated].seconds[node.activity] += span
        own.seconds[node.activity] += span
    else:
        if own is None:
            own = node.bill = BillRecord()
        own.machines += 1
        node.pool.bills.setdefault(node.dedicated, BillRecord()).machines += 1
    node.activity, node.since = doing, now
