"""What preparations leave on nodes, and rehearsals of preparations, their tasks and releases."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from batchlab.core.messages.views import JobView
from batchlab.core.model.values import ExecutionInfo
from batchlab.handles.job import Job
from batchlab.handles.pool import Pool
from batchlab.lab import SimulatedLab
from batchlab.lessons.evidence import LONG, can_rehearse, is_known, plain, rehearsal
from batchlab.lessons.exercises import Missing

__all__ = ["LINE", "brought", "left_over", "who_did_it", "without_file"]

LINE = "a scene"
"""What the preparation of exercise 03-2 brings."""


def brought(job: Job) -> Iterator[tuple[str, str]]:
    """The names and contents of the files where preparations leave them for tasks."""
    nodes = Pool(job._connection, job.pool_id).nodes
    for row in job.preparations:
        own = row.job_preparation_task_execution_info.task_root_directory
        files = nodes[row.node_id].files
        for folder in ("shared", f"{own}/wd"):
            for found in files.list(folder, recursive=True):
                if not found.is_directory:
                    yield found.name, files.text(found.name)


def left_over(job: Job) -> str:
    """The name of a file that still contains the line, on a node that was prepared for the job."""
    return next((name for name, text in brought(job) if LINE in text), "")


def who_did_it(job: Job) -> Missing | None:
    """What shows that not the preparation brought the line, or not the release cleared it."""
    preparation, release = job.job_preparation_task, job.job_release_task
    assert preparation is not None
    assert release is not None
    typed = [view for view in job.tasks.views() if LINE in view.command_line]
    if any("grep" not in view.command_line for view in typed):
        return Missing(
            f"{typed[0].id!r} prints a line that is in its own command line.",
            "The tasks should print the file, whatever is in it.",
            "cat prints a file.",
        )
    if not can_rehearse(preparation, release):
        return None
    with rehearsal(job) as lab:
        lab.create_pool("trial", target_dedicated_nodes=1)
        return _rehearsed(lab, job.view())


def _rehearsed(lab: SimulatedLab, job: JobView) -> Missing | None:
    first = _prepared(lab, job, {})
    infos = [row.job_preparation_task_execution_info for row in first.preparations]
    if not is_known(*infos):
        return None
    if not left_over(first):
        return Missing(
            "on a node of its own, the preparation leaves no file with the line.",
            "Who wrote it on your nodes?",
            "The preparation itself must write it.",
        )
    _prepared(lab, job, {job.id: f"{job.id[:50]}-other", LINE: "another line"})
    if not left_over(first):
        return Missing(
            "another job with a preparation like this would overwrite the file.",
            "All jobs on a node use the same folder shared.",
            "Use the working directory of the preparation, or a folder with the id of the job: "
            "$AZ_BATCH_JOB_ID.",
        )
    first.terminate()
    lab.advance(LONG)
    releases = [row.job_release_task_execution_info for row in first.preparations]
    if left_over(first) and is_known(*releases) and _succeeded(releases):
        return Missing(
            "on a node of its own, the release leaves the file where it is.",
            "Who deleted it on your nodes?",
            "The release itself must delete it: rm.",
        )
    return None


def _succeeded(infos: list[ExecutionInfo | None]) -> bool:
    """Whether these runs succeeded; an unknown release is ended after fifteen minutes."""
    return all(info is not None and info.result == "success" for info in infos)


def _prepared(lab: SimulatedLab, job: JobView, other: Mapping[str, str]) -> Job:
    """Let the node be prepared for a job like this one, whose task does nothing.

    `other` says which words are others in it.
    """
    made = lab.create_job(
        other.get(job.id, job.id),
        "trial",
        job_preparation_task=plain(job.job_preparation_task, other),
        job_release_task=plain(job.job_release_task, other),
        common_environment_settings=job.common_environment_settings,
    )
    made.create_task("nothing", "/bin/true")
    lab.advance(LONG)
    return made


def without_file(job: Job) -> Missing | None:
    """What shows that a task prints a file, and not something that it knows without it."""
    task = next(iter(job.tasks.values()))
    with rehearsal(job) as lab:
        lab.create_pool("trial", target_dedicated_nodes=1)
        trial = lab.create_job(
            job.id,
            "trial",
            job_preparation_task="/bin/true",
            common_environment_settings=job.common_environment_settings,
        )
        settings = task.environment_settings
        alone = trial.create_task("alone", task.command_line, environment_settings=settings)
        lab.advance(LONG)
        if not is_known(alone.view()) or task.stdout.strip() not in alone.stdout:
            return None
    return Missing(
        "the tasks print the same line without the file.",
        "The preparation writes the file, and the tasks print it.",
        "cat $AZ_BATCH_JOB_PREP_WORKING_DIR/rates.txt, inside /bin/sh -c '...'.",
    )
