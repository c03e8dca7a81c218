"""Changes of a pool's properties; nodes apply them when they next start.

Some properties can only change while the pool is empty, because all its nodes have them. Machines
of an earlier size stay on the account's bill, like those of a deleted pool.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Any

import msgspec

from batchlab.core.account import references, users
from batchlab.core.messages import inputs
from batchlab.core.model import PoolSpec, StartTask
from batchlab.core.placement import queues
from batchlab.core.pools import costs, pools
from batchlab.core.pools.resizing import refuse_deleting
from batchlab.core.state import phases
from batchlab.core.state.records import PoolRecord
from batchlab.errors import Conflict

if TYPE_CHECKING:
    from batchlab.core.state.state import State

_OF_EMPTY = (
    "vm_size", "task_slots_per_node", "task_scheduling_policy", "enable_inter_node_communication",
    "user_accounts",
)  # fmt: skip
"""Properties that can only change while a pool is empty."""


def update_pool(state: State, request: inputs.UpdatePool) -> None:
    """Change the given properties; nodes apply them when they next start."""
    pool = state.pool(request.pool_id)
    refuse_deleting(pool)
    given = msgspec.structs.asdict(request)
    _change(state, pool, {name: value for name, value in given.items() if value is not None})


def replace_properties(state: State, request: inputs.ReplacePoolProperties) -> None:
    """Replace all properties that can change; those that are not given are removed."""
    pool = state.pool(request.pool_id)
    refuse_deleting(pool)
    _change(state, pool, msgspec.structs.asdict(request))


def _change(state: State, pool: PoolRecord, given: dict[str, Any]) -> None:
    del given["pool_id"]
    packages = given.get("application_package_references")
    references.check(state, packages, given.get("certificate_references"))
    spec = msgspec.structs.replace(pool.spec, **given)
    start_task: StartTask | None = given.get("start_task")
    if start_task and start_task.user_identity:
        users.check_known(state, start_task.user_identity, spec.user_accounts)
    fixed = [name for name in _OF_EMPTY if getattr(spec, name) != getattr(pool.spec, name)]
    if fixed:
        _refuse_unless_empty(pool, fixed[0])
        pools.check(state, spec)
        _rebuild(state, pool, spec)
    pool.spec = spec


def _refuse_unless_empty(pool: PoolRecord, name: str) -> None:
    if pool.nodes or not isinstance(pool.allocation, phases.Steady):
        raise Conflict(
            "OperationInvalidForCurrentState",
            f"pool {pool.spec.id!r} has nodes or is being resized: {name} can only change while "
            "it is empty, so resize it to 0 nodes first",
        )


def _rebuild(state: State, pool: PoolRecord, spec: PoolSpec) -> None:
    """Give an empty pool a specification for other nodes."""
    if spec.vm_size != pool.spec.vm_size:
        costs.close(state, pool)
        pool.bills.clear()
    pool.spec = spec
    pool.buckets = [OrderedDict() for _ in range(spec.task_slots_per_node + 1)]
    queues.reorder(state, pool)
    state.tell_pool(pool, pool.phase.state)
