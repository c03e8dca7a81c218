"""Tasks that wait on a node for the preparation of their job: sent on, or sent back.

They hold their slots meanwhile. A multi-instance task waits on all its nodes, and is sent on when
the last of them is prepared.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from batchlab.core import hooks, instances, tasks
from batchlab.core.records import FootprintRecord, TaskRecord

if TYPE_CHECKING:
    from batchlab.core.machine import Core


def start_waiting(core: Core, footprint: FootprintRecord) -> None:
    """The preparation is over: run the tasks that waited for it."""
    for task in _take_waiting(footprint):
        if task.instances is None:
            tasks.start(core, task, footprint.node)
        else:
            instances.node_prepared(core, task, task.instances, footprint)


def return_waiting(
    core: Core, footprint: FootprintRecord, reason: str, *, ending: str = "requeue"
) -> None:
    """The preparation will not be had here: put the tasks that waited back, or end them."""
    for task in reversed(_take_waiting(footprint)):  # the oldest is to be first again
        if task.instances is None:
            tasks.vacate(core, footprint.node, task)
        else:
            instances.withdraw(core, task, task.instances)
        if ending == "terminate":
            tasks.complete(core, task, None, hooks.ENDED)
        else:
            tasks.activate(core, task, reason, first=True)


def _take_waiting(footprint: FootprintRecord) -> list[TaskRecord]:
    waiting = list(footprint.waiting.values())
    footprint.waiting = {}
    return waiting
