"""A network of emulated hosts for each test, or the reason why there is none."""

import pytest

from hosts.network import Network, obstacle


@pytest.fixture(scope="session")
def possible():
    reason = obstacle()
    if reason:
        pytest.skip(reason)


@pytest.fixture
def network(possible, tmp_path):
    network = Network(tmp_path)
    yield network
    network.close()


@pytest.fixture
def cluster(network):
    """The address of a scheduler on a host of its own, and two hosts for workers."""
    scheduler, first, second = (network.host() for _ in range(3))
    return scheduler.scheduler(), first, second
