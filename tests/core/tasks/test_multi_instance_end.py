"""Multi-instance tasks: whatever ends one of the subtasks, the whole ends as one."""

from __future__ import annotations

from typing import Any

import pytest

from batchlab.core.messages import inputs, questions
from batchlab.core.messages.outputs import StartApplication
from batchlab.core.model import TaskConstraints
from batchlab.core.model.values import FailureInfo
from helpers.multi_instance import (
    cancels,
    coordinate,
    end_cancelled,
    running,
    subtasks,
    talking,
    together,
)
from helpers.world import World

MISSING = FailureInfo(category="UserError", code="BlobNotFound", message="not there")


@pytest.mark.rule(106)
@pytest.mark.parametrize("code", [0, 3])
def test_end_of_the_application_ends_all_and_the_task(world: World, code: int) -> None:
    runs = running(world)
    world.exit(runs[0], code)
    assert world.told() == cancels(*runs[1:])
    end_cancelled(world, *runs[1:])
    assert (world.state("m"), world.task("m").exit_code) == ("completed", code)
    assert world.task("m").task_root_directory == "workitems/j/job-1/m/0"
    rows = subtasks(world)
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
    dropped = world.core.state.dropped
    coordinate(world, second)
    assert world.core.state.dropped == dropped + 1
    world.exit(first)
    world.said()
    end_cancelled(world, second)
    coordinate(world, first)
    world.exit(second, 1)
    assert world.core.state.dropped == dropped + 3


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
