"""Whatever comes, the answer is Azure's: never a 500, never a file outside a node."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from batchlab.rest.routes import OPERATIONS
from helpers.rest import VERSION, Desk, read

WORDS = st.sampled_from(
    ["p", "j", "a", "pools", "jobs", "tasks", "files", "nodes", "..", "%2e%2e", "%2F", "%", "%ff",
     "a%00b", "stdout.txt", "wd", "", "é", "$metadata", "certificates(thumbprint=a)"]
)  # fmt: skip
NAMED = [
    "pool_id", "node_id", "job_id", "task_id", "path", "user_name", "job_schedule_id",
    "application_id", "extension_name", "algorithm", "thumbprint",
]  # fmt: skip
PATHS = st.lists(WORDS, max_size=7).map(lambda parts: "/" + "/".join(parts)) | st.sampled_from(
    [route.template for route in OPERATIONS]
).flatmap(
    lambda template: st.fixed_dictionaries(
        dict.fromkeys(NAMED, WORDS)
    ).map(lambda names: template.format(**names))
)  # fmt: skip
FILTERS = st.text(alphabet="()' aeiqndtrsxyz/,.0123", max_size=30) | st.sampled_from(
    ["state eq 'active'", "id eq", "(((", "startswith(id,'a'", "executionInfo/exitCode gt 0",
     "creationTime lt DateTime'2026-01-01'", "creationTime gt 2026-01-01T00:00:00Z", "id eq null",
     "(" * 60 + "id eq 'a'" + ")" * 60, "properties/contentLength gt 3", "id gt 3 or id lt 'x'"]
)  # fmt: skip
QUERIES = st.dictionaries(
    st.sampled_from(["maxresults", "$skiptoken", "$select", "$expand", "recursive", "timeOut"]),
    st.sampled_from(
        ["1", "0", "-5", "x", "٣", "id", "id, state", "1!p", "9999999999", "true", ""]
    ),
    max_size=3,
)
HEADERS = st.dictionaries(
    st.sampled_from(["If-Match", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since",
                     "ocp-range", "client-request-id", "return-client-request-id", "Host"]),
    st.sampled_from(["*", "0x1", "bytes=0-1", "bytes=-1", "bytes=5-1", "bytes=x", "true",
                     "Sat, 21 Nov 2026 18:52:40 GMT", "", "é"]),
    max_size=3,
)  # fmt: skip
NAMES = st.sampled_from(
    ["id", "vmSize", "commandLine", "poolInfo", "poolId", "priority", "constraints", "value",
     "maxWallClockTime", "startTask", "resourceFiles", "metadata", "targetDedicatedNodes",
     "schedule", "jobSpecification", "recurrenceInterval", "nodeList", "autoScaleFormula", "data",
     "environmentSettings", "name", "password", "userAccounts", "disableTasks", "exitConditions"]
)  # fmt: skip
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(["", "p", "j", "a", "P", "PT5M", "P1Y", "-1", "--1", "true", "\x00", "é"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=12,
)  # fmt: skip
BODIES = st.none() | st.dictionaries(NAMES, VALUES, max_size=6) | VALUES
RAW = st.sampled_from([b"", b"{", b"\xff", b'{"a": "\\ud800"}', b"[" * 5000, b"[1]", b"null"])


@pytest.fixture(scope="module")
def furnished() -> Iterator[Desk]:
    desk = Desk()
    desk.furnish("a")
    desk.lab.jobs["j"].tasks.wait()
    yield desk
    desk.lab.close()


@given(
    method=st.sampled_from(["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"]),
    path=PATHS, query=QUERIES, filter_=FILTERS | st.none(), headers=HEADERS, body=BODIES,
    raw=RAW | st.none(),
)  # fmt: skip
@settings(
    max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_any_request_is_answered_as_azure_does(
    furnished: Desk, method: str, path: str, query: dict[str, str], filter_: str | None,
    headers: dict[str, str], body: Any, raw: bytes | None,
) -> None:  # fmt: skip
    text = "&".join([VERSION, *(f"{name}={value}" for name, value in query.items())])
    if filter_ is not None:
        text += f"&$filter={filter_}"
    sent = raw if raw is not None else (b"" if body is None else msgspec.json.encode(body))
    response = furnished.service.handle(
        method, path, text, {"Authorization": "Bearer x"} | headers, sent
    )
    answer = read(response)
    assert answer.status < 500 or answer.code == "TooManyEnableAutoScaleRequests", answer
    assert answer.headers["request-id"]
    if answer.status in (204, 304) or method == "HEAD":
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
