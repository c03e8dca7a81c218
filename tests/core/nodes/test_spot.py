"""Spot nodes beside dedicated ones: taken away, kept in the list, and brought back empty."""

import pytest

from batchlab.core.messages import facts, inputs
from batchlab.core.messages.outputs import EvictNode, StartNode, StopNode
from batchlab.core.model import JobManagerTask
from batchlab.errors import Conflict, InvalidRequest
from helpers.world import World


def spot(world: World) -> str:
    (node,) = world.pool(nodes=0, target_low_priority_nodes=1)
    return node


def preempt(world: World, node: str) -> None:
    world.feed(inputs.PreemptNode(pool_id="p", node_id=node))


def test_pool_of_both_kinds_counts_them_apart(world: World) -> None:
    world.pool(nodes=2, target_low_priority_nodes=1)
    view = world.pool_view()
    assert (view.current_dedicated_nodes, view.current_low_priority_nodes) == (2, 1)
    assert [node.is_dedicated for node in world.nodes()] == [True, True, False]
    world.feed(inputs.ResizePool(pool_id="p", target_low_priority_nodes=0))
    (stop,) = world.said()
    assert isinstance(stop, StopNode)
    world.gone(stop.node_id)
    view = world.pool_view()
    assert (view.target_dedicated_nodes, view.current_low_priority_nodes) == (2, 0)


@pytest.mark.rule(48)
def test_preempted_node_keeps_its_id_and_comes_back_empty(world: World) -> None:
    node = spot(world)
    world.job(job_preparation_task="x")
    world.tasks("a")
    world.exit(world.run())
    task = world.run()
    preempt(world, node)
    assert world.said() == [EvictNode(node_id=node)]
    assert world.state("a") == "active"
    assert world.reasons("a") == ["Coming"]
    (view,) = world.nodes()
    assert (view.id, view.state) == (node, "preempted")
    assert world.pool_view().current_low_priority_nodes == 1
    world.exit(task)  # late
    assert world.core.state.dropped == 1
    world.later(300)
    (start,) = world.said()
    assert start == StartNode(
        pool_id="p", node_id=node, boot=2, vm_size="small", task_slots=1, dedicated=False
    )
    assert world.nodes()[0].state == "creating"
    world.allocated(node, 2)
    world.started(node, 2)
    again = world.run()
    assert again.kind == "jobpreparation"  # its data was lost
    world.exit(again)
    world.exit(world.run())
    assert world.task("a").requeue_count == 0


def test_preempted_node_can_be_removed_meanwhile(world: World) -> None:
    node = spot(world)
    preempt(world, node)
    world.said()
    world.feed(inputs.ResizePool(pool_id="p", target_low_priority_nodes=0))
    assert world.said() == [StopNode(pool_id="p", node_id=node)]
    world.gone(node)
    world.later(1000)


@pytest.mark.code("OperationNotValidOnNode")
def test_dedicated_node_is_never_preempted(world: World) -> None:
    (node,) = world.pool()
    with pytest.raises(Conflict) as refused:
        preempt(world, node)
    assert refused.value.code == "OperationNotValidOnNode"


def test_job_manager_waits_for_a_dedicated_node_when_asked_to(world: World) -> None:
    spot(world)
    manager = JobManagerTask(id="m", command_line="x", allow_low_priority_node=False)
    world.job(job_manager_task=manager)
    world.nothing_else()
    world.feed(inputs.ResizePool(pool_id="p", target_dedicated_nodes=1))
    (dedicated,) = world.boot()
    assert world.run().run_id.node_id == dedicated


def test_resize_without_a_target_is_refused(world: World) -> None:
    spot(world)
    with pytest.raises(InvalidRequest) as refused:
        world.feed(inputs.ResizePool(pool_id="p"))
    assert refused.value.code == "MissingRequiredProperty"


@pytest.mark.code("AccountLowPriorityCoreQuotaReached")
def test_quota_of_spot_cores_is_its_own() -> None:
    world = World(low_priority_core_quota=2, dedicated_core_quota=4)
    world.pool(nodes=2, vm_size="medium", target_low_priority_nodes=2)
    view = world.pool_view()
    assert (view.current_dedicated_nodes, view.current_low_priority_nodes) == (2, 1)
    assert [error.code for error in view.resize_errors] == ["AccountLowPriorityCoreQuotaReached"]


def test_preempted_node_that_cannot_be_had_again_is_asked_for_until_it_can(world: World) -> None:
    (node,) = world.pool(nodes=0, target_low_priority_nodes=1)
    world.job()
    world.feed(inputs.PreemptNode(pool_id="p", node_id=node))
    world.said()
    world.tasks("a")
    for boot in (2, 3, 4):
        world.later(301)
        assert [command.boot for command in world.said()] == [boot]  # type: ignore[attr-defined]
        world.feed(facts.NodeStartFailed(node_id=node, boot=boot))
        assert [view.state for view in world.nodes()] == ["preempted"]
        assert world.reasons("a") == ["Coming"]
    world.later(301)
    assert world.boot() == [node]
    world.exit(world.run())


def test_node_that_comes_back_at_once_is_not_asked_for_without_end() -> None:
    world = World(spot_return_s=0.0)
    (node,) = world.pool(nodes=0, target_low_priority_nodes=1)
    world.feed(inputs.PreemptNode(pool_id="p", node_id=node))
    world.later(0)
    assert len(world.said()) == 2
    world.feed(facts.NodeStartFailed(node_id=node, boot=2))
    world.later(14)
    world.nothing_else()
    world.later(1)
    assert world.boot() == [node]


def test_preempted_node_is_not_sent_what_a_deleted_task_leaves(world: World) -> None:
    """Its machine goes with all files; it would be told to delete them while the run is there."""
    node = spot(world)
    world.job()
    world.tasks("a")
    world.run()
    world.feed(inputs.DeleteTask(job_id="j", task_id="a"))
    world.said()
    preempt(world, node)
    assert world.said() == [EvictNode(node_id=node)]


def test_loss_of_a_machine_that_is_preempted_already_changes_nothing(world: World) -> None:
    node = spot(world)
    preempt(world, node)
    world.said()
    world.lost(node)
    assert [view.state for view in world.nodes()] == ["preempted"]
    world.later(301)
    assert world.boot() == [node]
