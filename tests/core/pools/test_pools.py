"""Pools: allocation states, resize with each option, stop, time-out, quota, deletion."""

from datetime import timedelta

import pytest

from batchlab.core.messages import facts, inputs
from batchlab.core.messages.outputs import NodeChanged, PoolChanged, StartNode
from batchlab.core.model import PoolSpec, TaskConstraints
from helpers.pools import busy, resize, state
from helpers.world import World

FIVE_MINUTES = timedelta(minutes=5)


# -- creation -----------------------------------------------------------------------------------


def test_pool_created_asks_for_its_nodes_and_is_resizing_until_they_are_there(
    world: World,
) -> None:
    spec = PoolSpec(id="p", target_dedicated_nodes=2, task_slots_per_node=2)
    world.feed(inputs.CreatePool(spec=spec))
    first, second = [node.id for node in world.nodes()]
    assert world.said() == [
        StartNode(pool_id="p", node_id=node, boot=1, vm_size="small", task_slots=2)
        for node in (first, second)
    ]
    assert state(world) == ("resizing", 2, 0, [])
    world.allocated(first)
    assert state(world) == ("resizing", 2, 1, [])
    world.allocated(second)
    assert state(world) == ("steady", 2, 2, [])  # a machine counts before its agent is up
    assert world.pool_view().node_counts == {"starting": 2}
    world.started(first)
    assert [node.state for node in world.nodes()] == ["idle", "starting"]


def test_pool_of_no_nodes_is_steady_at_once(world: World) -> None:
    step = world.core.handle(world.now, inputs.CreatePool(spec=PoolSpec(id="p")))
    assert step.commands == []
    assert [(c.state, c.allocation_state) for c in step.changes if isinstance(c, PoolChanged)] == [
        ("active", "steady"), ("active", "resizing"), ("active", "steady"),
    ]  # fmt: skip


def test_pool_id_in_other_case_exists_and_keeps_the_case_it_was_given(world: World) -> None:
    world.feed(inputs.CreatePool(spec=PoolSpec(id="Render")))
    assert world.refused(inputs.CreatePool(spec=PoolSpec(id="rENDER"))).code == "PoolExists"
    assert world.pool_view("RENDER").id == "Render"


def test_node_ids_of_a_pool_created_again_in_the_same_second_are_new(world: World) -> None:
    (first,) = world.pool()
    world.feed(inputs.DeletePool(pool_id="p"))
    world.gone(first)
    world.said()
    (second,) = world.pool()
    assert second != first
    world.lost(first)  # late, and of an earlier life
    assert world.core.state.dropped == 1
    assert world.nodes()[0].state == "idle"


@pytest.mark.rule(16)
def test_pool_before_it_exists_its_jobs_wait_and_then_run(world: World) -> None:
    world.job()
    world.tasks("a")
    world.nothing_else()
    assert world.reasons("a") == ["PoolNotFound"]
    world.pool()
    world.exit(world.run())
    assert world.state("a") == "completed"


# -- resize -------------------------------------------------------------------------------------


def test_resize_up_node_takes_tasks_before_the_pool_is_steady(world: World) -> None:
    world.pool(nodes=1)
    world.job()
    world.tasks("a", "b", "c")
    first = world.run()
    resize(world, 3)
    _, asked, missing = world.nodes()
    assert world.told() == [("StartNode", asked.id, 1), ("StartNode", missing.id, 1)]
    world.allocated(asked.id)
    world.started(asked.id)
    second = world.run()
    assert second.run_id.node_id == asked.id
    assert world.pool_view().allocation_state == "resizing"
    world.allocated(missing.id)
    world.started(missing.id)
    for run in (first, second, world.run()):
        world.exit(run)


@pytest.mark.rule(40)
@pytest.mark.code("PoolBeingResized")
def test_resize_while_resizing_is_refused(world: World) -> None:
    world.feed(inputs.CreatePool(spec=PoolSpec(id="p", target_dedicated_nodes=1)))
    request = inputs.ResizePool(pool_id="p", target_dedicated_nodes=2)
    assert world.refused(request).code == "PoolBeingResized"
    node = world.nodes()[0].id
    request = inputs.RemoveNodes(pool_id="p", node_ids=(node,))
    assert world.refused(request).code == "PoolBeingResized"
    world.boot()


@pytest.mark.parametrize("target", [-1, 100_001])
def test_resize_to_an_absurd_number_is_refused(world: World, target: int) -> None:
    world.pool(nodes=0)
    error = world.refused(inputs.ResizePool(pool_id="p", target_dedicated_nodes=target))
    assert error.code == "InvalidPropertyValue"
    assert error.values["PropertyName"] == "target_dedicated_nodes"
    assert error.values["PropertyValue"] == str(target)


@pytest.mark.rule(43)
def test_resize_timeout_below_five_minutes_is_refused(world: World) -> None:
    world.pool(nodes=0)
    error = world.refused(
        inputs.ResizePool(
            pool_id="p", target_dedicated_nodes=1, resize_timeout=timedelta(seconds=299)
        )
    )
    assert error.values["PropertyName"] == "resize_timeout"


def test_shrink_takes_the_broken_then_the_idle_then_the_busy(world: World) -> None:
    ids = world.pool(nodes=4, start_task="s")
    runs = world.runs()
    for run in runs[:3]:
        world.exit(run)
    world.exit(runs[3], 1)
    world.job()
    world.tasks("a")
    run = world.run()
    for target, victim in ((3, ids[3]), (2, ids[2]), (1, ids[1])):
        resize(world, target)
        assert world.told() == [("StopNode", victim)]
        world.gone(victim)
    resize(world, 0)
    assert world.told() == [("CancelRun", "a", run.run_id.node_id)]
    world.exit(run, 137, cancelled=True)
    assert world.told() == [("StopNode", ids[0])]
    world.gone(ids[0])


@pytest.mark.rule(13)
def test_shrink_requeue_task_is_queued_again_and_keeps_its_retries(world: World) -> None:
    ids, runs = busy(world, 2)
    resize(world, 1)
    assert world.told() == [("CancelRun", "b", ids[1])]
    assert world.nodes()[1].state == "leavingpool"
    world.exit(runs[1], 137, cancelled=True)
    assert world.told() == [("StopNode", ids[1])]
    task = world.task("b")
    assert (task.state, task.requeue_count, task.retry_count) == ("active", 1, 0)
    assert state(world) == ("resizing", 1, 2, [])
    world.gone(ids[1])
    assert state(world) == ("steady", 1, 1, [])
    world.exit(runs[0])
    assert world.told() == [("task", "j", "b", ids[0])]


@pytest.mark.rule(46)
def test_shrink_terminate_task_is_completed_and_not_run_again(world: World) -> None:
    (node,), (run,) = busy(world)
    resize(world, 0, "terminate")
    assert world.told() == [("CancelRun", "a", node)]
    world.exit(run, 137, cancelled=True)
    assert world.told() == [("StopNode", node)]
    task = world.task("a")
    assert (task.state, task.failure_info.code) == ("completed", "TaskEnded")
    world.gone(node)


@pytest.mark.rule(45)
def test_shrink_taskcompletion_waits_for_the_task_and_takes_no_other(world: World) -> None:
    (node,), (run,) = busy(world)
    world.tasks("next")
    resize(world, 0, "taskcompletion")
    world.nothing_else()
    assert world.nodes()[0].state == "leavingpool"
    assert state(world)[0] == "resizing"
    world.exit(run)
    assert world.told() == [("StopNode", node)]
    assert world.task("a").requeue_count == 0
    assert world.state("next") == "active"
    world.gone(node)
    assert state(world) == ("steady", 0, 0, [])


@pytest.mark.rule(47)
def test_shrink_retaineddata_node_goes_when_its_files_are_no_longer_kept(world: World) -> None:
    keep = TaskConstraints(retention_time=timedelta(seconds=20))
    (node,), (run,) = busy(world, constraints=keep)
    world.feed(
        inputs.RemoveNodes(pool_id="p", node_ids=(node,), node_deallocation_option="retaineddata")
    )
    world.later(60)
    world.exit(run)
    world.nothing_else()
    world.later(19)
    world.nothing_else()
    world.later(1)
    assert world.told() == [("DeleteFiles", node, "workitems/j/job-1/a"), ("StopNode", node)]
    world.gone(node)


@pytest.mark.code("AllocationTimedOut")
def test_resize_timeout_gives_up_machines_that_never_came(world: World) -> None:
    world.pool(nodes=1)
    resize(world, 3, resize_timeout=FIVE_MINUTES)
    waiting = [node.id for node in world.nodes()[1:]]
    world.said()
    world.later(299)
    world.nothing_else()
    world.later(1)
    assert world.told() == [("StopNode", node) for node in waiting]
    world.gone(*waiting)
    assert state(world) == ("steady", 3, 1, ["AllocationTimedOut"])
    resize(world, 1)
    assert state(world) == ("steady", 1, 1, [])  # the next resize forgets the errors


def test_resize_timeout_node_that_still_drains_returns_to_service(world: World) -> None:
    (node,), (run,) = busy(world)
    world.tasks("next")
    resize(world, 0, "taskcompletion", resize_timeout=FIVE_MINUTES)
    assert world.reasons("next") == ["Draining"]
    world.later(300)
    world.nothing_else()
    assert state(world) == ("steady", 0, 1, ["AllocationTimedOut"])
    assert world.nodes()[0].state == "running"
    world.exit(run)
    assert world.told() == [("task", "j", "next", node)]


def test_resize_timeout_of_an_earlier_resize_does_not_end_the_present_one(world: World) -> None:
    world.pool(nodes=0, resize_timeout=timedelta(minutes=10))
    world.later(300)
    resize(world, 1, resize_timeout=timedelta(minutes=15))
    (start,) = world.told()
    world.later(600)
    world.nothing_else()
    assert state(world)[0] == "resizing"
    world.allocated(start[1])


@pytest.mark.code("AllocationFailed")
def test_machine_that_cannot_be_had_ends_the_resize_with_its_error(world: World) -> None:
    world.feed(inputs.CreatePool(spec=PoolSpec(id="p", target_dedicated_nodes=2)))
    first, second = [command.node_id for command in world.said()]
    world.feed(facts.NodeStartFailed(node_id=first, boot=1, message="no worker is free"))
    world.allocated(second)
    assert state(world) == ("steady", 2, 1, ["AllocationFailed"])
    assert world.pool_view().resize_errors[0].message == "no worker is free"
    assert [node.id for node in world.nodes()] == [second]


@pytest.mark.rule(44)
@pytest.mark.code("AccountCoreQuotaReached")
def test_quota_pool_gets_what_fits_and_says_so() -> None:
    world = World(dedicated_core_quota=6)  # 3 nodes of 2 cores
    world.pool(nodes=5, vm_size="medium")
    assert state(world) == ("steady", 5, 3, ["AccountCoreQuotaReached"])
    world.pool("other", nodes=1)
    assert world.pool_view("other").current_dedicated_nodes == 0


def test_changes_say_what_happened_to_a_node(world: World) -> None:
    step = world.core.handle(
        world.now, inputs.CreatePool(spec=PoolSpec(id="p", target_dedicated_nodes=1))
    )
    node = step.commands[0].node_id
    report = facts.NodeAllocated(node_id=node, boot=1, ip_address="127.0.1.1")
    changes = world.core.handle(world.now, report).changes
    assert changes == [
        NodeChanged(at=world.now, pool_id="p", node_id=node, state="starting"),
        PoolChanged(
            at=world.now,
            pool_id="p",
            state="active",
            allocation_state="steady",
            target_dedicated_nodes=1,
            vm_size="small",
        ),
    ]
