"""The nights of the capstone: equal numbers are equal nights, and their faults are real."""

from __future__ import annotations

from typing import Any

import pytest

import batchlab as bl
from batchlab import lessons
from helpers.evenings import evening_job


def test_equal_numbers_are_equal_nights_and_others_are_not() -> None:
    found = []
    for number in (5, 5, 6):
        with lessons.night(number) as lab:
            pool = lab.create_pool("p", target_low_priority_nodes=40)
            job = evening_job(lab, pool, 100)
            lab.advance("1h")
            rows = job.preparations
            found.append([(row.node_id, row.job_preparation_task_execution_info) for row in rows])
            found[-1] += [(task.id, task.node_id, task.exit_code) for task in job.tasks.views()]
    assert found[0] == found[1] != found[2]


@pytest.mark.parametrize("number", [0, 1000, 1.5, "1", None, True])
def test_number_that_is_no_night_is_refused(number: Any) -> None:
    with pytest.raises(bl.InvalidRequest, match=r"lessons\.night\.number is .* from 1 to 999"):
        lessons.night(number)


def test_book_without_prices_fails_and_so_does_one_after_a_preemption() -> None:
    with lessons.night(1) as lab:
        pool = lab.create_pool("p", target_low_priority_nodes=1)
        bare = lab.create_job("bare", pool).create_task("one", "value book")
        bare.wait()
        assert "the prices are not on this node" in bare.stderr
        job = evening_job(lab, pool, 1)
        job.tasks.wait()
        assert job.counts.succeeded == 1
        next(iter(pool.nodes.values())).preempt()
        again = lab.create_job("again", pool).create_task("one", "value book")
        again.wait()
        assert "the prices are not on this node" in again.stderr
