"""Lesson 03: what learners try, and the hint that is meant for it."""

from __future__ import annotations

from typing import Any

import pytest

import batchlab as bl
from batchlab import lessons

MARK = "$AZ_BATCH_NODE_SHARED_DIR/$AZ_BATCH_JOB_ID.tried"
FLAKY = f"/bin/sh -c 'cat {MARK} && exit 0; echo yes > {MARK}; exit 1'"
FIXED_SCENE = "$AZ_BATCH_NODE_SHARED_DIR/scene.txt"
SCENE = "$AZ_BATCH_NODE_SHARED_DIR/$AZ_BATCH_JOB_ID.txt"
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


OTHER = "$AZ_BATCH_NODE_SHARED_DIR/$AZ_BATCH_JOB_ID"


@pytest.mark.parametrize(
    "job",
    [
        {
            "job_preparation_task": f"/bin/sh -c \"mkdir {OTHER}; printf 'a scene' > {OTHER}/s\"",
            "read": f"{OTHER}/s",
            "job_release_task": f"/bin/sh -c 'rm -rf {OTHER}'",
        },
        {
            "job_preparation_task": (
                "/bin/sh -c 'echo a scene > $AZ_BATCH_NODE_SHARED_DIR/bring.scene'"
            ),
            "read": "$AZ_BATCH_NODE_SHARED_DIR/bring.scene",
            "job_release_task": "/bin/sh -c 'rm -f $AZ_BATCH_NODE_SHARED_DIR/bring.scene'",
        },
        {"count": 9},
        {
            "job_preparation_task": bl.JobPreparationTask(
                command_line=f"/bin/sh -c 'echo $LINE > {SCENE}'",
                environment_settings={"LINE": "a scene"},
            )
        },
    ],
)
def test_03_2_in_another_form_is_right(
    lab: bl.SimulatedLab, pool: bl.Pool, job: dict[str, Any]
) -> None:
    made = bring(lab, **job)
    made.update(on_all_tasks_complete="terminatejob")
    lab.advance("5m")
    answer = lessons.check("03-2", made)
    assert answer.is_right, answer


@pytest.mark.parametrize(
    ("job", "read", "hint"),
    [
        (
            {
                "job_preparation_task": f"/bin/sh -c 'echo a scene > {FIXED_SCENE}'",
                "job_release_task": f"/bin/sh -c 'rm {FIXED_SCENE}'",
            },
            f"cat {FIXED_SCENE}; sleep 1",
            "the same folder shared",
        ),
        ({}, "echo a scene; sleep 1", "whatever is in it"),
        (
            {"job_preparation_task": "/bin/true"},
            f"echo a scene > {SCENE}; cat {SCENE}; sleep 1",
            "whatever is in it",
        ),
        ({"job_release_task": "/bin/true"}, f"cat {SCENE}; sleep 1; rm {SCENE}", "Look at"),
        (
            {"job_release_task": "/bin/true"},
            f"cat {SCENE}; sleep 30; rm -f {SCENE}",
            "Who deleted it",
        ),
    ],
)
def test_03_2_by_others_than_the_preparation_and_the_release_is_wrong(
    lab: bl.SimulatedLab, pool: bl.Pool, job: dict[str, Any], read: str, hint: str
) -> None:
    wanted: dict[str, Any] = {"job_preparation_task": BRING, "job_release_task": CLEAR} | job
    made = lab.create_job("bring", "two", **wanted)
    wide = bl.TaskSpec(id="x", command_line=f"/bin/sh -c '{read}'")
    if "sleep 30" in read:
        lab.create_pool("wide", vm_size="large", target_dedicated_nodes=2, task_slots_per_node=2)
        lab.pools["wide"].nodes.wait("idle")
        made = lab.create_job("bring-wide", "wide", **wanted)
    made.create_tasks([bl.TaskSpec(id=f"t{n}", command_line=wide.command_line) for n in range(4)])
    lab.advance("5m")
    made.terminate()
    lab.advance("5m")
    answer = lessons.check("03-2", made)
    assert answer.outcome == "not yet"
    assert hint in answer.hint


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


def test_03_2_in_the_working_directory_of_the_preparation_is_right_once_it_is_cleared(
    lab: bl.SimulatedLab, pool: bl.Pool
) -> None:
    own = "$AZ_BATCH_JOB_PREP_WORKING_DIR/scene.txt"
    bring_own = "/bin/sh -c 'echo a scene > scene.txt'"
    kept = bring(lab, read=own, job_preparation_task=bring_own, job_release_task="/bin/true")
    kept.terminate()
    lab.advance("5m")
    assert "without deleting" in lessons.check("03-2", kept).hint
    kept.delete()
    lab.advance("5m")
    job = bring(
        lab, read=own, job_preparation_task=bring_own, job_release_task=f"/bin/sh -c 'rm {own}'"
    )
    job.terminate()
    lab.advance("5m")
    assert lessons.check("03-2", job).is_right


OWN = "/bin/sh -c 'cat $AZ_BATCH_JOB_PREP_WORKING_DIR/rates.txt'"
WRITE = "/bin/sh -c 'echo rates of $AZ_BATCH_JOB_ID > rates.txt'"
FIXED = "$AZ_BATCH_NODE_SHARED_DIR/rates.txt"
FOLDER = "$AZ_BATCH_NODE_SHARED_DIR/$AZ_BATCH_JOB_ID"


def two_jobs(
    lab: bl.SimulatedLab,
    write: str | None = WRITE,
    read: str = OWN,
    count: int = 4,
    in_turn: bool = False,
    end: bool = False,
) -> lessons.Answer:
    lab.create_pool("desk", target_dedicated_nodes=1).nodes.wait("idle")
    jobs = [lab.create_job(day, "desk", job_preparation_task=write) for day in ("one", "other")]
    for job in jobs:
        job.create_tasks([read.replace("THIS", job.id)] * count)
        if in_turn:
            lab.advance("5m")
    lab.advance("5m")
    if end:
        jobs[0].terminate()
        lab.advance("5m")
    return lessons.check("03-4", *jobs)


@pytest.mark.parametrize(
    ("write", "read"),
    [
        (WRITE, OWN),
        (
            f"/bin/sh -c 'mkdir -p {FOLDER}; echo rates of $AZ_BATCH_JOB_ID > {FOLDER}/rates.txt'",
            f"/bin/sh -c 'cat {FOLDER}/rates.txt'",
        ),
    ],
)
def test_03_4_with_a_place_of_each_job_is_right(
    lab: bl.SimulatedLab, write: str, read: str
) -> None:
    assert two_jobs(lab, write, read).is_right


@pytest.mark.parametrize(
    ("changed", "hint"),
    [
        (
            {
                "write": f"/bin/sh -c 'echo rates of $AZ_BATCH_JOB_ID > {FIXED}'",
                "read": f"/bin/sh -c 'cat {FIXED}'",
            },
            "the other job write to the same file",
        ),
        ({"write": None}, "has a parameter for it"),
        ({"count": 2}, "takes a list of command lines"),
        ({"in_turn": True}, "at the same time"),
        ({"end": True}, "looks at the files on the node"),
        ({"read": "/bin/sh -c 'echo rates of THIS'"}, "in the same way"),
        ({"read": "/bin/sh -c 'echo rates of $AZ_BATCH_JOB_ID today'"}, "the tasks print it"),
        ({"read": "/bin/sh -c 'echo rates of $AZ_BATCH_JOB_ID'"}, "the tasks print it"),
        ({"write": "/bin/sh -c 'echo rates > rates.txt'"}, "the lines differ"),
        ({"read": "cat $AZ_BATCH_JOB_PREP_WORKING_DIR/rates.txt"}, "not started by a shell"),
    ],
)
def test_03_4_of_a_wrong_answer_gives_its_hint(
    lab: bl.SimulatedLab, changed: dict[str, Any], hint: str
) -> None:
    answer = two_jobs(lab, **changed)
    assert answer.outcome == "not yet"
    assert hint in answer.hint


def test_03_4_of_one_job_twice_asks_for_two(lab: bl.SimulatedLab, pool: bl.Pool) -> None:
    job = bring(lab)
    assert "Two jobs share the node" in lessons.check("03-4", job, job).hint


@pytest.mark.parametrize(
    "preparation",
    [
        RETRIED,
        bl.JobPreparationTask(
            command_line=FLAKY.replace("'", '"').replace("$AZ_BATCH_JOB_ID", "${AZ_BATCH_JOB_ID}"),
            constraints=bl.TaskConstraints(max_task_retry_count=-1),
        ),
    ],
)
def test_03_1_in_another_form_is_right(
    lab: bl.SimulatedLab, pool: bl.Pool, preparation: Any
) -> None:
    job = lab.create_job("again", "two", job_preparation_task=preparation)
    job.create_tasks([bl.TaskSpec(id=f"t{n}", command_line="sleep 1") for n in range(3)])
    lab.advance("5m")
    answer = lessons.check("03-1", job)
    assert answer.is_right, answer


@pytest.mark.parametrize(
    ("command_line", "task", "hint"),
    [
        (FLAKY.replace("yes", "no"), "/bin/true", "Keep the command line"),
        (
            "/bin/sh -c 'cat here && exit 0; echo yes > here; exit 1'",
            "/bin/true",
            "Keep the command line",
        ),
        (FLAKY, "/bin/false", "They should succeed"),
        (FLAKY, "exit 0", "They should succeed"),
    ],
)
def test_03_1_with_another_preparation_or_a_failed_task_is_wrong(
    lab: bl.SimulatedLab, pool: bl.Pool, command_line: str, task: str, hint: str
) -> None:
    preparation = bl.JobPreparationTask(
        command_line=command_line, constraints=bl.TaskConstraints(max_task_retry_count=2)
    )
    job = lab.create_job("again", "two", job_preparation_task=preparation)
    job.create_task("only", task)
    lab.advance("5m")
    assert hint in lessons.check("03-1", job).hint


@pytest.mark.parametrize(
    ("keep_away", "line", "hint"),
    [
        ("affinity", "/bin/true", "may have been luck"),
        ("resize", "/bin/true", "keep its two nodes"),
        ("disable", "/bin/sh -c 'exit 1'", "They should succeed"),
    ],
)
def test_03_3_by_luck_or_on_one_node_is_wrong(
    lab: bl.SimulatedLab, pool: bl.Pool, keep_away: str | None, line: str, hint: str
) -> None:
    first, second = pool.nodes.values()
    if keep_away == "resize":
        pool.remove_nodes([second.id])
        pool.wait("steady")
    if keep_away == "disable":
        second.disable_scheduling()
    job = lab.create_job("one", pool, job_preparation_task="/bin/true")
    for number in range(4):  # one after the other, so the same node is free each time
        near = {"affinity_info": first.affinity_id} if keep_away == "affinity" else {}
        job.create_task(f"t{number}", line, **near).wait()
    assert hint in lessons.check("03-3", job).hint


@pytest.mark.parametrize("keep_away", ["busy", "deallocate", "reboot"])
def test_03_3_with_a_node_kept_away_in_another_way_is_right(
    lab: bl.SimulatedLab, pool: bl.Pool, keep_away: str
) -> None:
    first, second = pool.nodes.values()
    if keep_away == "busy":
        first.disable_scheduling()
        lab.create_job("hog", pool).create_task("hog", "sleep 3600")
        lab.advance("1s")
        first.enable_scheduling()
    elif keep_away == "deallocate":
        second.deallocate()
        second.wait("deallocated")
    else:
        second.reboot()
    job = lab.create_job("one", pool, job_preparation_task="echo ready")
    job.create_tasks([bl.TaskSpec(id=f"t{n}", command_line="sleep 1") for n in range(5)])
    lab.advance("10s")
    answer = lessons.check("03-3", job)
    assert answer.is_right, answer
