"""Random bodies for all operations, in all versions: Azure answers, and nothing is half done."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st

from batchlab.rest.routes import OPERATIONS
from batchlab.rest.specification import BODIES
from helpers.random_requests import IDS, VERSIONS, random_body
from helpers.rest import Desk, read

ROUTES = [route for route in OPERATIONS if route.answer.__name__ in BODIES]
DRAWS = st.randoms(use_true_random=False)
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


def check(furnished: tuple[Desk, str], draw: random.Random) -> None:
    desk, node_id = furnished
    route = draw.choice(ROUTES)
    names = {name: draw.choice(ids) for name, ids in IDS.items()}
    path = route.template.format(**names | {"node_id": node_id})
    version = draw.choice(VERSIONS)
    body = random_body(draw, BODIES[route.answer.__name__], nodes=[node_id])
    note(f"{route.method} {path} {version} {body}")
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


@given(draw=DRAWS)
@settings(
    max_examples=250,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip
def test_random_body_is_answered(furnished: tuple[Desk, str], draw: random.Random) -> None:
    check(furnished, draw)


@pytest.mark.ci("random")
@pytest.mark.timeout(300)
@given(draw=DRAWS)
@settings(
    max_examples=600,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip
def test_many_random_bodies_are_answered(furnished: tuple[Desk, str], draw: random.Random) -> None:
    check(furnished, draw)
