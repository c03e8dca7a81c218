"""Lesson 00: what learners try, and the hint that is meant for it."""

from __future__ import annotations

import os

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


@pytest.mark.parametrize(
    "command_line",
    [
        "/bin/sh -c 'env'",
        "printenv AZ_BATCH_NODE_ID",
        "/bin/sh -c 'printenv > all; grep AZ_BATCH_NODE_ID all'",
        '/bin/bash -c "echo I ran on ${AZ_BATCH_NODE_ID}."',
        "/bin/sh -c 'echo \"<$AZ_BATCH_NODE_ID>\"'",
        "/bin/sh -c 'echo node: $AZ_BATCH_NODE_ID, task: $AZ_BATCH_TASK_ID'",
    ],
)
def test_00_1_in_another_form_is_right(job: bl.Job, command_line: str) -> None:
    assert answered("00-1", job, command_line).is_right


def test_00_1_by_a_function_is_right(job: bl.Job) -> None:
    call = job.submit(_print_node)
    call.result()
    assert lessons.check("00-1", next(iter(job.tasks.values()))).is_right


def _print_node() -> None:
    print(os.environ["AZ_BATCH_NODE_ID"])


@pytest.mark.parametrize(
    ("command_line", "hint"),
    [
        ("echo {node}", "before it runs"),
        ("/bin/sh -c 'echo {node} {other}'", "before it runs"),
        ("/bin/sh -c 'echo $AZ_BATCH_TASK_WORKING_DIR/$AZ_BATCH_NODE_ID'", "in the environment"),
        ("/bin/sh -c 'echo $AZ_BATCH_NODE_ID; exit 1'", "stderr"),
        ("/bin/sh -c 'echo $AZ_BATCH_NODE_ID >&2'", "in the environment"),
    ],
)
def test_00_1_typed_or_failed_is_wrong(
    job: bl.Job, pool: bl.Pool, command_line: str, hint: str
) -> None:
    node, other = pool.nodes.ids()
    answer = answered("00-1", job, command_line.format(node=node, other=other))
    assert not answer.is_right
    assert hint in answer.hint


def test_00_1_typed_into_a_variable_is_wrong(job: bl.Job, pool: bl.Pool) -> None:
    first = next(iter(pool.nodes.values()))
    task = job.create_task(
        "mine",
        "/bin/sh -c 'echo $WHERE'",
        environment_settings={"WHERE": first.id},
        affinity_info=first.affinity_id,
    )
    task.wait()
    assert "before it runs" in lessons.check("00-1", task).hint


@pytest.mark.parametrize(
    "command_line", ["/bin/bash -c 'exit 3'", '/bin/sh -c "false || exit 3"', "sh -c 'exit 3'"]
)
def test_00_2_in_another_form_is_right(job: bl.Job, command_line: str) -> None:
    assert answered("00-2", job, command_line).is_right


@pytest.mark.parametrize(
    ("command_line", "hint"),
    [
        ("/bin/sh -c exit 3", "printing 3 does not set it"),
        ("/bin/sh -c 'exit 30'", "printing 3"),
        ("/bin/sh -c '(exit 3); true'", "printing 3"),
    ],
)
def test_00_2_of_another_code_is_wrong(job: bl.Job, command_line: str, hint: str) -> None:
    answer = answered("00-2", job, command_line)
    assert not answer.is_right
    assert hint in answer.hint


@pytest.mark.parametrize(
    ("lines", "name", "hint"),
    [
        (["/bin/sh -c 'exit 1'"] * 5, "mine", "They should succeed."),
        (["exit 0"] * 5, "mine", "They should succeed."),
        (["/bin/true"] * 4, "mine", "takes a list of command lines"),
        (["/bin/true"] * 12, "dinner", "a job of your own"),
    ],
)
def test_00_3_of_failed_tasks_or_the_lesson_s_job_is_wrong(
    lab: bl.SimulatedLab, pool: bl.Pool, lines: list[str], name: str, hint: str
) -> None:
    job = lab.create_job(name, pool)
    job.create_tasks(lines)
    job.tasks.wait()
    job.terminate()
    job.wait()
    assert hint in lessons.check("00-3", job).hint


def test_00_3_ended_before_its_tasks_were_done_is_wrong(
    lab: bl.SimulatedLab, pool: bl.Pool
) -> None:
    job = lab.create_job("hasty", pool)
    job.create_tasks(["sleep 60"] * 5)
    job.terminate()
    job.wait()
    assert not lessons.check("00-3", job).is_right


def test_00_3_that_ends_by_itself_is_right(lab: bl.SimulatedLab, pool: bl.Pool) -> None:
    job = lab.create_job("automatic", pool)
    job.create_tasks([bl.TaskSpec(id=f"t{n}", command_line="sleep 1") for n in range(7)])
    job.update(on_all_tasks_complete="terminatejob")
    job.wait("completed")
    assert lessons.check("00-3", job).is_right
