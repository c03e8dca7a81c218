from datetime import UTC, datetime

import pytest

from batchlab.core.messages.inputs import StopPoolResize
from batchlab.core.messages.questions import (
    ListNodes,
    LocateNode,
    LocateTask,
    Location,
    TasksCompleted,
)
from batchlab.core.model import TaskSpec
from batchlab.drivers.simulated.disk import ROOT, Disk
from batchlab.errors import BatchError, Conflict, NotFound
from helpers.simulated import add, connect, task


@pytest.fixture(name="lab")
def lab_with_files():
    connection = connect(boot_s=0)
    script = "echo one; mkdir -p a/b; echo x > a/b/c; sleep 5; echo two"
    add(connection, TaskSpec(id="t", command_line=f"/bin/sh -c '{script}'"))
    connection.wait(TasksCompleted(job_id="j"))
    return connection


@pytest.fixture(name="place")
def location_of_the_task(lab):
    return lab.ask(LocateTask(job_id="j", task_id="t"))


def names(entries):
    return [entry.name + "/" * entry.is_directory for entry in entries]


def test_files_list_gives_one_level_or_all(lab, place):
    assert names(lab.files.list(place)) == ["certs/", "stderr.txt", "stdout.txt", "wd/"]
    assert names(lab.files.list(place, "wd/a/")) == ["wd/a/b/"]
    assert names(lab.files.list(place, "wd", recursive=True)) == ["wd/a/", "wd/a/b/", "wd/a/b/c"]


def test_files_of_the_node_have_the_layout_of_the_service(lab):
    node = lab.ask(ListNodes(pool_id="p"))[0]
    root = lab.ask(LocateNode(pool_id="p", node_id=node.id))
    assert names(lab.files.list(root)) == [
        "applications/", "fsmounts/", "shared/", "startup/", "volatile/", "workitems/",
    ]  # fmt: skip
    assert lab.files.read(root, "workitems/j/job-1/t/stdout.txt") == b"one\ntwo\n"


def test_files_stat_gives_size_time_and_mode(lab, place):
    entry = lab.files.stat(place, "stdout.txt")
    assert (entry.content_length, entry.file_mode) == (8, "0o100644")
    assert entry.last_modified == datetime(2026, 1, 5, 9, 0, 5, tzinfo=UTC)
    assert lab.files.stat(place, "wd").is_directory
    assert lab.files.stat(place, "stderr.txt").last_modified < entry.last_modified


@pytest.mark.parametrize(
    ("start", "length", "data"),
    [(0, 3, b"one"), (4, 100, b"two\n"), (-4, 100, b"two\n"), (-99, 3, b"one"), (99, 5, b"")],
)
def test_files_read_gives_a_part(lab, place, start, length, data):
    assert lab.files.read(place, "stdout.txt", start, length) == data


@pytest.mark.parametrize(
    "path", ["..", "../x", "wd/../../t2", "/etc/passwd", "wd/../stdout.txt", "a\0b"]
)
def test_files_path_that_could_lead_outside_is_refused(lab, place, path):
    for use in (lab.files.list, lab.files.stat, lab.files.read, lab.files.delete):
        with pytest.raises(BatchError, match="path is") as caught:
            use(place, path)
        assert caught.value.code == "InvalidPropertyValue"


def test_files_that_are_not_there_are_not_found(lab, place):
    for use in (lab.files.stat, lab.files.read, lab.files.delete):
        with pytest.raises(NotFound) as caught:
            use(place, "wd/nosuch")
        assert caught.value.code == "FileNotFound"
    for path in ("nosuch", "stdout.txt"):
        with pytest.raises(NotFound) as caught:
            lab.files.list(place, path)
        assert caught.value.code == "PathNotFound"


def test_files_read_of_a_directory_is_refused(lab, place):
    with pytest.raises(BatchError, match="not a regular file"):
        lab.files.read(place, "wd")


def test_files_delete_needs_recursive_for_a_directory(lab, place):
    lab.files.delete(place, "stderr.txt")
    with pytest.raises(BatchError, match="recursive=True"):
        lab.files.delete(place, "wd")
    lab.files.delete(place, "wd", recursive=True)
    assert names(lab.files.list(place)) == ["certs/", "stdout.txt"]
    with pytest.raises(BatchError, match="cannot be deleted"):
        lab.files.delete(place, "")


def test_files_of_a_node_that_is_not_up_are_not_ready(lab):
    lab.request(StopPoolResize(pool_id="p"))
    with pytest.raises(Conflict) as caught:
        lab.files.list(Location("p", "nosuch", ""))
    assert caught.value.code == "NodeNotReady"


def test_disk_notes_a_run_without_making_files():
    disk = Disk()
    disk.note_run("workitems/j/job-1/t", 5.0)
    assert not disk._tree
    assert disk.read(f"{ROOT}/workitems/j/job-1/t/stdout.txt") == b""


def test_disk_new_run_in_a_directory_has_new_streams_and_old_files():
    disk = Disk()
    base = f"{ROOT}/workitems/j/job-1/t"
    disk.note_run("workitems/j/job-1/t", 5.0)
    disk.write(f"{base}/stdout.txt", b"old", 6.0)
    disk.write(f"{base}/wd/kept", b"kept", 6.0)
    disk.note_run("workitems/j/job-1/t", 7.0)
    assert (disk.read(f"{base}/stdout.txt"), disk.read(f"{base}/wd/kept")) == (b"", b"kept")


def test_task_that_waits_has_no_files():
    connection = connect(nodes=0)
    add(connection, TaskSpec(id="t", command_line="x"))
    assert task(connection).state == "active"
    with pytest.raises(Conflict) as caught:
        connection.ask(LocateTask(job_id="j", task_id="t"))
    assert caught.value.code == "TaskFilesUnavailable"
