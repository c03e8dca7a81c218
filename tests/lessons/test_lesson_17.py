"""Lesson 17: what learners try, and the hint that is meant for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
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


@pytest.mark.parametrize("line", ["/bin/sh -c '{}'", '/bin/bash -c "{}"'])
def test_17_1_in_a_shell_is_right(line: str) -> None:
    assert price([line.format(one) for one in ranges(40)]).is_right
    pairs = [f"price {a} {a + 19} && price {a + 20} {a + 39}" for a in range(1, 1201, 40)]
    assert price([line.format(one) for one in pairs]).is_right


def dedicated(lab: bl.SimulatedLab) -> None:
    lab.pools["spot"].resize(target_dedicated_nodes=4, target_low_priority_nodes=0)
    lab.pools["spot"].wait("steady")


def other(lab: bl.SimulatedLab) -> None:
    lab.pools["spot"].delete()
    lab.advance("5m")
    lab.create_pool("safe", target_dedicated_nodes=4).nodes.wait("idle")


def later(lab: bl.SimulatedLab) -> None:
    lab.advance("9h")


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
        ([f"/bin/sh -c 'true || {line}'" for line in ranges(40)], {}, "first and the last"),
        ([f"/bin/true # {line}" for line in ranges(40)], {}, "first and the last"),
        (ranges(300), {"before": dedicated}, "Safer nodes"),
        (ranges(300), {"before": later}, "for eight hours"),
        (ranges(300), {"before": other, "pool": "safe"}, "Safer nodes"),
        ([], {}, "list of command lines"),
    ],
    ids=range(16),
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


def by_url(lab: bl.SimulatedLab, number: int, name: str) -> bl.TaskSpec:
    """A link whose input is named by its URL."""
    url = lab.storage["checkpoints"].url_of(name.format(number - 1))
    needs = bl.ResourceFile(http_url=url, file_path=name.format(number - 1))
    made = link(number, name=name, before=False)
    return msgspec.structs.replace(made, resource_files=(needs,) if number > 1 else ())


@pytest.mark.parametrize(("name", "right"), [("state{}", True), ("state", False)])
@pytest.mark.parametrize("quiet", [False, True])
def test_17_2_with_urls_is_right_if_no_step_reads_what_it_wrote(
    name: str, right: bool, quiet: bool
) -> None:
    with lessons.broken("17-2") as lab:
        job = lab.create_job("mine", "spot", uses_task_dependencies=True)
        job.create_tasks([by_url(lab, number, name) for number in range(1, 7)])
        if quiet:
            job.create_task("last", "/bin/true", depends_on=["s6"])
        lab.advance("6h")
        answer = lessons.check("17-2", job)
        assert answer.is_right is right, answer
        assert right or "right after it has saved" in answer.hint


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
