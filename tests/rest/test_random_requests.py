"""Random requests over sockets from several clients at once: ``tests/chaos/fuzz.py``, in short."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parent.parent / "chaos"))


@pytest.mark.parametrize(
    "requests", [1_000, pytest.param(10_000, marks=[pytest.mark.ci("random")])]
)
def test_random_requests_are_answered_as_azure_does(requests: int) -> None:
    from fuzz import Attack

    found = Attack(requests, seed=requests, clients=4).run()
    assert not found["wrong"], "\n".join(found["wrong"])
    assert found["requests"] >= requests
    assert {200, 201, 202, 400, 403, 404, 405, 409} <= found["statuses"].keys()
