"""Batch in production: what learners try, and the hint that is meant for it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest

import batchlab as bl
from batchlab import lessons

# -- 20-1: a test that finds the faults ---------------------------------------------------------


def last_end(job: bl.Job) -> Any:
    return max(task.end_time for task in job.tasks.views())


def whole(lab: bl.SimulatedLab, pool: bl.Pool, job: bl.Job) -> None:
    lab.advance("30m")
    next(iter(pool.nodes.values())).reboot()
    job.wait("completed")
    assert job.counts.succeeded == 80
    assert last_end(job) - pool.creation_time <= timedelta(minutes=90)
    assert len(job.preparations.filter(release="success")) == len(job.preparations)


def in_a_loop(lab: bl.SimulatedLab, pool: bl.Pool, job: bl.Job) -> None:
    begin = lab.now
    while job.state != "completed":
        lab.advance("1m")
        if lab.now - begin == timedelta(minutes=30):
            list(pool.nodes.values())[-1].reboot("requeue")
    releases = [row.job_release_task_execution_info for row in job.preparations]
    assert all(info and info.result == "success" for info in releases)
    if any(task.result != "success" for task in job.tasks.views()):
        pytest.fail("a book is missing")
    assert lab.now - begin <= timedelta(minutes=90), "too late"


def with_defaults(lab: Any, pool: Any, job: Any, *, most: int = 90) -> None:
    whole(lab, pool, job)
    assert most == 90
    job.delete()


@pytest.mark.parametrize("test", [whole, in_a_loop, with_defaults])
def test_20_1_that_tests_the_whole_night_is_right(test: Callable[..., None]) -> None:
    answer = lessons.check("20-1", test)
    assert answer.is_right, answer
    assert answer.text == "it passes for 3 good definitions and finds all 6 faulty ones."


def only_time(lab: bl.SimulatedLab, pool: bl.Pool, job: bl.Job) -> None:
    lab.advance("30m")
    next(iter(pool.nodes.values())).reboot()
    job.wait("completed")
    assert last_end(job) - pool.creation_time <= timedelta(minutes=90)


def only_success(lab: bl.SimulatedLab, pool: bl.Pool, job: bl.Job) -> None:
    job.tasks.wait()
    assert job.counts.succeeded == 80


def quiet_night(lab: bl.SimulatedLab, pool: bl.Pool, job: bl.Job) -> None:
    job.wait("completed")
    assert job.counts.succeeded == 80
    assert lab.now - pool.creation_time <= timedelta(minutes=90)
    assert len(job.preparations.filter(release="success")) == len(job.preparations)


def no_release(lab: bl.SimulatedLab, pool: bl.Pool, job: bl.Job) -> None:
    lab.advance("30m")
    next(iter(pool.nodes.values())).reboot()
    job.wait("completed")
    assert job.counts.succeeded == 80
    assert lab.now - pool.creation_time <= timedelta(minutes=90)


def never_ends_itself(lab: bl.SimulatedLab, pool: bl.Pool, job: bl.Job) -> None:
    lab.advance("30m")
    next(iter(pool.nodes.values())).reboot()
    job.tasks.wait()
    assert job.counts.succeeded == 80
    assert lab.now - pool.creation_time <= timedelta(minutes=90)
    with suppress(bl.Conflict):
        job.terminate()
    job.wait("completed")
    assert len(job.preparations.filter(release="success")) == len(job.preparations)


@pytest.mark.parametrize(
    ("test", "fault", "hint"),
    [
        (only_time, "without retries", "has not always succeeded"),
        (only_success, "three nodes", "Compare times"),
        (quiet_night, "works only once", "reboot a node half an hour after"),
        (no_release, "a release task that fails", "job.preparations shows"),
        (never_ends_itself, "does not end when", "Which state"),
    ],
)
def test_20_1_that_forgets_something_is_shown_what(
    test: Callable[..., None], fault: str, hint: str
) -> None:
    answer = lessons.check("20-1", test)
    assert answer.outcome == "not yet"
    assert fault in answer.text
    assert hint in answer.hint


def knows_the_names(lab: bl.SimulatedLab, pool: bl.Pool, job: bl.Job) -> None:
    assert lab.pools["risk-1"].target_dedicated_nodes == 4


def reads_the_definition(lab: bl.SimulatedLab, pool: bl.Pool, job: bl.Job) -> None:
    assert pool.target_dedicated_nodes * pool.task_slots_per_node >= 4
    assert job.on_all_tasks_complete == "terminatejob"


def reads_it_all(lab: bl.SimulatedLab, pool: bl.Pool, job: bl.Job) -> None:
    lab.advance("3h")
    assert pool.target_dedicated_nodes * pool.task_slots_per_node >= 4
    assert "mkdir" not in pool.start_task.command_line
    assert job.on_all_tasks_complete == "terminatejob"
    assert "delete" in job.job_release_task.command_line
    assert job.constraints.max_wall_clock_time is None


def returns_it(lab: bl.SimulatedLab, pool: bl.Pool, job: bl.Job) -> bool:
    job.wait("completed")
    return bool(job.counts.succeeded == 80)


def always_fails(lab: bl.SimulatedLab, pool: bl.Pool, job: bl.Job) -> None:
    raise AssertionError


def waits_forever(lab: bl.SimulatedLab, pool: bl.Pool, job: bl.Job) -> None:
    while pool.nodes:
        lab.advance("10m")


@pytest.mark.parametrize(
    ("test", "says"),
    [
        (knows_the_names, "Let the time pass"),
        (reads_the_definition, "Let the time pass"),
        (reads_it_all, "not how it is written"),
        (returns_it, "raises an error"),
        (always_fails, "definitions differ"),
        (waits_forever, "definitions differ"),
        (lambda lab, pool, job: None, "Let the time pass"),
        (lambda lab: None, "the lab, the pool and the job"),
    ],
)
def test_20_1_that_is_no_test_of_the_night_is_wrong(test: Callable[..., Any], says: str) -> None:
    answer = lessons.check("20-1", test)
    assert answer.outcome == "not yet"
    assert says in answer.hint


# -- 20-3: from blue to green -------------------------------------------------------------------

TIMES = {"install *": "2m", "download *": "8m", "value *": "3m"}


@pytest.fixture
def today() -> Any:
    with bl.SimulatedLab(boot="4m", workload=bl.Workload(rules=TIMES)) as lab:
        lab.create_pool("blue", target_dedicated_nodes=4, start_task="install risk-1.0")
        job = lab.create_job("night", "blue", job_preparation_task="download prices")
        job.create_tasks(["value book"] * 80)
        lab.advance("31m")
        yield lab


def rollout(
    lab: bl.SimulatedLab, *, how: str = "wait", program: str = "install risk-2.0",
    drain: str = "taskcompletion", first: bool = True, pause: str = "0s", name: str = "green",
) -> lessons.Answer:  # fmt: skip
    green = lab.create_pool(name, target_dedicated_nodes=4, start_task=program)
    job, blue = lab.jobs["night"], lab.pools["blue"]
    if first:
        green.nodes.wait("idle")
    lab.advance(pause)
    job.disable(how)
    job.wait("disabled")
    job.update(pool_info=name)
    job.enable()
    blue.resize(0, node_deallocation_option=drain)
    job.tasks.wait()
    return lessons.check("20-3", job)


@pytest.mark.parametrize(
    "way",
    [{}, {"drain": "requeue"}, {"first": False}, {"name": "risk-2"},
     {"program": "/bin/sh -c 'install risk-2.0'"}],
)  # fmt: skip
def test_20_3_without_loss_is_right(today: bl.SimulatedLab, way: dict[str, Any]) -> None:
    answer = rollout(today, **way)
    assert answer.is_right, answer


def test_20_3_that_drains_blue_and_moves_the_queue_is_right(today: bl.SimulatedLab) -> None:
    job, blue = today.jobs["night"], today.pools["blue"]
    blue.resize(0, node_deallocation_option="taskcompletion")
    today.create_pool("green", target_dedicated_nodes=8, start_task="install risk-2.0")
    blue.wait("steady")
    blue.delete()
    job.disable("requeue")
    job.wait("disabled")
    job.update(pool_info="green")
    job.enable()
    job.tasks.wait()
    assert lessons.check("20-3", job).is_right


@pytest.mark.parametrize(
    ("way", "hint"),
    [
        ({"how": "requeue"}, "what happens to running tasks"),
        ({"how": "terminate"}, "ended early"),
        ({"program": "install risk-1.0"}, "does the start task"),
        ({"pause": "30m"}, "so early"),
        ({"program": "install risk-2.01"}, "does the start task"),
        ({"program": "/bin/sh -c 'echo risk-2.0'"}, "takes two minutes"),
    ],
)
def test_20_3_of_a_wrong_rollout_gives_its_hint(
    today: bl.SimulatedLab, way: dict[str, Any], hint: str
) -> None:
    answer = rollout(today, **way)
    assert answer.outcome == "not yet"
    assert hint in answer.hint


def test_20_3_on_blue_alone_is_wrong(today: bl.SimulatedLab) -> None:
    job, blue = today.jobs["night"], today.pools["blue"]
    blue.resize(12)
    job.tasks.wait()
    blue.resize(0)
    blue.wait("steady")
    assert "still names blue" in lessons.check("20-3", job).hint


def test_20_3_with_blue_left_is_wrong(today: bl.SimulatedLab) -> None:
    job = today.jobs["night"]
    today.create_pool("green", target_dedicated_nodes=4, start_task="install risk-2.0")
    job.disable("wait")
    job.wait("disabled")
    job.update(pool_info="green")
    job.enable()
    job.tasks.wait()
    assert "blue still has 4 nodes" in lessons.check("20-3", job).text


def test_20_3_with_another_job_is_wrong(today: bl.SimulatedLab) -> None:
    today.pools["blue"].resize(0, node_deallocation_option="taskcompletion")
    today.create_pool("green", target_dedicated_nodes=8, start_task="install risk-2.0")
    job = today.create_job("again", "green", job_preparation_task="download prices")
    job.create_tasks(["value book"] * 80)
    job.tasks.wait()
    assert "nothing should be computed again" in lessons.check("20-3", job).hint


def test_20_3_that_empties_the_job_is_wrong(today: bl.SimulatedLab) -> None:
    job = today.jobs["night"]
    for task in job.tasks.filter(state="active").values():
        task.delete()
    job.create_tasks(["/bin/true"] * 60)
    answer = rollout(today)
    assert answer.outcome == "not yet"
    assert "nothing should be computed again" in answer.hint
