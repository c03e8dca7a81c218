"""Checks of lesson 14: a cluster of machines that come, and go without a word."""

from __future__ import annotations

from batchlab.handles.job import Job
from batchlab.handles.pool import Pool
from batchlab.lessons.exercises import Missing, exercise
from batchlab.lessons.looking import node_times, sent_back, span, unfinished


@exercise("14-1", "A third machine", Job)
def _on_three(job: Job) -> str | Missing:
    waiting = unfinished(job, least=3)
    if waiting:
        return waiting
    pool = Pool(job._connection, job.pool_id)
    if len(pool.nodes) < 3:
        return Missing(
            f"the pool of the job has {len(pool.nodes)} nodes.",
            "A worker that comes is Dask's. Who makes it a node of the pool?"
            if pool.target_dedicated_nodes < 3
            else "Is there a third worker? client.scheduler_info() tells who is there.",
            "start_worker(...), client.wait_for_workers(3), and then pool.resize(...) and "
            "pool.nodes.wait('idle').",
        )
    used = {view.node_id for view in job.tasks.views()}
    if len(used) < 3:
        return Missing(
            f"the tasks ran on {len(used)} of {len(pool.nodes)} nodes.",
            "A node that is free takes the next task; tasks that are over at once may all fit on "
            "one.",
            "At least three tasks that take a second, when all three nodes are idle.",
        )
    return f"the tasks ran on {len(used)} machines."


@exercise("14-2", "Survive a machine that dies", Job)
def _survivor(job: Job) -> str | Missing:
    waiting = unfinished(job, least=6)
    if waiting:
        return waiting
    begin, end = span(job)
    lost = node_times(job, job.pool_id, "unknown")
    if not any(begin < at < end for at in lost):
        return Missing(
            "no machine died while the job ran.",
            "pull_the_plug takes the name of a worker. When do the tasks run?",
            "create_tasks gives back at once; wait a second, pull the plug, and only then wait "
            "for the tasks.",
        )
    if not sent_back(job):
        return Missing(
            "the machine that died did not work for this job.",
            "Which workers are nodes of this pool? Those that are none are not missed.",
            "Pull the plug of ada or of bob, while all nodes are running.",
        )
    failed = len(job.tasks.filter(result="failure"))
    if failed:
        return Missing(
            f"{failed} of the tasks failed.",
            "A lost machine fails no task. What else did?",
            "Look at failure_info of one.",
        )
    nodes = Pool(job._connection, job.pool_id).nodes
    away = [node.id for node in nodes.filter(state=["unknown", "unusable"]).values()]
    if away:
        return Missing(
            f"the node {away[0]} has not come back.",
            "A worker of the same name takes the old place, when the node is rebooted.",
            "start_worker with that name, client.wait_for_workers(...), and node.reboot() for a "
            "node that is unusable; then pool.nodes.wait('idle').",
        )
    return "a machine died at work and came back, and no work is missing."
