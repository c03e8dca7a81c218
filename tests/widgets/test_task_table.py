"""The table of tasks: failures first, then in the order in which people count."""

from __future__ import annotations

import re

import batchlab as bl


def ids(page: str) -> list[str]:
    """The first cell of each row."""
    return re.findall(r"<tr [^>]*><td [^>]*>([^<]*)</td>", page)


def test_failed_tasks_come_first_with_what_became_of_them() -> None:
    with bl.SimulatedLab() as lab:
        pool = lab.create_pool("p", target_dedicated_nodes=1)
        job = lab.create_job("j", pool)
        for number in (1, 2, 10, 3, 11):
            job.create_task(f"task{number}", f"/bin/sh -c 'sleep 5; exit {number % 2}'")
        job.tasks.wait()
        page = job.tasks._repr_html_()
    assert ids(page) == ["task1", "task3", "task11", "task2", "task10"]
    assert page.count("</span>failed</span>") == 3
    assert page.count("</span>succeeded</span>") == 2
    assert page.count(">5.0 s</td>") == 5


def test_many_failures_leave_no_room_for_others() -> None:
    with bl.SimulatedLab() as lab:
        job = lab.create_job("j", lab.create_pool("p", target_dedicated_nodes=1))
        job.create_tasks(["true"] * 30 + ["false"] * 30)
        job.tasks.wait()
        page = job.tasks._repr_html_()
    assert ids(page) == [f"task{number:03d}" for number in range(31, 51)]
    assert "and 40 more" in page
