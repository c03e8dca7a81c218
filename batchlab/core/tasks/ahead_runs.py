"""Runs that wait on nodes for a slot (`placement.ahead`): sent there, and given back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from batchlab.core.placement import ahead, availability, queues, recall
from batchlab.core.state.records import NodeRecord, PoolRecord
from batchlab.core.tasks import outcomes
from batchlab.core.tasks.failures import ENDED
from batchlab.core.tasks.start_runs import start_run_of

if TYPE_CHECKING:
    from batchlab.core.state.state import State


def fill(state: State, pool: PoolRecord) -> None:
    """Send the next tasks to nodes with all slots taken, or take some back for free slots."""
    if pool.ahead.runs and any(pool.buckets[1:]):
        ahead.spread(state, pool)
    for found in ahead.pairs(state, pool):
        entry = ahead.add(state, found)
        availability.sort_node(state, found.node)
        state.command(start_run_of(state, found.task, entry.id, found.node, ahead=True))


def give_back(state: State, entry: recall.Entry) -> None:
    """A run will not start: its task is where it was in the queue, unless it is to end."""
    task = entry.task
    recall.leave(entry)
    if entry.taken == "delete":
        outcomes.remove(state, task)
    elif entry.taken == "terminate":
        outcomes.complete(state, task, None, ENDED)
    else:
        queues.restore(state, task, entry.place)
    state.touch_job(task.job)


def forget_all(state: State, node: NodeRecord) -> None:
    """Nothing runs on the node any more: queue again what waited there, which is no retry."""
    waiting, pool = node.ahead, node.pool
    if waiting.queue:
        state.touch_pool(pool)  # it may have been in the way of others
    for entry in list(waiting.queue.values()):
        give_back(state, entry)
    waiting.depth = 0
    pool.ahead.lacking.pop(node.id, None)
    availability.sort_node(state, node)
