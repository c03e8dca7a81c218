"""Which task runs where, next.

Jobs compare only with jobs of the same pool. The higher priority goes first whenever a slot
frees; jobs of equal priority take turns, or, with ``job_default_order`` ``creationtime``, the
older goes first; within a job the longest queued goes first, though a task that needs more slots
than are free lets smaller ones pass, and a job that cannot run anywhere now, or runs as many tasks
as it may, does not hold up the others. A job manager goes before the other tasks of its job, which
wait until it has a node, of its own if it runs exclusively.

Running tasks are not interrupted, unless their job has ``allow_task_preemption``: then those of
the lowest priority are requeued for queued tasks of a higher one (see `preemption`).

A node takes tasks while its scheduling is enabled, it is idle or running, and nothing is draining
it; of those with room, ``spread`` picks the one with most free slots and ``pack`` the one with
fewest; the node that a task has an affinity to comes first. A node where the job's preparation
failed for good takes no task of that job until it is reimaged; it goes on serving others.

Nodes are held in buckets by free slots, tasks in queues by needed slots, so that placing one task
costs the same however many there are. What is taken from the front again and again is an
`OrderedDict`: a plain dict looks at all the places that were emptied before.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterable
from typing import TYPE_CHECKING

from batchlab.core.jobs import node_tasks
from batchlab.core.model.ids import fold
from batchlab.core.placement import preemption
from batchlab.core.state import phases
from batchlab.core.state.records import JobRecord, NodeRecord, PoolRecord, TaskRecord
from batchlab.core.tasks import multi_instance, tasks

if TYPE_CHECKING:
    from batchlab.core.state.state import State


def enqueue(state: State, task: TaskRecord, *, first: bool = False) -> None:
    """Put an active task into its job's queue: at the end, or, interrupted, at the front."""
    assert isinstance(task.phase, phases.TaskActive)
    job, slots = task.job, size(task)
    if slots < 0 and task.spec.required_slots != 1:
        return  # it can run nowhere, and must not stand before those that can
    number = state.next_number()
    queue = job.queue.get(slots)
    if queue is None:
        queue = job.queue[slots] = deque()
    if first:
        queue.appendleft((-number, task, task.phase))
    else:
        queue.append((number, task, task.phase))
    offer(state, job)


def size(task: TaskRecord) -> int:
    """What a task is queued under: its slots, or minus the nodes that it needs at once."""
    return task.spec.required_slots if task.instances is None else -task.instances.count


def offer(state: State, job: JobRecord) -> None:
    """Let an active job with queued tasks take part in the placement of its pool."""
    pool = state.pools.get(fold(job.pool_id))
    if pool and job.queue and isinstance(job.phase, phases.JobActive):
        _ready(pool, job.spec.priority).setdefault(job.key, job)
        state.touch_pool(pool)


def _ready(pool: PoolRecord, priority: int) -> OrderedDict[str, JobRecord]:
    ready = pool.ready.get(priority)
    if ready is None:
        ready = pool.ready[priority] = OrderedDict()
    return ready


def withdraw(state: State, job: JobRecord) -> None:
    """Take a job out of the placement: not active, of another priority, or on another pool."""
    pool = state.pools.get(fold(job.pool_id))
    if pool:
        _withdraw(pool, job)
        if pool.gatherer is not None:
            state.touch_pool(pool)


def _withdraw(pool: PoolRecord, job: JobRecord) -> None:
    ready = pool.ready.get(job.spec.priority)
    if ready is not None:
        ready.pop(job.key, None)
        if not ready:
            del pool.ready[job.spec.priority]


def sort_node(state: State, node: NodeRecord) -> None:
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
            state.touch_pool(pool)
    elif pool.gatherer is not None:
        state.touch_pool(pool)  # there may not be nodes enough any more
    node.bucket = bucket


def place(state: State, pool: PoolRecord) -> None:
    """Give free slots to waiting tasks until no waiting task fits anywhere."""
    pool.gatherer = None
    _fill(state, pool)
    over = [node_id for node_id in pool.held if not _being_cleared(pool, node_id)]
    if over:
        for node_id in over:
            del pool.held[node_id]
        _fill(state, pool)
    if pool.ready and (state.preemptible or state.restarting):
        preemption.preempt(state, pool)


def _fill(state: State, pool: PoolRecord) -> None:
    while pool.ready and any(pool.buckets[1:]):
        found = _pick(state, pool)
        if found is None:
            break
        tasks.assign(state, *found)


def _being_cleared(pool: PoolRecord, node_id: str) -> bool:
    node = pool.nodes.get(node_id)
    return node is not None and any(run.ending for run in node.runs.values())


def open_to(job: JobRecord, node: NodeRecord) -> bool:
    """Whether a job may use the slots of a node: one being cleared is held for who preempts.

    Free nodes may be held for a multi-instance task too, as far as it can use them.
    """
    pool = node.pool
    holder, gatherer = pool.held.get(node.id), pool.gatherer
    if holder is not None and not _goes_before(job, holder):
        return False
    return (
        gatherer is None
        or _goes_before(job, gatherer.job)
        or not node_tasks.accepts(gatherer.job, node)
    )


def _goes_before(job: JobRecord, holder: JobRecord) -> bool:
    return job is holder or job.spec.priority > holder.spec.priority


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
            _withdraw(pool, job)
        if found is not None:
            return found
    return None


def in_order(pool: PoolRecord, ready: dict[str, JobRecord]) -> Iterable[JobRecord]:
    """Jobs of one priority in the order in which they are served now."""
    if len(ready) > 1 and pool.spec.task_scheduling_policy.job_default_order == "creationtime":
        return sorted(ready.values(), key=lambda job: job.number)
    return ready.values()


def has_room(job: JobRecord) -> bool:
    """Whether a job may run one more task."""
    most = job.spec.max_parallel_tasks
    return most == -1 or job.running < most


def _pick_from(
    state: State, pool: PoolRecord, job: JobRecord
) -> tuple[TaskRecord, NodeRecord] | None:
    if not has_room(job):
        return None
    manager = job.manager
    if manager is not None and isinstance(manager.phase, phases.TaskActive):
        node = _room_for_manager(pool, manager)
        return (manager, node) if node else None  # the job's other tasks wait for it
    for slots in _oldest_first(job):
        if slots < 0:
            task = job.queue[slots][0][1]
            node = multi_instance.pick(state, pool, task)
            if node is not None:
                return job.queue[slots].popleft()[1], node
            if pool.gatherer is task:
                return None  # what this job queued later waits with the others
            continue
        node = _near(pool, job, slots) or _room(pool, job, slots)
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


def _room_for_manager(pool: PoolRecord, manager: TaskRecord) -> NodeRecord | None:
    spec = manager.job.spec.job_manager_task
    slots = manager_slots(pool, manager)
    if slots > pool.spec.task_slots_per_node:
        return None
    manager.slots = slots
    spot_too = spec is None or spec.allow_low_priority_node
    return _room(pool, manager.job, slots, spot_too=spot_too)


def manager_slots(pool: PoolRecord, manager: TaskRecord) -> int:
    """The slots that a job manager takes: all of a node if it runs exclusively."""
    spec, slots = manager.job.spec.job_manager_task, manager.spec.required_slots
    exclusive = spec is not None and spec.run_exclusive
    return max(slots, pool.spec.task_slots_per_node) if exclusive else slots


def manager_may_use(job: JobRecord, node: NodeRecord) -> bool:
    """Whether the job manager may run on a node of this kind."""
    spec = job.spec.job_manager_task
    return node.dedicated or spec is None or spec.allow_low_priority_node


def _near(pool: PoolRecord, job: JobRecord, slots: int) -> NodeRecord | None:
    """The node that the oldest task has an affinity to, if it has room."""
    hint = job.queue[slots][0][1].spec.affinity_info
    node = pool.nodes.get(hint.node_id) if hint else None
    if node is None or node.bucket < slots or not open_to(job, node):
        return None
    return node if node_tasks.accepts(job, node) else None


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
            if (not job.refused_by or node_tasks.accepts(job, node)) and (
                spot_too or node.dedicated
            ):
                return node
    return None
