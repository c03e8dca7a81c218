"""What pools, jobs and tasks have in common: settings and limits."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal

from batchlab.core.model.base import Model
from batchlab.durations import format_duration
from batchlab.errors import InvalidRequest, invalid

Deallocation = Literal["requeue", "terminate", "taskcompletion", "retaineddata"]
RETENTION = timedelta(days=7)
"""How long the directory of a task is kept unless it says otherwise."""


def check_limits(wall_clock: timedelta | None, retries: int | None, owner: str) -> None:
    """Refuse a wall clock of nothing and retries below -1."""
    if wall_clock is not None and wall_clock <= timedelta(0):
        raise invalid("max_wall_clock_time", format_duration(wall_clock),
                      "must be longer than nothing", owner=owner)  # fmt: skip
    if retries is not None and retries < -1:
        raise invalid("max_task_retry_count", retries, "must be -1 (no limit), 0 or more",
                      owner=owner)  # fmt: skip


def check_command(command_line: str, owner: str, name: str = "command_line") -> None:
    """Refuse an empty command line."""
    if not command_line.strip():
        raise InvalidRequest(
            "MissingRequiredProperty",
            f"{owner}.{name} is empty: name a program to run",
            {"PropertyName": name},
        )


def check_display_name(value: str | None, owner: str) -> None:
    """Refuse a display name of more than 1024 characters."""
    if value is not None and len(value) > 1024:
        raise invalid("display_name", value, "may have 1024 characters", owner=owner)


class EnvironmentSetting(Model, frozen=True, kw_only=True):
    """One environment variable of a task: `name` and `value`. A mapping says the same."""

    name: str
    value: str = ""


class TaskConstraints(Model, frozen=True, kw_only=True):
    """Limits of a task.

    Parameters
    ----------
    max_wall_clock_time : duration, optional
        How long one run may take; then it is killed and the task has failed. No limit if omitted.
    max_task_retry_count : int, optional
        How often a run that ended with a nonzero exit code is repeated: N retries are N+1 runs,
        -1 is without limit. The job's value if omitted.
    retention_time : duration, default 7 days
        How long the task's directory is kept after the task completed.
    """

    max_wall_clock_time: timedelta | None = None
    retention_time: timedelta | None = None
    max_task_retry_count: int | None = None

    def __post_init__(self) -> None:
        check_limits(self.max_wall_clock_time, self.max_task_retry_count, "TaskConstraints")
