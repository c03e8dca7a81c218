"""Evidence of causes: who printed a word, which nodes were busy, and what a rehearsal shows.

The end of an exercise may be reached for another reason than the one it is about. A rehearsal runs
what the learner wrote once more, in a simulated lab of its own with the same programs, so nothing
of the learner's changes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from copy import copy
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from batchlab.core.messages.outputs import Change, NodeChanged, TaskChanged
from batchlab.core.messages.views import TaskView
from batchlab.core.model import StartTask
from batchlab.core.model.ids import fold
from batchlab.core.model.values import ExecutionInfo
from batchlab.core.state.states import NODE
from batchlab.drivers.simulated.connection import SimulatedConnection
from batchlab.drivers.simulated.workload import Workload
from batchlab.errors import BatchError, NotFound
from batchlab.handles.base import Handle
from batchlab.handles.job import Job
from batchlab.handles.node import Node
from batchlab.handles.pool import Pool
from batchlab.handles.storage import Storage
from batchlab.handles.task import Task
from batchlab.lab import SimulatedLab
from batchlab.lessons.exercises import Missing
from batchlab.lessons.looking import history, history_of, is_of_pool

__all__ = [
    "LONG",
    "Loss",
    "boot_seconds",
    "can_rehearse",
    "has_word",
    "is_known",
    "is_typed",
    "lines_after_starts",
    "losses",
    "most_nodes",
    "most_together",
    "node_losses",
    "not_all_succeeded",
    "plain",
    "rehearsal",
    "run_seconds",
    "sources",
    "uploaded",
    "words_in",
]

UNKNOWN_S = 77_777
LONG = "25h"
"""Longer than any of these runs takes in a rehearsal."""


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


def node_losses(thing: Pool | Job, state: str) -> list[Loss]:
    """Each time when a node of a pool, or of a job's pool, entered a state."""
    pool_id = thing.pool_id if isinstance(thing, Job) else thing.id
    return _losses(history(thing), pool_id, "", state)


def losses(job: Job, state: str) -> list[Loss]:
    """Each time when a node of the job's pool entered a state."""
    return _losses(history_of(job), job.pool_id, job.id, state)


def _losses(changes: Sequence[Change], pool: str, job: str, state: str) -> list[Loss]:
    running: dict[str, str] = {}
    states: dict[str, str] = {}
    found = []
    pool_id, job_id = fold(pool), fold(job)
    stops = _stops(changes, job_id)
    for change in changes:
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


def boot_seconds(pool: Pool) -> list[float]:
    """How long each node of a pool took from its creation until it could first run something."""
    created: dict[str, float] = {}
    found = []
    for change in history(pool):
        if is_of_pool(change, pool.id):
            if change.state == "creating":
                created[change.node_id] = change.at
            elif change.state in NODE.group("up") and change.node_id in created:
                found.append(change.at - created.pop(change.node_id))
    return found


def most_nodes(pool: Pool) -> int:
    """The largest number of nodes that a pool ever had at a time."""
    present: set[str] = set()
    most = 0
    for change in history(pool):
        if is_of_pool(change, pool.id):
            (present.discard if change.state == "deleted" else present.add)(change.node_id)
            most = max(most, len(present))
    return most


def most_together(pool: Pool, node_ids: set[str]) -> int:
    """The largest number of these nodes that were in service in a pool at a time."""
    present: set[str] = set()
    most = 0
    for change in history(pool):
        if is_of_pool(change, pool.id) and change.node_id in node_ids:
            up = change.state in NODE.group("up")
            (present.add if up else present.discard)(change.node_id)
            most = max(most, len(present))
    return most


@contextmanager
def rehearsal(thing: Handle, *, pace: float = 0.0) -> Iterator[SimulatedLab]:
    """Open a simulated lab with the same programs, as far as a simulated lab knows them.

    A program of a real lab that it does not know takes `UNKNOWN_S`: that shows nothing. Each
    command of a script takes `pace` seconds besides, so that something may happen in between.
    """
    connection = thing._connection
    if isinstance(connection, SimulatedConnection):
        known = connection.world.workload
    else:
        known = Workload(default=UNKNOWN_S)
    if pace:
        known = copy(known)
        known.pace = pace
    with SimulatedLab(workload=known) as lab:
        yield lab


def is_known(*infos: ExecutionInfo | TaskView | None) -> bool:
    """Whether a rehearsal knew what these runs do."""
    return not any(
        info and info.start_time and info.end_time
        and (info.end_time - info.start_time).total_seconds() >= UNKNOWN_S
        for info in infos
    )  # fmt: skip


def can_rehearse(*hooks: Any) -> bool:
    """Whether start, preparation and release tasks need nothing that a rehearsal lacks."""
    texts = [text for hook in hooks for text in (hook.command_line, *hook.environment_settings)]
    return not any(hook.resource_files or hook.container_settings for hook in hooks) and not any(
        "APP_PACKAGE" in text for text in texts
    )


def plain(hook: Any, other: Mapping[str, str] | None = None) -> Any:
    """A start, preparation or release task as any node can run it, with some words exchanged."""

    def told(text: str) -> str:
        for word, instead in (other or {}).items():
            text = text.replace(word, instead)
        return text

    settings = {name: told(value) for name, value in hook.environment_settings.items()}
    return msgspec.structs.replace(
        hook,
        command_line=told(hook.command_line),
        environment_settings=settings,
        user_identity=None,
    )


def lines_after_starts(thing: Handle, start_task: StartTask, path: str) -> list[list[str] | None]:
    """The words in a file of a node after its start task ran once, and again after a reboot.

    A start task that does not make the node idle leaves nothing.
    """
    found = []
    with rehearsal(thing) as lab:
        pool = lab.create_pool("trial", target_dedicated_nodes=1, start_task=plain(start_task))
        lab.advance(LONG)
        node = next(iter(pool.nodes.values()))
        for again in (False, True):
            if again:
                node.reboot()
                lab.advance(LONG)
            if node.state != "idle":
                return [None, None]
            found.append(words_in(node, path))
    return found


def words_in(node: Node, path: str) -> list[str] | None:
    """The words in a file of a node; None if there is no such file."""
    try:
        return node.files.text(path).split()
    except NotFound:
        return None


def sources(task: Task) -> list[str]:
    """The texts of the files that a task fetches, as far as they are in the lab's storage."""
    view = task.view()
    settings = view.multi_instance_settings
    common = settings.common_resource_files if settings else ()
    wanted = {file.http_url for file in (*view.resource_files, *common)}
    names = {file.auto_storage_container_name for file in (*view.resource_files, *common)}
    storage = Storage(task._connection)
    found = []
    for name in storage:
        container = storage[name]
        for blob in container.list():
            if name in names or container.url_of(blob.name) in wanted:
                with suppress(UnicodeDecodeError):
                    found.append(container.text(blob.name))
    paths = [Path(url) for url in wanted if url and url.startswith("/")]
    return found + [path.read_text(errors="replace") for path in paths if path.is_file()]


def uploaded(task: Task, blob: str) -> bool:
    """Whether a task uploaded a file under this name, as its log says."""
    try:
        log = task.files.text("fileuploadout.txt")
    except BatchError:  # its node is gone: then there is no log any more
        return bool(task.output_files)
    return any(line.endswith(f"/{blob}") for line in log.splitlines())
