"""Clients without the key: what they cost a served lab, and that others are still answered."""

from __future__ import annotations

import contextlib
import http.client
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import batchlab as bl
from batchlab.rest import server
from batchlab.rest.connections import Connections
from batchlab.rest.server import Server
from batchlab.rest.service import Service
from helpers.certificates import self_signed
from helpers.rest import VERSION
from helpers.waiting import until

sys.path.append(str(Path(__file__).parent.parent / "chaos"))

MOST = 10
BEARER = {"Authorization": "Bearer x"}


@pytest.fixture
def served() -> Iterator[Server]:
    """A server that has few connections, and takes bearer tokens for keys."""
    with bl.SimulatedLab(boot="1s") as lab:
        found = Server(
            Service(lab._connection, b"key", bearer=True), "127.0.0.1", 0, most=MOST
        )  # fmt: skip
        yield found
        found.stop()


def connect(served: Server) -> socket.socket:
    return socket.create_connection(("127.0.0.1", served.port), timeout=20)


def ended(connection: socket.socket) -> bool:
    try:
        return not connection.recv(1)
    except ConnectionResetError:
        return True


def ask(served: Server, headers: dict[str, str] = BEARER) -> int:
    client = http.client.HTTPConnection("127.0.0.1", served.port, timeout=20)
    client.request("GET", f"/pools?{VERSION}", headers=headers)
    status = client.getresponse().status
    client.close()
    return status


def test_idle_connections_make_room_for_those_with_the_key(served: Server) -> None:
    idle = [connect(served) for _ in range(5 * MOST)]
    assert ask(served) == 200
    assert len(served.connections) <= MOST
    assert all(ended(connection) for connection in idle[: 4 * MOST])
    for connection in idle:
        connection.close()


def test_connection_that_was_closed_does_not_count(served: Server) -> None:
    for headers in (BEARER, {}):
        ask(served, headers)
    with connect(served) as halfway:
        request = f"GET /pools?{VERSION} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer x\r\n"
        halfway.sendall(f"{request}Content-Length: 10\r\n\r\n".encode())
        until(lambda: len(served.connections) == 1)
    until(lambda: len(served.connections) == 0)


def test_client_with_the_key_that_waits_outlives_strangers(served: Server) -> None:
    client = http.client.HTTPConnection("127.0.0.1", served.port, timeout=20)
    client.request("GET", f"/pools?{VERSION}", headers=BEARER)
    assert client.getresponse().read()
    own = client.sock
    idle = [connect(served) for _ in range(3 * MOST)]
    assert ended(idle[0])
    client.request("GET", f"/pools?{VERSION}", headers=BEARER)
    assert client.getresponse().status == 200
    assert client.sock is own
    client.close()
    for connection in idle:
        connection.close()


def test_connection_with_a_request_under_way_is_not_closed() -> None:
    class Stream:
        closed = False

        def close(self) -> None:
            self.closed = True

    connections, streams = Connections(), [Stream() for _ in range(3)]
    for stream in streams:
        connections.opened(stream)
        connections.begins(stream)
    assert not connections.make_room(3)
    connections.waits(streams[1])
    assert connections.make_room(3)
    assert [stream.closed for stream in streams] == [False, True, False]


def test_headers_that_do_not_come_end_the_connection(
    monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    monkeypatch.setattr(server, "HEADERS_S", 0.3)
    served = request.getfixturevalue("served")
    silent, slow = connect(served), connect(served)
    slow.sendall(b"GET /jobs HTTP/1.1\r\nHost: lab")

    def answered() -> socket.socket | None:
        """A connection that was answered: this process may have been too late with its headers."""
        connection = connect(served)
        with contextlib.suppress(OSError):
            connection.sendall(b"GET /jobs HTTP/1.1\r\nHost: localhost\r\n\r\n")
            if answer := connection.recv(65536):
                assert answer.startswith(b"HTTP/1.1 400")
                return connection
        connection.close()
        return None

    for connection in (silent, slow, until(answered)):
        assert ended(connection)
        connection.close()


def test_connection_that_never_speaks_tls_ends(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(server, "HEADERS_S", 1.0)  # the client speaks sooner, or comes again
    with bl.SimulatedLab() as lab, lab.serve(cert=self_signed(tmp_path)) as endpoint:
        host, _, port = endpoint.url.removeprefix("https://").partition(":")
        with socket.create_connection((host, int(port)), timeout=20) as silent:
            assert ended(silent)
        with endpoint.client(connection_verify=str(tmp_path / "server.pem")) as client:
            assert list(client.list_pools()) == []


def test_body_that_does_not_come_ends_the_connection(
    monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    monkeypatch.setattr(server, "REFUSED_BODY_S", 0.3)
    monkeypatch.setattr(server, "BODY_S", 0.3)
    served = request.getfixturevalue("served")
    for header in (b"", b"Authorization: Bearer x\r\n"):
        with connect(served) as connection:
            connection.sendall(b"POST /jobs HTTP/1.1\r\nHost: localhost\r\n" + header
                               + b"Content-Length: 100\r\n\r\n{")  # fmt: skip
            assert ended(connection)


@pytest.mark.parametrize("header", ["Content-Length: 4000000", "Transfer-Encoding: chunked"])
def test_body_of_a_stranger_is_not_kept(served: Server, header: str) -> None:
    kept: list[Any] = []
    whole = server._Request.data_received

    def received(self: Any, chunk: bytes) -> None:
        whole(self, chunk)
        kept.append(len(self._body))

    server._Request.data_received = received  # type: ignore[method-assign]
    try:
        with connect(served) as connection:
            head = f"POST /jobs HTTP/1.1\r\nHost: localhost\r\n{header}\r\n\r\n"
            connection.sendall(head.encode())
            piece = b"x" * 1_000_000
            for _ in range(4):
                chunked = b"F4240\r\n" + piece + b"\r\n"
                connection.sendall(chunked if "chunked" in header else piece)
            if "chunked" in header:
                connection.sendall(b"0\r\n\r\n")
            assert connection.recv(65536).startswith(b"HTTP/1.1 400")
    finally:
        server._Request.data_received = whole  # type: ignore[method-assign]
    assert kept
    assert set(kept) == {0}


def test_process_without_a_file_for_a_connection_accepts_again(
    served: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = [OSError(24, "Too many open files")] * 3
    accept = socket.socket.accept

    def refuse(self: socket.socket) -> Any:
        if left and self.getsockname()[1] == served.port:
            raise left.pop()
        return accept(self)

    monkeypatch.setattr(socket.socket, "accept", refuse)
    begin = time.process_time()
    assert ask(served) == 200
    assert not left
    assert time.process_time() - begin < 5  # it did not spin


@pytest.mark.ci("processes")
def test_hundreds_of_strangers_stop_neither_tasks_nor_clients() -> None:
    from strangers import attack

    found = attack(connections=300, bodies=20, tasks=5, files=256)
    assert found["exit_codes"] == ["0"] * 5
    assert found["refused"]
    assert found["request_s"] < 10  # those who block it do so for a minute
    assert found["grown_bytes"] < 100e6
    assert found["closed"] == 0
