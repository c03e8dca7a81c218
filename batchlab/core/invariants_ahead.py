"""Invariants of runs that wait on nodes: nothing differs from waiting in the queue of a job."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

from batchlab.core.jobs import preparation
from batchlab.core.placement.recall import Entry, rank
from batchlab.core.state.records import JobRecord, NodeRecord, PoolRecord

if TYPE_CHECKING:
    from batchlab.core.state.state import State


def check_ahead(state: State, pool: PoolRecord) -> Iterator[str]:
    """Yield a sentence for every violation in a pool."""
    book, name = pool.ahead, f"pool {pool.key}"
    entries = [entry for node in pool.nodes.values() for entry in node.ahead.queue.values()]
    if {id(entry) for entry in entries} != {id(entry) for entry in book.runs.values()}:
        yield f"{name} knows of {list(book.runs)} ahead, its nodes of {[e.id for e in entries]}"
    if Counter(entry.rank for entry in entries) != book.ranks:
        yield f"{name} counts {book.ranks} ahead"
    if sum(entry.recalled for entry in entries) != book.recalled:
        yield f"{name} counts {book.recalled} recalled"
    for entry in entries:
        yield from _entry(state, entry)
    for node in pool.nodes.values():
        yield from _queue(node)
    for job in [job for ready in pool.ready.values() for job in ready.values()]:
        behind = [entry for entry in entries if entry.rank < rank(pool, job)]
        if any(job.queue.values()) and any(not entry.recalled for entry in behind):
            yield f"job {job.key} has queued tasks, and later ones are ahead: {behind[0].id}"
    free = sum(slots * len(bucket) for slots, bucket in enumerate(pool.buckets))
    if free > book.recalled and book.recalled < len(entries) and pool.phase.state == "active":
        yield f"{name} has {free} free slots, and runs wait elsewhere: {list(book.runs)}"
    for node_id in book.lacking:
        if node_id not in pool.nodes:
            yield f"{name} would queue runs on {node_id}, which is gone"


def _entry(state: State, entry: Entry) -> Iterator[str]:
    task, node, name = entry.task, entry.node, f"run {entry.id}"
    job = task.job
    if task.ahead is not entry or job.ahead.get(entry.id) is not entry or entry.id in state.runs:
        yield f"{name} is ahead, but not in the books of its task"
    if task.phase.state != "active" or task.slots != 1 or task.unmet or task.instances:
        yield f"{name} is ahead, and its task {task.phase.state} with {task.slots} slots"
    if any(task is one and one.phase is phase for queue in job.queue.values()
           for _, one, phase in queue):  # fmt: skip
        yield f"{name} is ahead, and its task is queued"
    if job.tasks.get(task.spec.id.lower()) is not task or state.jobs.get(job.key) is not job:
        yield f"{name} is ahead, and its task is gone"
    if state.nodes.get(node.id) is not node:
        yield f"{name} is ahead on a node that is gone"
    if not entry.recalled:
        yield from _kept(entry, job, node)


def _kept(entry: Entry, job: JobRecord, node: NodeRecord) -> Iterator[str]:
    name, spec = f"run {entry.id}", job.spec
    if not node.up or node.drain or node.scheduling != "enabled":
        yield f"{name} is ahead on a node that is {node.phase.state} ({node.drain})"
    if job.phase.state != "active" or entry.rank != rank(node.pool, job):
        yield f"{name} of rank {entry.rank} is ahead, and its job {job.phase.state}"
    if spec.max_parallel_tasks != -1 or spec.allow_task_preemption or job.refused_by:
        yield f"{name} is ahead, although its job is limited"
    if job.manager is not None:
        yield f"{name} is ahead, and its job has a manager"
    if spec.job_preparation_task is not None:
        footprint = job.footprints.get(node.id)
        if footprint is None or not preparation.prepared(footprint):
            yield f"{name} is ahead on an unprepared node"


def _queue(node: NodeRecord) -> Iterator[str]:
    ahead = node.ahead
    if len(ahead.kept) > 2 * ahead.depth:
        yield f"node {node.id} has {len(ahead.kept)} runs ahead, and a depth of {ahead.depth}"
    if ahead.kept and not ahead.watched:
        yield f"nobody watches how long runs wait on node {node.id}"
    runs = [run for run in node.runs.values() if run.task]
    if ahead.queue and any(run.task and run.task.slots != 1 for run in runs):
        yield f"runs are ahead on node {node.id} behind one with several slots"
    if ahead.queue and any(footprint.waiting for footprint in node.footprints.values()):
        yield f"runs are ahead on node {node.id} behind a preparation"
