"""What simulated nodes say they use: what the workload says its commands do."""

import pytest

import batchlab as bl

HEAVY = bl.Load(cpu=0.5, memory_megabytes=500, disk_read_bytes=1000.0, disk_gigabytes=2)


def measured(lab, pool, after="0s"):
    lab.advance(after)
    pool.measure()
    (node,) = pool.nodes.values()
    return node.usage


@pytest.fixture
def lab():
    workload = bl.Workload("60s", rules={"heavy*": bl.Behavior(duration="10m", load=HEAVY)})
    with bl.SimulatedLab(workload=workload, boot="0s") as lab:
        yield lab


def test_load_of_a_run_is_what_the_workload_says(lab):
    pool = lab.create_pool("p", target_dedicated_nodes=1, vm_size="medium")
    job = lab.create_job("j", pool)
    assert measured(lab, pool).cpu_percent == 0
    job.create_task("heavy", "render")
    usage = measured(lab, pool, "30s")
    assert usage.cpu_percent == pytest.approx(25)  # half a core of two
    assert usage.memory_megabytes == 500
    assert usage.disk_gigabytes == 2
    assert usage.disk_read_bytes == pytest.approx(30_000)
    assert usage.disk_write_bytes == 0
    assert usage.wall_clock_seconds == pytest.approx(30)


def test_run_that_ended_counts_for_as_long_as_it_ran(lab):
    pool = lab.create_pool("p", target_dedicated_nodes=1, vm_size="medium")
    job = lab.create_job("j", pool)
    measured(lab, pool)
    job.create_task("t", "render")  # a minute of one core
    usage = measured(lab, pool, "2m")
    assert usage.cpu_percent == pytest.approx(25)
    assert usage.wall_clock_seconds == pytest.approx(60)
    assert usage.memory_megabytes == 0
    assert measured(lab, pool, "1m").wall_clock_seconds == 0


def test_runs_side_by_side_add_up_to_all_cores_at_most(lab):
    pool = lab.create_pool("p", target_dedicated_nodes=1, vm_size="medium", task_slots_per_node=4)
    job = lab.create_job("j", pool)
    job.create_tasks(["render"] * 4)
    usage = measured(lab, pool)  # the first time: how busy it is at this moment
    assert usage.cpu_percent == 100
    assert usage.memory_megabytes == 400
    assert measured(lab, pool, "10s").wall_clock_seconds == pytest.approx(40)


def test_even_loads_are_told_alike_until_one_begins_or_ends(lab):
    pool = lab.create_pool("p", target_dedicated_nodes=1, vm_size="medium", task_slots_per_node=2)
    job = lab.create_job("j", pool)
    job.create_task("heavy", "render")  # ten minutes of half a core
    told = [measured(lab, pool, "30s") for _ in range(4)]
    assert [usage.wall_clock_seconds for usage in told[1:]] == [30.0] * 3
    assert [usage.disk_read_bytes for usage in told[1:]] == [30_000.0] * 3
    assert measured(lab, pool, "20s").disk_read_bytes == pytest.approx(20_000)
    lab.advance("10s")
    job.create_task("t", "render")  # a minute of one core
    usage = measured(lab, pool, "20s")  # 30 s after the last time
    assert usage.wall_clock_seconds == pytest.approx(50)
    assert usage.cpu_percent == pytest.approx(100 * (15 + 20) / 60)
    assert measured(lab, pool, "30s").wall_clock_seconds == pytest.approx(60)
    assert measured(lab, pool, "30s").wall_clock_seconds == pytest.approx(40)
    assert measured(lab, pool, "30s").wall_clock_seconds == pytest.approx(30)


def test_reboot_begins_a_new_book(lab):
    pool = lab.create_pool("p", target_dedicated_nodes=1)
    job = lab.create_job("j", pool)
    measured(lab, pool)
    job.create_task("heavy", "render")
    lab.advance("10s")
    (node,) = pool.nodes.values()
    node.disable_scheduling()
    node.reboot()
    lab.advance("10s")
    assert measured(lab, pool).wall_clock_seconds == 0


@pytest.mark.parametrize(
    "given",
    [{"cpu": -1}, {"cpu": "2"}, {"memory_megabytes": True}, {"disk_read_ops": 1e999}],
)
def test_load_that_is_no_load_is_refused(given):
    with pytest.raises(bl.InvalidRequest) as refused:
        bl.Load(**given)
    assert refused.value.code == "InvalidPropertyValue"
    assert next(iter(given)) in refused.value.message
