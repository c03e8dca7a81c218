"""What pools, jobs and tasks have in common: settings and limits."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal

from batchlab.core.model.base import Model
from batchlab.core.model.ranges import SHORTEST, Length, Range
from batchlab.errors import InvalidRequest

Deallocation = Literal["requeue", "terminate", "taskcompletion", "retaineddata"]
RETENTION = timedelta(days=7)
"""How long the directory of a task is kept unless it says otherwise."""


def check_command(command_line: str, name: str, owner: str) -> None:
    """Refuse an empty command line."""
    if not command_line.strip():
        raise InvalidRequest(
            "MissingRequiredProperty",
            f"{owner}.{name} is empty: name a program to run",
            {"PropertyName": name},
        )


CommandLine = Annotated[str, check_command]
DisplayName = Annotated[str, Length(1024)]
Retries = Annotated[int, Range(0, unlimited=-1)]
Slots = Annotated[int, Range(1, 256)]
WallClock = Annotated[timedelta, Range(SHORTEST)]


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

    max_wall_clock_time: WallClock | None = None
    retention_time: timedelta | None = None
    max_task_retry_count: Retries | None = None
