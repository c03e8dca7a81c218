"""Checks of lesson 07: several jobs in one pool."""

from __future__ import annotations

from batchlab.handles.job import Job, Jobs
from batchlab.handles.pool import Pool
from batchlab.lessons.exercises import Missing, exercise
from batchlab.lessons.looking import most_at_once, sent_back, span, unfinished


@exercise("07-1", "Second created, first done", Job, Job)
def _overtaken(first: Job, second: Job) -> str | Missing:
    waiting = unfinished(first, least=12) or unfinished(second, least=12)
    if waiting:
        return waiting
    if first.pool_id.lower() != second.pool_id.lower():
        return _elsewhere()
    created = Jobs(first._connection).ids()
    if created.index(first.view().id) > created.index(second.view().id):
        return Missing(
            "the second of the two was created first.",
            "Give them in the order of their creation.",
            "lessons.check('07-1', first, second).",
        )
    _, end = span(second)
    early = sum(
        view.end_time is not None and view.end_time.timestamp() < end
        for view in first.tasks.views()
    )
    if early > 4:
        return Missing(
            f"{early} tasks of the first job were done before the second job was.",
            "Jobs of the same priority take turns.",
            "priority= of create_job, or job.update(priority=...).",
        )
    return f"only {early} tasks of the first job were done when the second one was through."


@exercise("07-2", "Two at a time", Job)
def _modest(job: Job) -> str | Missing:
    waiting = unfinished(job, least=8)
    if waiting:
        return waiting
    most = most_at_once(job)
    if most > 2:
        return Missing(
            f"{most} of its tasks ran at the same time.",
            "Four nodes were free. What holds a job back?",
            "create_job takes max_parallel_tasks.",
        )
    if Pool(job._connection, job.pool_id).current_dedicated_nodes < 3:
        return Missing(
            "its pool has no nodes for more than two tasks.",
            "In a pool with four nodes something else has to hold the job back.",
            "create_job takes max_parallel_tasks, and pool.",
        )
    nodes = len({view.node_id for view in job.tasks.views()})
    if most < 2:
        return Missing(
            f"only {most} ran at a time, on {nodes} node{'s' * (nodes != 1)}.",
            "Two may.",
            "max_parallel_tasks=2, and a pool with two nodes or more.",
        )
    return "two of its tasks ran at a time, never more."


@exercise("07-3", "Make room", Job, Job)
def _made_room(moved: Job, urgent: Job) -> str | Missing:
    if moved.pool_id.lower() != urgent.pool_id.lower():
        return _elsewhere()
    waiting = unfinished(moved, least=4) or unfinished(urgent)
    if waiting:
        return waiting
    begin, _ = span(urgent)
    came = min(view.creation_time.timestamp() for view in urgent.tasks.views())
    if begin - came > 1:
        return Missing(
            f"the second job waited {begin - came:.0f} seconds.",
            "Does it go first, and may the other one's tasks be stopped?",
            "Both are needed: priority= of one, allow_task_preemption= of the other.",
        )
    if not sent_back(moved):
        return Missing(
            "no task had to make room.",
            "Let the first job be at work on all nodes before the second one comes.",
            "Four tasks, then lab.advance('30s'), then the second job.",
        )
    if len(moved.tasks.filter(result="failure")) or len(urgent.tasks.filter(result="failure")):
        return Missing(
            "some of the tasks failed.",
            "Nothing has to be terminated by hand.",
            "Tasks that make room are queued again, and run later.",
        )
    return "tasks made room, and were run again."


def _elsewhere() -> Missing:
    return Missing(
        "the jobs run in different pools.",
        "There is nothing to decide between jobs that never meet.",
        "Create both with the same pool.",
    )
