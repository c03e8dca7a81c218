"""Evidence of causes: who printed a word, which nodes were busy, and what a rehearsal shows.

The end of an exercise may be reached for another reason than the one it is about. A rehearsal runs
what the learner wrote once more, in a simulated lab of its own with the same programs, so nothing
of the learner's changes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from batchlab.core.messages.outputs import Change, NodeChanged, TaskChanged
from batchlab.core.messages.views import TaskView
from batchlab.core.model.ids import fold
from batchlab.drivers.simulated.connection import SimulatedConnection
from batchlab.handles.base import Handle
from batchlab.handles.job import Job
from batchlab.lab import SimulatedLab
from batchlab.lessons.exercises import Missing
from batchlab.lessons.looking import history

__all__ = [
    "Loss",
    "has_word",
    "is_typed",
    "losses",
    "not_all_succeeded",
    "rehearsal",
    "run_seconds",
]


def has_word(text: str, word: str) -> bool:
    """Whether a text contains a word as such: alone, in a sentence, or as ``NAME=word``.

    A part of a longer word or of a path does not count.
    """
    return re.search(rf"(?<![\w./-]){re.escape(word)}(?![\w/-])", text, re.IGNORECASE) is not None


def is_typed(view: TaskView, word: str) -> bool:
    """Whether the definition of a task already contains a word that the task should find out."""
    texts = (view.command_line, *view.environment_settings.values())
    return any(has_word(text.replace("/", " "), word) for text in texts)


def not_all_succeeded(*jobs: Job) -> Missing | None:
    """What is missing until all tasks of the jobs have succeeded."""
    for job in jobs:
        failed = [view for view in job.tasks.views() if view.result == "failure"]
        if failed:
            info = failed[0].failure_info
            ended = info is not None and info.code == "TaskEnded"
            return Missing(
                f"{len(failed)} of the tasks of {job.id!r} failed.",
                "They should succeed. "
                + ("Were they ended early?" if ended else "What do they say on stderr?"),
                f"Look at job.tasks[{failed[0].id!r}].failure_info, and use a new job.",
            )
    return None


def run_seconds(views: Iterable[TaskView]) -> list[float]:
    """How long the last run of each task took."""
    return [
        (view.end_time - view.start_time).total_seconds()
        for view in views
        if view.start_time and view.end_time
    ]


class Loss(NamedTuple):
    """A node that entered a state, when, and whether it was running a task of the job then."""

    node_id: str
    at: float
    busy: bool


def losses(job: Job, state: str, changes: Sequence[Change] | None = None) -> list[Loss]:
    """Each time when a node of the job's pool entered a state."""
    running: dict[str, str] = {}
    states: dict[str, str] = {}
    found = []
    pool_id, job_id = fold(job.pool_id), fold(job.id)
    all_changes = history(job) if changes is None else changes
    stops = _stops(all_changes, job_id)
    for change in all_changes:
        if isinstance(change, TaskChanged) and fold(change.job_id) == job_id:
            running.pop(change.task_id, None)
            if change.state == "running":
                running[change.task_id] = change.node_id
        elif isinstance(change, NodeChanged) and fold(change.pool_id) == pool_id:
            before, states[change.node_id] = states.get(change.node_id), change.state
            if change.state != state or before == state:
                continue
            busy = change.node_id in running.values() or (change.node_id, change.at) in stops
            found.append(Loss(change.node_id, change.at, busy))
    return found


def _stops(changes: Sequence[Change], job_id: str) -> set[tuple[str, float]]:
    """Where and when runs of the job were sent back to the queue."""
    where: dict[str, str] = {}
    found = set()
    for change in changes:
        if isinstance(change, TaskChanged) and fold(change.job_id) == job_id:
            if change.state == "running":
                where[change.task_id] = change.node_id
            elif change.state == "active" and change.task_id in where:
                found.add((where.pop(change.task_id), change.at))
    return found


@contextmanager
def rehearsal(thing: Handle, **conditions: Any) -> Iterator[SimulatedLab | None]:
    """Open a simulated lab with the same programs; None if the thing's lab is not simulated."""
    connection = thing._connection
    if not isinstance(connection, SimulatedConnection):
        yield None
        return
    with SimulatedLab(workload=connection.world.workload, **conditions) as lab:
        yield lab
