"""What nodes did and what it would have cost: every second once, for nodes that are gone too."""

from typing import Any

import pytest

from batchlab.core.messages import inputs, questions
from batchlab.core.messages.views import CostView
from batchlab.core.model import VM_SIZES, PoolSpec, TaskConstraints, price_per_hour
from batchlab.errors import BatchError
from helpers.world import World


def cost(world: World, pool: str = "") -> list[CostView]:
    rows: list[CostView] = world.ask(questions.GetCost(pool_id=pool))
    return rows


def hours(row: CostView) -> dict[str, float]:
    """The hours that are not zero, by name."""
    names = ("task", "preparation", "release", "start_task", "idle", "boot", "down")
    found = {name: getattr(row, f"{name}_hours") for name in names}
    return {name: round(value * 3600, 6) for name, value in found.items() if value}


def only(world: World, pool: str = "") -> dict[str, float]:
    (row,) = cost(world, pool)
    return hours(row)


def test_cost_without_a_machine_is_nothing(world: World) -> None:
    world.feed(inputs.CreatePool(spec=PoolSpec(id="p", target_dedicated_nodes=1)))
    world.later(100)
    assert cost(world) == []
    (start,) = world.said()
    world.allocated(start.node_id)
    assert [row.node_hours for row in cost(world)] == [0.0]


def of_node(world: World, node_id: str) -> list[CostView]:
    rows: list[CostView] = world.ask(questions.GetCost(pool_id="p", node_id=node_id))
    return rows


def test_cost_of_a_node_is_its_share_of_the_pool(world: World) -> None:
    world.feed(inputs.CreatePool(spec=PoolSpec(id="p", target_dedicated_nodes=2)))
    first, second = world.said()
    assert of_node(world, first.node_id) == []
    world.allocated(first.node_id)
    world.later(10)
    world.allocated(second.node_id)
    world.started(first.node_id)
    world.later(20)
    world.started(second.node_id)
    world.job()
    world.tasks("a")
    world.later(30)
    (one,), (two,) = of_node(world, first.node_id), of_node(world, second.node_id)
    assert hours(one) == {"boot": 10, "idle": 20, "task": 30}
    assert hours(two) == {"boot": 20, "idle": 30}
    (pool,) = cost(world, "p")
    assert pool.node_hours == pytest.approx(one.node_hours + two.node_hours)
    assert pool.cost == pytest.approx((one.cost or 0) + (two.cost or 0))
    assert (one.machines, two.machines, pool.machines) == (1, 1, 2)
    world.run()


def test_cost_of_a_node_that_is_not_there_is_refused(world: World) -> None:
    world.pool()
    with pytest.raises(BatchError, match="NodeNotFound"):
        of_node(world, "none")


def test_cost_counts_boot_idle_and_tasks(world: World) -> None:
    world.feed(inputs.CreatePool(spec=PoolSpec(id="p", target_dedicated_nodes=1)))
    (start,) = world.said()
    world.later(30)
    world.allocated(start.node_id)
    world.later(90)
    world.started(start.node_id)
    world.later(20)
    world.job()
    world.tasks("a", "b")
    world.later(60)
    world.exit(world.run())
    world.later(40)
    world.exit(world.run())
    world.later(10)
    (row,) = cost(world)
    assert hours(row) == {"boot": 90, "idle": 30, "task": 100}
    assert (row.vm_size, row.is_dedicated, row.machines) == ("small", True, 1)
    assert row.node_hours == pytest.approx(220 / 3600)
    assert row.cost == pytest.approx(220 / 3600 * 0.08)


def test_cost_sets_preparation_and_release_apart(world: World) -> None:
    world.pool()
    world.job(job_preparation_task="p", job_release_task="r")
    world.tasks("a")
    preparation = world.run()
    world.later(7)
    world.exit(preparation)
    task = world.run()
    world.later(11)
    world.exit(task)
    world.later(13)
    world.feed(inputs.TerminateJob(job_id="j"))
    release = world.run()
    world.later(17)
    world.exit(release)
    world.later(19)
    assert only(world) == {"preparation": 7, "task": 11, "idle": 32, "release": 17}


def test_cost_of_a_preparation_beside_a_task_is_the_tasks(world: World) -> None:
    world.pool(task_slots_per_node=2)
    world.job("plain")
    world.tasks("a", job="plain")
    task = world.run()
    world.job(job_preparation_task="p")
    world.tasks("b")
    preparation = world.run()
    world.later(5)
    world.exit(task)
    world.later(3)
    world.exit(preparation)
    world.run()
    world.later(2)
    assert only(world) == {"task": 7, "preparation": 3}


def test_cost_of_a_start_task_that_is_waited_for_and_fails(world: World) -> None:
    world.pool(start_task="s")
    run = world.run()
    world.later(8)
    world.exit(run, 1)
    world.later(100)
    assert only(world) == {"start_task": 8, "down": 100}


def test_cost_of_a_node_that_left_and_of_a_deleted_pool_stays(world: World) -> None:
    nodes = world.pool(nodes=2)
    world.later(50)
    world.feed(inputs.RemoveNodes(pool_id="p", node_ids=(nodes[0],)))
    world.later(10)
    world.gone(nodes[0])
    world.later(40)
    assert only(world, "p") == {"idle": 150, "boot": 10}
    world.feed(inputs.DeletePool(pool_id="p"))
    world.gone(nodes[1])
    world.later(1000)
    world.said()
    assert only(world) == {"idle": 150, "boot": 10}
    with pytest.raises(BatchError) as caught:
        cost(world, "p")
    assert caught.value.code == "PoolNotFound"
    world.pool("q")
    world.later(5)
    assert only(world) == {"idle": 155, "boot": 10}
    assert only(world, "q") == {"idle": 5}


def test_cost_of_a_node_that_never_had_a_machine_is_nothing(world: World) -> None:
    world.feed(inputs.CreatePool(spec=PoolSpec(id="p", target_dedicated_nodes=1)))
    (start,) = world.said()
    world.later(60)
    world.feed(inputs.StopPoolResize(pool_id="p"))
    world.said()
    world.later(60)
    world.gone(start.node_id)
    assert cost(world) == []


def test_cost_of_a_preempted_node_stops_until_it_has_a_machine_again(world: World) -> None:
    (node,) = world.pool(nodes=0, target_low_priority_nodes=1)
    world.later(100)
    world.feed(inputs.PreemptNode(pool_id="p", node_id=node))
    world.later(400)
    world.said()
    world.allocated(node, 2)
    world.later(20)
    world.started(node, 2)
    world.later(1)
    (row,) = cost(world)
    assert hours(row) == {"idle": 101, "boot": 20}
    assert (row.is_dedicated, row.machines) == (False, 2)
    assert row.cost == pytest.approx(121 / 3600 * 0.016)


def test_cost_goes_on_through_reboot_and_loss(world: World) -> None:
    (node,) = world.pool()
    world.later(10)
    world.feed(inputs.RebootNode(pool_id="p", node_id=node))
    world.later(30)
    world.boot()
    world.later(10)
    world.lost(node, 2)
    world.later(60)
    world.boot()
    assert only(world) == {"idle": 20, "boot": 30, "down": 60}


def test_cost_of_a_node_kept_for_its_files_is_idle(world: World) -> None:
    (node,) = world.pool()
    world.job()
    world.tasks("a", constraints=TaskConstraints(retention_time="PT20S"))
    run = world.run()
    world.feed(
        inputs.RemoveNodes(pool_id="p", node_ids=(node,), node_deallocation_option="retaineddata")
    )
    world.later(5)
    world.exit(run)
    world.later(20)
    world.said()
    assert only(world) == {"task": 5, "idle": 20}


def test_cost_of_an_unknown_size_has_no_price(world: World) -> None:
    world.pool(vm_size="Standard_M128")
    world.later(3600)
    (row,) = cost(world)
    assert (row.node_hours, row.price_per_hour, row.cost) == (1.0, None, None)


def test_cost_has_a_row_for_each_size_and_kind(world: World) -> None:
    world.pool("p", 1, target_low_priority_nodes=1)
    world.pool("q", 2, vm_size="medium")
    world.pool("r", 1, vm_size="medium")
    world.later(3600)
    found: list[Any] = [(row.vm_size, row.is_dedicated, row.node_hours) for row in cost(world)]
    assert found == [("small", True, 1.0), ("small", False, 1.0), ("medium", True, 3.0)]


def test_sizes_of_2015_double() -> None:
    sizes = [VM_SIZES[name] for name in ("small", "medium", "large", "extralarge")]
    assert [size.cores for size in sizes] == [1, 2, 4, 8]
    assert [size.memory_gb for size in sizes] == [1.75, 3.5, 7, 14]
    assert [size.price_per_hour for size in sizes] == [0.08, 0.16, 0.32, 0.64]
    assert all(name == size.name == name.lower() for name, size in VM_SIZES.items())


def test_price_of_spot_is_a_fifth_and_of_an_unknown_size_unknown() -> None:
    assert price_per_hour("Large", dedicated=True) == 0.32
    assert price_per_hour("large", dedicated=False) == pytest.approx(0.064)
    assert price_per_hour("standard_x", dedicated=True) is None
