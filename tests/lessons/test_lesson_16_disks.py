"""Lesson 16: disks that fill up, and diagnoses of one's own, as learners try them."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest

import batchlab as bl
from batchlab import lessons
from batchlab.handles.lab import BaseLab
from batchlab.lessons.lesson_16 import CASES
from batchlab.lessons.solving import solutions

FILM = "/bin/sh -c 'fallocate -l 55G scratch.raw; make-film'"


def solution() -> Callable[[BaseLab], dict[str, str]]:
    """The diagnosis of the solution."""
    namespace: dict[str, Any] = {"bl": bl, "lessons": lessons}
    exec(solutions("16")["16-4"].code, namespace)
    found: Callable[[BaseLab], dict[str, str]] = namespace["diagnose"]
    return found


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
        {"line": "/bin/sh -c 'fallocate -l 55G s; make-film; code=$?; : > s; exit $code'"},
    ],
    ids=range(6),
)  # fmt: skip
def test_16_3_with_films_that_clean_up_is_right(lab: bl.SimulatedLab, how: dict[str, Any]) -> None:
    answer = make(lab, **how)
    assert answer.is_right, answer


def by_hand(job: bl.Job) -> None:
    """Delete the files of each film that is done."""
    for task in job.tasks.filter(state="completed").values():
        task.delete()


def cleaned(job: bl.Job) -> None:
    """Delete the scratch file of each film that is done, and keep the task."""
    for task in job.tasks.filter(state="completed").values():
        with contextlib.suppress(bl.NotFound):
            task.files.delete("wd/scratch.raw")


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
        ({"step": cleaned}, "by hand at night"),
    ],
    ids=range(14),
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
    assert lessons.check("16-4", solution()).is_right

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
    return dict.fromkeys(solution()(lab), said)


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
    found: dict[str, str] = solution()(lab)
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


class Diagnosis:
    """A diagnosis that is an object, and one that is a method of it."""

    def __call__(self, lab: BaseLab) -> dict[str, str]:
        return solution()(lab)

    def of(self, lab: BaseLab, loud: bool) -> dict[str, str]:
        return {node: reason + "!" * loud for node, reason in self(lab).items()}


@pytest.mark.parametrize("diagnose", [Diagnosis(), partial(Diagnosis().of, loud=True)])
def test_16_4_with_whatever_can_be_called_is_right(diagnose: Any) -> None:
    answer = lessons.check("16-4", diagnose)
    assert answer.is_right, answer


def test_16_4_of_a_built_in_function_is_wrong() -> None:
    assert lessons.check("16-4", iter).outcome == "not yet"
    assert lessons.check("16-4", dict).outcome == "not yet"
