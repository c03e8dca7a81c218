"""Job preparation and release: once per job and node, lazily, and nothing left undone."""

from datetime import timedelta

import pytest

from batchlab.core.messages import inputs
from batchlab.core.messages.outputs import CancelRun, ForgetJob
from batchlab.core.model import JobPreparationTask, JobReleaseTask, TaskConstraints
from batchlab.core.model.values import FailureInfo
from batchlab.errors import Conflict
from helpers.node_tasks import PREP, REL, finish, node_tasked
from helpers.world import World


def test_preparation_first_task_runs_it_once_and_task_waits(world: World) -> None:
    (node,) = node_tasked(world)
    world.tasks("a")
    prep = world.run()
    assert (prep.kind, prep.directory, prep.run_id.node_id) == (
        "jobpreparation", "workitems/j/job-1/jobpreparation", node,
    )  # fmt: skip
    assert prep.release is not None
    assert prep.release.command_line == REL
    assert world.state("a") == "preparing"
    assert world.job_view().task_counts.running == 1
    world.exit(prep)
    task = world.run()
    assert (task.kind, task.preparation_directory) == ("task", prep.directory)
    world.exit(task)
    world.tasks("b")
    second = world.run()
    assert second.kind == "task"
    world.exit(second)
    assert world.state("b") == "completed"


def test_terminate_while_preparing_ends_preparation_before_job(world: World) -> None:
    node_tasked(world)
    world.tasks("a", "b")
    prep = world.run()
    world.feed(inputs.TerminateJob(job_id="j"))
    assert world.said() == [CancelRun(run_id=prep.run_id)]
    assert world.state("a") == "completed"
    assert world.state("b") == "active"
    assert world.job_view().state == "terminating"
    world.exit(prep, 137, cancelled=True)
    assert world.job_view().state == "completed"
    (forget,) = world.said()
    assert isinstance(forget, ForgetJob)


@pytest.mark.rule(2, 3, 4, 5)
def test_preparation_failed_task_goes_elsewhere_node_serves_others(world: World) -> None:
    node_tasked(world, nodes=2)
    world.tasks("a")
    first = world.run()
    world.exit(first, 3)
    second = world.run()
    assert second.run_id.node_id != first.run_id.node_id
    assert world.task("a").retry_count == 0
    world.exit(second, 3)
    assert world.state("a") == "active"
    assert world.reasons("a") == ["PreparationFailed"]
    world.job("other")
    world.tasks("x", job="other")
    world.exit(world.run())
    bad = first.run_id.node_id
    world.feed(inputs.RebootNode(pool_id="p", node_id=bad))
    (reboot,) = world.boot()
    assert reboot == bad
    assert world.state("a") == "active"
    world.feed(inputs.ReimageNode(pool_id="p", node_id=bad))
    world.boot()
    prep = world.run()
    assert prep.kind == "jobpreparation"
    world.exit(prep)
    world.exit(world.run())
    assert world.state("a") == "completed"


def test_preparation_retries_then_succeeds(world: World) -> None:
    prep = JobPreparationTask(
        command_line=PREP, constraints=TaskConstraints(max_task_retry_count=2)
    )
    node_tasked(world, prep=prep)
    world.tasks("a")
    world.exit(world.run(), 1)
    world.exit(world.run(), 1)
    world.exit(world.run())
    (row,) = world.rows()
    assert row.job_preparation_task_execution_info.retry_count == 2
    world.exit(world.run())


@pytest.mark.rule(30)
def test_preparation_not_waited_for_task_starts_beside_it(world: World) -> None:
    node_tasked(world, prep=JobPreparationTask(command_line=PREP, wait_for_success=False))
    world.tasks("a")
    prep, task = world.runs()
    assert (prep.kind, task.kind) == ("jobpreparation", "task")
    world.exit(prep, 1)
    world.exit(task)
    world.feed(inputs.TerminateJob(job_id="j"))
    world.exit(world.run())  # released: the preparation has ended
    assert world.job_view().state == "completed"


@pytest.mark.rule(31, 32, 33)
def test_reboot_reruns_preparation_unless_told_not_to(world: World) -> None:
    (node,) = world.pool(nodes=1)
    keep = JobPreparationTask(command_line=PREP, rerun_on_node_reboot_after_success=False)
    world.job("again", job_preparation_task=PREP)
    world.job("keep", job_preparation_task=keep)
    for job in ("again", "keep"):
        world.tasks("a", job=job)
        world.exit(world.run())
        world.exit(world.run())
    world.feed(inputs.RebootNode(pool_id="p", node_id=node))
    world.boot()
    world.tasks("b", job="keep")
    run = world.run()
    assert run.kind == "task"
    world.exit(run)
    world.tasks("b", job="again")
    run = world.run()
    assert run.kind == "jobpreparation"
    world.exit(run)
    world.exit(world.run())
    world.feed(inputs.ReimageNode(pool_id="p", node_id=node))
    world.boot()
    world.tasks("c", job="keep")
    run = world.run()
    assert run.kind == "jobpreparation"
    world.exit(run)
    world.exit(world.run())


@pytest.mark.rule(34)
def test_eight_tasks_on_two_nodes_prepare_once_on_each(world: World) -> None:
    first, second = node_tasked(world, nodes=2)
    world.tasks(*(f"task00{i}" for i in range(1, 9)))
    order = []
    under_way = world.runs()
    while under_way:
        run = under_way.pop(0)
        order.append((run.kind, run.run_id.node_id))
        world.exit(run)
        under_way += world.runs()
    for node in (first, second):
        kinds = [kind for kind, where in order if where == node]
        assert kinds == ["jobpreparation"] + ["task"] * 4
    assert [row.node_id for row in world.rows()] == [first, second]


@pytest.mark.rule(25, 26)
@pytest.mark.code("JobPreparationTaskOrReleaseTaskNotSpecified")
def test_status_list_without_node_tasks_is_refused_and_without_tasks_is_empty(
    world: World,
) -> None:
    world.job("bare")  # rows 25 and 26
    with pytest.raises(Conflict) as caught:
        world.rows("bare")
    assert caught.value.code == "JobPreparationTaskOrReleaseTaskNotSpecified"
    node_tasked(world)
    assert world.rows() == []


def test_preparation_waits_for_no_second_task_of_the_node(world: World) -> None:
    world.pool(task_slots_per_node=2)
    world.job(job_preparation_task=PREP)
    world.tasks("a", "b")
    preparation = world.run()  # one, although two tasks wait
    assert [world.state("a"), world.state("b")] == ["preparing", "preparing"]
    world.exit(preparation)
    assert [run.run_id.task_id for run in world.runs()] == ["a", "b"]


def test_preparation_cut_short_by_a_reboot_runs_again(world: World) -> None:
    keep = JobPreparationTask(command_line=PREP, rerun_on_node_reboot_after_success=False)
    (node,) = node_tasked(world, prep=keep)
    world.tasks("a")
    first = world.run()
    world.feed(inputs.RebootNode(pool_id="p", node_id=node))
    assert world.told() == [("RestartNode", node, 2, False)]
    assert world.state("a") == "active"
    world.allocated(node, 2)
    world.started(node, 2)
    second = world.run()
    assert second.kind == "jobpreparation"
    world.exit(first)  # late
    assert world.state("a") == "preparing"
    world.exit(second)
    world.exit(world.run())
    assert world.state("a") == "completed"


def test_preparation_lost_with_its_node_is_not_a_failure(world: World) -> None:
    first, second = node_tasked(world, nodes=2)
    world.tasks("a")
    world.run()
    world.lost(first)
    assert world.told() == [
        ("StartNode", first, 2), ("jobpreparation", "j", "jobpreparation", second),
    ]  # fmt: skip
    assert world.task("a").retry_count == 0
    assert world.reasons("a") == ["Preparing"]
    world.allocated(first, 2)
    world.started(first, 2)


@pytest.mark.rule(2)
def test_preparation_that_never_launched_is_not_retried(world: World) -> None:
    prep = JobPreparationTask(
        command_line=PREP, constraints=TaskConstraints(max_task_retry_count=-1)
    )
    (node,) = node_tasked(world, prep=prep)
    world.tasks("a")
    missing = FailureInfo(category="UserError", code="CommandProgramNotFound")
    world.exit(world.run(), None, failure=missing)
    world.nothing_else()
    view = world.task("a")
    assert (view.state, view.failure_info) == ("active", None)  # only the list shows it
    (row,) = world.rows()
    assert row.job_preparation_task_execution_info.failure_info == missing
    world.feed(inputs.TerminateJob(job_id="j"))
    assert world.told() == [("ForgetJob", "j", node)]  # nothing was prepared to be released
    assert world.job_view().state == "completed"


def test_preparation_limits_and_names_reach_the_node(world: World) -> None:
    prep = JobPreparationTask(
        id="ready",
        command_line=PREP,
        environment_settings={"X": "1"},
        constraints=TaskConstraints(max_wall_clock_time=timedelta(seconds=9)),
    )
    (node,) = node_tasked(world, prep=prep)
    world.tasks("jobpreparation")  # a task may have the id that is not taken
    run = world.run()
    assert run.run_id[:3] == ("j", "ready", node)
    assert (run.directory, run.environment, run.time_limit_s) == (
        "workitems/j/job-1/ready", {"X": "1"}, 9.0,
    )  # fmt: skip
    assert run.release is not None
    assert (run.release.kind, run.release.preparation_directory) == ("jobrelease", run.directory)


def test_retention_of_node_tasks_deletes_their_directories_once(world: World) -> None:
    day = timedelta(days=1)
    prep = JobPreparationTask(command_line=PREP, constraints=TaskConstraints(retention_time=day))
    (node,) = world.pool()
    release = JobReleaseTask(command_line=REL, retention_time=2 * day)
    world.job(job_preparation_task=prep, job_release_task=release)
    finish(world, "a")
    world.feed(inputs.TerminateJob(job_id="j"))
    world.exit(world.run())
    world.later(86_400)
    assert world.told() == [("DeleteFiles", node, "workitems/j/job-1/jobpreparation")]
    world.later(86_400)
    assert world.told() == [("DeleteFiles", node, "workitems/j/job-1/jobrelease")]
    world.later(1e7)
    assert world.told() == [("DeleteFiles", node, "workitems/j/job-1/a")]
