"""Job schedules and auto pools. At the speed given, a minute of lab time takes 0.6 s."""

from datetime import timedelta

import pytest

import batchlab as bl
from helpers.stories import LONG, SOON, only, pool_of, refused, sh, spot_of

MINUTES = pytest.mark.settings(speed=100)
LATER = "2h"


def job_of(pool, command_line=None, **settings):
    """A job that ends with its manager."""
    if command_line is not None:
        settings["job_manager_task"] = bl.JobManagerTask(id="manager", command_line=command_line)
    return bl.JobSpec(pool_info=pool, **settings)


def seconds(span):
    return span.total_seconds()


@pytest.mark.rule(75)
@MINUTES
def test_schedule_makes_one_job_after_the_other(world, lab):
    pool = pool_of(lab)
    schedule = lab.create_job_schedule(
        "s", schedule="1m", job_specification=job_of(pool, world.sleep(90))
    )
    assert schedule.recent_job_id == "s:job-1"
    first = schedule.recent_job
    first.wait("completed", timeout=LATER)
    world.until(lambda: "s:job-2" in lab.jobs)
    second = lab.jobs["s:job-2"]
    assert second.creation_time >= first.end_time
    assert seconds(second.creation_time - first.creation_time) >= 90
    assert schedule.next_run_time > second.creation_time
    assert (first.terminate_reason, second.priority) == ("JMComplete", 0)


@pytest.mark.rule(76)
@pytest.mark.worlds("simulated")
def test_schedule_skips_what_is_later_than_its_start_window(lab):
    pool = pool_of(lab)
    schedule = lab.create_job_schedule(
        "s",
        schedule=bl.Schedule(recurrence_interval="2m", start_window="1m"),
        job_specification=job_of(pool, "sleep 210"),
    )
    began = schedule.creation_time
    lab.advance("239s")
    assert (lab.jobs.ids(), lab.jobs["s:job-1"].state) == (["s:job-1"], "completed")
    lab.advance("1s")
    assert lab.jobs.ids() == ["s:job-1", "s:job-2"]
    assert lab.jobs["s:job-2"].creation_time - began == timedelta(minutes=4)


@pytest.mark.rule(77)
@pytest.mark.parametrize(
    "plan",
    [{"recurrence_interval": "30s"}, {"recurrence_interval": "2m", "start_window": "59s"}],
)
def test_schedule_shorter_than_a_minute_is_refused(plan):
    with refused("InvalidPropertyValue"):
        bl.Schedule(**plan)


@pytest.mark.rule(78)
def test_schedule_without_recurrence_is_completed_with_its_only_job(lab):
    pool = pool_of(lab)
    schedule = lab.create_job_schedule(
        "s", schedule=bl.Schedule(), job_specification=job_of(pool, "true")
    )
    schedule.wait("completed", timeout=SOON)
    assert lab.jobs.ids() == ["s:job-1"]
    assert (schedule.next_run_time, schedule.recent_job.state) == (None, "completed")
    assert schedule.end_time is not None
    with refused("JobScheduleCompleted"):
        schedule.disable()


@pytest.mark.rule(79)
@MINUTES
def test_schedule_disabled_makes_no_job_until_it_is_enabled(world, lab):
    pool = pool_of(lab)
    gate = world.gate(30)
    schedule = lab.create_job_schedule(
        "s", schedule="1m", job_specification=job_of(pool, sh(gate.script))
    )
    schedule.disable()
    first = schedule.recent_job
    due = schedule.next_run_time
    gate.open()
    first.wait("completed", timeout=LATER)
    world.until(lambda: lab.now > due + timedelta(seconds=5))
    assert (lab.jobs.ids(), schedule.state) == (["s:job-1"], "disabled")
    assert schedule.next_run_time is not None
    schedule.enable()
    world.until(lambda: schedule.recent_job_id == "s:job-2")
    assert (schedule.state, schedule.previous_state) == ("active", "disabled")


@pytest.mark.rule(80)
def test_schedule_terminated_ends_its_job(lab):
    pool = pool_of(lab)
    schedule = lab.create_job_schedule("s", schedule="1m", job_specification=job_of(pool, LONG))
    job = schedule.recent_job
    task = job.tasks["manager"]
    task.wait("running", timeout=SOON)
    schedule.terminate()
    schedule.wait("completed", timeout=SOON)
    assert (job.state, job.terminate_reason) == ("completed", "TerminateJobSchedule")
    assert task.failure_info.code == "TaskEnded"
    with refused("JobScheduleCompleted"):
        schedule.enable()


def test_schedule_deleted_takes_its_jobs_with_it(lab):
    pool = pool_of(lab)
    schedule = lab.create_job_schedule("s", schedule="1m", job_specification=job_of(pool, LONG))
    job = schedule.recent_job
    job.tasks["manager"].wait("running", timeout=SOON)
    schedule.delete()
    schedule.wait("deleted", timeout=SOON)
    assert (len(lab.jobs), len(lab.job_schedules)) == (0, 0)
    only(pool.nodes.values()).wait("idle", timeout=SOON)


@pytest.mark.rule(74)
@pytest.mark.code("JobScheduleExists")
def test_schedule_and_job_never_share_an_id(lab):
    plan = {"schedule": "1m", "job_specification": job_of("nowhere")}
    lab.create_job("j", "nowhere")
    lab.create_job_schedule("s", **plan)
    with refused("JobScheduleExists"):
        lab.create_job_schedule("S", **plan)
    with refused("JobWithSameIdExists"):
        lab.create_job_schedule("J", **plan)
    with refused("JobScheduleWithSameIdExists"):
        lab.create_job("S", "nowhere")


def test_schedule_waits_for_its_first_time(lab):
    until = lab.now + timedelta(minutes=2)
    schedule = lab.create_job_schedule(
        "s",
        schedule=bl.Schedule(do_not_run_until=until, recurrence_interval="5m"),
        job_specification=job_of("nowhere"),
        display_name="every five minutes",
        metadata={"owner": "me"},
    )
    assert (schedule.recent_job, len(lab.jobs)) == (None, 0)
    assert abs(schedule.next_run_time - until) < timedelta(seconds=1)
    assert schedule.display_name == "every five minutes"
    assert schedule.metadata == {"owner": "me"}
    schedule.update(metadata={"owner": "you"}, schedule="10m")
    assert schedule.metadata == {"owner": "you"}
    assert schedule.schedule.recurrence_interval == timedelta(minutes=10)
    assert (schedule.recent_job_id, len(lab.jobs)) == ("s:job-1", 1)  # nothing holds it back now


# -- auto pools ---------------------------------------------------------------------------------


def auto(lifetime="job", *, keep_alive=False, **pool):
    pool = bl.PoolSpec(**({"target_dedicated_nodes": 1} | pool))
    return bl.AutoPoolSpecification(
        pool=pool, pool_lifetime_option=lifetime, auto_pool_id_prefix="mine",
        keep_alive=keep_alive,
    )  # fmt: skip


@pytest.mark.rule(107)
@pytest.mark.processes
def test_auto_pool_is_made_for_its_job_and_goes_with_it(lab):
    job = lab.create_job("j", auto(start_task="true"), on_all_tasks_complete="terminatejob")
    pool = lab.pools[job.pool_id]
    assert pool.id.startswith("mine_")
    task = job.create_task("t", "true")
    job.wait("completed", timeout=SOON)
    assert (task.exit_code, task.pool_id) == (0, pool.id)
    pool.wait("deleted", timeout=SOON)
    assert len(lab.pools) == 0


@pytest.mark.rule(107)
def test_auto_pool_that_is_kept_alive_stays(lab):
    job = lab.create_job("j", auto(keep_alive=True))
    job.create_task("t", "true").wait(timeout=SOON)
    job.terminate()
    job.wait("completed", timeout=SOON)
    pool = lab.pools[job.pool_id]
    pool.nodes.wait("idle", timeout=SOON)
    assert (pool.state, pool.current_dedicated_nodes) == ("active", 1)


@pytest.mark.rule(108)
@pytest.mark.settings(quotas=bl.Quotas(pool_quota=1))
def test_auto_pool_beyond_the_quota_leaves_a_completed_job(lab):
    spot_of(lab)
    job = lab.create_job("j", auto())
    assert (job.state, len(lab.pools)) == ("completed", 1)
    assert job.scheduling_error.code == "AutoPoolCreationFailedWithQuotaReached"
    with refused("JobCompleted"):
        job.create_task("t", "true")


def test_auto_pool_of_a_schedule_serves_all_its_jobs(lab):
    with refused("InvalidPropertyValue"):
        lab.create_job("j", auto("jobschedule"))
    schedule = lab.create_job_schedule(
        "s", schedule="1m", job_specification=job_of(auto("jobschedule"), "true")
    )
    job = schedule.recent_job
    job.wait("completed", timeout=SOON)
    pool = lab.pools[job.pool_id]
    assert pool.state == "active"
    schedule.terminate()
    pool.wait("deleted", timeout=SOON)
    assert (len(lab.pools), schedule.state) == (0, "completed")


@MINUTES
def test_schedule_whose_job_never_ends_says_why_nothing_recurs(world, lab):
    schedule = lab.create_job_schedule("s", schedule="1m", job_specification=job_of(pool_of(lab)))
    job = schedule.recent_job
    world.until(lambda: schedule.next_run_time <= lab.now)
    (reason,) = schedule.explain().reasons
    assert (reason.code, reason.lasting) == ("JobNotEnded", True)
    assert "schedule.recent_job.terminate()" in repr(schedule.explain())
    assert job.explain().codes == ["NoTasks", "ScheduleWaits"]
    assert repr(schedule).startswith("JobSchedule('s'): active, last job 's:job-1', next job due")
    assert repr(schedule).endswith("waits for 's:job-1' to end")
    assert "waits for &#39;s:job-1&#39; to end" in schedule._repr_html_()
    assert "waits for &#39;s:job-1&#39; to end" in lab.job_schedules._repr_html_()
    assert repr(lab.job_schedules) == repr(schedule).replace("JobSchedule('s'):", "s ")
    job.terminate()
    world.until(lambda: "s:job-2" in lab.jobs)
