"""A lab that is opened again: its machines are gone, its work goes on."""

from datetime import timedelta

import pytest

from batchlab.core.messages import facts, inputs
from batchlab.core.model import MultiInstanceSettings, PoolSpec, TaskConstraints
from helpers.world import World


def resume(world: World) -> None:
    world.feed(facts.LabResumed())


def test_running_task_runs_again_on_its_node_and_uses_no_retry(world: World) -> None:
    (node,) = world.pool()
    world.job()
    world.tasks("a", constraints=TaskConstraints(max_task_retry_count=0))
    old = world.run()
    resume(world)
    assert world.told() == [("StartNode", node, 2)]
    assert world.state("a") == "active"
    world.exit(old)  # too late
    assert world.core.state.dropped == 1
    world.allocated(node, 2)
    world.started(node, 2)
    again = world.run()
    assert again.run_id != old.run_id
    world.exit(again)
    view = world.task("a")
    assert (view.state, view.retry_count) == ("completed", 0)


def test_preparation_runs_again_before_the_next_task_once(world: World) -> None:
    (node,) = world.pool()
    world.job(job_preparation_task="prepare", job_release_task="release")
    world.tasks("a", "b")
    world.exit(world.run())
    world.exit(world.run())  # a, and b starts
    world.run()
    resume(world)
    world.said()
    world.allocated(node, 2)
    world.started(node, 2)
    preparation = world.run()
    assert preparation.kind == "jobpreparation"
    world.exit(preparation)
    task = world.run()
    assert task.run_id.task_id == "b"
    world.exit(task)
    world.feed(inputs.TerminateJob(job_id="j"))
    assert world.run().kind == "jobrelease"


def test_preparation_that_was_running_runs_again(world: World) -> None:
    (node,) = world.pool()
    world.job(job_preparation_task="prepare")
    world.tasks("a")
    world.run()
    resume(world)
    world.said()
    world.allocated(node, 2)
    world.started(node, 2)
    assert world.run().kind == "jobpreparation"


def test_release_that_was_running_is_over_with_the_disk(world: World) -> None:
    world.pool()
    world.job(job_preparation_task="prepare", job_release_task="release")
    world.tasks("a")
    world.exit(world.run())
    world.exit(world.run())
    world.feed(inputs.TerminateJob(job_id="j"))
    assert world.run().kind == "jobrelease"
    resume(world)
    assert world.job_view().state == "completed"
    world.said()


@pytest.mark.parametrize("stopping", [False, True])
def test_node_that_was_leaving_goes(world: World, stopping: bool) -> None:
    (node,) = world.pool()
    world.job()
    world.tasks("a")
    world.run()
    option = "terminate" if stopping else "taskcompletion"
    world.feed(
        inputs.ResizePool(pool_id="p", target_dedicated_nodes=0, node_deallocation_option=option)
    )
    resume(world)
    assert ("StopNode", node) in world.told()
    world.gone(node)
    assert (world.nodes(), world.pool_view().allocation_state) == ([], "steady")


def test_deallocated_node_stays_so_and_starts_with_an_empty_disk(world: World) -> None:
    (node,) = world.pool()
    world.job(job_preparation_task="prepare")
    world.tasks("a")
    world.exit(world.run())
    world.exit(world.run())
    world.feed(inputs.DeallocateNode(pool_id="p", node_id=node))
    world.deallocated(node)
    world.said()
    resume(world)
    world.nothing_else()
    world.feed(inputs.StartDeallocatedNode(pool_id="p", node_id=node))
    world.tasks("b")
    world.boot()
    assert world.run().kind == "jobpreparation"


def test_node_on_its_way_to_be_deallocated_is_released(world: World) -> None:
    (node,) = world.pool()
    world.feed(inputs.DeallocateNode(pool_id="p", node_id=node))
    world.said()
    resume(world)
    assert world.told() == [("ReleaseNode", node, 3)]
    world.deallocated(node, 3)
    assert world.nodes()[0].state == "deallocated"


def test_resize_goes_on_and_keeps_its_timeout(world: World) -> None:
    world.pool(nodes=0)
    limit = timedelta(minutes=15)
    world.feed(inputs.ResizePool(pool_id="p", target_dedicated_nodes=1, resize_timeout=limit))
    (start,) = world.said()
    world.later(10 * 60)
    resume(world)
    assert world.told() == [("StartNode", start.node_id, 2)]
    world.later(5 * 60)
    world.gone(start.node_id)
    assert [error.code for error in world.pool_view().resize_errors] == ["AllocationTimedOut"]
    assert world.told() == [("StopNode", start.node_id)]


def test_all_nodes_of_a_multi_instance_task_are_lost_at_once(world: World) -> None:
    ids = world.pool(nodes=2, enable_inter_node_communication=True)
    world.job()
    group = MultiInstanceSettings(coordination_command_line="c", number_of_instances=2)
    world.tasks("a", multi_instance_settings=group)
    assert len(world.runs()) == 2
    resume(world)
    assert world.told() == [("StartNode", node, 2) for node in ids]
    assert world.state("a") == "active"


def test_unusable_node_gets_a_machine_again(world: World) -> None:
    (node,) = world.pool()
    world.lost(node)
    world.said()
    world.feed(facts.NodeStartFailed(node_id=node, boot=2))
    resume(world)
    assert world.told() == [("StartNode", node, 3)]
    world.allocated(node, 3)
    world.started(node, 3)
    assert world.nodes()[0].state == "idle"


def test_disabled_node_is_offline_again(world: World) -> None:
    (node,) = world.pool()
    world.feed(inputs.DisableNodeScheduling(pool_id="p", node_id=node))
    resume(world)
    world.boot()
    assert world.nodes()[0].state == "offline"


def test_preempted_node_returns_when_it_would_have(world: World) -> None:
    world.feed(inputs.CreatePool(spec=PoolSpec(id="p", target_low_priority_nodes=1)))
    (node,) = world.boot()
    world.feed(inputs.PreemptNode(pool_id="p", node_id=node))
    world.said()
    resume(world)
    world.nothing_else()
    world.later(300)
    assert world.told() == [("StartNode", node, 2)]


def test_lab_that_was_closed_accepts_requests_again(world: World) -> None:
    world.pool()
    world.feed(facts.LabClosing())
    world.refused(inputs.DeletePool(pool_id="p"))
    resume(world)
    world.feed(inputs.DeletePool(pool_id="p"))
    world.said()
