"""Lesson 17: slow nodes and storms of retries, as learners try them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import batchlab as bl
from batchlab import lessons

# -- 17-3 ---------------------------------------------------------------------------------------


def frames(numbers: range = range(1, 21), line: str = "render {}") -> list[bl.TaskSpec]:
    return [bl.TaskSpec(id=f"frame{n}", command_line=line.format(n)) for n in numbers]


def rescued(
    rescue: Callable[[bl.SimulatedLab, bl.Job], None],
    specs: list[bl.TaskSpec] | None = None,
    wait: str = "1h",
) -> lessons.Answer:
    with lessons.broken("17-3") as lab:
        job = lab.create_job("frames", "farm")
        job.create_tasks(frames() if specs is None else specs)
        rescue(lab, job)
        lab.advance(wait)
        return lessons.check("17-3", job)


def late(lab: bl.SimulatedLab, job: bl.Job, after: str = "5m") -> list[bl.Task]:
    lab.advance(after)
    return list(job.tasks.filter(state="running").values())


def copied(lab: bl.SimulatedLab, job: bl.Job, after: str = "5m") -> None:
    for task in late(lab, job, after):
        job.create_task(f"again-{task.id}", task.command_line)


def copied_and_ended(lab: bl.SimulatedLab, job: bl.Job) -> None:
    for task in late(lab, job):
        job.create_task(f"{task.id}b", task.command_line).wait()
        task.terminate()


def removed(lab: bl.SimulatedLab, job: bl.Job) -> None:
    for task in late(lab, job):
        assert task.node_id
        lab.pools["farm"].remove_nodes([task.node_id])


def disabled(lab: bl.SimulatedLab, job: bl.Job) -> None:
    for task in late(lab, job):
        lab.pools["farm"].nodes[task.node_id or ""].disable_scheduling()


def nothing(lab: bl.SimulatedLab, job: bl.Job) -> None:
    """Hope."""


def ended(lab: bl.SimulatedLab, job: bl.Job) -> None:
    for task in late(lab, job):
        task.terminate()


def rebooted(lab: bl.SimulatedLab, job: bl.Job) -> None:
    for task in late(lab, job):
        node = lab.pools["farm"].nodes[task.node_id or ""]
        node.reboot()


def twice(lab: bl.SimulatedLab, job: bl.Job) -> None:
    job.create_tasks(
        [bl.TaskSpec(id=f"copy{n}", command_line=f"render {n}") for n in range(1, 21)]
    )


def wrong_copy(lab: bl.SimulatedLab, job: bl.Job) -> None:
    for task in late(lab, job):
        job.create_task(f"{task.id}-copy", "/bin/true")
        task.terminate()


@pytest.mark.parametrize("rescue", [copied, copied_and_ended, removed, disabled, rebooted])
def test_17_3_with_a_second_chance_elsewhere_is_right(
    rescue: Callable[[bl.SimulatedLab, bl.Job], None],
) -> None:
    answer = rescued(rescue)
    assert answer.is_right, answer


def test_17_3_in_a_shell_is_right() -> None:
    assert rescued(copied, frames(line="/bin/sh -c 'render {}'")).is_right


def test_17_3_with_nodes_that_were_tried_before_is_right() -> None:
    with lessons.broken("17-3") as lab:
        farm = lab.pools["farm"]
        probe = lab.create_job("probe", farm)
        probe.create_tasks(["render 1"] * 5)
        for task in late(lab, probe, "90s"):
            farm.remove_nodes([task.node_id or ""])
        farm.wait("steady")
        job = lab.create_job("frames", farm)
        job.create_tasks([f"render {number}" for number in range(1, 21)])
        job.tasks.wait()
        assert lessons.check("17-3", job).is_right


@pytest.mark.parametrize(
    ("rescue", "specs", "hint"),
    [
        (nothing, None, "ten times as slow"),
        (ended, None, "is done when one task"),
        (twice, None, "Which tasks are late"),
        (wrong_copy, None, "is done when one task"),
        (lambda lab, job: copied(lab, job, "8m"), None, "ten times as slow"),
        (lambda lab, job: copied(lab, job, "30s"), None, "Which tasks are late"),
        (nothing, frames(line="sleep 6"), "The command lines are"),
        (nothing, frames(line="echo render {}"), "The command lines are"),
        (nothing, frames(line="/bin/sh -c 'sleep 60 || render {}'"), "The command lines are"),
        (copied, frames(range(1, 20)), "The command lines are"),
    ],
    ids=range(10),
)
def test_17_3_of_a_wrong_answer_gives_its_hint(
    rescue: Callable[[bl.SimulatedLab, bl.Job], None], specs: list[bl.TaskSpec] | None, hint: str
) -> None:
    answer = rescued(rescue, specs)
    assert answer.outcome == "not yet"
    assert hint in answer.hint, answer


# -- 17-4 ---------------------------------------------------------------------------------------


def solve(
    line: str = "solve", *, nodes: int = 6, retries: int = 0, count: int = 12, lanes: int = 0,
    **job: Any,
) -> lessons.Answer:  # fmt: skip
    with lessons.broken("17-4") as lab:
        if nodes != 6:
            lab.pools["farm"].resize(nodes)
            lab.pools["farm"].wait("steady")
        made = lab.create_job("Mine", "farm", uses_task_dependencies=True, **job)
        limits = bl.TaskConstraints(max_task_retry_count=retries)
        made.create_tasks(
            [
                bl.TaskSpec(
                    id=f"t{n}",
                    command_line=line.format(n=n % 4),
                    constraints=limits,
                    depends_on=[f"t{n - lanes}"] if lanes and n >= lanes else None,
                )
                for n in range(count)
            ]
        )
        lab.advance("3h")
        return lessons.check("17-4", made)


@pytest.mark.parametrize(
    "how",
    [
        {"nodes": 3},
        {"max_parallel_tasks": 3},
        {"lanes": 3},
        {"line": "/bin/sh -c 'until solve; do sleep 60; done'"},
        {"line": '/bin/bash -c "while ! solve; do sleep 30; done"', "nodes": 3},
        {"line": "/bin/sh -c 'sleep {n}0; until solve; do sleep 4{n}; done'"},
        {"line": "/bin/sh -c 'solve || {{ sleep 60; exit 75; }}'", "retries": 5, "nodes": 3},
        {"line": "/bin/sh -c 'if solve; then exit 0; fi; sleep 60; exit 75'", "retries": 9},
        {"line": "/bin/sh -c 'for i in 1 2 3 4 5; do solve && exit 0; sleep 60; done; exit 75'"},
        {"line": "/bin/sh -c 'while true; do solve && break; sleep 60; done'"},
        {"nodes": 3, "count": 15},
        {"nodes": 2},
    ],
    ids=range(12),
)
def test_17_4_without_a_storm_is_right(how: dict[str, Any]) -> None:
    answer = solve(**how)
    assert answer.is_right, answer


@pytest.mark.parametrize(
    ("how", "hint"),
    [
        ({}, "on stderr"),
        ({"retries": 3}, "on stderr"),
        ({"retries": -1}, "come back at once"),
        ({"line": "/bin/sh -c 'until solve; do sleep 1; done'"}, "come back at once"),
        ({"line": "/bin/sh -c 'until solve; do sleep 5; done'"}, "come back at once"),
        ({"line": "/bin/sh -c 'solve || true'"}, "only if solve did"),
        ({"line": "echo solved"}, "only if solve did"),
        ({"nodes": 1}, "at the same time"),
        ({"line": "/bin/sh -c 'until solve; do sleep 1200; done'"}, "at the same time"),
        ({"count": 11, "nodes": 3}, "list of command lines"),
    ],
    ids=range(10),
)
def test_17_4_of_a_wrong_answer_gives_its_hint(how: dict[str, Any], hint: str) -> None:
    answer = solve(**how)
    assert answer.outcome == "not yet"
    assert hint in answer.hint, answer
