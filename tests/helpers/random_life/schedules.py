"""What can be asked of job schedules in a random life. Every schedule drawn comes to an end."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import rule

from batchlab.core.messages import inputs
from batchlab.core.model import JobScheduleSpec, JobSpec, Schedule
from helpers.random_life.checked import CheckedLife
from helpers.random_life.strategies import (
    AUTO_POOLS,
    COMPLETE,
    MANAGERS,
    PARALLEL,
    POOL_INFOS,
    PREPARATIONS,
    SCHEDULES,
)

PLANS = st.fixed_dictionaries(
    {
        "until": st.sampled_from([None, None, 0, 30, 700]),
        "after": st.sampled_from([-10, 150, 800, 2000]),
        "interval": st.sampled_from([None, 60, 90, 400]),
        "window": st.sampled_from([None, None, 60, 100]),
    }
)
JOB_SPECS = st.builds(
    JobSpec,
    pool_info=POOL_INFOS | AUTO_POOLS,
    job_manager_task=st.none() | MANAGERS,
    job_preparation_task=st.none() | PREPARATIONS,
    priority=st.integers(-1, 1),
    on_all_tasks_complete=COMPLETE.map(lambda complete: complete or "terminatejob"),
    max_parallel_tasks=PARALLEL,
    allow_task_preemption=st.booleans(),
    uses_task_dependencies=st.booleans(),
)


class WithSchedules(CheckedLife):
    """A life with job schedules."""

    def plan(self, drawn: dict[str, int | None]) -> Schedule | None:
        """A schedule with times counted from now; None if it makes no sense."""
        until, after = (
            None if drawn[name] is None
            else datetime.fromtimestamp(self.now + (drawn[name] or 0), UTC)
            for name in ("until", "after")
        )  # fmt: skip
        interval, window = (
            None if drawn[name] is None else timedelta(seconds=drawn[name] or 0)
            for name in ("interval", "window")
        )
        if until and after and after <= until:
            until = None
        return Schedule(
            do_not_run_until=until, do_not_run_after=after, recurrence_interval=interval,
            start_window=window,
        )  # fmt: skip

    @rule(schedule=SCHEDULES, plan=PLANS, job=JOB_SPECS)
    def create_job_schedule(self, schedule: str, plan: Any, job: JobSpec) -> None:
        spec = JobScheduleSpec(id=schedule, schedule=self.plan(plan), job_specification=job)
        self.feed(inputs.CreateJobSchedule(spec=spec))

    @rule(schedule=SCHEDULES, plan=st.none() | PLANS, job=st.none() | JOB_SPECS)
    def update_job_schedule(self, schedule: str, plan: Any, job: JobSpec | None) -> None:
        self.feed(
            inputs.UpdateJobSchedule(
                job_schedule_id=schedule,
                schedule=self.plan(plan) if plan else None,
                job_specification=job,
            )
        )

    @rule(schedule=SCHEDULES)
    def disable_job_schedule(self, schedule: str) -> None:
        self.feed(inputs.DisableJobSchedule(job_schedule_id=schedule))

    @rule(schedule=SCHEDULES)
    def enable_job_schedule(self, schedule: str) -> None:
        self.feed(inputs.EnableJobSchedule(job_schedule_id=schedule))

    @rule(schedule=SCHEDULES)
    def terminate_job_schedule(self, schedule: str) -> None:
        self.feed(inputs.TerminateJobSchedule(job_schedule_id=schedule))

    @rule(schedule=SCHEDULES)
    def delete_job_schedule(self, schedule: str) -> None:
        self.feed(inputs.DeleteJobSchedule(job_schedule_id=schedule))
