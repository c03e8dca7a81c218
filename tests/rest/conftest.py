"""A lab that is served, in both worlds, and a service without a socket."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from rest.served import Desk

import batchlab as bl


@pytest.fixture(scope="module", params=["simulated", "light"])
def endpoint(request: pytest.FixtureRequest) -> Iterator[Any]:
    simulated = request.param == "simulated"
    lab = bl.SimulatedLab(boot="1s") if simulated else bl.Lab()
    with lab, lab.serve(speed=20.0) as endpoint:
        yield endpoint


@pytest.fixture
def desk() -> Iterator[Desk]:
    desk = Desk()
    yield desk
    desk.lab.close()
