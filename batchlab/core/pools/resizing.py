"""The size of pools: requesting and removing nodes, timeouts and quotas.

A pool has two targets, for dedicated and for spot nodes. It is ``resizing`` while requested nodes
have no machine yet (`creating`) or leaving nodes are still there (`leaving`), otherwise
``steady``, even if it did not reach its target; `resize_errors` then says why. A node that has got
a machine counts, whatever its state: a deallocated one too, for the targets and for the quotas.

Shrinking removes broken nodes first, then deallocated ones and those not yet up, then idle ones,
then those with the least work, and those with a job manager last; among equals, the youngest. When
the time of a resize is over, nodes without a machine are given up and nodes that still drain
return to service (``AllocationTimedOut``). Stopping a resize does the same (``stopping``,
``ResizeStopped``). A formula decides again and again, so after its resizes, draining nodes
continue to drain.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from batchlab.core.account import node_users
from batchlab.core.model import Deallocation, vm_cores
from batchlab.core.model.moments import moment
from batchlab.core.model.values import ResizeError
from batchlab.core.nodes import nodes
from batchlab.core.pools import costs
from batchlab.core.state import activity, phases
from batchlab.core.state.records import NodeRecord, PoolRecord
from batchlab.core.state.states import NODE
from batchlab.errors import Conflict

if TYPE_CHECKING:
    from batchlab.core.state.state import State

MOST = 100
"""The maximum number of nodes of a pool with inter-node communication."""


def refuse_deleting(pool: PoolRecord) -> None:
    """Refuse a request if the pool is being deleted."""
    if isinstance(pool.phase, phases.PoolDeleting):
        raise Conflict("PoolBeingDeleted", f"pool {pool.spec.id!r} is being deleted")


def refuse_resizing(pool: PoolRecord) -> None:
    """Refuse a request if the pool is not steady."""
    refuse_deleting(pool)
    if not isinstance(pool.allocation, phases.Steady):
        raise Conflict(
            "PoolBeingResized",
            f"pool {pool.spec.id!r} is {pool.allocation.state}: wait until it is steady, or stop "
            "the resize first",
        )


def resize(
    state: State, pool: PoolRecord, dedicated: int, spot: int, timeout: timedelta | None,
    option: Deallocation,
) -> None:  # fmt: skip
    """Set both targets and start to approach them."""
    pool.target, pool.target_spot = dedicated, spot
    _begin(state, pool, timeout, option)
    _approach(state, pool, dedicated, option, dedicated=True)
    _approach(state, pool, spot, option, dedicated=False)
    settle(state, pool)


def remove_nodes(
    state: State, pool: PoolRecord, victims: list[NodeRecord], timeout: timedelta | None,
    option: Deallocation,
) -> None:  # fmt: skip
    """Remove these nodes, and lower the targets accordingly."""
    _begin(state, pool, timeout, option)
    gone = sum(node.dedicated for node in victims)
    pool.target = max(0, pool.target - gone)
    pool.target_spot = max(0, pool.target_spot - (len(victims) - gone))
    _let_go(state, pool, victims, option)
    settle(state, pool)


def _approach(
    state: State, pool: PoolRecord, target: int, option: Deallocation, *, dedicated: bool
) -> None:
    """Request missing nodes of one kind, or remove surplus ones."""
    staying = [
        node
        for node in pool.nodes.values()
        if node.dedicated == dedicated and node.id not in pool.leaving
    ]
    if target > len(staying):
        _ask(state, pool, target - len(staying), dedicated=dedicated)
    elif target < len(staying):
        victims = sorted(enumerate(staying), key=_least_missed)[: len(staying) - target]
        _let_go(state, pool, [node for _, node in victims], option)


def _begin(
    state: State, pool: PoolRecord, timeout: timedelta | None, option: Deallocation
) -> None:
    pool.resize_number += 1
    pool.resize_errors = []
    state.move(pool, phases.Resizing(state.now, option))
    if timeout is not None:
        number = pool.resize_number
        when = state.now + timeout.total_seconds()
        state.deadlines.at(when, _time_over, state, pool, number)


def _ask(state: State, pool: PoolRecord, count: int, *, dedicated: bool) -> None:
    """Request machines, as many as the core quota allows."""
    cores = vm_cores(pool.spec.vm_size)
    quotas = state.settings.quotas
    quota = quotas.dedicated_core_quota if dedicated else quotas.low_priority_core_quota
    if quota is not None:
        allowed = max(0, quota - state.cores[dedicated]) // cores
        if allowed < count:
            kind = "dedicated" if dedicated else "low-priority"
            message = (
                f"the quota of {quota} {kind} cores allows only {allowed} of {count} new nodes "
                f"with {cores} cores each"
            )
            code = f"Account{'' if dedicated else 'LowPriority'}CoreQuotaReached"
            add_error(pool, ResizeError(code=code, message=message))
            count = allowed
    if pool.spec.enable_inter_node_communication and count > MOST - len(pool.nodes):
        message = f"a pool with inter-node communication may have at most {MOST} nodes"
        code = "CommunicationEnabledPoolReachedMaxVMCount"
        add_error(pool, ResizeError(code=code, message=message))
        count = max(0, MOST - len(pool.nodes))
    stamp = moment(state.now).strftime("%Y%m%dt%H%M%Sz")
    for _ in range(count):
        pool.node_count += 1
        node_id = f"tvm-{pool.number:010d}_{pool.node_count}-{stamp}"
        slots = pool.spec.task_slots_per_node
        phase = phases.NodeCreating(state.now)
        node = NodeRecord(id=node_id, pool=pool, phase=phase, free=slots, dedicated=dedicated)
        pool.nodes[node_id] = state.nodes[node_id] = pool.creating[node_id] = node
        state.cores[dedicated] += cores
        state.tell_node(node, "creating")
        nodes.command_start(state, node)


def _least_missed(entry: tuple[int, NodeRecord]) -> tuple[int, int, int]:
    index, node = entry
    state = node.phase.state
    if any(run.task and run.task is run.task.job.manager for run in node.runs.values()):
        rank = 4
    elif NODE[state].activity == "down":
        rank = 0
    elif node.free < node.pool.spec.task_slots_per_node:
        rank = 3
    else:
        rank = 2 if NODE[state].activity == "idle" else 1
    return rank, -node.free, -index


def _let_go(
    state: State, pool: PoolRecord, victims: list[NodeRecord], option: Deallocation
) -> None:
    for node in victims:
        pool.creating.pop(node.id, None)
        pool.leaving[node.id] = node
        if node.phase.state in NODE.group("serving"):
            nodes.drain(state, node, "leave", option)
        else:
            nodes.stop(state, node)


def stop(state: State, pool: PoolRecord, reason: str) -> None:
    """Stop a resize and keep the current nodes."""
    state.move(pool, phases.Stopping(state.now), reason)
    _give_up(state, pool)
    settle(state, pool)


def _time_over(state: State, pool: PoolRecord, number: int) -> None:
    if pool.resize_number != number or not isinstance(pool.allocation, phases.Resizing):
        return
    drained = pool.auto_scale is not None
    if drained and not pool.creating:
        return
    leaving = {} if drained else pool.leaving
    late = [
        f"{len(nodes)} node{'s' * (len(nodes) != 1)} {what}"
        for nodes, what in ((pool.creating, "not ready"), (leaving, "not free to leave"))
        if nodes
    ]
    message = f"at the end of the resize timeout: {', '.join(late)}"
    add_error(pool, ResizeError(code="AllocationTimedOut", message=message))
    if drained:
        _give_up_new(state, pool)
    else:
        _give_up(state, pool)
    settle(state, pool)


def _give_up(state: State, pool: PoolRecord) -> None:
    """End a resize early: request no more machines, and return draining nodes to service."""
    _give_up_new(state, pool)
    for node in list(pool.leaving.values()):
        if isinstance(node.phase, phases.NodeLeavingPool) and not node.phase.stopping:
            del pool.leaving[node.id]
            nodes.return_to_service(state, node)


def _give_up_new(state: State, pool: PoolRecord) -> None:
    for node in list(pool.creating.values()):
        del pool.creating[node.id]
        pool.leaving[node.id] = node
        nodes.stop(state, node)


def add_error(pool: PoolRecord, error: ResizeError) -> None:
    """Record why a resize falls short, each reason once."""
    if all(known.code != error.code for known in pool.resize_errors):
        pool.resize_errors.append(error)


def remove(state: State, node: NodeRecord) -> None:
    """Remove the record of a node that has left or never joined."""
    pool = node.pool
    activity.leave(node, state.now)
    node_users.forget_all(state, node)
    del pool.nodes[node.id], state.nodes[node.id]
    state.cores[node.dedicated] -= vm_cores(pool.spec.vm_size)
    pool.creating.pop(node.id, None)
    pool.leaving.pop(node.id, None)
    state.tell_node(node, "deleted")


def settle(state: State, pool: PoolRecord) -> None:
    """End a resize that has nothing left to wait for; remove a deleted pool without nodes."""
    if pool.creating or pool.leaving or isinstance(pool.allocation, phases.Steady):
        return
    if isinstance(pool.phase, phases.PoolDeleting):
        del state.pools[pool.key]
        costs.close(state, pool)
        state.tell_pool(pool, "deleted")
        return
    if isinstance(pool.allocation, phases.Stopping):
        _note_stop(pool)
    state.move(pool, phases.Steady(state.now))


def _note_stop(pool: PoolRecord) -> None:
    """Record that a stopped resize did not reach its target; a stopped shrink may have."""
    dedicated = sum(node.dedicated for node in pool.nodes.values())
    for kind, have, target in (
        ("dedicated", dedicated, pool.target),
        ("low priority", len(pool.nodes) - dedicated, pool.target_spot),
    ):
        if have != target:
            message = (
                f"Desired number of {kind} nodes could not be allocated due to a stop resize "
                "operation"
            )
            add_error(pool, ResizeError(code="ResizeStopped", message=message))
