"""Which task runs where, next.

Jobs compare only with jobs of the same pool. The higher priority goes first whenever a slot
frees; jobs of equal priority take turns, or, with ``job_default_order`` ``creationtime``, the
older goes first; within a job the longest queued goes first, though a task that needs more slots
than are free lets smaller ones pass, and a job that cannot run anywhere now, or runs as many tasks
as it may, does not hold up the others. A job manager goes before the other tasks of its job, which
wait until it has a node, of its own if it runs exclusively.

Running tasks are not interrupted, unless their job has ``allow_task_preemption``: then those of
the lowest priority are requeued for queued tasks of a higher one (see `preemption`).

Of the nodes with room that take the job's tasks (see `availability`), ``spread`` picks the one
with most free slots and ``pack`` the one with fewest; the node that a task has an affinity to
comes first.

Nodes are held in buckets by free slots, tasks in queues by needed slots, so that placing one task
costs the same however many there are. Here is decided; who asked carries it out.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from batchlab.core.placement import gathering
from batchlab.core.placement.availability import accepts, manager_slots, open_to
from batchlab.core.placement.queues import drop_out, in_order, may_run_more, oldest_first
from batchlab.core.state import phases
from batchlab.core.state.records import JobRecord, NodeRecord, PoolRecord, TaskRecord

if TYPE_CHECKING:
    from batchlab.core.state.state import State


def pairs(state: State, pool: PoolRecord) -> Iterator[tuple[TaskRecord, NodeRecord]]:
    """Each task that is next, off its queue, with its node, until no task fits anywhere.

    A pair is to be carried out before the next is asked for.
    """
    while pool.ready and any(pool.buckets[1:]):
        found = _pick(state, pool)
        if found is None:
            return
        yield found


def let_go_of_cleared(pool: PoolRecord) -> bool:
    """Hold no node any more on which nothing makes room; whether there was one."""
    over = [node_id for node_id in pool.held if not _being_cleared(pool, node_id)]
    for node_id in over:
        del pool.held[node_id]
    return bool(over)


def _being_cleared(pool: PoolRecord, node_id: str) -> bool:
    node = pool.nodes.get(node_id)
    return node is not None and any(run.ending for run in node.runs.values())


def _pick(state: State, pool: PoolRecord) -> tuple[TaskRecord, NodeRecord] | None:
    for priority in sorted(pool.ready, reverse=True):
        ready = pool.ready[priority]
        found, idle = None, []
        for job in in_order(pool, ready):
            found = _pick_from(state, pool, job)
            if found is not None:
                break
            if not job.queue:
                idle.append(job)
        if found is not None and len(ready) > 1:
            ready.move_to_end(job.key)  # its turn is over
        for job in idle:
            drop_out(pool, job)
        if found is not None:
            return found
    return None


def _pick_from(
    state: State, pool: PoolRecord, job: JobRecord
) -> tuple[TaskRecord, NodeRecord] | None:
    if not may_run_more(job):
        return None
    manager = job.manager
    if manager is not None and isinstance(manager.phase, phases.TaskActive):
        node = _room_for_manager(pool, manager)
        return (manager, node) if node else None  # the job's other tasks wait for it
    for slots in oldest_first(job):
        if slots < 0:
            task = job.queue[slots][0][1]
            node = gathering.pick(state, pool, task)
            if node is not None:
                return job.queue[slots].popleft()[1], node
            if pool.gatherer is task:
                return None  # what this job queued later waits with the others
            continue
        node = _near(pool, job, slots) or _room(pool, job, slots)
        if node is not None:
            return job.queue[slots].popleft()[1], node
    return None


def _room_for_manager(pool: PoolRecord, manager: TaskRecord) -> NodeRecord | None:
    spec = manager.job.spec.job_manager_task
    slots = manager_slots(pool, manager)
    if slots > pool.spec.task_slots_per_node:
        return None
    manager.slots = slots
    spot_too = spec is None or spec.allow_low_priority_node
    return _room(pool, manager.job, slots, spot_too=spot_too)


def _near(pool: PoolRecord, job: JobRecord, slots: int) -> NodeRecord | None:
    """The node that the oldest task has an affinity to, if it has room."""
    hint = job.queue[slots][0][1].spec.affinity_info
    node = pool.nodes.get(hint.node_id) if hint else None
    if node is None or node.bucket < slots or not open_to(job, node):
        return None
    return node if accepts(job, node) else None


def _room(
    pool: PoolRecord, job: JobRecord, slots: int, *, spot_too: bool = True
) -> NodeRecord | None:
    buckets = pool.buckets
    pack = pool.spec.task_scheduling_policy.node_fill_type == "pack"
    most = len(buckets) - 1
    order = range(slots, most + 1) if pack else range(most, slots - 1, -1)
    for free in order:
        for node in buckets[free].values():
            if (pool.held or pool.gatherer) and not open_to(job, node):
                continue
            if (not job.refused_by or accepts(job, node)) and (spot_too or node.dedicated):
                return node
    return None
