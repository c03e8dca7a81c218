"""The activity of a node at each moment, and how long it lasted.

As in Azure, a node is billed from when it gets its machine until it has left, whatever its state;
a preempted node is not billed until it has a machine again, and a deallocated one until it is
started. At any moment it has one activity:

    tasks ........ at least one task runs
    preparation .. no task runs, but a job preparation task does
    release ...... no task runs, but a job release task does
    starttask .... it is up, runs its start task, and takes no tasks yet
    idle ......... it could run tasks but has none, or it is offline
    boot ......... it is starting, rebooting, being reimaged or deallocated, or leaving
    down ......... it is unusable or unknown, or its start task failed

The activity follows from the row of the node's state (`states`) or, while it is in service, from
`beside_node_tasks`; reports use the same rule. `charge` is called whenever the activity may have
changed. It looks at one node, and adds the time to the bills of the node and its pool only if the
activity has changed.
"""

from __future__ import annotations

from batchlab.core.state.books import BillRecord
from batchlab.core.state.phases import NodeLeavingPool, NodeStarting
from batchlab.core.state.records import NodeRecord
from batchlab.core.state.states import NODE

_BY_STATE = {name: state.activity for name, state in NODE.items() if name != "leavingpool"}


def activity(node: NodeRecord) -> str:
    """The current activity of a node; empty while it has no machine."""
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
    """The activity of a node: that of its state, unless it is in service.

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
    """If the activity of a node changes now, bill the previous one."""
    plain = node.activity and not node.node_task_count  # the usual case: quick to decide
    doing = (plain and _BY_STATE.get(node.phase.state)) or activity(node)
    if doing != node.activity:
        _turn(node, now, doing)


def leave(node: NodeRecord, now: float) -> None:
    """A node has left: bill its last activity."""
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
