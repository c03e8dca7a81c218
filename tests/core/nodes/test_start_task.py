"""Start tasks: waited for or not, retried, and run again on a node that is found again."""

from datetime import timedelta

import pytest

from batchlab.core.messages import inputs
from batchlab.core.model import StartTask
from batchlab.core.model.values import FailureInfo
from helpers.world import World


def test_start_task_node_waits_for_it_and_then_takes_tasks(world: World) -> None:
    (node,) = world.pool(start_task="s")
    world.job()
    world.tasks("a")
    start = world.run()
    assert (start.kind, start.directory, start.run_id.job_id) == ("starttask", "startup", "")
    assert world.nodes()[0].state == "waitingforstarttask"
    world.later(5)
    world.exit(start)
    info = world.nodes()[0].start_task_info
    assert (info.state, info.result, info.exit_code) == ("completed", "success", 0)
    assert info.end_time - info.start_time == timedelta(seconds=5)
    assert world.told() == [("task", "j", "a", node)]


@pytest.mark.rule(37)
def test_start_task_fails_after_its_retries_node_takes_no_task(world: World) -> None:
    (node,) = world.pool(start_task=StartTask(command_line="s", max_task_retry_count=1))
    world.job()
    world.tasks("a")
    world.exit(world.run(), 1)
    world.exit(world.run(), 1)
    assert world.nodes()[0].state == "starttaskfailed"
    info = world.nodes()[0].start_task_info
    assert (info.retry_count, info.result, info.exit_code) == (1, "failure", 1)
    assert world.pool_view().current_dedicated_nodes == 1
    assert world.pool_view().allocation_state == "steady"
    assert world.reasons("a") == ["StartTaskFailed"]
    world.feed(inputs.RebootNode(pool_id="p", node_id=node, node_reboot_option="requeue"))
    assert world.told() == [("RestartNode", node, 2, False)]
    world.allocated(node, 2)
    world.started(node, 2)
    world.exit(world.run())
    assert world.told() == [("task", "j", "a", node)]


@pytest.mark.rule(38)
def test_start_task_not_waited_for_node_takes_tasks_though_it_fails(world: World) -> None:
    (node,) = world.pool(start_task=StartTask(command_line="s", wait_for_success=False))
    assert world.nodes()[0].state == "idle"
    start = world.run()
    world.exit(start, 1)
    assert world.nodes()[0].state == "idle"
    world.job()
    world.tasks("a")
    assert world.told() == [("task", "j", "a", node)]


def test_start_task_that_never_launched_is_not_retried(world: World) -> None:
    world.pool(start_task=StartTask(command_line="s", max_task_retry_count=-1))
    missing = FailureInfo(category="UserError", code="CommandProgramNotFound")
    world.exit(world.run(), None, failure=missing)
    assert world.nodes()[0].state == "starttaskfailed"


def test_start_task_runs_again_when_the_node_is_found_again(world: World) -> None:
    (node,) = world.pool(start_task="s")
    world.exit(world.run())
    world.lost(node)
    assert world.nodes()[0].state == "unknown"
    world.boot()
    assert world.nodes()[0].state == "waitingforstarttask"
    world.exit(world.run())
    assert world.nodes()[0].state == "idle"
