"""Multi-instance tasks: from the queue to all their nodes, among others that want them."""

from __future__ import annotations

from typing import Any

import pytest

from batchlab.core.messages import inputs, questions
from batchlab.core.messages.outputs import Coordination, StartApplication, StartRun
from batchlab.core.model.ids import RunId
from batchlab.core.placement.gathering import GATHER_S
from batchlab.core.tasks.environment import NodeFacts, environment
from helpers.multi_instance import cancels, coordinate, end_cancelled, subtasks, talking, together
from helpers.world import World

# -- to the nodes -------------------------------------------------------------------------------


def test_application_begins_when_every_coordination_command_has_returned(world: World) -> None:
    nodes = talking(world)
    world.job()
    together(world, resource_files=["/own"], environment_settings={"X": "1"})
    runs = world.runs()
    assert [run.run_id.node_id for run in runs] == nodes
    assert {run.command_line for run in runs} == {"apply"}
    assert [run.directory for run in runs] == [f"workitems/j/job-1/m/{n}" for n in range(3)]
    assert [len(run.resource_files) for run in runs] == [1, 0, 0]
    shared = [run.coordination for run in runs]
    assert [one and one.subtask for one in shared] == [0, 1, 2]
    assert {one and one.command_line for one in shared} == {"coordinate"}
    assert {one and one.directory for one in shared} == {"workitems/j/job-1/m"}
    assert {one and one.resource_files[0].target for one in shared} == {"common"}
    coordinate(world, runs[2], runs[0])
    world.nothing_else()
    coordinate(world, runs[1])
    assert world.said() == [StartApplication(run_id=runs[0].run_id)]
    assert (world.state("m"), world.task("m").node_id) == ("running", nodes[0])


def test_environment_of_subtasks_names_all_nodes(world: World) -> None:
    talking(world, 2, vm_size="medium")
    world.job(job_preparation_task="prep")
    together(world, 2)
    preparations = world.runs()
    for run in preparations:
        world.exit(run)
    facts = NodeFacts(account_name="a", account_url="u", node_id="n", root_directory="/r")
    primary, other = [environment(run, facts) for run in world.runs()]
    common = {
        "AZ_BATCH_HOST_LIST": "127.0.1.1,127.0.1.1",
        "AZ_BATCH_NODE_LIST": "127.0.1.1;127.0.1.1",
        "AZ_BATCH_MASTER_NODE": "127.0.1.1:20000",
        "AZ_BATCH_TASK_SHARED_DIR": "/r/workitems/j/job-1/m",
        "CCP_NODES": "2 127.0.1.1 2 127.0.1.1 2",
        "WATASK_PORTRANGE_LOW": "20000",
        "WATASK_PORTRANGE_HIGH": "20099",
    }
    assert common.items() <= primary.items()
    assert common.items() <= other.items()
    assert primary["AZ_BATCH_IS_CURRENT_NODE_MASTER"] == "true"
    assert other["AZ_BATCH_IS_CURRENT_NODE_MASTER"] == "false"
    assert other["AZ_BATCH_TASK_WORKING_DIR"] == "/r/workitems/j/job-1/m/1/wd"
    preparing = environment(preparations[0], facts)
    assert preparing["WATASK_PORTRANGE_HIGH"] == "20099"
    assert preparing["BATCHLAB_NODE_IP_ADDRESS"] == "127.0.1.1"
    assert "AZ_BATCH_HOST_LIST" not in preparing


def test_master_node_with_an_ipv6_address_has_it_in_brackets(world: World) -> None:
    hosts = ("fd00::1", "fd00::2")
    coordination = Coordination(
        command_line="", subtask=0, hosts=hosts, port=20000, cores=1, directory="d"
    )
    order = StartRun(run_id=RunId("j", "m", "n", 1), kind="task", pool_id="p", command_line="c",
                     directory="d", coordination=coordination)  # fmt: skip
    facts = NodeFacts(account_name="a", account_url="u", node_id="n", root_directory="/r")
    variables = environment(order, facts)
    assert variables["AZ_BATCH_MASTER_NODE"] == "[fd00::1]:20000"
    assert variables["AZ_BATCH_HOST_LIST"] == "fd00::1,fd00::2"


def test_variables_of_subtasks_cannot_be_set_by_users(world: World) -> None:
    world.pool()
    world.job()
    names = ("AZ_BATCH_HOST_LIST", "AZ_BATCH_MASTER_NODE", "WATASK_PORTRANGE_LOW", "CCP_NODES")
    world.tasks("a", environment_settings=dict.fromkeys(names, "mine"))
    facts = NodeFacts(account_name="a", account_url="u", node_id="n", root_directory="/r")
    assert not set(names) & environment(world.run(), facts).keys()


def test_preparations_are_awaited_on_all_nodes(world: World) -> None:
    nodes = talking(world)
    world.job(job_preparation_task="prep")
    together(world)
    preparations = world.runs()
    assert [run.kind for run in preparations] == ["jobpreparation"] * 3
    world.exit(preparations[1])
    world.exit(preparations[0])
    assert world.state("m") == "preparing"
    (reason,) = world.ask(questions.ExplainTask(job_id="j", task_id="m"))
    assert nodes[2] in reason.text
    assert [row.state for row in subtasks(world)] == ["preparing"] * 2
    world.nothing_else()
    world.exit(preparations[2])
    assert [run.kind for run in world.runs()] == ["task"] * 3


def test_preparation_that_fails_on_one_node_gives_all_nodes_back(world: World) -> None:
    nodes = talking(world)
    world.job(job_preparation_task="prep")
    together(world, 2)
    first, second = world.runs()
    world.exit(first)
    world.exit(second, 1)
    third = world.run()  # the preparation of the node that was free
    assert third.run_id.node_id == nodes[2]
    world.exit(third)
    assert [run.run_id.node_id for run in world.runs()] == [nodes[2], nodes[0]]


def test_affinity_chooses_the_primary(world: World) -> None:
    nodes = talking(world)
    world.job()
    together(world, 2, affinity_info=f"TVM:{nodes[2]}")
    assert [run.run_id.node_id for run in world.runs()] == [nodes[2], nodes[0]]


# -- row 105: where it never runs ---------------------------------------------------------------


@pytest.mark.rule(105)
@pytest.mark.parametrize(
    ("pool", "task", "code"),
    [
        ({}, {}, "NoInterNodeCommunication"),
        (
            {"enable_inter_node_communication": True, "task_slots_per_node": 2},
            {},
            "NotOneSlot",
        ),
        ({"enable_inter_node_communication": True}, {"required_slots": 2}, "NotOneSlot"),
    ],
)
def test_task_that_no_node_can_take_is_accepted_and_stays_active(
    world: World, pool: dict[str, Any], task: dict[str, Any], code: str
) -> None:
    world.pool(nodes=3, **pool)
    world.job()
    together(world, 2, **task)
    world.nothing_else()
    assert (world.state("m"), world.reasons("m")) == ("active", [code])
    assert world.core.hopeless(questions.TasksCompleted(job_id="j"))
    if "required_slots" in task:
        together(world, 2, "n")  # one that can run is not held up by it
        assert {run.run_id.task_id for run in world.runs()} == {"n"}


def test_task_that_needs_more_nodes_than_there_are_waits_for_a_resize(world: World) -> None:
    talking(world, 2)
    world.job()
    together(world, 3)
    (reason,) = world.ask(questions.ExplainTask(job_id="j", task_id="m"))
    assert (reason.code, reason.lasting) == ("TooFewNodes", True)
    assert "3 nodes at once, but only 2 of 2 are free" in reason.text
    world.feed(inputs.ResizePool(pool_id="p", target_dedicated_nodes=3))
    (reason, coming) = world.ask(questions.ExplainTask(job_id="j", task_id="m"))
    assert (reason.lasting, coming.code) == (False, "Coming")
    world.boot()
    assert len(world.runs()) == 3


# -- among others -------------------------------------------------------------------------------


def test_free_nodes_are_held_until_there_are_enough(world: World) -> None:
    talking(world, 2)
    world.job("small")
    world.job(priority=1)
    world.tasks("a", "b", job="small")
    a, b = world.runs()
    together(world, 2)
    world.tasks("c", "d", job="small")
    world.exit(a)
    world.nothing_else()  # the free node waits for its neighbour
    assert world.reasons("m")[0] == "TooFewNodes"
    assert world.reasons("c", "small")[:2] == ["Held", "Busy"]
    world.exit(b)
    assert {run.run_id.task_id for run in world.runs()} == {"m"}


def test_free_nodes_are_not_held_for_ever(world: World) -> None:
    talking(world, 2)
    world.job("small")
    world.job(priority=1)
    world.tasks("endless", "a", job="small")
    _, a = world.runs()
    together(world, 2)
    world.tasks("b", job="small")
    world.exit(a)
    world.later(GATHER_S - 1)
    world.nothing_else()
    world.later(1)
    assert world.run().run_id.task_id == "b"


def test_nodes_are_not_held_when_there_could_never_be_enough(world: World) -> None:
    talking(world, 2)
    world.job()
    together(world, 3)
    world.tasks("a", "b")
    assert [run.run_id.task_id for run in world.runs()] == ["a", "b"]


def test_held_nodes_are_for_all_again_when_the_task_is_gone(world: World) -> None:
    talking(world, 2)
    world.job()
    world.tasks("a")
    world.run()
    together(world, 2)
    world.tasks("b")
    world.nothing_else()
    world.feed(inputs.TerminateTask(job_id="j", task_id="m"))
    assert world.run().run_id.task_id == "b"


def test_higher_priority_takes_nodes_that_are_held(world: World) -> None:
    talking(world, 2)
    world.job()
    world.job("high", priority=5)
    world.tasks("a")
    world.run()
    together(world, 2)
    world.tasks("urgent", job="high")
    assert world.run().run_id.task_id == "urgent"


def test_preemption_makes_room_on_all_nodes_at_once(world: World) -> None:
    talking(world, 3)
    world.job("low", allow_task_preemption=True)
    world.job(priority=5)
    world.tasks("a", "b", "c", job="low")
    a, b, c = world.runs()
    together(world, 2)
    assert world.told() == [
        ("CancelRun", run.run_id.task_id, run.run_id.node_id) for run in (c, b)
    ]
    world.exit(c, 137, cancelled=True)
    world.nothing_else()  # what was interrupted does not come back in between
    world.exit(b, 137, cancelled=True)
    assert {run.run_id.task_id for run in world.runs()} == {"m"}
    world.exit(a)
    assert world.told()[-1][:3] == ("task", "low", "b")


def test_preempted_as_a_whole_for_a_task_that_needs_one_node(world: World) -> None:
    talking(world, 2)
    world.job(allow_task_preemption=True)
    world.job("high", priority=5)
    together(world, 2)
    runs = world.runs()
    world.tasks("urgent", job="high")
    assert sorted(world.told()) == sorted(cancels(*runs))
    end_cancelled(world, runs[1])
    assert world.run().run_id.task_id == "urgent"
    end_cancelled(world, runs[0])
    assert (world.state("m"), world.task("m").requeue_count) == ("active", 1)
