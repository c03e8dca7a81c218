import pytest

import batchlab as bl
from helpers.stories import LONG, SHARED, SOON, end, only, pool_of, refused, run, sh, start

PREPARE = sh(f"echo prepared >> {SHARED}/log")
RELEASE = sh(f"echo released >> {SHARED}/log")
UNLESS_BAD = sh(f"test ! -e {SHARED}/bad")
"""A preparation that fails where there is a file ``bad``."""


def log(node):
    """What preparations, tasks and releases have written on a node."""
    return node.files.text("shared/log").split()


def job_of(lab, pool, preparation=PREPARE, release=RELEASE, **settings):
    return lab.create_job("j", pool, job_preparation_task=preparation, job_release_task=release,
                          **settings)  # fmt: skip


def spoil(lab, node):
    """Make the preparation fail on a node: on every other it succeeds."""
    others = [other for other in lab.pools[node.pool_id].nodes.values() if other != node]
    for other in others:
        other.disable_scheduling()
    run(lab.create_job("spoil", node.pool_id), sh(f"touch {SHARED}/bad"))
    for other in others:
        other.enable_scheduling()


@pytest.mark.rule(34)
@pytest.mark.processes
def test_sample_of_preparation_and_release_runs_as_in_azure(lab):
    file = f"{SHARED}/job_prep_and_release.txt"
    pool = pool_of(lab, 2)
    job = lab.create_job(
        "JobPrepReleaseSampleJob",
        pool,
        job_preparation_task=sh(f"echo $AZ_BATCH_NODE_ID > {file}; echo tasks: >> {file}"),
        job_release_task=sh(f"rm {file}"),
    )
    ids = [f"task{number:03d}" for number in range(1, 9)]
    command = sh(f"echo $AZ_BATCH_TASK_ID >> {file}")
    job.create_tasks([bl.TaskSpec(id=id_, command_line=command) for id_ in ids])
    job.tasks.wait(timeout=SOON)

    seen = []
    for node in pool.nodes.values():
        lines = node.files.text("shared/job_prep_and_release.txt").split()
        assert lines[:2] == [node.id, "tasks:"]
        seen += lines[2:]  # short tasks may wait on one node and then go to the other
    assert sorted(seen) == ids

    end(job)
    assert len(job.preparations) == 2
    for row in job.preparations:
        preparation = row.job_preparation_task_execution_info
        release = row.job_release_task_execution_info
        assert (preparation.exit_code, preparation.result) == (0, "success")
        assert (release.exit_code, release.result) == (0, "success")
        assert preparation.task_root_directory.endswith("/job-1/jobpreparation")
        assert preparation.end_time <= release.start_time
    for node in pool.nodes.values():
        assert node.files.list("shared") == []
    job.delete()
    job.wait("deleted", timeout=SOON)


@pytest.mark.rule(21, 26)
def test_preparation_is_lazy_and_a_node_without_tasks_knows_nothing_of_the_job(lab):
    pool = pool_of(lab, 2)
    job = job_of(lab, pool)
    assert job.preparations == []
    task = only(run(job, sh(f"echo task >> {SHARED}/log")))
    used = pool.nodes[task.node_id]
    idle = only(node for node in pool.nodes.values() if node != used)
    end(job)
    assert log(used) == ["prepared", "task", "released"]
    assert idle.files.list("shared") == []
    assert [row.node_id for row in job.preparations] == [used.id]


@pytest.mark.rule(36)
def test_preparation_that_runs_keeps_its_task_preparing(world, lab):
    pool = pool_of(lab)
    job = job_of(lab, pool, preparation=LONG)
    task = job.create_task("t", "true")
    assert task.state == "preparing"
    assert task.explain().codes == ["Preparing"]
    assert (job.counts.running, job.counts.active) == (1, 0)
    row = only(job.preparations).job_preparation_task_execution_info
    assert (row.state, row.exit_code, row.result) == ("running", None, None)


@pytest.mark.rule(2)
def test_preparation_that_fails_everywhere_leaves_its_task_waiting_without_an_error(lab):
    pool = pool_of(lab)
    job = job_of(lab, pool, preparation=sh("exit 9"))
    task = job.create_task("t", "true")
    with pytest.raises(bl.WaitNeverEnds):
        task.wait(timeout=SOON)
    assert (task.state, task.failure_info, task.retry_count) == ("active", None, 0)
    row = only(job.preparations)
    info = row.job_preparation_task_execution_info
    assert (info.exit_code, info.result, info.failure_info.code) == (
        9, "failure", "FailureExitCode",
    )  # fmt: skip
    assert only(run(lab.create_job("other", pool), "true")).exit_code == 0
    end(job)
    assert only(job.preparations).job_release_task_execution_info is None


@pytest.mark.rule(3)
def test_preparation_that_fails_on_one_node_sends_its_task_to_another(lab):
    pool = pool_of(lab, 2)
    bad, good = pool.nodes.values()
    spoil(lab, bad)
    job = job_of(lab, pool, preparation=UNLESS_BAD)
    tasks = run(job, "true", "true", "true")
    assert {task.node_id for task in tasks} == {good.id}
    rows = {row.node_id: row.job_preparation_task_execution_info for row in job.preparations}
    assert (rows[bad.id].result, rows[good.id].result) == ("failure", "success")
    end(job)
    released = {row.node_id: row.job_release_task_execution_info for row in job.preparations}
    assert released[bad.id] is None
    assert released[good.id].result == "success"


@pytest.mark.rule(4, 5)
def test_preparation_that_failed_is_tried_again_after_a_reimage_but_not_after_a_reboot(lab):
    pool = pool_of(lab)
    node = only(pool.nodes.values())
    spoil(lab, node)
    job = job_of(lab, pool, preparation=UNLESS_BAD)
    task = job.create_task("t", "true")
    with pytest.raises(bl.WaitNeverEnds):
        task.wait(timeout=SOON)
    node.reboot()
    node.wait("idle", timeout=SOON)
    assert task.state == "active"
    assert only(job.preparations).job_preparation_task_execution_info.result == "failure"
    node.reimage()
    task.wait(timeout=SOON)
    assert task.exit_code == 0


def test_preparation_is_repeated_as_often_as_it_may(lab):
    pool = pool_of(lab)
    script = (
        f"echo try >> {SHARED}/log; test -e {SHARED}/2nd && exit 0; touch {SHARED}/2nd; exit 1"
    )
    preparation = bl.JobPreparationTask(
        command_line=sh(script), constraints=bl.TaskConstraints(max_task_retry_count=3)
    )
    job = job_of(lab, pool, preparation=preparation)
    run(job, "true")
    info = only(job.preparations).job_preparation_task_execution_info
    assert (info.retry_count, info.exit_code) == (1, 0)
    assert log(only(pool.nodes.values())) == ["try", "try"]


@pytest.mark.rule(30)
def test_preparation_that_need_not_succeed_holds_nobody_up(lab):
    pool = pool_of(lab)
    preparation = bl.JobPreparationTask(command_line=sh("exit 1"), wait_for_success=False)
    job = job_of(lab, pool, preparation=preparation)
    task = only(run(job, "true"))
    assert (task.exit_code, task.result) == (0, "success")
    end(job)
    row = only(job.preparations)
    assert row.job_preparation_task_execution_info.result == "failure"
    assert row.job_release_task_execution_info.result == "success"


@pytest.mark.rule(31, 32, 33)
@pytest.mark.parametrize(
    ("rerun", "verb", "count"), [(True, "reboot", 2), (False, "reboot", 1), (False, "reimage", 1)]
)
def test_preparation_after_a_restart_of_the_node_runs_again_if_it_must(lab, rerun, verb, count):
    pool = pool_of(lab)
    node = only(pool.nodes.values())
    preparation = bl.JobPreparationTask(
        command_line=PREPARE, rerun_on_node_reboot_after_success=rerun
    )
    job = job_of(lab, pool, preparation=preparation)
    run(job, "true")
    getattr(node, verb)()
    node.wait("idle", timeout=SOON)
    assert node.last_boot_time > node.allocation_time
    run(job, "true")
    assert log(node) == ["prepared"] * count


def test_preparation_cut_short_by_a_reboot_runs_again(world, lab):
    pool = pool_of(lab)
    node = only(pool.nodes.values())
    script = (
        f"echo try >> {SHARED}/log; test -e {SHARED}/again && exit 0; touch {SHARED}/again; {LONG}"
    )
    preparation = bl.JobPreparationTask(
        command_line=sh(script), rerun_on_node_reboot_after_success=False
    )
    job = job_of(lab, pool, preparation=preparation)
    task = job.create_task("t", "true")
    world.until(lambda: node.files.stat("shared/again"))
    node.reboot()
    task.wait(timeout=SOON)
    assert log(node) == ["try", "try"]
    assert only(job.preparations).job_preparation_task_execution_info.retry_count == 0


@pytest.mark.rule(9)
def test_release_that_fails_changes_nothing_but_its_row(lab):
    pool = pool_of(lab)
    job = job_of(lab, pool, release=sh("exit 5"))
    run(job, "true")
    end(job)
    info = only(job.preparations).job_release_task_execution_info
    assert (job.state, info.exit_code, info.result) == ("completed", 5, "failure")


@pytest.mark.rule(29)
def test_release_over_its_time_is_killed_and_the_job_is_completed(lab):
    pool = pool_of(lab)
    release = bl.JobReleaseTask(command_line=LONG, max_wall_clock_time="5s")
    job = job_of(lab, pool, release=release)
    run(job, "true")
    end(job)
    info = only(job.preparations).job_release_task_execution_info
    assert (info.result, info.failure_info.code) == ("failure", "TaskEnded")
    assert (info.end_time - info.start_time).total_seconds() >= 5


@pytest.mark.rule(23, 24)
def test_release_runs_on_delete_but_not_a_second_time(lab):
    pool = pool_of(lab)
    node = only(pool.nodes.values())
    job = job_of(lab, pool)
    run(job, "true")
    job.delete()
    job.wait("deleted", timeout=SOON)
    assert log(node) == ["prepared", "released"]
    job = job_of(lab, pool)
    run(job, "true")
    end(job)
    job.delete()
    job.wait("deleted", timeout=SOON)
    assert log(node) == ["prepared", "released"] * 2


def test_release_does_not_run_when_the_job_is_only_disabled(lab):
    pool = pool_of(lab)
    job = job_of(lab, pool)
    run(job, "true")
    job.disable("requeue")
    job.wait("disabled", timeout=SOON)
    assert log(only(pool.nodes.values())) == ["prepared"]


@pytest.mark.rule(22)
def test_release_is_not_run_on_a_node_that_has_left(lab):
    pool = pool_of(lab, 2)
    first, second = pool.nodes
    job = job_of(lab, pool)
    start(job, LONG, LONG)
    pool.remove_nodes([first])
    pool.wait("steady", timeout=SOON)
    end(job)
    rows = {row.node_id: row for row in job.preparations}
    assert set(rows) == {first, second}
    assert rows[first].job_preparation_task_execution_info.exit_code == 0
    assert rows[first].job_release_task_execution_info is None
    assert rows[second].job_release_task_execution_info.exit_code == 0


@pytest.mark.rule(25)
def test_status_list_of_a_job_without_preparation_is_empty(lab):
    job = lab.create_job("j", "p")
    assert job.preparations == []


@pytest.mark.rule(35)
def test_task_with_the_id_of_a_hook_is_refused(lab):
    job = job_of(lab, "p")
    with refused("TaskIdSameAsJobPreparationTask"):
        job.create_task("JobPreparation", "true")
    with refused("TaskIdSameAsJobReleaseTask"):
        job.create_task("jobrelease", "true")
    assert lab.create_job("plain", "p").create_task("jobrelease", "true").state == "active"
