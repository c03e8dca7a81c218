"""Run-ahead: runs that wait on a node for a free slot, and start there without a round trip.

A node far away, or with short tasks, would be idle between the report of an exit and the command
for the next task. So it may have a few runs more than slots (`DepthMeasured`), which it starts one
after the other. Their tasks are active like others in the queue, hold no slots, and can be
recalled at any time (`recall`).

Everything must come to the same as if they waited in the queue of their job. So only tasks wait on
a node that it would be given next in any case: those of the jobs whose turn it is, with one slot,
without affinity, on nodes where their job is prepared, and only while all slots are taken by tasks
with one slot. There are none while anything else matters: job managers, multi-instance tasks,
maxima of parallel tasks, preparations that have failed, jobs that may be preempted.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from batchlab.core.jobs import preparation
from batchlab.core.placement.queues import by_priority, drop_out, next_turn, oldest_first
from batchlab.core.placement.recall import Entry, outranked, rank, recall
from batchlab.core.state import phases
from batchlab.core.state.ahead import AheadRecord
from batchlab.core.state.records import JobRecord, NodeRecord, PoolRecord, TaskRecord

if TYPE_CHECKING:
    from batchlab.core.state.state import State

MOST = 1024
"""The greatest depth of a queue."""
JOBS = 32
"""If more jobs have the same priority, nothing runs ahead: all are looked at at each exit."""


class Next(NamedTuple):
    """A task to queue on a node, and its place in the queue of its job."""

    task: TaskRecord
    node: NodeRecord
    place: int


def pairs(state: State, pool: PoolRecord) -> Iterator[Next]:
    """Take each next task off its queue, with the node where it should wait.

    The caller must carry out a pair before it asks for the next one.
    """
    if not pool.ahead.lacking or not pool.ready or _something_else_matters(state, pool):
        return
    jobs = _whose_turn(pool)
    if not jobs or outranked(pool, jobs[0]):
        return
    lacking = pool.ahead.lacking
    nodes = [node for node in list(lacking.values()) if _has_room(node, jobs)]
    for node_id in lacking.keys() - {node.id for node in nodes}:
        del lacking[node_id]  # until something changes there
    nodes.sort(key=lambda node: len(node.ahead.queue))
    while nodes:
        shortest = len(nodes[0].ahead.queue)
        for node in nodes:
            if len(node.ahead.queue) > shortest:
                break
            found = _take(pool, jobs)
            if found is None:
                return
            yield Next(found[1], node, found[0])
        for node in nodes:
            if len(node.ahead.queue) >= node.ahead.depth:
                del lacking[node.id]
        nodes = [node for node in nodes if node.id in lacking]


def _something_else_matters(state: State, pool: PoolRecord) -> bool:
    return bool(
        pool.preemptible or pool.held or pool.gatherer or state.restarting
        or not isinstance(pool.phase, phases.PoolActive)
    )  # fmt: skip


def _whose_turn(pool: PoolRecord) -> list[JobRecord]:
    """The jobs whose tasks would get the next slot; none if it is not so simple."""
    for ready in by_priority(pool):
        if len(ready) > JOBS:
            return []
        jobs = []
        for job in list(ready.values()):
            if not oldest_first(job):
                drop_out(pool, job)
            else:
                jobs.append(job)
        if jobs:
            if rank(pool, jobs[0])[1]:
                del jobs[1:]  # the oldest goes first
            return jobs if all(map(is_simple, jobs)) else []
    return []


def is_simple(job: JobRecord) -> bool:
    """Whether the queued tasks of a job can run in any slot."""
    spec = job.spec
    if job.manager or job.refused_by or spec.max_parallel_tasks != -1:
        return False
    return not spec.allow_task_preemption and job.queue.keys() == {1}


def _is_plain(task: TaskRecord) -> bool:
    return task.spec.affinity_info is None and not task.spec.application_package_references


def _has_room(node: NodeRecord, jobs: list[JobRecord]) -> bool:
    ahead = node.ahead
    if node.bucket != 0 or len(ahead.queue) >= ahead.depth:
        return False
    if ahead.queue:
        if node.pool.ahead.recalled and any(entry.recalled for entry in ahead.queue.values()):
            return False
    elif len(node.runs) - node.node_task_count != node.pool.spec.task_slots_per_node:
        return False  # a run has several slots, or waits for a preparation
    return all(_is_prepared(job, node) for job in jobs)


def _is_prepared(job: JobRecord, node: NodeRecord) -> bool:
    if job.spec.job_preparation_task is None:
        return True
    footprint = job.footprints.get(node.id)
    return footprint is not None and preparation.prepared(footprint)


def _take(pool: PoolRecord, jobs: list[JobRecord]) -> tuple[int, TaskRecord] | None:
    """Take the next task of the job whose turn it is; None if none may be taken."""
    if not jobs:
        return None
    job = jobs[0]
    if not oldest_first(job):
        del jobs[0]
        return _take(pool, jobs)
    if not is_simple(job) or not _is_plain(job.queue[1][0][1]):
        return None
    place, task, _ = job.queue[1].popleft()
    ready = pool.ready[job.spec.priority]
    if len(ready) > 1:
        next_turn(pool, ready, job)
        jobs.append(jobs.pop(0))
    return place, task


def add(state: State, found: Next) -> Entry:
    """Enter a run that is to wait on a node into the books of the node, its job and its pool."""
    task, node, place = found
    job, book = task.job, node.pool.ahead
    entry = AheadRecord(
        id=state.new_run_id(node, job, task.spec.id), task=task, node=node, place=place,
        rank=rank(node.pool, job), since=state.now,
    )  # fmt: skip
    task.ahead = job.ahead[entry.id] = node.ahead.queue[entry.id] = book.runs[entry.id] = entry
    book.ranks[entry.rank] = book.ranks.get(entry.rank, 0) + 1
    _watch(state, node)
    return entry


def spread(state: State, pool: PoolRecord) -> None:
    """There are free slots: recall the later half of the longest queues for them."""
    book = pool.ahead
    free = sum(slots * len(bucket) for slots, bucket in enumerate(pool.buckets))
    while free > book.recalled:
        kept: dict[str, list[Entry]] = {}
        for entry in book.runs.values():
            if not entry.recalled:
                kept.setdefault(entry.node.id, []).append(entry)
        if not kept:
            return
        longest = max(kept.values(), key=len)
        recall(state, longest[len(longest) // 2 :])


def _watch(state: State, node: NodeRecord) -> None:
    """Look at the queue of a node again when its oldest run has waited for too long."""
    ahead = node.ahead
    if not ahead.watched and (kept := ahead.kept):
        ahead.watched = True
        state.deadlines.at(kept[0].since + ahead.patience_s, _look, state, node)


def _look(state: State, node: NodeRecord) -> None:
    """Recall what has waited too long: the tasks there are longer than was measured."""
    ahead = node.ahead
    ahead.watched = False
    kept = ahead.kept
    if kept and kept[0].since + ahead.patience_s <= state.now:
        ahead.depth = 0
        recall(state, kept)
    else:
        _watch(state, node)
