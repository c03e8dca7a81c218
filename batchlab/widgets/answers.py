"""Answers to the questions of a live display: the text beside the pictures, as plain values.

`answer` takes a question ``{"what": name, ...}`` and finds the function for it. None means that
there is nothing to show; refusals are raised. To add a panel, write a function and add it to
`ANSWERS`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import datetime
from typing import Any

from msgspec import to_builtins

from batchlab.core.answers.reasons import Reason
from batchlab.core.messages.questions import (
    ExplainJob,
    ExplainPool,
    ExplainTask,
    GetCost,
    GetJob,
    GetNode,
    GetPool,
    GetTask,
    ListJobs,
    ListPools,
    ListPreparations,
    ListSubtasks,
    Location,
)
from batchlab.core.messages.views import JobView, PreparationView, TaskView
from batchlab.core.model.ids import fold
from batchlab.core.model.values import ExecutionInfo
from batchlab.core.state.states import outcome_of
from batchlab.drivers.ports import Connection
from batchlab.errors import BatchError, Forbidden, InvalidRequest
from batchlab.handles.costs import Cost
from batchlab.handles.tail import whole_lines
from batchlab.html import printable, shortened
from batchlab.widgets.about import about
from batchlab.widgets.costs import cost_line
from batchlab.widgets.faults import commit, list_faults
from batchlab.widgets.file_answers import download, list_files, tail
from batchlab.widgets.task_answers import act_on_tasks, explain_task, list_tasks

__all__ = ["ACTS", "ANSWERS", "answer", "read_only"]

ROWS = 200
"""The most rows in a table."""
OUTPUT = 8192
"""Bytes shown of each output of a preparation or release task."""
SUBTASKS = 20
"""The most subtasks listed."""
PARENTS = 12
"""The most dependencies listed."""
EXPLAINED = 20
"""The most pools and jobs explained for a whole lab."""

Question = dict[str, Any]


def answer(connection: Connection, question: Any, *, acts: bool = True) -> Any:
    """Answer a question of a display; with `acts`, also do what it asks for.

    Raises
    ------
    BatchError
        The lab refuses it; ``InvalidRequestBody``: no such question; ``AuthorizationFailure``: it
        asks for an action.
    """
    what = question.get("what") if isinstance(question, dict) else None
    function = ANSWERS.get(str(what)) or ACTS.get(str(what))
    if function is None:
        raise InvalidRequest("InvalidRequestBody", f"unknown question of a display: {what!r}")
    if not acts and what in ACTS:
        raise read_only()
    try:
        return function(connection, question)
    except KeyError as error:
        raise InvalidRequest("InvalidRequestBody", f"{what}: {error} is missing") from None


def read_only() -> Forbidden:
    """Build the error for an action where a lab may only be watched."""
    return Forbidden("AuthorizationFailure", "this lab may only be watched here")


def _node(connection: Connection, asked: Question) -> dict[str, Any]:
    node = connection.ask(GetNode(pool_id=asked["pool"], node_id=asked["node"]))
    here = [job for job in connection.ask(ListJobs()) if job.pool_id == node.pool_id]
    jobs = [
        {"id": job.id, "preparation": _execution(row.job_preparation_task_execution_info)}
        for job in here[-10:]
        for row in _rows(connection, job)
        if row.node_id == node.id
    ]
    return {
        "kind": "node",
        "id": node.id,
        "state": node.state,
        "since": _seconds(node.state_transition_time),
        "scheduling": node.scheduling_state,
        "dedicated": node.is_dedicated,
        "vm_size": node.vm_size,
        "ip_address": node.ip_address or "",
        "machine": node.machine,
        "slots": node.task_slots,
        "slots_used": node.running_task_slots_count,
        "tasks_run": node.total_tasks_run,
        "tasks_succeeded": node.total_tasks_succeeded,
        "running": [list(pair) for pair in node.running_tasks[:20]],
        "start_task": _execution(node.start_task_info),
        "jobs": jobs,
        "errors": [f"{error.code}: {_cut(error.message)}" for error in node.errors],
        "cost": cost_line(Cost(connection.ask(GetCost(pool_id=node.pool_id, node_id=node.id)))),
    }


def _task(connection: Connection, asked: Question) -> dict[str, Any]:
    task = connection.ask(GetTask(job_id=asked["job"], task_id=asked["task"]))
    subtasks = connection.ask(ListSubtasks(job_id=task.job_id, task_id=task.id))
    failure = task.failure_info
    return {
        "kind": "task",
        "id": task.id,
        "job_id": task.job_id,
        "state": task.state,
        "result": task.result,
        "command_line": _cut(task.command_line),
        "exit_code": task.exit_code,
        "failure": f"{failure.code}: {_cut(failure.message)}" if failure else "",
        "node_id": task.node_id,
        "created": _seconds(task.creation_time),
        "start": _seconds(task.start_time),
        "end": _seconds(task.end_time),
        "slots": task.required_slots,
        "retry_count": task.retry_count,
        "requeue_count": task.requeue_count,
        "depends_on": _parents(task),
        "subtasks": [
            {"id": one.id, "state": one.state, "result": one.result, "node_id": one.node_id,
             "exit_code": one.exit_code}
            for one in subtasks[:SUBTASKS]
        ],
        "left_out": max(0, len(subtasks) - SUBTASKS),
    }  # fmt: skip


# -- why is it waiting ----------------------------------------------------------------------------


def _why(connection: Connection, asked: Question) -> dict[str, Any]:
    if "task" in asked:
        job, task = asked["job"], asked["task"]
        view = connection.ask(GetTask(job_id=job, task_id=task))
        reasons = connection.ask(ExplainTask(job_id=job, task_id=task))
        return {
            "title": f"Task {task}",
            "created": _seconds(view.creation_time),
            "end": _seconds(view.end_time),
            "depends_on": _parents(view),
            "nothing": f"Not waiting: the task is {view.state}.",
            "parts": [_part("", reasons, job)],
        }
    if "job" in asked:
        job = connection.ask(GetJob(job_id=asked["job"]))
        return _whole(f"Job {job.id}", [_job_part(connection, job, "")], [job])
    jobs = [
        job for job in connection.ask(ListJobs()) if job.state not in ("completed", "deleting")
    ]
    if "pool" in asked:
        pools = [connection.ask(GetPool(pool_id=asked["pool"]))]
        jobs = [job for job in jobs if fold(job.pool_id) == fold(pools[0].id)]
        title = f"Pool {pools[0].id}"
    else:
        pools, title = connection.ask(ListPools()), "The whole lab"
    parts = [
        _part(f"Pool {pool.id}", connection.ask(ExplainPool(pool_id=pool.id)), "")
        for pool in pools[:EXPLAINED]
    ]
    full = {
        fold(pool.id) for pool, part in zip(pools, parts, strict=False)
        if any(reason["code"] == "Busy" for reason in part["reasons"])
    }  # fmt: skip
    for job in jobs[:EXPLAINED]:
        part = _job_part(connection, job, f"Job {job.id}")
        if fold(job.pool_id) in full:
            part["reasons"] = _but("Busy", part["reasons"])
        parts.append(part)
    return _whole(title, parts, jobs)


def _but(code: str, reasons: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Reasons without those that the pool already gave, unless there are no others."""
    return [reason for reason in reasons if reason["code"] != code] or reasons


def _parents(task: TaskView) -> list[str]:
    """The first dependencies of a task, ids and ranges."""
    depends = task.depends_on
    if depends is None:
        return []
    ranges = (f"{span.start}-{span.end}" for span in depends.task_id_ranges)
    return [*depends.task_ids, *ranges][:PARENTS]


def _whole(title: str, parts: list[dict[str, Any]], jobs: list[JobView]) -> dict[str, Any]:
    waiting = sum(job.task_counts.active for job in jobs)
    return {
        "title": f"{title}: {waiting:,} waiting" if waiting else title,
        "nothing": "Nothing is waiting, and nothing is in the way.",
        "parts": [part for part in parts if part["reasons"]],
    }


def _job_part(connection: Connection, job: JobView, name: str) -> dict[str, Any]:
    return _part(name, connection.ask(ExplainJob(job_id=job.id)), job.id)


def _part(name: str, reasons: list[Reason], job_id: str) -> dict[str, Any]:
    """Reasons under one name; for a job, with an example of the tasks they hold up."""
    return {"name": name, "job": job_id, "reasons": [to_builtins(reason) for reason in reasons]}


# -- preparation and release ----------------------------------------------------------------------


def _preparations(connection: Connection, asked: Question) -> dict[str, Any] | None:
    job = _prepared_job(connection, asked.get("job"))
    if job is None or job.job_preparation_task is None:
        return None
    rows = _rows(connection, job)
    shown = [row for row in rows if not asked.get("only_failed") or _has_failed(row)]
    release = job.job_release_task
    return {
        "job": job.id,
        "state": job.state,
        "summary": _summary(job, rows),
        "preparation_id": job.job_preparation_task.id,
        "release_id": release.id if release else "",
        "rows": [
            {
                "pool_id": row.pool_id,
                "node_id": row.node_id,
                "preparation": _execution(row.job_preparation_task_execution_info),
                "release": _execution(row.job_release_task_execution_info),
            }
            for row in shown[:ROWS]
        ],
        "left_out": max(0, len(shown) - ROWS),
    }


def _prepared_job(connection: Connection, job_id: str | None) -> JobView | None:
    """The requested job, or the latest one with a preparation."""
    if job_id is not None:
        job: JobView = connection.ask(GetJob(job_id=job_id))
        return job
    jobs = [job for job in connection.ask(ListJobs()) if job.job_preparation_task]
    return jobs[-1] if jobs else None


def _rows(connection: Connection, job: JobView) -> list[PreparationView]:
    if job.job_preparation_task is None:
        return []
    rows: list[PreparationView] = connection.ask(ListPreparations(job_id=job.id))
    return rows


def _summary(job: JobView, rows: list[PreparationView]) -> str:
    def told(name: str, infos: list[ExecutionInfo]) -> str:
        counts = Counter(outcome_of(info.result, info.state) for info in infos)
        return f"{name}: " + (", ".join(f"{n} {state}" for state, n in counts.items()) or "none")

    parts = [told("Preparation", [row.job_preparation_task_execution_info for row in rows])]
    if job.job_release_task is not None:
        released = [row.job_release_task_execution_info for row in rows]
        parts.append(told("release", [info for info in released if info is not None]))
    if job.state == "terminating" and job.scheduling_error is not None:
        parts.append(job.scheduling_error.message)
    return "; ".join(parts) + "."


def _has_failed(row: PreparationView) -> bool:
    infos = (row.job_preparation_task_execution_info, row.job_release_task_execution_info)
    return any(info is not None and info.result == "failure" for info in infos)


def _output(connection: Connection, asked: Question) -> dict[str, Any]:
    """The output of a preparation or release task."""
    place = Location(asked["pool"], asked["node"], asked["directory"])
    texts = []
    for name in ("stdout.txt", "stderr.txt"):
        try:
            end = connection.files.read(place, name, -OUTPUT)
            text = (whole_lines(end) if len(end) == OUTPUT else end).decode(errors="replace")
        except BatchError as error:
            text = error.message
        texts.append(f"── {name}\n{text}")
    return {"text": "\n".join(texts)}


# -- values ---------------------------------------------------------------------------------------


def _execution(info: ExecutionInfo | None) -> dict[str, Any] | None:
    if info is None:
        return None
    failure = info.failure_info
    took = (info.end_time - info.start_time).total_seconds() if info.end_time else None
    return {
        "state": info.state,
        "result": info.result,
        "exit_code": info.exit_code,
        "seconds": took,
        "retry_count": info.retry_count,
        "failure": f"{failure.code}: {_cut(failure.message)}" if failure else "",
        "directory": info.task_root_directory,
    }


def _seconds(moment: datetime | None) -> float | None:
    return moment.timestamp() if moment else None


def _cut(text: str) -> str:
    return printable(shortened(text, 1000))


ANSWERS: dict[str, Callable[[Connection, Question], Any]] = {
    "about": about,
    "node": _node,
    "task": _task,
    "tasks": list_tasks,
    "explain_task": explain_task,
    "why": _why,
    "preparations": _preparations,
    "output": _output,
    "files": list_files,
    "tail": tail,
    "download": download,
    "faults": list_faults,
}
"""The function that answers each question, by name."""
ACTS: dict[str, Callable[[Connection, Question], Any]] = {
    "act_on_tasks": act_on_tasks,
    "fault": commit,
}
"""The function that does what each button asks for, by name."""
