"""Files of tasks: bounded reads, tails, following, downloads; and a simulated lab's own files."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

import batchlab as bl
from batchlab.drivers.ports import MAX_READ
from batchlab.handles.files import LARGEST_READ, LARGEST_STREAM
from batchlab.handles.tail import LONGEST_TAIL
from batchlab.handles.task import Task
from helpers.fake_connection import FakeConnection


@pytest.fixture
def connection() -> FakeConnection:
    return FakeConnection(GetTask=SimpleNamespace(state="completed"))


@pytest.fixture
def task(connection: FakeConnection) -> Task:
    return Task(connection, "frames", "t1")


def write(connection: FakeConnection, data: bytes, name: str = "stdout.txt") -> None:
    connection.files.contents[name] = data


def test_text_of_any_bytes_is_shown_safely(connection: FakeConnection, task: Task) -> None:
    write(connection, b"caf\xc3\xa9 \xff\xfe\n")
    assert task.stdout == "café \ufffd\ufffd\n"
    assert task.files.text("stdout.txt") == "café \ufffd\ufffd\n"


def test_long_stdout_is_its_end_with_a_note(connection: FakeConnection, task: Task) -> None:
    write(connection, "é".encode() * LARGEST_STREAM)  # cut in the middle of a letter or not
    note, text = task.stdout.split("\n")
    assert note.startswith("[1,048,576 bytes left out here; files.download('stdout.txt'")
    assert text == "é" * (LARGEST_STREAM // 2)
    assert connection.files.bytes_read == LARGEST_STREAM
    write(connection, b"x" + "é".encode() * LARGEST_STREAM)
    assert "\ufffd" not in task.stdout


def test_end_of_a_long_file_begins_with_a_whole_line(
    connection: FakeConnection, task: Task
) -> None:
    write(connection, b"seven b\n" * LARGEST_STREAM)
    note, first, *rest = task.stdout.splitlines()
    assert "bytes left out here" in note
    assert (first, set(rest)) == ("seven b", {"seven b"})
    count = 2 + LONGEST_TAIL // 100
    write(connection, (b"x" * 99 + b"\n") * count)
    assert set(task.files.tail("stdout.txt", count).splitlines()) == {"x" * 99}


def test_read_gives_the_part_that_is_asked_for(connection: FakeConnection, task: Task) -> None:
    write(connection, bytes(range(100)))
    read = task.files.read
    assert read("stdout.txt") == bytes(range(100))
    assert read("stdout.txt", 90) == bytes(range(90, 100))
    assert read("stdout.txt", 10, 5) == bytes(range(10, 15))
    assert read("stdout.txt", -5) == bytes(range(95, 100))
    assert read("stdout.txt", -500, 2) == bytes(range(2))
    assert read("stdout.txt", 500) == b""
    assert read("stdout.txt", length=-1) == b""


def test_read_of_a_large_file_goes_in_blocks(connection: FakeConnection, task: Task) -> None:
    data = bytes(range(256)) * (MAX_READ // 100)
    write(connection, data)
    assert task.files.read("stdout.txt") == data
    assert connection.files.largest_read == MAX_READ


@pytest.mark.code("OutOfRangeInput")
def test_read_of_too_much_is_refused_before_anything_is_read(
    connection: FakeConnection, task: Task
) -> None:
    write(connection, bytes(LARGEST_READ + 1))
    for act in (task.files.read, task.files.text):
        with pytest.raises(bl.InvalidRequest, match="download") as caught:
            act("stdout.txt")
        assert caught.value.code == "OutOfRangeInput"
    assert connection.files.bytes_read == 0
    assert len(task.files.read("stdout.txt", 1)) == LARGEST_READ


@pytest.mark.parametrize(
    ("text", "lines", "expected"),
    [
        ("a\nb\nc\n", 2, "b\nc\n"),
        ("a\nb\nc", 2, "b\nc"),
        ("a\nb\nc\n", 9, "a\nb\nc\n"),
        ("a\n\n\n", 2, "\n\n"),
        ("\n", 1, "\n"),
        ("", 5, ""),
        ("a\nb\n", 0, ""),
        ("a\nb\n", -1, ""),
    ],
)
def test_tail_gives_the_last_lines(
    connection: FakeConnection, task: Task, text: str, lines: int, expected: str
) -> None:
    write(connection, text.encode())
    assert task.files.tail("stdout.txt", lines) == expected


def test_tail_of_a_great_file_reads_only_its_end(connection: FakeConnection, task: Task) -> None:
    write(connection, b"line\n" * 4_000_000)
    assert task.files.tail("stdout.txt", lines=3) == "line\n" * 3
    assert connection.files.bytes_read < 2**18
    connection.files.bytes_read = 0
    write(connection, b"x" * 20_000_000)  # one line without an end
    assert len(task.files.tail("stdout.txt")) <= 2**21
    assert connection.files.bytes_read < 2**22


def test_follow_yields_what_is_added_until_the_task_is_completed(
    connection: FakeConnection, task: Task
) -> None:
    writes = iter([b"two\n", "dré".encode()[:-1], b"\xa9i\n"])
    state = connection.answers["GetTask"]
    state.state = "running"

    def on_wait() -> None:
        connection.files.contents["stdout.txt"] += next(writes, b"")
        if connection.files.contents["stdout.txt"].endswith(b"i\n"):
            state.state = "completed"
            return
        raise bl.WaitTimeout("OperationTimedOut", "not yet")

    connection.on_wait = on_wait
    write(connection, b"zero\none\n")
    pieces = list(task.files.tail("stdout.txt", 1, follow=True))
    assert pieces == ["one\n", "two\n", "dr", "éi\n"]


def test_follow_waits_for_a_task_that_has_not_started(
    connection: FakeConnection, task: Task
) -> None:
    place = connection.answers["LocateTask"]
    connection.answers["LocateTask"] = bl.Conflict("TaskFilesUnavailable", "not started")
    connection.answers["GetTask"].state = "active"

    def on_wait() -> None:
        connection.answers["LocateTask"] = place
        connection.answers["GetTask"].state = "completed"
        write(connection, b"hello\n")

    connection.on_wait = on_wait
    assert "".join(task.files.tail("stdout.txt", follow=True)) == "hello\n"


def test_follow_begins_anew_when_a_retry_does(connection: FakeConnection, task: Task) -> None:
    connection.answers["GetTask"].state = "running"

    def on_wait() -> None:
        write(connection, b"2\n")
        connection.answers["GetTask"].state = "completed"

    connection.on_wait = on_wait
    write(connection, b"first\n")
    assert list(task.files.tail("stdout.txt", follow=True)) == ["first\n", "2\n"]


def test_follow_of_a_file_that_will_never_be_is_refused(
    connection: FakeConnection, task: Task
) -> None:
    with pytest.raises(bl.NotFound):
        list(task.files.tail("nope.txt", follow=True))


def test_follow_of_a_task_that_can_never_run_says_why(
    connection: FakeConnection, task: Task
) -> None:
    connection.answers["LocateTask"] = bl.Conflict("TaskFilesUnavailable", "not started")
    connection.answers["GetTask"].state = "active"

    def on_wait() -> None:
        raise bl.WaitNeverEnds("PoolNotFound", "there is no pool")

    connection.on_wait = on_wait
    with pytest.raises(bl.WaitNeverEnds, match="there is no pool"):
        list(task.files.tail("stdout.txt", follow=True))


def test_download_streams_to_a_file_or_into_a_folder(
    connection: FakeConnection, task: Task, tmp_path: Path
) -> None:
    data = bytes(range(256)) * (MAX_READ // 100)
    write(connection, data, "wd/result.bin")
    assert task.files.download("wd/result.bin", tmp_path) == tmp_path / "result.bin"
    target = task.files.download("wd/result.bin", str(tmp_path / "other"))
    assert target.read_bytes() == data
    assert sorted(path.name for path in tmp_path.iterdir()) == ["other", "result.bin"]


def test_download_that_breaks_leaves_nothing_behind(
    connection: FakeConnection, task: Task, tmp_path: Path
) -> None:
    write(connection, b"new")
    (tmp_path / "kept").write_text("old")

    def broken(*args: object) -> bytes:
        raise bl.NotFound("NodeNotFound", "the node has left")

    connection.files.read = broken  # type: ignore[method-assign,assignment]
    with pytest.raises(bl.NotFound):
        task.files.download("stdout.txt", tmp_path / "kept")
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]
    assert (tmp_path / "kept").read_text() == "old"


def test_download_into_what_is_no_directory_is_refused(
    connection: FakeConnection, task: Task, tmp_path: Path
) -> None:
    write(connection, b"new")
    (tmp_path / "file").write_text("old")
    for to in (tmp_path / "file" / "copy", tmp_path / "nowhere" / "copy"):
        with pytest.raises(bl.InvalidRequest, match="its directory does not exist"):
            task.files.download("stdout.txt", to)


def test_delete_and_list(connection: FakeConnection, task: Task) -> None:
    write(connection, b"", "a")
    write(connection, b"xyz", "b")
    listing = task.files.list()
    assert [(entry.name, entry.content_length) for entry in listing] == [("a", 0), ("b", 3)]
    assert repr(listing) == "a\nb"
    task.files.delete("a")
    assert repr(task.files.list()) == "b"


def test_simulated_task_has_files_like_a_real_one() -> None:
    with bl.SimulatedLab() as lab:
        pool = lab.create_pool("p", target_dedicated_nodes=1)
        task = lab.create_job("j", pool).create_task(
            "t", "/bin/sh -c 'echo one; sleep 60; echo two > out.txt; echo three'"
        )
        assert "".join(task.files.tail("stdout.txt", follow=True)) == "one\nthree\n"
        assert task.files.text("wd/out.txt") == "two\n"
        assert "stdout.txt" in [entry.name for entry in task.files.list()]
        with pytest.raises(bl.BatchError):
            task.files.read("../../../../etc/passwd")


def test_stream_that_grew_while_it_was_read_is_whole(
    connection: FakeConnection, task: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "read_end", lambda *_: (0, b"late"))
    assert task.stdout == "late"
