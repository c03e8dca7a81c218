"""Lesson 05: what learners try, and the hint that is meant for it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

import batchlab as bl
from batchlab import lessons

STUBBORN = "/bin/sh -c 'cat two && exit 0; cat one && cp one two; echo tried > one; exit 1'"
FRAMES = [f"frame{number}" for number in range(1, 5)]
MODEL = {frame: ["model"] for frame in FRAMES}
SATISFY = bl.ExitConditions(
    exit_codes=[
        bl.ExitCodeMapping(code=1, exit_options=bl.ExitOptions(dependency_action="satisfy"))
    ]
)


@pytest.fixture
def lab() -> Iterator[bl.SimulatedLab]:
    rules = {"breaks*": bl.Behavior(duration="10s", exit_code=1)}
    with bl.SimulatedLab(workload=bl.Workload(default="60s", rules=rules)) as opened:
        opened.create_pool("farm", target_dedicated_nodes=1).nodes.wait("idle")
        yield opened


def persist(lab: bl.SimulatedLab, command_line: str, retries: int) -> lessons.Answer:
    limits = bl.TaskConstraints(max_task_retry_count=retries)
    job = lab.create_job("tries", "farm")
    task = job.create_task("mine", command_line, constraints=limits)
    lab.advance("5m")
    return lessons.check("05-1", task)


def test_05_1_with_two_retries_is_right(lab: bl.SimulatedLab) -> None:
    assert persist(lab, STUBBORN, 2).text == "the task succeeded after 2 retries."


@pytest.mark.parametrize(
    ("command_line", "retries", "hint"),
    [
        (STUBBORN, 0, "By default a task is not retried"),
        (STUBBORN, 1, "By default a task is not retried"),
        ("/bin/true", 2, "unchanged"),
        ("/bin/sh -c 'cat one && exit 0; echo tried > one; exit 1'", 2, "unchanged"),
        ("sleep 3600", 2, "waits for it"),
    ],
)
def test_05_1_of_a_wrong_answer_gives_its_hint(
    lab: bl.SimulatedLab, command_line: str, retries: int, hint: str
) -> None:
    assert hint in persist(lab, command_line, retries).hint


def test_05_1_reactivated_in_a_new_folder_each_time_asks_for_retries(lab: bl.SimulatedLab) -> None:
    task = lab.create_job("tries", "farm").create_task("mine", STUBBORN)
    for _ in range(2):
        task.wait()
        task.reactivate()
    task.wait()
    assert "By default a task is not retried" in lessons.check("05-1", task).hint


def test_05_1_ended_by_hand_asks_to_let_it_fail(lab: bl.SimulatedLab) -> None:
    lab.pools["farm"].resize(0)
    lab.pools["farm"].wait("steady")
    task = lab.create_job("tries", "farm").create_task("mine", STUBBORN)
    task.terminate()
    assert "Let it fail" in lessons.check("05-1", task).hint


def film(lab: bl.SimulatedLab, needs: dict[str, list[str]], without: str = "") -> lessons.Answer:
    job = lab.create_job("film", "farm", uses_task_dependencies=True)
    for name in ("cut", *FRAMES, "model"):
        if name != without:
            job.create_task(name, "work", depends_on=needs.get(name))
    lab.advance("10m")
    return lessons.check("05-2", job)


def test_05_2_with_all_dependencies_is_right(lab: bl.SimulatedLab) -> None:
    assert film(lab, {"cut": FRAMES} | MODEL).is_right


def test_05_2_with_the_cut_created_last_asks_to_create_it_first(lab: bl.SimulatedLab) -> None:
    job = lab.create_job("film", "farm", uses_task_dependencies=True)
    for name in ("model", *FRAMES, "cut"):
        job.create_task(name, "work", depends_on=({"cut": FRAMES} | MODEL).get(name))
    job.tasks.wait()
    assert "do not exist yet" in lessons.check("05-2", job).hint


@pytest.mark.parametrize(
    ("needs", "without", "hint"),
    [
        ({}, "", "does not promise"),
        (MODEL, "", "does not promise"),
        (MODEL | {"cut": ["frame1"]}, "", "may have been luck"),
        ({"cut": FRAMES} | MODEL, "model", "should have the tasks"),
    ],
)
def test_05_2_of_a_wrong_answer_gives_its_hint(
    lab: bl.SimulatedLab, needs: dict[str, list[str]], without: str, hint: str
) -> None:
    assert hint in film(lab, needs, without).hint


def probe(lab: bl.SimulatedLab, command_line: str = "breaks", **more: Any) -> lessons.Answer:
    job = lab.create_job("quiet", "farm", uses_task_dependencies=True)
    job.create_task("probe", command_line, exit_conditions=more.get("conditions"))
    report = more.get("report", "print it")
    if report:
        job.create_task("report", report, depends_on=more.get("needs", ["probe"]))
    lab.advance("5m")
    return lessons.check("05-3", job)


def test_05_3_with_exit_conditions_is_right(lab: bl.SimulatedLab) -> None:
    assert probe(lab, conditions=SATISFY).is_right


@pytest.mark.parametrize(
    ("more", "hint"),
    [
        ({}, "says what should happen next"),
        ({"report": None}, "Create both"),
        ({"command_line": "/bin/sh -c 'breaks; exit 0'"}, "must be just: breaks"),
        ({"command_line": "sleep 3600"}, "waits for both"),
        ({"needs": None}, "must run after the probe"),
        ({"conditions": SATISFY, "report": "breaks"}, "a program that works"),
    ],
)
def test_05_3_of_a_wrong_answer_gives_its_hint(
    lab: bl.SimulatedLab, more: dict[str, Any], hint: str
) -> None:
    assert hint in probe(lab, **more).hint


def test_05_1_of_another_program_is_wrong(lab: bl.SimulatedLab) -> None:
    easier = STUBBORN.replace("echo tried > one; exit 1", "echo tried > one; exit 2")
    assert "unchanged" in persist(lab, easier, 2).hint


@pytest.mark.parametrize(
    ("command_line", "retries"),
    [(STUBBORN, 5), (STUBBORN, -1), (STUBBORN.replace("'", '"'), 2)],
)
def test_05_1_in_another_form_is_right(
    lab: bl.SimulatedLab, command_line: str, retries: int
) -> None:
    assert persist(lab, command_line, retries).is_right


def test_05_1_with_retries_of_its_job_is_right(lab: bl.SimulatedLab) -> None:
    limits = bl.JobConstraints(max_task_retry_count=3)
    task = lab.create_job("tries", "farm", constraints=limits).create_task("mine", STUBBORN)
    task.wait()
    assert lessons.check("05-1", task).is_right


CHAIN = {
    "frame1": ["model"],
    "frame2": ["frame1"],
    "frame3": ["frame2", "MODEL"],
    "frame4": ["frame3"],
    "cut": ["frame4"],
}


@pytest.mark.parametrize(
    "needs", [CHAIN, MODEL | {"cut": ["model", *FRAMES]}, MODEL | {"cut": FRAMES[::-1]}]
)
def test_05_2_in_another_form_is_right(lab: bl.SimulatedLab, needs: dict[str, list[str]]) -> None:
    job = lab.create_job("film", "farm", uses_task_dependencies=True)
    job.create_tasks(
        [bl.TaskSpec(id=name, command_line="work", depends_on=needs.get(name))
         for name in ("early", "cut", *FRAMES, "Model")]
    )  # fmt: skip
    job.tasks.wait()
    answer = lessons.check("05-2", job)
    assert answer.is_right, answer


@pytest.mark.parametrize("line", ["/bin/sh -c 'exit 1'", "exit 0"])
def test_05_2_of_failed_tasks_is_wrong(lab: bl.SimulatedLab, line: str) -> None:
    job = lab.create_job("film", "farm", uses_task_dependencies=True)
    blocked = bl.ExitConditions(
        default=bl.ExitOptions(dependency_action="satisfy"),
        pre_processing_error=bl.ExitOptions(dependency_action="satisfy"),
    )
    for name in ("cut", *FRAMES, "model"):
        needs = ({"cut": FRAMES} | MODEL).get(name)
        job.create_task(name, line, depends_on=needs, exit_conditions=blocked)
    job.tasks.wait()
    assert "They should succeed" in lessons.check("05-2", job).hint


def satisfied(**where: Any) -> bl.ExitConditions:
    return bl.ExitConditions(**where)


GO = bl.ExitOptions(dependency_action="satisfy")


@pytest.mark.parametrize(
    ("conditions", "right"),
    [
        (satisfied(exit_code_ranges=[bl.ExitCodeRangeMapping(start=1, end=1, exit_options=GO)]),
         True),
        (satisfied(exit_codes=[bl.ExitCodeMapping(code=1, exit_options=GO)],
                   default=bl.ExitOptions(dependency_action="block")), True),
        (satisfied(default=GO), False),
        (satisfied(exit_code_ranges=[bl.ExitCodeRangeMapping(start=1, end=9, exit_options=GO)]),
         False),
        (satisfied(exit_codes=[bl.ExitCodeMapping(code=1, exit_options=GO),
                               bl.ExitCodeMapping(code=2, exit_options=GO)]), False),
        (satisfied(exit_codes=[bl.ExitCodeMapping(code=1, exit_options=GO)],
                   pre_processing_error=GO), False),
    ],
)  # fmt: skip
def test_05_3_lets_exit_code_1_through_and_no_other(
    lab: bl.SimulatedLab, conditions: bl.ExitConditions, right: bool
) -> None:
    answer = probe(lab, conditions=conditions)
    assert answer.is_right is right
    assert ("What if the program crashes?" in answer.hint) is not right


@pytest.mark.parametrize("command_line", ["/bin/false", "/bin/sh -c 'exit 1'"])
def test_05_3_of_another_program_is_wrong(lab: bl.SimulatedLab, command_line: str) -> None:
    assert "must be just: breaks" in probe(lab, command_line, conditions=SATISFY).hint
