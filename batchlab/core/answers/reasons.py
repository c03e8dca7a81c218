"""Reasons why something waits, and for each what would change it.

Who finds a reason says what is in the way, with the numbers. What would change it follows from the
kind of obstacle alone, so it is looked up here, by code.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from batchlab.core.model.values import View

__all__ = ["Reason", "remedied"]


class Reason(View, frozen=True, kw_only=True):
    """One reason why something waits.

    `code` is stable, `text` a sentence for people. `lasting` is True when nothing under way will
    change it: somebody has to act. `remedy` is what would change it; empty when it only takes
    time. Of a whole job or pool, `tasks` is how many tasks it holds up, and `example` the id of
    one of them. `wait` is the kind of wait (see `wait_kinds`) under which reports book the time;
    empty where they book none.
    """

    code: str
    text: str
    lasting: bool = False
    remedy: str = ""
    tasks: int = 0
    example: str = ""
    wait: str = ""


_OTHER_POOL = "disable the job, then job.update(pool_info=...) with another pool"
_MEND = "node.reboot() or node.reimage(); pool.remove_nodes(...) if that does not help"
_MORE = "a task that ends, or more nodes: pool.resize(...)"
_ROOM = "fewer nodes in other pools, or a lab with higher quotas"
_FIRST = "job.update(priority=...)"

_REMEDIES = {
    "JobDisabled": "job.enable()",
    "JobEnded": "create the tasks in a job that is active",
    "JobStaysActive": "job.terminate(), or job.update(on_all_tasks_complete='terminatejob')",
    "NoTasks": "job.create_task(...), or job.terminate()",
    "PoolNotFound": f"lab.create_pool(...) with this id; or {_OTHER_POOL}",
    "PoolBeingDeleted": _OTHER_POOL,
    "NoInterNodeCommunication": "a pool with enable_inter_node_communication=True",
    "NotOneSlot": "a pool with task_slots_per_node=1, and tasks that need one slot",
    "TooManySlots": "a pool with more task_slots_per_node, or tasks that need fewer slots",
    "MaxParallelTasks": "job.update(max_parallel_tasks=...), or a task that ends",
    "NoNodes": "pool.resize(...)",
    "TooFewNodes": "pool.resize(...)",
    "SpotNode": "pool.resize(target_dedicated_nodes=...)",
    "StartTaskFailed": "node.reboot() runs it again; pool.update(start_task=...) mends it first",
    "Unusable": _MEND,
    "SchedulingDisabled": "node.enable_scheduling()",
    "PreparationFailed": "node.reimage(); or a job whose preparation task succeeds",
    "Busy": _MORE,
    "HigherPriority": _FIRST,
    "EqualPriority": _FIRST,
    "Dependencies": "task.reactivate() for one that failed, or the tasks that are missing",
    "AccountCoreQuotaReached": _ROOM,
    "AccountLowPriorityCoreQuotaReached": _ROOM,
    "AllocationTimedOut": "pool.resize(...) once more, with a longer resize_timeout",
    "AllocationFailed": "pool.resize(...) when there are machines again",
    "ResizeStopped": "pool.resize(...) once more",
    "ResizeFailed": "pool.resize(...) once more, when its error is mended",
    "AutoScaleFailed": "another formula: pool.auto_scale_lab() shows where this one fails",
}
_ONLY_WHEN_LASTING = ("Dependencies", "NoNodes", "TooFewNodes")
"""What time may well change by itself."""


def remedied(reasons: Iterable[Reason]) -> list[Reason]:
    """The same reasons, each with what would change it."""
    return [_remedied(reason) for reason in reasons]


def _remedied(reason: Reason) -> Reason:
    remedy = _REMEDIES.get(reason.code, "")
    if reason.remedy or not remedy:
        return reason
    if reason.code in _ONLY_WHEN_LASTING and not reason.lasting:
        return reason
    return msgspec.structs.replace(reason, remedy=remedy)
