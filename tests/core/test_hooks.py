"""Job preparation and release: once per job and node, lazily, and nothing left undone."""

from world import World

from batchlab.core import inputs
from batchlab.core.outputs import CancelRun, DeleteFiles, ForgetJob, RebootNode, StartRun, StopNode
from batchlab.core.specs import JobPreparationTask, TaskConstraints

PREP, REL = "prep", "rel"


def hooked(world: World, nodes: int = 1, **kw: object) -> list[str]:
    ids = world.pool(nodes=nodes)
    world.job(job_preparation_task=kw.pop("prep", PREP), job_release_task=REL, **kw)
    return ids


def test_preparation_first_task_runs_it_once_and_task_waits(world: World) -> None:
    (node,) = hooked(world)
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


def test_release_on_terminate_runs_where_preparation_ran_only(world: World) -> None:
    hooked(world, nodes=2)
    world.tasks("a")
    world.exit(world.run())
    world.exit(world.run())
    world.feed(inputs.TerminateJob(job_id="j"))
    release = world.run()
    assert release.kind == "jobrelease"
    assert release.time_limit_s == 900
    assert world.job_view().state == "terminating"
    assert world.job_view().terminate_reason == "UserTerminate"
    world.exit(release, 1)  # row 9: failure changes nothing
    assert world.job_view().state == "completed"
    (row,) = world.rows()
    assert row.job_preparation_task_execution_info.exit_code == 0
    assert row.job_release_task_execution_info.result == "failure"
    world.feed(inputs.DeleteJob(job_id="j"))  # row 23: not a second time
    (files,) = world.said()
    assert isinstance(files, DeleteFiles)
    assert files.directories == ("workitems/j/job-1",)


def test_terminate_while_preparing_ends_preparation_before_job(world: World) -> None:
    hooked(world)
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


def test_preparation_failed_task_goes_elsewhere_node_serves_others(world: World) -> None:
    hooked(world, nodes=2)
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
    assert world.state("a") == "active"  # row 4
    world.feed(inputs.ReimageNode(pool_id="p", node_id=bad))
    world.boot()
    prep = world.run()  # row 5
    assert prep.kind == "jobpreparation"
    world.exit(prep)
    world.exit(world.run())
    assert world.state("a") == "completed"


def test_preparation_retries_then_succeeds(world: World) -> None:
    prep = JobPreparationTask(
        command_line=PREP, constraints=TaskConstraints(max_task_retry_count=2)
    )
    hooked(world, prep=prep)
    world.tasks("a")
    world.exit(world.run(), 1)
    world.exit(world.run(), 1)
    world.exit(world.run())
    (row,) = world.rows()
    assert row.job_preparation_task_execution_info.retry_count == 2
    world.exit(world.run())


def test_preparation_not_waited_for_task_starts_beside_it(world: World) -> None:
    hooked(world, prep=JobPreparationTask(command_line=PREP, wait_for_success=False))
    world.tasks("a")
    prep, task = world.runs()
    assert (prep.kind, task.kind) == ("jobpreparation", "task")
    world.exit(prep, 1)
    world.exit(task)
    world.feed(inputs.TerminateJob(job_id="j"))
    world.exit(world.run())  # released: the preparation has ended
    assert world.job_view().state == "completed"


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
    assert run.kind == "task"  # row 32
    world.exit(run)
    world.tasks("b", job="again")
    run = world.run()
    assert run.kind == "jobpreparation"  # row 31
    world.exit(run)
    world.exit(world.run())
    world.feed(inputs.ReimageNode(pool_id="p", node_id=node))
    world.boot()
    world.tasks("c", job="keep")
    run = world.run()
    assert run.kind == "jobpreparation"  # row 33
    world.exit(run)
    world.exit(world.run())


def test_node_lost_during_release_runs_it_again(world: World) -> None:
    (node,) = hooked(world)
    world.tasks("a")
    world.exit(world.run())
    world.exit(world.run())
    world.feed(inputs.TerminateJob(job_id="j"))
    lost = world.run()
    world.lost(node)
    world.boot()
    again = world.run()
    assert again.kind == "jobrelease"
    world.exit(lost)  # late
    assert world.core.dropped == 1
    assert world.job_view().state == "terminating"
    world.exit(again)
    assert world.job_view().state == "completed"


def test_node_removed_row_stays_without_release(world: World) -> None:
    (node,) = hooked(world)
    world.tasks("a")
    world.exit(world.run())
    world.exit(world.run())
    world.feed(inputs.ResizePool(pool_id="p", target_dedicated_nodes=0))
    assert world.said() == [StopNode(pool_id="p", node_id=node)]
    world.gone(node)
    world.feed(inputs.TerminateJob(job_id="j"))
    assert world.job_view().state == "completed"
    (row,) = world.rows()
    assert row.job_preparation_task_execution_info.exit_code == 0
    assert row.job_release_task_execution_info is None


def test_release_waits_for_node_that_reboots(world: World) -> None:
    (node,) = hooked(world)
    world.tasks("a")
    world.exit(world.run())
    world.exit(world.run())
    world.feed(inputs.RebootNode(pool_id="p", node_id=node))
    (reboot,) = world.said()
    assert isinstance(reboot, RebootNode)
    world.feed(inputs.TerminateJob(job_id="j"))
    assert world.job_view().state == "terminating"
    world.allocated(node, 2)
    world.started(node, 2)
    release = world.run()
    assert isinstance(release, StartRun)
    world.exit(release)
    assert world.job_view().state == "completed"
