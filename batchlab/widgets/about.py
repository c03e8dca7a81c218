"""Details of a whole lab, pool or job: shown in a live display while nothing is selected."""

from __future__ import annotations

from typing import Any

from batchlab.core.messages.questions import GetCost, GetJob, GetPool, ListJobs, ListPools
from batchlab.core.messages.views import PoolView
from batchlab.core.model import JobPreparationTask, JobReleaseTask, StartTask
from batchlab.core.model.ids import fold
from batchlab.drivers.ports import Connection
from batchlab.handles.costs import Cost
from batchlab.html import printable, shortened
from batchlab.widgets.autoscaling import run_line
from batchlab.widgets.costs import cost_line
from batchlab.widgets.holdings import reference_line
from batchlab.words import plural

__all__ = ["about"]

NAMED = 12
"""Pools or jobs that are listed by name."""
LONG = 300
"""Characters of a command line that are shown."""

Rows = list[tuple[str, str, str]]


def about(connection: Connection, asked: dict[str, Any]) -> dict[str, Any]:
    """Pairs of a name and a text, to show as plain text, as ``code``, or as an ``error``."""
    if "job" in asked:
        title, rows = _job(connection, asked["job"])
    elif "pool" in asked:
        title, rows = _pool(connection, asked["pool"])
    else:
        title, rows = _lab(connection)
    pairs = [(name, printable(text), look) for name, text, look in rows if text]
    return {"kind": "about", "title": title, "pairs": pairs}


def _lab(connection: Connection) -> tuple[str, Rows]:
    pools, jobs = connection.ask(ListPools()), connection.ask(ListJobs())
    active = [job for job in jobs if job.state not in ("completed", "deleting")]
    return "The whole lab", [
        ("Pools", _named([f"{pool.id}: {_nodes(pool)}" for pool in pools]) or "none yet", ""),
        ("Jobs", _named([f"{job.id}: {job.state}, on {job.pool_id}" for job in active])
         or ("none active" if jobs else "none yet"), ""),
        ("Done", plural(len(jobs) - len(active), "job") if len(jobs) > len(active) else "", ""),
        ("Cost", cost_line(Cost(connection.ask(GetCost()))), ""),
    ]  # fmt: skip


def _pool(connection: Connection, pool_id: str) -> tuple[str, Rows]:
    view = connection.ask(GetPool(pool_id=pool_id))
    slots = view.task_slots_per_node
    jobs = [
        job.id for job in connection.ask(ListJobs())
        if fold(job.pool_id) == fold(view.id) and job.state not in ("completed", "deleting")
    ]  # fmt: skip
    return f"Pool {view.id}", [
        ("Name", view.display_name or "", ""),
        ("Nodes", _nodes(view), ""),
        ("Size", f"{view.vm_size}, {slots} slot{'s' * (slots != 1)} each", ""),
        ("Start task", _line(view.start_task), "code"),
        ("Packages", reference_line(view), ""),
        ("Jobs", _named(jobs), ""),
        ("Autoscale", run_line(view.auto_scale_run), ""),
        ("Cost", cost_line(Cost(connection.ask(GetCost(pool_id=view.id)))), ""),
        *(("Resize", f"{error.code}: {error.message}", "error") for error in view.resize_errors),
    ]


def _job(connection: Connection, job_id: str) -> tuple[str, Rows]:
    view = connection.ask(GetJob(job_id=job_id))
    error = view.scheduling_error
    return f"Job {view.id}", [
        ("Name", view.display_name or "", ""),
        ("State", view.state, ""),
        ("Pool", view.pool_id, ""),
        ("Priority", str(view.priority), ""),
        ("Preparation", _line(view.job_preparation_task), "code"),
        ("Release", _line(view.job_release_task), "code"),
        (
            "When tasks are done",
            "it terminates" if view.on_all_tasks_complete != "noaction" else "",
            "",
        ),
        ("Ended because", view.terminate_reason or "", ""),
        ("Error", f"{error.code}: {error.message}" if error else "", "error"),
    ]


def _line(task: StartTask | JobPreparationTask | JobReleaseTask | None) -> str:
    return shortened(task.command_line, LONG) if task else ""


def _nodes(pool: PoolView) -> str:
    """The current and target numbers of nodes of each kind."""
    spot = (pool.current_low_priority_nodes, pool.target_low_priority_nodes)
    kinds = [
        (pool.current_dedicated_nodes, pool.target_dedicated_nodes, " dedicated" * any(spot)),
        (*spot, " spot"),
    ]
    parts = [
        f"{there:,}{kind}" if there == wanted else f"{there:,} of {wanted:,}{kind}"
        for there, wanted, kind in kinds
        if there or wanted
    ]
    return f"{' and '.join(parts) or 'no'} node{'s' * (parts not in (['1'], ['1 spot']))}"


def _named(names: list[str]) -> str:
    left = len(names) - NAMED
    return "\n".join(names[:NAMED] + [f"… and {left:,} more"] * (left > 0))
