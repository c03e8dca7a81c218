"""Tasks: added, run, retried, ended, reactivated, deleted; their files, and when they go."""

from datetime import timedelta

import pytest

from batchlab.core.messages import facts, inputs, questions
from batchlab.core.messages.outputs import StartRun
from batchlab.core.model import JobConstraints, TaskConstraints, TaskSpec
from batchlab.core.model.values import FailureInfo
from helpers.world import World

MISSING = FailureInfo(category="UserError", code="CommandProgramNotFound", message="no xx")
UNSENT = FailureInfo(category="UserError", code="FileUploadMiscError", message="not uploaded")
OVERDUE = FailureInfo(category="ServerError", code="TaskEnded", message="over its wall clock")
A_DIR = "workitems/j/job-1/a"


def terminate(task: str = "a") -> inputs.TerminateTask:
    return inputs.TerminateTask(job_id="j", task_id=task)


def reactivate(task: str = "a") -> inputs.ReactivateTask:
    return inputs.ReactivateTask(job_id="j", task_id=task)


def delete(task: str = "a") -> inputs.DeleteTask:
    return inputs.DeleteTask(job_id="j", task_id=task)


def running(world: World, nodes: int = 1, **kw: object) -> StartRun:
    """Task a of job j, running."""
    world.pool(nodes=nodes)
    world.job()
    world.tasks("a", **kw)
    return world.run()


# -- adding -------------------------------------------------------------------------------------


def test_task_is_started_with_what_its_spec_says(world: World) -> None:
    (node,) = world.pool()
    world.job()
    spec = TaskSpec(
        id="A", command_line="make it", environment_settings={"X": "1"}, resource_files=["/d/f"],
        constraints=TaskConstraints(max_wall_clock_time=timedelta(minutes=1)),
    )  # fmt: skip
    world.feed(inputs.CreateTasks(job_id="J", specs=(spec,)))
    run = world.run()
    assert run == StartRun(
        run_id=run.run_id, kind="task", pool_id="p", command_line="make it",
        directory="workitems/j/job-1/A", environment={"X": "1"},
        resource_files=spec.resource_files, time_limit_s=60.0,
    )  # fmt: skip
    assert run.run_id[:3] == ("j", "A", node)
    world.later(7)
    world.exit(run)
    view = world.task("a")
    assert (view.state, view.previous_state, view.result) == ("completed", "running", "success")
    assert (view.exit_code, view.failure_info, view.node_id) == (0, None, node)
    assert view.end_time - view.start_time == timedelta(seconds=7)


def test_create_tasks_one_refused_none_added(world: World) -> None:
    world.job()
    world.tasks("b")
    specs = tuple(TaskSpec(id=i, command_line="x") for i in ("a", "B", "c"))
    error = world.refused(inputs.CreateTasks(job_id="j", specs=specs))
    assert error.code == "TaskExists"
    assert "'B'" in error.message
    twice = (specs[0], TaskSpec(id="A", command_line="x"))
    assert world.refused(inputs.CreateTasks(job_id="j", specs=twice)).code == "TaskExists"
    assert world.ask(questions.ListTaskIds(job_id="j")) == ["b"]


@pytest.mark.rule(35)
@pytest.mark.code("TaskIdSameAsJobPreparationTask", "TaskIdSameAsJobReleaseTask")
def test_create_tasks_with_the_id_of_a_node_task_is_refused(world: World) -> None:
    world.job(job_preparation_task="p", job_release_task="r")
    for task, code in (
        ("JobPreparation", "TaskIdSameAsJobPreparationTask"),
        ("jobrelease", "TaskIdSameAsJobReleaseTask"),
    ):
        spec = TaskSpec(id=task, command_line="x")
        assert world.refused(inputs.CreateTasks(job_id="j", specs=(spec,))).code == code


def test_create_ten_thousand_tasks_in_one_request(world: World) -> None:
    world.pool(nodes=2)
    world.job()
    world.tasks(*(f"t{i}" for i in range(10_000)))
    assert [run.run_id.task_id for run in world.runs()] == ["t0", "t1"]
    assert world.job_view().task_counts.active == 9_998


# -- exit codes and retries ---------------------------------------------------------------------


def test_nonzero_exit_is_a_failure_with_its_code(world: World) -> None:
    world.exit(running(world), 3)
    view = world.task("a")
    assert (view.state, view.exit_code, view.result) == ("completed", 3, "failure")
    failure = view.failure_info
    assert (failure.category, failure.code) == ("UserError", "FailureExitCode")
    assert failure.details["FailureExitCode"] == "3"
    assert world.job_view().task_counts.failed == 1


@pytest.mark.rule(14)
def test_retries_two_make_three_runs(world: World) -> None:
    run = running(world, constraints=TaskConstraints(max_task_retry_count=2))
    world.later(1)
    world.exit(run, 1)
    assert world.task("a").last_retry_time is not None
    world.exit(world.run(), 1)
    world.exit(world.run(), 1)
    world.nothing_else()
    view = world.task("a")
    assert (view.state, view.retry_count) == ("completed", 2)
    assert view.failure_info.code == "FailureExitCode"


def test_retries_come_from_the_job_when_the_task_names_none(world: World) -> None:
    world.pool()
    world.job(constraints=JobConstraints(max_task_retry_count=-1))
    world.tasks("a")
    world.tasks("b", constraints=TaskConstraints(max_task_retry_count=0))
    assert world.task("a").constraints.max_task_retry_count == -1
    for _ in range(5):
        world.exit(world.run(), 1)  # a, then b, then a again and again
    assert (world.state("a"), world.state("b")) == ("running", "completed")
    world.exit(world.run())


def test_retry_is_queued_behind_the_others(world: World) -> None:
    run = running(world, constraints=TaskConstraints(max_task_retry_count=1))
    world.tasks("b")
    world.exit(run, 1)
    assert world.run().run_id.task_id == "b"


@pytest.mark.rule(15)
@pytest.mark.parametrize(
    ("code", "failure"), [(None, MISSING), (137, OVERDUE), (0, UNSENT), (1, UNSENT)]
)
def test_launch_errors_and_time_limits_are_not_retried(
    world: World, code: int | None, failure: FailureInfo
) -> None:
    run = running(world, constraints=TaskConstraints(max_task_retry_count=5))
    world.exit(run, code, failure=failure)
    world.nothing_else()
    view = world.task("a")
    assert (view.state, view.exit_code, view.failure_info, view.retry_count) == (
        "completed", code, failure, 0,
    )  # fmt: skip


@pytest.mark.code("Unknown")
def test_exit_without_a_code_or_a_reason_is_no_success(world: World) -> None:
    world.exit(running(world), None)
    view = world.task("a")
    assert (view.result, view.failure_info.code) == ("failure", "Unknown")


def test_retry_on_another_node_deletes_the_former_directory(world: World) -> None:
    first, second = world.pool(nodes=2)
    world.job()
    world.tasks("a", constraints=TaskConstraints(max_task_retry_count=1))
    run = world.run()
    assert run.run_id.node_id == first
    world.tasks("b", "c")
    other = world.run()
    world.exit(run, 1)  # c takes the first node
    blocker = world.run()
    world.exit(other)
    assert world.told() == [("DeleteFiles", first, A_DIR), ("task", "j", "a", second)]
    world.exit(blocker)


# -- ending -------------------------------------------------------------------------------------


def test_terminate_running_task_ends_when_its_processes_are_gone(world: World) -> None:
    run = running(world, constraints=TaskConstraints(max_task_retry_count=5))
    world.feed(terminate())
    assert world.told() == [("CancelRun", "a", run.run_id.node_id)]
    assert world.state("a") == "running"
    world.feed(terminate())  # again: nothing more to do
    world.nothing_else()
    world.exit(run, 137, cancelled=True)
    view = world.task("a")
    assert (view.state, view.exit_code, view.failure_info.code) == ("completed", 137, "TaskEnded")
    assert world.refused(terminate()).code == "TaskCompleted"


def test_terminate_a_natural_failure_in_the_same_moment_is_not_retried(world: World) -> None:
    run = running(world, constraints=TaskConstraints(max_task_retry_count=5))
    world.feed(terminate())
    world.said()
    world.exit(run, 1)
    world.nothing_else()
    assert world.task("a").failure_info.code == "FailureExitCode"


def test_terminate_queued_task_is_completed_at_once(world: World) -> None:
    world.job()
    world.tasks("a")
    world.feed(terminate())
    view = world.task("a")
    assert (view.state, view.failure_info.code, view.node_id, view.start_time) == (
        "completed", "TaskEnded", None, None,
    )  # fmt: skip
    world.pool()
    world.nothing_else()


def test_terminate_preparing_task_frees_its_slot(world: World) -> None:
    world.pool()
    world.job(job_preparation_task="prep")
    world.tasks("a")
    preparation = world.run()
    world.feed(terminate())
    world.nothing_else()
    assert world.state("a") == "completed"
    assert world.nodes()[0].state == "idle"
    world.later(1e6)
    world.nothing_else()  # it never ran: there are no files to delete
    world.exit(preparation)
    world.later(1e6)
    assert world.told() == [
        ("DeleteFiles", preparation.run_id.node_id, "workitems/j/job-1/jobpreparation")
    ]


def test_delete_running_task_ends_it_then_removes_it_and_its_files(world: World) -> None:
    run = running(world)
    node = run.run_id.node_id
    world.feed(delete())
    assert world.told() == [("CancelRun", "a", node)]
    world.exit(run)
    assert world.told() == [("DeleteFiles", node, A_DIR)]
    assert world.job_view().task_counts.completed == 0
    assert world.refused(delete()).code == "TaskNotFound"
    world.tasks("a")  # the id is free again
    again = world.run()
    assert again.run_id != run.run_id
    world.exit(run)  # an earlier task's, twice
    assert world.state("a") == "running"


def test_delete_queued_task_is_never_run(world: World) -> None:
    world.job()
    world.tasks("a", "b")
    world.feed(delete())
    world.pool()
    assert world.run().run_id.task_id == "b"


# -- reactivate and update ----------------------------------------------------------------------


@pytest.mark.rule(69)
def test_reactivate_failed_task_runs_as_if_for_the_first_time(world: World) -> None:
    run = running(world, constraints=TaskConstraints(max_task_retry_count=1))
    node = run.run_id.node_id
    world.exit(run, 1)
    world.exit(world.run(), 1)
    world.feed(inputs.DisableNodeScheduling(pool_id="p", node_id=node))
    world.feed(reactivate())
    assert world.told() == [("DeleteFiles", node, A_DIR)]
    view = world.task("a")
    assert (view.state, view.retry_count, view.exit_code, view.failure_info) == (
        "active", 0, None, None,
    )  # fmt: skip
    world.feed(inputs.EnableNodeScheduling(pool_id="p", node_id=node))
    world.exit(world.run())
    assert world.task("a").result == "success"


@pytest.mark.rule(68)
@pytest.mark.code("TaskNotCompleted")
def test_reactivate_refuses_what_did_not_fail(world: World) -> None:
    run = running(world)
    assert world.refused(reactivate()).code == "TaskNotCompleted"
    world.exit(run)
    assert world.refused(reactivate()).code == "TaskSucceeded"
    assert world.refused(reactivate("nothing")).code == "TaskNotFound"


def test_reactivate_terminated_task_of_a_completed_job_is_refused(world: World) -> None:
    world.job()
    world.tasks("a")
    world.feed(terminate())
    world.feed(inputs.TerminateJob(job_id="j"))
    assert world.refused(reactivate()).code == "JobCompleted"


def test_update_task_replaces_its_constraints_until_it_is_completed(world: World) -> None:
    run = running(world, constraints=TaskConstraints(max_task_retry_count=5))
    update = inputs.UpdateTask(job_id="j", task_id="a", constraints=TaskConstraints())
    world.feed(update)
    world.exit(run, 1)
    world.nothing_else()
    assert world.state("a") == "completed"
    assert world.refused(update).code == "TaskCompleted"


def test_no_run_starts_while_an_earlier_one_of_the_task_lives(world: World) -> None:
    run = running(world, nodes=2)
    world.feed(
        inputs.RemoveNodes(pool_id="p", node_ids=(run.run_id.node_id,))
    )  # the other node is idle
    assert world.told() == [("CancelRun", "a", run.run_id.node_id)]
    world.exit(run, 137, cancelled=True)
    assert [command[0] for command in world.told()] == ["DeleteFiles", "task", "StopNode"]
    world.gone(run.run_id.node_id)


@pytest.mark.parametrize("retries", [0, 1])
def test_failure_of_a_task_that_is_being_requeued_is_not_a_retry(
    world: World, retries: int
) -> None:
    """Its process dies of its own while the node is drained: as well as if it were killed."""
    (node,) = world.pool()
    world.job()
    world.tasks("a", constraints=TaskConstraints(max_task_retry_count=retries))
    run = world.run()
    world.feed(inputs.RebootNode(pool_id="p", node_id=node))
    world.exit(run, 137)
    task = world.task("a")
    assert (task.state, task.retry_count, task.requeue_count) == ("active", 0, 1)
    world.said()


# -- a node that has run out of something -------------------------------------------------------

FULL = FailureInfo(
    category="ServerError", code="CommandLaunchFailed", message="Failed to launch",
    details={"Message": "'x' cannot be started: Too many open files"},
)  # fmt: skip


def exhausted(run: StartRun) -> facts.RunExited:
    return facts.RunExited(run_id=run.run_id, failure=FULL, node_fault=True)


def test_task_that_a_node_had_no_room_to_start_is_queued_again_without_a_retry(
    world: World,
) -> None:
    first = running(world)
    node = {"pool_id": "p", "node_id": first.run_id.node_id}
    choice = "taskcompletion"
    world.feed(inputs.DisableNodeScheduling(**node, node_disable_scheduling_option=choice))
    world.feed(exhausted(first))
    task = world.task("a")
    assert (task.state, task.retry_count, task.requeue_count) == ("active", 0, 0)
    reasons = world.ask(questions.ExplainTask(job_id="j", task_id="a"))
    (reason,) = [reason for reason in reasons if reason.code == "NodeExhausted"]
    assert "Too many open files" in reason.text
    assert "ulimit" in reason.remedy
    world.feed(inputs.EnableNodeScheduling(**node))
    world.exit(world.run(), 0)
    assert world.task("a").exit_code == 0


def test_task_that_no_node_ever_has_room_to_start_fails_with_the_reason(world: World) -> None:
    run = running(world)
    for _ in range(10):
        world.feed(exhausted(run))
        run = world.run()
    world.feed(exhausted(run))
    assert world.task("a").failure_info == FULL


def test_task_to_be_ended_is_not_queued_again_for_a_full_node(world: World) -> None:
    run = running(world)
    world.feed(terminate())
    assert world.told() == [("CancelRun", "a", run.run_id.node_id)]
    world.feed(exhausted(run))
    assert world.task("a").state == "completed"
