"""Pools: creation, deletion, and requests about their size.

When a pool is deleted, its nodes are removed with ``requeue``. Its jobs are kept and wait for
another pool with that id. How a pool reaches its target size is described in `resizing`.
"""

from __future__ import annotations

import zlib
from collections import OrderedDict
from typing import TYPE_CHECKING

from batchlab.core.account import references
from batchlab.core.messages import inputs
from batchlab.core.model import PoolSpec, check_size
from batchlab.core.model.ids import fold
from batchlab.core.model.pools import EVALUATION_INTERVAL
from batchlab.core.nodes import nodes
from batchlab.core.placement import queues
from batchlab.core.pools import autoscaling, resizing
from batchlab.core.state import phases
from batchlab.core.state.records import PoolRecord
from batchlab.errors import Conflict, InvalidRequest, NotFound, invalid

if TYPE_CHECKING:
    from batchlab.autoscale import Formula
    from batchlab.core.state.state import State


# -- requests -----------------------------------------------------------------------------------


def create_pool(state: State, request: inputs.CreatePool) -> None:
    """Add a pool and request its nodes."""
    spec = request.spec
    if not spec.id:
        raise InvalidRequest(
            "MissingRequiredProperty",
            "PoolSpec.id is required: pass id=...",
            {"PropertyName": "id"},
        )
    check(state, spec)
    known = state.pools.get(fold(spec.id))
    if known:
        if isinstance(known.phase, phases.PoolDeleting):
            raise Conflict(
                "PoolBeingDeleted",
                f"pool {known.spec.id!r} is being deleted: choose another id, or wait until it is "
                "gone",
            )
        raise Conflict(
            "PoolExists",
            f"there is already a pool {known.spec.id!r}: choose another id, or use that pool with "
            f"lab.pools[{known.spec.id!r}]",
        )
    if quota_reached(state):
        raise Conflict(
            "PoolQuotaReached",
            f"the quota of {state.settings.quotas.pool_quota} pools is used up: delete one first",
        )
    references.check(state, spec.application_package_references, spec.certificate_references)
    add(state, spec, autoscaling.read_formula(spec))


def check(state: State, spec: PoolSpec) -> None:
    """Refuse what no pool can have, whether it is created now or later for a job."""
    if state.settings.rules >= 3:
        check_size(spec.vm_size)


def quota_reached(state: State) -> bool:
    """Whether the account has as many pools as its quota allows."""
    quota = state.settings.quotas.pool_quota
    return quota is not None and len(state.pools) >= quota


def add(state: State, spec: PoolSpec, formula: Formula | None) -> None:
    """Add a valid pool and request its nodes."""
    key = fold(spec.id)
    pool = PoolRecord(
        key=key,
        spec=spec,
        number=zlib.crc32(f"{key} {state.next_number()}".encode()),
        created=state.now,
        phase=phases.PoolActive(state.now),
        allocation=phases.Steady(state.now),
        target=spec.target_dedicated_nodes,
        target_spot=spec.target_low_priority_nodes,
        buckets=[OrderedDict() for _ in range(spec.task_slots_per_node + 1)],
    )
    state.pools[key] = pool
    state.tell_pool(pool, "active")
    for job in state.jobs_on.get(key, {}).values():
        queues.offer(state, job)
    resizing.resize(state, pool, pool.target, pool.target_spot, spec.resize_timeout, "requeue")
    if formula is not None:
        interval = spec.auto_scale_evaluation_interval or EVALUATION_INTERVAL
        autoscaling.begin(state, pool, formula, interval)


def resize_pool(state: State, request: inputs.ResizePool) -> None:
    """Change the target numbers of nodes; a target that is not given stays as it is."""
    dedicated, spot = request.target_dedicated_nodes, request.target_low_priority_nodes
    if dedicated is None and spot is None:
        raise InvalidRequest(
            "MissingRequiredProperty",
            "resize requires target_dedicated_nodes, target_low_priority_nodes, or both",
            {"PropertyName": "target_dedicated_nodes and/or target_low_priority_nodes"},
        )
    pool = state.pool(request.pool_id)
    dedicated = pool.target if dedicated is None else dedicated
    spot = pool.target_spot if spot is None else spot
    timeout = request.resize_timeout or pool.spec.resize_timeout
    resizing.refuse_resizing(pool)
    if pool.auto_scale is not None:
        raise Conflict(
            "OperationInvalidForCurrentState",
            f"autoscale of pool {pool.spec.id!r} is enabled: disable it before a resize",
        )
    resizing.resize(state, pool, dedicated, spot, timeout, request.node_deallocation_option)


def stop_resize(state: State, request: inputs.StopPoolResize) -> None:
    """Keep the current nodes. No effect if the pool is steady."""
    pool = state.pool(request.pool_id)
    resizing.refuse_deleting(pool)
    if isinstance(pool.allocation, phases.Resizing):
        resizing.stop(state, pool, "stop requested")


def delete_pool(state: State, request: inputs.DeletePool) -> None:
    """Remove all nodes, then the pool."""
    pool = state.pool(request.pool_id)
    resizing.refuse_deleting(pool)
    delete(state, pool)


def delete(state: State, pool: PoolRecord) -> None:
    """Remove all nodes of a pool, then the pool."""
    state.move(pool, phases.PoolDeleting(state.now))
    for node in pool.leaving.values():
        if node.drain:
            nodes.drain(state, node, "leave", "requeue")
    resizing.resize(state, pool, 0, 0, None, "requeue")


def remove_nodes(state: State, request: inputs.RemoveNodes) -> None:
    """Remove these nodes, and lower the target accordingly."""
    ids = list(dict.fromkeys(fold(node_id) for node_id in request.node_ids))
    if not 1 <= len(ids) <= 100:
        raise invalid("node_ids", f"{len(ids)} ids", "must have 1 to 100 node ids")
    pool = state.pool(request.pool_id)
    for node_id in ids:
        if node_id not in pool.nodes:
            raise NotFound(
                "NodeNotFound", f"there is no node {node_id!r} in pool {pool.spec.id!r}"
            )
    timeout = request.resize_timeout or pool.spec.resize_timeout
    resizing.refuse_resizing(pool)
    victims = [pool.nodes[node_id] for node_id in ids]
    resizing.remove_nodes(state, pool, victims, timeout, request.node_deallocation_option)
