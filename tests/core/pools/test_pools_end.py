"""Pools: a resize stopped, nodes removed, the start task changed, the pool deleted."""

import pytest

from batchlab.core.messages import inputs, questions
from batchlab.core.model import PoolInfo, PoolSpec
from helpers.pools import busy, resize, state
from helpers.world import World


@pytest.mark.rule(42)
@pytest.mark.code("ResizeStopped")
def test_stop_resize_keeps_what_is_there(world: World) -> None:
    world.pool(nodes=1)
    resize(world, 10)
    asked = [command.node_id for command in world.said()]
    for node in asked[:3]:
        world.allocated(node)
    world.feed(inputs.StopPoolResize(pool_id="p"))
    assert world.told() == [("StopNode", node) for node in asked[3:]]
    assert world.pool_view().allocation_state == "stopping"
    world.allocated(asked[3])  # too late: it was told to go
    world.gone(*asked[3:])
    assert state(world) == ("steady", 10, 4, ["ResizeStopped"])


def test_stop_resize_of_a_shrink_leaves_draining_nodes_in_service(world: World) -> None:
    _, (run,) = busy(world)
    resize(world, 0, "taskcompletion")
    world.feed(inputs.StopPoolResize(pool_id="p"))
    assert world.nodes()[0].state == "running"
    assert state(world) == ("steady", 0, 1, ["ResizeStopped"])
    world.exit(run)
    world.nothing_else()


def test_stop_resize_of_a_steady_pool_is_harmless(world: World) -> None:
    world.pool()
    world.feed(inputs.StopPoolResize(pool_id="p"))
    assert state(world) == ("steady", 1, 1, [])


def test_remove_nodes_chosen_ones_go_and_the_target_with_them(world: World) -> None:
    ids = world.pool(nodes=3)
    world.feed(inputs.RemoveNodes(pool_id="p", node_ids=(ids[0].upper(), ids[0])))
    assert world.told() == [("StopNode", ids[0])]
    world.gone(ids[0])
    assert state(world) == ("steady", 2, 2, [])


def test_remove_nodes_unknown_or_none_or_too_many_are_refused(world: World) -> None:
    ids = world.pool(nodes=1)

    def code(*node_ids: str) -> str:
        return world.refused(inputs.RemoveNodes(pool_id="p", node_ids=node_ids)).code

    assert code(ids[0], "nowhere") == "NodeNotFound"
    assert code() == "InvalidPropertyValue"
    assert code(*(f"n{i}" for i in range(101))) == "InvalidPropertyValue"


@pytest.mark.rule(39)
def test_update_pool_start_task_is_taken_up_at_the_next_boot(world: World) -> None:
    (node,) = world.pool()
    world.feed(
        inputs.UpdatePool(pool_id="p", start_task=PoolSpec(id="x", start_task="s").start_task)
    )
    world.nothing_else()
    assert world.nodes()[0].start_task_info is None
    world.feed(inputs.RebootNode(pool_id="p", node_id=node))
    world.boot()
    start = world.run()
    assert (start.kind, start.command_line) == ("starttask", "s")
    world.exit(start)


@pytest.mark.rule(17)
@pytest.mark.code("PoolBeingDeleted")
def test_delete_pool_requeues_tasks_and_leaves_jobs(world: World) -> None:
    (node,), (run,) = busy(world)
    world.feed(inputs.DeletePool(pool_id="p"))
    assert world.told() == [("CancelRun", "a", node)]
    assert world.pool_view().state == "deleting"
    for request in (
        inputs.DeletePool(pool_id="p"),
        inputs.ResizePool(pool_id="p", target_dedicated_nodes=1),
        inputs.StopPoolResize(pool_id="p"),
        inputs.UpdatePool(pool_id="p"),
    ):
        assert world.refused(request).code == "PoolBeingDeleted"
    world.exit(run, 137, cancelled=True)
    assert world.told() == [("StopNode", node)]
    world.gone(node)
    assert world.ask(questions.ListPools()) == []
    assert (world.state("a"), world.task("a").requeue_count) == ("active", 1)
    assert world.job_view().state == "active"
    (again,) = world.pool()
    assert world.told() == [("task", "j", "a", again)]


def test_delete_pool_hastens_nodes_that_still_drain(world: World) -> None:
    (node,), (run,) = busy(world)
    resize(world, 0, "taskcompletion")
    world.feed(inputs.DeletePool(pool_id="p"))
    assert world.told() == [("CancelRun", "a", node)]
    world.exit(run, 137, cancelled=True)
    assert world.told() == [("StopNode", node)]
    world.gone(node)


@pytest.mark.rule(18, 19)
def test_job_moved_to_another_pool_while_disabled_runs_there(world: World) -> None:
    world.pool("p", nodes=0)  # rows 18 and 19
    (node,) = world.pool("q")
    world.job()
    world.tasks("a")
    move = inputs.UpdateJob(job_id="j", pool_info=PoolInfo(pool_id="q"))
    assert world.refused(move).code == "OperationInvalidForCurrentState"
    world.feed(inputs.UpdateJob(job_id="j", pool_info=PoolInfo(pool_id="P")))  # its own: no change
    world.feed(inputs.DisableJob(job_id="j", disable_tasks="requeue"))
    world.feed(move)
    world.nothing_else()
    world.feed(inputs.EnableJob(job_id="j"))
    assert world.told() == [("task", "j", "a", node)]
