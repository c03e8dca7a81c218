"""A dask-gateway on this machine, whose clusters are programs of this Python."""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from helpers.ports import free_port
from helpers.waiting import until

CONFIG = """
import sys
module = [sys.executable, "-m"]
c.DaskGateway.backend_class = "dask_gateway_server.backends.local.UnsafeLocalBackend"
c.DaskGateway.address = "127.0.0.1:{}"
c.Proxy.address = "127.0.0.1:{}"
c.Proxy.tcp_address = "127.0.0.1:{}"
c.LocalBackend.clusters_directory = {!r}
c.ClusterConfig.worker_cores = 1
c.ClusterConfig.scheduler_cmd = [*module, "distributed.cli.dask_scheduler"]
c.ClusterConfig.worker_cmd = [*module, "distributed.cli.dask_worker"]
"""


def obstacle() -> str:
    """Why there can be no gateway here; empty if there can."""
    names = ("sqlalchemy", "dask_gateway_server", "dask_gateway")
    missing = [name for name in names if importlib.util.find_spec(name) is None]
    return f"{' and '.join(missing)} are not installed" if missing else ""


class RunningGateway(NamedTuple):
    """A gateway that runs."""

    address: str
    proxy_address: str

    def cluster(self) -> Any:
        """Start a cluster."""
        client = importlib.import_module("dask_gateway")
        return client.GatewayCluster(self.address, proxy_address=self.proxy_address, auth="basic")


@contextlib.contextmanager
def gateway(folder: Path) -> Iterator[RunningGateway]:
    """Run a gateway.

    Parameters
    ----------
    folder : Path
        For its configuration, its log and its clusters.
    """
    ports = [free_port() for _ in range(3)]
    config = folder / "gateway.py"
    config.write_text(CONFIG.format(*ports, str(folder / "clusters")))
    command = [sys.executable, "-m", "dask_gateway_server", "-f", str(config)]
    with (folder / "gateway.log").open("w") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        running = RunningGateway(f"http://127.0.0.1:{ports[1]}", f"gateway://127.0.0.1:{ports[2]}")
        until(lambda: _answers(f"{running.address}/api/health"))
        yield running
    finally:
        server.terminate()
        server.wait()


def _answers(address: str) -> bool:
    with contextlib.suppress(OSError), urllib.request.urlopen(address) as answer:
        return bool(answer.status == 200)
    return False
