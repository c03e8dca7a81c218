"""Lesson 16: what learners try, and the hint that is meant for it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

import batchlab as bl
from batchlab import lessons

# -- 16-1 ---------------------------------------------------------------------------------------


@pytest.fixture(name="locked")
def lab_with_a_lock() -> Iterator[bl.SimulatedLab]:
    with lessons.broken("16-1") as opened:
        yield opened


def restart(lab: bl.SimulatedLab, start_task: Any = None, *, wait: str = "30m") -> lessons.Answer:
    farm = lab.pools["farm"]
    if start_task is not None:
        farm.update(start_task=start_task)
    for node in farm.nodes.values():
        node.reboot()
    lab.advance(wait)
    return lessons.check("16-1", lab)


def sh(script: str, **more: Any) -> bl.StartTask:
    return bl.StartTask(command_line=f"/bin/sh -c '{script}'", **more)


@pytest.mark.parametrize(
    "start_task",
    [
        sh("apt-get -o DPkg::Lock::Timeout=600 install -y povray"),
        sh("apt-get install -y -o dpkg::lock::timeout=-1 povray"),
        sh("apt-get update -o DPkg::Lock::Timeout=300 && "
           "apt-get install -y povray -o DPkg::Lock::Timeout=300"),
        sh("until apt-get install -y povray; do sleep 10; done"),
        sh("while fuser /var/lib/dpkg/lock-frontend; do sleep 5; done; apt-get install -y povray"),
        sh("sleep 240; apt-get install -y povray"),
        sh("sleep 60; apt-get install -y povray", max_task_retry_count=5),
        sh("DEBIAN_FRONTEND=noninteractive sudo apt-get -qq -o DPkg::Lock::Timeout=200 install "
           "povray"),
        sh("apt-get install -y povray", max_task_retry_count=300),
        sh("systemctl stop unattended-upgrades; apt-get install -y povray"),
        sh("while pgrep -f unattended-upgr; do sleep 3; done; apt-get install -y povray"),
        sh("for i in 1 2 3 4 5 6 7 8; do apt-get install -y povray && exit 0; sleep 30; done; "
           "exit 1"),
        bl.StartTask(command_line='/bin/bash -c "until apt install povray; do sleep 1; done"'),
    ],
    ids=range(13),
)  # fmt: skip
def test_16_1_with_a_start_task_that_waits_for_the_lock_is_right(
    locked: bl.SimulatedLab, start_task: bl.StartTask
) -> None:
    answer = restart(locked, start_task)
    assert answer.is_right, answer


def test_16_1_with_new_nodes_or_another_pool_is_right(locked: bl.SimulatedLab) -> None:
    start_task = sh("until apt-get install -y povray; do sleep 20; done")
    locked.create_pool("better", target_dedicated_nodes=1, start_task=start_task)
    work = locked.jobs["work"]
    work.disable("requeue")
    work.wait("disabled")
    work.update(pool_info="better")
    work.enable()
    work.tasks.wait()
    assert lessons.check("16-1", locked).is_right


@pytest.mark.parametrize(
    ("start_task", "hint"),
    [
        (None, "new tomorrow"),  # only rebooted
        (sh("apt-get install -y povray", max_task_retry_count=3), "new tomorrow"),
        (sh("apt-get -o DPkg::Lock::Timeout=60 install -y povray"), "new tomorrow"),
        (sh("sleep 30; apt-get install -y povray"), "new tomorrow"),
        (sh("apt-get install -y povray || true"), "new tomorrow"),
        (sh("apt-get install -y povray", wait_for_success=False), "new tomorrow"),
        (sh("until apt-get install -y povray; do sleep 10; done", wait_for_success=False),
         "new tomorrow"),
        (sh("until apt-get update; do sleep 10; done"), "on stderr"),
        (sh("until apt-get install -y blender; do sleep 10; done"), "on stderr"),
        (bl.StartTask(command_line="/bin/true"), "on stderr"),
        (sh("echo Setting up povray; touch povray; echo povray > /usr/bin/povray"), "startup/st"),
        (sh("while fuser /var/lib/dpkg/lock-frontend; do sleep 5; done"), "on stderr"),
    ],
    ids=range(12),
)  # fmt: skip
def test_16_1_that_helps_no_new_node_is_wrong(
    locked: bl.SimulatedLab, start_task: bl.StartTask | None, hint: str
) -> None:
    answer = restart(locked, start_task)
    assert answer.outcome == "not yet"
    assert hint in answer.hint


def test_16_1_not_repaired_or_with_other_tasks_is_wrong(locked: bl.SimulatedLab) -> None:
    assert "startup/stderr.txt" in lessons.check("16-1", locked).hint
    work = locked.jobs["work"]
    work.tasks["task001"].delete()
    work.create_task("task004", "/bin/true")
    assert "do not replace them" in restart(locked, sh("/bin/true")).hint
    with lessons.broken("12-1") as other:
        assert lessons.check("16-1", other).text == "this is the lab of exercise 12-1."


def test_16_1_whose_tasks_were_changed_is_wrong(locked: bl.SimulatedLab) -> None:
    for task in locked.jobs["work"].tasks.values():
        task.terminate()
    assert "ended early" in lessons.check("16-1", locked).hint


# -- 16-2 ---------------------------------------------------------------------------------------

PATIENT = bl.StartTask(command_line="fetch-model", wait_for_success=True)


def heal(
    lab: bl.SimulatedLab,
    *,
    log: str = "sick",
    cure: str = "reboot",
    start_task: bl.StartTask | None = PATIENT,
    again: bool = True,
) -> lessons.Answer:
    farm, work = lab.pools["farm"], lab.jobs["work"]
    failed = list(work.tasks.filter(result="failure").values())
    sick = farm.nodes[failed[0].node_id]
    lab.storage.create_container("mine")
    for node in farm.nodes.values():
        if log == "all" or (log == "sick") == (node.id == sick.id) != (log == "none"):
            node.upload_service_logs("mine", node.allocation_time)
    if start_task is not None:
        farm.update(start_task=start_task)
    if cure == "reboot":
        sick.reboot()
    elif cure == "remove":
        farm.remove_nodes([sick.id])
    elif cure == "offline":
        sick.disable_scheduling()
    lab.advance("5m")
    for task in failed if again else ():
        task.reactivate()
    lab.advance("2h")
    return lessons.check("16-2", lab)


@pytest.fixture(name="hole")
def lab_with_a_black_hole() -> Iterator[bl.SimulatedLab]:
    with lessons.broken("16-2") as opened:
        yield opened


@pytest.mark.parametrize(
    "how",
    [{}, {"cure": "remove"}, {"log": "all"},
     {"start_task": bl.StartTask(command_line="fetch-model", max_task_retry_count=3)},
     {"start_task": sh("fetch-model || fetch-model")}],
    ids=str,
)  # fmt: skip
def test_16_2_with_the_log_saved_and_the_node_healed_is_right(
    hole: bl.SimulatedLab, how: dict[str, Any]
) -> None:
    answer = heal(hole, **how)
    assert answer.is_right, answer


def test_16_2_in_another_pool_is_right(hole: bl.SimulatedLab) -> None:
    farm, work = hole.pools["farm"], hole.jobs["work"]
    hole.storage.create_container("logs")
    for node in farm.nodes.values():
        node.upload_service_logs("logs", node.allocation_time)
    farm.resize(0)
    farm.wait("steady")
    hole.create_pool("better", target_dedicated_nodes=2, start_task=PATIENT).nodes.wait("idle")
    work.disable("requeue")
    work.wait("disabled")
    work.update(pool_info="better")
    work.enable()
    for task in list(work.tasks.filter(result="failure").values()):
        task.reactivate()
    work.tasks.wait()
    assert lessons.check("16-2", hole).is_right
    farm.delete()
    hole.advance("10m")
    assert lessons.check("16-2", hole).is_right


@pytest.mark.parametrize(
    ("how", "hint"),
    [
        ({"log": "none"}, "On which node"),
        ({"log": "others"}, "On which node"),
        ({"cure": "offline"}, "can try again, or go"),
        ({"cure": "nothing"}, "take the sick node"),
        ({"start_task": None}, "Which property of the start task"),
        (
            {"start_task": bl.StartTask(command_line="/bin/true"), "cure": "remove"},
            "command of the start task was",
        ),
        ({"again": False}, "take the sick node"),
    ],
    ids=str,
)
def test_16_2_without_evidence_cure_or_prevention_is_wrong(
    hole: bl.SimulatedLab, how: dict[str, Any], hint: str
) -> None:
    answer = heal(hole, **how)
    assert answer.outcome == "not yet"
    assert hint in answer.hint


def test_16_2_with_other_tasks_or_a_log_that_was_typed_is_wrong(hole: bl.SimulatedLab) -> None:
    work, container = hole.jobs["work"], hole.storage.create_container("typed")
    sick = next(iter(work.tasks.filter(result="failure").values())).node_id
    container.upload(b"exit code 22", "agent-debug.log")
    container.upload(b"exit code 22", f"farm/{sick}/notes.txt")
    assert "On which node" in heal(hole, log="none").hint
    work.tasks["frame3"].delete()
    hole.pools["farm"].nodes[sick].upload_service_logs("typed", hole.now.replace(hour=0))
    assert "do not replace them" in lessons.check("16-2", hole).hint
