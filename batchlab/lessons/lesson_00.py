"""Checks of lesson 00: the whole story."""

from __future__ import annotations

from batchlab.handles.job import Job
from batchlab.handles.task import Task
from batchlab.lessons.exercises import Missing, exercise
from batchlab.lessons.looking import not_completed, unfinished


@exercise("00-1", "Print the id of the node", Task)
def _where(task: Task) -> str | Missing:
    waiting = not_completed(task)
    if waiting:
        return waiting
    said, node_id = task.stdout.strip(), task.node_id or ""
    if "AZ_BATCH_NODE_ID" in said:
        return Missing(
            "the task printed the name of the variable, not its value.",
            "Who puts the value in the place of $AZ_BATCH_NODE_ID? It is not the program echo.",
            "A shell does. Look how the tasks in part 3 are started.",
        )
    if node_id not in said.split():
        return Missing(
            f"the task printed {said[:60]!r}, and it ran on {node_id}.",
            "The id of the node is in the environment of the task, not in that of this notebook.",
            "A program that prints a variable is echo; one that puts the value in is a shell.",
        )
    return "the task printed the id of the node that it ran on."


@exercise("00-2", "End with exit code 3", Task)
def _three(task: Task) -> str | Missing:
    waiting = not_completed(task)
    if waiting:
        return waiting
    failure = task.failure_info
    if task.exit_code is None:
        return Missing(
            "no program was started: "
            + (f"{failure.code}." if failure else "it was ended before."),
            "There is no program named exit on the node. Who knows the word?",
            "exit is a word of the shell: it has to be inside its quotes.",
        )
    if task.exit_code != 3:
        return Missing(
            f"the exit code is {task.exit_code}.",
            "The program decides with which code it ends; printing 3 is something else.",
            "A shell ends with the code that its exit is given.",
        )
    return "exit code 3, so the service calls the result of the task a failure."


@exercise("00-3", "A whole story of your own", Job)
def _whole_story(job: Job) -> str | Missing:
    waiting = unfinished(job, least=5)
    if waiting:
        return waiting
    if job.state != "completed":
        return Missing(
            f"all tasks are completed, and the job is {job.state}.",
            "A job goes on until somebody ends it. Look at part 5.",
            "job.terminate() only asks for it; job.wait('completed') waits until it is so.",
        )
    return f"{job.counts.completed} tasks were run, and the job was ended."
