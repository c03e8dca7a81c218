"""The cards of all things in a lab: one function per kind, from views to HTML.

`draw` chooses the function; those that are not here are in modules named after what they draw.
`mimebundle` is for Jupyter. Displaying never fails: for a thing that is gone or a lab that is
closed, the card shows the service's error.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import singledispatch
from typing import Any

from markupsafe import Markup

from batchlab.colours import GREEN, GREY, ORANGE, PINK, SKY
from batchlab.core.messages.views import JobScheduleView, JobView, NodeView, PoolView
from batchlab.core.model.values import NodeUsage, TaskCounts
from batchlab.core.state.states import outcome_of
from batchlab.durations import format_duration
from batchlab.errors import BatchError
from batchlab.handles.base import Handle
from batchlab.handles.collections.mapping import Handles
from batchlab.handles.costs import Cost, VmSizes
from batchlab.handles.explanation import Explanation
from batchlab.handles.job import Counts, Job, Jobs
from batchlab.handles.job_schedule import JobSchedule, JobSchedules, next_job_text
from batchlab.handles.lab import BaseLab
from batchlab.handles.node import Node
from batchlab.handles.nodes import Nodes
from batchlab.handles.pool import Pool, Pools
from batchlab.handles.preparations import Preparations
from batchlab.handles.python_tasks.task_list import TaskList
from batchlab.handles.subtasks import Subtasks
from batchlab.handles.task import Task, Tasks, count_text, total
from batchlab.html import (
    ROWS,
    bar,
    card,
    code,
    details,
    join,
    muted,
    none,
    state,
    table,
    tag,
    time_text,
)
from batchlab.replayed import ReplayedLab
from batchlab.widgets.autoscaling import run_line
from batchlab.widgets.costs import cost_card, cost_line, sizes_card
from batchlab.widgets.data import (
    blobs_card,
    container_card,
    file_list_card,
    files_card,
    storage_card,
)
from batchlab.widgets.explanation import explanation_card, explanation_text
from batchlab.widgets.holdings import reference_line
from batchlab.widgets.preparations import outcome, preparation_card, preparation_table
from batchlab.widgets.subtasks import subtask_card, subtask_table
from batchlab.widgets.task_table import in_order, task_table
from batchlab.words import natural

__all__ = ["draw", "mimebundle"]


def mimebundle(thing: object) -> dict[str, Any]:
    """Text and HTML of a thing."""
    try:
        html = draw(thing)
    except BatchError as error:
        name = thing.id if isinstance(thing, Handle) else ""
        html = card(type(thing).__name__, name, [], tag("p", str(error)), colour=GREY)
    return {"text/plain": repr(thing), "text/html": str(html)}


@singledispatch
def draw(thing: object) -> Markup:
    """HTML of a thing."""
    return tag("pre", repr(thing))


@draw.register
def _lab(lab: BaseLab) -> Markup:
    pools, jobs = lab.pools.views(), lab.jobs.views()
    pairs = [
        ("Clock", time_text(lab.now)),
        ("Replayed", lab.ending if isinstance(lab, ReplayedLab) else ""),
        ("Nodes", _node_sum(pools)),
        ("Cost", cost_line(lab.cost)),
    ]
    schedules = lab.job_schedules.views()
    more = [_schedule_table(schedules, lab.now.timestamp())] if schedules else []
    return card(repr(lab), "", pairs, _pool_table(pools), _job_table(jobs), *more, colour=SKY)


@draw.register
def _pool(pool: Pool) -> Markup:
    view = pool.view()
    slots = view.task_slots_per_node
    errors = [code(f"{error.code}: {error.message}") for error in view.resize_errors]
    pairs = [
        ("State", state(view.state)),
        ("Allocation", state(view.allocation_state)),
        ("Nodes", _nodes_of(view)),
        ("Size", f"{view.vm_size}, {slots} task slot{'s' * (slots != 1)} each"),
        ("Nodes by state", _by_state(view.node_counts)),
        ("Start task", code(view.start_task.command_line) if view.start_task else ""),
        ("Packages", reference_line(view)),
        ("Cost", cost_line(pool.cost)),
        ("Autoscale", run_line(view.auto_scale_run)),
        ("Resize errors", join(errors, " ")),
    ]
    return card("Pool", view.id, pairs)


@draw.register
def _node(node: Node) -> Markup:
    view = node.view()
    running = [f"{job} / {task}" for job, task in view.running_tasks[:10]]
    start = view.start_task_info
    pairs = [
        ("State", state(view.state)),
        ("Scheduling", view.scheduling_state),
        ("Pool", view.pool_id),
        ("Address", view.ip_address or ""),
        ("Machine", view.machine),
        ("Slots in use", _of(view.running_task_slots_count, view.task_slots)),
        ("Tasks run", f"{view.total_tasks_run}, {view.total_tasks_succeeded} succeeded"),
        ("Running tasks", ", ".join(running)),
        ("Usage", _usage(view.usage)),
        ("Cost", cost_line(node.cost)),
        ("Start task", _ended(*outcome(start)) if start else ""),
        ("Errors", "; ".join(f"{error.code}: {error.message}" for error in view.errors)),
    ]
    return card("Node", view.id, pairs, colour=GREEN)


@draw.register
def _job(job: Job) -> Markup:
    view = job.view()
    preparation, release = view.job_preparation_task, view.job_release_task
    pairs = [
        ("State", state(view.state)),
        ("Pool", view.pool_id),
        ("Tasks", _counts_line(view.task_counts)),
        ("Priority", str(view.priority)),
        ("Preparation", code(preparation.command_line) if preparation else ""),
        ("Release", code(release.command_line) if release else ""),
        ("Ended because", view.terminate_reason or ""),
    ]
    more = []
    if preparation and (rows := job.preparations):
        more.append(details("Preparation and release", preparation_table(rows)))
    return card("Job", view.id, pairs, *more, colour=ORANGE)


@draw.register
def _job_schedule(schedule: JobSchedule) -> Markup:
    view = schedule.view()
    plan = view.schedule
    pairs = [
        ("State", state(view.state)),
        (
            "Every",
            format_duration(plan.recurrence_interval) if plan.recurrence_interval else "once",
        ),
        ("Next job", next_job_text(view, schedule._connection.now())),
        ("Last job", view.recent_job_id or ""),
    ]
    more = [explanation_text(schedule.explain())] if view.state in ("active", "disabled") else []
    return card("Job schedule", view.id, pairs, *more, colour=ORANGE)


@draw.register
def _job_schedules(schedules: JobSchedules) -> Markup:
    return card(
        "Job schedules",
        _filter(schedules),
        [],
        _schedule_table(schedules.views(), schedules._connection.now()),
        colour=ORANGE,
    )


@draw.register
def _task(task: Task) -> Markup:
    view = task.view()
    failure = view.failure_info
    pairs = [
        ("State", state(view.state)),
        ("Result", state(outcome_of(view.result, "")) if view.result else ""),
        ("Exit code", "" if view.exit_code is None else str(view.exit_code)),
        ("Job", view.job_id),
        ("Node", view.node_id or ""),
        ("Command line", code(view.command_line)),
        ("Failure", f"{failure.code}: {failure.message}" if failure else ""),
        ("Started", time_text(view.start_time)),
        ("Ended", time_text(view.end_time)),
        ("Retries", str(view.retry_count or "")),
        ("Requeues", str(view.requeue_count or "")),
    ]
    settled = view.state == "running" or view.result == "success"
    more = [] if settled else [explanation_text(task.explain())]
    if view.multi_instance_settings is not None:
        more.append(subtask_table(task.subtasks))
    return card("Task", view.id, pairs, *more, colour=PINK)


@draw.register
def _pools(pools: Pools) -> Markup:
    return card("Pools", _filter(pools), [], _pool_table(pools.views(), ""))


@draw.register
def _jobs(jobs: Jobs) -> Markup:
    return card("Jobs", _filter(jobs), [], _job_table(jobs.views(), ""), colour=ORANGE)


@draw.register
def _nodes(nodes: Nodes) -> Markup:
    views = nodes.views()
    ordered = sorted(views, key=lambda view: natural(view.id))
    known = ("machine",) if any(view.machine for view in views) else ()
    rows = [_node_row(view, *known) for view in ordered[:ROWS]]
    columns = ("id", "state", "scheduling", "address", *known, "slots in use", "tasks run")
    grid = table("", columns, rows, left_out=len(views) - len(rows), numbers=columns[-2:])
    return card("Nodes", _filter(nodes) or repr(nodes), [], grid, colour=GREEN)


@draw.register
def _tasks(tasks: Tasks) -> Markup:
    failed = tasks.filter(result="failure").first(ROWS)
    others = [view for view in tasks.first(ROWS) if view.result != "failure"]
    pairs = [] if tasks.narrowed else [("All", _counts_line(tasks._counts()))]
    now = tasks._connection.now()
    grid = task_table([*in_order(failed), *in_order(others)][:ROWS], now, len(tasks))
    return card("Tasks", _filter(tasks), pairs, grid, colour=PINK)


@draw.register
def _task_list(tasks: TaskList) -> Markup:
    views = [task.view() for task in tasks[:ROWS]]
    now = tasks[0]._connection.now() if tasks else 0.0
    grid = task_table(views, now, len(tasks))
    return card("Tasks", repr(tasks), [], grid, colour=PINK)


@draw.register
def _counts(counts: Counts) -> Markup:
    return card("Task counts", "", [("Tasks", _counts_line(counts))], colour=PINK)


draw.register(Cost, cost_card)
draw.register(Explanation, explanation_card)
draw.register(Preparations, preparation_card)
draw.register(Subtasks, subtask_card)
draw.register(VmSizes, sizes_card)


for _card in (files_card, file_list_card, storage_card, container_card, blobs_card):
    draw.register(_card)


def _pool_table(views: Sequence[PoolView], caption: str = "Pools") -> Markup:
    if not views:
        return none("pools")
    rows = [
        (
            view.id,
            state(view.state),
            state(view.allocation_state),
            _nodes_of(view),
            _by_state(view.node_counts),
        )
        for view in views[:ROWS]
    ]
    columns = ("pool", "state", "allocation", "nodes", "by state")
    return table(caption, columns, rows, left_out=len(views) - len(rows))


def _job_table(views: Sequence[JobView], caption: str = "Jobs") -> Markup:
    if not views:
        return none("jobs")
    rows = [
        (
            view.id,
            state(view.state),
            view.pool_id,
            str(view.priority),
            _counts_line(view.task_counts),
        )
        for view in views[:ROWS]
    ]
    columns = ("job", "state", "pool", "priority", "tasks")
    return table(caption, columns, rows, left_out=len(views) - len(rows), numbers=("priority",))


def _schedule_table(views: Sequence[JobScheduleView], now: float) -> Markup:
    if not views:
        return none("job schedules")
    rows = [
        (view.id, state(view.state), view.recent_job_id or "", next_job_text(view, now))
        for view in views[:ROWS]
    ]
    columns = ("job schedule", "state", "last job", "next job")
    return table("", columns, rows, left_out=len(views) - len(rows))


def _node_row(view: NodeView, *more: str) -> tuple[str, ...]:
    return (
        view.id,
        state(view.state),
        view.scheduling_state,
        view.ip_address or "",
        *(getattr(view, name) for name in more),
        _of(view.running_task_slots_count, view.task_slots),
        str(view.total_tasks_run),
    )


def _counts_line(counts: TaskCounts) -> Markup:
    if not total(counts):
        return muted("no tasks")
    parts = [
        ("good", counts.succeeded),
        ("failed", counts.failed),
        ("going", counts.running),
        ("", counts.active),
    ]
    return join([bar(parts), count_text(counts)])


def _nodes_of(view: PoolView) -> str:
    """Dedicated nodes and, where there are any or should be, spot nodes."""
    spot = view.current_low_priority_nodes, view.target_low_priority_nodes
    more = f", {_of(*spot)} spot" if any(spot) else ""
    return _of(view.current_dedicated_nodes, view.target_dedicated_nodes) + more


def _node_sum(pools: Sequence[PoolView]) -> str:
    spot = sum(pool.current_low_priority_nodes for pool in pools)
    dedicated = sum(pool.current_dedicated_nodes for pool in pools)
    return f"{dedicated}, and {spot} spot" if spot else str(dedicated)


def _filter(things: Handles[Any]) -> str:
    return f"with {things.narrowed}" if things.narrowed else ""


def _by_state(counts: dict[str, int]) -> Markup:
    return join([join([str(count), " ", state(name)]) for name, count in counts.items()], ", ")


def _ended(how: Markup, exit_code: str) -> Markup:
    return join([how, f", exit code {exit_code}" if exit_code else ""])


def _usage(usage: NodeUsage | None) -> str:
    if usage is None:
        return ""
    memory = usage.memory_megabytes
    return f"{usage.cpu_percent:.0f} % CPU" + (f", {memory:,.0f} MB" if memory else "")


def _of(part: int, whole: int) -> str:
    return f"{part} of {whole}"
