"""Lesson 03: what learners try, and the hint that is meant for it."""

from __future__ import annotations

from typing import Any

import pytest

import batchlab as bl
from batchlab import lessons

MARK = "$AZ_BATCH_NODE_SHARED_DIR/$AZ_BATCH_JOB_ID.tried"
FLAKY = f"/bin/sh -c 'cat {MARK} && exit 0; echo yes > {MARK}; exit 1'"
SCENE = "$AZ_BATCH_NODE_SHARED_DIR/scene.txt"
BRING = f"/bin/sh -c 'echo a scene > {SCENE}'"
CLEAR = f"/bin/sh -c 'rm {SCENE}'"
RETRIED = bl.JobPreparationTask(
    command_line=FLAKY, constraints=bl.TaskConstraints(max_task_retry_count=1)
)


def try_again(lab: bl.SimulatedLab, preparation: Any, **more: Any) -> bl.Job:
    job = lab.create_job("again", "two", job_preparation_task=preparation, **more)
    job.create_task("only", "/bin/true")
    lab.advance("5m")
    return job


def test_03_1_with_a_retried_preparation_is_right(lab: bl.SimulatedLab, pool: bl.Pool) -> None:
    assert lessons.check("03-1", try_again(lab, RETRIED)).is_right


@pytest.mark.parametrize(
    ("preparation", "more", "hint"),
    [
        (FLAKY, {}, "tried only once"),
        (
            FLAKY,
            {"constraints": bl.JobConstraints(max_task_retry_count=3)},
            "The constraints of a job apply to its tasks.",
        ),
        ("/bin/true", {}, "Keep the command line"),
        (
            bl.JobPreparationTask(command_line=FLAKY, wait_for_success=False),
            {},
            "may not have been prepared",
        ),
        (None, {}, "has a parameter for it"),
    ],
)
def test_03_1_of_a_wrong_answer_gives_its_hint(
    lab: bl.SimulatedLab, pool: bl.Pool, preparation: Any, more: dict[str, Any], hint: str
) -> None:
    answer = lessons.check("03-1", try_again(lab, preparation, **more))
    assert answer.outcome == "not yet"
    assert hint in answer.hint


def bring(lab: bl.SimulatedLab, count: int = 4, read: str = SCENE, **hooks: Any) -> bl.Job:
    wanted: dict[str, Any] = {"job_preparation_task": BRING, "job_release_task": CLEAR} | hooks
    job = lab.create_job("bring", "two", **wanted)
    job.create_tasks([f"/bin/sh -c 'cat {read} && sleep 1'"] * count)
    lab.advance("5m")
    return job


def test_03_2_with_data_brought_and_cleared_is_right(lab: bl.SimulatedLab, pool: bl.Pool) -> None:
    job = bring(lab)
    job.terminate()
    job.wait()
    assert lessons.check("03-2", job).is_right


@pytest.mark.parametrize(
    ("job", "hint"),
    [
        ({"job_preparation_task": None, "job_release_task": None}, "has a parameter for it"),
        ({"job_release_task": None}, "stays on the node until something deletes it"),
        ({"job_release_task": f"rm {SCENE}"}, "not started by a shell"),
        ({"job_preparation_task": f"echo a scene > {SCENE}"}, "not started by a shell"),
        ({"count": 2}, "takes a list of command lines"),
        ({"read": "$AZ_BATCH_NODE_SHARED_DIR/other.txt"}, "Look at the stderr"),
        ({"job_release_task": "/bin/sh -c 'exit 1'"}, "shows its exit code"),
        ({"job_release_task": "/bin/true"}, "without deleting what the preparation wrote"),
        ({"job_preparation_task": f"/bin/sh -c 'echo scene > {SCENE}'"}, "must print that file"),
        ({"read": f"{SCENE} > copy"}, "must print that file"),
    ],
)
def test_03_2_of_a_wrong_answer_gives_its_hint(
    lab: bl.SimulatedLab, pool: bl.Pool, job: dict[str, Any], hint: str
) -> None:
    made = bring(lab, **job)
    made.terminate()
    lab.advance("5m")
    answer = lessons.check("03-2", made)
    assert answer.outcome == "not yet"
    assert hint in answer.hint


def test_03_2_before_the_job_has_ended_asks_when_a_release_runs(
    lab: bl.SimulatedLab, pool: bl.Pool
) -> None:
    assert "When does a release run?" in lessons.check("03-2", bring(lab)).hint


def test_03_2_on_one_node_asks_for_the_second(lab: bl.SimulatedLab, pool: bl.Pool) -> None:
    next(iter(pool.nodes.values())).disable_scheduling()
    assert "The second node gets a task" in lessons.check("03-2", bring(lab)).hint


def test_03_2_with_tasks_that_wait_says_how_to_ask_why(
    lab: bl.SimulatedLab, pool: bl.Pool
) -> None:
    job = bring(lab, job_preparation_task="/bin/sh -c 'exit 1'")
    assert "waits for them" in lessons.check("03-2", job).hint
    assert "job.tasks['task001'].explain()" in lessons.check("03-2", job).hint


def test_03_3_on_one_node_is_right_and_on_two_asks_how_to_keep_one_out(
    lab: bl.SimulatedLab, pool: bl.Pool
) -> None:
    wide = bring(lab)
    answer = lessons.check("03-3", wide)
    assert answer.text == "2 nodes were prepared."
    assert "keep tasks away from a node" in answer.hint
    next(iter(pool.nodes.values())).disable_scheduling()
    narrow = lab.create_job("narrow", pool, job_preparation_task="/bin/true")
    narrow.create_tasks(["/bin/true"] * 4)
    narrow.tasks.wait()
    assert lessons.check("03-3", narrow).is_right
