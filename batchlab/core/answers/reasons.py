"""Reasons why something waits, and remedies.

The code that finds a reason says what the obstacle is, with the numbers. The remedy depends only
on the kind of obstacle, so it is looked up here by code.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from batchlab.core.model.values import View

__all__ = ["Reason", "away_in_words", "nodes_of", "remedied", "remedy_for"]


class Reason(View, frozen=True, kw_only=True):
    """One reason why something waits.

    `code` is stable, `text` a sentence for people. `lasting` is True if the situation will not
    change unless you do something. `remedy` says what to do; it is empty if waiting is enough. For
    a whole job or pool, `tasks` is the number of tasks held up, and `example` the id of one.
    `wait` is the kind of wait (see `wait_kinds`) to which reports assign the time; empty if none.
    """

    code: str
    text: str
    lasting: bool = False
    remedy: str = ""
    tasks: int = 0
    example: str = ""
    wait: str = ""


_OTHER_POOL = "disable the job, then job.update(pool_info=...) with another pool"
_REPAIR = "node.reboot() or node.reimage(); pool.remove_nodes(...) if that does not help"
_MORE = "wait for a task to end, or add nodes: pool.resize(...)"
_ROOM = "remove nodes from other pools, or use a lab with higher quotas"
_FIRST = "job.update(priority=...)"

_REMEDIES = {
    "JobDisabled": "job.enable()",
    "JobEnded": "create the tasks in an active job",
    "JobStaysActive": "job.terminate(), or job.update(on_all_tasks_complete='terminatejob')",
    "NoTasks": "job.create_task(...), or job.terminate()",
    "ScheduleDisabled": "schedule.enable()",
    "ScheduleCompleted": "create another one: lab.create_job_schedule(...)",
    "PoolNotFound": f"lab.create_pool(...) with this id, or {_OTHER_POOL}",
    "PoolBeingDeleted": _OTHER_POOL,
    "NoInterNodeCommunication": "use a pool with enable_inter_node_communication=True",
    "NotOneSlot": "use a pool with task_slots_per_node=1, and tasks with required_slots=1",
    "TooManySlots": "use a pool with more task_slots_per_node, or tasks with fewer required_slots",
    "MaxParallelTasks": "wait for a task to end, or job.update(max_parallel_tasks=...)",
    "NoNodes": "pool.resize(...)",
    "TooFewNodes": "pool.resize(...)",
    "SpotNode": "pool.resize(target_dedicated_nodes=...)",
    "NodeUserNotFound": "create a pool with this user in user_accounts, or name one that it has",
    "StartTaskFailed": "node.reboot() runs it again; pool.update(start_task=...) fixes it first",
    "Unusable": _REPAIR,
    "ContactLost": "wait for a machine, or pool.remove_nodes(...)",
    "Deallocated": "node.start(), once it is deallocated",
    "SchedulingDisabled": "node.enable_scheduling()",
    "PreparationFailed": "node.reimage(), or create a job whose preparation task succeeds",
    "Busy": _MORE,
    "NodeExhausted": "raise the limits of the lab's process (ulimit -n, ulimit -u), or run fewer "
    "tasks at a time: task_slots_per_node",
    "HigherPriority": _FIRST,
    "EqualPriority": _FIRST,
    "Dependencies": "task.reactivate() for a failed task, or create the missing tasks",
    "AccountCoreQuotaReached": _ROOM,
    "AccountLowPriorityCoreQuotaReached": _ROOM,
    "AllocationTimedOut": "pool.resize(...) again, with a longer resize_timeout",
    "AllocationFailed": "pool.resize(...) when machines are available again",
    "ResizeStopped": "pool.resize(...) again",
    "ResizeFailed": "pool.resize(...) again, after fixing the cause of the error",
    "AutoScaleFailed": "fix the formula: pool.auto_scale_lab() shows where it fails",
}
_ONLY_WHEN_LASTING = ("Dependencies", "NoNodes", "TooFewNodes")
"""Obstacles that may go away without help."""


def nodes_of(node_id: str, count: int, total: int) -> str:
    """These nodes of all nodes of a pool, in words: `node_id` is the first of them."""
    if count == 1:
        return f"node {node_id}"
    if count < total:
        return f"{count:,} of {total:,} nodes"
    return "both nodes" if total == 2 else f"all {total:,} nodes"


def away_in_words(away: int, total: int) -> str:
    """How far nodes are on their way to be deallocated: `away` of them have arrived."""
    if away == total:
        return "deallocated"
    return "deallocated, or about to be" if away else "about to be deallocated"


def remedy_for(code: str) -> str:
    """The remedy for a kind of reason; empty if only time helps."""
    return _REMEDIES.get(code, "")


def remedied(reasons: Iterable[Reason]) -> list[Reason]:
    """The same reasons, each with its remedy."""
    return [_remedied(reason) for reason in reasons]


def _remedied(reason: Reason) -> Reason:
    remedy = remedy_for(reason.code)
    if reason.remedy or not remedy:
        return reason
    if reason.code in _ONLY_WHEN_LASTING and not reason.lasting:
        return reason
    return msgspec.structs.replace(reason, remedy=remedy)
