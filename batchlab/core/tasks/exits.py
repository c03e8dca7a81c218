"""Exit conditions: what happens to a task's dependents and to its job when the task ends.

They are evaluated after the last retry. A listed exit code, alone or in a range, takes precedence;
then a failure before the start or of an upload, if there is an entry for it; then, for any
failure, the default. Without an entry, or where it leaves an action open, the actions are
``satisfy`` and ``none`` for success, ``block`` and ``terminate`` for failure. The job action is
only taken if the job has ``on_task_failure="performexitoptionsjobaction"``.

A task that was ended on request has no exit condition: its dependents keep waiting, and its job
continues.
"""

from __future__ import annotations

from batchlab.core.model import ExitConditions, ExitOptions, JobSpec, TaskSpec
from batchlab.core.model.values import FailureInfo
from batchlab.errors import invalid

_NOTHING_SAID = ExitOptions()  # created once, as every end of a task needs it


def check(job: JobSpec, task: TaskSpec) -> None:
    """Refuse a job action in a job that does not take actions."""
    conditions = task.exit_conditions
    if conditions is None or job.on_task_failure != "noaction":
        return
    for options in conditions.options():
        if options.job_action is not None:
            raise invalid(
                "job_action",
                options.job_action,
                "requires a job with on_task_failure='performexitoptionsjobaction'",
                owner="ExitOptions",
            )


def judge(spec: TaskSpec, exit_code: int | None, failure: FailureInfo | None) -> tuple[str, str]:
    """The job action and the dependency action for the end of a task."""
    options = _find(spec.exit_conditions, exit_code, failure) or _NOTHING_SAID
    good = failure is None
    job_action = options.job_action or ("none" if good else "terminate")
    return job_action, options.dependency_action or ("satisfy" if good else "block")


def _find(
    conditions: ExitConditions | None, exit_code: int | None, failure: FailureInfo | None
) -> ExitOptions | None:
    if conditions is None:
        return None
    if exit_code is not None:
        for entry in conditions.exit_codes:
            if entry.code == exit_code:
                return entry.exit_options
        for span in conditions.exit_code_ranges:
            if span.start <= exit_code <= span.end:
                return span.exit_options
    if failure is None:
        return None
    special = None
    if failure.code.startswith("FileUpload"):
        special = conditions.file_upload_error
    elif exit_code is None:
        special = conditions.pre_processing_error
    return special or conditions.default
