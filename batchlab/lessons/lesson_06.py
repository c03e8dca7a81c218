"""Checks of lesson 06: nodes that are lost, and tasks that bear it."""

from __future__ import annotations

from batchlab.core.ids import fold
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
            "Once is easy. The node should be rebooted in between.",
            "run_and_reboot does that after 30 seconds; let the task take longer.",
        )
    node = Node(task._connection, job.pool_id, task.node_id or "")
    try:
        lines = node.files.text(f"shared/{job.view().id}.txt").splitlines()
    except NotFound:
        return Missing(
            f"there is no shared/{job.view().id}.txt on the node.",
            "The variable book names the file of the job.",
            "The careless command line is not far from it.",
        )
    count = sum(line.strip() == "paid 10" for line in lines)
    if count != 1:
        return Missing(
            f"the line is there {count} times.",
            "One > in the careless line is too many."
            if count > 1
            else "The line should be: paid 10.",
            "What if the file is written anew each time? (Try it in a new job.)",
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
            "Nodes have a verb with which you can play the cloud.",
            "node.preempt(), of a spot node; the pool needs target_low_priority_nodes.",
        )
    if not any(change.at >= min(taken) for change in sent_back(job)):
        return Missing(
            "the node that was taken did not work for this job.",
            "Move the clock until the tasks run, then take a node.",
            "lab.advance('30s') between create_tasks and preempt.",
        )
    failed = len(job.tasks.filter(result="failure"))
    if failed:
        return Missing(
            f"{failed} of the tasks failed.",
            "A lost node fails no task. What else did?",
            "Look at failure_info of one.",
        )
    return "a node was taken while it worked, and no work is missing."
