"""Facts that several checks need: the history of a lab, and how its tasks went."""

from __future__ import annotations

import re
import shlex
from contextlib import suppress
from typing import Any, TypeGuard

from batchlab.core.messages.outputs import Change, JobChanged, NodeChanged, TaskChanged
from batchlab.core.model.ids import fold
from batchlab.errors import WaitNeverEnds, WaitTimeout
from batchlab.handles.base import Handle
from batchlab.handles.job import Job
from batchlab.handles.task import Task, total
from batchlab.lessons.exercises import Missing

__all__ = [
    "history",
    "history_of",
    "is_of_pool",
    "is_task_of",
    "most_at_once",
    "node_times",
    "not_completed",
    "plain_words",
    "script_cut_short",
    "script_of",
    "sent_back",
    "settle",
    "shell_forgotten",
    "shell_wanted",
    "span",
    "unfinished",
]

MOMENT_S = 5
"""How many seconds a check waits for what is still running."""


def history(thing: Handle) -> list[Change]:
    """All changes so far in the lab that a handle belongs to."""
    changes: list[Change] = []
    since, more = 0, True
    while more:
        batch = thing._connection.changes(since)
        since, more = batch.next, batch.more
        changes += batch.changes
    return changes


def history_of(job: Job) -> list[Change]:
    """All changes in the lab of a job, without tasks of earlier jobs that had its id."""
    changes: list[Change] = []
    for change in history(job):
        if (
            isinstance(change, JobChanged)
            and change.state == "deleted"
            and fold(change.job_id) == fold(job.id)
        ):
            changes = [one for one in changes if not is_task_of(one, job)]
        changes.append(change)
    return changes


def is_task_of(change: Change, job: Job) -> TypeGuard[TaskChanged]:
    """Whether a task of the job changed."""
    return isinstance(change, TaskChanged) and fold(change.job_id) == fold(job.id)


def is_of_pool(change: Change, pool_id: str) -> TypeGuard[NodeChanged]:
    """Whether a node of the pool changed."""
    return isinstance(change, NodeChanged) and fold(change.pool_id) == fold(pool_id)


def node_times(thing: Handle, pool_id: str, state: str) -> list[float]:
    """When nodes of a pool entered a state, in seconds since 1970."""
    return [
        change.at
        for change in history(thing)
        if is_of_pool(change, pool_id) and change.state == state
    ]


def most_at_once(job: Job) -> int:
    """The largest number of tasks of a job that ran at once; the last run of each task counts."""
    times = [(view.start_time, view.end_time) for view in job.tasks.views()]
    spans = [(begin, end) for begin, end in times if begin and end]
    return max(
        (sum(start <= begin < end for start, end in spans) for begin, _ in spans), default=0
    )


def sent_back(job: Job) -> list[TaskChanged]:
    """The moments when a task of the job was queued again after it had run."""
    ran: set[str] = set()
    found = []
    for change in history_of(job):
        if not is_task_of(change, job):
            continue
        if change.state == "running":
            ran.add(change.task_id)
        elif change.state == "active" and change.task_id in ran:
            found.append(change)
    return found


def settle(thing: Any, **more: Any) -> None:
    """Wait a moment for what is still running, where time does not stand still."""
    speed = thing._connection.speed
    if speed:
        with suppress(WaitTimeout, WaitNeverEnds):
            thing.wait(timeout=MOMENT_S * speed, **more)


def unfinished(job: Job, least: int = 1) -> Missing | None:
    """What is missing until the job has enough tasks and all are completed."""
    counts = job.counts
    if counts.active + counts.running:
        settle(job.tasks, progress=False)
        counts = job.counts
    count = total(counts)
    if count < least:
        return Missing(
            f"the job has {_tasks(count)}; it should have {least} or more.",
            "job.create_tasks takes a list of command lines.",
            'In Python, ["/bin/true"] * 4 is a list of four equal command lines.',
        )
    if counts.completed == count:
        return None
    waiting: Any = job.tasks.filter(state=["active", "preparing", "running"])
    first = waiting[:1][0] if len(waiting) else None
    return Missing(
        f"not completed yet: {counts.active + counts.running} of {_tasks(count)} of the job.",
        "job.tasks.wait() waits for them, and says so if they can never complete.",
        f"To see why: job.tasks[{first.id!r}].explain()." if first else "Run the check again.",
    )


def not_completed(task: Task) -> Missing | None:
    """What is missing until the task is completed, with success or failure."""
    state = task.state
    if state != "completed":
        settle(task)
        state = task.state
    if state == "completed":
        return None
    return Missing(
        f"the task is {state}, not completed.",
        "task.wait() waits for it, and says so if it can never complete.",
        "To see why: task.explain().",
    )


def span(job: Job) -> tuple[float, float]:
    """When the first task of a job started, and when the last one ended."""
    views = list(job.tasks.views())
    begins = [view.start_time.timestamp() for view in views if view.start_time]
    ends = [view.end_time.timestamp() for view in views if view.end_time]
    return min(begins, default=0.0), max(ends, default=0.0)


def shell_forgotten(command_line: str) -> bool:
    """Whether a command line uses shell syntax without a shell."""
    program = command_line.split(maxsplit=1)[0].strip("\"'").rsplit("/", 1)[-1]
    if program in ("sh", "bash", "dash"):
        return False
    bare = re.sub(r"'[^']*'|\"[^\"$]*\"", "", command_line)  # quoted text is one plain word
    return any(mark in bare for mark in "$>|;&")


def script_cut_short(command_line: str) -> bool:
    """Whether a script has no quotes around it, so that the shell runs only its first word."""
    try:
        program, *words = shlex.split(command_line)
    except ValueError:
        return False
    is_shell = program.rsplit("/", 1)[-1] in ("sh", "bash", "dash")
    return is_shell and words[:1] == ["-c"] and len(words) > 2


def script_of(command_line: str) -> str:
    """What a shell runs with ``-c``; without a shell, the command line itself."""
    words = plain_words(command_line)
    is_shell = words[0].rsplit("/", 1)[-1] in ("sh", "bash", "dash") if words else False
    return words[2] if is_shell and words[1:2] == ["-c"] and len(words) == 3 else command_line


def plain_words(command_line: str) -> list[str]:
    """The words of a command line, whatever quotes are around them."""
    text = re.sub(r"\$\{(\w+)\}", r"$\1", command_line)
    try:
        return shlex.split(text)
    except ValueError:
        return [text]


def shell_wanted(verdict: str | Missing, **command_lines: str) -> str | Missing:
    """Return the verdict, or what is missing where a shell or its quotes were forgotten."""
    if isinstance(verdict, str):
        return verdict
    for name, line in command_lines.items():
        if script_cut_short(line):
            return Missing(
                f"the shell in the {name.replace('_', ' ')} got only one word as its script.",
                "/bin/sh -c takes only the next word as its script.",
                "Put quotes around the whole script, so that it is one word: /bin/sh -c '...'.",
            )
        if shell_forgotten(line):
            return Missing(
                f"the {name.replace('_', ' ')} uses shell syntax, but no shell runs it.",
                "A command line is not started by a shell, so $NAME, > and | do nothing in it.",
                "Put it inside /bin/sh -c '...'.",
            )
    return verdict


def _tasks(count: int) -> str:
    return f"{count} task{'s' * (count != 1)}"
