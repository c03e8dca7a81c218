"""Lesson 17: what learners try, and the hint that is meant for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import batchlab as bl
from batchlab import lessons
from batchlab.lessons.solving import solutions

ANSWERS = {"17-1": "priced", "17-2": "chain", "17-3": "quick", "17-4": "seated"}


@pytest.mark.parametrize("exercise", ANSWERS)
def test_solution_is_right_for_its_own_exercise_only(exercise: str) -> None:
    names: dict[str, Any] = {"bl": bl, "lessons": lessons}
    exec(solutions("17")[exercise].code, names)
    for other in ANSWERS:
        answer = lessons.check(other, names[ANSWERS[exercise]])
        assert answer.is_right is (other == exercise), answer


def test_job_of_a_lab_of_ones_own_is_wrong(lab: bl.SimulatedLab) -> None:
    job = lab.create_job("mine", lab.create_pool("spot", target_low_priority_nodes=4))
    for exercise in ANSWERS:
        assert "Each exercise has its own" in lessons.check(exercise, job).hint


# -- 17-1 ---------------------------------------------------------------------------------------


def ranges(size: int, last: int = 1200) -> list[str]:
    return [f"price {a} {min(a + size - 1, last)}" for a in range(1, last + 1, size)]


def price(
    lines: list[str],
    before: Callable[[bl.SimulatedLab], None] = lambda lab: None,
    *,
    pool: str = "spot",
) -> lessons.Answer:
    with lessons.broken("17-1") as lab:
        before(lab)
        job = lab.create_job("prices", pool)
        job.create_tasks(lines)
        lab.advance("5h")
        return lessons.check("17-1", job)


@pytest.mark.parametrize("size", [20, 25, 30, 40, 48, 60])
def test_17_1_with_tasks_of_some_minutes_is_right(size: int) -> None:
    answer = price(ranges(size))
    assert answer.is_right, answer


def test_17_1_with_tasks_of_several_sizes_is_right() -> None:
    assert price(
        [*ranges(40, 600), *(f"price {a} {a + 29}" for a in range(601, 1201, 30))]
    ).is_right


def dedicated(lab: bl.SimulatedLab) -> None:
    lab.pools["spot"].resize(target_dedicated_nodes=4, target_low_priority_nodes=0)
    lab.pools["spot"].wait("steady")


def other(lab: bl.SimulatedLab) -> None:
    lab.pools["spot"].delete()
    lab.advance("5m")
    lab.create_pool("safe", target_dedicated_nodes=4).nodes.wait("idle")


@pytest.mark.parametrize(
    ("lines", "more", "hint"),
    [
        (ranges(1), {}, "load the model too often"),
        (ranges(5), {}, "load the model too often"),
        (ranges(10), {}, "load the model too often"),
        (ranges(100), {}, "lose much"),
        (ranges(150), {}, "lose much"),
        (ranges(1200), {}, "lose much"),
        (ranges(40)[:-1], {}, "The last item counts"),
        ([f"price {a} {a + 40}" for a in range(1, 1200, 40)], {}, "where the one before has"),
        ([f"price {a} {a + 38}" for a in range(1, 1200, 40)], {}, "The last item counts"),
        ([line.replace("price", "echo price") for line in ranges(40)], {}, "first and the last"),
        ([f"/bin/true # {line}" for line in ranges(40)], {}, "first and the last"),
        (ranges(300), {"before": dedicated}, "Safer nodes"),
        (ranges(300), {"before": other, "pool": "safe"}, "Safer nodes"),
        ([], {}, "list of command lines"),
    ],
    ids=range(14),
)
def test_17_1_of_a_wrong_answer_gives_its_hint(
    lines: list[str], more: dict[str, Any], hint: str
) -> None:
    answer = price(lines, **more)
    assert answer.outcome == "not yet"
    assert hint in answer.hint, answer


# -- 17-2 ---------------------------------------------------------------------------------------


def link(
    number: int, seconds: int = 600, *, lines: int = 1, name: str = "state{}", before: bool = True
) -> bl.TaskSpec:
    old, new = name.format(number - 1), name.format(number)
    copy = f"touch {old}" + (f"; cp {old} {new}" if old != new else "")
    add = "; ".join([f"echo step >> {new}"] * lines)
    needs = bl.ResourceFile(auto_storage_container_name="checkpoints", blob_prefix=old)
    return bl.TaskSpec(
        id=f"s{number}",
        command_line=f"/bin/sh -c '{copy}; sleep {seconds}; {add}'",
        resource_files=[needs] if before else [],
        output_files=[bl.OutputFile(file_pattern=new, destination="checkpoints")],
        depends_on=[f"s{number - 1}"] if number > 1 else None,
    )


def chained(
    specs: list[bl.TaskSpec], *, rest: str = "0s", dedicated: bool = False
) -> lessons.Answer:
    with lessons.broken("17-2") as lab:
        if dedicated:
            lab.pools["spot"].resize(target_dedicated_nodes=2, target_low_priority_nodes=0)
            lab.pools["spot"].wait("steady")
        lab.advance(rest)
        job = lab.create_job("mine", "spot", uses_task_dependencies=True)
        job.create_tasks(specs)
        lab.advance("6h")
        return lessons.check("17-2", job)


CHAIN = [link(number) for number in range(1, 7)]
SHORT = [link(number, 300) for number in range(1, 12)]


def test_17_2_with_a_chain_is_right() -> None:
    answer = chained(CHAIN)
    assert answer.is_right, answer
    assert "6 tasks" in answer.text


def test_17_2_with_shorter_links_is_right() -> None:
    """Twelve links of five minutes; each second one adds a line."""
    links = [link(number, 300, lines=(number + 1) % 2) for number in range(1, 13)]
    quiet = [bl.TaskSpec(id="last", command_line="/bin/true", depends_on=["s12"])]
    answer = chained(links + quiet)
    assert answer.is_right, answer


@pytest.mark.parametrize(
    ("specs", "more", "hint"),
    [
        ([link(1, 3600, lines=6)], {}, "only when a task ends"),
        ([link(1, 1200, lines=2), link(2, 1200, lines=2), link(3, 1200, lines=2)], {},
         "only when a task ends"),
        ([link(number, name="state") for number in range(1, 7)], {}, "right after it has saved"),
        ([link(number, 1) for number in range(1, 7)], {}, "ten minutes"),
        (CHAIN[:5], {}, "ten minutes"),
        ([link(number, before=False) for number in range(1, 7)], {}, "adds a line"),
        (CHAIN, {"dedicated": True}, "Safer nodes"),
        (CHAIN, {"rest": "2h"}, "when the lab is new"),
        ([bl.TaskSpec(id=f"t{n}", command_line="sleep 600") for n in range(6)], {}, "adds a line"),
        ([link(1, lines=0), link(3)], {}, "waits for them"),
    ],
    ids=range(10),
)  # fmt: skip
def test_17_2_of_a_wrong_answer_gives_its_hint(
    specs: list[bl.TaskSpec], more: dict[str, Any], hint: str
) -> None:
    answer = chained(specs, **more)
    assert answer.outcome == "not yet"
    assert hint in answer.hint, answer


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
        (copied, frames(range(1, 20)), "The command lines are"),
    ],
    ids=range(9),
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
