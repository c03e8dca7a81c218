"""Checks of lesson 12: ten broken labs, to be mended.

A lab is mended when the tasks that waited there are completed, with success: not others in their
place. How it was done does not matter.
"""

from __future__ import annotations

from datetime import timedelta
from functools import partial

from batchlab.errors import NotFound
from batchlab.handles.job import Job
from batchlab.handles.lab import BaseLab
from batchlab.lab import SimulatedLab
from batchlab.lessons.broken import TASKS
from batchlab.lessons.exercises import Missing, exercise

SOON = timedelta(hours=12)

HINTS = {
    "12-1": (
        "A pool without nodes",
        "A pool has as many nodes as it is told to have. How many is this one told?",
        "pool.resize(...).",
    ),
    "12-2": (
        "A job that is not active",
        "Look at job.state. Which verb leads back from there?",
        "The opposite of disable.",
    ),
    "12-3": (
        "Nodes that take nothing",
        "Look at the scheduling_state of the nodes.",
        "Each node has a verb that turns it on again; pool.nodes.values() are the nodes.",
    ),
    "12-4": (
        "A job in the wrong place",
        "Compare job.pool_id with lab.pools. What could be made, or changed, so that they agree?",
        (
            "Either a pool of that id comes to be, or the job is disabled, updated with another "
            "pool_info, and enabled."
        ),
    ),
    "12-5": (
        "A pool that gets no nodes",
        "The error says how many nodes can be had. Who has them?",
        (
            "Make the other pool smaller, wait until it is steady, and ask again for yours: "
            "a resize that has failed is over."
        ),
    ),
    "12-6": (
        "Tasks that fit nowhere",
        (
            "Slots are fixed when a pool is created, and so are those that a task needs. "
            "But a job can change its pool."
        ),
        "Another pool with enough slots; then job.disable, job.update(pool_info=...), job.enable.",
    ),
    "12-7": (
        "Nodes that are out of service",
        "What does startup/stderr.txt on a node say? A pool can be given another start task.",
        "pool.update(start_task=...) holds for the next start of each node: reboot them.",
    ),
    "12-8": (
        "Tasks that wait for nobody",
        "Look at the depends_on of a task. Is there such a task, and did it succeed?",
        "A task of that id may come later; with success, it lets the others go.",
    ),
    "12-9": (
        "Nodes that refuse a job",
        (
            "What does the preparation look for? Whose working directory is that? After a failed "
            "preparation a node takes the job again when it was reimaged, and not before."
        ),
        "Let the start task of the pool write the file, then node.reimage() each node.",
    ),
    "12-10": (
        "A job behind another",
        "Look at the priority of the jobs. Or at how many nodes there are, and could be.",
        "job.update(priority=...) goes up to 1000; what runs already goes on to its end.",
    ),
}


def _mended(name: str, lab: BaseLab) -> str | Missing:
    _, hint, second = HINTS[name]
    names = [f"frame{number}" for number in range(1, TASKS + 1)]
    try:
        job = lab.jobs["work"]
        views = [job.tasks[name].view() for name in names]
    except NotFound:
        return Missing(
            "the job 'work' is not what it was: its three tasks are gone.",
            "Mend it, so that the tasks which wait can run; do not put others in their place.",
            "lessons.broken(...) opens the lab anew, broken as before.",
        )
    done = [view for view in views if view.state == "completed"]
    failed = [view for view in done if view.result == "failure"]
    if failed:
        return Missing(
            f"{len(failed)} of the tasks failed.",
            "They should be completed with success. Were they terminated?",
            "A task that failed can be reactivated: task.reactivate().",
        )
    if len(done) == len(views):
        ends = [view.end_time - view.creation_time for view in done if view.end_time]
        if name == "12-10" and max(ends) > SOON:
            return Missing(
                f"they waited {max(ends)}, until everybody else was done.", hint, second
            )
        return "the three tasks that waited are completed."
    return _still(job, hint, second)


def _still(job: Job, hint: str, second: str) -> Missing:
    waiting = job.tasks.filter(state=["active", "preparing", "running"])[:1][0].explain()
    if any(reason.lasting for reason in waiting.reasons):
        return Missing("the tasks wait, and nothing will change that: " + waiting[0], hint, second)
    return Missing(
        "the tasks are not completed yet: " + (waiting[0] if waiting else "they run."),
        f"If you have mended it, job.tasks.wait() waits for them. {hint}",
        second,
    )


for _name, (_title, _, _) in HINTS.items():
    exercise(_name, _title, SimulatedLab)(partial(_mended, _name))
