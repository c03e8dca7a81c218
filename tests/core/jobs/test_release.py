"""Job release: once, when the job ends, where the preparation left something to undo."""

import pytest

from batchlab.core.messages import facts, inputs
from batchlab.core.messages.outputs import DeleteFiles, RestartNode, StartRun, StopNode
from batchlab.core.model import StartTask
from batchlab.core.model.values import FailureInfo
from helpers.node_tasks import finish, node_tasked
from helpers.world import World


@pytest.mark.rule(9)
def test_release_on_terminate_runs_where_preparation_ran_only(world: World) -> None:
    node_tasked(world, nodes=2)
    world.tasks("a")
    world.exit(world.run())
    world.exit(world.run())
    world.feed(inputs.TerminateJob(job_id="j"))
    release = world.run()
    assert release.kind == "jobrelease"
    assert release.time_limit_s == 900
    assert world.job_view().state == "terminating"
    assert world.job_view().terminate_reason == "UserTerminate"
    world.exit(release, 1)  # failure changes nothing
    assert world.job_view().state == "completed"
    (row,) = world.rows()
    assert row.job_preparation_task_execution_info.exit_code == 0
    assert row.job_release_task_execution_info.result == "failure"
    world.feed(inputs.DeleteJob(job_id="j"))  # not a second time
    (files,) = world.said()
    assert isinstance(files, DeleteFiles)
    assert files.directories == ("workitems/j/job-1",)


def test_node_lost_during_release_runs_it_again(world: World) -> None:
    (node,) = node_tasked(world)
    world.tasks("a")
    world.exit(world.run())
    world.exit(world.run())
    world.feed(inputs.TerminateJob(job_id="j"))
    lost = world.run()
    world.lost(node)
    world.boot()
    again = world.run()
    assert again.kind == "jobrelease"
    world.exit(lost)  # late
    assert world.core.state.dropped == 1
    assert world.job_view().state == "terminating"
    world.exit(again)
    assert world.job_view().state == "completed"


@pytest.mark.rule(22)
def test_node_removed_row_stays_without_release(world: World) -> None:
    (node,) = node_tasked(world)
    world.tasks("a")
    world.exit(world.run())
    world.exit(world.run())
    world.feed(inputs.ResizePool(pool_id="p", target_dedicated_nodes=0))
    assert world.said() == [StopNode(pool_id="p", node_id=node)]
    world.gone(node)
    world.feed(inputs.TerminateJob(job_id="j"))
    assert world.job_view().state == "completed"
    (row,) = world.rows()
    assert row.job_preparation_task_execution_info.exit_code == 0
    assert row.job_release_task_execution_info is None


def test_release_waits_for_node_that_reboots(world: World) -> None:
    (node,) = node_tasked(world)
    world.tasks("a")
    world.exit(world.run())
    world.exit(world.run())
    world.feed(inputs.RebootNode(pool_id="p", node_id=node))
    (reboot,) = world.said()
    assert isinstance(reboot, RestartNode)
    world.feed(inputs.TerminateJob(job_id="j"))
    assert world.job_view().state == "terminating"
    world.allocated(node, 2)
    world.started(node, 2)
    release = world.run()
    assert isinstance(release, StartRun)
    world.exit(release)
    assert world.job_view().state == "completed"


@pytest.mark.rule(21)
def test_node_without_a_task_of_the_job_gets_no_release_and_no_row(world: World) -> None:
    first, _second = node_tasked(world, nodes=2)
    finish(world, "a")
    world.feed(inputs.TerminateJob(job_id="j"))
    release = world.run()
    assert release.run_id.node_id == first
    world.exit(release)
    assert [row.node_id for row in world.rows()] == [first]


@pytest.mark.rule(24)
def test_delete_active_job_releases_then_deletes(world: World) -> None:
    (node,) = node_tasked(world)
    finish(world, "a")
    world.feed(inputs.DeleteJob(job_id="j"))
    release = world.run()
    assert world.job_view().state == "deleting"
    world.exit(release)
    assert world.told() == [("DeleteFiles", node, "workitems/j/job-1")]
    assert world.core.state.jobs == {}


@pytest.mark.rule(23)
def test_delete_terminating_job_does_not_release_twice(world: World) -> None:
    (node,) = node_tasked(world)
    finish(world, "a")
    world.feed(inputs.TerminateJob(job_id="j"))
    release = world.run()
    world.feed(inputs.DeleteJob(job_id="j"))
    world.nothing_else()
    world.exit(release)
    assert world.told() == [("DeleteFiles", node, "workitems/j/job-1")]


def test_disabled_job_is_not_released_until_it_is_terminated(world: World) -> None:
    node_tasked(world)
    finish(world, "a")
    world.feed(inputs.DisableJob(job_id="j", disable_tasks="requeue"))
    world.nothing_else()
    world.feed(inputs.TerminateJob(job_id="j"))
    world.exit(world.run())
    assert world.job_view().state == "completed"


@pytest.mark.rule(29)
def test_release_beyond_its_limit_is_a_failure_and_the_job_completed(world: World) -> None:
    node_tasked(world)
    finish(world, "a")
    world.feed(inputs.TerminateJob(job_id="j"))
    overdue = FailureInfo(category="ServerError", code="TaskEnded", message="over its wall clock")
    world.exit(world.run(), 137, failure=overdue)
    (row,) = world.rows()
    info = row.job_release_task_execution_info
    assert (info.result, info.exit_code, info.failure_info) == ("failure", 137, overdue)
    assert world.job_view().state == "completed"


def test_release_runs_once_on_each_node_and_the_job_waits_for_the_last(world: World) -> None:
    node_tasked(world, nodes=2)
    finish(world, "a", "b")
    world.feed(inputs.TerminateJob(job_id="j"))
    first, second = world.runs()
    assert first.run_id.node_id != second.run_id.node_id
    world.exit(second)
    world.nothing_else()
    assert world.job_view().state == "terminating"
    world.exit(first)
    assert world.job_view().state == "completed"


def test_release_runs_on_while_its_node_is_about_to_leave(world: World) -> None:
    first, second = node_tasked(world, nodes=2, prep="prep")
    finish(world, "a", "b")
    world.job("other")
    world.tasks("x", "y", job="other")
    others = world.runs()
    world.feed(inputs.TerminateJob(job_id="j"))
    releases = {run.run_id.node_id: run for run in world.runs()}
    world.feed(
        inputs.RemoveNodes(
            pool_id="p", node_ids=(first,), node_deallocation_option="taskcompletion"
        )
    )
    world.exit(releases[second])
    assert world.job_view().state == "terminating"  # the other release still runs
    world.exit(releases[first])
    assert world.job_view().state == "completed"
    for run in others:
        world.exit(run)
    assert world.told() == [("StopNode", first)]
    world.gone(first)


def test_release_cut_short_by_removal_is_forgotten(world: World) -> None:
    (node,) = node_tasked(world)
    finish(world, "a")
    world.feed(inputs.TerminateJob(job_id="j"))
    release = world.run()
    world.feed(inputs.ResizePool(pool_id="p", target_dedicated_nodes=0))
    assert world.told() == [("StopNode", node)]
    assert world.job_view().state == "completed"
    (row,) = world.rows()
    assert row.job_release_task_execution_info is None
    world.gone(node)
    world.exit(release)
    assert world.core.state.dropped == 1


def test_release_passes_over_a_node_reimaged_since(world: World) -> None:
    (node,) = node_tasked(world)
    finish(world, "a")
    world.feed(inputs.ReimageNode(pool_id="p", node_id=node))
    assert world.boot() == [node]
    world.feed(inputs.TerminateJob(job_id="j"))
    assert world.told() == [("ForgetJob", "j", node)]
    assert world.job_view().state == "completed"


def test_release_is_not_waited_for_on_a_node_that_cannot_come_back(world: World) -> None:
    (node,) = node_tasked(world)
    finish(world, "a")
    world.lost(node)
    world.feed(inputs.TerminateJob(job_id="j"))
    assert world.told() == [("StartNode", node, 2)]
    assert world.job_view().state == "terminating"
    world.feed(facts.NodeStartFailed(node_id=node, boot=2))
    assert world.job_view().state == "completed"


def test_release_runs_on_a_node_whose_start_task_failed(world: World) -> None:
    (node,) = node_tasked(world)
    finish(world, "a")
    world.feed(inputs.UpdatePool(pool_id="p", start_task=StartTask(command_line="s")))
    world.feed(inputs.RebootNode(pool_id="p", node_id=node))
    world.boot()
    start = world.run()
    world.feed(inputs.TerminateJob(job_id="j"))
    world.nothing_else()  # not while the start task runs
    world.exit(start, 1)
    world.exit(world.run())
    assert world.job_view().state == "completed"


def test_node_that_drains_before_it_leaves_releases(world: World) -> None:
    """It may come back to service, and nothing would remove what the job has left there."""
    (node,) = world.pool()
    world.job(job_preparation_task="x", job_release_task="y")
    world.tasks("a")
    world.exit(world.run())
    world.exit(world.run())
    leave = inputs.RemoveNodes(pool_id="p", node_ids=(node,),
                               node_deallocation_option="retaineddata")  # fmt: skip
    world.feed(leave)
    world.feed(inputs.TerminateJob(job_id="j"))
    release = world.run()
    assert release.kind == "jobrelease"
    world.exit(release)
    assert world.job_view().state == "completed"
    world.feed(inputs.StopPoolResize(pool_id="p"))
    world.nothing_else()
