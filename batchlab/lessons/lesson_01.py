"""Checks of lesson 01: a pool of nodes."""

from __future__ import annotations

from batchlab.core.model.ids import fold
from batchlab.errors import NotFound
from batchlab.handles.job import Job
from batchlab.handles.node import Node
from batchlab.handles.pool import Pool
from batchlab.lessons.evidence import can_rehearse, lines_after_starts, losses, not_all_succeeded
from batchlab.lessons.exercises import Missing, exercise
from batchlab.lessons.looking import (
    most_at_once,
    sent_back,
    shell_wanted,
    span,
    unfinished,
)


@exercise("01-1", "Eight tasks at once on two nodes", Job)
def _side_by_side(job: Job) -> str | Missing:
    waiting = unfinished(job, least=8) or not_all_succeeded(job)
    if waiting:
        return waiting
    views = list(job.tasks.views())
    nodes = len({view.node_id for view in views})
    if nodes > 2:
        return Missing(
            f"the tasks ran on {nodes} nodes.",
            "Two nodes must be enough. What decides how many tasks a node runs at a time?",
            "create_pool has a parameter task_slots_per_node.",
        )
    together = most_at_once(job)
    if together < 8:
        return Missing(
            f"at most {together} of the tasks ran at the same time.",
            "Eight tasks on two nodes: how many slots must each node have?",
            "Slots cannot be changed later, so create a new pool. Wait until its nodes are idle "
            "before you add the tasks, or they do not start together.",
        )
    if nodes < 2:
        return Missing(
            f"{together} tasks ran at the same time, but all on one node.",
            "The exercise asks for two nodes.",
            "How many slots does each of two nodes need?",
        )
    return f"{together} tasks ran at the same time, on {nodes} nodes."


@exercise("01-2", "Shrink a pool without losing work", Pool, Job)
def _shrunk(pool: Pool, job: Job) -> str | Missing:
    waiting = unfinished(job, least=12)
    if waiting:
        return waiting
    if fold(job.pool_id) != fold(pool.id):
        return Missing(
            f"the job ran in another pool: {job.pool_id!r}.",
            "The pool that shrinks must be the one that runs the job.",
            "Pass the pool to lab.create_job.",
        )
    begin, end = span(job)
    left = losses(job, "leavingpool")
    gone = [loss.at for loss in left]
    if len(gone) < 3:
        return Missing(
            f"nodes that have left the pool: {len(gone)}, not 3.",
            "It should start with four nodes and end with one.",
            "Call pool.resize(1, ...) while the tasks run.",
        )
    if sum(begin < at < end for at in gone) < 3:
        return Missing(
            "the pool shrank while no task was running.",
            "Create the tasks, move the clock forward by half a minute, and then shrink the pool.",
            "Call lab.advance('30s') between create_tasks and resize.",
        )
    while_running = [loss for loss in left if begin < loss.at < end]
    if sum(loss.busy for loss in while_running) < 3:
        return Missing(
            "nodes without a task left the pool.",
            "To remove idle nodes is easy. Each of the four nodes should be working.",
            "Use one slot for each node, and shrink the pool while all four run a task.",
        )
    if len(while_running) > 3:
        return Missing(
            f"{len(while_running)} nodes left the pool.",
            "It should start with four nodes and end with one.",
            "Create a pool with target_dedicated_nodes=4.",
        )
    if sent_back(job):
        return Missing(
            f"{len(sent_back(job))} tasks had to start again.",
            "What does a resize do with running tasks by default?",
            "node_deallocation_option has four values. Which of them waits for tasks?",
        )
    if len(job.tasks.filter(result="failure")):
        return Missing(
            "some tasks were ended before they were done.",
            "That option saves time, but loses work.",
            "node_deallocation_option has four values. Which of them waits for tasks?",
        )
    if any(error.code == "AllocationTimedOut" for error in pool.resize_errors):
        return Missing(
            "the resize timed out, and its nodes stayed.",
            "That option waits for more than tasks. What else does it wait for?",
            "The files of a task are kept for seven days. Which option waits only for tasks?",
        )
    remaining = pool.current_dedicated_nodes + pool.current_low_priority_nodes
    if remaining != 1:
        return Missing(
            f"the pool has {remaining} nodes, not one.",
            "pool.wait('steady') waits until a resize is over.",
            "Check that its target is one node.",
        )
    return "three nodes left while the job ran, and no task ran twice."


@exercise("01-3", "A start task that writes a file", Pool)
def _equipped(pool: Pool) -> str | Missing:
    start = pool.start_task
    if start is None:
        return Missing(
            "the pool has no start task.",
            "create_pool has a parameter for it.",
            "It is start_task=, and takes a command line.",
        )
    return shell_wanted(_with_tools(pool), start_task=start.command_line)


def _with_tools(pool: Pool) -> str | Missing:
    states = pool.node_counts
    if states.get("starttaskfailed"):
        return Missing(
            "the start task failed.",
            "Its output is in startup/stderr.txt on each node.",
            "Look at node.files.text('startup/stderr.txt') and node.start_task_info.",
        )
    nodes = list(pool.nodes.values())
    if len(nodes) != 2 or any(node.state not in ("idle", "running") for node in nodes):
        return Missing(
            f"the nodes are not ready: {pool.nodes!r}.",
            "There should be two nodes, and you may have to wait for them.",
            "pool.nodes.wait('idle') waits for them.",
        )
    for node in nodes:
        try:
            node.files.stat("shared/tools.txt")
        except NotFound:
            return Missing(
                "a node has no file shared/tools.txt.",
                "An environment variable holds the path of the shared folder.",
                "It is $AZ_BATCH_NODE_SHARED_DIR. node.files.list('', recursive=True) shows where "
                "the file went.",
            )
    if pool.start_task is not None and not pool.start_task.wait_for_success:
        return Missing(
            "tasks do not have to wait for the start task of this pool.",
            "The file is there now, but it may not have been there for the first task.",
            "Use wait_for_success=True, or leave it out.",
        )
    if not all(_wrote_it(pool, node) for node in nodes):
        return Missing(
            "the file is there, but the start task did not write it.",
            "Who wrote it? What if the first task had looked for it?",
            "Let the start task write it, in a new pool.",
        )
    return "both nodes had the file before any task could start."


def _wrote_it(pool: Pool, node: Node) -> bool:
    """Whether the start task that ran on the node leaves the file, on a node of its own, too."""
    ran, start = node.start_task, node.start_task_info
    if ran is None or start is None:
        return False
    if can_rehearse(ran):
        return lines_after_starts(pool, ran, "shared/tools.txt")[0] is not None
    written = node.files.stat("shared/tools.txt").last_modified
    return start.end_time is None or written is None or written <= start.end_time
