"""Mistakes that people make: each is refused in clear words, and the service goes on."""

import threading
from datetime import timedelta

import pytest

import batchlab as bl
from helpers.stories import LONG, SOON, only, pool_of, refused, run, sh


def test_task_that_waits_for_itself_is_refused_and_the_job_goes_on(lab):
    job = lab.create_job("j", pool_of(lab), uses_task_dependencies=True)
    around = bl.TaskDependencies(task_id_ranges=[bl.TaskIdRange(start=1, end=9)])
    for task_id, wanted in (("a", ["a"]), ("A", ["b", "a"]), ("007", around)):
        with refused("InvalidPropertyValue"):
            job.create_task(task_id, "true", depends_on=wanted)
    assert len(job.tasks) == 0
    assert only(run(job, "true")).exit_code == 0


def test_tasks_that_wait_for_each_other_are_told_apart_from_hope(lab):
    job = lab.create_job("j", pool_of(lab), uses_task_dependencies=True)
    job.create_tasks([
        bl.TaskSpec(id="a", command_line="true", depends_on=["b"]),
        bl.TaskSpec(id="b", command_line="true", depends_on=["a"]),
    ])  # fmt: skip
    with pytest.raises(bl.WaitNeverEnds):
        job.tasks.wait()
    job.tasks["a"].delete()
    job.create_task("a", "true")
    job.tasks.wait(timeout=SOON)
    assert job.counts.succeeded == 2


def test_ranges_upside_down_are_refused():
    with refused("InvalidPropertyValue") as told:
        bl.TaskIdRange(start=6, end=4)
    assert "6" in told.value.message
    with refused("InvalidPropertyValue"):
        bl.TaskIdRange(start=-1, end=4)
    with refused("InvalidPropertyValue"):
        bl.ExitCodeRangeMapping(start=9, end=5, exit_options=bl.ExitOptions())


def test_schedule_that_would_never_run_is_refused(lab):
    past, soon = lab.now - timedelta(days=1), lab.now + timedelta(hours=1)
    with refused("InvalidPropertyValue"):
        bl.Schedule(do_not_run_until=soon, do_not_run_after=soon)
    with refused("InvalidPropertyValue") as told:
        lab.create_job_schedule(
            "s", schedule=bl.Schedule(do_not_run_after=past),
            job_specification=bl.JobSpec(pool_info="p"),
        )  # fmt: skip
    assert "no job would ever run" in told.value.message
    assert (len(lab.job_schedules), len(lab.jobs)) == (0, 0)


@pytest.mark.worlds("light")
def test_schedule_made_twice_at_once_is_made_once(lab):
    told = []

    def make():
        try:
            made = lab.create_job_schedule(
                "s", schedule="1h", job_specification=bl.JobSpec(pool_info="nowhere")
            )
            told.append(made.id)
        except bl.Conflict as refusal:
            told.append(refusal.code)

    threads = [threading.Thread(target=make) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(told) == ["JobScheduleExists"] * 3 + ["s"]
    assert (len(lab.job_schedules), lab.jobs.ids()) == (1, ["s:job-1"])


def test_schedules_due_at_the_same_moment_both_run(lab):
    pool = pool_of(lab)
    until = lab.now + timedelta(seconds=40)
    manager = bl.JobManagerTask(id="manager", command_line="true")
    schedules = [
        lab.create_job_schedule(
            name, schedule=bl.Schedule(do_not_run_until=until),
            job_specification=bl.JobSpec(pool_info=pool, job_manager_task=manager),
        )
        for name in ("one", "two")
    ]  # fmt: skip
    assert len(lab.jobs) == 0
    for schedule in schedules:
        schedule.wait("completed", timeout=SOON)
    assert lab.jobs.ids() == ["one:job-1", "two:job-1"]
    assert [job.terminate_reason for job in lab.jobs.values()] == ["JMComplete"] * 2
    assert all(job.creation_time >= until for job in lab.jobs.values())


def test_mistakes_leave_what_runs_alone(lab):
    pool = pool_of(lab)
    job = lab.create_job("j", pool, uses_task_dependencies=True)
    task = job.create_task("t", LONG)
    task.wait("running", timeout=SOON)
    for mistake in (
        lambda: pool.resize(-1),
        lambda: pool.resize(1, resize_timeout="1s"),
        lambda: job.update(priority=5000),
        lambda: job.disable("somehow"),
        lambda: job.create_task("u", sh("true"), depends_on=["u"]),
        lambda: task.update(constraints=bl.TaskConstraints(max_task_retry_count=-2)),
        lambda: lab.create_job("j", pool),
        lambda: lab.create_pool("P"),
    ):
        with pytest.raises(bl.BatchError) as told:
            mistake()
        assert told.value.status in (400, 409)
    assert (task.state, job.state, pool.allocation_state) == ("running", "active", "steady")
    assert (job.tasks.ids(), job.priority) == (["t"], 0)
