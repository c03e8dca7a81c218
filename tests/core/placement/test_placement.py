"""Placement: which task runs where, next."""

import pytest

from batchlab.core.messages import inputs
from batchlab.core.messages.outputs import StartRun
from batchlab.core.model import TaskSpec
from helpers.world import World


def names(runs: list[StartRun]) -> list[str]:
    return [f"{run.run_id.job_id}/{run.run_id.task_id}" for run in runs]


def drained(world: World, run: StartRun) -> list[str]:
    """The order in which tasks run on a pool of one slot, from this run on."""
    order = names([run])
    while True:
        world.exit(run)
        runs = world.runs()
        if not runs:
            return order
        (run,) = runs
        order += names(runs)


def test_spread_takes_the_emptiest_node_first(world: World) -> None:
    a, b = world.pool(nodes=2, task_slots_per_node=2)
    world.job()
    world.tasks(*"stuv")
    assert [run.run_id.node_id for run in world.runs()] == [a, b, a, b]


def test_pack_fills_a_node_before_the_next(world: World) -> None:
    a, b = world.pool(nodes=2, task_slots_per_node=2, task_scheduling_policy="pack")
    world.job()
    world.tasks(*"stuv")
    runs = world.runs()
    assert [run.run_id.node_id for run in runs] == [a, a, b, b]
    world.exit(runs[0])
    world.exit(runs[1])
    world.exit(runs[2])
    world.tasks("w")
    assert world.run().run_id.node_id == b  # the fuller of the two


@pytest.mark.rule(10)
def test_higher_priority_goes_first_and_interrupts_nothing(world: World) -> None:
    world.pool()
    world.job("low", priority=-1000)
    world.job("high", priority=1000)
    world.tasks("a", "b", job="low")
    run = world.run()
    world.tasks("c", job="high")
    world.nothing_else()
    assert drained(world, run) == ["low/a", "high/c", "low/b"]


def test_priority_changed_later_counts_for_what_has_not_started(world: World) -> None:
    world.pool()
    world.job("one")
    world.job("two")
    world.tasks("a", "b", job="one")
    run = world.run()
    world.tasks("c", "d", job="two")
    world.feed(inputs.UpdateJob(job_id="two", priority=5))
    world.nothing_else()
    assert drained(world, run) == ["one/a", "two/c", "two/d", "one/b"]


@pytest.mark.rule(110)
def test_jobs_of_equal_priority_take_turns(world: World) -> None:
    for job in ("one", "two", "three"):
        world.job(job)
        world.tasks("a", "b", job=job)
    world.pool()
    assert drained(world, world.run()) == [
        "one/a", "two/a", "three/a", "one/b", "two/b", "three/b",
    ]  # fmt: skip


def test_priority_counts_on_one_pool_only(world: World) -> None:
    (here,) = world.pool("p")
    (there,) = world.pool("q")
    world.job("high", pool="p", priority=1000)
    world.job("low", pool="q", priority=-1000)
    world.tasks("a", "b", job="high")
    world.tasks("c", job="low")
    assert [run.run_id.node_id for run in world.runs()] == [here, there]


def test_longest_queued_goes_first_within_a_job(world: World) -> None:
    world.pool()
    world.job()
    world.tasks(*"abc")
    world.tasks("d")
    assert drained(world, world.run()) == ["j/a", "j/b", "j/c", "j/d"]


def test_slots_a_large_task_lets_smaller_ones_pass_until_it_fits(world: World) -> None:
    world.pool(task_slots_per_node=2)
    world.job()
    world.tasks("a")
    world.tasks("wide", required_slots=2)
    world.tasks("b")
    first, second = world.runs()
    assert names([first, second]) == ["j/a", "j/b"]
    world.exit(first)
    world.nothing_else()  # one slot is not enough
    world.exit(second)
    assert names([world.run()]) == ["j/wide"]


@pytest.mark.rule(20)
def test_slots_more_than_a_node_has_is_accepted_and_never_runs(world: World) -> None:
    world.pool(task_slots_per_node=2)
    world.job()
    world.tasks("a", required_slots=4)
    world.nothing_else()
    assert world.state("a") == "active"
    assert world.reasons("a") == ["TooManySlots"]


def test_blocked_job_of_high_priority_does_not_hold_up_others(world: World) -> None:
    world.pool(task_slots_per_node=1)
    world.job("high", priority=10)
    world.tasks("wide", job="high", required_slots=2)
    world.job("low")
    world.tasks("a", job="low")
    assert names([world.run()]) == ["low/a"]


def test_interrupted_tasks_go_first_in_their_old_order(world: World) -> None:
    (node,) = world.pool(task_slots_per_node=3)
    world.job()
    world.tasks(*"abcdef")
    assert names(world.runs()) == ["j/a", "j/b", "j/c"]
    world.lost(node)
    world.boot()
    assert names(world.runs()) == ["j/a", "j/b", "j/c"]


def test_tasks_sent_back_by_a_preparation_keep_their_order(world: World) -> None:
    first, second = world.pool(nodes=2, task_slots_per_node=2, task_scheduling_policy="pack")
    world.job(job_preparation_task="prep")
    world.tasks(*"ab")
    preparation = world.run()
    assert preparation.run_id.node_id == first
    world.exit(preparation, 1)
    world.exit(world.run())
    runs = world.runs()
    assert names(runs) == ["j/a", "j/b"]
    assert {run.run_id.node_id for run in runs} == {second}


@pytest.mark.parametrize("fill", ["spread", "pack"])
def test_random_sizes_never_leave_a_slot_idle_that_a_task_could_take(
    world: World, fill: str
) -> None:
    world.pool(nodes=3, task_slots_per_node=4, task_scheduling_policy=fill)
    world.job()
    sizes = [1, 3, 2, 4, 1, 1, 2, 3, 4, 2, 1, 3]
    specs = tuple(
        TaskSpec(id=f"t{i}", command_line="x", required_slots=size) for i, size in enumerate(sizes)
    )
    world.feed(inputs.CreateTasks(job_id="j", specs=specs))
    under_way = world.runs()
    while under_way:
        waiting = {spec.required_slots for spec in specs if world.state(spec.id) == "active"}
        room = max(node.task_slots - node.running_task_slots_count for node in world.nodes())
        assert not waiting or room < min(waiting)
        world.exit(under_way.pop(0))
        under_way += world.runs()
    assert world.job_view().task_counts.succeeded == len(sizes)
