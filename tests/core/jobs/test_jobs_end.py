"""Jobs: changed while they live, and deleted with their files."""

import pytest

from batchlab.core.messages import facts, inputs, questions
from batchlab.core.model import JobConstraints, JobSpec, PoolSpec
from helpers.world import World

DELETE = inputs.DeleteJob(job_id="j")


def busy(world: World, **kw: object) -> tuple[str, object]:
    """Job j on a node of one slot: task a runs, b is queued."""
    (node,) = world.pool()
    world.job(**kw)
    world.tasks("a", "b")
    return node, world.run()


def test_update_keeps_what_is_not_given(world: World) -> None:
    limits = JobConstraints(max_task_retry_count=2)
    world.job(priority=7, constraints=limits)
    world.feed(inputs.UpdateJob(job_id="j", on_all_tasks_complete="terminatejob"))
    view = world.job_view()
    assert (view.priority, view.constraints) == (7, limits)
    assert view.on_all_tasks_complete == "terminatejob"


@pytest.mark.parametrize("priority", [-1001, 1001])
def test_update_priority_out_of_range_is_refused(world: World, priority: int) -> None:
    world.job()
    error = world.refused(inputs.UpdateJob(job_id="j", priority=priority))
    assert (error.status, error.values["PropertyName"]) == (400, "priority")


def test_delete_active_job_ends_its_task_then_deletes_its_files(world: World) -> None:
    node, run = busy(world)
    world.feed(DELETE)
    assert world.told() == [("CancelRun", "a", node)]
    assert world.job_view().state == "deleting"
    world.exit(run, 137, cancelled=True)
    assert world.told() == [("DeleteFiles", node, "workitems/j/job-1")]
    assert world.ask(questions.ListJobs()) == []


def test_delete_job_retention_of_its_tasks_does_not_touch_a_later_job(world: World) -> None:
    node, run = busy(world, job_preparation_task="prep")
    world.exit(run)
    world.exit(world.run())
    world.exit(world.run())
    world.feed(DELETE)
    assert world.told() == [
        ("ForgetJob", "j", node), ("DeleteFiles", node, "workitems/j/job-1"),
    ]  # fmt: skip
    world.later(600_000)
    world.job()
    world.tasks("a")
    run = world.run()
    world.later(10_000)
    world.nothing_else()
    world.exit(run)


def test_delete_job_files_on_a_node_that_is_away_go_when_it_is_back(world: World) -> None:
    node, run = busy(world)
    world.exit(run)
    world.exit(world.run())
    world.feed(inputs.RebootNode(pool_id="p", node_id=node))
    world.feed(DELETE)
    assert world.told() == [("RestartNode", node, 2, False)]
    world.allocated(node, 2)
    world.started(node, 2)
    assert world.told() == [("DeleteFiles", node, "workitems/j/job-1")]


def test_delete_job_files_on_a_reimaged_node_are_gone_already(world: World) -> None:
    node, run = busy(world)
    world.exit(run)
    world.exit(world.run())
    world.feed(inputs.DisableNodeScheduling(pool_id="p", node_id=node))
    world.feed(inputs.RebootNode(pool_id="p", node_id=node))
    world.said()
    world.feed(DELETE)
    world.allocated(node, 2)
    world.lost(node, 2)
    assert world.told() == [("StartNode", node, 3)]
    world.feed(facts.NodeStartFailed(node_id=node, boot=3))
    world.feed(inputs.ReimageNode(pool_id="p", node_id=node))
    assert world.told() == [("RestartNode", node, 4, True)]
    world.allocated(node, 4)
    world.started(node, 4)
    world.nothing_else()


def test_delete_job_on_a_pool_that_is_gone(world: World) -> None:
    node, run = busy(world)
    world.exit(run)
    world.exit(world.run())
    world.feed(inputs.DeletePool(pool_id="p"))
    assert world.told() == [("StopNode", node)]
    world.gone(node)
    world.feed(DELETE)
    world.nothing_else()


def test_job_created_for_a_pool_that_is_being_deleted_is_refused(world: World) -> None:
    world.feed(inputs.CreatePool(spec=PoolSpec(id="p", target_dedicated_nodes=1)))
    ((_, node, _),) = world.told()
    world.feed(inputs.DeletePool(pool_id="p"))
    assert world.told() == [("StopNode", node)]
    request = inputs.CreateJob(spec=JobSpec(id="j", pool_info="p"))
    assert world.refused(request).code == "PoolBeingDeleted"
