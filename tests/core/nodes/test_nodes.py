"""Nodes: boot, drain for each purpose, scheduling, and what their views count."""

from datetime import timedelta

import pytest

from batchlab.core.messages import facts, inputs, questions
from batchlab.core.model import TaskConstraints
from batchlab.core.model.values import PassedOver
from helpers.busy_nodes import busy, node_state, reboot
from helpers.world import World


def disable(node: str, option: str = "requeue") -> inputs.DisableNodeScheduling:
    return inputs.DisableNodeScheduling(
        pool_id="p", node_id=node, node_disable_scheduling_option=option
    )


def enable(node: str) -> inputs.EnableNodeScheduling:
    return inputs.EnableNodeScheduling(pool_id="p", node_id=node)


# -- reboot and reimage -------------------------------------------------------------------------


@pytest.mark.rule(51)
def test_reboot_requeue_ends_tasks_then_boots_and_runs_them_again(world: World) -> None:
    node, (run,) = busy(world, "a")
    world.feed(reboot(node))
    assert world.told() == [("CancelRun", "a", node)]
    assert node_state(world) == "rebooting"
    assert world.state("a") == "running"  # until the node says that no process is left
    world.exit(run, 137, cancelled=True)
    assert world.told() == [("RestartNode", node, 2, False)]
    world.allocated(node, 2)
    assert node_state(world) == "starting"
    world.started(node, 2)
    assert world.told() == [("task", "j", "a", node)]
    task = world.task("a")
    assert (task.requeue_count, task.retry_count) == (1, 0)


def test_reboot_taskcompletion_waits_and_takes_no_new_task(world: World) -> None:
    node, (first, second) = busy(world, "a", "b")
    world.tasks("c")
    world.feed(reboot(node, "taskcompletion"))
    world.nothing_else()
    assert node_state(world) == "running"
    assert world.reasons("c") == ["Restarting"]
    world.exit(first)
    world.nothing_else()
    world.exit(second)
    assert world.told() == [("RestartNode", node, 2, False)]


def test_reboot_retaineddata_node_is_idle_until_its_files_are_no_longer_kept(
    world: World,
) -> None:
    keep = TaskConstraints(retention_time=timedelta(seconds=30))
    node, (run,) = busy(world, "a", constraints=keep)
    world.feed(reboot(node, "retaineddata"))
    world.exit(run)
    assert node_state(world) == "idle"
    world.tasks("b")
    world.later(29)
    world.nothing_else()
    world.later(1)
    assert world.told() == [
        ("DeleteFiles", node, "workitems/j/job-1/a"), ("RestartNode", node, 2, False),
    ]  # fmt: skip


@pytest.mark.code("NodeBeingReimaged")
@pytest.mark.parametrize("option", ["requeue", "terminate"])
def test_reimage_idle_node_boots_with_emptied_folders(world: World, option: str) -> None:
    (node,) = world.pool()
    request = inputs.ReimageNode(pool_id="p", node_id=node, node_reimage_option=option)
    world.feed(request)
    assert world.told() == [("RestartNode", node, 2, True)]
    assert node_state(world) == "reimaging"
    assert world.refused(request).code == "NodeBeingReimaged"
    assert world.refused(reboot(node)).code == "NodeBeingReimaged"


@pytest.mark.code("NodeBeingStarted", "NodeBeingRebooted", "NodeStateUnusable")
def test_reboot_of_a_node_that_is_not_up_is_refused_with_its_state(world: World) -> None:
    (node,) = world.pool(start_task="s")
    start = world.run()
    assert world.refused(reboot(node)).code == "NodeBeingStarted"
    world.exit(start)
    world.feed(reboot(node))
    assert world.refused(reboot(node)).code == "NodeBeingRebooted"
    world.said()
    world.allocated(node, 2)
    assert world.refused(reboot(node)).code == "NodeBeingStarted"
    world.lost(node, 2)
    assert world.refused(reboot(node)).code == "NodeStateUnusable"
    world.feed(inputs.ResizePool(pool_id="p", target_dedicated_nodes=0))
    assert world.refused(reboot(node)).code == "NodeNotReady"
    world.said()
    world.gone(node)
    assert world.refused(reboot(node)).code == "NodeNotFound"
    assert world.refused(inputs.RebootNode(pool_id="q", node_id=node)).code == "PoolNotFound"


def test_reboot_node_that_was_allocated_twice_boots_once(world: World) -> None:
    (node,) = world.pool()
    world.allocated(node)  # a report repeats itself
    assert node_state(world) == "idle"
    world.feed(reboot(node))
    world.said()
    world.allocated(node, 2)
    world.allocated(node, 2)
    world.started(node, 2)
    world.started(node, 2)
    assert node_state(world) == "idle"


# -- scheduling ---------------------------------------------------------------------------------


@pytest.mark.rule(49)
def test_disable_scheduling_twice_is_refused(world: World) -> None:
    (node,) = world.pool()
    world.feed(disable(node))
    assert node_state(world) == "offline"
    assert world.refused(disable(node)).code == "NodeAlreadyInTargetSchedulingState"
    world.feed(enable(node))
    assert node_state(world) == "idle"
    assert world.refused(enable(node)).code == "NodeAlreadyInTargetSchedulingState"


def test_disable_scheduling_retaineddata_is_not_one_of_its_options(world: World) -> None:
    (node,) = world.pool()
    error = world.refused(disable(node, "retaineddata"))
    assert error.values["PropertyName"] == "node_disable_scheduling_option"


@pytest.mark.rule(50)
def test_disable_taskcompletion_node_runs_and_is_then_offline(world: World) -> None:
    node, (run,) = busy(world, "a")
    world.tasks("b")
    world.feed(disable(node, "taskcompletion"))
    world.nothing_else()
    assert node_state(world) == "running"
    world.exit(run)
    assert node_state(world) == "offline"
    assert world.reasons("b") == ["SchedulingDisabled"]
    world.feed(enable(node))
    assert world.told() == [("task", "j", "b", node)]


@pytest.mark.parametrize(("option", "state"), [("requeue", "active"), ("terminate", "completed")])
def test_disable_ends_the_tasks_as_asked(world: World, option: str, state: str) -> None:
    node, (run,) = busy(world, "a")
    world.feed(disable(node, option))
    assert world.told() == [("CancelRun", "a", node)]
    world.exit(run, 137, cancelled=True)
    assert (node_state(world), world.state("a")) == ("offline", state)


def test_enable_before_the_node_is_up_leaves_it_starting(world: World) -> None:
    (node,) = world.pool()
    world.feed(reboot(node))
    world.said()
    world.allocated(node, 2)
    world.feed(disable(node))
    world.feed(enable(node))
    world.job()
    world.tasks("a")
    world.nothing_else()
    assert node_state(world) == "starting"
    world.started(node, 2)
    assert world.told() == [("task", "j", "a", node)]


def test_disabled_node_stays_offline_over_a_reboot(world: World) -> None:
    (node,) = world.pool()
    world.feed(disable(node))
    world.feed(reboot(node))
    world.boot()
    assert node_state(world) == "offline"


# -- what is known of them ----------------------------------------------------------------------


def test_machines_that_are_passed_over_are_named_while_the_pool_lacks_nodes(world: World) -> None:
    (node,) = world.pool()
    bad = PassedOver(machine="the worker at x", reason="it has no batchlab", remedy="install it")
    world.feed(facts.MachinesPassedOver(machines=(bad,)))
    assert world.ask(questions.ExplainPool(pool_id="p")) == []
    world.lost(node)
    world.said()
    *_, reason = world.ask(questions.ExplainPool(pool_id="p"))
    assert reason.code == "MachinePassedOver"
    assert reason.text == "The worker at x is passed over: it has no batchlab."
    assert reason.remedy == "install it"
    world.feed(facts.MachinesPassedOver())
    assert [reason.code for reason in world.ask(questions.ExplainPool(pool_id="p"))] == ["Coming"]


def test_node_that_stopped_unasked_is_dropped(world: World) -> None:
    (node,) = world.pool()
    world.gone(node)
    assert world.core.state.dropped == 1
    assert node_state(world) == "idle"


def test_node_view_counts_what_ran_there(world: World) -> None:
    node, (first, second) = busy(world, "a", "b")
    view = world.nodes()[0]
    assert (view.running_tasks_count, view.running_task_slots_count) == (2, 2)
    assert view.running_tasks == (("j", "a"), ("j", "b"))
    world.exit(first)
    world.exit(second, 1)
    view = world.nodes()[0]
    assert (view.total_tasks_run, view.total_tasks_succeeded) == (2, 1)
    assert (view.id, view.ip_address, view.is_dedicated) == (node, "127.0.1.1", True)
