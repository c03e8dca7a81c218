"""Who gets a slot, beside priorities: limits, room that is made, hints; and what jobs share."""

import pytest

import batchlab as bl
from helpers.stories import LONG, SHARED, SOON, only, pool_of, run, sh, start


@pytest.mark.rule(109)
def test_job_runs_no_more_tasks_at_a_time_than_it_may(world, lab):
    pool = pool_of(lab, 2, task_slots_per_node=4)
    job = lab.create_job("j", pool, max_parallel_tasks=3)
    gate = world.gate(2)
    tasks = job.create_tasks([sh(gate.script)] * 7)
    running = [task for task in tasks if task.state == "running"]
    assert len(running) == 3
    assert tasks[-1].explain().codes == ["MaxParallelTasks"]
    gate.open()
    job.tasks.wait(timeout=SOON)
    moments = [(task.start_time, task.end_time) for task in tasks]
    most = max(sum(s <= begun < e for s, e in moments) for begun, _ in moments)
    assert (most, job.counts.succeeded) == (3, 7)


def test_job_that_may_run_more_tasks_runs_them_at_once(lab):
    pool = pool_of(lab, task_slots_per_node=4)
    job = lab.create_job("j", pool, max_parallel_tasks=1)
    first, *others = job.create_tasks([LONG] * 3)
    first.wait("running", timeout=SOON)
    assert [task.state for task in others] == ["active", "active"]
    job.update(max_parallel_tasks=-1)
    for task in others:
        task.wait("running", timeout=SOON)


@pytest.mark.processes
def test_job_of_higher_priority_takes_the_place_of_one_that_makes_room(world, lab):
    pool = pool_of(lab, task_slots_per_node=2)
    node = only(pool.nodes.values())
    low = lab.create_job("low", pool, priority=-5, allow_task_preemption=True)
    fixed = lab.create_job("fixed", pool, priority=-10)
    script = f"echo $AZ_BATCH_TASK_ID >> {SHARED}/runs; {LONG}"
    stays = only(start(fixed, LONG))
    goes = only(start(low, sh(script)))
    world.until(lambda: node.files.text("shared/runs") == "task001\n")
    high = lab.create_job("high", pool, priority=5)
    gate = world.gate()
    task = high.create_task("t", sh(gate.script))
    task.wait("running", timeout=SOON)
    assert (stays.state, goes.state) == ("running", "active")
    gate.open()
    assert (goes.requeue_count, goes.retry_count) == (1, 0)
    world.until(lambda: node.files.text("shared/runs") == "task001\n" * 2)
    assert (task.exit_code, goes.state) == (0, "running")


def test_job_of_equal_priority_takes_nobodys_place(lab):
    pool = pool_of(lab)
    low = lab.create_job("low", pool, allow_task_preemption=True)
    running = only(start(low, LONG))
    waiting = lab.create_job("equal", pool).create_task("t", "true")
    assert (running.state, waiting.state) == ("running", "active")
    assert waiting.explain().codes[0] == "Busy"


def test_task_runs_where_it_would_like_to(lab):
    pool = pool_of(lab, 3)
    job = lab.create_job("j", pool)
    for node in reversed(list(pool.nodes.values())):
        spec = bl.TaskSpec(
            id=f"t{len(job.tasks)}", command_line="true", affinity_info=node.affinity_id
        )
        (task,) = run(job, spec)
        assert task.node_id == node.id


def test_task_runs_elsewhere_when_its_favourite_node_is_full(lab):
    pool = pool_of(lab, 2)
    job = lab.create_job("j", pool)
    blocked = only(start(job, LONG))
    hint = bl.AffinityInfo(affinity_id=pool.nodes[blocked.node_id].affinity_id)
    task = job.create_task("t", "true", affinity_info=hint)
    task.wait(timeout=SOON)
    assert task.node_id != blocked.node_id


@pytest.mark.rule(110)
def test_older_job_goes_first_where_the_pool_says_so(lab):
    policy = bl.TaskSchedulingPolicy(job_default_order="creationtime")
    pool = pool_of(lab, task_scheduling_policy=policy)
    blocker = only(start(lab.create_job("blocker", pool), LONG))
    older, younger = lab.create_job("older", pool), lab.create_job("younger", pool)
    log = sh(f"echo $AZ_BATCH_JOB_ID >> {SHARED}/order")
    for job in (younger, older):
        job.create_tasks([log] * 2)
    blocker.terminate()
    for job in (older, younger):
        job.tasks.wait(timeout=SOON)
    order = only(pool.nodes.values()).files.text("shared/order").split()
    assert order == ["older", "older", "younger", "younger"]


@pytest.mark.rule(93)
def test_settings_of_a_job_are_those_of_all_its_tasks_unless_they_say_otherwise(lab):
    pool = pool_of(lab)
    say = sh(f"echo $X $Y $AZ_BATCH_JOB_ID >> {SHARED}/said")
    settings = [
        bl.EnvironmentSetting(name="X", value="job"), bl.EnvironmentSetting(name="Y", value="y"),
        bl.EnvironmentSetting(name="AZ_BATCH_JOB_ID", value="mine"),
    ]  # fmt: skip
    job = lab.create_job(
        "j", pool, common_environment_settings=settings,
        job_preparation_task=say, job_release_task=say,
        job_manager_task=bl.JobManagerTask(
            id="manager", command_line=say, kill_job_on_completion=False
        ),
    )  # fmt: skip
    job.tasks["manager"].wait(timeout=SOON)
    own = job.create_task("own", say, environment_settings={"X": "task"})
    own.wait(timeout=SOON)
    job.terminate()
    job.wait("completed", timeout=SOON)
    said = only(pool.nodes.values()).files.text("shared/said").splitlines()
    assert said == ["job y j", "job y j", "task y j", "job y j"]
    assert job.common_environment_settings["X"] == "job"


def test_names_and_notes_are_kept(lab):
    name, notes = "Épreuve <b>1</b>", {"owner": "me", "long": "x" * 2000}
    pool = lab.create_pool("p", display_name=name, metadata=notes)
    job = lab.create_job("j", pool, display_name=name, metadata=notes)
    task = job.create_task("t", "true", display_name=name)
    for shown in (pool, job):
        assert (shown.display_name, shown.metadata) == (name, notes)
    assert task.display_name == name
    job.update(metadata={"owner": "you"})
    assert (job.metadata, job.display_name) == ({"owner": "you"}, name)
