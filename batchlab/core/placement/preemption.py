"""Preemption: running tasks are requeued in favour of a job with a higher priority.

Only tasks of jobs with ``allow_task_preemption`` are preempted: the lowest priority first, and
then the task that started last, because it loses least. Slots that are already being cleared
count, so no more tasks are interrupted than necessary. A task that needs several slots gets them
on one node. For a multi-instance task all missing nodes are cleared or none, and only while free
nodes may be held for it; as a victim it leaves all its nodes.

Victims are found one at a time. The caller must ask each one to end before it asks for the next.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from itertools import islice
from operator import attrgetter
from typing import TYPE_CHECKING

from batchlab.core.model import JobSpec
from batchlab.core.placement import gathering
from batchlab.core.placement.availability import accepts, manager_may_use, manager_slots
from batchlab.core.placement.queues import by_priority, may_run_more
from batchlab.core.state import phases
from batchlab.core.state.records import (
    InstancesRecord,
    JobRecord,
    NodeRecord,
    PoolRecord,
    RunRecord,
    TaskRecord,
)

if TYPE_CHECKING:
    from batchlab.core.state.state import State


def victims(state: State, pool: PoolRecord) -> Iterator[TaskRecord]:
    """The tasks to preempt for the queued tasks of a pool; their nodes are held."""
    for job in list(state.restarting.values()):
        yield from map(partial(_hold, job), _for_manager(state, pool, job))
    yield from _for_priority(state, pool)


def _for_priority(state: State, pool: PoolRecord) -> Iterator[TaskRecord]:
    coming = sum(_slots(run) for run in pool.clearing.values() if run.node.bucket >= 0)
    for job, size, task in _queued(pool):
        first = next(_running(pool), None)
        if first is None or first.priority >= job.spec.priority:
            return
        slots = size if task.instances is None else _missing(state, pool, task, task.instances)
        if coming >= slots:
            coming -= slots
            continue
        if task.instances is None:
            chosen = _cheapest(_running(pool), job, slots, at_most=job.spec.priority - 1)
            coming -= sum(map(_slots, chosen))
        else:
            chosen = _one_each(list(_running(pool)), job, slots - coming)
            coming -= slots if chosen else 0
        ending = [run for one in chosen for run in _together(one)]
        for run in chosen:
            yield _hold(job, run)
        coming += sum(_slots(run) for run in ending if run.node.bucket >= 0)


def respecify(job: JobRecord, spec: JobSpec) -> None:
    """Change a job; its priority, and whether it may be preempted, count for its runs at once."""
    runs = [run for run in job.runs.values() if run.task]
    if job.spec.allow_task_preemption:
        for run in runs:
            run.node.pool.preemptible.remove(run)
            run.node.pool.clearing.pop(run.id, None)
    job.spec = spec
    if job.spec.allow_task_preemption:
        for run in runs:
            run.node.pool.preemptible.add(run)
            if run.ending:
                run.node.pool.clearing[run.id] = run


def _running(pool: PoolRecord) -> Iterator[RunRecord]:
    """The runs that can be preempted, in this order."""
    return (run for run in pool.preemptible if not run.ending and run.node.bucket >= 0)


def _together(run: RunRecord) -> list[RunRecord]:
    """The runs that end together: those of one task."""
    group = run.task.instances if run.task else None
    return group.live if group is not None else [run]


def _for_manager(state: State, pool: PoolRecord, job: JobRecord) -> list[RunRecord]:
    """The runs to preempt for a job manager that has to start again.

    It may replace any task, except tasks of a job with a higher priority.
    """
    manager, ready = job.manager, pool.ready.get(job.spec.priority)
    if manager is None or not isinstance(manager.phase, phases.TaskActive):
        state.restarting.pop(job.key, None)  # ended or deleted before it had a node again
        return []
    if ready is None or job.number not in ready or not may_run_more(job):
        return []
    runs = [run for node in pool.nodes.values() if node.bucket >= 0 for run in node.runs.values()]
    if any(run.ending == "requeue" for run in runs):
        return []  # slots are being cleared
    running = [run for run in runs if run.task and run.priority <= job.spec.priority]
    running.sort(key=attrgetter("least_lost"))
    slots = manager_slots(pool, manager)
    return _cheapest(running, job, slots, at_most=job.spec.priority)


def _hold(job: JobRecord, run: RunRecord) -> TaskRecord:
    """Hold the node of a preempted run, so that no other job takes the slots meanwhile."""
    assert run.task is not None
    run.node.pool.held[run.node.id] = job
    return run.task


def _missing(state: State, pool: PoolRecord, task: TaskRecord, group: InstancesRecord) -> int:
    """How many nodes a multi-instance task lacks; 0 if it cannot have them now."""
    if not (gathering.fits(pool, task) and gathering.may_gather(state, pool, task, group)):
        return 0
    return group.count - len(gathering.room(pool, task, group))


def _one_each(victims: list[RunRecord], job: JobRecord, count: int) -> list[RunRecord]:
    """Runs whose end clears this many one-slot nodes; none if there are too few."""
    chosen: dict[int, RunRecord] = {}
    nodes = 0
    for run in victims:
        if nodes >= count:
            break
        if id(run.task) in chosen or run.priority >= job.spec.priority:
            continue
        own = [r for r in victims if r.task is run.task and accepts(job, r.node)]
        if own:
            chosen[id(run.task)] = own[0]
            nodes += len(own)
    return list(chosen.values()) if nodes >= count else []


def _queued(pool: PoolRecord) -> Iterator[tuple[JobRecord, int, TaskRecord]]:
    """Queued tasks that may run, with job and slots, in the order in which they are served."""
    for ready in by_priority(pool):
        for job in list(ready.values()):
            most = job.spec.max_parallel_tasks
            room = None if most == -1 else max(0, most - job.running)
            if job.manager and isinstance(job.manager.phase, phases.TaskActive):
                if room != 0:  # the others wait for it
                    yield job, manager_slots(pool, job.manager), job.manager
                continue
            waiting = (
                (job, slots, task)
                for slots, queue in list(job.queue.items())
                for _, task, phase in queue
                if task.phase is phase
            )
            yield from islice(waiting, room)


def _cheapest(
    victims: Iterable[RunRecord], job: JobRecord, slots: int, *, at_most: int
) -> list[RunRecord]:
    """The runs of one node whose end clears enough slots; none if no node has enough."""
    by_node: dict[str, list[RunRecord]] = {}
    for run in victims:
        node = run.node
        if run.priority > at_most or not accepts(job, node):
            continue
        waits = job.manager and isinstance(job.manager.phase, phases.TaskActive)
        if waits and not manager_may_use(job, node):
            continue
        chosen = by_node.setdefault(node.id, [])
        chosen.append(run)
        if _free(node, chosen) >= slots:
            return chosen
    return []


def _free(node: NodeRecord, chosen: list[RunRecord]) -> int:
    return node.free + sum(map(_slots, chosen))


def _slots(run: RunRecord) -> int:
    return run.task.slots if run.task else 0
