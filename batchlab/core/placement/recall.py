"""Taking back runs that wait on nodes, so that the rules hold as if they waited in their queues.

They are recalled when their job or task changes or ends, when their node is drained, when a job
that goes before theirs has something to run, when another node has a free slot, or when they have
waited too long. The node decides which of them it has started already; until it answers
(`TakenBack`), the task stays as it is. No job that comes after theirs is placed meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, TypeAlias

from batchlab.core.messages.outputs import TakeBack
from batchlab.core.placement.availability import sort_node
from batchlab.core.state.ahead import AheadRecord, Rank
from batchlab.core.state.endings import stronger
from batchlab.core.state.records import JobRecord, NodeRecord, PoolRecord, TaskRecord

if TYPE_CHECKING:
    from batchlab.core.state.state import State

Entry: TypeAlias = AheadRecord[TaskRecord, NodeRecord]


def rank(pool: PoolRecord, job: JobRecord) -> Rank:
    """How far in front a job is; jobs that take turns have the same rank."""
    by_age = pool.spec.task_scheduling_policy.job_default_order == "creationtime"
    return job.spec.priority, -job.number if by_age else 0


def outranked(pool: PoolRecord, job: JobRecord) -> bool:
    """Whether tasks that go before those of a job wait on nodes of the pool."""
    ranks = pool.ahead.ranks
    return bool(ranks) and max(ranks) > rank(pool, job)


def recall(
    state: State, entries: Iterable[Entry], *, taken: str = "", started: str = ""
) -> None:  # fmt: skip
    """Ask nodes not to start runs; a stronger request replaces a weaker one that is in progress.

    `taken` and `started` say what to do then, depending on the answer: see `AheadRecord`.
    """
    by_node: dict[str, list[Entry]] = {}
    for entry in entries:
        entry.taken = stronger(taken, entry.taken)
        entry.started = stronger(started, entry.started)
        if not entry.recalled:
            by_node.setdefault(entry.node.id, []).append(entry)
    for node_id, found in by_node.items():
        for entry in found:
            entry.recalled = True
        found[0].node.pool.ahead.recalled += len(found)
        run_ids = tuple([entry.id for entry in found])
        state.command(TakeBack(node_id=node_id, run_ids=run_ids))


def make_way(
    state: State, pool: PoolRecord, job: JobRecord, *, equal: bool = False, own: bool = False
) -> None:
    """A job has something to run: recall what waits on nodes and comes after it.

    With `equal` also runs of jobs that take turns with it, with `own` its own.
    """
    mine, ranks = rank(pool, job), pool.ahead.ranks
    if not ranks or min(ranks) > mine or not (equal or own or min(ranks) < mine):
        return
    recall(
        state,
        [
            entry
            for entry in pool.ahead.runs.values()
            if not entry.recalled
            and (
                entry.rank < mine
                or (entry.rank == mine and (own if entry.task.job is job else equal))
            )
        ],
    )


def leave(entry: Entry) -> None:
    """A run no longer waits on its node: it was started there, taken back, or lost."""
    task, node = entry.task, entry.node
    book = node.pool.ahead
    task.ahead = None
    del task.job.ahead[entry.id], node.ahead.queue[entry.id], book.runs[entry.id]
    book.recalled -= entry.recalled
    book.ranks[entry.rank] -= 1
    if not book.ranks[entry.rank]:
        del book.ranks[entry.rank]


def after(state: State, node: NodeRecord) -> None:
    """Runs have left the queue of a node: it may have room for others, or be drained now."""
    pool = node.pool
    if node.ahead.depth:
        pool.ahead.lacking[node.id] = node
    sort_node(state, node)
    state.touch_pool(pool)
    if not node.ahead.queue and node.drain is not None:
        state.touch_node(node)
