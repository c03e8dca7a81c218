"""Whatever comes, the answer is Azure's: never a 500, never a file outside a node."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st

from helpers.random_requests import any_request
from helpers.rest import Desk, read


@pytest.fixture(scope="module")
def furnished() -> Iterator[Desk]:
    desk = Desk()
    desk.furnish("a")
    desk.lab.jobs["j"].tasks.wait()
    yield desk
    desk.lab.close()


@given(draw=st.randoms(use_true_random=False))
@settings(
    max_examples=400,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_any_request_is_answered_as_azure_does(furnished: Desk, draw: random.Random) -> None:
    sent = any_request(draw)
    note(repr(sent))
    response = furnished.service.handle(
        sent.method, sent.path, sent.query_text, {"Authorization": "Bearer x"} | sent.headers,
        sent.body,
    )  # fmt: skip
    answer = read(response)
    assert answer.status < 500 or answer.code == "TooManyEnableAutoScaleRequests", answer
    assert answer.headers["request-id"]
    if answer.status in (204, 304) or sent.method == "HEAD":
        assert answer.raw == b""
    elif answer.status >= 400:
        assert answer.code
        assert "RequestId:" in answer.content["message"]["value"]


@pytest.mark.parametrize(
    "path", ["..%2F..%2Fetc%2Fpasswd", "%2Fetc%2Fpasswd", "wd%2F..%2F..%2F..%2Fx", "a%00b", ".."]
)
@pytest.mark.parametrize("method", ["GET", "HEAD", "DELETE"])
def test_path_that_leads_out_of_a_node_is_refused(desk: Desk, method: str, path: str) -> None:
    desk.furnish("a")
    desk.lab.jobs["j"].tasks.wait()
    (node,) = desk.get("/pools/p/nodes").content["value"]
    for place in (f"/pools/p/nodes/{node['id']}/files/", "/jobs/j/tasks/a/files/"):
        assert desk.ask(method, place + path).status in (400, 404)
