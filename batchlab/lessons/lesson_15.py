"""Checks of the case study: a design that works, and one that is cheap enough."""

from __future__ import annotations

import json
from collections.abc import Sequence

from batchlab.core.messages.views import TaskView
from batchlab.errors import BatchError
from batchlab.handles.job import Job
from batchlab.handles.pool import Pool
from batchlab.handles.storage import Container, Storage
from batchlab.handles.task import Task
from batchlab.lessons.evidence import boot_seconds, run_seconds, sources
from batchlab.lessons.exercises import Missing, exercise
from batchlab.lessons.looking import span, unfinished

PAIRS, BOOKS = 15, 600
MINUTES, DOLLARS = 75, 1.0
SIZE = "small"
BOOT_S, PRICES_S, BOOK_S = 89, 8 * 60, 3 * 60
IDLE = ("true", "false", "echo", ":")
"""Programs that bring nothing to a node."""


@exercise("15-1", "The safest pair", Job)
def _safest_pair(job: Job) -> str | Missing:
    waiting = unfinished(job, least=PAIRS)
    if waiting:
        return waiting
    views = list(job.tasks.views())
    container = Storage(job._connection).get("pairs")
    if container is None:
        return Missing(
            "there is no container 'pairs'.",
            "Uploading does not create the container. Create it first.",
            'Call lab.storage.create_container("pairs").',
        )
    return (
        _prices_once(job, views)
        or _all_succeeded(views)
        or _by_the_tasks(job, views)
        or _in_halves(job, views)
        or _safest(container, computed=bool(job._connection.speed))
    )


def _prices_once(job: Job, views: Sequence[TaskView]) -> Missing | None:
    if job.job_preparation_task is None:
        return Missing(
            "the job has no preparation task.",
            "All tasks need the prices. What all tasks need belongs to the job.",
            "Set job_preparation_task=, as in the job evening.",
        )
    if job.job_preparation_task.command_line.split()[0].rpartition("/")[2] in IDLE and not (
        job.job_preparation_task.resource_files
    ):
        return Missing(
            "the preparation does not bring anything.",
            "All tasks need the prices. What all tasks need belongs to the job.",
            "Set job_preparation_task=, as in the job evening.",
        )
    wanted = [file for view in views for file in view.resource_files]
    if any(
        "stocks" in str(file) or file.auto_storage_container_name == "market" for file in wanted
    ):
        return Missing(
            "each task fetches the prices, too.",
            "They are on the node when the preparation has finished.",
            "A task needs only its own book in resource_files; its command line names the copy of "
            "the prices in $AZ_BATCH_JOB_PREP_WORKING_DIR.",
        )
    return None


def _by_the_tasks(job: Job, views: Sequence[TaskView]) -> Missing | None:
    """What shows that the risks were not computed or not uploaded by the tasks."""
    if any("at_risk" in view.command_line for view in views):
        return Missing(
            "the risk is in the command line of a task.",
            "The program should compute it from the prices and the book.",
            "Use the command line of book_task.",
        )
    if not all(_sent_any(Task(job._connection, job.id, view.id), "pairs") for view in views):
        return Missing(
            "not every task uploaded a file to the container 'pairs'.",
            "Who put the files there? The tasks should do it themselves.",
            "Use output_files=[keep('pairs', f'{name}.json', 'risk.json')].",
        )
    return None


def _in_halves(job: Job, views: Sequence[TaskView]) -> Missing | None:
    """What shows that the money of a book is not in two halves, as far as its text can be read."""
    wrong = {}
    for view in views:
        for book in map(_book, sources(Task(job._connection, job.id, view.id))):
            parts = list(book.values())
            if parts and (len(parts) != 2 or max(parts) - min(parts) > 0.001):
                wrong[view.id] = ", ".join(f"{name} {part:g}" for name, part in book.items())
    if len(views) - len(wrong) >= PAIRS:
        return None
    name, shown = next(iter(wrong.items()))
    return Missing(
        f"the book of task {name!r} is not a pair in two halves: {shown}.",
        "Half of the money is in each share of a pair.",
        "json.dumps({first: 0.5, second: 0.5}) is the text of such a book.",
    )


def _book(text: str) -> dict[str, float]:
    """The parts of a book; empty if the text is something else, such as a result."""
    try:
        parts = json.loads(text)
        if "at_risk" in parts:
            return {}
        return {str(name): float(part) for name, part in parts.items()}
    except (ValueError, AttributeError, TypeError):
        return {}


def _sent_any(task: Task, container: str) -> bool:
    """Whether a task uploaded something to a container, as its log says."""
    try:
        return f"/{container}/" in task.files.text("fileuploadout.txt")
    except BatchError:  # its node is gone, and the log with it
        return bool(task.output_files)


def _all_succeeded(views: Sequence[TaskView]) -> Missing | None:
    failed = [view for view in views if view.result != "success"]
    if not failed:
        return None
    info = failed[0].failure_info
    if failed[0].exit_code is None or (info and info.code.startswith("FileUpload")):
        return Missing(
            f"{len(failed)} tasks failed: {info.code if info else ''}.",
            "failure_info.details says what was missing.",
            "Is each book in the storage, under the name that its task asks for? And is the "
            "container for the results there?",
        )
    return Missing(
        f"{len(failed)} tasks failed, {failed[0].id!r} with exit code {failed[0].exit_code}.",
        "What does it say on stderr?",
        "If a file is missing: the release task of another job may have deleted the prices, or "
        "the preparation saved them under another name.",
    )


def _safest(container: Container, *, computed: bool) -> str | Missing:
    risks = {blob.name: _at_risk(container.read(blob.name)) for blob in container.list()}
    found = {name: risk for name, risk in risks.items() if risk is not None}
    if len(found) < PAIRS:
        return Missing(
            f"the container has the risk of {len(found)} books.",
            "The program writes risk.json. Does each task upload it, under a different name?",
            "Use output_files=[keep('pairs', f'{name}.json', 'risk.json')].",
        )
    best = min(found, key=lambda name: found[name])
    if found[best] < 0:
        return Missing(
            f"{best} can only gain: a value at risk of {found[best]:.0%} cannot be right.",
            "How much money is in that book? Its parts should add up to one.",
            "Put half of it in each share: 0.5 and 0.5. Delete what is left in the container.",
        )
    if computed and len(set(found.values())) < PAIRS // 2:
        return Missing(
            "many of the books have the very same risk.",
            "Does each task compute its own pair?",
            "Upload one book for each pair, and let each task fetch its own.",
        )
    return f"{len(found)} pairs, and the safest is {best}: {found[best]:.1%} at risk."


def _at_risk(data: bytes) -> float | None:
    try:
        return float(json.loads(data)["at_risk"])
    except (ValueError, KeyError, TypeError):
        return None


@exercise("15-2", "A night for less than a dollar", Pool, Job)
def _thrifty(pool: Pool, job: Job) -> str | Missing:
    if job.pool_id.lower() != pool.id.lower():
        return Missing(
            "the job runs on another pool.",
            "Pass the pool and the job that ran on it.",
            f"The pool of this job is {job.pool_id!r}.",
        )
    if job.job_preparation_task is None:
        return Missing(
            "the job has no preparation task, so the prices are missing.",
            "The preparation is part of the exercise.",
            'Set job_preparation_task="download prices".',
        )
    waiting = unfinished(job, least=BOOKS)
    if waiting:
        return waiting
    if len(job.tasks.filter(result="failure")):
        return Missing(
            "some of the tasks failed.",
            "No book may be missing.",
            "If nodes are removed while tasks run: $NodeDeallocationOption = taskcompletion.",
        )
    if pool.current_dedicated_nodes or pool.current_low_priority_nodes:
        return Missing(
            "the pool still has nodes, which cost money.",
            "A formula removes them after a while, or you can do it with resize.",
            'Call tonight.advance("1h").',
        )
    return _other_conditions(pool, job) or _time_and_money(pool, job)


def _other_conditions(pool: Pool, job: Job) -> Missing | None:
    """What is easier than in the exercise: the nodes, or the work."""
    if pool.cost.unpriced:
        return Missing(
            f"the price of a {pool.vm_size} node is not known.",
            "The night must have a price. lab.vm_sizes lists the sizes that have one.",
            "Omit vm_size, as in the lesson.",
        )
    if pool.vm_size != SIZE or pool.task_slots_per_node != 1:
        return Missing(
            f"its nodes are {pool.vm_size}, with {pool.task_slots_per_node} slots.",
            "The books should run on the same nodes as in the lesson, one at a time.",
            "Omit vm_size and task_slots_per_node.",
        )
    preparations = [row.job_preparation_task_execution_info for row in job.preparations]
    prepared = [
        (info.end_time - info.start_time).total_seconds() for info in preparations if info.end_time
    ]
    runs = run_seconds(job.tasks.views())
    if (
        min(runs) < BOOK_S
        or min(prepared, default=0) < PRICES_S
        or min(boot_seconds(pool), default=BOOT_S) < BOOT_S
    ):
        return Missing(
            "the night was easier than in the lesson.",
            "A node takes 90 seconds to start, the prices eight minutes, and a book three.",
            'Use the lab tonight, the tasks "value book" and the preparation "download prices".',
        )
    if pool.cost.node_hours * 3600 < sum(runs):
        return Missing(
            "the pool was not there for all of the work, so its cost is not that of the night.",
            "A pool that is created again begins at zero.",
            "Run the job on one pool, from the beginning to the end.",
        )
    return None


def _time_and_money(pool: Pool, job: Job) -> str | Missing:
    came = min(view.creation_time.timestamp() for view in job.tasks.views())
    minutes, dollars = (span(job)[1] - came) / 60, pool.cost.cost
    found = f"all done after {minutes:.0f} minutes, for ${dollars:.2f}"
    if minutes > MINUTES:
        return Missing(
            f"{found}: too late.",
            "How many nodes are there, and how long do the books wait for them?",
            "A formula is evaluated every 15 minutes unless auto_scale_evaluation_interval says "
            "otherwise; the minimum is 5 minutes. And forty nodes are enough.",
        )
    if dollars >= DOLLARS:
        return Missing(
            f"{found}: too expensive.",
            "Are there idle nodes? And is there a cheaper kind of node?",
            "Spot nodes cost a fifth as much. A formula can set $TargetLowPriorityNodes.",
        )
    return f"{found}."
