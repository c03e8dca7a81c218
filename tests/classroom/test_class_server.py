"""The server of a class over HTTP: who may ask for what, and forty learners at once."""

from __future__ import annotations

import contextlib
import errno
import http.client
import json
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

import batchlab as bl
from batchlab.classroom import ClassServer, ClassTable
from batchlab.rest.guesses import WRONG

Answer = tuple[int, dict[str, str], bytes]


@pytest.fixture
def server() -> Iterator[ClassServer]:
    started = ClassServer(ClassTable("ABCDEF"), "127.0.0.1")
    yield started
    started.stop()


def ask(server: ClassServer, method: str, path: str, body: bytes | None = None) -> Answer:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    try:
        connection.request(method, path, body)
        answer = connection.getresponse()
        return answer.status, dict(answer.headers), answer.read()
    finally:
        connection.close()


def post(server: ClassServer, what: str, **body: Any) -> tuple[int, dict[str, Any]]:
    status, _, text = ask(server, "POST", f"/{what}", json.dumps(body).encode())
    return status, json.loads(text)


def join(server: ClassServer, number: int, code: str = "ABCDEF", **more: Any) -> tuple[int, Any]:
    return post(server, "join", code=code, secret=f"secret-of-learner-{number:04}", **more)


def report(server: ClassServer, number: int, **state: Any) -> tuple[int, Any]:
    common = {"exercise": "03-1", "tries": 1, "solved": [], "stuck_s": 5}
    return post(server, "report", secret=f"secret-of-learner-{number:04}", **{**common, **state})


def test_forty_learners_at_once_have_forty_rows(server: ClassServer) -> None:
    def learn(number: int) -> int:
        assert join(server, number, name=f"learner {number}")[0] == 200
        for tries in range(1, 6):
            assert report(server, number, tries=tries, stuck_s=60 * number)[0] == 200
        return join(server, number)[1]["seat"]

    with ThreadPoolExecutor(40) as learners:
        seats = list(learners.map(learn, range(40)))
    assert sorted(seats) == list(range(1, 41))
    status, headers, text = ask(server, "GET", f"/table?key={server.key}")
    assert (status, headers["Cache-Control"]) == (200, "no-store")
    rows = json.loads(text)["rows"]
    assert [row["name"] for row in rows] == [f"learner {n}" for n in reversed(range(40))]
    assert {row["tries"] for row in rows} == {5}


def test_table_is_the_teachers(server: ClassServer) -> None:
    join(server, 1, name="Ada")
    for path in ("/table", "/class.csv"):
        for key in ("", "?key=", "?key=wrong", f"?key={server.key}x"):
            status, _, text = ask(server, "GET", path + key)
            assert status == 403
            assert b"Ada" not in text
        status, _, text = ask(server, "GET", f"{path}?key={server.key}")
        assert status == 200
        assert b"Ada" in text
    status, headers, text = ask(server, "GET", "/")
    assert status == 200
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    for known in (b"ABCDEF", server.key.encode(), b"Ada"):
        assert known not in text


@pytest.mark.code("TooManyRequests", "WrongCode")
def test_wrong_codes_are_refused_and_then_all_codes_for_a_while(server: ClassServer) -> None:
    for number in range(WRONG):
        status, said = join(server, 1, code=f"WRONG{number}")
        assert (status, said["code"]) == (403, "WrongCode")
    status, said = join(server, 1)
    assert (status, said["code"]) == (429, "TooManyRequests")
    assert len(server.table) == 0


def test_seat_is_given_back(server: ClassServer) -> None:
    join(server, 1)
    assert post(server, "leave", secret="secret-of-learner-0001") == (200, {})
    assert post(server, "leave", secret="secret-of-learner-0001") == (200, {})
    assert report(server, 1)[0] == 404
    assert len(server.table) == 0


@pytest.mark.parametrize("body", [b"", b"x", b"[]", b"null", b"\xff", b"[" * 10_000])
@pytest.mark.parametrize("what", ["join", "report", "leave"])
def test_what_is_no_request_is_refused(server: ClassServer, what: str, body: bytes) -> None:
    status, _, text = ask(server, "POST", f"/{what}", body)
    assert status == 400
    assert "must be a JSON object" in json.loads(text)["message"]


def test_large_bodies_and_other_paths_are_refused(server: ClassServer) -> None:
    with contextlib.suppress(http.client.HTTPException, OSError):  # it closes the connection
        assert ask(server, "POST", "/join", b"x" * 100_000)[0] in (400, 413)
    assert ask(server, "GET", "/../table.py")[0] == 404
    assert ask(server, "GET", "/join")[0] == 405
    assert ask(server, "DELETE", "/table")[0] == 405
    assert join(server, 1)[0] == 200, "and it goes on"


def test_idle_connections_keep_no_learner_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("batchlab.rest.accepting.most_connections", lambda: 8)
    server = ClassServer(ClassTable("ABCDEF"), "127.0.0.1")
    learner = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    try:
        idle = []
        for _ in range(30):
            idle.append(socket.create_connection(("127.0.0.1", server.port)))
            learner.request("GET", "/")
            assert learner.getresponse().read(), "who asks keeps the connection"
        assert join(server, 1)[0] == 200
        for one in idle:
            one.close()
    finally:
        learner.close()
        server.stop()


def test_class_without_a_file_for_a_connection_accepts_again(
    server: ClassServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    tried: list[int] = []

    def fails(listener: socket.socket, make: Any = socket.socket.accept) -> Any:
        tried.append(1)
        if len(tried) < 3:
            raise OSError(errno.EMFILE, "Too many open files")
        return make(listener)

    monkeypatch.setattr(socket.socket, "accept", fails)
    assert join(server, 1)[0] == 200
    assert len(tried) == 3
    assert caplog.text == ""


def test_taken_port_says_what_to_do(server: ClassServer) -> None:
    with pytest.raises(bl.InvalidRequest, match="or use port"):
        ClassServer(ClassTable(), "127.0.0.1", server.port)
    with pytest.raises(bl.InvalidRequest, match=r"batchlab class\.host"):
        ClassServer(ClassTable(), "999.1.1.1")
    server.stop()
    server.stop()


def test_addresses_for_learners_and_for_the_teacher() -> None:
    everywhere = ClassServer(ClassTable())
    try:
        assert everywhere.url.startswith("http://")
        assert "0.0.0.0" not in everywhere.url
        assert everywhere.page.startswith(f"http://127.0.0.1:{everywhere.port}/?key=")
    finally:
        everywhere.stop()
