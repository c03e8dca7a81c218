"""Job schedules (the work items of 2015): which job is made anew, and when."""

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
    """When jobs are made. All times are UTC.

    Parameters
    ----------
    do_not_run_until : datetime, optional
        The first job is not made before; at once if omitted.
    do_not_run_after : datetime, optional
        No job is made after.
    start_window : duration, optional
        How late a job may be made, because the one before has not ended; then the occurrence is
        skipped. At least 1 minute; without limit if omitted or longer than the interval.
    recurrence_interval : duration, optional
        From one job to the next, at least 1 minute. Exactly one job if omitted.
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
            reason = f"is not after do_not_run_until ({until.isoformat()}): nothing would ever run"
            raise invalid("do_not_run_after", after.isoformat(), reason, owner="Schedule")


class JobScheduleFields(Fields):
    """What a user says about a job schedule.

    Attributes
    ----------
    schedule : Schedule or duration
        When jobs are made; a span of time is a recurrence interval.
    job_specification : JobSpec
        What they are; without an id.
    display_name : str, optional
        Any text, up to 1024 characters.
    metadata : mapping, optional
        Anything that is worth noting: the service only keeps it.
    """

    __slots__ = ()
    schedule: Schedule
    job_specification: JobSpec
    display_name: DisplayName | None = None
    metadata: dict[str, str] = {}


class JobScheduleSpec(JobScheduleFields, Model, frozen=True, kw_only=True):
    """A job that is made again and again.

    Parameters
    ----------
    id : str
        Its jobs are ``id:job-1``, ``id:job-2`` ...
    """

    id: Id

    def __post_init__(self) -> None:
        if self.job_specification.id:
            raise invalid("job_specification", self.job_specification.id,
                          "its jobs get their ids from the schedule: leave the id out",
                          owner="JobScheduleSpec")  # fmt: skip
