"""Why a job schedule creates no job now: its last job has not ended, its own state, or its plan.

The most common trap: a job stays active when its tasks are done, unless something ends it, and a
schedule never has two jobs at a time. So nothing recurs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from batchlab.core.answers.reasons import Reason, remedied, remedy_for
from batchlab.core.answers.waits import hopeless
from batchlab.core.jobs.schedules import is_missed, next_run, start_limit
from batchlab.core.messages.questions import JobIs
from batchlab.core.model.moments import moment
from batchlab.core.state.records import JobRecord, ScheduleRecord

if TYPE_CHECKING:
    from batchlab.core.state.state import State

_END = (
    "schedule.recent_job.terminate(). For later jobs, schedule.update(job_specification=...) with "
    "on_all_tasks_complete='terminatejob' or a job manager task"
)
_LOOK = "schedule.recent_job.explain()"
_REMEDIES = {
    "JobNotEnded": f"wait for the job to end; see {_LOOK}",
    "SingleJob": "for more jobs: schedule.update(schedule=...) with a recurrence_interval",
    "LastJob": "for more jobs: schedule.update(schedule=...) with a later do_not_run_after",
}


def explain_schedule(state: State, schedule: ScheduleRecord, now: float) -> list[Reason]:
    """Why no job is created now, and what would change that."""
    current, job = schedule.phase.state, schedule.job
    if current == "completed":
        text = "It is completed: it creates no more jobs."
        return remedied([Reason(code="ScheduleCompleted", text=text, lasting=True)])
    if current in ("terminating", "deleting"):
        text = f"It is {current}: it creates no more jobs"
        text += f", and waits until {job.spec.id!r} has ended." if job else "."
        return [Reason(code="ScheduleEnding", text=text)]
    reasons = []
    if current == "disabled":
        text = "It is disabled: it creates no job until it is enabled."
        text += "" if job else _due(schedule, now, "it is enabled")
        reasons.append(Reason(code="ScheduleDisabled", text=text, lasting=True))
    if job is not None:
        reasons.append(_held_up(state, schedule, job, now))
    elif current == "active":
        until = schedule.spec.schedule.do_not_run_until
        why = " (do_not_run_until)" if until and until.timestamp() == schedule.due else ""
        due = _due(schedule, now, "").removesuffix(".")
        reasons.append(Reason(code="NotDue", text=f"Nothing is in its way.{due}{why}."))
    return remedied(reasons)


def explain_held_up_schedule(state: State, job: JobRecord, now: float) -> list[Reason]:
    """Whether the schedule of a job waits for its end, or will have to."""
    schedule = job.schedule
    if schedule is None or schedule.job is not job or schedule.phase.state != "active":
        return []
    due, never = next_run(schedule, now), _never_ends(state, job)
    if due is None or not (never or due <= now):
        return []
    text = (
        f"Job schedule {schedule.spec.id!r} creates no other job until this one has ended."
        f"{_due(schedule, now, 'this job ends')}"
    )
    remedy = remedy_for("JobStaysActive") if _stays_active(never) else ""
    return [Reason(code="ScheduleWaits", text=text, lasting=bool(never), remedy=remedy)]


def _held_up(state: State, schedule: ScheduleRecord, job: JobRecord, now: float) -> Reason:
    """What a schedule does while its job has not ended."""
    plan, name, due = schedule.spec.schedule, job.spec.id, next_run(schedule, now)
    if plan.recurrence_interval is None:
        code, text = "SingleJob", f"It has no recurrence_interval: {name!r} is its only job."
    elif due is None:
        code, text = "LastJob", f"{name!r} is its last job: do_not_run_after is before the next."
    else:
        code = "JobNotEnded"
        text = f"Its job {name!r} has not ended, and it never has two jobs at a time."
        text += _due(schedule, now, "that job ends")
    never = _never_ends(state, job)
    if _stays_active(never):
        text += " Nothing will end that job: it stays active even when its tasks are completed."
        return Reason(code=code, text=text, lasting=True, remedy=_END)
    if never:
        text += f" Nothing will end that job: {' '.join(reason.text for reason in never)}"
        return Reason(code=code, text=text, lasting=True, remedy=_LOOK)
    in_time = due is not None and due > now
    return Reason(code=code, text=text, remedy="" if in_time else _REMEDIES[code])


def _never_ends(state: State, job: JobRecord) -> list[Reason]:
    return hopeless(state, JobIs(job_id=job.spec.id, state="completed"))


def _stays_active(never: list[Reason]) -> bool:
    return any(reason.code == "JobStaysActive" for reason in never)


def _due(schedule: ScheduleRecord, now: float, when: str) -> str:
    """When the next job is due; or was, and then what it waits for; and whether one is skipped."""
    due = next_run(schedule, now)
    text = ""
    if schedule.due is not None and is_missed(schedule, now):
        text = f" The job due at {_at(schedule.due)} is skipped: its start window is over."
    if due is None:
        return text
    if due > now:
        return f"{text} The next job is due at {_at(due)}."
    limit = start_limit(schedule)
    until = f", if that is by {_at(limit)} (start_window)" if limit is not None else ""
    return f"{text} The next job was due at {_at(due)}, and is created when {when}{until}."


def _at(seconds: float) -> str:
    return f"{moment(seconds):%Y-%m-%d %H:%M:%S}"
