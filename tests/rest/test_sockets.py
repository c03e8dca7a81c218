"""What comes in at the socket: many clients at once, and bytes that are no request."""

from __future__ import annotations

import http.client
import json
import logging
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import batchlab as bl
from helpers.rest import VERSION

CONNECTIONS, EACH = 20, 10
SECONDS = 60
"""How long an answer may take on a machine with much else to do."""


@pytest.fixture(scope="module", params=["simulated", "light"])
def open_lab(request: pytest.FixtureRequest) -> Iterator[Any]:
    """A lab and its endpoint, which takes bearer tokens."""
    logging.getLogger("tornado.general").addFilter(_quiet)
    with (
        bl.SimulatedLab(boot="1s") if request.param == "simulated" else bl.Lab() as lab,
        lab.serve(bearer=True) as endpoint,
    ):
        yield lab, endpoint.url.removeprefix("http://")
    logging.getLogger("tornado.general").removeFilter(_quiet)


def _quiet(record: logging.LogRecord) -> bool:
    """Drop what Tornado says of requests that are none."""
    return record.levelno >= logging.ERROR


def test_200_requests_at_once_from_20_connections_none_is_lost_or_mixed_up(open_lab: Any) -> None:
    lab, address = open_lab
    lab.create_job("many", "nowhere")

    def ask(connection: Any, method: str, path: str, content: Any = None) -> tuple[int, Any]:
        body = None if content is None else json.dumps(content)
        headers = {"Authorization": "Bearer x", "Content-Type": "application/json",
                   "client-request-id": path, "return-client-request-id": "true"}  # fmt: skip
        connection.request(method, f"{path}?{VERSION}", body, headers)
        response = connection.getresponse()
        assert response.headers["client-request-id"] == path
        text = response.read()
        return response.status, json.loads(text) if text else None

    def client(number: int) -> list[tuple[int, Any]]:
        found = []
        connection = http.client.HTTPConnection(address, timeout=60)
        for count in range(EACH // 2):
            task_id = f"t{number}-{count}"
            task = {"id": task_id, "commandLine": f"echo {task_id}"}
            found.append(ask(connection, "POST", "/jobs/many/tasks", task))
            found.append(ask(connection, "GET", f"/jobs/many/tasks/{task_id}"))
        connection.close()
        return found

    with ThreadPoolExecutor(CONNECTIONS) as threads:
        answers = list(threads.map(client, range(CONNECTIONS)))
    for number, found in enumerate(answers):
        assert [status for status, _ in found] == [201, 200] * (EACH // 2)
        told = [task["commandLine"] for _, task in found if task]
        assert told == [f"echo t{number}-{count}" for count in range(EACH // 2)]
    assert len(lab.jobs["many"].tasks) == CONNECTIONS * EACH // 2


LINES = st.sampled_from([
    b"GET /jobs?api-version=2025-06-01 HTTP/1.1", b"GET /jobs HTTP/1.0",
    b"GET http://lab/jobs HTTP/1.1", b"GET * HTTP/1.1", b"GET",
    b"GET /jobs", b"GET /jobs HTTP/9.9", b"\xff\xfe / HTTP/1.1", b"",
    b"BREW /pot HTTP/1.1", b"POST /jobs?api-version=2025-06-01 HTTP/1.1", b"GET  /jobs  HTTP/1.1",
    b"GET /" + b"x" * 70_000 + b" HTTP/1.1", b"GET /%00%ff?%00&=&== HTTP/1.1",
    b"CONNECT lab:1 HTTP/1.1",
])  # fmt: skip
HEADERS = st.lists(st.sampled_from([
    b"Host: lab", b"Host: a b", b"Host:", b"Authorization: Bearer x",
    b"Authorization: SharedKey a:",
    b"Authorization: Bearer \xff\xfe", b"no colon", b": nothing", b"Content-Length: 3",
    b"Content-Length: -1", b"Content-Length: x", b"Content-Length: 99999999999",
    b"Transfer-Encoding: chunked", b"Transfer-Encoding: gzip", b"Connection: close", b"X: \x00",
    b"Expect: 100-continue", b"Content-Type: application/json", b"ocp-range: bytes=0-1",
    b" folded",
    b"X-Forwarded-Prefix: /a\tb", b"X-Forwarded-For: 1.2.3.4", b"X-Scheme: gopher",
]), max_size=6)  # fmt: skip
BODIES = st.sampled_from(
    [b"", b"{}", b"abc", b"3\r\nabc\r\n0\r\n\r\n", b"-1\r\n", b"zz\r\n", b"\x00" * 9]
)


@given(line=LINES, headers=HEADERS, body=BODIES)
@settings(
    max_examples=150,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_bytes_that_are_no_request_are_answered_or_the_connection_ends(
    open_lab: Any, line: bytes, headers: list[bytes], body: bytes
) -> None:
    _, address = open_lab
    host, _, port = address.partition(":")
    answer = b""
    with socket.create_connection((host, int(port)), timeout=SECONDS) as connection:
        connection.sendall(b"\r\n".join([line, *headers, b"", body]))
        connection.shutdown(socket.SHUT_WR)
        try:
            while piece := connection.recv(65536):
                answer += piece
        except ConnectionResetError:
            pass
    for start in answer.split(b"HTTP/1.1 ")[1:]:
        assert not start.startswith(b"5"), answer
    well = http.client.HTTPConnection(address, timeout=SECONDS)
    well.request("GET", f"/pools?{VERSION}", headers={"Authorization": "Bearer x"})
    assert well.getresponse().status == 200
    well.close()
