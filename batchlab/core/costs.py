"""What nodes did with their time, and what that would have cost.

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
to the bills of the node and of its pool only when it did change. A deleted pool leaves its bill to
the account.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from batchlab.core.records import BillRecord, NodeRecord, PoolRecord
from batchlab.core.specs import price_per_hour
from batchlab.core.views import CostView

if TYPE_CHECKING:
    from batchlab.core.machine import Core

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
    if node.hook_count and doing in ("tasks", "idle"):
        return _beside_hooks(node, doing)
    return doing


def _beside_hooks(node: NodeRecord, doing: str) -> str:
    kinds = [run.kind for run in node.runs.values()]
    if doing == "tasks":
        return "tasks" if "task" in kinds else "preparation"
    for kind, name in (("jobpreparation", "preparation"), ("jobrelease", "release")):
        if kind in kinds:
            return name
    return "idle"


def charge(core: Core, node: NodeRecord) -> None:
    """If a node does something else from now on, enter what it did until now."""
    plain = node.activity and not node.hook_count  # as it nearly always is: one look
    doing = (plain and _BY_STATE.get(node.phase.state)) or activity(node)
    if doing != node.activity:
        _turn(core, node, doing)


def leave(core: Core, node: NodeRecord) -> None:
    """A node has gone: enter what it did."""
    if node.activity:
        _turn(core, node, "")


def _turn(core: Core, node: NodeRecord, doing: str) -> None:
    own = node.bill
    if node.activity:
        assert own is not None
        span = core.now - node.since
        node.pool.bills[node.dedicated].seconds[node.activity] += span
        own.seconds[node.activity] += span
    else:
        if own is None:
            own = node.bill = BillRecord()
        own.machines += 1
        node.pool.bills.setdefault(node.dedicated, BillRecord()).machines += 1
    node.activity, node.since = doing, core.now


def close(core: Core, pool: PoolRecord) -> None:
    """A pool without nodes is forgotten: its bill stays with the account."""
    for dedicated, bill in pool.bills.items():
        total = core.bills.setdefault((pool.spec.vm_size, dedicated), BillRecord())
        _add(total, bill)


def _add(total: BillRecord, bill: BillRecord) -> None:
    total.machines += bill.machines
    for doing, seconds in bill.seconds.items():
        total.seconds[doing] += seconds


def pool_bills(pool: PoolRecord, now: float) -> dict[tuple[str, bool], BillRecord]:
    """What a pool's nodes did until now, by size and kind."""
    size = pool.spec.vm_size
    found: dict[tuple[str, bool], BillRecord] = {}
    for dedicated, bill in pool.bills.items():
        _add(found.setdefault((size, dedicated), BillRecord()), bill)
    for node in pool.nodes.values():
        if node.activity:
            found[size, node.dedicated].seconds[node.activity] += now - node.since
    return found


def node_bills(node: NodeRecord, now: float) -> dict[tuple[str, bool], BillRecord]:
    """What one node of a pool did until now; nothing before it has had a machine."""
    if node.bill is None:
        return {}
    bill = BillRecord()
    _add(bill, node.bill)
    if node.activity:
        bill.seconds[node.activity] += now - node.since
    return {(node.pool.spec.vm_size, node.dedicated): bill}


def account_bills(core: Core, now: float) -> dict[tuple[str, bool], BillRecord]:
    """The same of all pools, those that were deleted among them."""
    found: dict[tuple[str, bool], BillRecord] = {}
    for key, bill in core.bills.items():
        _add(found.setdefault(key, BillRecord()), bill)
    for pool in core.pools.values():
        for key, bill in pool_bills(pool, now).items():
            _add(found.setdefault(key, BillRecord()), bill)
    return found


def views(core: Core, pool_id: str, node_id: str, now: float) -> list[CostView]:
    """What a node did, or, without its id, all of a pool, or, without that one's, of all pools."""
    if node_id:
        bills = node_bills(core.node(pool_id, node_id), now)
    elif pool_id:
        bills = pool_bills(core.pool(pool_id), now)
    else:
        bills = account_bills(core, now)
    return [
        CostView(
            vm_size=size,
            is_dedicated=dedicated,
            machines=bill.machines,
            task_hours=bill.seconds["tasks"] / 3600,
            preparation_hours=bill.seconds["preparation"] / 3600,
            release_hours=bill.seconds["release"] / 3600,
            start_task_hours=bill.seconds["starttask"] / 3600,
            idle_hours=bill.seconds["idle"] / 3600,
            boot_hours=bill.seconds["boot"] / 3600,
            down_hours=bill.seconds["down"] / 3600,
            price_per_hour=price_per_hour(size, dedicated=dedicated),
        )
        for (size, dedicated), bill in bills.items()
    ]
