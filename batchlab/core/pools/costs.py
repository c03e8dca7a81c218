"""How nodes spent their time, and what that would have cost; see `state.activity`.

When a pool is deleted, the account keeps its bill.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from batchlab.core.messages.views import CostView
from batchlab.core.model import price_per_hour
from batchlab.core.state.books import BillRecord
from batchlab.core.state.records import NodeRecord, PoolRecord
from batchlab.core.state.settings import may_have_price

if TYPE_CHECKING:
    from batchlab.core.state.state import State


def close(state: State, pool: PoolRecord) -> None:
    """Add the bill of a pool that is being removed to the account's."""
    for dedicated, bill in pool.bills.items():
        total = state.bills.setdefault((pool.spec.vm_size, dedicated), BillRecord())
        _add(total, bill)


def _add(total: BillRecord, bill: BillRecord) -> None:
    total.machines += bill.machines
    for doing, seconds in bill.seconds.items():
        total.seconds[doing] += seconds


def pool_bills(pool: PoolRecord, now: float) -> dict[tuple[str, bool], BillRecord]:
    """The bills of a pool's nodes until now, by VM size and kind."""
    size = pool.spec.vm_size
    found: dict[tuple[str, bool], BillRecord] = {}
    for dedicated, bill in pool.bills.items():
        _add(found.setdefault((size, dedicated), BillRecord()), bill)
    for node in pool.nodes.values():
        if node.activity:
            found[size, node.dedicated].seconds[node.activity] += now - node.since
    return found


def node_bills(node: NodeRecord, now: float) -> dict[tuple[str, bool], BillRecord]:
    """The bill of one node until now; empty before it has had a machine."""
    if node.bill is None:
        return {}
    bill = BillRecord()
    _add(bill, node.bill)
    if node.activity:
        bill.seconds[node.activity] += now - node.since
    return {(node.pool.spec.vm_size, node.dedicated): bill}


def account_bills(state: State, now: float) -> dict[tuple[str, bool], BillRecord]:
    """The bills of all pools, including deleted ones."""
    found: dict[tuple[str, bool], BillRecord] = {}
    for key, bill in state.bills.items():
        _add(found.setdefault(key, BillRecord()), bill)
    for pool in state.pools.values():
        for key, bill in pool_bills(pool, now).items():
            _add(found.setdefault(key, BillRecord()), bill)
    return found


def views(state: State, pool_id: str, node_id: str, now: float) -> list[CostView]:
    """Costs of a node; without `node_id` of its pool; without `pool_id` of all pools."""
    if node_id:
        bills = node_bills(state.node(pool_id, node_id), now)
    elif pool_id:
        bills = pool_bills(state.pool(pool_id), now)
    else:
        bills = account_bills(state, now)
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
            price_per_hour=price_per_hour(size, dedicated=dedicated)
            if may_have_price(state.settings, size)
            else None,
        )
        for (size, dedicated), bill in bills.items()
    ]
