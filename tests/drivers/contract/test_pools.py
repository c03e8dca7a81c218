import pytest

import batchlab as bl
from helpers.stories import LONG, SOON, end, only, pool_of, refused, run, sh, start


def test_pool_gets_nodes_that_have_names_and_addresses_of_their_own(lab):
    pool = pool_of(lab, 3)
    assert (pool.state, pool.allocation_state, pool.current_dedicated_nodes) == (
        "active", "steady", 3,
    )  # fmt: skip
    nodes = list(pool.nodes.values())
    assert len({node.id for node in nodes}) == len({node.ip_address for node in nodes}) == 3
    assert all(node.allocation_time <= node.last_boot_time <= lab.now for node in nodes)
    assert pool.resize_errors == ()


@pytest.mark.rule(73)
@pytest.mark.code("PoolExists")
def test_pool_id_in_other_case_is_the_same_pool(lab):
    pool = lab.create_pool("Render")
    with refused("PoolExists"):
        lab.create_pool("rENDER")
    assert lab.pools["RENDER"] == pool
    assert lab.pools["render"].id == "Render"


@pytest.mark.rule(13)
@pytest.mark.processes
def test_pool_shrunk_by_default_queues_running_tasks_again(lab):
    pool = pool_of(lab, 2)
    job = lab.create_job("j", pool)
    tasks = start(job, LONG, LONG)
    pool.resize(1)
    pool.wait("steady", timeout=SOON)
    assert pool.current_dedicated_nodes == 1
    assert sorted(task.state for task in tasks) == ["active", "running"]
    queued = next(task for task in tasks if task.state == "active")
    assert (queued.requeue_count, queued.retry_count) == (1, 0)


@pytest.mark.rule(40, 45)
def test_pool_shrunk_with_taskcompletion_waits_for_running_tasks(world, lab):
    pool = pool_of(lab)
    job = lab.create_job("j", pool)
    gate = world.gate()
    task = only(start(job, sh(gate.script)))
    pool.resize(0, node_deallocation_option="taskcompletion")
    assert pool.allocation_state == "resizing"
    with refused("PoolBeingResized"):
        pool.resize(2)
    with refused("PoolBeingResized"):
        pool.remove_nodes(list(pool.nodes))
    gate.open()
    pool.wait("steady", timeout=SOON)
    assert (task.state, task.exit_code, task.requeue_count) == ("completed", 0, 0)
    assert (pool.current_dedicated_nodes, len(pool.nodes)) == (0, 0)


@pytest.mark.rule(46)
def test_pool_shrunk_with_terminate_ends_running_tasks_for_good(lab):
    pool = pool_of(lab)
    task = only(start(lab.create_job("j", pool), LONG))
    pool.resize(0, node_deallocation_option="terminate")
    pool.wait("steady", timeout=SOON)
    assert (task.state, task.failure_info.code, task.result) == (
        "completed", "TaskEnded", "failure",
    )  # fmt: skip
    pool.resize(1)
    pool.nodes.wait("idle", timeout=SOON)
    assert task.state == "completed"


@pytest.mark.rule(47)
def test_pool_shrunk_with_retaineddata_waits_until_files_are_no_longer_kept(lab):
    pool = pool_of(lab)
    job = lab.create_job("j", pool)
    task = job.create_task("t", "echo kept", constraints=bl.TaskConstraints(retention_time="30s"))
    task.wait(timeout=SOON)
    ended = task.end_time
    pool.remove_nodes([task.node_id], node_deallocation_option="retaineddata")
    assert task.stdout == "kept\n"
    pool.wait("steady", timeout=SOON)
    assert (lab.now - ended).total_seconds() >= 30
    assert len(pool.nodes) == 0


@pytest.mark.rule(42)
def test_pool_whose_resize_is_stopped_keeps_what_it_has(lab):
    pool = pool_of(lab, 2)
    start(lab.create_job("j", pool), LONG, LONG)
    pool.resize(0, node_deallocation_option="taskcompletion")
    pool.stop_resize()
    pool.wait("steady", timeout=SOON)
    assert (pool.current_dedicated_nodes, pool.target_dedicated_nodes) == (2, 0)
    assert [error.code for error in pool.resize_errors] == ["ResizeStopped"]
    assert [node.state for node in pool.nodes.values()] == ["running", "running"]
    pool.stop_resize()
    pool.resize(2)
    pool.wait("steady", timeout=SOON)
    assert pool.resize_errors == ()


def test_pool_loses_the_nodes_that_are_named(lab):
    pool = pool_of(lab, 3)
    first, second, third = pool.nodes
    pool.remove_nodes([pool.nodes[first], third])
    pool.wait("steady", timeout=SOON)
    assert (list(pool.nodes), pool.target_dedicated_nodes) == ([second], 1)
    with refused("NodeNotFound"):
        pool.remove_nodes([first])
    with refused("NodeNotFound"):
        pool.nodes[first]


@pytest.mark.rule(17)
def test_pool_deleted_while_tasks_run_leaves_its_jobs_waiting(lab):
    pool = pool_of(lab)
    job = lab.create_job("j", pool)
    task = only(start(job, LONG))
    pool.delete()
    pool.wait("deleted", timeout=SOON)
    assert (task.state, task.requeue_count, job.state) == ("active", 1, "active")
    with refused("PoolNotFound"):
        pool.resize(1)
    assert task.explain().codes == ["PoolNotFound"]
    lab.create_pool("p", target_dedicated_nodes=1)
    task.wait("running", timeout=SOON)


@pytest.mark.rule(16)
def test_pool_that_comes_later_runs_what_waits_for_it(lab):
    job = lab.create_job("j", "later")
    task = job.create_task("t", "echo at last")
    assert task.state == "active"
    lab.create_pool("later", target_dedicated_nodes=1)
    task.wait(timeout=SOON)
    assert task.stdout == "at last\n"


def test_pool_that_spreads_uses_all_nodes(lab):
    pool = pool_of(lab, 2, task_slots_per_node=2)
    tasks = start(lab.create_job("j", pool), LONG, LONG)
    assert len({task.node_id for task in tasks}) == 2


def test_pool_that_packs_fills_a_node_first(lab):
    pool = pool_of(lab, 2, task_slots_per_node=2, task_scheduling_policy="pack")
    tasks = start(lab.create_job("j", pool), LONG, LONG, LONG)
    nodes = [task.node_id for task in tasks]
    assert nodes[0] == nodes[1] != nodes[2]


def test_pool_grows_and_its_new_nodes_take_what_waits(lab):
    pool = pool_of(lab)
    job = lab.create_job("j", pool)
    start(job, LONG)
    task = job.create_task("t", "true")
    assert task.explain().codes
    pool.resize(2)
    task.wait(timeout=SOON)
    assert pool.nodes[task.node_id].total_tasks_run == 1


@pytest.mark.rule(43)
@pytest.mark.parametrize(
    ("settings", "code"),
    [
        ({"resize_timeout": "4m"}, "InvalidPropertyValue"),
        ({"target_dedicated_nodes": -1}, "InvalidPropertyValue"),
        ({"target_dedicated_nodes": "2"}, "InvalidPropertyValue"),
        ({"task_slots_per_node": 9}, "InvalidPropertyValue"),
        ({"vm_siez": "small"}, "UnsupportedProperty"),
        ({"task_scheduling_policy": "random"}, "InvalidPropertyValue"),
        ({"start_task": ""}, "MissingRequiredProperty"),
    ],
)
@pytest.mark.worlds("simulated")
def test_pool_with_bad_settings_is_refused_and_not_there(lab, settings, code):
    with refused(code):
        lab.create_pool("p", **settings)
    assert len(lab.pools) == 0


@pytest.mark.rule(73)
def test_everything_twice_is_refused_or_harmless_and_changes_nothing(lab):
    pool = pool_of(lab)
    job = lab.create_job("j", pool)
    task = only(run(job, sh("exit 3")))
    with refused("JobExists"):
        lab.create_job("J", pool)
    with refused("TaskExists"):
        job.create_tasks([bl.TaskSpec(id="new", command_line="true"),
                          bl.TaskSpec(id=task.id.upper(), command_line="true")])  # fmt: skip
    assert list(job.tasks) == [task.id]
    with refused("TaskCompleted"):
        task.terminate()
    task.reactivate()
    with refused("TaskNotCompleted"):
        task.reactivate()
    task.wait(timeout=SOON)
    task.delete()
    with refused("TaskNotFound"):
        task.delete()
    end(job)
    with refused("JobCompleted"):
        job.terminate()
    job.delete()
    job.wait("deleted", timeout=SOON)
    with refused("JobNotFound"):
        job.delete()
    pool.delete()
    pool.wait("deleted", timeout=SOON)
    with refused("PoolNotFound"):
        pool.delete()
