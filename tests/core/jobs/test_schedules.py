"""Job schedules and auto pools: one job after the other, each with what it needs."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from batchlab.core.messages import facts, inputs
from batchlab.core.model import (
    AutoPoolSpecification,
    JobScheduleSpec,
    JobSpec,
    PoolSpec,
    Schedule,
)
from batchlab.core.model.moments import moment
from batchlab.errors import BatchError, Conflict, InvalidRequest, NotFound
from helpers.schedules import MINUTE, finish, jobs, schedule, view
from helpers.world import World


def test_first_job_is_made_at_once_and_the_next_after_the_interval(world: World) -> None:
    schedule(world)
    assert jobs(world) == ["s:job-1"]
    finish(world, 1)
    world.later(MINUTE - 1)
    assert jobs(world) == ["s:job-1"]
    world.later(1)
    assert jobs(world) == ["s:job-1", "s:job-2"]
    assert view(world).recent_job_id == "s:job-2"


@pytest.mark.rule(75)
def test_second_job_waits_for_the_first_to_end(world: World) -> None:
    schedule(world)
    world.later(150)
    assert jobs(world) == ["s:job-1"]
    finish(world, 1)
    assert jobs(world) == ["s:job-1", "s:job-2"]


@pytest.mark.rule(76)
def test_occurrence_whose_window_is_over_is_skipped(world: World) -> None:
    schedule(world, Schedule(recurrence_interval="2m", start_window="1m"))
    world.later(210)
    finish(world, 1)
    assert jobs(world) == ["s:job-1"]
    world.later(29)
    assert jobs(world) == ["s:job-1"]
    world.later(1)
    assert jobs(world) == ["s:job-1", "s:job-2"]


def test_window_longer_than_the_interval_is_without_limit(world: World) -> None:
    schedule(world, Schedule(recurrence_interval="1m", start_window="2m"))
    world.later(400)
    finish(world, 1)
    assert jobs(world)[-1] == "s:job-2"


@pytest.mark.rule(78)
def test_schedule_without_recurrence_completes_with_its_one_job(world: World) -> None:
    schedule(world, Schedule())
    assert view(world).state == "active"
    finish(world, 1)
    assert view(world).state == "completed"
    world.later(1000)
    assert jobs(world) == ["s:job-1"]


def test_do_not_run_until_and_after_bound_the_occurrences(world: World) -> None:
    start = datetime.fromtimestamp(world.now, UTC)
    plan = Schedule(
        do_not_run_until=start + timedelta(seconds=90),
        do_not_run_after=start + timedelta(seconds=160),
        recurrence_interval="1m",
    )
    schedule(world, plan)
    assert jobs(world) == []
    assert view(world).next_run_time == plan.do_not_run_until
    world.later(90)
    finish(world, 1)
    world.later(60)
    finish(world, 2)
    assert view(world).state == "completed"
    assert view(world).next_run_time is None


@pytest.mark.rule(79)
def test_disabled_schedule_makes_no_job_and_keeps_its_next_time(world: World) -> None:
    schedule(world)
    world.feed(inputs.DisableJobSchedule(job_schedule_id="S"))
    finish(world, 1)
    world.later(10 * MINUTE)
    assert jobs(world) == ["s:job-1"]
    assert view(world).next_run_time is not None
    world.feed(inputs.EnableJobSchedule(job_schedule_id="s"))
    assert jobs(world) == ["s:job-1", "s:job-2"]


@pytest.mark.rule(80)
@pytest.mark.code("JobScheduleCompleted")
def test_terminated_schedule_terminates_its_job(world: World) -> None:
    schedule(world)
    world.feed(inputs.TerminateJobSchedule(job_schedule_id="s"))
    assert view(world).state == "completed"
    assert world.job_view("s:job-1").terminate_reason == "TerminateJobSchedule"
    with pytest.raises(Conflict) as refused:
        world.feed(inputs.EnableJobSchedule(job_schedule_id="s"))
    assert refused.value.code == "JobScheduleCompleted"


def test_deleted_schedule_takes_its_jobs_along(world: World) -> None:
    schedule(world)
    finish(world, 1)
    world.later(MINUTE)
    world.feed(inputs.DeleteJobSchedule(job_schedule_id="s"))
    assert jobs(world) == []
    with pytest.raises(NotFound):
        view(world)


def test_changed_interval_counts_from_creation(world: World) -> None:
    schedule(world)
    world.later(10)
    world.feed(
        inputs.UpdateJobSchedule(job_schedule_id="s", schedule=Schedule(recurrence_interval="5m"))
    )
    created = view(world).creation_time
    assert view(world).next_run_time == created + timedelta(minutes=5)


def test_directories_of_scheduled_jobs_are_below_the_schedule(world: World) -> None:
    world.pool()
    schedule(world)
    world.tasks("a", job="s:job-1")
    assert world.run().directory == "workitems/s/job-1/a"


@pytest.mark.rule(77)
@pytest.mark.parametrize(
    "plan", [{"recurrence_interval": "30s"}, {"start_window": "59s"}, {"recurrence_interval": 0}]
)
def test_plan_below_a_minute_is_refused(plan: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest):
        Schedule(**plan)


def test_plan_that_would_never_run_is_refused(world: World) -> None:
    with pytest.raises(InvalidRequest):
        schedule(world, Schedule(do_not_run_after=datetime(1970, 1, 2, tzinfo=UTC)))
    assert world.core.state.schedules == {}


@pytest.mark.rule(74)
@pytest.mark.code("JobWithSameIdExists", "JobScheduleWithSameIdExists")
def test_ids_of_jobs_and_schedules_exclude_each_other(world: World) -> None:
    schedule(world)
    with pytest.raises(Conflict) as refused:
        world.job("S")
    assert refused.value.code == "JobScheduleWithSameIdExists"
    world.job("j")
    with pytest.raises(Conflict) as refused:
        schedule(world, id="J")
    assert refused.value.code == "JobWithSameIdExists"
    with pytest.raises(BatchError):
        world.job("s:job-9")


@pytest.mark.code("ActiveJobAndScheduleQuotaReached")
def test_quota_of_active_jobs_counts_what_is_not_completed() -> None:
    world = World(active_job_and_job_schedule_quota=2)
    world.job("a")
    schedule(world, Schedule(do_not_run_until=datetime(2100, 1, 1, tzinfo=UTC)))
    with pytest.raises(Conflict) as refused:
        world.job("b")
    assert refused.value.code == "ActiveJobAndScheduleQuotaReached"
    world.feed(inputs.TerminateJob(job_id="a"))
    world.job("b")
    world.nothing_else()


def test_deadline_of_a_deleted_schedule_leaves_its_namesake_alone(world: World) -> None:
    spec = JobScheduleSpec(id="s", schedule="10m", job_specification=JobSpec(pool_info="p"))
    world.feed(inputs.CreateJobSchedule(spec=spec))
    world.feed(inputs.DeleteJobSchedule(job_schedule_id="s"))
    world.later(300)
    world.feed(inputs.CreateJobSchedule(spec=spec))
    world.later(301)  # when the second job of the first schedule was due
    assert world.core.state.schedule("s").phase.state == "active"


def test_schedule_whose_only_job_had_no_pool_is_completed() -> None:
    world = World(pool_quota=0)
    auto = AutoPoolSpecification(pool=PoolSpec(), pool_lifetime_option="job")
    spec = JobScheduleSpec(id="s", schedule=Schedule(), job_specification=JobSpec(pool_info=auto))
    world.feed(inputs.CreateJobSchedule(spec=spec))
    assert world.core.state.schedule("s").phase.state == "completed"


def test_deadline_of_a_deleted_schedule_does_not_hide_its_namesakes(world: World) -> None:
    """The driver comes late: both deadlines are reached in one step, the deleted one's last."""
    for minutes in (2, 1):
        plan = Schedule(do_not_run_until=moment(world.now + 60 * minutes))
        spec = JobScheduleSpec(id="s", schedule=plan, job_specification=JobSpec(pool_info="p"))
        world.feed(inputs.CreateJobSchedule(spec=spec))
        if minutes == 2:
            world.feed(inputs.DeleteJobSchedule(job_schedule_id="s"))
    world.now += 180
    world.feed(facts.DeadlineReached())
    assert world.core.state.schedule("s").recent == "s:job-1"
