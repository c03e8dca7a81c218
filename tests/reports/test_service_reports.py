"""Reports about labs: they agree with what the service says."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import batchlab as bl


@pytest.fixture
def lab() -> Iterator[bl.SimulatedLab]:
    """A lab in which a lot has happened."""
    with bl.SimulatedLab(seed=3, boot="90s") as lab:
        pool = lab.create_pool("p", vm_size="large", target_dedicated_nodes=3,
                               start_task="sleep 9", target_low_priority_nodes=1,
                               task_slots_per_node=2)  # fmt: skip
        once = bl.JobConstraints(max_task_retry_count=1)
        job = lab.create_job("j", pool, job_preparation_task="sleep 30", constraints=once,
                             job_release_task="sleep 5", uses_task_dependencies=True)  # fmt: skip
        job.create_tasks([f"sleep {20 + n * 37 % 90}" for n in range(40)])
        job.create_tasks([
            bl.TaskSpec(id="bad", command_line="/bin/sh -c 'exit 3'"),
            bl.TaskSpec(id="after", command_line="sleep 1", depends_on=["task040"]),
        ])  # fmt: skip
        lab.advance("4m")
        next(iter(pool.nodes.values())).reboot()
        job.tasks.wait()
        job.terminate()
        job.wait()
        lab.advance("5m")
        yield lab


def test_report_agrees_with_what_the_service_says(lab: bl.SimulatedLab) -> None:
    for cost, numbers in (
        (lab.cost, lab.report().numbers), (lab.pools["p"].cost, lab.pools["p"].report().numbers),
    ):  # fmt: skip
        spent = numbers.node_hours
        assert sum(spent.values()) == pytest.approx(cost.node_hours)
        assert spent["tasks"] == pytest.approx(cost.task_hours)
        assert spent["idle"] == pytest.approx(cost.idle_hours)
        assert spent["preparation"] == pytest.approx(sum(r.preparation_hours for r in cost))
        assert spent["release"] == pytest.approx(sum(r.release_hours for r in cost))
        assert spent["starttask"] == pytest.approx(sum(r.start_task_hours for r in cost))
        assert numbers.total_cost == pytest.approx(cost.cost)
        assert numbers.machines == sum(row.machines for row in cost)
    numbers, counts = lab.jobs["j"].report().numbers, lab.jobs["j"].counts
    assert (numbers.succeeded, numbers.failed) == (counts.succeeded, counts.failed) == (41, 1)
    assert numbers.retries == 1
    assert numbers.requeues == 2
    assert numbers.waiting_hours["dependencies"] > 0
    views = lab.jobs["j"].tasks.views()
    runs = sorted((view.end_time - view.start_time).total_seconds() for view in views)
    assert numbers.run_times == pytest.approx(runs)


def test_report_of_a_deallocated_node_agrees_with_what_the_service_says() -> None:
    with bl.SimulatedLab(boot="60s") as lab:
        pool = lab.create_pool("p", target_dedicated_nodes=1)
        pool.nodes.wait("idle")
        (node,) = pool.nodes.values()
        lab.advance("1h")
        node.deallocate()
        node.wait("deallocated")
        lab.advance("5h")
        away = lab.report().numbers
        assert sum(away.node_hours.values()) == pytest.approx(lab.cost.node_hours)
        assert away.node_hours["idle"] == pytest.approx(1)
        node.start()
        node.wait("idle")
        task = lab.create_job("j", pool).create_task("t", "sleep 1800")
        task.wait()
        numbers = lab.report().numbers
        assert numbers.node_hours["tasks"] == pytest.approx(0.5)
        assert sum(numbers.node_hours.values()) == pytest.approx(lab.cost.node_hours)
        assert numbers.total_cost == pytest.approx(lab.cost.cost)
        assert numbers.machines == sum(row.machines for row in lab.cost) == 2


def test_report_after_deletion_and_after_the_end_says_the_same(lab: bl.SimulatedLab) -> None:
    pool, job = lab.pools["p"], lab.jobs["j"]
    before = job.report().numbers
    job.delete()
    job.wait("deleted")
    pool.delete()
    pool.wait("deleted")
    lab.close()
    numbers = job.report().numbers
    assert (numbers.succeeded, numbers.failed) == (before.succeeded, before.failed)
    assert numbers.run_times == before.run_times
    assert numbers.waiting_hours == pytest.approx(before.waiting_hours)
    assert numbers.waiting_hours["dependencies"] > 0
    assert numbers.cost == pytest.approx(before.cost)
    assert numbers.is_final
    assert pool.report().numbers.is_final
    assert pool.report().numbers.total_cost == pytest.approx(lab.report().numbers.total_cost)


def test_report_of_a_real_lab_while_it_goes_on() -> None:
    with bl.Lab() as lab:
        pool = lab.create_pool("p", target_dedicated_nodes=1)
        job = lab.create_job("j", pool)
        job.create_tasks(["true", "sleep 60"])
        job.tasks["task001"].wait()
        numbers = job.report().numbers
        assert numbers.succeeded == 1
        assert numbers.running + numbers.waiting == 1
        assert not numbers.is_final
        assert "still running" in repr(job.report())
        job.terminate()
