"""Placement: which task runs next, and where.

Only jobs of the same pool compete. Whenever a slot becomes free, the job with the highest priority
goes first. Jobs of equal priority take turns or, with ``job_default_order`` ``creationtime``, the
oldest goes first. Within a job the task queued longest goes first, but a task that needs more
slots than are free lets smaller ones pass. A job that cannot run anywhere now, or that has reached
its maximum of parallel tasks, does not hold up the others. A job manager goes before the other
tasks of its job, which wait until it has a node (for itself, if it runs exclusively).

Running tasks are not interrupted, unless their job has ``allow_task_preemption``: then those with
the lowest priority are requeued in favour of queued tasks with a higher one (see `preemption`).

Of the nodes with room that take the job's tasks (see `availability`), ``spread`` picks the one
with the most free slots and ``pack`` the one with the fewest. The node that a task has an affinity
to takes precedence.

Nodes are kept in buckets by free slots, and tasks in queues by required slots, so the cost of
placing a task does not depend on their number. This module only decides; its caller acts.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from batchlab.core.placement import gathering
from batchlab.core.placement.availability import accepts, manager_slots, open_to
from batchlab.core.placement.queues import (
    by_priority,
    drop_out,
    may_run_more,
    next_turn,
    oldest_first,
)
from batchlab.core.placement.recall import outranked
from batchlab.core.state import phases
from batchlab.core.state.records import JobRecord, NodeRecord, PoolRecord, TaskRecord

if TYPE_CHECKING:
    from batchlab.core.state.state import State


def pairs(state: State, pool: PoolRecord) -> Iterator[tuple[TaskRecord, NodeRecord]]:
    """Take each next task off its queue, with its node, until no task fits anywhere.

    The caller must carry out a pair before it asks for the next one.
    """
    while pool.ready and any(pool.buckets[1:]):
        found = _pick(state, pool)
        if found is None:
            return
        yield found


def let_go_of_cleared(pool: PoolRecord) -> bool:
    """Release nodes that are held although nothing is being cleared; True if there were any."""
    over = [node_id for node_id in pool.held if not _being_cleared(pool, node_id)]
    for node_id in over:
        del pool.held[node_id]
    return bool(over)


def _being_cleared(pool: PoolRecord, node_id: str) -> bool:
    node = pool.nodes.get(node_id)
    return node is not None and any(run.ending for run in node.runs.values())


def _pick(state: State, pool: PoolRecord) -> tuple[TaskRecord, NodeRecord] | None:
    for ready in by_priority(pool):
        found, idle = None, []
        for job in ready.values():
            found = _pick_from(state, pool, job)
            if found is not None:
                break
            if not job.queue:
                idle.append(job)
        if found is not None and len(ready) > 1:
            next_turn(pool, ready, job)
        for job in idle:
            drop_out(pool, job)
        if found is not None:
            return found
    return None


def _pick_from(
    state: State, pool: PoolRecord, job: JobRecord
) -> tuple[TaskRecord, NodeRecord] | None:
    if not may_run_more(job) or outranked(pool, job):
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
                return None  # tasks that this job queued later wait as well
            continue
        node = room(pool, job, slots)
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


def room(pool: PoolRecord, job: JobRecord, slots: int) -> NodeRecord | None:
    """The node for the oldest task of this size of a job, if there is room for it now."""
    return _near(pool, job, slots) or _room(pool, job, slots)


def could_run(pool: PoolRecord, job: JobRecord) -> bool:
    """Whether a task of a job that needs one node could be placed now."""
    manager = job.manager
    if not may_run_more(job) or (manager and isinstance(manager.phase, phases.TaskActive)):
        return False
    if outranked(pool, job):
        return False
    for slots in oldest_first(job):
        if slots < 0 and pool.gatherer is job.queue[slots][0][1]:
            return False  # tasks that this job queued later wait as well
        if slots > 0 and room(pool, job, slots):
            return True
    return False


def _near(pool: PoolRecord, job: JobRecord, slots: int) -> NodeRecord | None:
    """The node that the oldest task has an affinity to, if there is room."""
    hint = job.queue[slots][0][1].spec.affinity_info
    node = pool.nodes.get(hint.node_id) if hint else None
    if node is None or node.bucket < slots or not open_to(job, node):
        return None
    return node if accepts(job, node) else None


def _room(
    pool: PoolRecord, job: JobRecord, slots: int, *, spot_too: bool = True
) -> NodeRecord | None:
    buckets = [bucket for bucket in pool.buckets[slots:] if bucket]
    if pool.spec.task_scheduling_policy.node_fill_type != "pack":
        buckets.reverse()
    for bucket in buckets:
        for node in bucket.values():
            if (pool.held or pool.gatherer) and not open_to(job, node):
                continue
            if (not job.refused_by or accepts(job, node)) and (spot_too or node.dedicated):
                return node
    return None
