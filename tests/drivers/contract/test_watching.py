"""Whoever watches a lab, from the beginning or later, knows what the service knows."""

import pytest

from batchlab import BatchError, JobPreparationTask, TaskConstraints
from batchlab.history.schema import KINDS, OUTCOMES
from batchlab.history.watch import Tables, watch
from helpers.stories import SOON, sh


def told(lab, since=0):
    tables = Tables()
    while True:
        batch = lab._connection.changes(since)
        tables.take(batch.changes, batch.now)
        since = batch.next
        if not batch.more:
            return tables, since


def bars(tables):
    ends = dict(zip(tables.columns["ends"]["run"], tables.columns["ends"]["outcome"], strict=True))
    kinds = tables.columns["runs"]["kind"]
    return sorted(
        (KINDS[kind], OUTCOMES[ends[run]] if run in ends else "") for run, kind in enumerate(kinds)
    )


@pytest.mark.processes
def test_watcher_who_comes_late_is_told_all(lab):
    pool = lab.create_pool("p", target_dedicated_nodes=1, start_task="/bin/sh -c 'exit 0'")
    job = lab.create_job(
        "j", pool, job_preparation_task="/bin/sh -c 'exit 0'",
        job_release_task="/bin/sh -c 'exit 0'",
    )  # fmt: skip
    job.create_tasks(["/bin/sh -c 'exit 0'", "/bin/sh -c 'exit 1'"])
    job.tasks.wait()
    job.terminate()
    job.wait()
    tables, _ = told(lab)
    assert [name for name in bars(tables) if name[0] != "waiting"] == [
        ("jobpreparation", "success"),
        ("jobrelease", "success"),
        ("starttask", "success"),
        ("task", "failure"),
        ("task", "success"),
    ]
    assert [tables.columns["counts"][name][-1] for name in ("active", "running", "succeeded",
                                                            "failed")] == [0, 0, 1, 1]  # fmt: skip


@pytest.mark.processes
def test_watcher_of_a_lab_with_applications_is_told_all_the_same(lab):
    lab.create_application("a").create_package("1.0", b"")
    lab.create_pool("p")
    tables, _ = told(lab)
    assert tables.pool_ids == ["p"]
    assert "Lab" in repr(lab.report())


def test_watcher_who_goes_on_is_told_each_change_once(lab):
    lab.create_pool("p")
    first, since = told(lab)
    assert first.pool_ids == ["p"]
    assert lab._connection.changes(since).changes == []
    lab.create_pool("q")
    second, _ = told(lab, since)
    assert second.pool_ids == ["q"]


def test_watch_knows_how_a_lab_ended(lab):
    found = watch(lab._connection)
    pool = lab.create_pool("p", target_dedicated_nodes=2)
    job = lab.create_job("j", pool)
    job.create_tasks(["/bin/sh -c 'exit 0'"] * 50)
    job.tasks.wait()
    lab.close()
    assert found.ended == "the lab is closed"
    assert found.tables.columns["counts"]["succeeded"][-1] == 50
    assert found.speed == 0
    assert watch(lab._connection) is found


@pytest.mark.processes
def test_node_that_is_lost_on_request_comes_back_and_its_task_runs_again(world, lab):
    pool = lab.create_pool("p", target_dedicated_nodes=1)
    job = lab.create_job("j", pool)
    gate = world.gate(2)
    task = job.create_task("t", sh(gate.script))
    task.wait("running")
    lab._connection.lose_node("p", task.node_id)
    gate.open()
    task.wait(timeout=SOON)
    assert task.exit_code == 0
    assert bars(told(lab)[0]) == [("task", "lost"), ("task", "success")]


def test_node_that_is_not_up_cannot_be_lost(lab):
    lab.create_pool("p", target_dedicated_nodes=1)
    with pytest.raises(BatchError):
        lab._connection.lose_node("p", "no-such-node")


def test_preparation_that_was_asked_to_fail_fails_once(lab):
    pool = lab.create_pool("p", target_dedicated_nodes=1)
    lab._connection.fail_next("jobpreparation")
    command = "/bin/sh -c 'exit 0'"
    retried = JobPreparationTask(
        command_line=command, constraints=TaskConstraints(max_task_retry_count=1)
    )
    job = lab.create_job("j", pool, job_preparation_task=retried)
    job.create_task("t", command).wait()
    info = job.preparations[0].job_preparation_task_execution_info
    assert (info.result, info.retry_count) == ("success", 1)
    assert ("jobpreparation", "retry") in bars(told(lab)[0])
