"""Nodes for multi-instance tasks: all that they need at the same moment, or none.

On a pool with many small tasks there might never be enough free nodes. So when its turn comes, a
multi-instance task may hold free nodes for `GATHER_S`, if enough nodes of the pool take tasks.
Tasks that do not go before it cannot use them. After that it lets others pass until enough nodes
are free at once.
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
    """Whether a multi-instance task could run on a pool that has enough nodes."""
    spec = pool.spec
    single = spec.task_slots_per_node == task.spec.required_slots == 1
    return spec.enable_inter_node_communication and single


def pick(state: State, pool: PoolRecord, task: TaskRecord) -> NodeRecord | None:
    """The primary's node, if there is a node for every subtask; may hold free nodes otherwise."""
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
    """The free nodes for a task, no more than it needs, starting with its affinity."""
    job, hint = task.job, task.spec.affinity_info
    free = (node for node in pool.buckets[1].values() if accepts(job, node) and open_to(job, node))
    if hint is None:
        return list(islice(free, group.count))
    near = hint.node_id
    return sorted(free, key=lambda node: node.id != near)[: group.count]


def may_gather(state: State, pool: PoolRecord, task: TaskRecord, group: InstancesRecord) -> bool:
    """Whether free nodes may be held for a task now; the time starts at the first call."""
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
