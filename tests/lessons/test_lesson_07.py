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


@pytest.mark.parametrize(
    ("lines", "late", "hint"),
    [
        (("render", "echo quick"), False, "The same tasks in both jobs"),
        (("exit 0", "render"), False, "They should succeed"),
        (("render", "render"), True, "easily overtaken"),
    ],
)
def test_07_1_of_shorter_failed_or_later_tasks_is_wrong(
    lab: bl.SimulatedLab, farm: bl.Pool, lines: tuple[str, str], late: bool, hint: str
) -> None:
    first, second = lab.create_job("one", farm), lab.create_job("two", farm, priority=5)
    jobs = [(first, lines[0]), (second, lines[1])]
    for job, line in reversed(jobs) if late else jobs:
        job.create_tasks([line] * 12)
        if late:
            lab.advance("10m")
    lab.advance("20m")
    assert hint in lessons.check("07-1", first, second).hint


def test_07_1_with_one_job_ended_is_wrong(lab: bl.SimulatedLab, farm: bl.Pool) -> None:
    first, second = lab.create_job("one", farm), lab.create_job("two", farm)
    for job in (first, second):
        job.create_tasks(["render"] * 12)
    for task in first.tasks.values():
        task.terminate()
    lab.advance("20m")
    assert not lessons.check("07-1", first, second).is_right


@pytest.mark.parametrize("how", ["lower", "update", "disable"])
def test_07_1_in_another_way_with_more_tasks_is_right(
    lab: bl.SimulatedLab, farm: bl.Pool, how: str
) -> None:
    first = lab.create_job("one", farm, priority=-10 if how == "lower" else 0)
    second = lab.create_job("two", farm)
    for job in (first, second):
        job.create_tasks([bl.TaskSpec(id=f"t{n}", command_line="render it") for n in range(14)])
    if how == "update":
        second.update(priority=1000)
    if how == "disable":
        first.disable("wait")
        second.tasks.wait()
        first.enable()
    lab.advance("20m")
    answer = lessons.check("07-1", first, second)
    assert answer.is_right, answer


@pytest.mark.parametrize("how", ["hog", "offline", "failed"])
def test_07_2_held_back_by_something_else_is_wrong(
    lab: bl.SimulatedLab, farm: bl.Pool, how: str
) -> None:
    if how == "hog":
        lab.create_job("hog", farm, priority=9).create_tasks(["sleep 7200"] * 2)
    if how == "offline":
        for node in list(farm.nodes.values())[:2]:
            node.disable_scheduling()
    limit = {"max_parallel_tasks": 2} if how == "failed" else {}
    job = lab.create_job("modest", farm, **limit)
    job.create_tasks(["/bin/sh -c 'render; exit 1'" if how == "failed" else "render"] * 8)
    job.tasks.wait()
    answer = lessons.check("07-2", job)
    assert answer.outcome == "not yet"


def test_07_2_limited_later_or_by_dependencies_is_right(
    lab: bl.SimulatedLab, farm: bl.Pool
) -> None:
    job = lab.create_job("later", farm)
    job.update(max_parallel_tasks=2)
    job.create_tasks([bl.TaskSpec(id=f"t{n}", command_line="render it") for n in range(9)])
    job.tasks.wait()
    assert lessons.check("07-2", job).is_right
    chains = lab.create_job("chains", farm, uses_task_dependencies=True)
    for number in range(8):
        needs = [f"t{number - 2}"] if number > 1 else None
        chains.create_task(f"t{number}", "render", depends_on=needs)
    chains.tasks.wait()
    assert lessons.check("07-2", chains).is_right


def test_07_3_with_a_free_node_or_failed_tasks_is_wrong(
    lab: bl.SimulatedLab, farm: bl.Pool
) -> None:
    farm.resize(5)
    farm.nodes.wait("idle")
    assert "running on all nodes" in make_room(lab, YIELDS, FIRST).hint


def test_07_3_with_tasks_ended_by_hand_is_wrong(lab: bl.SimulatedLab, farm: bl.Pool) -> None:
    moved, urgent = lab.create_job("m", farm, **YIELDS), lab.create_job("u", farm, **FIRST)
    moved.create_tasks(["render"] * 4)
    lab.advance("20s")
    moved.tasks["task001"].terminate()
    urgent.create_tasks(["render"])
    lab.advance("20m")
    assert lessons.check("07-3", moved, urgent).outcome == "not yet"


def test_07_3_with_another_priority_and_more_tasks_is_right(
    lab: bl.SimulatedLab, farm: bl.Pool
) -> None:
    moved = lab.create_job("m", farm, priority=-1)
    moved.update(allow_task_preemption=True)
    moved.create_tasks([bl.TaskSpec(id=f"t{n}", command_line="render it") for n in range(6)])
    lab.advance("30s")
    urgent = lab.create_job("u", farm)
    urgent.create_tasks([bl.TaskSpec(id=f"t{n}", command_line="sleep 30") for n in range(3)])
    lab.advance("20m")
    answer = lessons.check("07-3", moved, urgent)
    assert answer.is_right, answer


def test_07_3_of_jobs_created_again_under_their_ids_looks_at_the_last_ones() -> None:
    with bl.SimulatedLab(workload=bl.Workload(default="60s")) as lab:
        pool = lab.create_pool("farm", target_dedicated_nodes=4)
        pool.nodes.wait("idle")
        for preempts in (False, True):
            moved = lab.create_job("moved", pool, allow_task_preemption=preempts)
            urgent = lab.create_job("urgent", pool, priority=100)
            if not preempts:  # the first try: the second job runs on idle nodes
                urgent.create_task("t", "render").wait()
            moved.create_tasks(["render"] * 4)
            lab.advance("20s")
            if not preempts:
                moved.delete()
                urgent.delete()
                lab.advance("5m")
        urgent.create_task("t", "render").wait()
        moved.tasks.wait()
        answer = lessons.check("07-3", moved, urgent)
        assert answer.is_right, answer
