"""Small values that states, records, reports and views share."""

from __future__ import annotations

from datetime import datetime, timedelta

import msgspec

from batchlab.core.model.containers import TaskContainerExecutionInfo
from batchlab.core.model.fields import FieldsMeta
from batchlab.durations import format_duration
from batchlab.masking import mask


class FailureInfo(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Why a task failed: `category` (``UserError`` or ``ServerError``), `code`, `message`.

    `details` are pairs of a name and a value. Secrets are masked.
    """

    category: str
    code: str
    message: str = ""
    details: dict[str, str] = {}

    def __post_init__(self) -> None:
        msgspec.structs.force_setattr(self, "message", mask(encodable(self.message)))
        if self.details:
            shown = {name: mask(encodable(value)) for name, value in self.details.items()}
            msgspec.structs.force_setattr(self, "details", shown)


def encodable(text: str) -> str:
    """Return a text that JSON can have: names of files may contain bytes that are no characters.

    Parameters
    ----------
    text : str

    Examples
    --------
    >>> print(encodable("a\\udcff"))
    a\\udcff
    """
    if text.isascii():
        return text
    return text.encode("utf-8", "backslashreplace").decode()


def wall_clock_exceeded(seconds: float) -> FailureInfo:
    """Why a run failed that took longer than its `max_wall_clock_time`, in whatever world."""
    limit = format_duration(timedelta(seconds=seconds))
    return FailureInfo(
        category="ServerError",
        code="TaskEnded",
        message=f"The task exceeded its max_wall_clock_time of {limit} and was killed",
    )


def reason_of(failure: FailureInfo | None) -> str:
    """Why a run failed, in one word; empty if it did not.

    It is the failure's code, but ``TimedOut`` for a run that exceeded its `max_wall_clock_time`:
    Azure gives it the code of a run that was ended on request.
    """
    if failure is None:
        return ""
    timed_out = failure.code == "TaskEnded" and failure.category == "ServerError"
    return "TimedOut" if timed_out else failure.code


class ResizeError(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Why a pool did not reach its target: `code` and `message`."""

    code: str
    message: str = ""


class PassedOver(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A machine that cannot be a node: its name, the reason as a clause, and what to do."""

    machine: str
    reason: str
    remedy: str = ""

    def __post_init__(self) -> None:
        msgspec.structs.force_setattr(self, "machine", encodable(self.machine))
        msgspec.structs.force_setattr(self, "reason", encodable(self.reason))


class View(msgspec.Struct, metaclass=FieldsMeta, frozen=True, kw_only=True, tag=True):
    """Base of all views."""


class TaskCounts(View, frozen=True, kw_only=True):
    """Tasks of a job by state; `running` includes preparing, `completed` = succeeded + failed."""

    active: int = 0
    running: int = 0
    completed: int = 0
    succeeded: int = 0
    failed: int = 0


class NodeUsage(View, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """What the tasks of a node used; counts are since the previous measurement.

    None where the machine does not report a value. The names follow the formula language
    (``$CPUPercent``, ``$MemoryBytes`` in MB, ``$DiskBytes`` in GB ...).
    """

    cpu_percent: float = 0.0
    """Percentage of the node's cores, 0 to 100."""
    wall_clock_seconds: float = 0.0
    """Seconds of lab time that runs took, summed over parallel runs."""
    memory_megabytes: float | None = None
    disk_gigabytes: float | None = None
    disk_read_bytes: float | None = None
    disk_write_bytes: float | None = None
    disk_read_ops: float | None = None
    disk_write_ops: float | None = None
    network_in_bytes: float | None = None
    network_out_bytes: float | None = None


class DeleteCertificateError(msgspec.Struct, frozen=True, kw_only=True):
    """Why a certificate could not be deleted; `values` names the pools and nodes that use it."""

    code: str
    message: str
    values: dict[str, str]


class RecentTask(View, frozen=True, kw_only=True):
    """A task that has completed on a node."""

    job_id: str
    task_id: str
    start_time: datetime | None
    end_time: datetime
    exit_code: int | None
    failure_info: FailureInfo | None
    result: str
    retry_count: int
    last_retry_time: datetime | None
    requeue_count: int
    last_requeue_time: datetime | None


class ExecutionInfo(View, frozen=True, kw_only=True):
    """One start, preparation or release task on one node."""

    state: str
    start_time: datetime
    end_time: datetime | None = None
    exit_code: int | None = None
    container_info: TaskContainerExecutionInfo | None = None
    failure_info: FailureInfo | None = None
    retry_count: int = 0
    last_retry_time: datetime | None = None
    result: str | None = None
    task_root_directory: str = ""
