"""Job schedules (the work items of 2015): which job is created repeatedly, and when."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Any

from batchlab.core.model.base import Model
from batchlab.core.model.common import DisplayName
from batchlab.core.model.fields import Fields
from batchlab.core.model.ids import Id
from batchlab.core.model.jobs import JobSpec
from batchlab.core.model.ranges import Range
from batchlab.errors import invalid

Interval = Annotated[timedelta, Range(timedelta(minutes=1))]


class Schedule(Model, frozen=True, kw_only=True):
    """When jobs are created. All times are UTC.

    Parameters
    ----------
    do_not_run_until : datetime, optional
        No job is created before this time. If omitted, the first one is created immediately.
    do_not_run_after : datetime, optional
        No job is created after this time.
    start_window : duration, optional
        How late a job may be created if the previous one has not ended in time; after that the
        occurrence is skipped. At least 1 minute. No limit if omitted or longer than the interval.
    recurrence_interval : duration, optional
        Time from one job to the next, at least 1 minute. If omitted, there is exactly one job.
    """

    do_not_run_until: datetime | None = None
    do_not_run_after: datetime | None = None
    start_window: Interval | None = None
    recurrence_interval: Interval | None = None

    @classmethod
    def _from_sugar(cls, value: Any) -> Any:
        span: Any = value  # read by the constructor
        return cls(recurrence_interval=span) if isinstance(value, (str, timedelta)) else None

    def __post_init__(self) -> None:
        until, after = self.do_not_run_until, self.do_not_run_after
        if until is not None and after is not None and after <= until:
            reason = (
                f"must be after do_not_run_until ({until.isoformat()}), or no job would ever run"
            )
            raise invalid("do_not_run_after", after.isoformat(), reason, owner="Schedule")


class JobScheduleFields(Fields):
    """What a user specifies for a job schedule.

    Attributes
    ----------
    schedule : Schedule or duration
        When jobs are created. A duration is a recurrence interval.
    job_specification : JobSpec
        The description of its jobs, without an id.
    display_name : str, optional
        Any text, up to 1024 characters.
    metadata : mapping, optional
        Names and values for your own use: the service only stores them.
    """

    __slots__ = ()
    schedule: Schedule
    job_specification: JobSpec
    display_name: DisplayName | None = None
    metadata: dict[str, str] = {}


class JobScheduleSpec(JobScheduleFields, Model, frozen=True, kw_only=True):
    """A job that is created repeatedly.

    Parameters
    ----------
    id : str
        Its jobs are called ``id:job-1``, ``id:job-2`` ...
    """

    id: Id

    def __post_init__(self) -> None:
        if self.job_specification.id:
            raise invalid("job_specification", self.job_specification.id,
                          "jobs get their ids from the schedule: omit the id",
                          owner="JobScheduleSpec")  # fmt: skip
