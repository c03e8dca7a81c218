"""Lesson 02: what learners try, and the hint that is meant for it."""

from __future__ import annotations

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


def test_02_3_with_a_number_is_right(lab: bl.SimulatedLab, pool: bl.Pool) -> None:
    assert answered("02-3", lab, "/bin/sh -c 'echo 15'").is_right


@pytest.mark.parametrize(
    ("command_line", "hint"),
    [
        ("env | grep -c ^AZ_BATCH", "not started by a shell"),
        ("/bin/sh -c 'env'", "How can you count them"),
        ("/bin/sh -c 'echo 99'", "Count only the names that begin"),
    ],
)
def test_02_3_of_a_wrong_answer_gives_its_hint(
    lab: bl.SimulatedLab, pool: bl.Pool, command_line: str, hint: str
) -> None:
    assert hint in answered("02-3", lab, command_line).hint
