"""Deallocated nodes: drained, without a machine and without cost, and started again."""

import pytest

from batchlab.core.messages import facts, inputs, questions
from batchlab.core.messages.outputs import ReleaseNode
from batchlab.core.model import JobPreparationTask
from helpers.world import World


def deallocate(node: str, option: str = "requeue") -> inputs.DeallocateNode:
    return inputs.DeallocateNode(pool_id="p", node_id=node, node_deallocate_option=option)


def start(node: str) -> inputs.StartDeallocatedNode:
    return inputs.StartDeallocatedNode(pool_id="p", node_id=node)


def away(world: World, node: str) -> None:
    """Deallocate an idle node."""
    world.feed(deallocate(node))
    assert world.told() == [("ReleaseNode", node, 2)]
    world.deallocated(node)


def back(world: World, node: str) -> None:
    """Start a deallocated node, until its agent is up."""
    world.feed(start(node))
    assert world.told() == [("StartNode", node, 3)]
    world.allocated(node, 3)
    world.started(node, 3)


def shown(world: World) -> tuple[str, str]:
    view = world.nodes()[0]
    return view.state, view.scheduling_state


# -- there and back -----------------------------------------------------------------------------


@pytest.mark.rule(112)
def test_deallocated_node_has_no_machine_until_it_is_started(world: World) -> None:
    (node,) = world.pool(start_task="s")
    world.exit(world.run())
    before = world.nodes()[0]
    world.feed(deallocate(node))
    assert shown(world) == ("deallocating", "disabled")
    assert world.told() == [("ReleaseNode", node, 2)]
    world.deallocated(node)
    assert shown(world) == ("deallocated", "disabled")
    view = world.nodes()[0]
    assert (view.id, view.ip_address, view.allocation_time, view.last_boot_time) == (
        before.id, before.ip_address, before.allocation_time, before.last_boot_time,
    )  # fmt: skip
    world.later(3600)
    world.feed(start(node))
    assert shown(world) == ("starting", "enabled")
    assert world.told() == [("StartNode", node, 3)]
    world.allocated(node, 3)
    world.started(node, 3)
    assert shown(world) == ("waitingforstarttask", "enabled")
    assert world.told() == [("starttask", "", "starttask", node)]


def test_deallocated_node_runs_its_start_task_no_more(world: World) -> None:
    (node,) = world.pool(start_task="s")
    run = world.run()
    world.feed(deallocate(node, "taskcompletion"))
    assert world.told() == [("ReleaseNode", node, 2)]
    assert world.nodes()[0].start_task_info is None
    world.exit(run)
    assert world.core.state.dropped == 1


# -- its tasks ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("option", "state"), [("requeue", "active"), ("terminate", "completed")])
def test_deallocate_ends_running_tasks_as_asked(world: World, option: str, state: str) -> None:
    (node,) = world.pool()
    world.job()
    world.tasks("a")
    run = world.run()
    world.feed(deallocate(node, option))
    assert world.told() == [("CancelRun", "a", node)]
    assert shown(world) == ("deallocating", "disabled")
    world.exit(run, 137, cancelled=True)
    assert world.told() == [("ReleaseNode", node, 2)]
    assert world.state("a") == state
    world.deallocated(node)
    back(world, node)
    expected = [("task", "j", "a", node)] if option == "requeue" else []
    assert world.told() == expected


def test_deallocate_taskcompletion_waits_and_takes_no_new_task(world: World) -> None:
    (node,) = world.pool()
    world.job()
    world.tasks("a")
    run = world.run()
    world.tasks("b")
    world.feed(deallocate(node, "taskcompletion"))
    world.nothing_else()
    assert shown(world) == ("running", "disabled")
    assert world.reasons("b") == ["Deallocated"]
    world.exit(run)
    assert world.told() == [("ReleaseNode", node, 2)]
    world.deallocated(node)
    (reason,) = world.ask(questions.ExplainTask(job_id="j", task_id="b"))
    assert reason.text == f"Node {node} is deallocated. Start it."
    assert (reason.lasting, reason.remedy) == (True, "node.start(), once it is deallocated")
    back(world, node)
    assert world.told() == [("task", "j", "b", node)]


def test_pool_says_which_nodes_are_deallocated(world: World) -> None:
    first, second, _ = world.pool(nodes=3)
    away(world, first)
    (reason,) = world.ask(questions.ExplainPool(pool_id="p"))
    assert (reason.code, reason.lasting) == ("Deallocated", True)
    assert reason.text == (
        f"Node {first} is deallocated: it takes no tasks and costs nothing until it is started."
    )
    world.feed(deallocate(second))
    world.said()
    (reason,) = world.ask(questions.ExplainPool(pool_id="p"))
    assert reason.text == (
        "2 of 3 nodes are deallocated, or about to be: they take no tasks and cost nothing until "
        "they are started."
    )


def test_wait_for_a_deallocated_node_ends_when_nothing_will_start_it(world: World) -> None:
    (node,) = world.pool()
    away(world, node)
    idle = questions.NodesAre(pool_id="p", state="idle")
    assert world.core.met(questions.NodesAre(pool_id="p", state="deallocated"))
    (reason,) = world.core.hopeless(idle)
    never = "nothing in progress will make it idle. Call node.start()."
    assert reason.text == f"Node {node} is deallocated, and {never}"
    world.feed(start(node))
    world.said()
    assert world.core.hopeless(idle) == []


# -- its jobs -----------------------------------------------------------------------------------


@pytest.mark.parametrize("again", [True, False])
def test_preparation_after_a_start_is_that_after_a_reboot(world: World, again: bool) -> None:
    (node,) = world.pool()
    spec = JobPreparationTask(command_line="p", rerun_on_node_reboot_after_success=again)
    world.job(job_preparation_task=spec)
    world.tasks("a")
    world.exit(world.run())
    world.exit(world.run())
    away(world, node)
    back(world, node)
    world.tasks("b")
    assert world.run().kind == ("jobpreparation" if again else "task")


def test_preparation_runs_again_when_the_files_went_with_the_machine(world: World) -> None:
    (node,) = world.pool()
    spec = JobPreparationTask(command_line="p", rerun_on_node_reboot_after_success=False)
    world.job(job_preparation_task=spec)
    world.tasks("a")
    world.exit(world.run())
    world.exit(world.run())
    world.feed(deallocate(node))
    world.said()
    world.deallocated(node, files_kept=False)
    back(world, node)
    world.tasks("b")
    assert world.run().kind == "jobpreparation"


@pytest.mark.rule(113)
def test_job_that_ends_does_not_wait_for_a_deallocated_node(world: World) -> None:
    first, second = world.pool(nodes=2)
    world.job(job_preparation_task="p", job_release_task="r")
    world.tasks("a", "b")
    for run in [*world.runs()]:
        world.exit(run)
    for run in [*world.runs()]:
        world.exit(run)
    away(world, first)
    world.feed(inputs.TerminateJob(job_id="j"))
    release = world.run()
    assert release.run_id.node_id == second
    world.exit(release)
    assert world.job_view().state == "completed"
    assert [row.job_release_task_execution_info is None for row in world.rows()] == [True, False]
    world.later(8 * 86400)
    assert all(command[1] == second for command in world.told())
    back(world, first)
    deleted = {name for command in world.told() for name in command[2:]}
    assert deleted == {f"workitems/j/job-1/{name}" for name in ("a", "jobpreparation")}


def test_release_that_a_deallocation_interrupts_holds_up_no_job(world: World) -> None:
    (node,) = world.pool()
    world.job(job_preparation_task="p", job_release_task="r")
    world.tasks("a")
    world.exit(world.run())
    world.exit(world.run())
    world.feed(inputs.TerminateJob(job_id="j"))
    assert world.run().kind == "jobrelease"
    world.feed(deallocate(node))
    assert world.told() == [("ReleaseNode", node, 2)]
    assert world.job_view().state == "completed"


# -- lost ---------------------------------------------------------------------------------------


def test_node_lost_before_it_is_deallocated_is_deallocated_at_once(world: World) -> None:
    (node,) = world.pool()
    world.job()
    world.tasks("a")
    world.run()
    world.feed(deallocate(node, "taskcompletion"))
    world.lost(node)
    assert world.told() == [("ReleaseNode", node, 2)]
    assert world.state("a") == "active"
    world.lost(node, 2)  # and once more on the way
    assert world.told() == [("ReleaseNode", node, 3)]
    world.deallocated(node, 2)
    assert shown(world) == ("deallocating", "disabled")
    world.deallocated(node, 3)
    world.lost(node, 3)
    assert shown(world) == ("deallocated", "disabled")
    world.nothing_else()


def test_node_lost_while_it_is_started_is_brought_back(world: World) -> None:
    (node,) = world.pool()
    away(world, node)
    world.feed(start(node))
    world.said()
    world.lost(node, 3)
    assert shown(world) == ("unknown", "enabled")
    assert world.told() == [("StartNode", node, 4)]


def test_node_that_is_to_go_again_once_its_files_are_over_gets_its_machine(world: World) -> None:
    (node,) = world.pool()
    world.job()
    world.tasks("a")
    world.exit(world.run())
    away(world, node)
    world.feed(start(node))
    world.said()
    world.feed(deallocate(node, "retaineddata"))
    assert shown(world) == ("starting", "disabled")
    world.feed(facts.NodeAllocated(node_id=node, boot=3, ip_address="127.0.1.2"))
    assert world.nodes()[0].ip_address == "127.0.1.2"
    world.started(node, 3)
    assert shown(world) == ("offline", "disabled")
    world.later(8 * 86400)
    assert world.told()[-1] == ("ReleaseNode", node, 4)


def test_node_that_gets_no_machine_when_it_is_started_is_unusable(world: World) -> None:
    (node,) = world.pool()
    away(world, node)
    world.feed(start(node))
    world.said()
    world.feed(facts.NodeStartFailed(node_id=node, boot=3))
    assert shown(world) == ("unusable", "enabled")
    world.feed(deallocate(node))
    assert world.told() == [("ReleaseNode", node, 4)]


# -- what is refused ----------------------------------------------------------------------------


@pytest.mark.code("OperationInvalidForCurrentState")
@pytest.mark.parametrize("there", [False, True])
def test_deallocated_node_can_only_be_started_or_removed(world: World, there: bool) -> None:
    (node,) = world.pool()
    world.feed(deallocate(node))
    if there:
        world.deallocated(node)
    world.said()
    for request in (
        deallocate(node),
        inputs.RebootNode(pool_id="p", node_id=node),
        inputs.ReimageNode(pool_id="p", node_id=node),
        inputs.EnableNodeScheduling(pool_id="p", node_id=node),
        *([] if there else [start(node)]),
    ):
        assert world.refused(request).code == "OperationInvalidForCurrentState"
    if there:
        refusal = str(world.refused(inputs.RebootNode(pool_id="p", node_id=node)))
        assert refusal.endswith("; start it first")
    disable = inputs.DisableNodeScheduling(pool_id="p", node_id=node)
    assert world.refused(disable).code == "NodeAlreadyInTargetSchedulingState"


@pytest.mark.code("OperationInvalidForCurrentState", "NodeBeingCreated")
def test_node_that_is_not_deallocated_cannot_be_started(world: World) -> None:
    (node,) = world.pool()
    refusal = world.refused(start(node))
    assert refusal.code == "OperationInvalidForCurrentState"
    assert f"node '{node}' is idle: it can only be started while deallocated" in str(refusal)
    world.feed(inputs.ResizePool(pool_id="p", target_dedicated_nodes=2))
    world.said()
    new = next(view.id for view in world.nodes() if view.state == "creating")
    assert world.refused(deallocate(new)).code == "NodeBeingCreated"


def test_deallocated_spot_node_cannot_be_preempted(world: World) -> None:
    (node,) = world.pool(nodes=0, target_low_priority_nodes=1)
    away(world, node)
    refusal = world.refused(inputs.PreemptNode(pool_id="p", node_id=node))
    assert refusal.code == "OperationInvalidForCurrentState"


def test_reboot_in_place_of_a_deallocation_lets_the_node_take_tasks_again(world: World) -> None:
    (node,) = world.pool()
    world.job()
    world.tasks("a")
    run = world.run()
    world.feed(deallocate(node, "taskcompletion"))
    enable = inputs.EnableNodeScheduling(pool_id="p", node_id=node)
    assert world.refused(enable).code == "OperationInvalidForCurrentState"
    world.feed(inputs.RebootNode(pool_id="p", node_id=node, node_reboot_option="taskcompletion"))
    assert shown(world) == ("running", "enabled")
    world.exit(run)
    assert world.told() == [("RestartNode", node, 2, False)]


def test_node_lost_while_it_drains_is_not_sent_what_a_deleted_task_leaves(world: World) -> None:
    (node,) = world.pool()
    world.job()
    world.tasks("a")
    world.run()
    world.feed(deallocate(node, "taskcompletion"))
    world.feed(inputs.DeleteTask(job_id="j", task_id="a"))
    world.said()
    world.lost(node)
    assert [type(command) for command in world.said()] == [ReleaseNode]
