import pytest

import batchlab as bl
from helpers.stories import LONG, SHARED, SOON, only, pool_of, refused, run, sh, start


def after(*parents):
    return bl.TaskDependencies(task_ids=parents)


def of_code(code, **options):
    """Exit conditions for one exit code."""
    mapping = bl.ExitCodeMapping(code=code, exit_options=bl.ExitOptions(**options))
    return bl.ExitConditions(exit_codes=[mapping])


def dependent(lab, pool, **settings):
    return lab.create_job("j", pool, uses_task_dependencies=True, **settings)


@pytest.mark.processes
def test_task_runs_after_those_it_depends_on(world, lab):
    pool = pool_of(lab, task_slots_per_node=2)
    job = dependent(lab, pool)
    log = f"echo $AZ_BATCH_TASK_ID >> {SHARED}/order"
    last = job.create_task("last", sh(log), depends_on=["left", "right"])
    assert (last.state, last.explain().codes) == ("active", ["Dependencies"])
    job.create_task("right", sh(f"{world.sleep(5)}; {log}"), depends_on=["left"])
    job.create_task("left", sh(log))
    job.tasks.wait(timeout=SOON)
    order = only(pool.nodes.values()).files.text("shared/order").split()
    assert order == ["left", "right", "last"]
    assert job.tasks["right"].end_time <= last.start_time


@pytest.mark.rule(7)
def test_task_whose_parent_fails_never_runs(lab):
    pool = pool_of(lab)
    job = dependent(lab, pool)
    job.create_task("parent", "false")
    child = job.create_task("child", "true", depends_on=["parent"])
    job.tasks["parent"].wait(timeout=SOON)
    with pytest.raises(bl.WaitNeverEnds):
        child.wait(timeout=SOON)
    assert (child.state, job.counts.active, job.counts.failed) == ("active", 1, 1)
    assert "parent" in str(child.explain())


def test_task_whose_failed_parent_is_reactivated_runs(lab):
    pool = pool_of(lab)
    job = dependent(lab, pool)
    script = f"test -e {SHARED}/again && exit 0; touch {SHARED}/again; exit 1"
    parent = job.create_task("parent", sh(script))
    child = job.create_task("child", "true", depends_on=["parent"])
    parent.wait(timeout=SOON)
    assert (parent.exit_code, child.state) == (1, "active")
    parent.reactivate()
    child.wait(timeout=SOON)
    assert child.exit_code == 0


@pytest.mark.rule(8)
def test_task_whose_parent_may_fail_runs_all_the_same(lab):
    pool = pool_of(lab)
    job = dependent(lab, pool)
    satisfied = of_code(1, dependency_action="satisfy")
    parent = job.create_task("parent", "false", exit_conditions=satisfied)
    child = job.create_task("child", "true", depends_on=["parent"])
    child.wait(timeout=SOON)
    assert (parent.result, child.result) == ("failure", "success")
    assert parent.exit_conditions == satisfied


@pytest.mark.rule(70)
def test_task_depends_on_numbers_whatever_their_zeros(lab):
    pool = pool_of(lab)
    job = dependent(lab, pool)
    numbers = bl.TaskDependencies(task_id_ranges=[bl.TaskIdRange(start=4, end=6)])
    child = job.create_task("child", "true", depends_on=numbers)
    for name in ("4", "05"):
        job.create_task(name, "true").wait(timeout=SOON)
    assert (child.state, child.depends_on) == ("active", numbers)
    job.create_task("006", "true")
    child.wait(timeout=SOON)
    assert child.exit_code == 0


@pytest.mark.rule(71)
def test_task_that_depends_on_others_needs_a_job_that_knows_of_it(lab):
    job = lab.create_job("j", "nowhere")
    with refused("TaskDependenciesNotSpecifiedOnJob"):
        job.create_task("child", "true", depends_on=["parent"])
    assert (len(job.tasks), job.uses_task_dependencies) == (0, False)


@pytest.mark.rule(58)
def test_task_with_a_job_action_needs_a_job_that_takes_it(lab):
    job = lab.create_job("j", "nowhere")
    with refused("InvalidPropertyValue"):
        job.create_task("t", "true", exit_conditions=of_code(1, job_action="terminate"))
    assert len(job.tasks) == 0


@pytest.mark.rule(59)
@pytest.mark.processes
def test_task_that_fails_ends_its_job_when_that_is_asked_for(lab):
    pool = pool_of(lab, task_slots_per_node=2)
    job = lab.create_job("j", pool, on_task_failure="performexitoptionsjobaction")
    running = only(start(job, LONG))
    job.create_task("bad", sh("exit 7"))
    job.wait("completed", timeout=SOON)
    assert job.terminate_reason == "TaskFailed"
    assert (running.state, running.failure_info.code) == ("completed", "TaskEnded")


@pytest.mark.rule(60)
def test_task_that_may_fail_lets_its_job_go_on(lab):
    pool = pool_of(lab)
    job = lab.create_job("j", pool, on_task_failure="performexitoptionsjobaction")
    bad = job.create_task("bad", sh("exit 7"), exit_conditions=of_code(7, job_action="none"))
    bad.wait(timeout=SOON)
    assert (bad.exit_code, job.state) == (7, "active")
    assert only(run(job, "true")[-1:]).exit_code == 0


def test_task_that_fails_in_a_range_disables_its_job(lab):
    pool = pool_of(lab, task_slots_per_node=2)
    job = lab.create_job("j", pool, on_task_failure="performexitoptionsjobaction")
    options = bl.ExitOptions(job_action="disable")
    span = bl.ExitCodeRangeMapping(start=5, end=9, exit_options=options)
    conditions = bl.ExitConditions(exit_code_ranges=[span])
    job.create_task("bad", sh("exit 7"), exit_conditions=conditions)
    job.wait("disabled", timeout=SOON)
    waiting = job.create_task("waiting", "true")
    assert waiting.explain().codes == ["JobDisabled"]
    job.enable()
    waiting.wait(timeout=SOON)
    assert job.state == "active"


def test_task_that_was_never_launched_has_a_condition_of_its_own(lab):
    pool = pool_of(lab)
    job = dependent(lab, pool)
    satisfy = bl.ExitOptions(dependency_action="satisfy")
    conditions = bl.ExitConditions(pre_processing_error=satisfy)
    parent = job.create_task("parent", "true", exit_conditions=conditions,
                             resource_files=["/no/such/file"])  # fmt: skip
    child = job.create_task("child", "true", depends_on=after("parent"))
    child.wait(timeout=SOON)
    assert (parent.exit_code, parent.result) == (None, "failure")
