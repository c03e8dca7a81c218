"""Stories told once, lived in three worlds: simulated, light nodes, nodes that are processes.

A story uses the public names only, and command lines that every world understands. It is told to
the simulation and to light nodes; with the mark ``processes`` to process nodes too. The mark
``settings`` gives the lab keywords of its own.
"""

import pytest

from helpers.stories import World

WORLDS = ("simulated", "light")


def pytest_configure(config):
    config.addinivalue_line("markers", "processes: a story that process nodes live too")
    config.addinivalue_line("markers", "worlds(*names): the worlds that live this story")
    config.addinivalue_line("markers", "settings(**keywords): what the lab is made with")


def pytest_generate_tests(metafunc):
    if "world" in metafunc.fixturenames:
        chosen = metafunc.definition.get_closest_marker("worlds")
        names = chosen.args if chosen else WORLDS
        if metafunc.definition.get_closest_marker("processes"):
            names = (*names, pytest.param("processes", marks=pytest.mark.ci("processes")))
        metafunc.parametrize("world", names, indirect=True)


@pytest.fixture
def world(request):
    settings = request.node.get_closest_marker("settings")
    world = World(request.param, **(settings.kwargs if settings else {}))
    yield world
    world.end()


@pytest.fixture
def lab(world):
    return world.lab
