"""Lesson 16: what learners try, and the hint that is meant for it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import batchlab as bl
from batchlab import lessons
from batchlab.handles.lab import BaseLab
from batchlab.lessons.lesson_16 import CASES
from batchlab.lessons.solving import solutions

FILM = "/bin/sh -c 'fallocate -l 55G scratch.raw; make-film'"


def solved(exercise: str, **names: Any) -> dict[str, Any]:
    namespace: dict[str, Any] = {"bl": bl, "lessons": lessons, "film": FILM, **names}
    exec(solutions("16")[exercise].code, namespace)
    return namespace


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
        bl.StartTask(command_line='/bin/bash -c "until apt install povray; do sleep 1; done"'),
    ],
    ids=range(9),
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


# -- 16-3 ---------------------------------------------------------------------------------------


def make(
    lab: bl.SimulatedLab, line: str = FILM, *, count: int = 20, nodes: int = 1,
    vm_size: str = "small", step: Callable[[bl.Job], None] | None = None, **constraints: Any,
) -> lessons.Answer:  # fmt: skip
    pool = lab.create_pool("p", target_dedicated_nodes=nodes, vm_size=vm_size)
    pool.nodes.wait("idle")
    job = lab.create_job("films", pool)
    limits = bl.TaskConstraints(**constraints)
    job.create_tasks(
        [bl.TaskSpec(id=f"f{n}", command_line=line, constraints=limits) for n in range(count)]
    )
    for _ in range(100):
        lab.advance("30s")
        if step:
            step(job)
    return lessons.check("16-3", job)


@pytest.mark.parametrize(
    "how",
    [
        {"retention_time": "0s"},
        {"retention_time": "1m"},
        {"line": "/bin/sh -c 'fallocate -l 55G scratch.raw; make-film; rm scratch.raw'"},
        {"line": "/bin/sh -c 'fallocate -l 55G scratch.raw && make-film; rm -f scratch.raw'",
         "retention_time": "0s"},
        {"line": "/bin/sh -c 'fallocate -l 55G s; make-film && rm s || exit 1'", "count": 25},
    ],
    ids=range(5),
)  # fmt: skip
def test_16_3_with_films_that_clean_up_is_right(lab: bl.SimulatedLab, how: dict[str, Any]) -> None:
    answer = make(lab, **how)
    assert answer.is_right, answer


def by_hand(job: bl.Job) -> None:
    """Delete the files of each film that is done."""
    for task in job.tasks.filter(state="completed").values():
        task.delete()


def emptied(job: bl.Job) -> None:
    """Reimage the node before the fourth film."""
    pool = bl.Pool(job._connection, job.pool_id)
    node = next(iter(pool.nodes.values()))
    here = [view for view in job.tasks.views() if view.end_time]
    since = node.last_boot_time
    if since and sum(view.end_time > since for view in here if view.end_time) >= 2:
        with contextlib.suppress(bl.Conflict):
            node.reimage()


@pytest.mark.parametrize(
    ("how", "hint"),
    [
        ({}, "leave on the disk"),
        ({"retention_time": "5m"}, "leave on the disk"),
        ({"retention_time": "1d"}, "leave on the disk"),
        ({"nodes": 7}, "only later"),
        ({"vm_size": "extralarge"}, "only later"),
        ({"vm_size": "medium", "retention_time": "1m"}, "only later"),
        ({"line": "make-film"}, "while it renders"),
        ({"line": "/bin/sh -c 'fallocate -l 5G scratch.raw; make-film'"}, "while it renders"),
        ({"line": "/bin/sh -c 'echo fallocate -l 55G scratch.raw; make-film'"}, "while it ren"),
        ({"count": 3}, "list of command lines"),
        ({"line": "/bin/sh -c 'fallocate -l 55G scratch.raw; make-film; rm scratch.raw; exit 1'"},
         "on stderr"),
        ({"step": by_hand}, "list of command lines"),
        ({"step": emptied}, "by hand at night"),
    ],
    ids=range(13),
)  # fmt: skip
def test_16_3_of_a_wrong_answer_gives_its_hint(
    lab: bl.SimulatedLab, how: dict[str, Any], hint: str
) -> None:
    answer = make(lab, **how)
    assert answer.outcome == "not yet"
    assert hint in answer.hint, answer


# -- 16-4 ---------------------------------------------------------------------------------------


def each(lab: BaseLab) -> Iterator[bl.Node]:
    for pool in lab.pools.values():
        yield from pool.nodes.values()


def test_16_4_of_the_solution_and_of_another_diagnosis_is_right() -> None:
    assert lessons.check("16-4", solved("16-4")["diagnose"]).is_right

    def by_state(lab: BaseLab) -> dict[str, list[Any]]:
        found: dict[str, list[Any]] = {}
        for node in each(lab):
            info = node.start_task_info
            reasons = [
                *(error.code for error in node.errors),
                *([f"exit={info.exit_code}"] if info and info.exit_code else []),
                *(["offline"] if node.state == "offline" else []),
            ]
            if reasons:
                found[node.id] = reasons
        return found

    answer = lessons.check("16-4", by_state)
    assert answer.is_right, answer


def only_states(lab: BaseLab) -> dict[str, str]:
    return {
        node.id: f"{node.state} {node.start_task_info and node.start_task_info.exit_code} "
        f"{[error.code for error in node.errors]}"
        for node in each(lab)
        if node.state in ("starttaskfailed", "unusable", "offline")
    }


def explained(lab: BaseLab) -> dict[str, str]:
    return {node.id: str(node.explain()) for node in each(lab) if node.state != "idle"}


def all_that_is_not_idle(lab: BaseLab) -> dict[str, str]:
    return {node.id: node.state for node in each(lab) if node.state != "idle"}


def no_codes(lab: BaseLab) -> dict[str, str]:
    return dict.fromkeys(only_states(lab), "the start task failed")


def everything(lab: BaseLab) -> dict[str, str]:
    said = "41 43 DiskFull disabled offline"
    return dict.fromkeys(solved("16-4")["diagnose"](lab), said)


def reads_files(lab: BaseLab) -> dict[str, str]:
    texts = {node.id: node.files.text("startup/stderr.txt") for node in each(lab)}
    return {name: text for name, text in texts.items() if text}


def waits(lab: BaseLab) -> dict[str, str]:
    for node in each(lab):
        while node.state != "unusable":
            assert isinstance(lab, bl.SimulatedLab)
            lab.advance("1h")
    return {}


def first_pool(lab: BaseLab) -> dict[str, str]:
    found: dict[str, str] = solved("16-4")["diagnose"](lab)
    first = next(iter(lab.pools.values()))
    return {name: text for name, text in found.items() if name in first.nodes}


@pytest.mark.parametrize(
    ("diagnose", "text"),
    [
        (only_states, "does not notice that a node is idle although"),
        (explained, "explain is locked"),
        (all_that_is_not_idle, "healthy nodes where nothing is wrong"),
        (no_codes, "it says 'the start task failed' where"),
        (everything, "it says '41 43"),
        (reads_files, "your function stops where nothing is wrong"),
        (first_pool, "does not notice that the start task of two nodes failed"),
        (lambda lab: {}, "does not notice"),
        (lambda lab: None, "returns NoneType, not a dict"),
        (lambda lab: [node.id for node in each(lab)], "returns list, not a dict"),
        (lambda lab, more: {}, "does not take 1 argument"),
        (waits, "3 days have passed"),
    ],
    ids=range(12),
)
def test_16_4_of_a_diagnosis_that_misses_something_is_wrong(
    diagnose: Callable[..., Any], text: str
) -> None:
    answer = lessons.check("16-4", diagnose)
    assert answer.outcome == "not yet"
    assert text in answer.text
    assert answer.hint


def test_16_4_of_no_function_says_so() -> None:
    answer = lessons.check("16-4", {"node": "sick"})
    assert answer.text == "the check takes a function, but was given: dict."
    assert "without parentheses" in answer.hint


def test_cases_of_16_4_are_as_they_say() -> None:
    for case in CASES:
        with bl.SimulatedLab(workload=bl.Workload("60s", rules={"render": "5d"})) as lab:
            sick = case.make(lab)
            assert bool(sick) == bool(case.words)
            assert sick <= {node.id for node in each(lab)}
