"""Auto pools: how long they live, alone and with a job schedule."""

import re
from typing import Any

import pytest

from batchlab.core.messages import inputs
from batchlab.core.messages.outputs import StartNode, StopNode
from batchlab.core.messages.questions import ListPools
from batchlab.core.model import (
    AutoPoolSpecification,
    JobSpec,
    PoolInfo,
    PoolSpec,
)
from batchlab.errors import InvalidRequest
from helpers.schedules import MINUTE, finish, schedule
from helpers.world import World


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
