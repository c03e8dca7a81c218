"""Which nodes take tasks now, and from which jobs.

A node takes tasks while its scheduling is enabled, it is idle or running, and it is not being
drained. A node where a job's preparation failed after all retries takes no tasks of that job until
it is reimaged, but it still serves other jobs. Slots cleared by preemption, and free nodes held
for a multi-instance task, are reserved for that job and for jobs that go before it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from batchlab.core.state.records import JobRecord, NodeRecord, PoolRecord, TaskRecord
from batchlab.core.state.states import NODE

if TYPE_CHECKING:
    from batchlab.core.state.state import State

_TAKING = NODE.group("taking")


def sort_node(state: State, node: NodeRecord) -> None:
    """Put a node into the bucket of its free slots, or into none while it takes no tasks.

    A node where runs wait for a slot fills its slots by itself: it is in the bucket of full ones.
    """
    pool = node.pool
    takes = node.drain is None and node.scheduling == "enabled" and node.phase.state in _TAKING
    bucket = (0 if node.ahead.queue else node.free) if takes else -1
    if bucket == node.bucket:
        return
    if node.bucket >= 0:
        del pool.buckets[node.bucket][node.id]
    if bucket >= 0:
        pool.buckets[bucket][node.id] = node
        if bucket > node.bucket:
            state.touch_pool(pool)
    elif pool.gatherer is not None:
        state.touch_pool(pool)  # there may no longer be enough nodes
    node.bucket = bucket


def accepts(job: JobRecord, node: NodeRecord) -> bool:
    """Whether the job's preparation allows the node to take tasks of the job."""
    return node.id not in job.refused_by


def open_to(job: JobRecord, node: NodeRecord) -> bool:
    """Whether a job may use the slots of a node: slots being cleared are held for another job.

    Free nodes may also be held for a multi-instance task that can use them.
    """
    pool = node.pool
    holder, gatherer = pool.held.get(node.id), pool.gatherer
    if holder is not None and not _goes_before(job, holder):
        return False
    return gatherer is None or _goes_before(job, gatherer.job) or not accepts(gatherer.job, node)


def _goes_before(job: JobRecord, holder: JobRecord) -> bool:
    return job is holder or job.spec.priority > holder.spec.priority


def manager_slots(pool: PoolRecord, manager: TaskRecord) -> int:
    """The number of slots of a job manager: all slots of a node if it runs exclusively."""
    spec, slots = manager.job.spec.job_manager_task, manager.spec.required_slots
    exclusive = spec is not None and spec.run_exclusive
    return max(slots, pool.spec.task_slots_per_node) if exclusive else slots


def manager_may_use(job: JobRecord, node: NodeRecord) -> bool:
    """Whether the job manager may run on a node of this kind."""
    spec = job.spec.job_manager_task
    return node.dedicated or spec is None or spec.allow_low_priority_node
