"""Output files on real disks: links, uploads that hang, and what ends them."""

import os
import threading
import time
from datetime import timedelta

import pytest

import batchlab as bl
from batchlab.core.model import OutputFile
from batchlab.drivers.dask import agent, uploads
from batchlab.drivers.dask.uploads import upload
from batchlab.storage.containers import BlobContainer
from batchlab.storage.locations import read_location
from batchlab.storage.stores import BlobStore

SOON = "1m"
STUCK_S = 90.0


@pytest.fixture
def store(tmp_path):
    store = BlobStore(read_location(tmp_path / "data"))
    store.prepare()
    store.container("results").create()
    return store


@pytest.fixture
def run(tmp_path):
    """The environment of a run whose folders are there."""
    (tmp_path / "node" / "task" / "wd").mkdir(parents=True)
    task = tmp_path / "node" / "task"
    return {"AZ_BATCH_TASK_DIR": str(task), "AZ_BATCH_TASK_WORKING_DIR": str(task / "wd")}


def sent(store, run, tmp_path, *patterns, wanted=lambda: True):
    outputs = [OutputFile(file_pattern=text, destination="results") for text in patterns]
    return upload(outputs, store, str(tmp_path / "node"), run, wanted)


def names(store):
    return [blob.name for blob in store.container("results").blobs()]


def test_links_are_followed_to_files_of_the_node_only(store, run, tmp_path):
    node, wd = tmp_path / "node", tmp_path / "node" / "task" / "wd"
    (tmp_path / "secret").write_text("secret")
    (node / "shared").write_text("shared")
    (wd / "good").symlink_to(node / "shared")
    (wd / "dangling").symlink_to(node / "nosuch")
    (wd / "loop").symlink_to(wd)
    (wd / "self").symlink_to(wd / "self")
    os.mkfifo(wd / "pipe")
    failure = sent(store, run, tmp_path, "**")
    assert "self cannot be read" in failure.details["Message"]
    assert names(store) == ["good"]
    (wd / "self").unlink()
    assert sent(store, run, tmp_path, "**", "*") is None
    (wd / "bad").symlink_to(tmp_path / "secret")
    failure = sent(store, run, tmp_path, "*", "bad")
    assert failure.code == "FileUploadMiscError"
    assert "outside the node's root directory" in failure.details["Message"]
    assert names(store) == ["good"]


def test_one_file_that_fails_does_not_hold_up_the_others(store, run, tmp_path):
    wd = tmp_path / "node" / "task" / "wd"
    for name in ("a", "b", "c"):
        (wd / name).write_text(name)
    in_the_way = tmp_path / "data" / "batchlab" / "results" / "b"
    in_the_way.mkdir()
    (in_the_way / "x").touch()
    failure = sent(store, run, tmp_path, "*", "[xy")
    assert failure.code == "FileUploadMiscError"
    assert names(store) == ["a", "b/x", "c"]
    log = (tmp_path / "node" / "task" / "fileuploaderr.txt").read_text()
    assert log.count("\n") == 2
    assert not list((tmp_path / "data").rglob(".batchlab*"))


def test_log_that_cannot_be_written_does_not_hold_up_an_upload(store, run, tmp_path, monkeypatch):
    (tmp_path / "node" / "task" / "wd" / "good").write_text("good")

    def full(number, data):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        assert sent(store, run, tmp_path, "*") is None
    assert names(store) == ["good"]


def test_pattern_that_cannot_be_read_is_a_recorded_failure(store, run, tmp_path):
    assert sent(store, run, tmp_path, "[z-a]").code == "FileUploadMiscError"


@pytest.fixture
def stuck(monkeypatch):
    """A store that takes a file and never ends; set the event to let it go on."""
    going, free = threading.Event(), threading.Event()

    def write(self, blob, source):
        going.set()
        free.wait(STUCK_S)

    monkeypatch.setattr(BlobContainer, "write", write)
    yield going
    free.set()


def test_upload_that_gets_nowhere_times_out(store, run, tmp_path, stuck, monkeypatch):
    monkeypatch.setattr(uploads, "STALL_S", 0.1)
    (tmp_path / "node" / "task" / "wd" / "a").write_text("a")
    failure = sent(store, run, tmp_path, "*")
    assert failure.code == "FileUploadTimedOut"


def test_task_that_is_terminated_while_it_uploads_ends_at_once(stuck):
    with bl.Lab() as lab:
        lab.storage.create_container("results")
        job = lab.create_job("j", lab.create_pool("p", target_dedicated_nodes=1))
        outputs = [bl.OutputFile(file_pattern="../stdout.txt", destination="results")]
        limit = bl.TaskConstraints(max_wall_clock_time=timedelta(seconds=STUCK_S))
        task = job.create_task("t", "echo hi", output_files=outputs, constraints=limit)
        assert stuck.wait(60)
        assert task.state == "running"
        begun = time.monotonic()
        task.terminate()
        task.wait(timeout=SOON)
        assert time.monotonic() - begun < STUCK_S / 3
        assert (task.exit_code, task.failure_info.code) == (0, "TaskEnded")
        after = job.create_task("u", "echo hi")
        after.wait(timeout=SOON)
        assert after.exit_code == 0


def test_node_that_leaves_does_not_wait_for_an_upload(stuck, monkeypatch):
    monkeypatch.setattr(agent, "END_S", STUCK_S)
    with bl.Lab() as lab:
        lab.storage.create_container("results")
        pool = lab.create_pool("p", target_dedicated_nodes=1)
        outputs = [bl.OutputFile(file_pattern="../stdout.txt", destination="results")]
        lab.create_job("j", pool).create_task("t", "echo hi", output_files=outputs)
        assert stuck.wait(60)
        begun = time.monotonic()
        pool.resize(0, node_deallocation_option="terminate")
        pool.wait("steady", timeout=SOON)
        assert time.monotonic() - begun < STUCK_S / 3
