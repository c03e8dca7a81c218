"""Learners in a class: one seat for all notebooks, no answers sent, and nobody waits."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

import batchlab as bl
from batchlab import lessons
from batchlab.classroom import ClassServer, ClassTable
from batchlab.lessons import joining
from helpers.waiting import until


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of lessons, a new kernel, and a sender that does not rest long."""
    (tmp_path / "00-start-here.ipynb").write_text("{}")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(joining, "FIRST_PAUSE_S", 0.05)
    monkeypatch.setattr(joining, "LONGEST_PAUSE_S", 0.05)
    _new_kernel()
    yield tmp_path
    joining._sender.drop()
    until(lambda: not joining._sender._runs)
    _new_kernel()


def _new_kernel() -> None:
    joining._here = None
    joining._stuck.clear()
    joining._gone.clear()


@pytest.fixture
def table() -> ClassTable:
    return ClassTable("ABCDEF")


@pytest.fixture
def server(table: ClassTable) -> Iterator[ClassServer]:
    started = ClassServer(table, "127.0.0.1")
    yield started
    started.stop()


def row(table: ClassTable) -> dict[str, Any]:
    (one,) = table.rows()
    return one


def test_checks_are_seen_at_once(
    server: ClassServer, table: ClassTable, lab: bl.SimulatedLab, pool: bl.Pool
) -> None:
    joined = lessons.join("abc-def", server.url, "Ada")
    assert repr(joined).startswith("You have seat 1 as Ada. Your teacher sees")
    lessons.check("00-2", ...)
    lessons.check("00-2", 1)
    until(lambda: row(table)["tries"] == 1)
    assert row(table)["stuck_s"] is not None
    lessons.check("00-2", 2)
    until(lambda: row(table)["tries"] == 2)
    task = lab.create_job("mine", pool).create_task("three", "/bin/sh -c 'exit 3'")
    task.wait()
    lessons.check("00-2", task)
    until(lambda: row(table)["solved"] == 1)
    assert (row(table)["stuck_s"], row(table)["tries"], row(table)["name"]) == (None, 3, "Ada")
    lessons.check("00-2", 1)
    lessons.check("00-1", 1)
    until(lambda: row(table)["exercise"] == "00-1")
    assert row(table)["solved"] == 1


def test_seat_without_a_name_has_a_number(server: ClassServer) -> None:
    assert repr(lessons.join("ABCDEF", server.url)).startswith("You have seat 1. ")


def test_all_notebooks_of_a_folder_have_one_seat(server: ClassServer, table: ClassTable) -> None:
    lessons.join("ABCDEF", server.url, "Ada")
    _new_kernel()
    lessons.check("01-1", 1)
    until(lambda: row(table)["exercise"] == "01-1")
    _new_kernel()
    assert lessons.join("ABCDEF", server.url).name == "Ada", "again, in each notebook"
    assert len(table) == 1


def test_lesson_is_known_before_the_first_check(
    server: ClassServer, table: ClassTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JPY_SESSION_NAME", "/home/ada/07-priorities.ipynb")
    lessons.join("ABCDEF", server.url)
    assert row(table)["lesson"] == "07"


def test_who_left_is_forgotten_in_all_notebooks(
    server: ClassServer, table: ClassTable, folder: Path
) -> None:
    lessons.join("ABCDEF", server.url)
    here = joining._here
    lessons.leave()
    assert table.rows() == []
    assert not (folder / joining.FILE).exists()
    joining._here = here  # another kernel that was open
    lessons.check("01-1", 1)
    assert not joining._sender._runs
    lessons.leave()


def test_other_teachers_do_not_see_the_same_secret(server: ClassServer, table: ClassTable) -> None:
    other = ClassServer(ClassTable("ABCDEF"), "127.0.0.1")
    try:
        lessons.join("ABCDEF", server.url)
        lessons.join("ABCDEF", other.url)
        assert not set(table._seats) & set(other.table._seats)
    finally:
        other.stop()


@pytest.mark.parametrize(
    ("code", "url", "name", "text"),
    [
        ("WRONG1", None, "", "not the code of the class"),
        (7, None, "", "must be text"),
        ("ABCDEF", None, ["Ada"], "must be text"),
        *[("ABCDEF", url, "", "must be the address") for url in
          ("teacher:8800", "ftp://teacher", "http://", "http://t:99999", "", None.__class__, 3)],
    ],
)  # fmt: skip
def test_wrong_joining_is_refused(
    server: ClassServer, folder: Path, code: Any, url: Any, name: Any, text: str
) -> None:
    with pytest.raises(bl.InvalidRequest, match=text):
        lessons.join(code, server.url if url is None else url, name)
    assert not (folder / joining.FILE).exists()


class _Other(BaseHTTPRequestHandler):
    """A server that is no class, and notes what it is sent."""

    bodies: list[bytes] = []
    answer = b"[" * 50_000

    def do_POST(self) -> None:
        self.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(200)
        self.end_headers()
        self.wfile.write(self.answer)

    def log_message(self, *args: Any) -> None:
        pass


@pytest.fixture
def other() -> Iterator[ThreadingHTTPServer]:
    _Other.bodies.clear()
    with ThreadingHTTPServer(("127.0.0.1", 0), _Other) as started:
        thread = threading.Thread(target=started.serve_forever)
        thread.start()
        yield started
        started.shutdown()
        thread.join()


@pytest.mark.parametrize("answer", [b"", b"hello", b"[1]", b"[" * 50_000])
def test_what_is_no_class_is_named(
    other: ThreadingHTTPServer, answer: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_Other, "answer", answer)
    with pytest.raises(bl.Conflict, match="no class answers at"):
        lessons.join("ABCDEF", f"http://127.0.0.1:{other.server_port}")


def test_only_states_are_sent(
    other: ThreadingHTTPServer, monkeypatch: pytest.MonkeyPatch, pool: bl.Pool
) -> None:
    monkeypatch.setattr(_Other, "answer", b'{"seat": 1, "name": ""}')
    lessons.join("ABCDEF", f"http://127.0.0.1:{other.server_port}")
    lessons.check("00-1", pool)
    until(lambda: len(_Other.bodies) == 2)
    assert {tuple(json.loads(body)) for body in _Other.bodies} == {
        ("secret", "code", "name", "lesson"),
        ("secret", "exercise", "tries", "solved", "stuck_s"),
    }
    assert b"two" not in b"".join(_Other.bodies), "the id of the pool"


def test_checks_do_not_wait_for_a_machine_that_does_not_answer(
    server: ClassServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        lessons.join("ABCDEF", server.url)
        joined = json.loads(Path(joining.FILE).read_bytes())
        joined["url"] = f"http://127.0.0.1:{silent.getsockname()[1]}"
        Path(joining.FILE).write_text(json.dumps(joined))
        monkeypatch.setattr(joining, "SENDING_S", 30.0)
        answers = [lessons.check("00-1", 1) for _ in range(50)]
        assert all(answers)
        asking, _ = silent.accept()  # it is being asked, and has answered nothing
        with asking:
            assert joining._sender._runs
            monkeypatch.setattr(joining, "SENDING_S", 1.0)


def test_newest_state_arrives_when_the_class_is_back(tmp_path: Path) -> None:
    kept = tmp_path / "class.json"
    first = ClassServer(ClassTable(file=kept), "127.0.0.1")
    lessons.join(first.table.code, first.url)
    first.stop()
    for number in range(1, 4):
        lessons.check("00-1", number)
    lessons.check("01-1", 1)
    again = ClassServer(ClassTable(file=kept), "127.0.0.1", first.port)
    try:
        until(lambda: row(again.table)["exercise"] == "01-1")
        assert row(again.table)["seat"] == 1
        assert row(again.table)["tries"] == 1
    finally:
        again.stop()


def test_class_that_forgot_the_seat_is_joined_again(server: ClassServer) -> None:
    lessons.join("ABCDEF", server.url, "Ada")
    server.stop()
    again = ClassServer(ClassTable("ABCDEF"), "127.0.0.1", server.port)
    try:
        lessons.check("00-1", 1)
        until(lambda: again.table.rows() and row(again.table)["exercise"] == "00-1")
        assert row(again.table)["name"] == "Ada"
    finally:
        again.stop()


def test_another_class_at_the_address_is_not_asked_again_and_again(server: ClassServer) -> None:
    lessons.join("ABCDEF", server.url)
    server.stop()
    again = ClassServer(ClassTable("OTHER1"), "127.0.0.1", server.port)
    try:
        lessons.check("00-1", 1)
        until(lambda: joining._gone and not joining._sender._runs)
        lessons.check("00-1", 2)
        assert not joining._sender._runs
        assert again.table.rows() == []
        lessons.join("OTHER1", again.url)
        lessons.check("00-1", 3)
        until(lambda: row(again.table)["exercise"] == "00-1")
    finally:
        again.stop()


@pytest.mark.parametrize("damage", [b"", b"{}", b'{"url": 1}', b"\xff"])
def test_damaged_file_stops_no_check(folder: Path, damage: bytes) -> None:
    (folder / joining.FILE).write_bytes(damage)
    assert lessons.check("00-1", 1).outcome == "not yet"
