"""Checks of lesson 14: a cluster whose machines come, and go without warning."""

from __future__ import annotations

from batchlab.core.state.states import NODE
from batchlab.handles.job import Job
from batchlab.handles.pool import Pool
from batchlab.lessons.evidence import losses, most_nodes, most_together, not_all_succeeded
from batchlab.lessons.exercises import Missing, exercise
from batchlab.lessons.looking import history_of, is_task_of, unfinished


@exercise("14-1", "A third machine", Job)
def _on_three(job: Job) -> str | Missing:
    waiting = unfinished(job, least=3) or not_all_succeeded(job)
    if waiting:
        return waiting
    pool = Pool(job._connection, job.pool_id)
    used = {view.node_id for view in job.tasks.views() if view.node_id}
    if most_together(pool, used) >= 3:
        return f"the tasks ran on {len(used)} machines."
    if most_nodes(pool) < 3 or len(pool.nodes) < 3:
        return Missing(
            f"the pool of the job has {len(pool.nodes)} nodes.",
            "A new worker belongs to Dask. How does it become a node of the pool?"
            if pool.target_dedicated_nodes < 3
            else "Is there a third worker? client.scheduler_info() shows who is there.",
            "Call start_worker(...) and client.wait_for_workers(3), then pool.resize(...) and "
            "pool.nodes.wait('idle').",
        )
    return Missing(
        f"the tasks ran on {len(used)} of {len(pool.nodes)} nodes.",
        "A free node takes the next task, so very short tasks may all run on the same node.",
        "Run three or more tasks of one second when all three nodes are idle.",
    )


@exercise("14-2", "Survive a machine that dies", Job)
def _survivor(job: Job) -> str | Missing:
    waiting = unfinished(job, least=6)
    if waiting:
        return waiting
    ran = [one.at for one in history_of(job) if is_task_of(one, job) and one.state != "active"]
    lost = [loss for loss in losses(job, "unknown") if min(ran) <= loss.at < max(ran)]
    if not lost:
        return Missing(
            "no machine died while the job ran.",
            "pull_the_plug takes the name of a worker. When do the tasks run?",
            "create_tasks returns at once: wait a second, pull the plug, and only then wait for "
            "the tasks.",
        )
    if not any(loss.busy for loss in lost):
        return Missing(
            "the machine that died was not running a task of this job.",
            "Which workers are nodes of this pool? The job does not need any other worker.",
            "Pull the plug of ada or bob while all nodes are running.",
        )
    failed = len(job.tasks.filter(result="failure"))
    if failed:
        return Missing(
            f"{failed} of the tasks failed.",
            "A lost machine does not make a task fail. What else did?",
            "Look at the failure_info of one of them.",
        )
    nodes = Pool(job._connection, job.pool_id).nodes
    away = [node.id for node in nodes.filter(state=NODE.group("lost")).values()]
    if away:
        return Missing(
            f"the node {away[0]} has not come back.",
            "A worker with the same name takes the old place when the node is rebooted.",
            "Call start_worker with that name, client.wait_for_workers(...), and node.reboot() if "
            "the node is unusable. Then call pool.nodes.wait('idle').",
        )
    gone = next((loss for loss in lost if loss.busy and loss.node_id not in nodes), None)
    if gone is not None and len(nodes) < most_nodes(Pool(job._connection, job.pool_id)):
        return Missing(
            f"the node {gone.node_id} is no longer in the pool.",
            "Bring the machine back, instead of doing without it.",
            "Call start_worker with the name of the machine, and resize the pool as before.",
        )
    return "a machine died while it was running tasks and came back, and no work was lost."
