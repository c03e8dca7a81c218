"""Where the workers behind the nodes come from.

`LightSupply` makes workers in this very process, `ProcessSupply` in processes of their own under a
nanny, both for a cluster that is ours. On a cluster that somebody else started, workers come from
`batchlab.drivers.dask.cluster`.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, Protocol

import dask
from distributed import Nanny, Scheduler, Worker
from distributed.core import Status

from batchlab.drivers.dask.addresses import Addresses

__all__ = ["QUIET", "LightSupply", "NoMachine", "ProcessSupply", "QuietScheduler", "Supply"]

RETURN_S = 60.0
"""How long a worker that its nanny restarts may take to be back."""

QUIET: dict[str, Any] = {
    "distributed.worker.profile.enabled": False,  # a thread per worker, and nobody looks
    "distributed.admin.system-monitor.disk": False,  # costs milliseconds, twice a second each
    "distributed.admin.system-monitor.gil.enabled": False,
    "distributed.admin.system-monitor.interval": "10s",
    "distributed.worker.http.routes": [],
    "distributed.scheduler.http.routes": [],
    "distributed.scheduler.worker-ttl": None,  # a notebook's computer may sleep
}


class NoMachine(Exception):
    """There is no worker for a node, nor will be; the message says why."""


class Supply(Protocol):
    """Finds a worker for each node; names of nodes are given, addresses come back."""

    own: bool
    """Whether the workers are ours, on this machine, and end with their nodes."""

    async def get(self, node_id: str) -> str:
        """The address of a worker for a node, new or come back; raises `NoMachine`."""
        ...

    async def restart(self, node_id: str, address: str) -> str:
        """Restart the worker of a node; the address it has now."""
        ...

    async def give_back(self, node_id: str) -> None:
        """The node needs its worker no more."""
        ...

    def give_up(self, node_id: str) -> None:
        """Whoever waits in `get` for this node may stop."""
        ...

    def refuse(self, node_id: str, address: str) -> None:
        """This worker cannot be a node."""
        ...

    def joined(self, address: str, name: Any) -> None:
        """A worker has joined the cluster."""
        ...

    def left(self, address: str) -> None:
        """A worker has left the cluster."""
        ...

    def ip_address(self, node_id: str, address: str) -> str:
        """The IP address that the node shows."""
        ...

    def port_range(self, node_id: str, address: str) -> tuple[int, int]:
        """The ports that are the node's own at that address."""
        ...

    async def close(self) -> None:
        """Close what is ours."""
        ...


class _NoHttp:
    """Serve no web pages: one open port less per node."""

    def start_http_server(self, *_: Any, **__: Any) -> None:
        """Do nothing."""


class QuietScheduler(_NoHttp, Scheduler):
    """A scheduler without web server."""


class LightWorker(_NoHttp, Worker):
    """A worker without web server."""


class ProcessWorker(LightWorker):
    """A worker in a process of its own, which an interrupt of the notebook does not concern.

    Jupyter and terminals send SIGINT to the whole process group.
    """

    def __init__(self, *args: Any, environment: Mapping[str, str], **options: Any) -> None:
        # It may be forked from a process that began in another environment.
        os.environ.clear()
        os.environ.update(environment)
        # A handler that does nothing, as a signal that is ignored would be ignored by tasks too.
        signal.signal(signal.SIGINT, lambda *_: None)
        super().__init__(*args, **options)


class _OwnSupply(Supply):
    """Workers of ours: one server object (a worker, or its nanny) per node."""

    own = True

    def __init__(self, scheduler: Scheduler, lab_id: str, scratch: str) -> None:
        self._scheduler = scheduler
        self._scratch = scratch
        self._servers: dict[str, Any] = {}
        self._addresses = Addresses(lab_id)

    @abstractmethod
    def make(self, node_id: str) -> Any:
        """Make the server of a node, not yet started."""

    async def _start(self, node_id: str) -> str:
        with dask.config.set(QUIET):
            server = self.make(node_id)
        self._servers[node_id] = server
        try:
            await server
        except Exception as error:
            await self.give_back(node_id)
            raise NoMachine(f"a worker could not be started: {error}") from error
        return str(server.worker_address)

    async def give_back(self, node_id: str) -> None:
        """See `Supply`."""
        server = self._servers.pop(node_id, None)
        self._addresses.give_back(node_id)
        if server is not None and server.status not in (Status.closed, Status.failed):
            await server.close()

    def give_up(self, node_id: str) -> None:
        """A worker of ours is soon there: better to wait than to break off its start."""

    def refuse(self, node_id: str, address: str) -> None:
        """Nothing to remember: the next try gets a new worker."""

    def joined(self, address: str, name: Any) -> None:
        """Nobody waits."""

    def left(self, address: str) -> None:
        """Nothing is kept by address."""

    def ip_address(self, node_id: str, address: str) -> str:
        """See `Supply`."""
        return self._addresses.ip_address(node_id, "127.0.0.1")

    def port_range(self, node_id: str, address: str) -> tuple[int, int]:
        """See `Supply`."""
        return self._addresses.port_range(node_id, "127.0.0.1")

    async def close(self) -> None:
        """See `Supply`."""
        await asyncio.gather(*(self.give_back(node_id) for node_id in list(self._servers)))


class LightSupply(_OwnSupply):
    """Workers in the scheduler's own process."""

    def make(self, node_id: str) -> Any:
        """Make the server of a node, not yet started."""
        return LightWorker(
            self._scheduler.address, nthreads=1, name=node_id, memory_limit=0,
            local_directory=f"{self._scratch}/{node_id}",
        )  # fmt: skip

    async def get(self, node_id: str) -> str:
        """See `Supply`."""
        await self.give_back(node_id)
        return await self._start(node_id)

    async def restart(self, node_id: str, address: str) -> str:
        """See `Supply`."""
        return await self.get(node_id)


class ProcessSupply(_OwnSupply):
    """Workers in processes of their own; a nanny each restarts what was killed."""

    def __init__(self, scheduler: Scheduler, lab_id: str, scratch: str) -> None:
        super().__init__(scheduler, lab_id, scratch)
        self._awaited: dict[str, asyncio.Future[str]] = {}

    def make(self, node_id: str) -> Any:
        """Make the server of a node, not yet started."""
        return Nanny(
            self._scheduler.address, nthreads=1, name=node_id, memory_limit=0, host="127.0.0.1",
            local_directory=f"{self._scratch}/{node_id}", worker_class=ProcessWorker, config=QUIET,
            silence_logs=logging.CRITICAL, environment=dict(os.environ),
        )  # fmt: skip

    async def get(self, node_id: str) -> str:
        """See `Supply`."""
        nanny = self._servers.get(node_id)
        if nanny is None or nanny.status != Status.running:
            await self.give_back(node_id)
            return await self._start(node_id)
        address = self._scheduler.aliases.get(node_id)
        if address is not None:
            return str(address)
        waiting = self._awaited[node_id] = asyncio.get_running_loop().create_future()
        try:
            return await asyncio.wait_for(waiting, RETURN_S)
        except TimeoutError:
            await self.give_back(node_id)
            return await self._start(node_id)
        finally:
            self._awaited.pop(node_id, None)

    def joined(self, address: str, name: Any) -> None:
        """See `Supply`."""
        waiting = self._awaited.get(name)
        if waiting is not None and not waiting.done():
            waiting.set_result(address)

    async def restart(self, node_id: str, address: str) -> str:
        """See `Supply`."""
        nanny = self._servers.get(node_id)
        if nanny is None or nanny.status != Status.running:
            return await self.get(node_id)
        if await nanny.restart(timeout=RETURN_S) != "OK":
            await self.give_back(node_id)
            return await self._start(node_id)
        return str(nanny.worker_address)
