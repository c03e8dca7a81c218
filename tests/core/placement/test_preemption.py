"""Making room for a higher priority, affinity, and the order of equal jobs."""

import pytest

from batchlab.core.messages import inputs
from batchlab.core.messages.outputs import CancelRun, StartRun
from batchlab.core.model import JobManagerTask, TaskSchedulingPolicy
from helpers.world import World


def test_preemptible_task_is_requeued_for_a_higher_priority(world: World) -> None:
    world.pool(nodes=2)
    world.job("low", priority=-10, allow_task_preemption=True)
    world.job("high", priority=10)
    world.tasks("a", "b", job="low")
    low = world.runs()
    world.tasks("x", job="high")
    (cancel,) = world.said()
    assert cancel == CancelRun(run_id=low[1].run_id)  # the youngest loses least
    world.tasks("y", job="high")
    (second,) = world.said()
    assert second == CancelRun(run_id=low[0].run_id)
    world.tasks("z", job="high")
    world.nothing_else()
    for run in low:
        world.exit(run, 137, cancelled=True)
    assert [run.run_id.task_id for run in world.runs()] == ["x", "y"]
    assert world.task("a", "low").requeue_count == 1
    assert world.task("a", "low").retry_count == 0


def test_task_of_a_job_without_preemption_is_not_interrupted(world: World) -> None:
    world.pool()
    world.job("low", priority=-1000)
    world.job("high", priority=1000)
    world.tasks("a", "c", job="low")
    run = world.run()
    world.tasks("b", job="high")
    world.nothing_else()
    world.exit(run)
    assert world.run().run_id.task_id == "b"


def test_task_of_several_slots_gets_its_room_on_one_node(world: World) -> None:
    world.pool(nodes=2, task_slots_per_node=2)
    world.job("low", allow_task_preemption=True)
    world.job("high", priority=1)
    world.tasks("a", "b", "c", "d", job="low")
    world.runs()
    world.tasks("x", job="high", required_slots=2)
    cancels = world.said()
    assert len(cancels) == 2
    assert len({cancel.run_id.node_id for cancel in cancels}) == 1


def test_affinity_prefers_the_node_while_it_has_room(world: World) -> None:
    _, second = world.pool(nodes=2)
    world.job()
    node = next(node for node in world.nodes() if node.id == second)
    world.tasks("a", "b", affinity_info=node.affinity_id)
    first_run, other_run = world.runs()
    assert first_run.run_id.node_id == second
    assert other_run.run_id.node_id != second


def drain(world: World) -> list[str]:
    order = []
    run: StartRun | None = world.run()
    while run is not None:
        order.append(run.run_id.job_id)
        world.exit(run)
        left = world.runs()
        run = left[0] if left else None
    return order


def filled(world: World, policy: TaskSchedulingPolicy) -> None:
    world.job("old")
    world.job("new")
    for job in ("new", "old"):
        world.tasks("a", "b", "c", job=job)
    world.feed(inputs.UpdateJob(job_id="new", priority=0))
    world.pool(task_scheduling_policy=policy)


def test_equal_jobs_take_turns(world: World) -> None:
    filled(world, TaskSchedulingPolicy())
    assert drain(world) in (["old", "new"] * 3, ["new", "old"] * 3)


@pytest.mark.rule(110)
def test_equal_jobs_by_creation_time_older_goes_first(world: World) -> None:
    filled(world, TaskSchedulingPolicy(job_default_order="creationtime"))
    assert drain(world) == ["old"] * 3 + ["new"] * 3


def test_task_that_needs_several_slots_gets_them_when_all_are_free(world: World) -> None:
    (node,) = world.pool(task_slots_per_node=2)
    world.job("low", allow_task_preemption=True)
    world.tasks("a", "b", job="low")
    first, second = world.runs()
    world.job("high", priority=5)
    world.tasks("big", job="high", required_slots=2)
    assert world.told() == [("CancelRun", "b", node), ("CancelRun", "a", node)]
    world.exit(second, 137, cancelled=True)
    world.nothing_else()  # the slot is held: nobody who must make room takes it again
    assert "Held" in world.reasons("b", "low")
    world.exit(first, 137, cancelled=True)
    assert world.told() == [("task", "high", "big", node)]


def test_manager_that_cannot_use_a_node_has_nothing_preempted_there(world: World) -> None:
    world.pool(nodes=0, target_low_priority_nodes=1)
    world.job("low", allow_task_preemption=True)
    world.tasks("a", job="low")
    world.run()
    manager = JobManagerTask(id="m", command_line="m", allow_low_priority_node=False)
    world.job("high", priority=5, job_manager_task=manager)
    world.tasks("x", job="high")
    world.nothing_else()
    assert world.reasons("m", "high") == ["SpotNode"]
