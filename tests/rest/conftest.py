"""A lab that is served, in all worlds, and a service without a socket."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from distributed import Client

import batchlab as bl
from helpers.dask_commands import Commands
from helpers.rest import Desk, served


@pytest.fixture(scope="module", params=[
    "simulated", "light", "processes", pytest.param("foreign", marks=pytest.mark.ci("clusters")),
])  # fmt: skip
def endpoint(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Any]:
    """A lab that is served: in this process, or by a command on a cluster of somebody else's."""
    if request.param == "foreign":
        cluster = Commands(tmp_path_factory.mktemp("cluster"), workers=())
        try:
            for name in ("alpha", "beta"):  # with the cores of the size that the tests ask for
                cluster.worker(name, "--nthreads", "2")
            with Client(cluster.address) as client:
                client.wait_for_workers(2, timeout=60)
            with served("--scheduler", cluster.address) as endpoint:
                yield endpoint
        finally:
            cluster.close()
        return
    simulated = request.param == "simulated"
    processes = request.param == "processes"
    lab = bl.SimulatedLab(boot="1s") if simulated else bl.Lab(processes=processes)
    with lab, lab.serve(speed=20.0) as endpoint:
        yield endpoint


@pytest.fixture
def desk() -> Iterator[Desk]:
    with Desk() as desk:
        yield desk
