"""Checks of lesson 00: the whole story."""

from __future__ import annotations

from batchlab.handles.job import Job
from batchlab.handles.pool import Pool
from batchlab.handles.task import Task
from batchlab.lessons.evidence import has_word, is_typed, not_all_succeeded
from batchlab.lessons.exercises import Missing, exercise
from batchlab.lessons.looking import not_completed, settle, unfinished

LESSON_JOB = "dinner"


@exercise("00-1", "Print the id of the node", Task)
def _where(task: Task) -> str | Missing:
    waiting = not_completed(task)
    if waiting:
        return waiting
    view = task.view()
    said, node_id = task.stdout.strip(), view.node_id or ""
    if is_typed(view, node_id):
        return Missing(
            "the id of the node is in the definition of the task already.",
            "Nobody knows which node will run a task before it runs. Who can tell the task?",
            "The service does, in the variable AZ_BATCH_NODE_ID. A shell replaces it.",
        )
    if not has_word(said, node_id):
        return _id_missing(said, node_id)
    if view.result != "success":
        return Missing(
            f"the task printed the id, but failed with exit code {view.exit_code}.",
            "What does it say on stderr?",
            "Print the id and do nothing else.",
        )
    nodes = Pool(task._connection, view.pool_id or "").nodes.ids()
    if any(has_word(said, other) for other in nodes if other != node_id):
        return Missing(
            "the task printed the ids of other nodes, too.",
            "Only one of the nodes has run the task.",
            "Print the value of AZ_BATCH_NODE_ID only.",
        )
    return "the task printed the id of the node that it ran on."


def _id_missing(said: str, node_id: str) -> Missing:
    if "AZ_BATCH_NODE_ID" in said:
        return Missing(
            "the task printed the name of the variable, not its value.",
            "The program echo does not replace $AZ_BATCH_NODE_ID with its value. What does?",
            "A shell does. See how the tasks in part 3 are started.",
        )
    return Missing(
        f"the task printed {said[:60]!r}, but it ran on {node_id}.",
        "The id of the node is in the environment of the task, not of this notebook.",
        "echo prints its words; a shell replaces a variable with its value first.",
    )


@exercise("00-2", "End with exit code 3", Task)
def _three(task: Task) -> str | Missing:
    waiting = not_completed(task)
    if waiting:
        return waiting
    failure = task.failure_info
    if task.exit_code is None:
        return Missing(
            "no program was started: "
            + (f"{failure.code}." if failure else "it was ended before that."),
            "There is no program named exit on the node. What else understands exit?",
            "exit is a command of the shell: it must be inside the quotes of the shell.",
        )
    if task.exit_code != 3:
        return Missing(
            f"the exit code is {task.exit_code}.",
            "A program sets its exit code when it ends; printing 3 does not set it.",
            "A shell ends with the code that you give to its exit command.",
        )
    return "the exit code is 3, so the result of the task is a failure."


@exercise("00-3", "A whole story of your own", Job)
def _whole_story(job: Job) -> str | Missing:
    if job.id.lower() == LESSON_JOB:
        return Missing(
            "that is the job of the lesson.",
            "The exercise asks for a job of your own.",
            "Call lab.create_job with another id, and add five tasks to it.",
        )
    waiting = unfinished(job, least=5) or not_all_succeeded(job)
    if waiting:
        return waiting
    settle(job, progress=False)
    if job.state != "completed":
        return Missing(
            f"all tasks are completed, but the job is {job.state}.",
            "A job goes on until you end it. See part 5.",
            "job.terminate() only requests the end; job.wait('completed') waits for it.",
        )
    return f"{job.counts.completed} tasks ran, and the job was ended."
