"""Deallocated nodes count to their pool, cost nothing, and leave it as others do."""

import pytest

from batchlab.core.messages import inputs, questions
from batchlab.core.pools.metrics import measure
from helpers.world import World


def deallocate(node: str, option: str = "requeue") -> inputs.DeallocateNode:
    return inputs.DeallocateNode(pool_id="p", node_id=node, node_deallocate_option=option)


def away(world: World, node: str) -> None:
    """Deallocate an idle node."""
    world.feed(deallocate(node))
    world.said()
    world.deallocated(node)


def hours(world: World) -> float:
    return sum(row.node_hours for row in world.ask(questions.GetCost(pool_id="p")))


@pytest.mark.rule(111)
def test_deallocated_node_counts_to_the_pool_but_costs_nothing(world: World) -> None:
    (node,) = world.pool()
    world.later(1800)
    away(world, node)
    pool = world.pool_view()
    assert (pool.current_dedicated_nodes, pool.target_dedicated_nodes) == (1, 1)
    assert (pool.allocation_state, pool.node_counts) == ("steady", {"deallocated": 1})
    world.later(7200)
    assert hours(world) == pytest.approx(0.5)
    world.feed(inputs.StartDeallocatedNode(pool_id="p", node_id=node))
    world.said()
    world.later(1800)
    assert hours(world) == pytest.approx(1.0)


def test_formula_counts_deallocated_nodes_as_current_and_not_as_usable(world: World) -> None:
    first, _ = world.pool(nodes=2)
    away(world, first)
    values = measure(world.core.state, world.core.state.pools["p"])
    assert values["$CurrentDedicatedNodes"] == 2
    assert values["$UsableNodeCount"] == 1


@pytest.mark.parametrize("there", [False, True])
@pytest.mark.parametrize("how", ["remove", "shrink", "delete"])
def test_deallocated_node_can_be_removed(world: World, how: str, there: bool) -> None:
    (node,) = world.pool()
    world.feed(deallocate(node))
    world.said()
    if there:
        world.deallocated(node)
    world.feed({
        "remove": inputs.RemoveNodes(pool_id="p", node_ids=(node,)),
        "shrink": inputs.ResizePool(pool_id="p", target_dedicated_nodes=0),
        "delete": inputs.DeletePool(pool_id="p"),
    }[how])  # fmt: skip
    assert world.told() == [("StopNode", node)]
    world.deallocated(node)  # too late
    assert world.nodes()[0].state == "leavingpool"
    world.gone(node)
    assert world.core.state.nodes == {}


def test_pool_grows_beside_a_deallocated_node(world: World) -> None:
    (node,) = world.pool()
    away(world, node)
    world.feed(inputs.ResizePool(pool_id="p", target_dedicated_nodes=2))
    (other,) = world.boot()
    assert {view.id: view.state for view in world.nodes()} == {
        node: "deallocated", other: "idle",
    }  # fmt: skip


def test_shrink_removes_a_deallocated_node_before_one_that_works(world: World) -> None:
    first, _ = world.pool(nodes=2)
    away(world, first)
    world.feed(inputs.ResizePool(pool_id="p", target_dedicated_nodes=1))
    assert world.told() == [("StopNode", first)]


def test_node_that_returns_from_a_stopped_shrink_takes_tasks(world: World) -> None:
    (node,) = world.pool()
    world.job()
    world.tasks("a")
    world.run()
    world.feed(deallocate(node, "taskcompletion"))
    world.feed(
        inputs.RemoveNodes(
            pool_id="p", node_ids=(node,), node_deallocation_option="taskcompletion"
        )
    )
    world.feed(inputs.StopPoolResize(pool_id="p"))
    view = world.nodes()[0]
    assert (view.state, view.scheduling_state) == ("running", "enabled")
    world.nothing_else()
