"""Checks of lesson 03: job preparation and job release."""

from __future__ import annotations

from batchlab.handles.job import Job
from batchlab.handles.pool import Pool
from batchlab.lessons.exercises import Missing, exercise
from batchlab.lessons.looking import shell_wanted, unfinished

LINE = "a scene"


@exercise("03-1", "A second try for a preparation", Job)
def _second_try(job: Job) -> str | Missing:
    if job.job_preparation_task is None:
        return _no_preparation()
    if not job.job_preparation_task.wait_for_success:
        return Missing(
            "the task did not wait for its preparation.",
            "It ran on a node that may not have been ready for it.",
            "Leave wait_for_success alone, and let the preparation be tried again.",
        )
    rows = [row.job_preparation_task_execution_info for row in job.preparations]
    if not rows:
        return Missing(
            "no node was prepared.",
            "A preparation runs where the job's first task goes. Are there tasks?",
            "job.create_task(...), and then wait for it.",
        )
    failed = [row for row in rows if row.result == "failure"]
    if failed and job.constraints.max_task_retry_count and not failed[0].retry_count:
        return Missing(
            "the preparation failed, and nobody tried it again.",
            "The constraints of a job are for its tasks. A preparation has its own.",
            "bl.JobPreparationTask takes command_line and constraints.",
        )
    if failed:
        return Missing(
            f"the preparation failed after {failed[0].retry_count} retries, so the task waits "
            "for ever.",
            "A preparation is tried once, unless it is told how often it may be tried again.",
            "bl.JobPreparationTask takes command_line and constraints; look at "
            "bl.TaskConstraints, and give the new job an id of its own.",
        )
    if not any(row.retry_count for row in rows):
        return Missing(
            "the preparation succeeded at once, so nothing was tried again.",
            "Keep the command line as it is given: it fails on purpose, the first time.",
            "It fails when the job leaves its mark on a node for the first time. Did a job of "
            "the same id leave one before? Take another id.",
        )
    return unfinished(job) or (
        "the preparation failed, was tried again, and then its task could run."
    )


@exercise("03-2", "Bring data once to each node, and clear it away", Job)
def _bring_and_clear(job: Job) -> str | Missing:
    if job.job_preparation_task is None:
        return _no_preparation()
    if job.job_release_task is None:
        return Missing(
            "the job has no release task.",
            "What the preparation brings stays on the node until something takes it away.",
            "create_job takes job_release_task=, a command line like that of the preparation.",
        )
    return shell_wanted(
        _brought_and_cleared(job),
        preparation=job.job_preparation_task.command_line,
        release=job.job_release_task.command_line,
        task=next(iter(job.tasks.views()), job.job_release_task).command_line,
    )


def _brought_and_cleared(job: Job) -> str | Missing:
    waiting = unfinished(job, least=4)
    if waiting:
        return waiting
    if len(job.preparations) < 2:
        return Missing(
            "only one node was prepared.",
            "The second node gets a task when the first is busy; very short tasks may all fit "
            "on one.",
            "Let each task sleep a second, and check that the pool has two nodes.",
        )
    if job.state != "completed":
        return Missing(
            f"the job is {job.state}, so no node was released.",
            "When does a release run? Look at the section 'End the job'.",
            "job.terminate(), and then job.wait('completed').",
        )
    failed = job.tasks.filter(result="failure")
    if len(failed):
        return Missing(
            f"{len(failed)} of the tasks failed.",
            "They should read what the preparation has written. Look at the stderr of one.",
            "Both must mean the same file, in $AZ_BATCH_NODE_SHARED_DIR.",
        )
    silent = [task.id for task in job.tasks.values() if LINE not in task.stdout]
    if silent:
        return Missing(
            f"{silent[0]} did not print {LINE!r}.",
            "The preparation writes the line into a file, and each task prints that file.",
            "cat prints a file. Both must mean the same one, in $AZ_BATCH_NODE_SHARED_DIR.",
        )
    if len(job.preparations.filter(release="success")) < len(job.preparations):
        return Missing(
            "a release failed.",
            "job.preparations has its exit code. Does it take away the file that is there?",
            "rm fails when there is no such file.",
        )
    left = _left(job)
    if left:
        return Missing(
            f"{left} is still on a node.",
            "A release that succeeds has not always taken away what the preparation brought.",
            "rm takes a file away. If it is from an earlier try: node.files.delete(...).",
        )
    return f"{len(job.preparations)} nodes were prepared, used, and released, each once."


def _left(job: Job) -> str:
    """A file in the shared folder of a node of the job that still has the line in it."""
    nodes = Pool(job._connection, job.pool_id).nodes
    for row in job.preparations:
        files = nodes[row.node_id].files
        for found in files.list("shared", recursive=True):
            if not found.is_directory and LINE in files.text(found.name):
                return found.name
    return ""


@exercise("03-3", "Four tasks, one preparation", Job)
def _one_preparation(job: Job) -> str | Missing:
    if job.job_preparation_task is None:
        return _no_preparation()
    waiting = unfinished(job, least=4)
    if waiting:
        return waiting
    nodes = {row.node_id for row in job.preparations}
    if len(nodes) > 1:
        return Missing(
            f"{len(nodes)} nodes were prepared.",
            "A node that is given no task of the job is not prepared. How could a node be kept "
            "from getting one?",
            "Nodes have a verb for it, and one that takes it back: look what pool.nodes[...] can.",
        )
    if Pool(job._connection, job.pool_id).current_dedicated_nodes < 2:
        return Missing(
            "the pool of this job has no second node that could have been prepared.",
            "The pool of two nodes is to keep both.",
            "Nodes have a verb that keeps tasks away: look what pool.nodes[...] can.",
        )
    return "four tasks and more ran on one node, and only that one was prepared."


def _no_preparation() -> Missing:
    return Missing(
        "the job has no preparation task.",
        "create_job takes it by name.",
        "job_preparation_task=, a command line or a bl.JobPreparationTask.",
    )
