"""Checks of lesson 06: lost nodes, and tasks that are safe to rerun."""

from __future__ import annotations

from batchlab.core.model import (
    OutputFile,
    OutputFileBlobContainerDestination,
    OutputFileDestination,
)
from batchlab.core.model.ids import fold
from batchlab.drivers.simulated.resources import UPLOAD_S
from batchlab.errors import NotFound
from batchlab.handles.job import Job
from batchlab.handles.node import Node
from batchlab.handles.pool import Pool
from batchlab.handles.task import Task
from batchlab.lessons.evidence import losses, rehearsal, run_seconds, words_in
from batchlab.lessons.exercises import Missing, exercise
from batchlab.lessons.looking import not_completed, sent_back, unfinished

SOON_S = 120
"""How soon a task pays in a rehearsal, in seconds, for the check to look at that moment."""


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
    if not task.resource_files and _paid_again(task):
        return Missing(
            "it paid once because the node was rebooted before it paid. After a later reboot it "
            "would have paid twice.",
            "What happens if the task runs once more from the beginning when it has paid?",
            "What if each run overwrites the file, or looks first whether it was paid already?",
        )
    if not task.resource_files and _paid_before_it_was_noted(task):
        return Missing(
            "it would pay twice if the node were rebooted right after the payment, before the "
            "program notes that it has paid.",
            "Payment and note are two commands. What happens between them?",
            "What if each run overwrites the file, or looks into the file itself?",
        )
    return "the task ran twice, and paid once."


def _paid_again(task: Task) -> bool:
    """Whether the task would pay twice if its node were rebooted when its program has just ended.

    Output files are uploaded after that, so the rehearsal has a moment for the reboot.
    """
    common = Job(task._connection, task.job_id).common_environment_settings
    command_line, settings = task.command_line, {**common, **task.environment_settings}
    with rehearsal(task) as lab:
        pool = lab.create_pool("trial", target_dedicated_nodes=1)
        pool.nodes.wait("idle")
        plain = lab.create_job("plain", pool).create_task(
            task.id, command_line, environment_settings=settings
        )
        plain.wait()
        [seconds] = run_seconds([plain.view()])
        lab.storage.create_container("outputs")
        outputs = OutputFileBlobContainerDestination(container_url="outputs")
        to = OutputFileDestination(container=outputs)
        again = lab.create_job(task.job_id, pool).create_task(
            task.id,
            command_line,
            environment_settings=settings,
            output_files=[OutputFile(file_pattern="../stdout.txt", destination=to)],
        )
        lab.advance(seconds + UPLOAD_S / 2)
        node = next(iter(pool.nodes.values()))
        node.reboot()
        again.wait()
        words = words_in(node, f"shared/{task.job_id}.txt") or []
        return words.count("paid") > 1


def _paid_before_it_was_noted(task: Task) -> bool:
    """Whether the task would pay twice if its node were rebooted after the command that pays."""
    common = Job(task._connection, task.job_id).common_environment_settings
    with rehearsal(task, pace=1) as lab:
        pool = lab.create_pool("trial", target_dedicated_nodes=1)
        pool.nodes.wait("idle")
        node = next(iter(pool.nodes.values()))
        trial = lab.create_job(task.job_id, pool).create_task(
            task.id,
            task.command_line,
            environment_settings={**common, **task.environment_settings},
        )
        path = f"shared/{task.job_id}.txt"
        for _ in range(SOON_S):
            lab.advance(1)
            if "paid" in (words_in(node, path) or []):
                break
        else:
            return False
        if trial.state == "completed":
            return False
        node.reboot()
        trial.wait()
        return (words_in(node, path) or []).count("paid") > 1


@exercise("06-2", "Survive the loss of a node", Job)
def _survived(job: Job) -> str | Missing:
    waiting = unfinished(job, least=6)
    if waiting:
        return waiting
    taken = losses(job, "preempted")
    if not taken:
        return Missing(
            "no node of the pool was taken away.",
            "You can play the cloud: a node has a method for it.",
            "Call node.preempt() on a spot node; the pool needs target_low_priority_nodes.",
        )
    if not any(loss.busy for loss in taken):
        return Missing(
            "the node was not running a task of this job when it was taken.",
            "Move the clock forward until the tasks run, then take a node.",
            "Call lab.advance('30s') between create_tasks and preempt.",
        )
    if Pool(job._connection, job.pool_id).target_low_priority_nodes != 2:
        return Missing(
            "the pool should have two spot nodes.",
            "How many has it?",
            "Use target_low_priority_nodes=2.",
        )
    failed = len(job.tasks.filter(result="failure"))
    if failed:
        return Missing(
            f"{failed} of the tasks failed.",
            "The loss of a node does not make a task fail. What else did?",
            "Look at the failure_info of one of them.",
        )
    return "a node was taken while it was working, and all tasks succeeded."
