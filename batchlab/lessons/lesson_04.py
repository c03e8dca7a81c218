"""Checks of lesson 04: start tasks and preparations, and what reboots do to them."""

from __future__ import annotations

from batchlab.core.messages.outputs import NodeTaskChanged
from batchlab.core.model.ids import fold
from batchlab.handles.base import Handle
from batchlab.handles.job import Job
from batchlab.handles.pool import Pool
from batchlab.lessons.evidence import (
    can_rehearse,
    lines_after_starts,
    node_losses,
    not_all_succeeded,
    words_in,
)
from batchlab.lessons.exercises import Missing, exercise
from batchlab.lessons.looking import history, sent_back, shell_wanted, span, unfinished

TOOLS = "shared/tools.txt"
VERSION = "shared/version.txt"


@exercise("04-1", "A start task that is safe to rerun", Pool)
def _equipped(pool: Pool) -> str | Missing:
    if pool.start_task is None:
        return Missing(
            "the pool has no start task.",
            "create_pool has a parameter for it.",
            "It is start_task=, and takes a command line or a bl.StartTask.",
        )
    return shell_wanted(_line_once(pool), start_task=pool.start_task.command_line)


def _line_once(pool: Pool) -> str | Missing:
    nodes = list(pool.nodes.values())
    if len(nodes) != 2 or any(node.state != "idle" for node in nodes):
        return Missing(
            f"the nodes are not ready: {pool.nodes!r}.",
            "The exercise asks for two nodes, and a node needs time to start.",
            "pool.nodes.wait('idle') waits for them. If a start task failed, node.start_task_info "
            "shows its exit code.",
        )
    rebooted = {loss.node_id for loss in node_losses(pool, "rebooting")}
    if not any(_starts(pool, node.id) > 1 and node.id in rebooted for node in nodes):
        return Missing(
            "no node was rebooted.",
            "The line must be there exactly once after the start task has run twice.",
            "Call node.reboot(), and then node.wait('idle').",
        )
    for node in nodes:
        count = (words_in(node, TOOLS) or []).count("renderer")
        if count > 1:
            return Missing(
                f"the line is there {count} times on a node.",
                "The start task ran again after the reboot, and added the line again.",
                "It can check first, or write the whole file instead of adding to it.",
            )
        if count < 1:
            return Missing(
                f"{TOOLS!r} does not contain the line on every node.",
                "Which text does your start task write, and into which file?",
                "In a shell, the path of the file is $AZ_BATCH_NODE_SHARED_DIR/tools.txt.",
            )
    start = pool.start_task
    if start is None or any(node.start_task != start for node in nodes):
        return Missing(
            "the nodes ran another start task than the one that the pool has now.",
            "The start task that wrote the line must be the one that ran again.",
            "Do not update the start task between the starts: create a new pool.",
        )
    counts = [(words or []).count("renderer") for words in lines_after_starts(pool, start, TOOLS)]
    if can_rehearse(start) and counts != [1, 1]:
        return Missing(
            f"the line is there once, but not by itself: on a node of its own, this start task "
            f"leaves it {counts[0]} times, and after a reboot {counts[1]} times.",
            "Who else wrote the line, or deleted one?",
            "The start task can check first, or write the whole file instead of adding to it.",
        )
    return "the start task ran again, and the line is there once."


def _starts(pool: Pool, node_id: str) -> int:
    """How often the start task of a node has started."""
    return sum(
        change.kind == "starttask" and change.state == "running" and change.node_id == node_id
        for change in _changes(pool)
    )


def _changes(thing: Handle) -> list[NodeTaskChanged]:
    return [change for change in history(thing) if isinstance(change, NodeTaskChanged)]


@exercise("04-2", "Prepared once, despite a reboot", Job)
def _prepared_once(job: Job) -> str | Missing:
    if job.job_preparation_task is None:
        return Missing(
            "the job has no preparation task.",
            "create_job has a parameter for it.",
            "It is job_preparation_task=bl.JobPreparationTask(command_line=..., ...).",
        )
    waiting = unfinished(job, least=2) or not_all_succeeded(job)
    if waiting:
        return waiting
    nodes = {view.node_id for view in job.tasks.views()}
    if len(nodes) > 1:
        return Missing(
            f"the tasks of the job ran on {len(nodes)} nodes.",
            "A job is prepared on each node that runs one of its tasks.",
            "Use a pool with one node, or disable_scheduling() on the others.",
        )
    if not _rebooted_between(job, nodes.pop() or ""):
        return Missing(
            "the node was not rebooted between the tasks.",
            "First run one task, then reboot the node, then run the other task.",
            "Call node.reboot() and node.wait('idle') before you create the second task.",
        )
    runs = sum(
        change.state == "running" and change.kind == "jobpreparation"
        for change in _changes(job)
        if fold(change.job_id) == fold(job.id)
    )
    if not runs or any(
        row.job_preparation_task_execution_info.result != "success" for row in job.preparations
    ):
        return Missing(
            "the preparation did not succeed.",
            "What was it meant to do, and what does job.preparations show?",
            "The exercise is about one that succeeds and is not needed again.",
        )
    if runs > 1:
        return Missing(
            f"the preparation ran {runs} times.",
            "See the section 'A reboot': a job can say that one run is enough.",
            "Look at rerun_on_node_reboot_after_success of bl.JobPreparationTask.",
        )
    return "the node was rebooted, and the preparation did not run again."


def _rebooted_between(job: Job, node_id: str) -> bool:
    """Whether one task was done when the node was rebooted, and another one had not begun."""
    views = list(job.tasks.views())
    ends = [view.end_time.timestamp() for view in views if view.end_time]
    begins = [view.start_time.timestamp() for view in views if view.start_time]
    return any(
        loss.node_id == node_id and min(ends) <= loss.at <= max(begins)
        for loss in node_losses(job, "rebooting")
    )


@exercise("04-3", "A new version, without disturbing a job", Pool, Job)
def _rolled(pool: Pool, job: Job) -> str | Missing:
    if job.pool_id.lower() != pool.id.lower():
        return Missing(
            "the job runs on another pool.",
            "Create the job on the pool rolling.",
            f"The pool of this job is {job.pool_id!r}.",
        )
    waiting = unfinished(job, least=6)
    if waiting:
        return waiting
    versions = [" ".join(words_in(node, VERSION) or []) for node in pool.nodes.values()]
    old = sum(version != "2" for version in versions)
    if old and pool.start_task is not None and "1" in pool.start_task.command_line:
        return Missing(
            f"{old} of {len(versions)} nodes do not have version 2.",
            "The pool defines what its nodes do when they start, and you can update a pool.",
            "Call pool.update(start_task=...).",
        )
    if old:
        return Missing(
            f"{old} of {len(versions)} nodes do not have version 2.",
            "When does a start task run?",
            "Call node.reboot(...) for each node, and give the nodes some time.",
        )
    if sent_back(job):
        return Missing(
            f"{len(sent_back(job))} runs were interrupted and had to be repeated.",
            "A reboot sends tasks back to the queue, unless you ask it to wait for them.",
            "node.reboot has a parameter node_reboot_option.",
        )
    ended = not_all_succeeded(job)
    if ended:
        return ended
    begin, end = span(job)
    restarted = {
        change.node_id
        for change in _changes(pool)
        if begin < change.at < end and change.kind == "starttask"
    }
    if not restarted.issuperset(pool.nodes.ids()):
        return Missing(
            f"{len(restarted)} of {len(versions)} nodes were restarted while the job was running.",
            "Start the job first. Install the new version while its tasks are running.",
            "First create_tasks, then lab.advance('30s'), then the reboots.",
        )
    start = pool.start_task
    if start is None or not (
        not can_rehearse(start) or lines_after_starts(pool, start, VERSION)[0] == ["2"]
    ):
        return Missing(
            "both nodes have version 2, but a new node of the pool would not.",
            "Who installed it? A node that joins tomorrow needs it, too.",
            "Call pool.update(start_task=...).",
        )
    return "both nodes have version 2, and no task ran twice."
