"""Checks of lesson 07: several jobs in one pool."""

from __future__ import annotations

from batchlab.handles.job import Job, Jobs
from batchlab.handles.pool import Pool
from batchlab.lessons.evidence import not_all_succeeded, run_seconds
from batchlab.lessons.exercises import Missing, exercise
from batchlab.lessons.looking import (
    history_of,
    is_of_pool,
    is_task_of,
    most_at_once,
    sent_back,
    span,
    unfinished,
)


@exercise("07-1", "Second created, first done", Job, Job)
def _overtaken(first: Job, second: Job) -> str | Missing:
    waiting = (
        unfinished(first, least=12)
        or unfinished(second, least=12)
        or not_all_succeeded(first, second)
    )
    if waiting:
        return waiting
    if first.pool_id.lower() != second.pool_id.lower():
        return _elsewhere()
    created = Jobs(first._connection).ids()
    if created.index(first.view().id) > created.index(second.view().id):
        return Missing(
            "the second job that you passed was created first.",
            "Pass the jobs in the order of their creation.",
            "Call lessons.check('07-1', first, second), with the older job first.",
        )
    begin, end = span(second)
    came = [view.creation_time.timestamp() for view in first.tasks.views()]
    if sorted(came)[11] > begin:
        return Missing(
            "the first job had not got its tasks yet when the second one started.",
            "A job without tasks is easily overtaken. Both should have theirs.",
            "Add the tasks to the first job before the second one begins.",
        )
    if max(run_seconds(second.tasks.views())) < 0.9 * min(run_seconds(first.tasks.views())):
        return Missing(
            "the tasks of the second job are shorter.",
            "The same tasks in both jobs: what puts one job before the other?",
            'All tasks have the command line "render".',
        )
    early = sum(
        view.end_time is not None and view.end_time.timestamp() < end
        for view in first.tasks.views()
    )
    if early > 4:
        return Missing(
            f"{early} tasks of the first job were done before the second job was.",
            "Jobs of the same priority take turns. What puts one job before the other?",
            "Use priority= of create_job, or job.update(priority=...).",
        )
    return f"only {early} tasks of the first job were done when the second job finished."


@exercise("07-2", "Two at a time", Job)
def _modest(job: Job) -> str | Missing:
    waiting = unfinished(job, least=8) or not_all_succeeded(job)
    if waiting:
        return waiting
    most = most_at_once(job)
    if most > 2:
        return Missing(
            f"{most} of the tasks ran at the same time.",
            "Four nodes were free. What limits a job?",
            "create_job has a parameter max_parallel_tasks.",
        )
    if Pool(job._connection, job.pool_id).current_dedicated_nodes < 3:
        return Missing(
            "the pool of the job has no nodes for more than two tasks.",
            "Use the pool with four nodes, and limit the job itself.",
            "Pass pool and max_parallel_tasks to create_job.",
        )
    nodes = len({view.node_id for view in job.tasks.views()})
    if most < 2:
        return Missing(
            f"only {most} task ran at a time, on {nodes} node{'s' * (nodes != 1)}.",
            "Two tasks may run at the same time.",
            "Use max_parallel_tasks=2 and a pool with at least two nodes.",
        )
    if job.max_parallel_tasks != 2 and not job.uses_task_dependencies:
        return Missing(
            "two of the tasks ran at the same time, but the job did not see to it.",
            "What if all four nodes had been free for them?",
            "create_job has a parameter max_parallel_tasks.",
        )
    return "two of the tasks ran at the same time, and never more."


@exercise("07-3", "Make room", Job, Job)
def _made_room(moved: Job, urgent: Job) -> str | Missing:
    if moved.pool_id.lower() != urgent.pool_id.lower():
        return _elsewhere()
    waiting = unfinished(moved, least=4) or unfinished(urgent)
    if waiting:
        return waiting
    if _idle_nodes_when_it_came(urgent):
        return Missing(
            "not all nodes were running tasks when the second job came.",
            "The first job must be running on all nodes before you create the second.",
            "Create four tasks, then call lab.advance('30s'), then create the second job.",
        )
    begin, _ = span(urgent)
    came = min(view.creation_time.timestamp() for view in urgent.tasks.views())
    if begin - came > 1:
        return Missing(
            f"the second job waited {begin - came:.0f} seconds.",
            "Does it have the higher priority, and may the tasks of the other job be stopped?",
            "You need both: priority= on one job, allow_task_preemption= on the other.",
        )
    if not sent_back(moved):
        return Missing(
            "no task of the first job had to make room.",
            "The first job must be running on all nodes before you create the second.",
            "Create four tasks, then call lab.advance('30s'), then create the second job.",
        )
    if len(moved.tasks.filter(result="failure")) or len(urgent.tasks.filter(result="failure")):
        return Missing(
            "some of the tasks failed.",
            "You do not have to terminate anything yourself.",
            "Tasks that make room are queued again, and run later.",
        )
    return "tasks of the first job made room, and ran again later."


def _idle_nodes_when_it_came(job: Job) -> list[str]:
    """The nodes of the pool that were idle when the first task of a job was created."""
    states: dict[str, str] = {}
    for change in history_of(job):
        if is_of_pool(change, job.pool_id):
            states[change.node_id] = change.state
        elif is_task_of(change, job):
            break
    return [name for name, state in states.items() if state == "idle"]


def _elsewhere() -> Missing:
    return Missing(
        "the jobs run in different pools.",
        "Jobs in different pools do not compete for nodes.",
        "Create both jobs in the same pool.",
    )
