"""Settings and limits that pools, jobs and tasks share."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any, Literal

from batchlab.core.model.base import Model
from batchlab.core.model.ranges import SHORTEST, Length, Range
from batchlab.errors import InvalidRequest

Deallocation = Literal["requeue", "terminate", "taskcompletion", "retaineddata"]
RETENTION = timedelta(days=7)
"""How long the directory of a task is kept by default."""
FOREVER = timedelta(days=10_675_199, hours=2, minutes=48, seconds=5, microseconds=477_580)
"""Azure's longest duration, to the microsecond: as a retention time, files are never deleted."""


ENTRY_POINT = "(the entry point of the container's image)"
"""Stands for an empty command line, which Azure accepts with container settings."""


def check_command(command_line: str, name: str, owner: str) -> None:
    """Refuse an empty command line."""
    if not command_line.strip():
        raise InvalidRequest(
            "MissingRequiredProperty",
            f"{owner}.{name} is empty: give the command to run",
            {"PropertyName": name},
        )


class Commanded(Model, frozen=True, kw_only=True):
    """Base of what has a command line: with a container it may be empty."""

    @classmethod
    def _complete(cls, given: dict[str, Any]) -> None:
        if given.get("container_settings") is not None and _is_blank(given.get("command_line")):
            given["command_line"] = ENTRY_POINT


def _is_blank(value: Any) -> bool:
    return isinstance(value, str) and not value.strip()


CommandLine = Annotated[str, check_command]
DisplayName = Annotated[str, Length(1024)]
Retries = Annotated[int, Range(0, unlimited=-1)]
Slots = Annotated[int, Range(1, 256)]
WallClock = Annotated[timedelta, Range(SHORTEST)]


class EnvironmentSetting(Model, frozen=True, kw_only=True):
    """One environment variable of a task: `name` and `value`. A mapping works as well."""

    name: str
    value: str = ""


class TaskConstraints(Model, frozen=True, kw_only=True):
    """Limits of a task.

    Parameters
    ----------
    max_wall_clock_time : duration, optional
        How long one run may take. After that it is killed and the task fails. No limit if omitted.
    max_task_retry_count : int, optional
        How often a run that ended with a nonzero exit code is repeated: N retries mean up to N+1
        runs, -1 means no limit. The job's value if omitted.
    retention_time : duration, default 7 days
        How long the task's directory is kept after the task has completed.
    """

    max_wall_clock_time: WallClock | None = None
    retention_time: timedelta | None = None
    max_task_retry_count: Retries | None = None
