"""Lesson 00: what learners try, and the hint that is meant for it."""

from __future__ import annotations

import pytest

import batchlab as bl
from batchlab import lessons


@pytest.fixture
def job(lab: bl.SimulatedLab, pool: bl.Pool) -> bl.Job:
    return lab.create_job("exercises", pool)


def answered(exercise: str, job: bl.Job, command_line: str) -> lessons.Answer:
    task = job.create_task("mine", command_line)
    task.wait()
    return lessons.check(exercise, task)


def test_00_1_with_the_id_of_the_node_is_right(job: bl.Job) -> None:
    assert answered("00-1", job, "/bin/sh -c 'echo $AZ_BATCH_NODE_ID'").is_right


@pytest.mark.parametrize(
    ("command_line", "hint"),
    [
        ("echo $AZ_BATCH_NODE_ID", "does not replace $AZ_BATCH_NODE_ID"),
        ("/bin/sh -c 'echo AZ_BATCH_NODE_ID'", "does not replace $AZ_BATCH_NODE_ID"),
        ("/bin/sh -c 'echo $AZ_BATCH_POOL_ID'", "in the environment of the task"),
        ("/bin/true", "in the environment of the task"),
    ],
)
def test_00_1_of_a_wrong_answer_gives_its_hint(job: bl.Job, command_line: str, hint: str) -> None:
    assert hint in answered("00-1", job, command_line).hint


def test_00_1_too_early_says_how_to_wait(lab: bl.SimulatedLab) -> None:
    job = lab.create_job("early", lab.create_pool("late", target_dedicated_nodes=1))
    answer = lessons.check("00-1", job.create_task("mine", "/bin/true"))
    assert answer.text == "the task is active, not completed."
    assert "task.wait()" in answer.hint


def test_00_2_with_exit_code_3_is_right(job: bl.Job) -> None:
    assert answered("00-2", job, "/bin/sh -c 'exit 3'").is_right


@pytest.mark.parametrize(
    ("command_line", "hint"),
    [("exit 3", "no program named exit"), ("/bin/sh -c 'echo 3'", "printing 3 does not set it")],
)
def test_00_2_of_a_wrong_answer_gives_its_hint(job: bl.Job, command_line: str, hint: str) -> None:
    assert hint in answered("00-2", job, command_line).hint


def test_00_3_asks_for_tasks_then_for_the_end_and_is_then_right(job: bl.Job) -> None:
    job.create_tasks(["/bin/true"] * 3)
    job.tasks.wait()
    assert lessons.check("00-3", job).text == "the job has 3 tasks; it should have 5 or more."
    job.create_tasks(["/bin/true"] * 2)
    job.tasks.wait()
    assert "until you end it" in lessons.check("00-3", job).hint
    job.terminate()
    job.wait()
    assert lessons.check("00-3", job).is_right
