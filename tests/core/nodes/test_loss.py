"""Nodes that are lost: their tasks are repeated, and they come back, or are unusable."""

import pytest

from batchlab.core.messages import facts, inputs, questions
from batchlab.core.messages.outputs import NodeChanged, RestartNode
from batchlab.core.model import PoolSpec
from helpers.busy_nodes import busy, node_state, reboot
from helpers.world import World


def test_node_lost_while_it_runs_a_task_repeats_it_without_using_up_a_retry(world: World) -> None:
    node, (run,) = busy(world, "a")
    world.lost(node)
    assert world.told() == [("StartNode", node, 2)]
    task = world.task("a")
    assert (task.state, task.retry_count, task.requeue_count) == ("active", 0, 0)
    world.exit(run)  # late
    world.lost(node)  # twice
    assert world.core.state.dropped == 2
    world.allocated(node, 2)
    world.started(node, 2)
    assert world.told() == [("task", "j", "a", node)]


@pytest.mark.code("MaxInternalRetryCountReached")
def test_node_lost_again_and_again_the_task_fails_in_the_end(world: World) -> None:
    node, (run,) = busy(world, "a")
    for boot in range(1, 12):
        world.lost(node, boot)
        world.boot()
        if boot < 11:
            run = world.run()
            assert run.kind == "task"
    task = world.task("a")
    assert (task.state, task.failure_info.code) == ("completed", "MaxInternalRetryCountReached")
    assert task.exit_code is None


def test_node_lost_before_it_had_a_machine_is_asked_for_again(world: World) -> None:
    world.feed(inputs.CreatePool(spec=PoolSpec(id="p", target_dedicated_nodes=1)))
    ((_, node, _),) = world.told()
    world.lost(node)
    assert world.told() == [("StartNode", node, 2)]
    assert node_state(world) == "creating"
    world.allocated(node, 2)
    world.started(node, 2)


def test_node_lost_while_tasks_are_being_ended_does_what_was_asked(world: World) -> None:
    node, runs = busy(world, "a", "b", "c")
    world.feed(inputs.TerminateTask(job_id="j", task_id="a"))
    world.feed(inputs.DeleteTask(job_id="j", task_id="b"))
    world.said()
    world.lost(node)
    assert world.told() == [("StartNode", node, 2)]
    assert [world.state("a"), world.state("c")] == ["completed", "active"]
    assert world.ask(questions.ListTaskIds(job_id="j")) == ["a", "c"]
    world.allocated(node, 2)
    world.started(node, 2)
    # the directory of the deleted task could not be deleted before
    assert world.told() == [
        ("DeleteFiles", node, "workitems/j/job-1/b"), ("task", "j", "c", node),
    ]  # fmt: skip
    assert len(runs) == 3


def test_node_lost_while_it_leaves_is_let_go(world: World) -> None:
    node, (run,) = busy(world, "a")
    world.feed(
        inputs.RemoveNodes(
            pool_id="p", node_ids=(node,), node_deallocation_option="taskcompletion"
        )
    )
    world.lost(node)
    assert world.told() == [("StopNode", node)]
    assert world.state("a") == "active"
    world.lost(node)  # told to stop, it may be lost again: nothing to do
    world.gone(node)
    world.exit(run)
    assert world.core.state.dropped == 1


def test_node_lost_while_rebooting_is_started(world: World) -> None:
    (node,) = world.pool()
    world.feed(reboot(node))
    world.said()
    world.lost(node, 2)
    assert world.told() == [("StartNode", node, 3)]
    world.started(node, 2)  # of a boot that is no more
    assert node_state(world) == "unknown"
    world.allocated(node, 3)
    world.started(node, 3)
    assert node_state(world) == "idle"


def test_node_that_cannot_be_brought_back_is_unusable_until_rebooted(world: World) -> None:
    node, _ = busy(world, "a")
    world.lost(node)
    world.said()
    failed = facts.NodeStartFailed(node_id=node, boot=2, code="Gone", message="no such worker")
    world.feed(failed)
    world.feed(failed)  # repeated
    world.lost(node, 2)  # and it is still not there
    assert node_state(world) == "unusable"
    (error,) = world.nodes()[0].errors
    assert (error.code, error.message) == ("Gone", "no such worker")
    assert world.reasons("a") == ["Unusable"]
    world.feed(reboot(node))
    assert world.told() == [("RestartNode", node, 3, False)]
    world.allocated(node, 3)
    world.started(node, 3)
    assert world.told() == [("task", "j", "a", node)]


def test_node_that_cannot_be_brought_back_yet_returns_as_soon_as_there_is_a_machine(
    world: World,
) -> None:
    node, _ = busy(world, "a")
    world.lost(node)
    world.said()
    failed = facts.NodeStartFailed(node_id=node, boot=2, message="none is free", trying=True)
    world.feed(failed)
    world.feed(failed)  # repeated
    assert node_state(world) == "unusable"
    assert world.reasons("a") == ["ContactLost"]
    (reason,) = world.ask(questions.ExplainPool(pool_id="p"))
    assert (reason.code, reason.lasting) == ("ContactLost", False)
    assert "unusable: AllocationFailed: none is free" in reason.text
    assert not world.core.hopeless(questions.NodesAre(pool_id="p", state="idle"))
    world.lost(node, 2)  # the machine that was found for it has gone, too
    assert world.told() == [("StartNode", node, 3)]
    assert node_state(world) == "unusable"
    world.allocated(node, 3)
    assert node_state(world) == "starting"
    world.started(node, 3)
    assert world.told() == [("task", "j", "a", node)]


def test_node_that_is_unusable_for_good_does_not_return_unasked(world: World) -> None:
    (node,) = world.pool()
    world.lost(node)
    world.said()
    world.feed(facts.NodeStartFailed(node_id=node, boot=2))
    world.allocated(node, 2)
    assert node_state(world) == "unusable"
    assert world.core.hopeless(questions.NodesAre(pool_id="p", state="idle"))


def test_node_whose_return_is_given_up_later_is_unusable_for_good(world: World) -> None:
    node, _ = busy(world, "a")
    world.lost(node)
    late = facts.NodeStartFailed(node_id=node, boot=2, message="none is free", trying=True)
    world.feed(late)
    given_up = facts.NodeStartFailed(node_id=node, boot=2, message="none will come")
    since = world.nodes()[0].state_transition_time
    world.later(5)
    (change,) = world.core.handle(world.now, given_up).changes
    assert isinstance(change, NodeChanged)
    assert (change.state, change.reason) == ("unusable", "none will come")
    assert world.nodes()[0].state_transition_time == since
    world.feed(late)  # it came too late
    (error,) = world.nodes()[0].errors
    assert error.message == "none will come"
    assert world.reasons("a") == ["Unusable"]
    assert world.core.hopeless(questions.NodesAre(pool_id="p", state="idle"))
    world.said()
    world.lost(node, 2)
    world.allocated(node, 2)
    world.nothing_else()
    assert node_state(world) == "unusable"
    world.feed(reboot(node))
    assert world.told() == [("RestartNode", node, 3, False)]


def test_node_that_cannot_be_brought_back_yet_shows_the_last_reason(world: World) -> None:
    (node,) = world.pool()
    world.lost(node)
    world.said()
    for message in ("none is free", "none is free", "the only one is too small"):
        world.feed(facts.NodeStartFailed(node_id=node, boot=2, message=message, trying=True))
    (error,) = world.nodes()[0].errors
    assert error.message == "the only one is too small"
    world.allocated(node, 2)
    assert node_state(world) == "starting"


def test_node_lost_while_it_is_reimaged_is_reimaged_again(world: World) -> None:
    (node,) = world.pool()
    world.feed(inputs.ReimageNode(pool_id="p", node_id=node))
    world.said()
    world.lost(node, 2)
    assert world.said() == [RestartNode(pool_id="p", node_id=node, boot=3, reimage=True)]
    assert world.nodes()[0].state == "reimaging"
    world.allocated(node, 3)
    world.started(node, 3)
    assert world.nodes()[0].state == "idle"


@pytest.mark.parametrize("up", [False, True])
def test_reboot_that_waits_for_files_is_kept_while_a_lost_node_comes_back(
    world: World, up: bool
) -> None:
    (node,) = world.pool(start_task="s")
    world.exit(world.run())
    world.job()
    world.tasks("a")
    world.exit(world.run())
    world.lost(node)
    world.said()
    world.feed(facts.NodeStartFailed(node_id=node, boot=2, trying=True))
    world.feed(reboot(node, "retaineddata"))
    world.nothing_else()
    world.allocated(node, 2)
    if up:
        world.started(node, 2)
        assert world.run().kind == "starttask"
    world.later(8 * 86400)
    assert ("RestartNode", node, 3, False) in world.told()
    assert node_state(world) == "rebooting"
