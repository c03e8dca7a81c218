from collections.abc import Iterator

import pytest

from batchlab.core import invariants
from helpers.world import World


@pytest.fixture
def world() -> Iterator[World]:
    """A world whose core must hold its invariants, and leave nothing said unheard."""
    world = World()
    yield world
    invariants.check(world.core.state)
    world.nothing_else()
