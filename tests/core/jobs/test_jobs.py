"""Jobs: ended by request, clock or completion; disabled; updated; deleted."""

from datetime import timedelta

import pytest

from batchlab.core.messages import inputs
from batchlab.core.model import JobConstraints, JobSpec, TaskConstraints, TaskSpec
from helpers.world import World

JOB = inputs.TerminateJob(job_id="j")
DELETE = inputs.DeleteJob(job_id="j")


def disable(how: str, job: str = "j") -> inputs.DisableJob:
    return inputs.DisableJob(job_id=job, disable_tasks=how)


def busy(world: World, **kw: object) -> tuple[str, object]:
    """Job j on a node of one slot: task a runs, b is queued."""
    (node,) = world.pool()
    world.job(**kw)
    world.tasks("a", "b")
    return node, world.run()


# -- creation -----------------------------------------------------------------------------------


def test_job_with_its_tasks_done_stays_active(world: World) -> None:
    _, run = busy(world)
    world.exit(run)
    world.exit(world.run())
    view = world.job_view()
    assert (view.state, view.previous_state, view.end_time) == ("active", None, None)
    assert (view.task_counts.completed, view.task_counts.succeeded) == (2, 2)


@pytest.mark.rule(73)
@pytest.mark.code("JobExists")
def test_job_id_in_other_case_exists(world: World) -> None:
    world.job("Abc")
    request = inputs.CreateJob(spec=JobSpec(id="aBC", pool_info="p"))
    assert world.refused(request).code == "JobExists"
    assert world.job_view("ABC").id == "Abc"


@pytest.mark.rule(63)
def test_job_without_constraints_shows_no_limits_and_no_retries(world: World) -> None:
    world.job()
    assert world.job_view().constraints == JobConstraints(
        max_wall_clock_time=None, max_task_retry_count=0
    )


# -- terminate ----------------------------------------------------------------------------------


@pytest.mark.rule(1)
def test_terminate_running_task_ends_and_queued_task_stays_active_for_ever(world: World) -> None:
    node, run = busy(world)
    world.feed(inputs.TerminateJob(job_id="j", reason="enough"))
    assert world.told() == [("CancelRun", "a", node)]
    view = world.job_view()
    assert (view.state, view.terminate_reason) == ("terminating", "enough")
    world.later(3)
    world.exit(run, 137, cancelled=True)
    world.nothing_else()
    view = world.job_view()
    assert (view.state, view.terminate_reason, view.previous_state) == (
        "completed", "enough", "active",
    )  # fmt: skip
    assert view.end_time - view.start_time == timedelta(seconds=3)
    assert (world.state("a"), world.task("a").failure_info.code) == ("completed", "TaskEnded")
    assert world.state("b") == "active"
    assert world.reasons("b") == ["JobEnded"]
    world.later(1e6)
    assert [c[0] for c in world.told()] == ["DeleteFiles"]  # the retention of task a
    assert world.state("b") == "active"


def test_terminate_task_that_finishes_by_itself_counts_as_it_ended(world: World) -> None:
    node, run = busy(world)
    world.feed(JOB)
    assert world.told() == [("CancelRun", "a", node)]
    world.exit(run)
    assert world.task("a").result == "success"
    assert world.job_view().state == "completed"


def test_terminate_job_without_work_is_completed_at_once(world: World) -> None:
    world.job()
    step = world.core.handle(world.now, JOB)
    assert step.commands == []
    assert [change.state for change in step.changes] == ["terminating", "completed"]
    assert world.job_view().terminate_reason == "UserTerminate"


@pytest.mark.code("JobBeingTerminated", "JobBeingDeleted")
def test_terminated_job_refuses_everything_but_deletion(world: World) -> None:
    busy(world)
    world.feed(JOB)
    world.said()
    _refuses_changes(world, "JobBeingTerminated")
    world.feed(DELETE)
    _refuses_changes(world, "JobBeingDeleted")
    assert world.refused(DELETE).code == "JobBeingDeleted"


@pytest.mark.rule(67)
@pytest.mark.code("JobCompleted")
def test_completed_job_refuses_everything_but_deletion(world: World) -> None:
    world.job()
    world.feed(JOB)
    _refuses_changes(world, "JobCompleted")
    world.feed(DELETE)
    assert world.refused(DELETE).code == "JobNotFound"


def _refuses_changes(world: World, code: str) -> None:
    task = TaskSpec(id="new", command_line="x")
    for request in (
        JOB,
        disable("wait"),
        inputs.EnableJob(job_id="j"),
        inputs.UpdateJob(job_id="j", priority=1),
        inputs.CreateTasks(job_id="j", specs=(task,)),
    ):
        assert world.refused(request).code == code


def test_unknown_job_is_not_found(world: World) -> None:
    for request in (JOB, DELETE, disable("wait"), inputs.EnableJob(job_id="j")):
        assert world.refused(request).code == "JobNotFound"


# -- completion by rule -------------------------------------------------------------------------


@pytest.mark.rule(6)
def test_empty_terminatejob_job_ends_after_the_grace(world: World) -> None:
    world.job(on_all_tasks_complete="terminatejob")
    world.later(29)
    assert world.job_view().state == "active"
    world.later(1)
    view = world.job_view()
    assert (view.state, view.terminate_reason) == ("completed", "AllTasksComplete")


@pytest.mark.rule(6)
def test_terminatejob_job_that_gets_a_task_within_the_grace_lives(world: World) -> None:
    world.pool()
    world.job(on_all_tasks_complete="terminatejob")
    world.later(29)
    world.tasks("a")
    run = world.run()
    world.later(60)
    assert world.job_view().state == "active"
    world.exit(run)
    assert world.job_view().terminate_reason == "AllTasksComplete"


def test_terminatejob_set_when_all_is_done_ends_the_job(world: World) -> None:
    _, run = busy(world)
    update = inputs.UpdateJob(job_id="j", on_all_tasks_complete="terminatejob")
    world.exit(run)
    world.feed(update)
    assert world.job_view().state == "active"
    world.exit(world.run(), 1)  # a failed task is complete, too
    assert world.job_view().state == "completed"


@pytest.mark.rule(61)
def test_terminatejob_cannot_be_taken_back(world: World) -> None:
    world.job(on_all_tasks_complete="terminatejob")
    error = world.refused(inputs.UpdateJob(job_id="j", on_all_tasks_complete="noaction"))
    assert error.code == "InvalidPropertyValue"
    assert error.values["PropertyName"] == "on_all_tasks_complete"


def test_terminatejob_job_whose_last_queued_task_is_deleted_ends(world: World) -> None:
    world.pool(nodes=0)
    world.job(on_all_tasks_complete="terminatejob")
    world.tasks("a")
    world.later(100)
    assert world.job_view().state == "active"
    world.feed(inputs.DeleteTask(job_id="j", task_id="a"))
    world.later(30)
    assert world.job_view().state == "completed"


@pytest.mark.rule(62)
def test_wall_clock_counts_from_creation_and_ends_the_job(world: World) -> None:
    limit = JobConstraints(max_wall_clock_time=timedelta(seconds=10))
    node, run = busy(world, constraints=limit)
    world.later(9)
    world.nothing_else()
    world.later(1)
    assert world.told() == [("CancelRun", "a", node)]
    world.exit(run, 137, cancelled=True)
    view = world.job_view()
    assert (view.state, view.terminate_reason) == ("completed", "MaxWallClockTimeExpiry")
    assert view.state_transition_time - view.creation_time == timedelta(seconds=10)


def test_wall_clock_changed_later_counts_from_creation_too(world: World) -> None:
    first = JobConstraints(max_wall_clock_time=timedelta(seconds=10))
    longer = JobConstraints(max_wall_clock_time=timedelta(seconds=60))
    over = JobConstraints(max_wall_clock_time=timedelta(seconds=5))
    world.job(constraints=first)
    world.feed(inputs.UpdateJob(job_id="j", constraints=longer))
    world.later(59)
    assert world.job_view().state == "active"
    world.feed(inputs.UpdateJob(job_id="j", constraints=over))
    world.later(0)
    assert world.job_view().state == "completed"


# -- disable and enable -------------------------------------------------------------------------


@pytest.mark.rule(65)
def test_disable_requeue_task_is_queued_and_job_disabled_when_it_is_gone(world: World) -> None:
    node, run = busy(world)
    world.feed(disable("requeue"))
    assert world.told() == [("CancelRun", "a", node)]
    assert world.job_view().state == "disabling"
    world.exit(run, 137, cancelled=True)
    world.nothing_else()
    assert (world.state("a"), world.task("a").requeue_count) == ("active", 1)
    assert world.job_view().state == "disabled"
    assert world.reasons("a") == ["JobDisabled"]
    world.feed(inputs.EnableJob(job_id="j"))
    assert world.job_view().previous_state == "disabled"
    assert world.told() == [("task", "j", "a", node)]  # it goes on first


def test_disable_terminate_task_is_completed(world: World) -> None:
    node, run = busy(world)
    world.feed(disable("terminate"))
    assert world.told() == [("CancelRun", "a", node)]
    world.exit(run, 137, cancelled=True)
    assert world.task("a").failure_info.code == "TaskEnded"
    assert world.job_view().state == "disabled"
    assert world.state("b") == "active"


@pytest.mark.rule(66)
def test_disable_wait_lets_the_task_finish(world: World) -> None:
    _, run = busy(world)
    world.feed(disable("wait"))
    world.nothing_else()
    world.later(1000)
    assert world.job_view().state == "disabling"
    world.exit(run)
    world.nothing_else()
    assert (world.job_view().state, world.state("a")) == ("disabled", "completed")


def test_disable_wait_a_retry_is_not_started(world: World) -> None:
    (_node,) = world.pool()
    world.job()
    world.tasks("a", constraints=TaskConstraints(max_task_retry_count=3))
    run = world.run()
    world.feed(disable("wait"))
    world.exit(run, 1)
    world.nothing_else()
    assert (world.job_view().state, world.state("a")) == ("disabled", "active")


def test_disable_preparing_task_leaves_its_preparation_running(world: World) -> None:
    node, preparation = busy(world, job_preparation_task="prep")
    world.feed(disable("requeue"))
    world.nothing_else()
    assert (world.job_view().state, world.state("a")) == ("disabled", "active")
    world.exit(preparation)
    world.nothing_else()
    world.feed(inputs.EnableJob(job_id="j"))
    assert world.told() == [("task", "j", "a", node)]


def test_disabling_job_whose_preparing_task_is_sent_back_is_disabled(world: World) -> None:
    node, preparation = busy(world, job_preparation_task="prep")
    world.feed(disable("wait"))
    assert world.job_view().state == "disabling"
    world.feed(inputs.DisableNodeScheduling(pool_id="p", node_id=node))
    assert world.job_view().state == "disabled"
    world.exit(preparation)


def test_disable_stronger_option_later_ends_what_still_runs(world: World) -> None:
    node, run = busy(world)
    world.feed(disable("wait"))
    world.feed(disable("terminate"))
    assert world.told() == [("CancelRun", "a", node)]
    world.feed(disable("requeue"))  # weaker: the task is being ended already
    world.nothing_else()
    world.exit(run, 137, cancelled=True)
    assert world.state("a") == "completed"


def test_enable_while_disabling_goes_on_at_once(world: World) -> None:
    node, run = busy(world)
    world.feed(disable("requeue"))
    world.said()
    world.feed(inputs.EnableJob(job_id="j"))
    assert world.job_view().state == "active"
    world.exit(run, 137, cancelled=True)
    assert world.told() == [("task", "j", "a", node)]


@pytest.mark.code("OperationInvalidForCurrentState")
def test_enable_active_job_is_refused(world: World) -> None:
    world.job()
    request = inputs.EnableJob(job_id="j")
    assert world.refused(request).code == "OperationInvalidForCurrentState"


def test_disabled_job_takes_tasks_and_runs_them_once_enabled(world: World) -> None:
    (node,) = world.pool()
    world.job()
    world.feed(disable("requeue"))
    world.tasks("a")
    world.nothing_else()
    world.feed(inputs.EnableJob(job_id="j"))
    assert world.told() == [("task", "j", "a", node)]
