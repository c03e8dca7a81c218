"""What a node does at each moment, and for how long it did it.

A node is paid for from the moment it has its machine until it has gone, whatever its state, as in
Azure; a preempted node is not, until it has a machine again. At every moment it does one thing:

    tasks ........ at least one task holds its slots
    preparation .. no task, but a job preparation task
    release ...... no task, but a job release task
    starttask .... it is up and runs its start task, and takes no task yet
    idle ......... it could run tasks and has none, or it is offline
    boot ......... it starts, reboots, is reimaged, or goes
    down ......... it is unusable, unknown, or its start task failed

`charge` is called whenever that may have changed; it looks at one node, and adds what has passed
to the bills of the node and of its pool only when it did change.
"""

from __future__ import annotations

from batchlab.core.state.records import BillRecord, NodeRecord

_BY_STATE = {
    "idle": "idle",
    "offline": "idle",
    "running": "tasks",
    "waitingforstarttask": "starttask",
    "starttaskfailed": "down",
    "unknown": "down",
    "unusable": "down",
}
_UNPAID = ("creating", "preempted")


def activity(node: NodeRecord) -> str:
    """What a node does now; empty while it has no machine."""
    state = node.phase.state
    if state in _UNPAID or not (node.activity or state == "starting"):
        return ""
    if state == "leavingpool":
        if node.phase.stopping:  # type: ignore[attr-defined]
            return "boot"
        held = node.free < node.pool.spec.task_slots_per_node
        state = "running" if held else "idle"
    doing = _BY_STATE.get(state, "boot")
    if node.node_task_count and doing in ("tasks", "idle"):
        return _beside_node_tasks(node, doing)
    return doing


def _beside_node_tasks(node: NodeRecord, doing: str) -> str:
    kinds = [run.kind for run in node.runs.values()]
    if doing == "tasks":
        return "tasks" if "task" in kinds else "preparation"
    for kind, name in (("jobpreparation", "preparation"), ("jobrelease", "release")):
        if kind in kinds:
            return name
    return "idle"


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
