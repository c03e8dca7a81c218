import pytest

import batchlab as bl
from helpers.stories import LONG, SHARED, SOON, only, pool_of, refused, sh, spot_of, start


def managed(lab, pool, command_line, settings=None, **manager):
    """A job with a manager, and the manager."""
    manager = bl.JobManagerTask(id="manager", command_line=command_line, **manager)
    job = lab.create_job("j", pool, job_manager_task=manager, **(settings or {}))
    return job, job.tasks["manager"]


@pytest.mark.rule(52, 53)
@pytest.mark.parametrize("code", [0, 1])
@pytest.mark.processes
def test_manager_that_ends_ends_its_job_and_what_runs_in_it(world, lab, code):
    pool = pool_of(lab, 2, task_slots_per_node=3)
    release = sh(f"echo released >> {SHARED}/released")
    settings = {"job_preparation_task": "true", "job_release_task": release}
    gate = world.gate()
    job, manager = managed(lab, pool, sh(f"{gate.script}; exit {code}"), settings)
    tasks = start(job, *[LONG] * 3)
    waiting = job.create_task("waiting", "true")
    assert {task.node_id for task in tasks}.isdisjoint({manager.node_id})
    gate.open()
    job.wait("completed", timeout=SOON)
    assert (job.terminate_reason, manager.exit_code) == ("JMComplete", code)
    assert [task.failure_info.code for task in tasks] == ["TaskEnded"] * 3
    assert waiting.state == "active"
    for node in pool.nodes.values():
        assert node.files.text("shared/released") == "released\n"


@pytest.mark.rule(54)
def test_manager_is_alone_on_its_node(world, lab):
    pool = pool_of(lab, 2, task_slots_per_node=4)
    other = lab.create_job("other", pool)
    job, manager = managed(lab, pool, LONG)
    manager.wait("running", timeout=SOON)
    tasks = start(job, *[LONG] * 2) + start(other, *[LONG] * 2)
    waiting = job.create_task("waiting", "true")
    its_node = pool.nodes[manager.node_id]
    assert its_node.running_tasks == (("j", "manager"),)
    assert its_node.running_task_slots_count == 4
    assert its_node.id not in {task.node_id for task in tasks}
    assert waiting.explain().codes[0] == "Busy"


def test_manager_that_is_not_exclusive_shares_its_node(lab):
    pool = pool_of(lab, task_slots_per_node=2)
    job, manager = managed(lab, pool, LONG, run_exclusive=False)
    task = only(start(job, LONG))
    assert (manager.state, manager.node_id) == ("running", task.node_id)


def test_manager_goes_before_tasks_that_came_with_it(lab):
    pool = pool_of(lab)
    log = f"echo $AZ_BATCH_TASK_ID >> {SHARED}/order"
    blocker = only(start(lab.create_job("blocker", pool), LONG))
    job, manager = managed(lab, pool, sh(log), kill_job_on_completion=False)
    job.create_tasks([sh(log)] * 2)
    blocker.terminate()
    job.tasks.wait(timeout=SOON)
    order = only(pool.nodes.values()).files.text("shared/order").split()
    assert order == ["manager", "task001", "task002"]
    assert (manager.exit_code, job.state) == (0, "active")


@pytest.mark.rule(53)
def test_manager_is_retried_before_its_job_ends(lab):
    pool = pool_of(lab)
    retries = bl.TaskConstraints(max_task_retry_count=1)
    job, manager = managed(lab, pool, "false", constraints=retries)
    job.wait("completed", timeout=SOON)
    assert (manager.retry_count, job.terminate_reason) == (1, "JMComplete")


@pytest.mark.rule(55)
def test_manager_keeps_its_node_when_the_pool_shrinks(lab):
    pool = pool_of(lab, 3)
    others = lab.create_job("others", pool)
    first = only(start(others, LONG))  # so that the manager is not on the first node
    job, manager = managed(lab, pool, LONG)
    manager.wait("running", timeout=SOON)
    its_node = manager.node_id
    start(job, LONG)
    pool.resize(1)
    pool.wait("steady", timeout=SOON)
    assert pool.nodes.ids() == [its_node]
    assert (manager.state, manager.requeue_count, first.state) == ("running", 0, "active")


def test_manager_that_needs_a_dedicated_node_waits_for_one(lab):
    pool, nodes = spot_of(lab, 1)
    _, manager = managed(lab, pool, LONG, allow_low_priority_node=False)
    assert (manager.state, only(nodes).state) == ("active", "idle")
    pool.resize(1)
    manager.wait("running", timeout=SOON)
    assert pool.nodes[manager.node_id].is_dedicated


def test_manager_cannot_be_made_twice(lab):
    pool = pool_of(lab)
    job, _ = managed(lab, pool, LONG)
    with refused("TaskExists"):
        job.create_task("MANAGER", "true")
    assert job.job_manager_task.command_line == LONG
    assert job.tasks.ids() == ["manager"]


def two_spot_nodes(lab):
    """A pool with a job manager on one of two spot nodes, and the other node."""
    pool, nodes = spot_of(lab, 2)
    job, manager = managed(lab, pool, LONG)
    manager.wait("running", timeout=SOON)
    other = only(node for node in nodes if node.id != manager.node_id)
    return pool, job, manager, other


@pytest.mark.rule(56)
@pytest.mark.processes
@pytest.mark.settings(spot_return="1h")
def test_manager_that_lost_its_node_takes_the_place_of_a_task(lab):
    pool, job, manager, other = two_spot_nodes(lab)
    task = only(start(job, LONG))
    pool.nodes[manager.node_id].preempt()
    manager.wait("running", timeout=SOON)
    assert (manager.node_id, manager.requeue_count) == (other.id, 0)
    assert (task.state, task.requeue_count, task.retry_count) == ("active", 1, 0)


@pytest.mark.rule(57)
@pytest.mark.settings(spot_return="1h")
def test_manager_that_lost_its_node_waits_for_a_higher_priority(lab):
    pool, _, manager, other = two_spot_nodes(lab)
    high = only(start(lab.create_job("high", pool, priority=1), LONG))
    pool.nodes[manager.node_id].preempt()
    assert (manager.state, high.state, high.node_id) == ("active", "running", other.id)
    high.terminate()
    manager.wait("running", timeout=SOON)
    assert (manager.node_id, high.requeue_count) == (other.id, 0)
