"""Job schedules: one job after another. (Until 2015 they were called work items.)"""

from __future__ import annotations

from batchlab.core.answers.pages import matching
from batchlab.core.messages.inputs import (
    DeleteJobSchedule,
    DisableJobSchedule,
    EnableJobSchedule,
    TerminateJobSchedule,
    UpdateJobSchedule,
)
from batchlab.core.messages.questions import (
    ExplainJobSchedule,
    GetJobSchedule,
    JobScheduleIs,
    ListJobSchedules,
)
from batchlab.core.messages.view_fields import JobScheduleProperties
from batchlab.core.messages.views import JobScheduleView
from batchlab.core.model import JobScheduleSpec, JobSpec, Schedule
from batchlab.errors import BatchError
from batchlab.handles.base import Awaited, Handle
from batchlab.handles.collections.mapping import Handles
from batchlab.handles.explanation import Explanation
from batchlab.handles.job import Job
from batchlab.handles.verbs import (
    Duration,
    Watch,
    ask_for,
    check_state,
    described_by,
    seconds,
    taken,
    verb,
)

__all__ = ["JobSchedule", "JobSchedules", "next_job_text"]


class JobSchedule(Handle, Awaited, JobScheduleProperties, init=False):
    """A job that is created again and again, never two at a time.

    Its text says when the next job is due, or what that waits for. Properties query the service;
    `view` returns all of them at once.
    """

    __slots__ = ()

    def view(self) -> JobScheduleView:
        """All properties at one moment, as an immutable snapshot."""
        question = GetJobSchedule(job_schedule_id=self._id)
        view: JobScheduleView = self._connection.ask(question)
        return view

    def explain(self) -> Explanation:
        """Why it creates no job now, and what would change that.

        Most often its last job has not ended: a schedule never has two jobs at a time, and a job
        stays active until something ends it.

        Examples
        --------
        >>> schedule.explain()  # doctest: +SKIP
        Its job 'nightly:job-1' has not ended, and it never has two jobs at a time. ...
            -> schedule.recent_job.terminate(). ...
        """
        reasons = self._connection.ask(ExplainJobSchedule(job_schedule_id=self._id))
        return Explanation(reasons, "Nothing is in its way.", whole=True)

    @property
    def recent_job(self) -> Job | None:
        """The last job it created; None if it has created none."""
        recent = self.recent_job_id
        return None if recent is None else Job(self._connection, recent)

    @verb
    @described_by(JobScheduleSpec, change=True)
    def update(
        self,
        *,
        schedule: Schedule | Duration = None,
        job_specification: JobSpec | None = None,
        metadata: dict[str, str] | None = None,
    ) -> None:
        """Change the given properties, keep the rest; they apply to jobs created from now on.

        Raises
        ------
        Conflict
            ``JobScheduleCompleted``, ``JobScheduleBeingTerminated``, ``JobScheduleBeingDeleted``.
        NotFound
            ``JobScheduleNotFound``.
        InvalidRequest
            ``InvalidPropertyValue``: a property has a wrong value.
        """
        ask_for(self._connection, UpdateJobSchedule, "JobSchedule.update",
                job_schedule_id=self._id, **taken(UpdateJobSchedule, locals()))  # fmt: skip

    @verb
    def disable(self) -> None:
        """Create no more jobs; the current one continues."""
        ask_for(self._connection, DisableJobSchedule, "JobSchedule.disable",
                job_schedule_id=self._id)  # fmt: skip

    @verb
    def enable(self) -> None:
        """Create jobs again."""
        ask_for(self._connection, EnableJobSchedule, "JobSchedule.enable",
                job_schedule_id=self._id)  # fmt: skip

    @verb
    def terminate(self) -> None:
        """Terminate it, and its job with the reason ``TerminateJobSchedule``."""
        ask_for(self._connection, TerminateJobSchedule, "JobSchedule.terminate",
                job_schedule_id=self._id)  # fmt: skip

    @verb
    def delete(self) -> None:
        """Delete it with all its jobs, tasks and files."""
        ask_for(self._connection, DeleteJobSchedule, "JobSchedule.delete",
                job_schedule_id=self._id)  # fmt: skip

    def __repr__(self) -> str:
        try:
            view = self.view()
        except BatchError:
            return super().__repr__()
        return f"JobSchedule({view.id!r}): {state_text(view, self._connection.now())}"

    @verb
    def wait(
        self, state: str = "completed", *, timeout: Duration = None, watch: Watch | None = None
    ) -> None:
        """Block until it is in a state.

        Parameters
        ----------
        state : str, default "completed"
            A state, or ``"deleted"``.
        timeout : duration, optional
            In lab time; no limit if omitted.
        watch : callable, optional
            Called a few times a second while waiting.

        Raises
        ------
        InvalidRequest
            ``InvalidPropertyValue``: not one of its states.
        WaitTimeout
            ``OperationTimedOut``: the timeout expired.
        WaitNeverEnds
            Nothing in progress will bring it into that state; the message says why.
        """
        owner = "JobSchedule.wait"
        goal = JobScheduleIs(
            job_schedule_id=self._id, state=check_state("job schedule", state, owner)
        )
        self._connection.wait(goal, seconds(timeout, owner), watch)


class JobSchedules(Handles[JobSchedule]):
    """The job schedules of a lab by id, in order of creation."""

    __slots__ = ()
    _kind = "job schedule"
    _view_type = JobScheduleView

    def views(self) -> list[JobScheduleView]:
        """An immutable snapshot of each job schedule, all of the same moment."""
        views: list[JobScheduleView] = self._connection.ask(ListJobSchedules())
        return matching(views, self._where)

    def _handle(self, id: str) -> JobSchedule:  # noqa: A002
        return JobSchedule(self._connection, id)

    def _summary(self) -> str:
        now = self._connection.now()
        lines = [f"{view.id}  {state_text(view, now)}" for view in self.views()]
        return "\n".join(lines) or "no job schedules"


def state_text(view: JobScheduleView, now: float) -> str:
    """Its state, its last job and when the next one is due, in words."""
    last = f"last job {view.recent_job_id!r}" if view.recent_job_id else "no job yet"
    following = next_job_text(view, now)
    return ", ".join([view.state, last, *([f"next job {following}"] if following else [])])


def next_job_text(view: JobScheduleView, now: float) -> str:
    """When the next job is due, or what it waits for; empty if there is no next job.

    Parameters
    ----------
    view : JobScheduleView
    now : float
        The time on the lab's clock.
    """
    due = view.next_run_time
    if due is None:
        return ""
    time = f"{due:%Y-%m-%d %H:%M:%S}"
    if view.state == "disabled":
        return f"{time} if it is enabled"
    if due.timestamp() > now:
        return time
    return f"due since {time}: waits for {view.recent_job_id!r} to end"
