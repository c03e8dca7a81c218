"""Job schedules and auto pools: one job after the other, each with what it needs."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from batchlab.core.messages import facts, inputs
from batchlab.core.messages.outputs import StartNode, StopNode
from batchlab.core.messages.questions import GetJobSchedule, ListPools
from batchlab.core.model import (
    AutoPoolSpecification,
    JobScheduleSpec,
    JobSpec,
    PoolInfo,
    PoolSpec,
    Schedule,
)
from batchlab.core.model.moments import moment
from batchlab.errors import BatchError, Conflict, InvalidRequest, NotFound
from helpers.world import World

MINUTE = 60.0


def schedule(world: World, plan: Any = "1m", id: str = "s", **job: Any) -> None:  # noqa: A002
    spec = JobSpec(**{"pool_info": "p", **job})
    made = JobScheduleSpec(id=id, schedule=plan, job_specification=spec)
    world.feed(inputs.CreateJobSchedule(spec=made))


def view(world: World, id: str = "s") -> Any:  # noqa: A002
    return world.ask(GetJobSchedule(job_schedule_id=id))


def finish(world: World, number: int) -> None:
    world.feed(inputs.TerminateJob(job_id=f"s:job-{number}"))


def jobs(world: World) -> list[str]:
    return [job.spec.id for job in world.core.state.jobs.values()]


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


# -- auto pools ---------------------------------------------------------------------------------


def auto(lifetime: str = "job", **kw: Any) -> AutoPoolSpecification:
    pool = PoolSpec(target_dedicated_nodes=1)
    return AutoPoolSpecification(pool=pool, pool_lifetime_option=lifetime, **kw)


def pools(world: World) -> list[str]:
    return [pool.id for pool in world.ask(ListPools()) if pool.state == "active"]


@pytest.mark.rule(107)
def test_auto_pool_lives_as_long_as_its_job(world: World) -> None:
    world.job(pool=auto(auto_pool_id_prefix="mine"))
    (pool_id,) = pools(world)
    assert pool_id.startswith("mine_")
    assert world.job_view().pool_id == pool_id
    world.boot()
    world.tasks("a")
    world.exit(world.run())
    world.feed(inputs.TerminateJob(job_id="j"))
    (stop,) = world.said()
    world.gone(stop.node_id)
    assert pools(world) == []


def test_auto_pool_is_named_with_a_guid_that_a_replay_repeats() -> None:
    seen = []
    for _ in range(2):
        world = World()
        for job_id in ("a", "b"):
            world.job(job_id, pool=auto(auto_pool_id_prefix="mine"))
        seen.append(pools(world))
    assert seen[0] == seen[1]
    assert len(set(seen[0])) == 2
    guid = "[0-9A-F]{8}-[0-9A-F]{4}-4[0-9A-F]{3}-A[0-9A-F]{3}-[0-9A-F]{12}"
    assert all(re.fullmatch(f"mine_{guid}", pool_id) for pool_id in seen[0])
    world = World(rules=2)
    world.job(pool=auto())
    (pool_id,) = pools(world)
    assert re.fullmatch(r"autopool_\d+", pool_id)


@pytest.mark.rule(107)
def test_auto_pool_that_is_kept_alive_stays(world: World) -> None:
    world.job(pool=auto(keep_alive=True))
    world.boot()
    world.feed(inputs.TerminateJob(job_id="j"))
    assert len(pools(world)) == 1


@pytest.mark.rule(107)
@pytest.mark.parametrize("kept", [False, True])
def test_whether_an_auto_pool_is_kept_can_change_later(world: World, *, kept: bool) -> None:
    world.job(pool=auto(keep_alive=not kept))
    (node,) = world.boot()
    pool_info = PoolInfo(auto_pool_specification=auto(keep_alive=kept))
    world.feed(inputs.UpdateJob(job_id="j", pool_info=pool_info, priority=3))
    seen = world.job_view()
    assert seen.pool_info.auto_pool_specification.keep_alive == kept
    assert (seen.priority, seen.pool_id) == (3, pools(world)[0])
    another = AutoPoolSpecification(pool=PoolSpec(), pool_lifetime_option="job")
    moved = inputs.UpdateJob(job_id="j", pool_info=PoolInfo(auto_pool_specification=another))
    assert world.refused(moved).code == "InvalidPropertyValue"
    world.feed(inputs.TerminateJob(job_id="j"))
    assert len(pools(world)) == kept
    if not kept:
        world.said()
        world.gone(node)


def test_whether_the_auto_pool_of_a_schedule_is_kept_can_change_later(world: World) -> None:
    schedule(world, pool_info=auto("jobschedule"))
    world.boot()
    kept = PoolInfo(auto_pool_specification=auto("jobschedule", keep_alive=True))
    world.feed(inputs.UpdateJobSchedule(
        job_schedule_id="s", job_specification=JobSpec(pool_info=kept)))  # fmt: skip
    world.feed(inputs.TerminateJobSchedule(job_schedule_id="s"))
    assert len(pools(world)) == 1


def test_auto_pool_of_a_schedule_serves_all_its_jobs(world: World) -> None:
    schedule(world, pool_info=auto("jobschedule"))
    world.boot()
    (first,) = pools(world)
    finish(world, 1)
    world.later(MINUTE)
    assert pools(world) == [first]
    assert world.job_view("s:job-2").pool_id == first
    world.feed(inputs.TerminateJobSchedule(job_schedule_id="s"))
    (stop,) = world.said()
    world.gone(stop.node_id)
    assert pools(world) == []


def test_auto_pool_of_each_scheduled_job_is_a_fresh_one(world: World) -> None:
    schedule(world, pool_info=auto())
    (first,) = world.boot()
    finish(world, 1)
    world.said()
    world.gone(first)
    world.later(MINUTE)
    (start,) = world.said()
    assert isinstance(start, StartNode)
    assert world.job_view("s:job-2").pool_id != ""


@pytest.mark.rule(108)
@pytest.mark.code("AutoPoolCreationFailedWithQuotaReached")
def test_auto_pool_beyond_the_quota_leaves_the_job_completed() -> None:
    world = World(pool_quota=0)
    world.job(pool=auto())
    seen = world.job_view()
    assert seen.state == "completed"
    assert seen.scheduling_error.code == "AutoPoolCreationFailedWithQuotaReached"
    assert seen.terminate_reason is None
    world.nothing_else()


def test_auto_pool_of_a_schedule_outside_of_one_is_refused(world: World) -> None:
    with pytest.raises(InvalidRequest):
        world.job(pool=auto("jobschedule"))


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


def test_auto_pool_of_a_job_that_moves_is_deleted(world: World) -> None:
    world.pool("other", nodes=0)
    world.job(pool=auto())
    (node,) = world.boot()
    world.feed(inputs.DisableJob(job_id="j", disable_tasks="wait"))
    world.feed(inputs.UpdateJob(job_id="j", pool_info=PoolInfo(pool_id="other")))
    (stop,) = world.said()
    assert stop.node_id == node
    world.gone(node)
    assert pools(world) == ["other"]


@pytest.mark.parametrize("later", ["other", auto()], ids=["another pool", "a pool per job"])
def test_auto_pool_of_a_schedule_that_moves_is_deleted_with_it(world: World, later: Any) -> None:
    schedule(world, pool_info=auto("jobschedule"))
    world.boot()
    spec = JobSpec(pool_info=later)
    world.feed(inputs.UpdateJobSchedule(job_schedule_id="s", job_specification=spec))
    world.feed(inputs.DeleteJobSchedule(job_schedule_id="s"))
    (stop,) = [command for command in world.said() if isinstance(command, StopNode)]
    world.gone(stop.node_id)
    assert pools(world) == []


@pytest.mark.parametrize("kept", [False, True])
def test_auto_pool_of_a_schedule_is_kept_alive_as_last_specified(world: World, kept: bool) -> None:
    schedule(world, pool_info=auto("jobschedule", keep_alive=not kept))
    world.boot()
    spec = JobSpec(pool_info=auto("jobschedule", keep_alive=kept))
    world.feed(inputs.UpdateJobSchedule(job_schedule_id="s", job_specification=spec))
    world.feed(inputs.DeleteJobSchedule(job_schedule_id="s"))
    world.said()
    assert len(pools(world)) == kept


@pytest.mark.parametrize(("rules", "kept"), [(2, 1), (3, 0)])
def test_pool_of_a_schedule_that_took_another_one_stays_by_earlier_rules_only(
    rules: int, kept: int
) -> None:
    world = World(rules=rules)
    schedule(world, pool_info=auto("jobschedule"))
    world.boot()
    spec = JobSpec(pool_info=PoolInfo(pool_id="another"))
    world.feed(inputs.UpdateJobSchedule(job_schedule_id="s", job_specification=spec))
    world.feed(inputs.DeleteJobSchedule(job_schedule_id="s"))
    for command in world.said():
        if isinstance(command, StopNode):
            world.gone(command.node_id)
    assert len(pools(world)) == kept


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
