"""Many short tasks: those that wait on a node for a slot are queued tasks like all others."""

import pytest

import batchlab as bl
from helpers.stories import SHARED, pool_of, sh

COUNT = 120


def short(*numbers):
    return [
        bl.TaskSpec(id=f"t{number:03}", command_line=sh(f"echo {number} >> {SHARED}/runs"))
        for number in numbers
    ]


def ran(pool):
    """The numbers of the tasks in the order in which they ran, node by node."""
    return [
        int(line)
        for node in pool.nodes.values()
        for line in node.files.text("shared/runs").split()
    ]


@pytest.mark.processes
def test_each_short_task_runs_once_in_order(lab):
    pool = pool_of(lab)
    job = lab.create_job("j", pool)
    job.create_tasks(short(*range(COUNT)))
    job.tasks.wait()
    assert ran(pool) == list(range(COUNT))
    assert {task.retry_count + task.requeue_count for task in job.tasks.values()} == {0}
    assert all(task.start_time <= task.end_time for task in job.tasks.values())


@pytest.mark.processes
def test_queued_tasks_end_change_and_give_way_while_short_ones_run(lab):
    pool = pool_of(lab, nodes=2)
    low, high = lab.create_job("low", pool), lab.create_job("high", pool, priority=10)
    low.create_tasks(short(*range(COUNT)))
    low.tasks["t005"].wait()
    low.tasks["t118"].terminate()
    low.tasks["t119"].delete()
    high.create_tasks(short(500))
    high.tasks["t500"].wait()
    low.disable("requeue")
    low.wait("disabled")
    counts = low.task_counts
    assert counts.running == 0
    low.enable()
    low.tasks.wait()
    found = ran(pool)
    assert set(range(COUNT - 2)) <= set(found)
    assert "t119" not in low.tasks
    assert len(found) - len(set(found)) <= sum(task.requeue_count for task in low.tasks.values())


@pytest.mark.processes
def test_job_that_ends_leaves_no_short_task_behind(lab):
    pool = pool_of(lab)
    job = lab.create_job("j", pool)
    job.create_tasks(short(*range(COUNT)))
    job.tasks["t010"].wait()
    job.terminate()
    job.wait("completed")
    done = len(ran(pool))
    counts = job.task_counts
    assert counts.running == 0
    other = lab.create_job("k", pool)
    other.create_tasks(short(*range(COUNT, 2 * COUNT)))
    other.tasks.wait()
    assert len(ran(pool)) == done + COUNT
