"""A cluster that somebody else started: ``dask scheduler`` and two ``dask worker`` commands."""

import psutil
import pytest

import batchlab as bl
from batchlab.drivers.dask import attachment
from helpers.dask_commands import Commands
from helpers.waiting import until

SOON = "60s"


@pytest.fixture
def commands(tmp_path):
    commands = Commands(tmp_path)
    yield commands
    commands.close()
    left = [entry.name for entry in tmp_path.iterdir() if entry.name.startswith("batchlab-")]
    assert left == []


def pool_of_two(lab):
    pool = lab.create_pool("p", target_dedicated_nodes=2)  # the workers may still be on their way
    pool.wait("steady", timeout="60s")
    pool.nodes.wait("idle", timeout=SOON)
    return pool


def waiting_for(path):
    """The shells that wait for a file."""
    return [
        process
        for process in psutil.process_iter(["cmdline"])
        if str(path) in " ".join((process.info["cmdline"] or [])[2:3])
    ]


@pytest.mark.ci("clusters")
def test_commands_serve_a_job_and_outlive_the_client_that_began_it(commands):
    first = bl.Lab(commands.address)
    pool = pool_of_two(first)
    job = first.create_job(
        "j", pool,
        job_preparation_task="/bin/sh -c 'echo $AZ_BATCH_NODE_ID > $AZ_BATCH_NODE_SHARED_DIR/f'",
        job_release_task="/bin/sh -c 'rm $AZ_BATCH_NODE_SHARED_DIR/f'",
    )  # fmt: skip
    job.create_tasks(["/bin/sh -c 'sleep 1; cat $AZ_BATCH_NODE_SHARED_DIR/f'"] * 4)
    first.close()

    with bl.Lab(commands.address) as second:
        job = second.jobs["j"]
        job.tasks.wait(timeout=SOON)
        assert job.counts.succeeded == 4
        for task in job.tasks.values():
            assert task.stdout.strip() == task.node_id
        job.terminate()
        job.wait(timeout=SOON)
        rows = job.preparations
        assert [row.job_release_task_execution_info.exit_code for row in rows] == [0, 0]
        second.pools["p"].delete()
        second.pools["p"].wait("deleted", timeout=SOON)
    for process in commands.started:
        assert process.poll() is None


@pytest.mark.ci("clusters")
def test_command_of_a_worker_killed_in_the_middle_of_tasks_loses_none(commands, tmp_path):
    with bl.Lab(commands.address) as lab:
        pool = pool_of_two(lab)
        job = lab.create_job("j", pool)
        go = tmp_path / "go"
        job.create_tasks([f"/bin/sh -c 'until test -e {go}; do sleep 0.05; done'"] * 6)
        before = until(lambda: len(found := waiting_for(go)) == 2 and found)
        nanny = psutil.Process(commands.started[1].pid)
        (worker,) = [
            child for child in nanny.children()  # not the commands, which come and go
            if any(grand.pid in {p.pid for p in before} for grand in child.children())
        ]  # fmt: skip
        worker.kill()
        go.touch()
        job.tasks.wait(timeout="60s")
        assert job.counts.succeeded == 6
        assert all(task.retry_count == task.requeue_count == 0 for task in job.tasks.values())
        pool.delete()
        pool.wait("deleted", timeout=SOON)


@pytest.mark.ci("clusters")
def test_command_that_comes_late_is_waited_for(commands):
    with bl.Lab(commands.address) as lab:
        pool = pool_of_two(lab)
        pool.resize(3)
        until(lambda: pool.nodes.filter(state="creating").values())
        commands.worker("gamma")
        pool.wait("steady", timeout="60s")
        assert (pool.current_dedicated_nodes, pool.resize_errors) == (3, ())
        pool.delete()
        pool.wait("deleted", timeout=SOON)


def test_commands_whose_scheduler_has_another_batchlab_are_refused_with_the_cure(
    commands, monkeypatch
):
    monkeypatch.setattr(attachment, "__version__", "0.0.0")
    with pytest.raises(bl.BatchError, match=r"the scheduler has batchlab .*Install this version"):
        bl.Lab(commands.address)
