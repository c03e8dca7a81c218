"""Checks of lesson 06: lost nodes, and tasks that are safe to rerun."""

from __future__ import annotations

from batchlab.core.model.ids import fold
from batchlab.errors import NotFound
from batchlab.handles.job import Job
from batchlab.handles.node import Node
from batchlab.handles.task import Task
from batchlab.lessons.exercises import Missing, exercise
from batchlab.lessons.looking import node_times, not_completed, sent_back, unfinished


@exercise("06-1", "Paid once", Task)
def _paid_once(task: Task) -> str | Missing:
    waiting = not_completed(task)
    if waiting:
        return waiting
    job = Job(task._connection, task.job_id)
    if not any(fold(change.task_id) == fold(task.id) for change in sent_back(job)):
        return Missing(
            "the task ran only once.",
            "Reboot the node while the task is running.",
            "run_and_reboot does that after 30 seconds, so the task must take longer.",
        )
    node = Node(task._connection, job.pool_id, task.node_id or "")
    try:
        lines = node.files.text(f"shared/{job.view().id}.txt").splitlines()
    except NotFound:
        return Missing(
            f"there is no shared/{job.view().id}.txt on the node.",
            "The variable book holds the path of the file.",
            "Start from the command line of the careless job.",
        )
    count = sum(line.strip() == "paid 10" for line in lines)
    if count != 1:
        return Missing(
            f"the line is there {count} times, not once.",
            "Which part of the careless command line appends to the file?"
            if count > 1
            else "The line must be: paid 10.",
            "What if each run overwrites the file? (Try it in a new job.)",
        )
    return "the task ran twice, and paid once."


@exercise("06-2", "Survive the loss of a node", Job)
def _survived(job: Job) -> str | Missing:
    waiting = unfinished(job, least=6)
    if waiting:
        return waiting
    taken = node_times(job, job.pool_id, "preempted")
    if not taken:
        return Missing(
            "no node of the pool was taken away.",
            "You can play the cloud: a node has a method for it.",
            "Call node.preempt() on a spot node; the pool needs target_low_priority_nodes.",
        )
    if not any(change.at >= min(taken) for change in sent_back(job)):
        return Missing(
            "the node was not running a task of this job when it was taken.",
            "Move the clock forward until the tasks run, then take a node.",
            "Call lab.advance('30s') between create_tasks and preempt.",
        )
    failed = len(job.tasks.filter(result="failure"))
    if failed:
        return Missing(
            f"{failed} of the tasks failed.",
            "The loss of a node does not make a task fail. What else did?",
            "Look at the failure_info of one of them.",
        )
    return "a node was taken while it was working, and all tasks succeeded."
