import pytest

import batchlab as bl
from helpers.stories import LONG, SHARED, SOON, end, only, pool_of, refused, run, sh, start


@pytest.mark.rule(1, 67)
def test_job_terminated_ends_what_runs_and_leaves_what_waits(lab):
    pool = pool_of(lab)
    job = lab.create_job("j", pool)
    running = only(start(job, LONG))
    waiting = job.create_task("waiting", "true")
    end(job)
    assert (running.state, running.failure_info.code, running.result) == (
        "completed", "TaskEnded", "failure",
    )  # fmt: skip
    assert (waiting.state, waiting.exit_code) == ("active", None)
    assert waiting.explain().codes == ["JobEnded"]
    assert (job.terminate_reason, job.previous_state) == ("UserTerminate", "active")
    assert job.end_time is not None
    with refused("JobCompleted"):
        job.create_task("new", "true")
    with refused("JobCompleted"):
        running.reactivate()


def test_job_terminated_while_it_terminates_takes_no_tasks(lab):
    pool = pool_of(lab)
    job = lab.create_job("j", pool, job_preparation_task="true", job_release_task=LONG)
    run(job, "true")
    job.terminate("enough")
    assert (job.state, job.terminate_reason) == ("terminating", "enough")
    with refused("JobBeingTerminated"):
        job.create_task("new", "true")


@pytest.mark.rule(10)
def test_job_of_higher_priority_goes_first_and_interrupts_nobody(world, lab):
    pool = pool_of(lab)
    low, high = (lab.create_job(name, pool, priority=p) for name, p in (("l", -1000), ("h", 1000)))
    gate = world.gate()
    running = only(start(low, sh(gate.script)))
    log = sh(f"echo $AZ_BATCH_JOB_ID >> {SHARED}/order")
    low.create_tasks([log] * 2)
    high.create_tasks([log] * 2)
    assert running.state == "running"
    gate.open()
    low.tasks.wait(timeout=SOON)
    order = only(pool.nodes.values()).files.text("shared/order").split()
    assert (running.requeue_count, order) == (0, ["h", "h", "l", "l"])


def test_job_whose_priority_is_raised_overtakes(world, lab):
    pool = pool_of(lab)
    blocker = lab.create_job("blocker", pool)
    gate = world.gate()
    start(blocker, sh(gate.script))
    first, second = lab.create_job("first", pool), lab.create_job("second", pool)
    log = sh(f"echo $AZ_BATCH_JOB_ID >> {SHARED}/order")
    first.create_tasks([log] * 2)
    second.create_tasks([log] * 2)
    second.update(priority=500)
    gate.open()
    for job in (first, second):
        job.tasks.wait(timeout=SOON)
    order = only(pool.nodes.values()).files.text("shared/order").split()
    assert order == ["second", "second", "first", "first"]
    with refused("InvalidPropertyValue"):
        second.update(priority=1001)
    assert second.priority == 500


@pytest.mark.rule(65)
def test_job_disabled_with_requeue_stops_its_tasks_until_it_is_enabled(lab):
    pool = pool_of(lab)
    job = lab.create_job("j", pool)
    task = only(start(job, LONG))
    job.disable("requeue")
    job.wait("disabled", timeout=SOON)
    assert (task.state, task.requeue_count, job.previous_state) == ("active", 1, "active")
    assert task.explain().codes == ["JobDisabled"]
    with refused("JobDisabled"):
        task.wait(timeout=SOON)
    job.enable()
    task.wait("running", timeout=SOON)
    assert job.state == "active"


@pytest.mark.rule(66)
def test_job_disabled_with_wait_is_disabling_until_its_tasks_end(world, lab):
    pool = pool_of(lab)
    job = lab.create_job("j", pool)
    gate = world.gate()
    task = only(start(job, sh(gate.script)))
    job.disable("wait")
    assert job.state == "disabling"
    gate.open()
    job.wait("disabled", timeout=SOON)
    assert (task.state, task.exit_code) == ("completed", 0)
    assert job.create_task("new", "true").state == "active"


@pytest.mark.rule(64)
def test_job_disabled_with_terminate_ends_its_tasks(lab):
    pool = pool_of(lab)
    job = lab.create_job("j", pool)
    task = only(start(job, LONG))
    with refused("InvalidPropertyValue"):
        job.disable("gently")
    with refused("MissingRequiredProperty"):
        job.disable()
    job.disable("terminate")
    job.wait("disabled", timeout=SOON)
    assert (task.state, task.failure_info.code) == ("completed", "TaskEnded")


@pytest.mark.rule(18, 19)
def test_job_moves_to_another_pool_only_while_it_is_disabled(lab):
    pool, other = pool_of(lab), pool_of(lab, id="other")
    job = lab.create_job("j", pool)
    task = only(start(job, sh(f"test $AZ_BATCH_POOL_ID = other || {LONG}")))
    with pytest.raises(bl.Conflict):
        job.update(pool_info=other)
    job.update(pool_info="P")
    job.disable("requeue")
    job.wait("disabled", timeout=SOON)
    job.update(pool_info=other)
    job.enable()
    task.wait(timeout=SOON)
    assert (task.pool_id, task.exit_code) == ("other", 0)


def test_job_that_ends_with_its_tasks_is_completed_by_the_last(lab):
    pool = pool_of(lab)
    job = lab.create_job("j", pool)
    run(job, "true", sh("exit 1"))
    assert job.state == "active"
    job.update(on_all_tasks_complete="terminatejob")
    job.wait("completed", timeout=SOON)
    assert job.terminate_reason == "AllTasksComplete"
    assert (job.counts.succeeded, job.counts.failed, job.counts.completed) == (1, 1, 2)


@pytest.mark.rule(6)
@pytest.mark.settings(speed=60)
def test_job_that_ends_with_its_tasks_and_has_none_ends_after_a_grace_period(lab):
    job = lab.create_job("j", "nowhere", on_all_tasks_complete="terminatejob")
    assert job.state == "active"
    job.wait("completed", timeout=SOON)
    assert job.terminate_reason == "AllTasksComplete"


@pytest.mark.rule(61)
def test_job_that_ends_with_its_tasks_cannot_be_told_not_to(lab):
    job = lab.create_job("j", pool_of(lab), on_all_tasks_complete="terminatejob")
    start(job, LONG)
    with refused("InvalidPropertyValue"):
        job.update(on_all_tasks_complete="noaction")


@pytest.mark.rule(62)
def test_job_over_its_wall_clock_time_is_terminated(lab):
    pool = pool_of(lab)
    constraints = bl.JobConstraints(max_wall_clock_time="30s")
    job = lab.create_job("j", pool, constraints=constraints)
    task = only(start(job, LONG))
    job.wait("completed", timeout=SOON)
    assert (job.terminate_reason, task.state) == ("MaxWallClockTimeExpiry", "completed")
    assert 30 <= (job.end_time - job.creation_time).total_seconds() < 600


def test_job_deleted_takes_its_tasks_and_files_with_it(lab):
    pool = pool_of(lab)
    job = lab.create_job("j", pool)
    task = only(run(job, "echo x"))
    start(job, LONG)
    job.delete()
    job.wait("deleted", timeout=SOON)
    with refused("JobNotFound"):
        _ = task.state
    assert "j" not in lab.jobs
    node = only(pool.nodes.values())
    node.wait("idle", timeout=SOON)
    names = [entry.name for entry in node.files.list("workitems", recursive=True)]
    assert not [name for name in names if "task" in name]
    job = lab.create_job("j", pool)
    assert len(job.tasks) == 0
    assert only(run(job, "true")).exit_code == 0


def test_job_retries_are_the_default_of_its_tasks(lab):
    pool = pool_of(lab)
    constraints = bl.JobConstraints(max_task_retry_count=1)
    job = lab.create_job("j", pool, constraints=constraints)
    own = bl.TaskSpec(id="own", command_line="false",
                      constraints=bl.TaskConstraints(max_task_retry_count=0))  # fmt: skip
    default, own = run(job, "false", own)
    assert (default.retry_count, own.retry_count) == (1, 0)


@pytest.mark.rule(27)
@pytest.mark.parametrize(
    ("settings", "code"),
    [
        ({"job_release_task": "true"}, "InvalidPropertyValue"),
        ({"priority": 1001}, "InvalidPropertyValue"),
        ({"priority": True}, "InvalidPropertyValue"),
        ({"on_all_tasks_complete": "explode"}, "InvalidPropertyValue"),
        ({"job_manager_task": "true"}, "InvalidPropertyValue"),
        ({"max_parallel_tasks": 0}, "InvalidPropertyValue"),
        ({"network_configuration": "x"}, "UnsupportedProperty"),
    ],
)
@pytest.mark.worlds("simulated")
def test_job_with_bad_settings_is_refused_and_not_there(lab, settings, code):
    with refused(code):
        lab.create_job("j", "p", **settings)
    assert len(lab.jobs) == 0


@pytest.mark.rule(28)
def test_job_release_limit_beyond_fifteen_minutes_is_refused():
    with refused("InvalidPropertyValue"):
        bl.JobReleaseTask(command_line="true", max_wall_clock_time="16m")
