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


ONCE = f"/bin/sh -c 'echo renderer > {TOOLS}'"
TWICE = f"/bin/sh -c 'echo renderer >> {TOOLS}'"


def equipped(
    lab: bl.SimulatedLab, first: Any, then: Any = None, restart: str = "reboot", task: str = ""
) -> lessons.Answer:
    pool = lab.create_pool("mine", target_dedicated_nodes=2, start_task=first)
    lab.advance("10m")
    if then:
        pool.update(start_task=then)
    if task:
        job = lab.create_job("mine", pool)
        job.create_tasks([f"/bin/sh -c '{task}; sleep 60'"] * 2)
        job.tasks.wait()
    getattr(next(iter(pool.nodes.values())), restart)()
    lab.advance("10m")
    return lessons.check("04-1", pool)


@pytest.mark.parametrize(
    ("first", "more", "hint"),
    [
        (TWICE, {"restart": "reimage"}, "exactly once"),
        (TWICE, {"then": "/bin/true"}, "must be the one that ran again"),
        ("/bin/true", {"task": f"echo renderer > {TOOLS}"}, "Who else wrote the line"),
        (TWICE, {"task": f"rm {TOOLS}"}, "which file"),
    ],
)
def test_04_1_of_a_line_that_is_there_once_for_another_reason_is_wrong(
    lab: bl.SimulatedLab, first: str, more: dict[str, Any], hint: str
) -> None:
    answer = equipped(lab, first, **more)
    assert answer.outcome == "not yet"
    assert hint in answer.hint


@pytest.mark.parametrize(
    "start_task",
    [
        '/bin/bash -c "echo renderer > ${AZ_BATCH_NODE_SHARED_DIR}/tools.txt && sleep 30"',
        f"/bin/sh -c 'rm -f {TOOLS}; echo brush >> {TOOLS}; echo renderer >> {TOOLS}'",
        f"/bin/sh -c 'grep -q renderer {TOOLS} || echo renderer >> {TOOLS}'",
        bl.StartTask(command_line=f"/bin/sh -c 'install it; echo renderer > {TOOLS}'"),
        bl.StartTask(
            command_line=f"/bin/sh -c 'echo $TOOL > {TOOLS}'",
            environment_settings={"TOOL": "renderer"},
            user_identity=bl.UserIdentity(
                auto_user=bl.AutoUserSpecification(elevation_level="admin")
            ),
        ),
    ],
)
def test_04_1_in_another_form_is_right(lab: bl.SimulatedLab, start_task: Any) -> None:
    answer = equipped(lab, start_task)
    assert answer.is_right, answer


@pytest.mark.parametrize(
    ("lines", "hint"),
    [
        (("render frame", "/bin/false"), "They should succeed"),
        (("exit 0", "render frame"), "They should succeed"),
    ],
)
def test_04_2_of_failed_tasks_is_wrong(
    lab: bl.SimulatedLab, lines: tuple[str, str], hint: str
) -> None:
    assert hint in twice(lab, "download scene", *lines).hint


def twice(lab: bl.SimulatedLab, line: str, *lines: str, **more: Any) -> lessons.Answer:
    pool = lab.create_pool("one", target_dedicated_nodes=1)
    pool.nodes.wait("idle")
    preparation = bl.JobPreparationTask(
        command_line=line, rerun_on_node_reboot_after_success=False, **more
    )
    job = lab.create_job("mine", pool, job_preparation_task=preparation)
    for number, each in enumerate(lines):
        job.create_task(f"t{number}", each)
        lab.advance("10m")
        next(iter(pool.nodes.values())).reboot()
        lab.advance("10m")
    return lessons.check("04-2", job)


def test_04_2_of_a_preparation_that_fails_is_wrong(lab: bl.SimulatedLab) -> None:
    answer = twice(lab, "/bin/false", "render frame", "render frame", wait_for_success=False)
    assert answer.outcome == "not yet"


def test_04_2_with_a_reboot_amid_the_only_work_is_wrong(lab: bl.SimulatedLab) -> None:
    pool = lab.create_pool("one", target_dedicated_nodes=1)
    pool.nodes.wait("idle")
    preparation = bl.JobPreparationTask(
        command_line="download scene", rerun_on_node_reboot_after_success=False
    )
    job = lab.create_job("mine", pool, job_preparation_task=preparation)
    job.create_tasks(["render frame"] * 2)
    lab.advance("90s")
    next(iter(pool.nodes.values())).reboot()
    lab.advance("10m")
    assert "then reboot" in lessons.check("04-2", job).hint


def test_04_2_with_more_tasks_and_reboots_is_right(lab: bl.SimulatedLab) -> None:
    answer = twice(lab, "/bin/sh -c 'sleep 5; echo 1 > here'", *["sleep 10"] * 4)
    assert answer.is_right, answer


@pytest.mark.parametrize(
    ("start", "task", "each", "hint"),
    [
        (None, f"/bin/sh -c 'render frame; echo 2 > {VERSION}'", 2, "Call pool.update"),
        ("/bin/sh -c 'echo 2 > {}'", "render frame", 1, "Start the job first"),
        ("/bin/sh -c 'echo 2 > {}'", "/bin/sh -c 'render frame; exit 1'", 2, "succeed"),
    ],
)
def test_04_3_installed_by_tasks_or_on_one_node_is_wrong(
    lab: bl.SimulatedLab, start: str | None, task: str, each: int, hint: str
) -> None:
    rolling = lab.create_pool(
        "rolling", target_dedicated_nodes=2, start_task=f"/bin/sh -c 'test -e {VERSION}'"
        if start is None else f"/bin/sh -c 'echo 2 > {VERSION}'",
    )  # fmt: skip
    if start is None:
        rolling.update(start_task="/bin/true")
    lab.advance("10m")
    for node in rolling.nodes.values() if start is None else ():
        node.reboot()
    lab.advance("10m")
    job = lab.create_job("mine", rolling)
    job.create_tasks([task] * 8)
    lab.advance("30s")
    for node in list(rolling.nodes.values())[:each]:
        node.reboot("taskcompletion")
    job.tasks.wait()
    lab.advance("10m")
    shown = [lessons.check("04-3", rolling, job) for _ in range(2)]
    assert not shown[0].is_right
    assert hint in shown[0].hint + shown[1].hint


def test_04_3_one_node_after_the_other_in_other_words_is_right(lab: bl.SimulatedLab) -> None:
    rolling = lab.create_pool(
        "rolling", target_dedicated_nodes=2, start_task=f"/bin/sh -c 'echo 1 > {VERSION}'"
    )
    rolling.nodes.wait("idle")
    job = lab.create_job("mine", rolling)
    job.create_tasks([bl.TaskSpec(id=f"t{n}", command_line="sleep 120") for n in range(20)])
    lab.advance("30s")
    rolling.update(
        start_task=bl.StartTask(command_line=f'/bin/bash -c "sleep 5; printf 2 > {VERSION}"')
    )
    for node in rolling.nodes.values():
        node.reboot(node_reboot_option="TaskCompletion")
        lab.advance("6m")
    job.tasks.wait()
    answer = lessons.check("04-3", rolling, job)
    assert answer.is_right, answer
