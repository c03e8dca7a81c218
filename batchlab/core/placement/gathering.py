"""Nodes for multi-instance tasks: as many as they need in one moment, or none.

So that a task of many nodes ever finds them free where small tasks come and go, it may hold free
nodes against tasks that do not go before it: for `GATHER_S` from when its turn came, if the pool
has nodes enough that take tasks. After that it lets others pass until enough are free at once.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from batchlab.core.placement.availability import accepts, open_to
from batchlab.core.state.records import InstancesRecord, NodeRecord, PoolRecord, TaskRecord

if TYPE_CHECKING:
    from batchlab.core.state.state import State

GATHER_S = 900.0
"""How long free nodes may be held for a task, in seconds of lab time."""


def fits(pool: PoolRecord, task: TaskRecord) -> bool:
    """Whether a multi-instance task can run in a pool at all, were there nodes enough."""
    spec = pool.spec
    single = spec.task_slots_per_node == task.spec.required_slots == 1
    return spec.enable_inter_node_communication and single


def pick(state: State, pool: PoolRecord, task: TaskRecord) -> NodeRecord | None:
    """The node of the primary, if there is a node for every subtask; else maybe hold the free."""
    group = task.instances
    if group is None or not fits(pool, task):
        return None
    nodes = room(pool, task, group)
    if len(nodes) == group.count:
        return nodes[0]
    if pool.gatherer is None and may_gather(state, pool, task, group):
        pool.gatherer = task
    return None


def room(pool: PoolRecord, task: TaskRecord, group: InstancesRecord) -> list[NodeRecord]:
    """Free nodes that a task may have, no more than it needs, first the one it would like."""
    job, hint = task.job, task.spec.affinity_info
    free = (node for node in pool.buckets[1].values() if accepts(job, node) and open_to(job, node))
    if hint is None:
        return list(islice(free, group.count))
    near = hint.node_id
    return sorted(free, key=lambda node: node.id != near)[: group.count]


def may_gather(state: State, pool: PoolRecord, task: TaskRecord, group: InstancesRecord) -> bool:
    """Whether free nodes may be held for a task now; its time runs from the first time on."""
    usable = sum(node.bucket >= 0 and accepts(task.job, node) for node in pool.nodes.values())
    if usable < group.count:
        return False
    if group.gather_until is None:
        group.gather_until = state.now + GATHER_S
        state.deadlines.at(group.gather_until, _time_over, state, pool)
    return state.now < group.gather_until


def _time_over(state: State, pool: PoolRecord) -> None:
    if state.pools.get(pool.key) is pool:
        state.touch_pool(pool)
