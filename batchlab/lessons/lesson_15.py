"""Checks of the case study: a design that works, and one that is cheap enough."""

from __future__ import annotations

import json
from collections.abc import Sequence

from batchlab.core.messages.views import TaskView
from batchlab.handles.job import Job
from batchlab.handles.pool import Pool
from batchlab.handles.storage import Container, Storage
from batchlab.lessons.exercises import Missing, exercise
from batchlab.lessons.looking import span, unfinished

PAIRS, BOOKS = 15, 600
MINUTES, DOLLARS = 75, 1.0


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
    return _prices_once(job, views) or _all_succeeded(views) or _safest(container)


def _prices_once(job: Job, views: Sequence[TaskView]) -> Missing | None:
    if job.job_preparation_task is None:
        return Missing(
            "the job has no preparation task.",
            "All tasks need the prices. What all tasks need belongs to the job.",
            "Set job_preparation_task=, as in the job evening.",
        )
    if any("stocks" in str(file) for view in views for file in view.resource_files):
        return Missing(
            "each task fetches the prices, too.",
            "They are on the node when the preparation has finished.",
            "A task needs only its own book in resource_files; its command line names the copy of "
            "the prices in $AZ_BATCH_JOB_PREP_WORKING_DIR.",
        )
    return None


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


def _safest(container: Container) -> str | Missing:
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
    return _time_and_money(pool, job)


def _time_and_money(pool: Pool, job: Job) -> str | Missing:
    came = min(view.creation_time.timestamp() for view in job.tasks.views())
    minutes, dollars = (span(job)[1] - came) / 60, pool.cost.cost
    if pool.cost.unpriced:
        return Missing(
            f"the price of a {pool.vm_size} node is not known.",
            "The night must have a price. lab.vm_sizes lists the sizes that have one.",
            "Omit vm_size, as in the lesson.",
        )
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
