import pytest

import batchlab as bl
from helpers.stories import LONG, SHARED, SOON, only, pool_of, refused, run, sh, spot_of, start


def test_pool_of_both_kinds_tells_its_tasks_which_one_they_are_on(lab):
    pool, _ = spot_of(lab, dedicated=1)
    assert (pool.current_dedicated_nodes, pool.current_low_priority_nodes) == (1, 1)
    command = sh("echo $AZ_BATCH_NODE_IS_DEDICATED")
    start_task = sh(f"echo $AZ_BATCH_NODE_IS_DEDICATED > {SHARED}/kind")
    job = lab.create_job("j", pool, job_preparation_task=start_task)
    for node in pool.nodes.values():
        other = only(other for other in pool.nodes.values() if other != node)
        other.disable_scheduling()
        task = job.create_task(f"on-{node.is_dedicated}", command)
        task.wait(timeout=SOON)
        other.enable_scheduling()
        expected = "true\n" if node.is_dedicated else "false\n"
        assert (task.node_id, task.stdout) == (node.id, expected)
        assert node.files.text("shared/kind") == expected


@pytest.mark.rule(48)
@pytest.mark.processes
@pytest.mark.settings(spot_return="30s")
def test_node_preempted_loses_its_files_and_its_task_runs_again(world, lab):
    mark = sh(f"echo start >> {SHARED}/starts")
    pool, (node,) = spot_of(lab, start_task=mark)
    address = node.ip_address
    job = lab.create_job("j", pool, job_preparation_task=sh(f"echo x >> {SHARED}/prepared"))
    script = f"echo run >> {SHARED}/runs; {LONG}"
    task = only(start(job, sh(script)))
    world.until(lambda: node.files.text("shared/runs") == "run\n")
    node.preempt()
    assert (node.state, task.state, pool.nodes.ids()) == ("preempted", "active", [node.id])
    assert (node.ip_address, pool.current_low_priority_nodes) == (address, 1)
    with pytest.raises(bl.BatchError):
        node.files.list("shared")
    task.wait("running", timeout=SOON)
    world.until(lambda: node.files.text("shared/runs") == "run\n")
    assert node.files.text("shared/starts") == "start\n"
    assert node.files.text("shared/prepared") == "x\n"
    assert (task.node_id, task.requeue_count, task.retry_count) == (node.id, 0, 0)
    assert (node.ip_address, pool.current_low_priority_nodes) == (address, 1)
    assert (node.state, pool.allocation_state) == ("running", "steady")


@pytest.mark.settings(spot_return="1h")
def test_node_preempted_leaves_its_task_to_a_dedicated_one(lab):
    pool, (spot,) = spot_of(lab, dedicated=1)
    dedicated = only(node for node in pool.nodes.values() if node.is_dedicated)
    dedicated.disable_scheduling()
    script = f"test $AZ_BATCH_NODE_IS_DEDICATED = true || {LONG}"
    job = lab.create_job("j", pool)
    task = only(start(job, sh(script)))
    assert task.node_id == spot.id
    spot.preempt()
    dedicated.enable_scheduling()
    task.wait(timeout=SOON)
    assert (task.exit_code, task.node_id) == (0, dedicated.id)
    assert (spot.state, pool.current_low_priority_nodes) == ("preempted", 1)


@pytest.mark.processes
@pytest.mark.settings(spot_return="1h")
def test_node_preempted_can_be_removed_while_it_is_away(lab):
    pool, (node,) = spot_of(lab)
    node.preempt()
    node.wait("preempted", timeout=SOON)
    pool.resize(target_low_priority_nodes=0)
    pool.wait("steady", timeout=SOON)
    assert (len(pool.nodes), pool.current_low_priority_nodes) == (0, 0)


@pytest.mark.settings(spot_return="1h")
def test_lab_closes_with_a_node_that_is_away(lab):
    pool, (node,) = spot_of(lab, 2)[0], spot_of(lab, id="q")[1]
    only(list(pool.nodes.values())[:1]).preempt()
    node.preempt()
    lab.close()
    lab.close()


@pytest.mark.settings(spot_return="1ms")
def test_node_preempted_and_back_at_once_is_itself(lab):
    pool, (node,) = spot_of(lab)
    address = node.ip_address
    job = lab.create_job("j", pool)
    run(job, sh(f"echo x > {SHARED}/x"))
    for count in range(3):
        booted = node.last_boot_time
        node.preempt()
        node.wait("idle", timeout=SOON)
        assert node.last_boot_time > booted
        assert node.files.list("shared") == []
        assert only(run(job, sh(f"echo x > {SHARED}/x"))).exit_code == 0, count
    assert (node.ip_address, pool.nodes.ids()) == (address, [node.id])


@pytest.mark.settings(spot_return="30s")
def test_node_preempted_while_its_start_task_runs_comes_back(lab):
    pool = lab.create_pool("p", target_low_priority_nodes=1, start_task=LONG)
    node = only(pool.nodes.values())
    node.wait("waitingforstarttask", timeout=SOON)
    node.preempt()
    pool.update(start_task="true")
    node.wait("idle", timeout=SOON)
    assert node.start_task_info.exit_code == 0


def test_dedicated_node_is_not_taken_away(lab):
    node = only(pool_of(lab).nodes.values())
    with refused("OperationNotValidOnNode"):
        node.preempt()
    assert node.state == "idle"


@pytest.mark.settings(quotas=bl.Quotas(low_priority_core_quota=2, dedicated_core_quota=4))
def test_quota_of_spot_cores_is_its_own(lab):
    pool = lab.create_pool(
        "p", vm_size="medium", target_dedicated_nodes=2, target_low_priority_nodes=2
    )
    pool.wait("steady", timeout=SOON)
    assert (pool.current_dedicated_nodes, pool.current_low_priority_nodes) == (2, 1)
    assert [error.code for error in pool.resize_errors] == ["AccountLowPriorityCoreQuotaReached"]


@pytest.mark.code("Forbidden")
@pytest.mark.settings(not_enabled=("max_parallel_tasks", "allow_task_preemption"))
def test_properties_that_are_not_enabled_for_the_account_are_refused(lab):
    lab.create_pool("p")
    job = lab.create_job("j", "p", max_parallel_tasks=-1, allow_task_preemption=False)
    for given in ({"max_parallel_tasks": 1}, {"allow_task_preemption": True}):
        (name,) = given
        with refused("Forbidden") as caught:
            lab.create_job("k", "p", **given)
        assert caught.value.status == 403
        assert name in caught.value.message
        with refused("Forbidden"):
            job.update(**given)
        template = bl.JobSpec(pool_info="p", **given)
        with refused("Forbidden"):
            lab.create_job_schedule("s", schedule="1h", job_specification=template)
    assert (job.max_parallel_tasks, job.allow_task_preemption) == (-1, False)
    assert list(lab.jobs) == ["j"]
    assert not lab.job_schedules
    schedule = lab.create_job_schedule(
        "s", schedule="1h", job_specification=bl.JobSpec(pool_info="p")
    )
    with refused("Forbidden"):
        schedule.update(job_specification=bl.JobSpec(pool_info="p", max_parallel_tasks=2))


@pytest.mark.code("PoolQuotaReached")
@pytest.mark.settings(quotas=bl.Quotas(pool_quota=1, active_job_and_job_schedule_quota=1))
def test_quotas_of_pools_and_jobs_are_kept(lab):
    lab.create_pool("p")
    job = lab.create_job("j", "p")
    with refused("PoolQuotaReached"):
        lab.create_pool("q")
    with refused("ActiveJobAndScheduleQuotaReached"):
        lab.create_job("k", "p")
    job.terminate()
    job.wait("completed", timeout=SOON)
    assert lab.create_job("k", "p").state == "active"
