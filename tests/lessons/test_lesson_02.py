"""Lesson 02: what learners try, and the hint that is meant for it."""

from __future__ import annotations

import os
from typing import Any

import pytest

import batchlab as bl
from batchlab import lessons

HANGS = "/bin/sh -c 'echo I have begun; sleep 600'"


def answered(
    exercise: str, lab: bl.SimulatedLab, command_line: str, **more: Any
) -> lessons.Answer:
    task = lab.create_job("trials", "two").create_task("mine", command_line, **more)
    lab.advance("1m")
    return lessons.check(exercise, task)


def test_02_1_with_a_file_and_a_word_is_right(lab: bl.SimulatedLab, pool: bl.Pool) -> None:
    command_line = "/bin/sh -c 'echo 42 > result.txt; echo well >&2'"
    assert answered("02-1", lab, command_line).is_right


@pytest.mark.parametrize(
    ("command_line", "hint"),
    [
        ("echo 42 > result.txt", "not started by a shell"),
        ("/bin/sh -c 'echo 42 > result.txt; echo well >&2; exit 1'", "print on stderr"),
        ("/bin/sh -c 'echo 42; echo well >&2'", "shows what is there"),
        ("/bin/sh -c 'echo 42 > result.txt; echo well'", "should have gone"),
        ("/bin/sh -c 'echo 42 > result.txt'", "Two streams"),
    ],
)
def test_02_1_of_a_wrong_answer_gives_its_hint(
    lab: bl.SimulatedLab, pool: bl.Pool, command_line: str, hint: str
) -> None:
    assert hint in answered("02-1", lab, command_line).hint


def limit(span: str) -> bl.TaskConstraints:
    return bl.TaskConstraints(max_wall_clock_time=span)


def test_02_2_with_a_limit_is_right(lab: bl.SimulatedLab, pool: bl.Pool) -> None:
    assert answered("02-2", lab, HANGS, constraints=limit("2s")).is_right


@pytest.mark.parametrize(
    ("command_line", "constraints", "hint"),
    [
        ("/bin/sh -c 'sleep 2'", None, "unchanged"),
        (HANGS, None, "one of the constraints"),
        (HANGS, limit("10s"), "asks for two seconds"),
        (HANGS, limit("1h"), "task.wait()"),
    ],
)
def test_02_2_of_a_wrong_answer_gives_its_hint(
    lab: bl.SimulatedLab, pool: bl.Pool, command_line: str, constraints: Any, hint: str
) -> None:
    assert hint in answered("02-2", lab, command_line, constraints=constraints).hint


def test_02_2_with_a_limit_of_its_job_is_right(lab: bl.SimulatedLab, pool: bl.Pool) -> None:
    limits = bl.JobConstraints(max_wall_clock_time="2s")
    task = lab.create_job("brief", pool, constraints=limits).create_task("mine", HANGS)
    task.wait()
    assert lessons.check("02-2", task).is_right


def test_02_2_ended_by_hand_says_that_it_was_not_the_limit(
    lab: bl.SimulatedLab, pool: bl.Pool
) -> None:
    task = lab.create_job("trials", pool).create_task("mine", HANGS, constraints=limit("1h"))
    task.terminate()
    task.wait()
    assert "Let it run" in lessons.check("02-2", task).hint


COUNT = "env > all; grep -c ^AZ_BATCH all"
"""As `env | grep -c ^AZ_BATCH`; a simulated node has no pipes."""


@pytest.mark.parametrize(
    "command_line",
    [
        f"/bin/sh -c '{COUNT}'",
        f'/bin/bash -c "{COUNT}"',
        "/bin/sh -c 'printenv > all && echo there are: && grep -c ^AZ_BATCH_ all'",
    ],
)
def test_02_3_with_a_number_is_right(
    lab: bl.SimulatedLab, pool: bl.Pool, command_line: str
) -> None:
    assert answered("02-3", lab, command_line).is_right


def test_02_3_by_a_function_is_right(lab: bl.SimulatedLab, pool: bl.Pool) -> None:
    job = lab.create_job("calls", pool)
    job.submit(_count).result()
    assert lessons.check("02-3", next(iter(job.tasks.values()))).is_right


def _count() -> None:
    print(sum(name.startswith("AZ_BATCH") for name in os.environ))


@pytest.mark.parametrize(
    ("command_line", "hint"),
    [
        ("env | grep -c ^AZ_BATCH", "not started by a shell"),
        ("/bin/sh -c 'env'", "How can you count them"),
        ("/bin/sh -c 'echo 99'", "one more variable"),
        ("/bin/sh -c 'echo 15'", "one more variable"),
        ("/bin/sh -c 'echo $((7 + 8))'", "one more variable"),
        ("/bin/sh -c 'env > all; echo 15'", "one more variable"),
        ("/bin/sh -c 'env > all; grep -c = all'", "Count only the names that begin"),
        (f"/bin/sh -c '{COUNT}; exit 1'", "stderr"),
    ],
)
def test_02_3_of_a_wrong_answer_gives_its_hint(
    lab: bl.SimulatedLab, pool: bl.Pool, command_line: str, hint: str
) -> None:
    answer = answered("02-3", lab, command_line)
    assert not answer.is_right
    assert hint in answer.hint


@pytest.mark.parametrize(
    "command_line",
    [
        '/bin/bash -c "echo 42 > result.txt && echo done 1>&2"',
        "/bin/sh -c 'echo a > $AZ_BATCH_TASK_WORKING_DIR/result.txt; cat nowhere; true'",
        "/bin/sh -c 'printf \"%s\" 42 > result.txt; echo 1 >> result.txt; echo x >&2'",
    ],
)
def test_02_1_in_another_form_is_right(
    lab: bl.SimulatedLab, pool: bl.Pool, command_line: str
) -> None:
    assert answered("02-1", lab, command_line).is_right


def test_02_1_with_a_file_from_the_notebook_or_a_folder_is_wrong(
    lab: bl.SimulatedLab, pool: bl.Pool
) -> None:
    box = lab.storage.create_container("box")
    box.upload(b"42", "result.txt")
    brought = answered("02-1", lab, "/bin/sh -c 'echo well >&2'",
                       resource_files=[box.url_of("result.txt")])  # fmt: skip
    assert "itself should write it" in brought.hint
    task = lab.jobs["trials"].create_task("folder", "/bin/sh -c 'mkdir result.txt; echo w >&2'")
    task.wait()
    assert "shows what is there" in lessons.check("02-1", task).hint


@pytest.mark.parametrize(
    ("command_line", "constraints", "right"),
    [
        ('/bin/sh -c "echo I have begun; sleep 600"', limit("2s"), True),
        (HANGS, bl.TaskConstraints(max_wall_clock_time=2), True),
        (HANGS, bl.TaskConstraints(max_wall_clock_time="PT2S", max_task_retry_count=3), True),
        (HANGS, limit("1s"), False),
        (HANGS, limit("5s"), False),
        ("/bin/sh -c 'sleep 600'", limit("2s"), False),
        (HANGS.replace("600", "2"), limit("2s"), False),
        (f"timeout 2 {HANGS}", limit("2s"), False),
    ],
)
def test_02_2_asks_for_the_program_and_two_seconds(
    lab: bl.SimulatedLab, pool: bl.Pool, command_line: str, constraints: Any, right: bool
) -> None:
    assert answered("02-2", lab, command_line, constraints=constraints).is_right is right


def test_02_2_ended_by_hand_within_its_limits_is_wrong(
    lab: bl.SimulatedLab, pool: bl.Pool
) -> None:
    job = lab.create_job("brief", pool)
    task = job.create_task("mine", HANGS, constraints=limit("2s"))
    lab.advance("1s")
    task.terminate()
    lab.advance("1m")
    assert "Let it run" in lessons.check("02-2", task).hint
    long = bl.JobConstraints(max_wall_clock_time="1m")
    late = lab.create_job("long", pool, constraints=long).create_task("mine", HANGS)
    late.wait()
    assert not lessons.check("02-2", late).is_right
