"""Which nodes take tasks now, and whose.

A node takes tasks while its scheduling is enabled, it is idle or running, and nothing is draining
it. A node where the job's preparation failed for good takes no task of that job until it is
reimaged; it goes on serving others. Slots that were cleared, and free nodes that are held for a
multi-instance task, are for that task's job and for those that go before it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from batchlab.core.state.records import JobRecord, NodeRecord, PoolRecord, TaskRecord
from batchlab.core.state.states import NODE

if TYPE_CHECKING:
    from batchlab.core.state.state import State

_TAKING = NODE.group("taking")


def sort_node(state: State, node: NodeRecord) -> None:
    """Put a node into the bucket of its free slots, or into none while it takes no task."""
    pool = node.pool
    takes = node.drain is None and node.scheduling == "enabled" and node.phase.state in _TAKING
    bucket = node.free if takes else -1
    if bucket == node.bucket:
        return
    if node.bucket >= 0:
        del pool.buckets[node.bucket][node.id]
    if bucket >= 0:
        pool.buckets[bucket][node.id] = node
        if bucket > node.bucket:
            state.touch_pool(pool)
    elif pool.gatherer is not None:
        state.touch_pool(pool)  # there may not be nodes enough any more
    node.bucket = bucket


def accepts(job: JobRecord, node: NodeRecord) -> bool:
    """Whether a node takes tasks of a job, as far as its preparation is concerned."""
    return node.id not in job.refused_by


def open_to(job: JobRecord, node: NodeRecord) -> bool:
    """Whether a job may use the slots of a node: one being cleared is held for who preempts.

    Free nodes may be held for a multi-instance task too, as far as it can use them.
    """
    pool = node.pool
    holder, gatherer = pool.held.get(node.id), pool.gatherer
    if holder is not None and not _goes_before(job, holder):
        return False
    return gatherer is None or _goes_before(job, gatherer.job) or not accepts(gatherer.job, node)


def _goes_before(job: JobRecord, holder: JobRecord) -> bool:
    return job is holder or job.spec.priority > holder.spec.priority


def manager_slots(pool: PoolRecord, manager: TaskRecord) -> int:
    """The slots that a job manager takes: all of a node if it runs exclusively."""
    spec, slots = manager.job.spec.job_manager_task, manager.spec.required_slots
    exclusive = spec is not None and spec.run_exclusive
    return max(slots, pool.spec.task_slots_per_node) if exclusive else slots


def manager_may_use(job: JobRecord, node: NodeRecord) -> bool:
    """Whether the job manager may run on a node of this kind."""
    spec = job.spec.job_manager_task
    return node.dedicated or spec is None or spec.allow_low_priority_node
