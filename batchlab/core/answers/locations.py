"""Where the files of a task, a subtask or a node are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from batchlab.core.messages.questions import Location
from batchlab.core.model.moments import moment
from batchlab.core.state import phases
from batchlab.core.state.records import NodeRecord, SubtaskRecord, TaskRecord
from batchlab.errors import Conflict, NotFound

if TYPE_CHECKING:
    from batchlab.core.state.state import State


def locate_task(state: State, task: TaskRecord, now: float, subtask_id: int = 0) -> Location:
    """Where the files of a task or of a subtask are."""
    name, node, directory = task.spec.id, task.node, task.root
    if subtask_id:
        subtask = _subtask(task, subtask_id)
        if subtask is None:
            reason = f"task {name!r} has no subtask {subtask_id}"
            raise NotFound("ResourceNotFound", reason)
        node, directory = subtask.node, f"{task.directory}/{subtask_id}"
    if node is None or task.started is None:
        raise Conflict(
            "TaskFilesUnavailable", f"task {name!r} has not run yet, so it has no files"
        )
    phase = task.phase
    if isinstance(phase, phases.TaskCompleted):
        until = phase.since + task.retention.total_seconds()
        if now >= until:
            raise Conflict(
                "TaskFilesCleanedup",
                f"the files of task {name!r} were deleted at {moment(until):%Y-%m-%d %H:%M:%S}Z, "
                "at the end of its retention time",
            )
    if node.id not in state.nodes:
        raise NotFound(
            "NodeNotFound",
            f"task {name!r} ran on node {node.id!r}, which has left its pool: its files are gone",
        )
    _refuse_away(node)
    return Location(node.pool.spec.id, node.id, directory)


def locate_node(node: NodeRecord) -> Location:
    """The root of a node."""
    _refuse_away(node)
    return Location(node.pool.spec.id, node.id, "")


def _subtask(task: TaskRecord, number: int) -> SubtaskRecord | None:
    group = task.instances
    known = group is not None and 0 <= number < len(group.subtasks)
    return group.subtasks[number] if group is not None and known else None


def _refuse_away(node: NodeRecord) -> None:
    if not node.up:
        reason = f"node {node.id!r} is {node.phase.state}: its files are not available"
        raise Conflict("NodeNotReady", reason)
