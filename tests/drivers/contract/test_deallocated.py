import pytest

import batchlab as bl
from helpers.stories import LONG, SHARED, SOON, only, pool_of, refused, run, sh, start

START = sh(f"echo start >> {SHARED}/starts")


@pytest.mark.rule(112)
@pytest.mark.processes
def test_node_deallocated_and_started_keeps_its_files_and_runs_its_start_task_again(world, lab):
    pool = pool_of(lab, start_task=START)
    node = only(pool.nodes.values())
    job = lab.create_job("j", pool)
    task = only(start(job, sh(f"echo run >> {SHARED}/runs; {LONG}")))
    world.until(lambda: node.files.text("shared/runs") == "run\n")
    booted = node.last_boot_time
    node.deallocate()
    node.wait("deallocated", timeout=SOON)
    assert (task.state, task.requeue_count, node.scheduling_state) == ("active", 1, "disabled")
    assert task.explain() == [f"Node {node.id} is deallocated. Start it."]
    with refused("NodeNotReady"):
        node.files.text("shared/runs")
    node.start()
    assert node.scheduling_state == "enabled"
    world.until(lambda: node.files.text("shared/runs") == "run\nrun\n")
    assert (task.state, task.node_id, task.retry_count) == ("running", node.id, 0)
    assert node.files.text("shared/starts") == "start\nstart\n"
    assert node.last_boot_time > booted


@pytest.mark.rule(111)
def test_node_deallocated_costs_nothing_and_counts_to_its_pool(world, lab):
    pool = pool_of(lab, 2)
    node, other = pool.nodes.values()
    node.deallocate("taskcompletion")
    node.wait("deallocated", timeout=SOON)
    cost = node.cost.node_hours
    task = only(run(lab.create_job("j", pool), world.sleep(5)))
    assert task.node_id == other.id
    assert node.cost.node_hours == cost > 0
    assert (pool.current_dedicated_nodes, pool.allocation_state) == (2, "steady")
    assert pool.node_counts == {"deallocated": 1, "idle": 1}
    with refused("OperationInvalidForCurrentState"):
        node.deallocate()
    with refused("OperationInvalidForCurrentState"):
        node.reboot()
    with refused("OperationInvalidForCurrentState"):
        other.start()
    pool.resize(1)
    pool.wait("steady", timeout=SOON)
    assert list(pool.nodes) == [other.id]


@pytest.mark.rule(113)
@pytest.mark.parametrize(("rerun", "count"), [(True, 2), (False, 1)])
def test_job_on_a_node_that_is_deallocated_is_prepared_as_after_a_reboot(lab, rerun, count):
    pool = pool_of(lab)
    node = only(pool.nodes.values())
    spec = bl.JobPreparationTask(
        command_line=sh(f"echo prepared >> {SHARED}/log"),
        rerun_on_node_reboot_after_success=rerun,
    )
    release = sh(f"echo released >> {SHARED}/log")
    job = lab.create_job("j", pool, job_preparation_task=spec, job_release_task=release)
    run(job, "true")
    node.deallocate()
    node.wait("deallocated", timeout=SOON)
    node.start()
    run(job, "true")
    assert node.files.text("shared/log") == "prepared\n" * count
    node.deallocate()
    node.wait("deallocated", timeout=SOON)
    job.terminate()
    job.wait("completed", timeout=SOON)
    node.start()
    node.wait("idle", timeout=SOON)
    assert node.files.text("shared/log") == "prepared\n" * count


@pytest.mark.processes
def test_pool_with_a_deallocated_node_is_deleted(lab):
    pool = pool_of(lab, 2)
    first, second = pool.nodes.values()
    first.deallocate()
    first.wait("deallocated", timeout=SOON)
    second.deallocate()
    pool.delete()
    pool.wait("deleted", timeout=SOON)
    assert list(lab.pools) == []


def test_node_that_is_starting_can_be_deallocated(world, lab):
    pool = lab.create_pool("p", target_dedicated_nodes=1, start_task=LONG)
    node = only(pool.nodes.values())
    node.wait("waitingforstarttask", timeout=SOON)
    node.deallocate()
    node.wait("deallocated", timeout=SOON)
    assert node.start_task_info is None
    pool.update(start_task="true")
    node.start()
    node.wait("idle", timeout=SOON)
