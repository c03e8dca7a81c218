"""Which task runs where, next.

Jobs compare only with jobs of the same pool. The higher priority goes first whenever a slot
frees; jobs of equal priority take turns; within a job the longest queued goes first, though a task
that needs more slots than are free lets smaller ones pass, and a job that cannot run anywhere now
does not hold up the others. Running tasks are never interrupted.

A node takes tasks while its scheduling is enabled, it is idle or running, and nothing is draining
it; of those with room, ``spread`` picks the one with most free slots and ``pack`` the one with
fewest. A node where the job's preparation failed for good takes no task of that job until it is
reimaged; it goes on serving others.

Nodes are held in buckets by free slots, tasks in queues by needed slots, so that placing one task
costs the same however many there are. What is taken from the front again and again is an
`OrderedDict`: a plain dict looks at all the places that were emptied before.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from typing import TYPE_CHECKING

from batchlab.core import hooks, phases, tasks
from batchlab.core.records import JobRecord, NodeRecord, PoolRecord, TaskRecord

if TYPE_CHECKING:
    from batchlab.core.machine import Core


def enqueue(core: Core, task: TaskRecord, *, first: bool = False) -> None:
    """Put an active task into its job's queue: at the end, or, interrupted, at the front."""
    assert isinstance(task.phase, phases.TaskActive)
    job, slots = task.job, task.spec.required_slots
    number = core.next_number()
    queue = job.queue.get(slots)
    if queue is None:
        queue = job.queue[slots] = deque()
    if first:
        queue.appendleft((-number, task, task.phase))
    else:
        queue.append((number, task, task.phase))
    offer(core, job)


def offer(core: Core, job: JobRecord) -> None:
    """Let an active job with queued tasks take part in the placement of its pool."""
    pool = core.pools.get(job.spec.pool_info.pool_id.lower())
    if pool and job.queue and isinstance(job.phase, phases.JobActive):
        _ready(pool, job.spec.priority).setdefault(job.key, job)
        core.touch_pool(pool)


def _ready(pool: PoolRecord, priority: int) -> OrderedDict[str, JobRecord]:
    ready = pool.ready.get(priority)
    if ready is None:
        ready = pool.ready[priority] = OrderedDict()
    return ready


def withdraw(core: Core, job: JobRecord) -> None:
    """Take a job out of the placement: not active, of another priority, or on another pool."""
    pool = core.pools.get(job.spec.pool_info.pool_id.lower())
    if pool:
        _withdraw(pool, job)


def _withdraw(pool: PoolRecord, job: JobRecord) -> None:
    ready = pool.ready.get(job.spec.priority)
    if ready is not None:
        ready.pop(job.key, None)
        if not ready:
            del pool.ready[job.spec.priority]


def sort_node(core: Core, node: NodeRecord) -> None:
    """Put a node into the bucket of its free slots, or into none while it takes no task."""
    pool = node.pool
    takes = (
        node.drain is None
        and node.scheduling == "enabled"
        and isinstance(node.phase, (phases.NodeIdle, phases.NodeRunning))
    )
    bucket = node.free if takes else -1
    if bucket == node.bucket:
        return
    if node.bucket >= 0:
        del pool.buckets[node.bucket][node.id]
    if bucket >= 0:
        pool.buckets[bucket][node.id] = node
        if bucket > node.bucket:
            core.touch_pool(pool)
    node.bucket = bucket


def place(core: Core, pool: PoolRecord) -> None:
    """Give free slots to waiting tasks until no waiting task fits anywhere."""
    while pool.ready and any(pool.buckets[1:]):
        found = _pick(pool)
        if found is None:
            return
        tasks.assign(core, *found)


def _pick(pool: PoolRecord) -> tuple[TaskRecord, NodeRecord] | None:
    for priority in sorted(pool.ready, reverse=True):
        ready = pool.ready[priority]
        found, idle = None, []
        for job in ready.values():
            found = _pick_from(pool, job)
            if found is not None:
                break
            if not job.queue:
                idle.append(job)
        if found is not None and len(ready) > 1:
            ready.move_to_end(job.key)  # its turn is over
        for job in idle:
            _withdraw(pool, job)
        if found is not None:
            return found
    return None


def _pick_from(pool: PoolRecord, job: JobRecord) -> tuple[TaskRecord, NodeRecord] | None:
    for slots in _oldest_first(job):
        node = _room(pool, job, slots)
        if node is not None:
            return job.queue[slots].popleft()[1], node
    return None


def _oldest_first(job: JobRecord) -> list[int]:
    """The sizes for which a task is queued, the one with the oldest task first."""
    heads = []
    for slots, queue in list(job.queue.items()):
        while queue and queue[0][1].phase is not queue[0][2]:
            queue.popleft()  # ended, or queued anew elsewhere, since
        if queue:
            heads.append((queue[0][0], slots))
        else:
            del job.queue[slots]
    return [slots for _, slots in sorted(heads)] if len(heads) > 1 else [s for _, s in heads]


def _room(pool: PoolRecord, job: JobRecord, slots: int) -> NodeRecord | None:
    buckets = pool.buckets
    pack = pool.spec.task_scheduling_policy.node_fill_type == "pack"
    most = len(buckets) - 1
    order = range(slots, most + 1) if pack else range(most, slots - 1, -1)
    for free in order:
        for node in buckets[free].values():
            if not job.refused_by or hooks.accepts(job, node):
                return node
    return None
