"""Random bodies for all operations, in all versions: Azure answers, and nothing is half done."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from batchlab.rest.routes import OPERATIONS
from batchlab.rest.specification import BODIES
from helpers.bodies import bodies
from helpers.rest import Desk, read

VERSIONS = [
    "2017-01-01.4.0", "2017-05-01.5.0", "2018-08-01.7.0", "2019-08-01.10.0", "2020-03-01.11.0",
    "2020-09-01.12.0", "2022-10-01.16.0", "2024-07-01.20.0", "2025-06-01", "2027-01-01",
]  # fmt: skip
ROUTES = [route for route in OPERATIONS if route.answer.__name__ in BODIES]
IDS = st.fixed_dictionaries({
    "pool_id": st.sampled_from(["p", "q"]),
    "node_id": st.just("node"),
    "job_id": st.sampled_from(["j", "k"]),
    "task_id": st.sampled_from(["a", "b"]),
    "job_schedule_id": st.just("s"),
    "user_name": st.just("ada"),
})  # fmt: skip
REQUESTS = st.sampled_from(ROUTES).flatmap(
    lambda route: st.tuples(
        st.just(route), IDS, st.sampled_from(VERSIONS), bodies(BODIES[route.answer.__name__])
    )
)
LISTS = ("/pools", "/jobs", "/jobschedules", "/jobs/j/tasks", "/jobs/k/tasks", "/pools/p/nodes")
SLOW_S = 10.0


@pytest.fixture(scope="module")
def furnished() -> Iterator[tuple[Desk, str]]:
    desk = Desk()
    desk.furnish("a")
    desk.lab.jobs["j"].tasks.wait()
    (node,) = desk.get("/pools/p/nodes").content["value"]
    yield desk, node["id"]
    desk.lab.close()


def state(desk: Desk) -> list[Any]:
    found = []
    for path in LISTS:
        content = desk.get(path).content
        found.append(content.get("value"))
    return found


def check(furnished: tuple[Desk, str], sent: tuple[Any, dict[str, str], str, Any]) -> None:
    desk, node_id = furnished
    route, names, version, body = sent
    path = route.template.format(**names | {"node_id": node_id})
    before = state(desk)
    started = time.monotonic()
    response = desk.service.handle(
        route.method, path, f"api-version={version}", {"Authorization": "Bearer x"},
        msgspec.json.encode(body),
    )  # fmt: skip
    answer = read(response)
    assert time.monotonic() - started < SLOW_S
    assert answer.status < 500 or answer.code == "TooManyEnableAutoScaleRequests", answer
    if answer.status >= 400:
        assert state(desk) == before
    else:
        for month in (version, "2017-01-01.4.0", "2025-06-01"):
            for listed in LISTS:
                assert desk.ask("GET", listed, version=month).status in (200, 404)


@given(sent=REQUESTS)
@settings(
    max_examples=250, deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip
def test_random_body_is_answered(
    furnished: tuple[Desk, str], sent: tuple[Any, dict[str, str], str, Any]
) -> None:
    check(furnished, sent)


@pytest.mark.ci("random")
@pytest.mark.timeout(300)
@given(sent=REQUESTS)
@settings(
    max_examples=600, deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip
def test_many_random_bodies_are_answered(
    furnished: tuple[Desk, str], sent: tuple[Any, dict[str, str], str, Any]
) -> None:
    check(furnished, sent)
