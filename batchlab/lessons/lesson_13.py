"""Checks of lesson 13: the SDK of Azure Batch, and what the cloud would accept."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from batchlab.core.messages.outputs import TaskChanged
from batchlab.core.model import vm_cores
from batchlab.handles.job import Job
from batchlab.handles.pool import Pool
from batchlab.lessons.evidence import boot_seconds, most_nodes, not_all_succeeded
from batchlab.lessons.exercises import Missing, exercise
from batchlab.lessons.looking import history_of, is_task_of, span, unfinished
from batchlab.rest.endpoint import Endpoint

POINTS = 40
FRAMES = 100
FRAME = timedelta(minutes=6)
DEADLINE = timedelta(hours=2)
FEWEST = 6
"""In two hours less four minutes a node renders nineteen frames: five nodes are too few."""


@exercise("13-1", "A pool that Azure would accept", Endpoint, Pool)
def _cloudy(endpoint: Endpoint, pool: Pool) -> str | Missing:
    client = endpoint.client()
    found = client.get_pool(pool.id)
    if not pool.vm_size.startswith("standard_") or not _is_size(pool.vm_size):
        return Missing(
            f"Azure has no size {pool.vm_size!r}.",
            "lab.vm_sizes lists sizes. Those with one-word names are from 2015.",
            "Current sizes begin with STANDARD_.",
        )
    configuration = found.virtual_machine_configuration
    if configuration is None:
        return Missing(
            "Azure would not know which operating system to put on the nodes.",
            "How did the first pool of this lesson set it?",
            "BatchPoolCreateOptions takes a virtual_machine_configuration. You can set it only "
            "with the client, not with lab.create_pool.",
        )
    known = list(client.list_supported_images())
    if not any(_name(image) == _name(configuration) for image in known):
        return Missing(
            "there is no such image.",
            "publisher, offer and sku must be those of one entry of list_supported_images().",
            "An entry has an image_reference that you can pass as it is.",
        )
    if not any(_both(image) == _both(configuration) for image in known):
        return Missing(
            f"the node agent {configuration.node_agent_sku_id!r} does not run on this image.",
            "Image and node agent belong together.",
            "The entry of list_supported_images() that has the image also has its "
            "node_agent_sku_id.",
        )
    if "debian" not in str(configuration.image_reference.offer).lower():
        return Missing(
            "the operating system is not Debian.",
            "Look through list_supported_images() again.",
            "The offer of an image names its operating system.",
        )
    if pool.target_dedicated_nodes or pool.target_low_priority_nodes != 2:
        return Missing(
            f"the pool should have {pool.target_dedicated_nodes} dedicated and "
            f"{pool.target_low_priority_nodes} spot nodes.",
            "Lesson 06 is about spot nodes. They have their own target.",
            "Use target_low_priority_nodes: spot nodes were once called low-priority nodes.",
        )
    return "Azure would accept this pool, in an account that may have spot nodes."


def _is_size(vm_size: str) -> bool:
    """Whether a size has a number of cores that Azure's machines have."""
    cores = vm_cores(vm_size)
    return cores in (1, 2, 6, 10, 18, 30) or (cores % 4 == 0 and cores <= 896)


def _name(image: Any) -> tuple[str, ...]:
    reference = image.image_reference
    if reference is None:
        return ()
    return tuple(
        str(part).lower() for part in (reference.publisher, reference.offer, reference.sku)
    )


def _both(image: Any) -> tuple[tuple[str, ...], str]:
    return _name(image), str(image.node_agent_sku_id).lower()


@exercise("13-2", "Again, but only what failed", Job)
def _survey(job: Job) -> str | Missing:
    waiting = unfinished(job, least=POINTS)
    if waiting:
        return waiting
    failed = len(job.tasks.filter(result="failure"))
    if failed:
        return Missing(
            f"{failed} of the tasks have failed.",
            "The filter above asks for exit code 0. Here you want the other tasks: use ne, or "
            "executionInfo/result eq 'failure'.",
            "client.reactivate_task takes the ids of the job and the task. Then wait until all "
            "tasks are completed.",
        )
    again, others = _run_again(job)
    if not again:
        return Missing(
            "no task has run twice.",
            "Do not create anything again. The tasks that failed are still there.",
            "Run the cell above again with another job id, and reactivate the failed tasks.",
        )
    if others or _deleted(job):
        return Missing(
            "some tasks were deleted."
            if not others
            else f"{others[0]!r} ran again, although it had not failed.",
            "Only the tasks that failed should run again, and none should be created again.",
            "Run the cell above again with another job id, and reactivate the failed tasks.",
        )
    return f"{len(again)} tasks ran again, and all have succeeded."


def _run_again(job: Job) -> tuple[list[str], list[str]]:
    """The tasks that ran again when they had failed, and those that had not failed."""
    before: dict[str, TaskChanged] = {}
    failed: list[str] = []
    others: list[str] = []
    for change in _task_changes(job):
        last = before.get(change.task_id)
        if change.state == "active" and last is not None and last.state != "active":
            has_failed = last.state == "completed" and last.reason
            (failed if has_failed else others).append(change.task_id)
        before[change.task_id] = change
    return failed, others


def _deleted(job: Job) -> bool:
    return any(change.state == "deleted" for change in _task_changes(job))


def _task_changes(job: Job) -> list[TaskChanged]:
    return [change for change in history_of(job) if is_task_of(change, job)]


@exercise("13-3", "As few nodes as possible", Pool, Job)
def _fewest(pool: Pool, job: Job) -> str | Missing:
    if job.pool_id.lower() != pool.id.lower() or job._connection is not pool._connection:
        return Missing(
            "the job runs on another pool.",
            "Pass the pool and the job that ran on it.",
            f"The pool of this job is {job.pool_id!r}.",
        )
    waiting = unfinished(job, least=FRAMES) or not_all_succeeded(job)
    if waiting:
        return waiting
    views = list(job.tasks.views())
    if any(
        view.start_time is None or view.end_time is None or view.end_time - view.start_time < FRAME
        for view in views
    ):
        return Missing(
            "a frame takes six minutes, but some took less.",
            "How did the rehearsal above know how long a frame takes?",
            'Use bl.Workload(rules={"render *": "6m"}), and tasks with the command line '
            '"render frame".',
        )
    begin, end = span(job)
    if min([begin - pool.creation_time.timestamp(), *boot_seconds(pool)]) < 4 * 60 - 1:
        return Missing(
            "the nodes started too soon, or were there already.",
            "In the cloud nodes take time to start. Here they should take four minutes.",
            'Use bl.SimulatedLab(boot="4m", ...), and a new pool for each try.',
        )
    count = most_nodes(pool)
    if pool.task_slots_per_node > 1:
        return Missing(
            "a node of this pool runs more than one frame at a time.",
            "Each frame should have all of a node to itself.",
            "Leave task_slots_per_node at its default.",
        )
    took = timedelta(seconds=end - pool.creation_time.timestamp())
    if took > DEADLINE:
        return Missing(
            f"with {count} nodes it takes {took.total_seconds() / 60:.0f} minutes.",
            "How many frames can one node do in the time that is left after it has started?",
            "(120 - 4) / 6 is a bit more than nineteen, and only whole frames count.",
        )
    if count > FEWEST:
        return Missing(
            f"{count} nodes do it in {took.total_seconds() / 60:.0f} minutes; fewer are enough.",
            "How many frames can one node do in the time that is left after it has started?",
            "The job does not have to be early, only in time.",
        )
    return (
        f"{count} nodes do it in {took.total_seconds() / 60:.0f} minutes; with one node fewer it "
        "would be too late."
    )
