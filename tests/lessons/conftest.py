"""Checks look at simulated labs here: what learners do takes no time, and comes out the same."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import batchlab as bl
from batchlab import lessons


@pytest.fixture(autouse=True)
def _first_try() -> Iterator[None]:
    lessons.exercises.reset()
    yield
    lessons.exercises.reset()


@pytest.fixture
def lab() -> Iterator[bl.SimulatedLab]:
    with bl.SimulatedLab() as opened:
        yield opened


@pytest.fixture
def pool(lab: bl.SimulatedLab) -> bl.Pool:
    """Two idle nodes."""
    made = lab.create_pool("two", target_dedicated_nodes=2)
    made.nodes.wait("idle")
    return made
