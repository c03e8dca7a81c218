"""Uploads on the virtual clock: they take a moment, and can be cut short."""

import pytest

import batchlab as bl


@pytest.fixture
def lab():
    with bl.SimulatedLab(boot="3s") as lab:
        lab.storage.create_container("results")
        yield lab


@pytest.fixture
def task(lab):
    """A task whose command has ended, and whose upload is under way."""
    pool = lab.create_pool("p", target_dedicated_nodes=1)
    pool.nodes.wait("idle")
    outputs = [bl.OutputFile(file_pattern="../stdout.txt", destination="results")]
    job = lab.create_job("j", pool)
    task = job.create_task("t", "/bin/sh -c 'echo hi; sleep 10'", output_files=outputs)
    lab.advance("10.5s")
    assert task.state == "running"
    assert lab.storage["results"].list() == []
    return task


def test_upload_takes_a_moment_of_virtual_time(lab, task):
    lab.advance("1s")
    assert (task.state, task.exit_code) == ("completed", 0)
    assert lab.storage["results"].text("stdout.txt") == "hi\n"
    assert "09:00:14Z" in task.files.text("fileuploadout.txt")


def test_task_terminated_while_it_uploads_keeps_its_exit_code_and_uploads_nothing(lab, task):
    task.terminate()
    task.wait()
    assert (task.exit_code, task.failure_info.code) == (0, "TaskEnded")
    lab.advance("1m")
    assert lab.storage["results"].list() == []


def test_node_lost_while_a_task_uploads_has_it_run_again(lab, task):
    lab._connection.world.lose_node(task.node_id)
    task.wait()
    assert (task.exit_code, task.failure_info) == (0, None)
    assert len(lab.storage["results"].list()) == 1


def test_large_files_take_longer(lab):
    pool = lab.create_pool("q", target_dedicated_nodes=1)
    pool.nodes.wait("idle")
    lab.storage["results"].upload(bytes(100_000_000), "large")
    outputs = [bl.OutputFile(file_pattern="large", destination="results")]
    files = [bl.ResourceFile(auto_storage_container_name="results")]
    job = lab.create_job("k", pool)
    task = job.create_task("t", "sleep 1", resource_files=files, output_files=outputs)
    task.wait()
    assert (task.end_time - task.start_time).total_seconds() == pytest.approx(4.0)
