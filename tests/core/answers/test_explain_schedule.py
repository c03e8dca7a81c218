"""Why a job schedule creates no job now, and what its job says about it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from batchlab.core.answers.reasons import Reason
from batchlab.core.messages import inputs, questions
from batchlab.core.model import JobConstraints, JobManagerTask, JobScheduleSpec, JobSpec, Schedule
from helpers.world import World

MINUTE = 60.0
LIMIT = JobConstraints(max_wall_clock_time="1h")


def schedule(world: World, plan: Any = "5m", **job: Any) -> None:
    spec = JobSpec(pool_info="p", **job)
    made = JobScheduleSpec(id="s", schedule=plan, job_specification=spec)
    world.feed(inputs.CreateJobSchedule(spec=made))


def at(world: World, seconds: float) -> datetime:
    return datetime.fromtimestamp(world.now + seconds, UTC)


def reasons(world: World) -> list[Reason]:
    found: list[Reason] = world.ask(questions.ExplainJobSchedule(job_schedule_id="s"))
    return found


def only(world: World) -> Reason:
    (reason,) = reasons(world)
    return reason


def of_job(world: World) -> Reason | None:
    found = world.ask(questions.ExplainJob(job_id="s:job-1"))
    return next((reason for reason in found if reason.code == "ScheduleWaits"), None)


def due(world: World) -> float | None:
    view = world.ask(questions.GetJobSchedule(job_schedule_id="s"))
    return None if view.next_run_time is None else view.next_run_time.timestamp() - world.now


def end_job(world: World) -> None:
    world.feed(inputs.TerminateJob(job_id="s:job-1"))


def test_job_that_nothing_ends_holds_its_schedule_up_and_both_say_so(world: World) -> None:
    schedule(world)
    world.later(60 * MINUTE)
    reason = only(world)
    assert (reason.code, reason.lasting) == ("JobNotEnded", True)
    assert "'s:job-1' has not ended, and it never has two jobs at a time" in reason.text
    assert "was due at" in reason.text
    assert "stays active even when its tasks are completed" in reason.text
    assert "schedule.recent_job.terminate()" in reason.remedy
    assert "on_all_tasks_complete='terminatejob'" in reason.remedy
    told = of_job(world)
    assert told is not None
    assert told.lasting
    assert "Job schedule 's' creates no other job until this one has ended" in told.text
    assert told.remedy == "job.terminate(), or job.update(on_all_tasks_complete='terminatejob')"
    end_job(world)
    assert [job.id for job in world.ask(questions.ListJobs())] == ["s:job-1", "s:job-2"]


def test_trap_is_named_before_the_next_job_is_due(world: World) -> None:
    schedule(world)
    assert only(world).lasting
    assert "The next job is due at" in only(world).text
    assert of_job(world) is not None


def test_job_that_ends_by_itself_is_in_nobodys_way(world: World) -> None:
    schedule(world, on_all_tasks_complete="terminatejob")
    world.later(6 * MINUTE)
    reason = only(world)
    assert (reason.code, reason.lasting) == ("NotDue", False)
    assert reason.text.startswith("Nothing is in its way. The next job is due at")


def test_job_whose_tasks_cannot_run_is_named_with_its_reason(world: World) -> None:
    manager = JobManagerTask(id="m", command_line="plan")
    schedule(world, job_manager_task=manager)
    world.later(6 * MINUTE)
    reason = only(world)
    assert reason.lasting
    assert "Pool 'p' does not exist" in reason.text
    assert reason.remedy == "schedule.recent_job.explain()"
    told = of_job(world)
    assert told is not None
    assert told.remedy == ""


def test_job_with_a_time_limit_will_end(world: World) -> None:
    schedule(world, constraints=LIMIT)
    assert not only(world).lasting
    assert of_job(world) is None
    world.later(6 * MINUTE)
    assert not only(world).lasting
    assert only(world).remedy.startswith("wait for the job to end")
    told = of_job(world)
    assert told is not None
    assert not told.lasting


def test_disabled_schedule_says_so_and_keeps_its_time(world: World) -> None:
    schedule(world)
    end_job(world)
    world.feed(inputs.DisableJobSchedule(job_schedule_id="s"))
    assert only(world).code == "ScheduleDisabled"
    assert only(world).lasting
    assert only(world).remedy == "schedule.enable()"
    assert "The next job is due at" in only(world).text
    world.later(6 * MINUTE)
    assert "was due at" in only(world).text
    assert "created when it is enabled" in only(world).text
    assert due(world) == -MINUTE


def test_disabled_schedule_names_its_job_too(world: World) -> None:
    schedule(world)
    world.feed(inputs.DisableJobSchedule(job_schedule_id="s"))
    assert [reason.code for reason in reasons(world)] == ["ScheduleDisabled", "JobNotEnded"]
    assert of_job(world) is None


def test_start_window_that_is_open_or_over_is_told_and_the_next_time_is_to_come(
    world: World,
) -> None:
    schedule(world, Schedule(recurrence_interval="10m", start_window="5m"))
    world.later(12 * MINUTE)
    assert "if that is by" in only(world).text
    assert due(world) == -2 * MINUTE
    world.later(4 * MINUTE)
    assert "is skipped: its start window is over. The next job is due at" in only(world).text
    assert due(world) == 4 * MINUTE
    end_job(world)
    assert due(world) == 4 * MINUTE
    assert only(world).code == "NotDue"


def test_last_job_before_do_not_run_after_is_the_last(world: World) -> None:
    schedule(world, Schedule(recurrence_interval="5m", do_not_run_after=at(world, 3 * MINUTE)))
    assert only(world).code == "LastJob"
    assert "do_not_run_after" in only(world).text
    assert of_job(world) is None
    end_job(world)
    assert only(world).code == "ScheduleCompleted"
    assert "create_job_schedule" in only(world).remedy


def test_schedule_without_an_interval_has_a_single_job(world: World) -> None:
    schedule(world, Schedule(), constraints=LIMIT)
    assert only(world).code == "SingleJob"
    assert "recurrence_interval" in only(world).remedy
    assert not only(world).lasting


def test_schedule_before_its_beginning_says_when_that_is(world: World) -> None:
    schedule(world, Schedule(recurrence_interval="5m", do_not_run_until=at(world, 3 * MINUTE)))
    assert only(world).code == "NotDue"
    assert only(world).text.endswith("(do_not_run_until).")


def test_schedule_that_ends_says_what_it_waits_for(world: World) -> None:
    schedule(world, constraints=LIMIT)
    world.feed(inputs.TerminateJobSchedule(job_schedule_id="s"))
    assert only(world).code == "ScheduleCompleted"
    world.feed(inputs.DeleteJobSchedule(job_schedule_id="s"))
    with pytest.raises(Exception, match="JobScheduleNotFound"):
        reasons(world)
