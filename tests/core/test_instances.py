"""Multi-instance tasks: all nodes or none, coordinated, then the application; ended as one."""

from __future__ import annotations

from typing import Any

import pytest
from world import World

from batchlab.core import inputs, instances, questions
from batchlab.core.environment import NodeFacts, environment
from batchlab.core.outputs import StartApplication, StartRun
from batchlab.core.specs import MultiInstanceSettings, TaskConstraints, TaskSpec
from batchlab.core.views import FailureInfo

MISSING = FailureInfo(category="UserError", code="BlobNotFound", message="not there")


def talking(world: World, nodes: int = 3, **kw: Any) -> list[str]:
    return world.pool(nodes=nodes, enable_inter_node_communication=True, **kw)


def together(world: World, count: int = 3, task_id: str = "m", job: str = "j", **kw: Any) -> None:
    settings = MultiInstanceSettings(
        coordination_command_line="coordinate", number_of_instances=count,
        common_resource_files=["/common"],
    )  # fmt: skip
    spec = TaskSpec(id=task_id, command_line="apply", multi_instance_settings=settings, **kw)
    world.feed(inputs.CreateTasks(job_id=job, specs=(spec,)))


def coordinate(world: World, *runs: StartRun) -> None:
    for run in runs:
        world.feed(inputs.RunCoordinated(run_id=run.run_id))


def running(world: World, count: int = 3, **kw: Any) -> list[StartRun]:
    """The runs of a task whose application has been started."""
    talking(world, count)
    world.job()
    together(world, count, **kw)
    runs = world.runs()
    coordinate(world, *runs)
    assert world.said() == [StartApplication(run_id=runs[0].run_id)]
    return runs


def cancels(*runs: StartRun) -> list[tuple[str, str, str]]:
    return [("CancelRun", "m", run.run_id.node_id) for run in runs]


def end_cancelled(world: World, *runs: StartRun) -> None:
    for run in runs:
        world.nothing_else()
        world.exit(run, 137, cancelled=True)


def subtasks(world: World, task_id: str = "m") -> list[Any]:
    found: list[Any] = world.ask(questions.ListSubtasks(job_id="j", task_id=task_id))
    return found


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
    assert "3 nodes at once, and 2 of 2 are free" in reason.text
    world.feed(inputs.ResizePool(pool_id="p", target_dedicated_nodes=3))
    (reason, coming) = world.ask(questions.ExplainTask(job_id="j", task_id="m"))
    assert (reason.lasting, coming.code) == (False, "Coming")
    world.boot()
    assert len(world.runs()) == 3


# -- endings ------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", [0, 3])
def test_end_of_the_application_ends_all_and_the_task(world: World, code: int) -> None:
    runs = running(world)
    world.exit(runs[0], code)
    assert world.told() == cancels(*runs[1:])
    end_cancelled(world, *runs[1:])
    assert (world.state("m"), world.task("m").exit_code) == ("completed", code)
    assert world.task("m").task_root_directory == "workitems/j/job-1/m/0"
    rows = subtasks(world)  # row 106
    assert [row.id for row in rows] == [1, 2]
    assert [(row.state, row.exit_code, row.result) for row in rows] == [
        ("completed", 0, "success")
    ] * 2
    assert [node.state for node in world.nodes()] == ["idle"] * 3
    assert [node.total_tasks_run for node in world.nodes()] == [1] * 3


def test_task_runs_until_its_last_subtask_is_gone(world: World) -> None:
    first, second = running(world, 2)
    world.exit(first)
    assert world.told() == cancels(second)
    assert [node.state for node in world.nodes()] == ["idle", "running"]
    assert world.state("m") == "running"
    end_cancelled(world, second)
    assert world.task("m").result == "success"


def test_coordination_command_that_fails_fails_the_whole(world: World) -> None:
    nodes = talking(world)
    world.job()
    together(world)
    runs = world.runs()
    coordinate(world, runs[0])
    world.exit(runs[2], 7)
    assert world.told() == cancels(*runs[:2])
    end_cancelled(world, *runs[:2])
    task = world.task("m")
    assert (task.state, task.exit_code, task.failure_info.code) == (
        "completed", 7, "FailureExitCode",
    )  # fmt: skip
    assert task.failure_info.details["SubtaskId"] == "2"
    assert task.failure_info.details["NodeId"] == nodes[2]
    assert [row.exit_code for row in subtasks(world)] == [137, 7]


def test_missing_common_file_is_final(world: World) -> None:
    talking(world, 2)
    world.job()
    together(world, 2, constraints=TaskConstraints(max_task_retry_count=3))
    runs = world.runs()
    world.exit(runs[1], None, failure=MISSING)
    assert world.told() == cancels(runs[0])
    end_cancelled(world, runs[0])
    task = world.task("m")
    assert (task.state, task.failure_info.code, task.retry_count) == (
        "completed", "BlobNotFound", 0,
    )  # fmt: skip


def test_whole_task_is_retried_as_one(world: World) -> None:
    runs = running(world, constraints=TaskConstraints(max_task_retry_count=1))
    world.exit(runs[0], 1)
    assert world.told() == cancels(*runs[1:])
    world.exit(runs[1], 137, cancelled=True)
    world.nothing_else()  # the third node is not free yet
    world.exit(runs[2], 137, cancelled=True)
    again = world.runs()
    assert [run.coordination and run.coordination.subtask for run in again] == [0, 1, 2]
    assert world.task("m").retry_count == 1
    coordinate(world, *again)
    assert world.said() == [StartApplication(run_id=again[0].run_id)]
    world.exit(again[0])
    world.said()
    end_cancelled(world, *again[1:])
    assert world.task("m").result == "success"


@pytest.mark.parametrize("which", [0, 1])
def test_loss_of_any_node_repeats_the_whole(world: World, which: int) -> None:
    runs = running(world, 2)
    other = runs[1 - which]
    lost = runs[which].run_id.node_id
    world.lost(lost)
    assert world.told() == [*cancels(other), ("StartNode", lost, 2)]
    assert world.state("m") == "running"
    end_cancelled(world, other)
    assert (world.state("m"), world.reasons("m")) == ("active", ["TooFewNodes", "Coming"])
    world.allocated(lost, 2)
    world.started(lost, 2)
    assert [told[0] for told in world.told()][-2:] == ["task", "task"]
    task = world.task("m")
    assert (task.state, task.retry_count, task.requeue_count) == ("running", 0, 0)


@pytest.mark.parametrize("when", ["coordinating", "applying"])
def test_terminate_ends_all_subtasks(world: World, when: str) -> None:
    talking(world)
    world.job()
    together(world)
    runs = world.runs()
    if when == "applying":
        coordinate(world, *runs)
        world.said()
    world.feed(inputs.TerminateTask(job_id="j", task_id="m"))
    assert world.told() == cancels(*runs)
    coordinate(world, *runs)  # too late: the application does not begin
    end_cancelled(world, *runs)
    task = world.task("m")
    assert (task.state, task.failure_info.code, task.exit_code) == ("completed", "TaskEnded", 137)


def test_delete_ends_all_subtasks_and_deletes_files_everywhere(world: World) -> None:
    runs = running(world, 2)
    world.feed(inputs.DeleteTask(job_id="j", task_id="m"))
    assert world.told() == cancels(*runs)
    world.exit(runs[0], 137, cancelled=True)
    world.nothing_else()
    world.exit(runs[1], 137, cancelled=True)
    assert world.told() == [
        ("DeleteFiles", run.run_id.node_id, "workitems/j/job-1/m") for run in runs
    ]
    assert world.job_view().task_counts.running == 0


def test_terminate_of_a_preparing_task_gives_all_nodes_back(world: World) -> None:
    talking(world)
    world.job(job_preparation_task="prep")
    together(world)
    preparations = world.runs()
    world.feed(inputs.TerminateTask(job_id="j", task_id="m"))
    world.nothing_else()
    assert world.state("m") == "completed"
    assert [node.state for node in world.nodes()] == ["idle"] * 3
    for run in preparations:
        world.exit(run)


@pytest.mark.parametrize("option", ["requeue", "terminate"])
def test_disabled_job_ends_all_subtasks(world: World, option: Any) -> None:
    runs = running(world)
    world.feed(inputs.DisableJob(job_id="j", disable_tasks=option))
    assert world.told() == cancels(*runs)
    end_cancelled(world, *runs)
    task = world.task("m")
    assert world.job_view().state == "disabled"
    assert (task.state, task.requeue_count) == (
        ("active", 1) if option == "requeue" else ("completed", 0)
    )
    if option == "requeue":
        world.feed(inputs.EnableJob(job_id="j"))
        assert len(world.runs()) == 3


def test_shrink_requeues_the_whole_and_waits_for_its_node_only(world: World) -> None:
    runs = running(world)
    leaving = runs[2].run_id.node_id
    world.feed(inputs.RemoveNodes(pool_id="p", node_ids=(leaving,)))
    assert world.told() == cancels(*runs)
    world.exit(runs[2], 137, cancelled=True)
    assert world.told() == [("StopNode", leaving)]
    world.gone(leaving)
    end_cancelled(world, *runs[:2])
    task = world.task("m")
    assert (task.state, task.requeue_count) == ("active", 1)
    assert world.reasons("m") == ["TooFewNodes"]


def test_shrink_with_taskcompletion_lets_the_whole_end(world: World) -> None:
    runs = running(world)
    leaving = runs[1].run_id.node_id
    world.feed(
        inputs.RemoveNodes(
            pool_id="p", node_ids=(leaving,), node_deallocation_option="taskcompletion"
        )
    )
    world.nothing_else()
    world.exit(runs[0])
    assert world.told() == cancels(*runs[1:])
    world.exit(runs[1], 137, cancelled=True)
    assert world.told() == [("StopNode", leaving)]
    end_cancelled(world, runs[2])
    world.gone(leaving)
    assert world.task("m").result == "success"


def test_preempted_spot_node_repeats_the_whole(world: World) -> None:
    talking(world, 1, target_low_priority_nodes=1)
    world.job()
    together(world, 2)
    runs = world.runs()
    spot = runs[1].run_id.node_id
    world.feed(inputs.PreemptNode(pool_id="p", node_id=spot))
    assert [type(command).__name__ for command in world.said()] == ["CancelRun", "EvictNode"]
    end_cancelled(world, runs[0])
    assert world.state("m") == "active"


def test_time_limit_is_the_primarys(world: World) -> None:
    runs = running(world, 2, constraints=TaskConstraints(max_wall_clock_time="1m"))
    assert [run.time_limit_s for run in runs] == [60.0, None]
    over = FailureInfo(category="ServerError", code="TaskEnded", message="over its time")
    world.exit(runs[0], 137, failure=over)
    assert world.told() == cancels(runs[1])
    end_cancelled(world, runs[1])
    assert world.task("m").failure_info == over


def test_retention_deletes_the_files_on_all_nodes(world: World) -> None:
    first, second = running(world, 2, constraints=TaskConstraints(retention_time="1m"))
    world.exit(first)
    world.said()
    end_cancelled(world, second)
    world.later(61)
    assert world.told() == [
        ("DeleteFiles", run.run_id.node_id, "workitems/j/job-1/m") for run in (first, second)
    ]


def test_late_reports_of_subtasks_are_dropped(world: World) -> None:
    first, second = running(world, 2)
    dropped = world.core.dropped
    coordinate(world, second)
    assert world.core.dropped == dropped + 1
    world.exit(first)
    world.said()
    end_cancelled(world, second)
    coordinate(world, first)
    world.exit(second, 1)
    assert world.core.dropped == dropped + 3


def test_dependencies_and_parallel_tasks_count_it_as_one(world: World) -> None:
    talking(world)
    world.job(uses_task_dependencies=True, max_parallel_tasks=1)
    together(world, 2)
    world.tasks("after", depends_on=["m"])
    world.tasks("beside")
    runs = world.runs()
    assert {run.run_id.task_id for run in runs} == {"m"}  # one node is free, one task may run
    assert world.reasons("beside") == ["MaxParallelTasks"]
    world.exit(runs[0])
    world.said()
    end_cancelled(world, runs[1])
    assert [run.run_id.task_id for run in world.runs()] == ["beside"]


def test_files_are_the_primarys_or_a_subtasks(world: World) -> None:
    runs = running(world, 2)
    locate = questions.LocateTask(job_id="j", task_id="m")
    assert world.ask(locate).directory == "workitems/j/job-1/m/0"
    place = world.ask(questions.LocateTask(job_id="j", task_id="m", subtask_id=1))
    assert (place.node_id, place.directory) == (runs[1].run_id.node_id, "workitems/j/job-1/m/1")
    refusal = world.refused_question(questions.LocateTask(job_id="j", task_id="m", subtask_id=2))
    assert refusal.code == "ResourceNotFound"


def test_plain_task_has_no_subtasks(world: World) -> None:
    world.pool()
    world.job()
    world.tasks("a")
    run = world.run()
    assert subtasks(world, "a") == []
    assert (run.directory, run.coordination, run.network) == ("workitems/j/job-1/a", None, None)


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
    world.later(instances.GATHER_S - 1)
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
