"""What several checks look at: the history of a lab, and how its tasks went."""

from __future__ import annotations

import re
import shlex
from typing import Any

from batchlab.core.ids import fold
from batchlab.core.outputs import Change, NodeChanged, TaskChanged
from batchlab.handles.base import Handle
from batchlab.handles.job import Job
from batchlab.handles.task import Task, total
from batchlab.lessons.exercises import Missing

__all__ = [
    "history",
    "most_at_once",
    "node_times",
    "not_completed",
    "script_cut_short",
    "sent_back",
    "shell_forgotten",
    "shell_wanted",
    "span",
    "unfinished",
]


def history(thing: Handle) -> list[Change]:
    """Everything that has happened in the lab of a thing."""
    changes: list[Change] = []
    since, more = 0, True
    while more:
        batch = thing._connection.changes(since)
        since, more = batch.next, batch.more
        changes += batch.changes
    return changes


def node_times(thing: Handle, pool_id: str, state: str) -> list[float]:
    """When nodes of a pool came into a state; seconds since 1970."""
    return [
        change.at
        for change in history(thing)
        if isinstance(change, NodeChanged)
        and fold(change.pool_id) == fold(pool_id)
        and change.state == state
    ]


def most_at_once(job: Job) -> int:
    """How many tasks of a job ran at the same time, at most; of each task its last run counts."""
    times = [(view.start_time, view.end_time) for view in job.tasks.views()]
    spans = [(begin, end) for begin, end in times if begin and end]
    return max(
        (sum(start <= begin < end for start, end in spans) for begin, _ in spans), default=0
    )


def sent_back(job: Job) -> list[TaskChanged]:
    """The moments when a task of the job had run and was queued again."""
    ran: set[str] = set()
    found = []
    for change in history(job):
        if not isinstance(change, TaskChanged) or fold(change.job_id) != fold(job.id):
            continue
        if change.state == "running":
            ran.add(change.task_id)
        elif change.state == "active" and change.task_id in ran:
            found.append(change)
    return found


def unfinished(job: Job, least: int = 1) -> Missing | None:
    """Whether the job has so many tasks, and all are completed."""
    counts = job.counts
    count = total(counts)
    if count < least:
        return Missing(
            f"the job has {_tasks(count)}, and should have {least} or more.",
            "job.create_tasks takes a list of command lines.",
            'In Python a list times a number is a longer list: ["/bin/true"] * 4.',
        )
    if counts.completed == count:
        return None
    waiting: Any = job.tasks.filter(state=["active", "preparing", "running"])
    first = waiting[:1][0] if len(waiting) else None
    return Missing(
        f"{counts.active + counts.running} of {_tasks(count)} of the job are not completed.",
        "job.tasks.wait() waits for them, and says so when they will never be.",
        f"Ask one why: job.tasks[{first.id!r}].explain()." if first else "Check once more.",
    )


def not_completed(task: Task) -> Missing | None:
    """Whether the task is completed, well or not."""
    state = task.state
    if state == "completed":
        return None
    return Missing(
        f"the task is {state}, not completed.",
        "task.wait() waits for it, and says so when it will never be.",
        "Ask it why: task.explain().",
    )


def span(job: Job) -> tuple[float, float]:
    """When the first task of a job began, and when the last one ended."""
    views = list(job.tasks.views())
    begins = [view.start_time.timestamp() for view in views if view.start_time]
    ends = [view.end_time.timestamp() for view in views if view.end_time]
    return min(begins, default=0.0), max(ends, default=0.0)


def shell_forgotten(command_line: str) -> bool:
    """Whether a command line has what only a shell understands, and no shell."""
    program = command_line.split(maxsplit=1)[0].strip("\"'").rsplit("/", 1)[-1]
    if program in ("sh", "bash", "dash"):
        return False
    bare = re.sub(r"'[^']*'|\"[^\"$]*\"", "", command_line)  # what is in quotes is one plain word
    return any(mark in bare for mark in "$>|;&")


def script_cut_short(command_line: str) -> bool:
    """Whether a shell was given a script without quotes, of which it takes the first word."""
    try:
        program, *words = shlex.split(command_line)
    except ValueError:
        return False
    is_shell = program.rsplit("/", 1)[-1] in ("sh", "bash", "dash")
    return is_shell and words[:1] == ["-c"] and len(words) > 2


def shell_wanted(verdict: str | Missing, **command_lines: str) -> str | Missing:
    """Say instead of what is missing that a shell or its quotes were forgotten, and where."""
    if isinstance(verdict, str):
        return verdict
    for name, line in command_lines.items():
        if script_cut_short(line):
            return Missing(
                f"the shell of the {name.replace('_', ' ')} got one word as its script.",
                "To /bin/sh -c the script is the word that follows, and no more.",
                "Quotes around all of it make it one word: /bin/sh -c '...'.",
            )
        if shell_forgotten(line):
            return Missing(
                f"the {name.replace('_', ' ')} uses what only a shell understands, and there is "
                "no shell.",
                "A command line is not started by a shell: $NAME, > and | are plain words to it.",
                "/bin/sh -c '...' around it.",
            )
    return verdict


def _tasks(count: int) -> str:
    return f"{count} task{'s' * (count != 1)}"
