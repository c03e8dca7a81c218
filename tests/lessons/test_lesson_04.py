"""Lesson 04: what learners try, and the hint that is meant for it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

import batchlab as bl
from batchlab import lessons

TOOLS = "$AZ_BATCH_NODE_SHARED_DIR/tools.txt"
VERSION = "$AZ_BATCH_NODE_SHARED_DIR/version.txt"


@pytest.fixture
def lab() -> Iterator[bl.SimulatedLab]:
    with bl.SimulatedLab(workload=bl.Workload(default="1m")) as opened:
        yield opened


def equip(
    lab: bl.SimulatedLab, start_task: str | None, count: int = 2, *, reboot: bool = True
) -> lessons.Answer:
    pool = lab.create_pool("equipped", target_dedicated_nodes=count, start_task=start_task)
    lab.advance("10m")
    node = next(iter(pool.nodes.values()))
    if reboot and node.state == "idle":
        node.reboot()
        lab.advance("10m")
    return lessons.check("04-1", pool)


@pytest.mark.parametrize(
    "start_task",
    [
        f"/bin/sh -c 'echo renderer > {TOOLS}'",
        f"/bin/sh -c 'test -e {TOOLS} || echo renderer >> {TOOLS}'",
    ],
)
def test_04_1_with_the_line_once_is_right(lab: bl.SimulatedLab, start_task: str) -> None:
    assert equip(lab, start_task).is_right


@pytest.mark.parametrize(
    ("start_task", "more", "hint"),
    [
        (None, {}, "has a parameter for it"),
        (f"echo renderer > {TOOLS}", {}, "not started by a shell"),
        (f"/bin/sh -c 'echo renderer > {TOOLS}'", {"count": 1}, "asks for two nodes"),
        (f"/bin/sh -c 'echo renderer > {TOOLS}; exit 1'", {}, "a node needs time"),
        (f"/bin/sh -c 'echo renderer > {TOOLS}'", {"reboot": False}, "exactly once"),
        (f"/bin/sh -c 'echo renderer >> {TOOLS}'", {}, "added the line again"),
        (f"/bin/sh -c 'echo brush > {TOOLS}'", {}, "into which file"),
        ("/bin/sh -c 'echo renderer > tools.txt'", {}, "into which file"),
    ],
)
def test_04_1_of_a_wrong_answer_gives_its_hint(
    lab: bl.SimulatedLab, start_task: str | None, more: dict[str, Any], hint: str
) -> None:
    answer = equip(lab, start_task, **more)
    assert answer.outcome == "not yet"
    assert hint in answer.hint


def prepare(
    lab: bl.SimulatedLab,
    rerun: bool = False,
    preparation: bool = True,
    then: str = "reboot",
    after: int = 1,
    count: int = 1,
) -> lessons.Answer:
    pool = lab.create_pool("one", target_dedicated_nodes=count)
    pool.nodes.wait("idle")
    hook = bl.JobPreparationTask(
        command_line="download scene", rerun_on_node_reboot_after_success=rerun
    )
    job = lab.create_job("prepared", pool, job_preparation_task=hook if preparation else None)
    job.create_tasks(["render frame"] * count)
    lab.advance("10m")
    if then:
        getattr(pool.nodes[job.tasks["task001"].node_id], then)()
        lab.advance("10m")
    job.create_tasks(["render frame"] * after)
    lab.advance("10m")
    return lessons.check("04-2", job)


def test_04_2_with_one_preparation_is_right(lab: bl.SimulatedLab) -> None:
    assert prepare(lab).is_right


@pytest.mark.parametrize(
    ("changed", "hint"),
    [
        ({"rerun": True}, "a job can say that one run is enough"),
        ({"preparation": False}, "has a parameter for it"),
        ({"then": ""}, "then reboot the node, then run the other"),
        ({"then": "reimage"}, "then reboot the node, then run the other"),
        ({"after": 0}, "takes a list of command lines"),
        ({"count": 2}, "prepared on each node"),
    ],
)
def test_04_2_of_a_wrong_answer_gives_its_hint(
    lab: bl.SimulatedLab, changed: dict[str, Any], hint: str
) -> None:
    answer = prepare(lab, **changed)
    assert answer.outcome == "not yet"
    assert hint in answer.hint


def test_04_2_with_both_tasks_before_the_reboot_asks_for_the_order(lab: bl.SimulatedLab) -> None:
    pool = lab.create_pool("one", target_dedicated_nodes=1)
    pool.nodes.wait("idle")
    job = lab.create_job("hasty", pool, job_preparation_task="download scene")
    job.create_tasks(["render frame"] * 2)
    job.tasks.wait()
    next(iter(pool.nodes.values())).reboot()
    lab.advance("10m")
    assert "First run one task, then reboot" in lessons.check("04-2", job).hint


def roll(
    lab: bl.SimulatedLab,
    option: str = "taskcompletion",
    update: bool = True,
    reboot: bool = True,
    pool_id: str = "rolling",
    before: str = "30s",
    count: int = 8,
) -> lessons.Answer:
    rolling = lab.create_pool(
        "rolling", target_dedicated_nodes=2, start_task=f"/bin/sh -c 'echo 1 > {VERSION}'"
    )
    rolling.nodes.wait("idle")
    job = lab.create_job("undisturbed", pool_id)
    job.create_tasks(["render frame"] * count)
    lab.advance(before)
    if update:
        rolling.update(start_task=f"/bin/sh -c 'echo 2 > {VERSION}'")
    for node in rolling.nodes.values() if reboot else ():
        node.reboot(option)
    lab.advance("30m")
    return lessons.check("04-3", rolling, job)


def test_04_3_with_reboots_that_wait_for_tasks_is_right(lab: bl.SimulatedLab) -> None:
    assert roll(lab).is_right


@pytest.mark.parametrize(
    ("changed", "hint"),
    [
        ({"option": "requeue"}, "unless you ask it to wait"),
        ({"update": False}, "you can update a pool"),
        ({"reboot": False}, "When does a start task run?"),
        ({"before": "1h"}, "Start the job first"),
        ({"count": 4}, "takes a list of command lines"),
        ({"pool_id": "two"}, "on the pool rolling"),
    ],
)
def test_04_3_of_a_wrong_answer_gives_its_hint(
    lab: bl.SimulatedLab, pool: bl.Pool, changed: dict[str, Any], hint: str
) -> None:
    answer = roll(lab, **changed)
    assert answer.outcome == "not yet"
    assert hint in answer.hint
