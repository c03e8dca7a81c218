"""The queues of jobs: active tasks by the number of slots they need, oldest first.

Multi-instance tasks are queued under minus the number of nodes they need. A job takes part in the
placement of its pool while it is active and has queued tasks. An entry only counts while its task
is in the same phase in which it was queued, so entries never have to be searched for and removed.
Collections that are consumed from the front are `OrderedDict`: a plain dict would step over all
entries deleted before.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterable, Iterator, MutableMapping
from typing import TYPE_CHECKING

from sortedcontainers import SortedDict

from batchlab.core.model.ids import fold
from batchlab.core.placement import recall
from batchlab.core.state import phases
from batchlab.core.state.records import JobRecord, PoolRecord, TaskRecord

if TYPE_CHECKING:
    from batchlab.core.state.state import State

SLACK = 64
"""How many entries of tasks that have ended may stay in a queue in any case."""


def enqueue(state: State, task: TaskRecord, *, first: bool = False) -> None:
    """Put an active task into its job's queue: at the end, or at the front if interrupted."""
    assert isinstance(task.phase, phases.TaskActive)
    job, slots = task.job, size(task)
    if slots < 0 and task.spec.required_slots != 1:
        return  # it can run nowhere, and must not block tasks that can
    number = state.next_number()
    queue = job.queue.get(slots)
    if queue is None:
        queue = job.queue[slots] = deque()
    if first:
        queue.appendleft((-number, task, task.phase))
    else:
        queue.append((number, task, task.phase))
    offer(state, job, at_once=first or slots != 1 or task is job.manager)


def restore(state: State, task: TaskRecord, place: int) -> None:
    """Put an active task back where it was in its job's queue."""
    assert isinstance(task.phase, phases.TaskActive)
    queue = task.job.queue.setdefault(size(task), deque())
    before = 0
    while before < len(queue) and queue[before][0] < place:
        before += 1
    queue.insert(before, (place, task, task.phase))
    offer(state, task.job, again=True)


def forget(task: TaskRecord) -> None:
    """A task has ended in the queue of its job: do not keep too many entries without meaning."""
    job = task.job
    if sum(map(len, job.queue.values())) > 2 * job.active + SLACK:
        for slots, queue in list(job.queue.items()):
            job.queue[slots] = deque(each for each in queue if each[1].phase is each[2])


def size(task: TaskRecord) -> int:
    """The queue of a task: its number of slots, or minus the number of nodes it needs at once."""
    return task.spec.required_slots if task.instances is None else -task.instances.count


def offer(state: State, job: JobRecord, *, at_once: bool = False, again: bool = False) -> None:
    """Let an active job with queued tasks take part in the placement of its pool.

    What waits on nodes and comes after it is recalled; `at_once` also what takes turns with it or
    is of the same job. A job that is offered `again` had its turn before.
    """
    pool = state.pools.get(fold(job.pool_id))
    if pool and job.queue and isinstance(job.phase, phases.JobActive):
        ready = _ready(pool, job.spec.priority)
        new = job.number not in ready
        if new:
            ready[job.number] = job
        state.touch_pool(pool)
        if pool.ahead.ranks:
            equal = at_once or (new and not again)
            recall.make_way(state, pool, job, equal=equal, own=at_once)


def reorder(state: State, pool: PoolRecord) -> None:
    """Put all jobs of a pool into the order of its new policy."""
    waiting = [job for ready in pool.ready.values() for job in ready.values()]
    pool.ready.clear()
    for job in waiting:
        offer(state, job)


def _ready(pool: PoolRecord, priority: int) -> MutableMapping[int, JobRecord]:
    if priority not in pool.ready:
        pool.ready[priority] = SortedDict() if _by_age(pool) else OrderedDict()
    return pool.ready[priority]


def _by_age(pool: PoolRecord) -> bool:
    return pool.spec.task_scheduling_policy.job_default_order == "creationtime"


def next_turn(pool: PoolRecord, ready: MutableMapping[int, JobRecord], job: JobRecord) -> None:
    """A task of a job was placed: among jobs that take turns, it is now the last."""
    if not _by_age(pool):
        ready.move_to_end(job.number)  # type: ignore[attr-defined]


def withdraw(state: State, job: JobRecord) -> None:
    """Take a job out of the placement: it is not active, or changes its priority or pool."""
    pool = state.pools.get(fold(job.pool_id))
    if pool:
        drop_out(pool, job)
        if pool.gatherer is not None:
            state.touch_pool(pool)


def drop_out(pool: PoolRecord, job: JobRecord) -> None:
    """Remove a job from the jobs that take turns on a pool."""
    ready = pool.ready.get(job.spec.priority)
    if ready is not None:
        ready.pop(job.number, None)
        if not ready:
            del pool.ready[job.spec.priority]


def by_priority(pool: PoolRecord) -> Iterable[MutableMapping[int, JobRecord]]:
    """The jobs with queued tasks, highest priority first; those passed already may drop out."""
    if len(pool.ready) == 1:  # as usual
        return tuple(dict.values(pool.ready))  # type: ignore[arg-type]
    return _several(pool)


def _several(pool: PoolRecord) -> Iterator[MutableMapping[int, JobRecord]]:
    for priority in tuple(pool.ready)[::-1]:
        ready = pool.ready.get(priority)
        if ready:
            yield ready


def may_run_more(job: JobRecord) -> bool:
    """Whether a job may run another task."""
    most = job.spec.max_parallel_tasks
    return most == -1 or job.running < most


def oldest_first(job: JobRecord) -> list[int]:
    """The sizes with queued tasks, starting with that of the oldest task."""
    if len(job.queue) == 1:  # as usual
        [(slots, queue)] = job.queue.items()
        if queue and queue[0][1].phase is queue[0][2]:
            return [slots]
    heads = []
    for slots, queue in list(job.queue.items()):
        while queue and queue[0][1].phase is not queue[0][2]:
            queue.popleft()  # ended or queued again since
        if queue:
            heads.append((queue[0][0], slots))
        else:
            del job.queue[slots]
    return [slots for _, slots in sorted(heads)] if len(heads) > 1 else [s for _, s in heads]
