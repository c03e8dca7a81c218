"""Checks of lesson 03: job preparation and job release."""

from __future__ import annotations

from batchlab.handles.job import Job
from batchlab.lessons.evidence import not_all_succeeded
from batchlab.lessons.exercises import Missing, exercise
from batchlab.lessons.looking import (
    history_of,
    is_of_pool,
    is_task_of,
    plain_words,
    settle,
    shell_wanted,
    unfinished,
)
from batchlab.lessons.preparing import LINE, brought, left_over, who_did_it, without_file

MARK = "$AZ_BATCH_NODE_SHARED_DIR/$AZ_BATCH_JOB_ID.tried"
FLAKY = f"/bin/sh -c 'cat {MARK} && exit 0; echo yes > {MARK}; exit 1'"


@exercise("03-1", "A second try for a preparation", Job)
def _second_try(job: Job) -> str | Missing:
    if job.job_preparation_task is None:
        return _no_preparation()
    if not job.job_preparation_task.wait_for_success:
        return Missing(
            "the task did not wait for the preparation.",
            "It ran on a node that may not have been prepared yet.",
            "Do not set wait_for_success; allow the preparation a retry.",
        )
    rows = [row.job_preparation_task_execution_info for row in job.preparations]
    if not rows:
        return Missing(
            "no node was prepared.",
            "A node is prepared when it is given its first task of the job. Are there tasks?",
            "Call job.create_task(...), and wait for the task.",
        )
    failed = [row for row in rows if row.result == "failure"]
    if failed and job.constraints.max_task_retry_count and not failed[0].retry_count:
        return Missing(
            "the preparation failed, and was not retried.",
            "The constraints of a job apply to its tasks. A preparation has its own.",
            "bl.JobPreparationTask takes command_line and constraints.",
        )
    if failed:
        return Missing(
            f"the preparation failed after {failed[0].retry_count} retries, so the task waits "
            "forever.",
            "By default a preparation is tried only once. How can you allow it retries?",
            "bl.JobPreparationTask takes command_line and constraints; look at "
            "bl.TaskConstraints, and give the new job a new id.",
        )
    if plain_words(job.job_preparation_task.command_line) != plain_words(FLAKY):
        return Missing(
            "the preparation has another command line.",
            "Keep the command line unchanged: it fails the first time on purpose.",
            "Use the variable flaky.",
        )
    if not any(row.retry_count for row in rows):
        return Missing(
            "the preparation succeeded at the first try, so there was no retry.",
            "Keep the command line unchanged: it fails the first time on purpose.",
            "It leaves a mark on the node under the id of the job, and fails if there is no mark "
            "yet. If an earlier job had the same id, use another id.",
        )
    return (
        unfinished(job)
        or not_all_succeeded(job)
        or "the preparation failed, was retried, and then the task could run."
    )


@exercise("03-2", "Copy data to each node once, and clean up", Job)
def _bring_and_clear(job: Job) -> str | Missing:
    if job.job_preparation_task is None:
        return _no_preparation()
    if job.job_release_task is None:
        return Missing(
            "the job has no release task.",
            "What the preparation writes stays on the node until something deletes it.",
            "create_job takes job_release_task=, a command line like job_preparation_task=.",
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
            "The second node gets a task only while the first is busy. Very short tasks may all "
            "run on one node.",
            "Let each task sleep a second, and check that the pool has two nodes.",
        )
    settle(job, progress=False)
    if job.state != "completed":
        return Missing(
            f"the job is {job.state}, so no node was released.",
            "When does a release run? See the section 'End the job'.",
            "Call job.terminate(), and then job.wait('completed').",
        )
    failed = job.tasks.filter(result="failure")
    if len(failed):
        return Missing(
            f"{len(failed)} of the tasks failed.",
            "They should read the file that the preparation wrote. Look at the stderr of one.",
            "Both must use the same file, in $AZ_BATCH_JOB_PREP_WORKING_DIR or in a folder of the "
            "job.",
        )
    silent = [task.id for task in job.tasks.values() if LINE not in task.stdout]
    if silent:
        return Missing(
            f"{silent[0]!r} did not print {LINE!r}.",
            "The preparation must write the line into a file, and each task must print that file.",
            "cat prints a file. Both must use the same one, in $AZ_BATCH_JOB_PREP_WORKING_DIR or "
            "in a folder of the job.",
        )
    if len(job.preparations.filter(release="success")) < len(job.preparations):
        return Missing(
            "a release failed.",
            "job.preparations shows its exit code. Does it delete the file that is there?",
            "rm fails if the file does not exist.",
        )
    left = left_over(job)
    if left:
        return Missing(
            f"{left!r} is still on a node.",
            "A release can succeed without deleting what the preparation wrote.",
            "rm deletes a file. If this one is from an earlier try: node.files.delete(...).",
        )
    return (
        who_did_it(job)
        or f"{len(job.preparations)} nodes were prepared, used and released, each of them once."
    )


@exercise("03-3", "Four tasks, one preparation", Job)
def _one_preparation(job: Job) -> str | Missing:
    if job.job_preparation_task is None:
        return _no_preparation()
    waiting = unfinished(job, least=4) or not_all_succeeded(job)
    if waiting:
        return waiting
    nodes = {row.node_id for row in job.preparations}
    if len(nodes) > 1:
        return Missing(
            f"{len(nodes)} nodes were prepared.",
            "A node that is given no task of the job is not prepared. How can you keep tasks away "
            "from a node?",
            "A node has a method for that, and one that undoes it: look at pool.nodes[...].",
        )
    others = _others(job, nodes)
    if not all(others):
        return Missing(
            "the pool of this job had no second node.",
            "The pool must keep its two nodes.",
            "A node has a method that keeps tasks away: look at the methods of pool.nodes[...].",
        )
    if any("idle" in states for states in others):
        return Missing(
            "another node was idle when a task started, so it could have got that task.",
            "That it did not may have been luck. How can you keep tasks away from a node?",
            "A node has a method for that, and one that undoes it: look at pool.nodes[...].",
        )
    return "all tasks ran on one node, and only that node was prepared."


def _others(job: Job, used: set[str]) -> list[list[str]]:
    """The states of the other nodes of the pool at each moment when a task of the job started."""
    states: dict[str, str] = {}
    found = []
    for change in history_of(job):
        if is_of_pool(change, job.pool_id):
            states[change.node_id] = change.state
        elif is_task_of(change, job) and change.state in ("preparing", "running"):
            others = [state for name, state in states.items() if name not in used]
            found.append([state for state in others if state not in ("deleted", "creating")])
    return found


@exercise("03-4", "Two jobs on one node, each with its own data", Job, Job)
def _apart(one: Job, another: Job) -> str | Missing:
    jobs = (one, another)
    if one.id.lower() == another.id.lower():
        return Missing(
            "that is the same job twice.",
            "Two jobs share the node. Each has its own preparation.",
            "Create a second job with another id, on the same pool.",
        )
    if any(job.job_preparation_task is None for job in jobs):
        return _no_preparation()
    for job in jobs:
        waiting = unfinished(job, least=4)
        if waiting:
            return waiting
    if any(job.state != "active" for job in jobs):
        return Missing(
            "a job has ended, so its release may have deleted its file.",
            "The check looks at the files on the node.",
            "Run both jobs again with new ids, and do not call terminate().",
        )
    return (
        _same_node(one, another)
        or _both_read(one, another)
        or without_file(one)
        or ("both jobs used the same node at the same time, and each read its own file.")
    )


def _same_node(one: Job, another: Job) -> Missing | None:
    """What is missing until each job ran a task where the other job was prepared before it."""
    for job, other in ((one, another), (another, one)):
        ready = {
            row.node_id: row.job_preparation_task_execution_info.end_time
            for row in other.preparations
        }
        if not any(
            view.node_id in ready
            and view.start_time
            and (ready[view.node_id] or view.start_time) < view.start_time
            for view in job.tasks.views()
        ):
            return Missing(
                f"no task of {job.id!r} ran on a node after {other.id!r} was prepared there.",
                "The jobs must use the same node at the same time. Otherwise nothing is shown.",
                "Create both jobs on the pool desk, and add the tasks to both before you wait.",
            )
    return None


def _both_read(one: Job, another: Job) -> str | Missing | None:
    lines = {view.command_line for job in (one, another) for view in job.tasks.views()}
    if len(lines) > 1:
        return Missing(
            "the tasks have different command lines.",
            "All tasks of both jobs look for their file in the same way. A variable makes the "
            "difference.",
            "The variable $AZ_BATCH_JOB_PREP_WORKING_DIR is another directory in each job.",
        )
    said = {}
    for job in (one, another):
        read = {task.stdout.strip() for task in job.tasks.values()}
        if len(read) > 1 or not all(read) or len(job.tasks.filter(result="failure")):
            return shell_wanted(
                Missing(
                    f"the tasks of {job.id!r} did not all print the same line.",
                    "Does the preparation of the other job write to the same file?",
                    "A preparation starts in its working directory, which no other job uses. Its "
                    "tasks find it as $AZ_BATCH_JOB_PREP_WORKING_DIR.",
                ),
                task=next(iter(lines)),
            )
        said[job.id] = read.pop()
        if not any(
            name.endswith("/rates.txt") and text.strip() == said[job.id]
            for name, text in brought(job)
        ):
            return Missing(
                f"the tasks of {job.id!r} printed something else than a file rates.txt holds.",
                "The preparation writes the file, and the tasks print it.",
                "cat $AZ_BATCH_JOB_PREP_WORKING_DIR/rates.txt, inside /bin/sh -c '...'.",
            )
    if len(set(said.values())) == 1:
        return Missing(
            f"the tasks of both jobs printed {said[one.id]!r}.",
            "Each job brings its own rates: the lines differ. Does one overwrite the other?",
            "Let the two preparations write different lines, each into its own directory.",
        )
    return None


def _no_preparation() -> Missing:
    return Missing(
        "the job has no preparation task.",
        "create_job has a parameter for it.",
        "It is job_preparation_task=, and takes a command line or a bl.JobPreparationTask.",
    )
