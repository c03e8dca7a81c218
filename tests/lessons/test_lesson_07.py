"""Lesson 07: what learners try, and the hint that is meant for it."""

from __future__ import annotations

from typing import Any

import pytest

import batchlab as bl
from batchlab import lessons


@pytest.fixture
def farm(lab: bl.SimulatedLab) -> bl.Pool:
    """Four idle nodes."""
    pool = lab.create_pool("farm", target_dedicated_nodes=4)
    pool.nodes.wait("idle")
    return pool


def overtake(
    lab: bl.SimulatedLab, counts: tuple[int, int] = (12, 12), pool: str = "farm", **second: Any
) -> tuple[bl.Job, bl.Job]:
    jobs = lab.create_job("one", "farm"), lab.create_job("two", pool, **second)
    for job, count in zip(jobs, counts, strict=True):
        job.create_tasks(["render"] * count)
    lab.advance("20m")
    return jobs


def test_07_1_with_a_priority_is_right(lab: bl.SimulatedLab, farm: bl.Pool) -> None:
    assert lessons.check("07-1", *overtake(lab, priority=9)).is_right


@pytest.mark.parametrize(
    ("more", "hint"),
    [({}, "take turns"), ({"counts": (12, 4)}, "list of command lines")],
)
def test_07_1_of_a_wrong_answer_gives_its_hint(
    lab: bl.SimulatedLab, farm: bl.Pool, more: dict[str, Any], hint: str
) -> None:
    assert hint in lessons.check("07-1", *overtake(lab, **more)).hint


def test_07_1_in_the_wrong_order_or_in_two_pools_gives_its_hint(
    lab: bl.SimulatedLab, farm: bl.Pool
) -> None:
    one, two = overtake(lab, priority=9)
    assert "order of their creation" in lessons.check("07-1", two, one).hint
    lab.create_pool("other", target_dedicated_nodes=4).nodes.wait("idle")
    three = lab.create_job("three", "other")
    three.create_tasks(["render"] * 12)
    three.tasks.wait()
    assert "do not compete for nodes" in lessons.check("07-1", one, three).hint
    assert "do not compete for nodes" in lessons.check("07-3", one, three).hint


@pytest.mark.parametrize(
    ("most", "count", "hint"),
    [
        (2, 8, ""),
        (-1, 8, "limits a job"),
        (1, 8, "Two tasks may run"),
        (2, 3, "list of command lines"),
    ],
)
def test_07_2_is_right_with_a_limit_of_two_and_hints_at_others(
    lab: bl.SimulatedLab, farm: bl.Pool, most: int, count: int, hint: str
) -> None:
    job = lab.create_job("modest", farm, max_parallel_tasks=most)
    job.create_tasks(["render"] * count)
    lab.advance("20m")
    answer = lessons.check("07-2", job)
    assert answer.is_right == (not hint)
    assert hint in answer.hint


def test_07_2_in_a_pool_of_two_nodes_asks_for_what_holds_the_job_back(
    lab: bl.SimulatedLab,
) -> None:
    small = lab.create_pool("small", target_dedicated_nodes=2)
    small.nodes.wait("idle")
    job = lab.create_job("modest", small)
    job.create_tasks(["render"] * 8)
    job.tasks.wait()
    assert "limit the job itself" in lessons.check("07-2", job).hint


def make_room(
    lab: bl.SimulatedLab, first: dict[str, Any], second: dict[str, Any], after: str = "20s"
) -> lessons.Answer:
    moved, urgent = (
        lab.create_job("moved", "farm", **first),
        lab.create_job("urgent", "farm", **second),
    )
    moved.create_tasks(["render"] * 4)
    lab.advance(after)
    urgent.create_tasks(["render"])
    lab.advance("20m")
    return lessons.check("07-3", moved, urgent)


YIELDS, FIRST = {"allow_task_preemption": True}, {"priority": 9}


def test_07_3_with_preemption_and_priority_is_right(lab: bl.SimulatedLab, farm: bl.Pool) -> None:
    assert make_room(lab, YIELDS, FIRST).is_right


@pytest.mark.parametrize(
    ("first", "second", "after", "hint"),
    [
        ({}, FIRST, "20s", "may the tasks of the other job be stopped"),
        (YIELDS, {}, "20s", "Does it have the higher priority"),
        (YIELDS, FIRST, "5m", "running on all nodes"),
    ],
)
def test_07_3_of_a_wrong_answer_gives_its_hint(
    lab: bl.SimulatedLab,
    farm: bl.Pool,
    first: dict[str, Any],
    second: dict[str, Any],
    after: str,
    hint: str,
) -> None:
    assert hint in make_room(lab, first, second, after).hint
