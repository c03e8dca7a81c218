"""The queues of jobs: active tasks by the slots they need, oldest first.

Multi-instance tasks are queued by minus the nodes that they need. A job takes part in the
placement of its pool while it is active and has queued tasks. An entry of its queue counts only
while its task is still in the very phase it was queued with, so that none has to be looked for and
taken out. What is taken from the front again and again is an `OrderedDict`: a plain dict looks at
all the places that were emptied before.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterable
from typing import TYPE_CHECKING

from batchlab.core.model.ids import fold
from batchlab.core.state import phases
from batchlab.core.state.records import JobRecord, PoolRecord, TaskRecord

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
        drop_out(pool, job)
        if pool.gatherer is not None:
            state.touch_pool(pool)


def drop_out(pool: PoolRecord, job: JobRecord) -> None:
    """Take a job out of the turns of a pool."""
    ready = pool.ready.get(job.spec.priority)
    if ready is not None:
        ready.pop(job.key, None)
        if not ready:
            del pool.ready[job.spec.priority]


def in_order(pool: PoolRecord, ready: dict[str, JobRecord]) -> Iterable[JobRecord]:
    """Jobs of one priority in the order in which they are served now."""
    if len(ready) > 1 and pool.spec.task_scheduling_policy.job_default_order == "creationtime":
        return sorted(ready.values(), key=lambda job: job.number)
    return ready.values()


def may_run_more(job: JobRecord) -> bool:
    """Whether a job may run one more task."""
    most = job.spec.max_parallel_tasks
    return most == -1 or job.running < most


def oldest_first(job: JobRecord) -> list[int]:
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
