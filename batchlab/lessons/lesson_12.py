"""Checks of lesson 12: broken labs to repair.

A lab is repaired when its waiting tasks have completed successfully; other tasks instead of them
do not count. How it was done does not matter, as long as nothing of others was harmed.
"""

from __future__ import annotations

from datetime import timedelta
from functools import partial

from batchlab.core.messages.outputs import (
    Change,
    JobChanged,
    NodeChanged,
    PoolChanged,
    TaskChanged,
)
from batchlab.core.model.ids import fold
from batchlab.core.state.states import NODE
from batchlab.errors import NotFound
from batchlab.handles.job import Job
from batchlab.handles.lab import BaseLab
from batchlab.lab import SimulatedLab
from batchlab.lessons.broken import OpenedLab, etags, opened_for
from batchlab.lessons.exercises import Missing, exercise
from batchlab.lessons.labs_12 import TASKS
from batchlab.lessons.looking import history

SOON = timedelta(hours=12)
FRAMES = [f"frame{number}" for number in range(1, TASKS + 1)]

HINTS = {
    "12-1": (
        "A pool without nodes",
        "A pool has as many nodes as its target says. What is the target of this one?",
        "Call pool.resize(...).",
    ),
    "12-2": (
        "A job that is not active",
        "Look at job.state. Which method changes it back?",
        "Use the opposite of disable.",
    ),
    "12-3": (
        "Nodes that take no tasks",
        "Look at the scheduling_state of the nodes.",
        "Each node has a method to turn scheduling on again; the nodes are pool.nodes.values().",
    ),
    "12-4": (
        "A job in the wrong place",
        "Compare job.pool_id with lab.pools. What could you create or change to make them agree?",
        (
            "Either create a pool with that id, or disable the job, update it with another "
            "pool_info, and enable it."
        ),
    ),
    "12-5": (
        "A pool that gets no nodes",
        "The error says how many nodes are available in all. Which pool has them?",
        (
            "Make the other pool smaller, wait until it is steady, and resize yours again: "
            "a failed resize is not tried again."
        ),
    ),
    "12-6": (
        "Tasks that fit nowhere",
        (
            "The slots of a node are fixed when the pool is created, and so are the slots that a "
            "task needs. But a job can change its pool."
        ),
        (
            "Create another pool with enough slots. Then use job.disable, "
            "job.update(pool_info=...) and job.enable."
        ),
    ),
    "12-7": (
        "Nodes that are out of service",
        "What does startup/stderr.txt on a node say? You can give a pool another start task.",
        "pool.update(start_task=...) takes effect when a node next starts: reboot the nodes.",
    ),
    "12-8": (
        "Tasks that wait in vain",
        "Look at the depends_on of a task. Does the task that it names exist? Did it succeed?",
        "You can still create a task with that id. When it succeeds, the others may run.",
    ),
    "12-9": (
        "Nodes that refuse a job",
        (
            "What does the preparation look for? Whose working directory is that? After a failed "
            "preparation, a node does not take the job again until it is reimaged."
        ),
        "Let the pool's start task write the file, then call node.reimage() on each node.",
    ),
    "12-10": (
        "A job behind another",
        "Look at the priority of the jobs, or at how many nodes there are and could be.",
        "job.update(priority=...) takes up to 1000; tasks that already run are not stopped.",
    ),
    "12-11": (
        "Two faults, one behind the other",
        "What do the resize_errors of the pool say? And when its nodes are there: their states?",
        (
            "Make the other pool smaller, then resize yours. When its nodes are there, look at "
            "startup/stderr.txt."
        ),
    ),
    "12-12": (
        "Two faults in two places",
        "What do the tasks depend on, and how did that end? And do the nodes take tasks?",
        (
            "Enable scheduling, put the missing file on the nodes with a start task, and "
            "reactivate the task that failed."
        ),
    ),
    "12-13": (
        "A job that waits",
        "In which state are the nodes? Does that state pass?",
        "Waiting is enough: job.tasks.wait(). To start over, open the lab again.",
    ),
}


def _repaired(name: str, lab: BaseLab) -> str | Missing:
    _, hint, second = HINTS[name]
    opened = opened_for(name, lab)
    if isinstance(opened, Missing):
        return opened
    harm = _harm(lab, opened)
    if harm:
        return harm
    try:
        job = lab.jobs["work"]
        views = [job.tasks[name].view() for name in FRAMES]
    except NotFound:
        return _gone()
    done = [view for view in views if view.state == "completed"]
    failed = [view for view in done if view.result == "failure"]
    if failed:
        return Missing(
            f"{len(failed)} of the tasks failed.",
            "They should complete successfully. Were they terminated?",
            "A failed task can be reactivated: task.reactivate().",
        )
    if len(done) == len(views):
        ends = [view.end_time - view.creation_time for view in done if view.end_time]
        if name == "12-10" and max(ends) > SOON:
            return Missing(
                f"they waited {max(ends)}, until all other tasks were done.", hint, second
            )
        if name == "12-13" and _touched(lab, opened):
            return Missing(
                "the tasks are completed, but you changed something.",
                "Was anything wrong? What would have happened if you had only waited?",
                second,
            )
        return "the three waiting tasks are completed."
    return _still(job, hint, second)


def _since(lab: BaseLab, opened: OpenedLab) -> list[Change]:
    return history(lab.jobs["work"])[opened.since :]


def _harm(lab: BaseLab, opened: OpenedLab) -> Missing | None:
    """What was done to the tasks, to other jobs, or to pools that others use."""
    jobs = {fold(name) for name in opened.job_ids}
    changes = history(Job(lab._connection, "work"))[opened.since :]
    for change in changes:
        if isinstance(change, PoolChanged) and change.state == "deleting":
            if change.pool_id in opened.other_pool_ids:
                return _harmed(f"the pool {change.pool_id!r} was deleted.")
        elif isinstance(change, TaskChanged) and change.state == "deleted":
            if fold(change.job_id) == "work":
                if fold(change.task_id) in FRAMES:
                    return _gone()
            elif fold(change.job_id) in jobs:
                return _harmed(f"tasks of the job {change.job_id!r} were deleted.")
        elif isinstance(change, JobChanged) and change.state in ("terminating", "deleting"):
            if fold(change.job_id) == "work" and change.state == "deleting":
                return _gone()
            if fold(change.job_id) in jobs - {"work"}:
                return _harmed(f"the job {change.job_id!r} was ended.")
    for name in opened.job_ids:
        job = lab.jobs[name]
        if name != "work" and (job.state != "active" or job.counts.failed):
            return _harmed(f"the job {name!r} no longer runs as before.")
    return None


def _harmed(what: str) -> Missing:
    return Missing(
        what,
        "It belongs to someone else, who still needs it.",
        "To start over: lessons.broken(...) opens a new lab, broken as before.",
    )


def _gone() -> Missing:
    return Missing(
        "the three tasks that the job 'work' had are gone.",
        "Repair the lab so that the waiting tasks can run; do not replace them with others.",
        "To start over: lessons.broken(...) opens a new lab, broken as before.",
    )


def _touched(lab: BaseLab, opened: OpenedLab) -> bool:
    # Nodes that start or work; one that is new, or is restarted, was not there before.
    calm = {*NODE.group("taking"), *{*NODE.group("coming")} & {*NODE.group("deallocatable")}}
    return etags(lab) != opened.etags or any(
        isinstance(change, NodeChanged) and change.state not in calm
        for change in _since(lab, opened)
    )


def _still(job: Job, hint: str, second: str) -> Missing:
    left = job.counts.active + job.counts.running
    if getattr(job._connection, "locked", False):
        return Missing(
            f"{left} of the tasks are not completed yet.",
            f"{hint} If you have repaired the lab, job.tasks.wait() waits for them.",
            second,
        )
    waiting = job.tasks.filter(state=["active", "preparing", "running"])[:1][0].explain()
    if any(reason.lasting for reason in waiting.reasons):
        return Missing("the tasks wait, and nothing will change that: " + waiting[0], hint, second)
    return Missing(
        "the tasks are not completed yet: " + (waiting[0] if waiting else "they are running."),
        f"If you have repaired the lab, job.tasks.wait() waits for them. {hint}",
        second,
    )


for _name, (_title, _, _) in HINTS.items():
    exercise(_name, _title, SimulatedLab)(partial(_repaired, _name))
