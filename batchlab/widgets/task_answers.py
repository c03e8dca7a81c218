"""Answers about many tasks: a page of a table, what became of one, and what to do with several."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any, NamedTuple

from msgspec import to_builtins

from batchlab.core.messages.inputs import DeleteTask, ReactivateTask, Request, TerminateTask
from batchlab.core.messages.questions import LocateTask
from batchlab.drivers.ports import Connection
from batchlab.errors import BatchError, InvalidRequest, NotFound
from batchlab.handles.explanation import end_of_stderr
from batchlab.handles.task import Task
from batchlab.history.task_rows import GROUPS, Query, TaskRow, TaskRows, rows_of
from batchlab.html import printable
from batchlab.words import plural

__all__ = ["act_on_tasks", "explain_task", "list_tasks"]

Question = dict[str, Any]

MOST = 500
"""The most rows of one page."""
LONGEST_S = 10.0
"""How long one press may take; a page waits twice as long for the answer."""


class Action(NamedTuple):
    """Something that can be done to tasks."""

    request: type[Request]
    done: str


ACTIONS = {
    "terminate": Action(TerminateTask, "Terminated"),
    "reactivate": Action(ReactivateTask, "Reactivated"),
    "delete": Action(DeleteTask, "Deleted"),
}


def list_tasks(connection: Connection, asked: Question) -> dict[str, Any]:
    """A page of a table of tasks, with the number of tasks in each group."""
    rows, query = rows_of(connection), _query(asked)
    found = rows.chosen(query, connection.now())
    counts = rows.counts(query[0], query[1])
    begin = max(0, min(int(asked.get("from", 0)), len(found) - 1))
    count = max(1, min(MOST, int(asked.get("count", 100))))
    return {
        "kind": "tasks",
        "total": len(found),
        "all": sum(counts),
        "counts": dict(zip(GROUPS, counts, strict=True)),
        "jobs": rows.jobs(query[0], query[1]),
        "from": begin,
        "rows": [_row(row) for row in found[begin : begin + count]],
    }


def _query(asked: Question) -> Query:
    names = ("pool", "job", "show", "search", "sort")
    pool, job, group, text, column = (str(asked.get(name) or "") for name in names)
    return pool, job, group, text, column, bool(asked.get("down"))


def _row(row: TaskRow) -> list[Any]:
    """As `task_table.js` reads it."""
    return [row.job, row.id, row.state, row.result, row.exit_code, row.node, row.start, row.end,
            row.retries, row.reason]  # fmt: skip


def explain_task(connection: Connection, asked: Question) -> dict[str, Any]:
    """What became of a task: the reasons, and the end of what it wrote."""
    task = Task(connection, asked["job"], asked["task"])
    view, explanation = task.view(), task.explain()
    output = explanation.output
    if not output and view.start_time is not None:
        place = LocateTask(job_id=view.job_id, task_id=view.id)
        output = end_of_stderr(connection, (place, "stdout.txt"))
    nothing = f"The task {'succeeded' if view.result == 'success' else f'is {view.state}'}."
    return {
        "reasons": [to_builtins(reason) for reason in explanation.reasons],
        "nothing": nothing,
        "command_line": printable(view.command_line),
        "output": printable(output),
        "files": view.start_time is not None,
    }


def act_on_tasks(connection: Connection, asked: Question) -> dict[str, Any]:
    """Do something to some tasks, or to all of a query; say what was done and what refused."""
    action = ACTIONS.get(str(asked.get("do")))
    if action is None:
        known = ", ".join(ACTIONS)
        raise InvalidRequest("InvalidRequestBody", f"tasks: do must be one of {known}")
    chosen = list(_chosen(connection, asked))
    end, done, refused = time.monotonic() + LONGEST_S, 0, list[str]()
    left = iter(chosen)
    for job, task in left:
        try:
            connection.request(action.request(job_id=job, task_id=task))
            done += 1
        except NotFound as error:
            if action.request is not DeleteTask:
                refused.append(error.message)
        except BatchError as error:
            refused.append(error.message)
        if time.monotonic() > end:
            break
    text = f"{action.done} {plural(done, 'task')}."
    if refused:
        text += f" Refused for {plural(len(refused), 'task')}: {refused[0]}."
    if rest := sum(1 for _ in left):
        text += f" {plural(rest, 'task')} left: press again to continue."
    return {"text": text, "done": done, "refused": len(refused)}


def _chosen(connection: Connection, asked: Question) -> Iterator[tuple[str, str]]:
    if "tasks" in asked:
        return ((str(job), str(task)) for job, task in asked["tasks"])
    rows: TaskRows = rows_of(connection)
    found = rows.chosen(_query(asked["query"]), connection.now())
    return ((row.job, row.id) for row in found)
