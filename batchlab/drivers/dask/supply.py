"""Where the workers of the nodes come from.

For our own clusters, `LightSupply` creates workers in this process, and `ProcessSupply` in
separate processes, each with a nanny. On an existing cluster, workers come from
`batchlab.drivers.dask.cluster`.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, Protocol

import dask
from distributed import Nanny, Scheduler, Worker
from distributed.core import Status
from tornado.ioloop import PeriodicCallback

from batchlab.drivers.dask.addresses import Addresses
from batchlab.drivers.dask.handlers import forget_handlers
from batchlab.drivers.dask.process_settings import allow_files

__all__ = ["QUIET", "LightSupply", "NoMachine", "ProcessSupply", "QuietScheduler", "Supply"]

RETURN_S = 60.0
"""How long a nanny may take to restart its worker."""

FILES, FILES_OF_NODE = 512, 4
"""How many files a process may need, and how many more for each light node with runs."""

QUIET: dict[str, Any] = {
    "distributed.admin.low-level-log-length": 0,  # keeps the latest messages and transitions
    "distributed.worker.profile.enabled": False,  # a thread per worker, and not used
    "distributed.admin.system-monitor.disk": False,  # costs milliseconds, twice a second
    "distributed.admin.system-monitor.gil.enabled": False,
    "distributed.admin.system-monitor.interval": "10s",
    "distributed.worker.http.routes": [],
    "distributed.scheduler.http.routes": [],
    "distributed.scheduler.worker-ttl": None,  # a notebook's computer may sleep
}


class NoMachine(Exception):
    """No worker is available for a node; the message says why."""


class Supply(Protocol):
    """Finds a worker for each node, from the node's id to the worker's address."""

    own: bool
    """Whether the workers are ours, on this machine, and end with their nodes."""

    def need(self, node_id: str, vm_size: str) -> None:
        """Note the VM size of a node: its worker has to fit."""
        ...

    async def get(self, node_id: str, *, patient: bool = True) -> str:
        """Return the address of a worker for a node, new or returned; raises `NoMachine`.

        If there is none, wait until one comes or `give_up` is called; if not `patient`, only
        while one is likely to come.
        """
        ...

    async def restart(self, node_id: str, address: str) -> str:
        """Restart the worker of a node; return its new address."""
        ...

    async def give_back(self, node_id: str) -> None:
        """Release the worker of a node."""
        ...

    def give_up(self, node_id: str) -> None:
        """End a wait in `get` for this node."""
        ...

    def refuse(self, node_id: str, address: str) -> None:
        """Exclude a worker that cannot be a node."""
        ...

    def hold(self, node_id: str, address: str) -> bool:
        """Keep a worker that was not heard from all nodes, or kill it; return whether it dies."""
        ...

    def readmit(self, address: str) -> None:
        """Use a worker again that was refused or held."""
        ...

    def joined(self, address: str, name: Any) -> None:
        """Note that a worker has joined the cluster."""
        ...

    def left(self, address: str) -> None:
        """Note that a worker has left the cluster."""
        ...

    def ip_address(self, node_id: str, address: str) -> str:
        """Return the IP address of the node."""
        ...

    def port_range(self, node_id: str, address: str) -> tuple[int, int]:
        """Return the ports reserved for the node at that address."""
        ...

    async def close(self) -> None:
        """Close all workers that are ours."""
        ...


class _Quiet:
    """A server of ours: without a web server, and without what balances and measures Dask tasks,
    as there are none."""

    def start_http_server(self, *_: Any, **__: Any) -> None:
        """Do nothing, which saves an open port per node."""

    def start_periodic_callbacks(self) -> None:
        """Do nothing, which saves many calls a second per node."""


class QuietScheduler(_Quiet, Scheduler):
    """A scheduler that costs nothing while it waits."""

    def __init__(self, **options: Any) -> None:
        super().__init__(extensions={}, **options)

    def start_periodic_callbacks(self) -> None:
        """Start the only timer that can be wanted."""
        if self.idle_timeout:
            self.periodic_callbacks["idle-timeout"].start()


class _Never(PeriodicCallback):
    """A timer that never starts."""

    def __init__(self) -> None:
        super().__init__(lambda: None, 1000.0)

    def start(self) -> None:
        """Do nothing."""


class LightWorker(_Quiet, Worker):
    """A worker in the scheduler's process: it has no timers, threads or open files of its own.

    Heartbeats, which a worker starts by itself, would only measure the scheduler's own process.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, executor="offload", extensions={}, needs_workdir=False, **options)
        self.periodic_callbacks = dict.fromkeys(self.periodic_callbacks, _Never())

    async def close(self, *args: Any, **options: Any) -> Any:
        """Close it, and leave nothing of it in this process."""
        try:
            return await super().close(*args, **options)
        finally:
            forget_handlers()


class QuietNanny(_Quiet, Nanny):
    """A nanny that costs nothing while it waits."""


class ProcessWorker(_Quiet, Worker):
    """A worker in a separate process that ignores interrupts of the notebook.

    Jupyter and terminals send SIGINT to the whole process group.
    """

    def __init__(self, *args: Any, environment: Mapping[str, str], **options: Any) -> None:
        # It may be forked from a process that was started in another environment.
        os.environ.clear()
        os.environ.update(environment)
        # An empty handler, because tasks would inherit an ignored signal.
        signal.signal(signal.SIGINT, lambda *_: None)
        super().__init__(*args, extensions={}, **options)


class _OwnSupply(Supply):
    """Our own workers: one server object (a worker, or its nanny) per node."""

    own = True

    def __init__(self, scheduler: Scheduler, lab_id: str, scratch: str) -> None:
        self._scheduler = scheduler
        self._scratch = scratch
        self._servers: dict[str, Any] = {}
        self._addresses = Addresses(lab_id)

    @abstractmethod
    def make(self, node_id: str) -> Any:
        """Create the server of a node without starting it."""

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

    def need(self, node_id: str, vm_size: str) -> None:
        """Do nothing: our own workers fit every size."""

    def give_up(self, node_id: str) -> None:
        """Do nothing: our own workers start soon, and a start should not be interrupted."""

    def refuse(self, node_id: str, address: str) -> None:
        """Do nothing: the next attempt gets a new worker."""

    def hold(self, node_id: str, address: str) -> bool:
        """Kill the worker's process; its nanny starts another."""
        pid = getattr(self._servers.get(node_id), "pid", None)
        if pid is None:
            return False
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        return True

    def readmit(self, address: str) -> None:
        """Do nothing: no worker is refused for longer than a moment."""

    def joined(self, address: str, name: Any) -> None:
        """Do nothing: no node waits."""

    def left(self, address: str) -> None:
        """Do nothing: nothing is stored by address."""

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
        allow_files(FILES + FILES_OF_NODE * len(self._servers))
        return LightWorker(
            self._scheduler.address, nthreads=1, name=node_id, memory_limit=0,
            local_directory=self._scratch,
        )  # fmt: skip

    async def get(self, node_id: str, *, patient: bool = True) -> str:
        """See `Supply`."""
        await self.give_back(node_id)
        return await self._start(node_id)

    async def restart(self, node_id: str, address: str) -> str:
        """See `Supply`."""
        return await self.get(node_id)


class ProcessSupply(_OwnSupply):
    """Workers in separate processes, each with a nanny that restarts it when it is killed."""

    def __init__(self, scheduler: Scheduler, lab_id: str, scratch: str) -> None:
        super().__init__(scheduler, lab_id, scratch)
        self._awaited: dict[str, asyncio.Future[str]] = {}

    def make(self, node_id: str) -> Any:
        """Make the server of a node, not yet started."""
        return QuietNanny(
            self._scheduler.address, nthreads=1, name=node_id, memory_limit=0, host="127.0.0.1",
            local_directory=f"{self._scratch}/{node_id}", worker_class=ProcessWorker, config=QUIET,
            silence_logs=logging.CRITICAL, environment=dict(os.environ),
            security=self._scheduler.security,
        )  # fmt: skip

    async def get(self, node_id: str, *, patient: bool = True) -> str:
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
