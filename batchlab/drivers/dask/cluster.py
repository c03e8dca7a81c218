"""Nodes on a cluster that somebody else started: the workers that are there.

A node is a worker that had none yet, and letting go of the node leaves the worker alone. When
there is none, a client whose cluster object can scale is asked for more. A node whose worker was
lost gets it back when a nanny restarts it under its name, else another one.
"""

from __future__ import annotations

import asyncio
from typing import Any

from distributed import Scheduler
from distributed.comm.addressing import get_address_host

from batchlab.drivers.dask.addresses import Addresses
from batchlab.drivers.dask.supply import RETURN_S, NoMachine

__all__ = ["ClusterSupply"]

CLUSTER_RETURN_S = 15.0
"""How long a lost worker may take to be back before another one is taken."""
ARRIVAL_S = 1.0
"""How long a worker may be on its way when nobody was asked for it."""
SCALER_S = 4.0
"""How long ago a client that can scale may have been heard of."""


class ClusterSupply:
    """Workers of a cluster that somebody else started.

    Parameters
    ----------
    scheduler : Scheduler
    lab_id : str

    Attributes
    ----------
    wanted : asyncio.Event
        Set while nodes wait for workers that are not there.
    """

    own = False

    def __init__(self, scheduler: Scheduler, lab_id: str) -> None:
        self._scheduler = scheduler
        self._addresses = Addresses(lab_id)
        self._nodes: dict[str, str] = {}  # address -> node id
        self._names: dict[str, Any] = {}  # node id -> name of its worker
        self._nannies: dict[str, bool] = {}  # node id -> whether its worker had a nanny
        self._refused: set[str] = set()
        self._waiting: dict[str, asyncio.Future[str]] = {}
        self._scaler_seen = float("-inf")
        self.wanted = asyncio.Event()

    def worker_count(self) -> int:
        """How many workers the cluster should have for all nodes that there are to be."""
        return len(self._nodes) + len(self._refused) + len(self._waiting)

    def scaler_seen(self) -> None:
        """A client that can scale the cluster has asked whether to."""
        self._scaler_seen = asyncio.get_running_loop().time()

    def _can_scale(self) -> bool:
        return asyncio.get_running_loop().time() - self._scaler_seen < SCALER_S

    async def get(self, node_id: str) -> str:
        """See `Supply`."""
        name = self._names.get(node_id)
        if name is not None:
            address = self._scheduler.aliases.get(name)
            if address is None and self._nannies.get(node_id):
                address = await self._wait(node_id, CLUSTER_RETURN_S, scale=False)
            if address is not None and self._bind(node_id, str(address)):
                return str(address)
        for address in list(self._scheduler.workers):
            if self._bind(node_id, address):
                return address
        address = await self._wait(node_id, ARRIVAL_S, scale=True)
        if address is None or not self._bind(node_id, address):
            raise NoMachine(
                "the cluster has no worker left that is not a node already, and nobody who could "
                "scale it: start more workers, then resize the pool again"
            )
        return address

    async def _wait(self, node_id: str, seconds: float, *, scale: bool) -> str | None:
        """Wait for a worker: for some time, or, if somebody can scale, until there is one."""
        waiting = self._waiting[node_id] = asyncio.get_running_loop().create_future()
        try:
            while True:
                if scale:
                    self.wanted.set()
                done, _ = await asyncio.wait([waiting], timeout=seconds)
                if done:
                    return str(waiting.result())
                if not (scale and self._can_scale()):
                    return None
        finally:
            self._waiting.pop(node_id, None)
            if not self._waiting:
                self.wanted.clear()

    def _bind(self, node_id: str, address: str) -> bool:
        state = self._scheduler.workers.get(address)
        bound = self._nodes.get(address, node_id)
        if state is None or bound != node_id or address in self._refused:
            return False
        self._nodes[address] = node_id
        self._names[node_id] = state.name
        self._nannies[node_id] = bool(state.nanny)
        return True

    def joined(self, address: str, name: Any) -> None:
        """See `Supply`."""
        first = None
        for node_id, waiting in self._waiting.items():
            if waiting.done():
                continue
            if self._names.get(node_id) == name:
                first = waiting
                break
            if first is None and node_id not in self._names:
                first = waiting
        if first is not None:
            first.set_result(address)

    def left(self, address: str) -> None:
        """See `Supply`."""
        self._nodes.pop(address, None)
        self._refused.discard(address)

    def refuse(self, node_id: str, address: str) -> None:
        """See `Supply`."""
        self._nodes.pop(address, None)
        self._names.pop(node_id, None)
        self._refused.add(address)

    def give_up(self, node_id: str) -> None:
        """See `Supply`."""
        waiting = self._waiting.get(node_id)
        if waiting is not None and not waiting.done():
            waiting.set_exception(NoMachine("the node is not wanted any more"))

    async def restart(self, node_id: str, address: str) -> str:
        """Have the nanny restart the worker; one without nanny goes on as it is."""
        state = self._scheduler.workers.get(address)
        if state is None or not state.nanny:
            return await self.get(node_id)
        results = await self._scheduler.restart_workers(
            workers=[address], timeout=RETURN_S, on_error="return",
            stimulus_id=f"batchlab-reboot-{node_id}",
        )  # fmt: skip
        if results.get(address) != "OK":
            raise NoMachine(f"the worker did not come back from its restart: {results}")
        return await self.get(node_id)

    async def give_back(self, node_id: str) -> None:
        """See `Supply`."""
        for address in [key for key, bound in self._nodes.items() if bound == node_id]:
            del self._nodes[address]
            self._offer(address)
        self._names.pop(node_id, None)
        self._nannies.pop(node_id, None)
        self._addresses.give_back(node_id)

    def _offer(self, address: str) -> None:
        state = self._scheduler.workers.get(address)
        if state is not None:
            self.joined(address, state.name)

    def ip_address(self, node_id: str, address: str) -> str:
        """See `Supply`."""
        return self._addresses.ip_address(node_id, get_address_host(address))

    def port_range(self, node_id: str, address: str) -> tuple[int, int]:
        """See `Supply`."""
        return self._addresses.port_range(node_id, get_address_host(address))

    async def close(self) -> None:
        """The workers are not ours."""
