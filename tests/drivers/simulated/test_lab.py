"""What only a simulation can show: no machines to be had, slow ones, broken ones, long days."""

import pytest

import batchlab as bl


def test_pool_beyond_what_can_be_had_ends_with_a_resize_error():
    lab = bl.SimulatedLab(max_nodes=3)
    pool = lab.create_pool("p", target_dedicated_nodes=5)
    pool.wait("steady")
    assert (pool.current_dedicated_nodes, pool.target_dedicated_nodes) == (3, 5)
    assert [error.code for error in pool.resize_errors] == ["AllocationFailed"]
    assert "no more than 3 nodes" in pool.resize_errors[0].message
    pool.nodes.wait("idle")


def test_pool_that_is_too_slow_ends_with_a_resize_error_and_waits_for_nothing():
    lab = bl.SimulatedLab(boot="1h")
    pool = lab.create_pool("p", target_dedicated_nodes=2, resize_timeout="5m")
    task = lab.create_job("j", pool).create_task("t", "true")
    pool.wait("steady", timeout="20m")
    assert [error.code for error in pool.resize_errors] == ["AllocationTimedOut"]
    assert (pool.current_dedicated_nodes, task.state) == (0, "active")
    assert task.explain().codes == ["ResizeFailed"]


def test_pool_whose_growth_is_stopped_keeps_the_nodes_it_has():
    lab = bl.SimulatedLab(boot="3m")
    pool = lab.create_pool("p", target_dedicated_nodes=4)
    pool.nodes.wait("idle")
    pool.resize(10)
    lab.advance("10s")
    pool.stop_resize()
    assert pool.allocation_state == "stopping"
    pool.wait("steady")
    assert (pool.current_dedicated_nodes, pool.target_dedicated_nodes) == (4, 10)
    assert [error.code for error in pool.resize_errors] == ["ResizeStopped"]


def test_node_that_is_broken_is_unusable_until_it_is_rebooted():
    lab = bl.SimulatedLab(boot="1m")
    pool = lab.create_pool("p", target_dedicated_nodes=1)
    pool.nodes.wait("idle")
    (node,) = pool.nodes.values()
    task = lab.create_job("j", pool).create_task("t", "sleep 600")
    lab._connection.world.lose_node(node.id, for_good=True)
    assert node.state == "unknown"
    node.wait("unusable")
    assert task.state == "active"
    assert pool.current_dedicated_nodes == 1
    node.reboot()
    task.wait()
    assert (task.retry_count, task.requeue_count) == (0, 0)


def test_retention_of_a_week_is_kept_to_the_second():
    lab = bl.SimulatedLab()
    job = lab.create_job("j", lab.create_pool("p", target_dedicated_nodes=1))
    task = job.create_task("t", "echo kept")
    task.wait()
    end = task.end_time
    lab.advance("6d23h59m59s")
    assert task.stdout == "kept\n"
    lab.advance("1s")
    assert (lab.now - end).days == 7
    with pytest.raises(bl.Conflict) as caught:
        _ = task.stdout
    assert caught.value.code == "TaskFilesCleanedup"


def test_simulated_day_of_many_nodes_takes_little_memory_and_leaves_nothing_undone():
    lab = bl.SimulatedLab(seed=3, workload=bl.Workload("15m", jitter=0.2))
    pool = lab.create_pool("p", target_dedicated_nodes=100, task_slots_per_node=4)
    job = lab.create_job("j", pool, job_preparation_task="10s", job_release_task="10s")
    job.create_tasks(["render"] * 2000)
    job.tasks.wait()
    job.terminate()
    job.wait()
    assert job.counts.succeeded == 2000
    assert len(job.preparations) == 100
    world = lab._connection.world
    assert all(not world.disk(node)._tree for node in pool.nodes)  # nobody has looked
