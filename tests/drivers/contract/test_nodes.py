import pytest

import batchlab as bl
from helpers.stories import LONG, SHARED, SOON, only, pool_of, refused, run, sh, start

# A start task that fails as long as nobody has put a file there.
WANTS_FILE = sh(f"echo start >> {SHARED}/starts; test -e {SHARED}/ready")


def starts(node):
    """How often the start task ran on a node."""
    return node.files.text("shared/starts").count("start")


@pytest.mark.rule(37)
def test_start_task_that_fails_is_repeated_then_the_node_takes_no_tasks(lab):
    start_task = bl.StartTask(command_line=WANTS_FILE, max_task_retry_count=1)
    pool = lab.create_pool("p", target_dedicated_nodes=1, start_task=start_task)
    node = only(pool.nodes.values())
    node.wait("starttaskfailed", timeout=SOON)
    info = node.start_task_info
    assert (info.state, info.result, info.exit_code, info.retry_count) == (
        "completed", "failure", 1, 1,
    )  # fmt: skip
    assert info.failure_info.code == "FailureExitCode"
    assert (pool.current_dedicated_nodes, pool.allocation_state) == (1, "steady")
    task = lab.create_job("j", pool).create_task("t", "true")
    assert task.state == "active"
    assert starts(node) == 2


@pytest.mark.rule(38)
def test_start_task_that_need_not_succeed_lets_the_node_take_tasks(lab):
    start_task = bl.StartTask(command_line=sh("exit 7"), wait_for_success=False)
    pool = pool_of(lab, start_task=start_task)
    task = only(run(lab.create_job("j", pool), "sleep 1"))
    assert task.exit_code == 0
    assert only(pool.nodes.values()).start_task_info.exit_code == 7


def test_start_task_failure_is_cured_by_another_start_task_and_a_reboot(lab):
    pool = lab.create_pool("p", target_dedicated_nodes=1, start_task=sh("exit 1"))
    node = only(pool.nodes.values())
    node.wait("starttaskfailed", timeout=SOON)
    job = lab.create_job("j", pool)
    task = job.create_task("t", "true")
    pool.update(start_task="true")
    assert node.state == "starttaskfailed"
    node.reboot()
    task.wait(timeout=SOON)
    assert node.start_task_info.result == "success"


@pytest.mark.rule(39)
def test_start_task_that_is_changed_runs_on_nodes_that_start_again(lab):
    pool = pool_of(lab, start_task=sh(f"echo old > {SHARED}/which"))
    node = only(pool.nodes.values())
    pool.update(start_task=sh(f"echo new > {SHARED}/which"))
    assert node.files.text("shared/which") == "old\n"
    booted = node.last_boot_time
    node.reboot()
    node.wait("idle", timeout=SOON)
    assert node.files.text("shared/which") == "new\n"
    assert node.last_boot_time > booted


@pytest.mark.rule(51)
@pytest.mark.processes
def test_node_rebooted_while_a_task_runs_repeats_start_task_and_task(world, lab):
    pool = pool_of(lab, start_task=sh(f"echo start >> {SHARED}/starts"))
    node = only(pool.nodes.values())
    job = lab.create_job("j", pool)
    task = only(start(job, sh(f"echo run >> {SHARED}/runs; {LONG}")))
    assert node.state == "running"
    with refused("NodeAlreadyInTargetSchedulingState"):
        node.enable_scheduling()
    world.until(lambda: node.files.text("shared/runs") == "run\n")
    node.reboot()
    world.until(lambda: node.files.text("shared/runs") == "run\nrun\n")
    assert (task.retry_count, task.requeue_count, task.node_id) == (0, 1, node.id)
    assert (task.state, starts(node)) == ("running", 2)


@pytest.mark.processes
def test_node_reimaged_has_empty_folders(lab):
    pool = pool_of(lab, start_task=sh(f"echo start >> {SHARED}/starts"))
    node = only(pool.nodes.values())
    run(lab.create_job("j", pool), sh(f"echo x > {SHARED}/x"))
    assert node.files.text("shared/x") == "x\n"
    node.reimage()
    node.wait("idle", timeout=SOON)
    assert [entry.name for entry in node.files.list("shared")] == ["shared/starts"]
    assert starts(node) == 1
    assert node.files.list("workitems") == []


@pytest.mark.rule(49)
def test_node_disabled_with_requeue_gives_its_task_away(lab):
    pool = pool_of(lab)
    node = only(pool.nodes.values())
    task = only(start(lab.create_job("j", pool), LONG))
    node.disable_scheduling()
    node.wait("offline", timeout=SOON)
    assert (task.state, task.requeue_count, node.scheduling_state) == ("active", 1, "disabled")
    with refused("NodeAlreadyInTargetSchedulingState"):
        node.disable_scheduling()
    node.enable_scheduling()
    task.wait("running", timeout=SOON)


@pytest.mark.rule(50)
def test_node_disabled_with_taskcompletion_runs_its_task_to_the_end(world, lab):
    pool = pool_of(lab)
    node = only(pool.nodes.values())
    job = lab.create_job("j", pool)
    gate = world.gate()
    task = only(start(job, sh(gate.script)))
    node.disable_scheduling("taskcompletion")
    assert node.state == "running"
    gate.open()
    node.wait("offline", timeout=SOON)
    assert (task.state, task.exit_code) == ("completed", 0)
    assert job.create_task("more", "true").state == "active"
    with refused("InvalidPropertyValue"):
        node.disable_scheduling("retaineddata")


def test_node_disabled_with_terminate_ends_its_task(lab):
    pool = pool_of(lab)
    node = only(pool.nodes.values())
    task = only(start(lab.create_job("j", pool), LONG))
    node.disable_scheduling("terminate")
    node.wait("offline", timeout=SOON)
    assert (task.state, task.failure_info.code) == ("completed", "TaskEnded")


@pytest.mark.worlds("simulated")
@pytest.mark.processes
def test_node_that_is_killed_comes_back_and_its_task_runs_again(world, lab):
    pool = pool_of(lab, 2, start_task=sh(f"echo start >> {SHARED}/starts"), task_slots_per_node=2)
    node = next(iter(pool.nodes.values()))
    job = lab.create_job("j", pool, constraints=bl.JobConstraints(max_task_retry_count=0))
    script = f"test -e {SHARED}/ran && exit 0; touch {SHARED}/ran; {LONG}"
    tasks = start(job, sh(script), sh(script))
    world.until(lambda: all(node.files.stat("shared/ran") for node in pool.nodes.values()))
    lost = next(task for task in tasks if task.node_id == node.id)
    other = next(task for task in tasks if task.node_id != node.id)
    world.kill(node)
    lost.wait("completed", timeout=SOON)
    assert (lost.exit_code, lost.retry_count, lost.requeue_count) == (0, 0, 0)
    assert other.state == "running"
    node.wait("idle", timeout=SOON)
    assert pool.current_dedicated_nodes == 2
    assert starts(node) == 2


@pytest.mark.rule(98)
def test_node_that_was_removed_takes_files_but_not_records_with_it(lab):
    pool = pool_of(lab)
    task = only(run(lab.create_job("j", pool), sh("echo x; exit 3")))
    assert task.stdout == "x\n"
    pool.resize(0)
    pool.wait("steady", timeout=SOON)
    assert (task.state, task.exit_code) == ("completed", 3)
    with refused("NodeNotFound"):
        _ = task.stdout
