"""Nodes on an existing cluster: its workers.

A node takes a worker that is not a node yet; removing the node does not affect the worker. The
labs of all accounts on a cluster share its workers: `ClusterWorkers` records which node each
worker is, so no two nodes take the same one, and gives a released worker to the node that has
waited longest. If no worker is free, a client whose cluster object can scale is asked for more; if
there is no such client, a node waits only while another account has workers that it may release. A
node whose worker was lost gets it back when a nanny restarts it under its name, or else another.
"""

from __future__ import annotations

import asyncio
from typing import Any

from distributed import Scheduler
from distributed.comm.addressing import get_address_host

from batchlab.drivers.dask.addresses import Addresses
from batchlab.drivers.dask.supply import RETURN_S, NoMachine

__all__ = ["ClusterSupply", "ClusterWorkers"]

CLUSTER_RETURN_S = 15.0
"""How long to wait for a lost worker to return before taking another."""
ARRIVAL_S = 1.0
"""How long to wait for a worker that joins without a request."""
SCALER_S = 4.0
"""How long a client that can scale counts as present after its last call."""

_EXTENSION = "batchlab-workers"
_Key = tuple[str, str]  # account, node id


class _Waiting:
    """A node that waits for a worker: the one with this name, or any."""

    def __init__(self, name: Any) -> None:
        self.name = name
        self.future: asyncio.Future[str] = asyncio.get_running_loop().create_future()


class ClusterWorkers:
    """The workers of one scheduler, and the nodes of all accounts on them.

    Parameters
    ----------
    scheduler : Scheduler

    Attributes
    ----------
    nodes : dict
        The account and the id of the node on each worker, by address.
    wanted : asyncio.Event
        Set while nodes wait for additional workers.
    addresses : Addresses
        The addresses of all nodes on the cluster.
    """

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler
        self.addresses = Addresses(str(scheduler.id))
        self.nodes: dict[str, _Key] = {}
        self._names: dict[_Key, Any] = {}  # the name of the current or last worker of a node
        self._nannies: dict[_Key, bool] = {}  # whether that worker had a nanny
        self._refused: dict[str, list[str]] = {}  # address -> accounts
        self._waiting: dict[_Key, _Waiting] = {}
        self._scaler_seen = float("-inf")
        self.wanted = asyncio.Event()

    @classmethod
    def of(cls, scheduler: Scheduler) -> ClusterWorkers:
        """Return the workers of a scheduler."""
        extensions: dict[str, Any] = scheduler.extensions
        if _EXTENSION not in extensions:
            extensions[_EXTENSION] = cls(scheduler)
        found: ClusterWorkers = extensions[_EXTENSION]
        return found

    def count(self) -> int:
        """Return how many workers the cluster should have for all requested nodes."""
        useless = sum(address not in self.nodes for address in self._refused)
        return len(self.nodes) + useless + len(self._waiting)

    def scaler_seen(self) -> None:
        """Note that a client that can scale the cluster is present."""
        self._scaler_seen = asyncio.get_running_loop().time()

    def _hope(self, account: str) -> bool:
        """Whether a worker may still come: from scaling, or released by another account."""
        if asyncio.get_running_loop().time() - self._scaler_seen < SCALER_S:
            return True
        return any(other != account for other, _ in self.nodes.values())

    async def get(self, key: _Key) -> str:
        """Return the address of a worker for a node, new or returned; raises `NoMachine`."""
        name, address = self._names.get(key), None
        if name is not None:
            address = self._scheduler.aliases.get(name)
            if address is not None and self._bind(key, str(address)):
                return str(address)
            if address is None and self._nannies.get(key):
                address = await self._wait(key, name)
                if address is not None:
                    return address
        for there in list(self._scheduler.workers):
            if self._bind(key, there):
                return there
        address = await self._wait(key)
        if address is None:
            raise NoMachine(
                "no idle worker is left, and this cluster cannot be scaled from here: start more "
                "workers, then resize the pool again"
            )
        return address

    async def _wait(self, key: _Key, name: Any = None) -> str | None:
        """Wait for the worker with this name for some time, or for any while one may come."""
        waiting = self._waiting[key] = _Waiting(name)
        seconds = ARRIVAL_S if name is None else CLUSTER_RETURN_S
        try:
            while True:
                if name is None:
                    self.wanted.set()
                done, _ = await asyncio.wait([waiting.future], timeout=seconds)
                if done:
                    return waiting.future.result()
                if name is not None or not self._hope(key[0]):
                    return None
        finally:
            self._waiting.pop(key, None)
            if not self._waiting:
                self.wanted.clear()

    def _bind(self, key: _Key, address: str) -> bool:
        """Make a worker this node, unless it is another node or was refused."""
        state = self._scheduler.workers.get(address)
        if state is None or self.nodes.get(address, key) != key:
            return False
        if key[0] in self._refused.get(address, ()):
            return False
        self.nodes[address] = key
        self._names[key] = state.name
        self._nannies[key] = bool(state.nanny)
        return True

    def offer(self, address: str, name: Any) -> None:
        """Give a worker to the node that waits for its name, or to the one waiting longest."""
        if address in self.nodes:
            return  # already taken: every account sees every worker
        ahead = [item for item in self._waiting.items() if item[1].name == name]
        others = [item for item in self._waiting.items() if item[1].name is None]
        for key, waiting in (*ahead, *others):
            if not waiting.future.done() and self._bind(key, address):
                waiting.future.set_result(address)
                return

    def left(self, address: str) -> None:
        """Forget a worker that has left the cluster."""
        self.nodes.pop(address, None)
        self._refused.pop(address, None)

    def refuse(self, key: _Key, address: str) -> None:
        """Exclude a worker that cannot be a node of this account."""
        self._refused.setdefault(address, []).append(key[0])
        self._names.pop(key, None)
        if self.nodes.get(address) == key:
            del self.nodes[address]
            self._offer_again(address)

    def give_up(self, key: _Key) -> None:
        """End the wait of a node."""
        waiting = self._waiting.get(key)
        if waiting is not None and not waiting.future.done():
            waiting.future.set_exception(NoMachine("the node is no longer needed"))

    def give_back(self, key: _Key) -> None:
        """Release the worker of a node for others."""
        self._names.pop(key, None)
        self._nannies.pop(key, None)
        for address in [address for address, other in self.nodes.items() if other == key]:
            del self.nodes[address]
            self._offer_again(address)

    def _offer_again(self, address: str) -> None:
        state = self._scheduler.workers.get(address)
        if state is not None:
            self.offer(address, state.name)


class ClusterSupply:
    """Workers of an existing cluster, for the nodes of one account.

    Parameters
    ----------
    scheduler : Scheduler
    account : str
    """

    own = False

    def __init__(self, scheduler: Scheduler, account: str) -> None:
        self._scheduler = scheduler
        self._account = account
        self.shared = ClusterWorkers.of(scheduler)

    async def get(self, node_id: str) -> str:
        """See `Supply`."""
        return await self.shared.get((self._account, node_id))

    def joined(self, address: str, name: Any) -> None:
        """See `Supply`."""
        self.shared.offer(address, name)

    def left(self, address: str) -> None:
        """See `Supply`."""
        self.shared.left(address)

    def refuse(self, node_id: str, address: str) -> None:
        """See `Supply`."""
        self.shared.refuse((self._account, node_id), address)

    def give_up(self, node_id: str) -> None:
        """See `Supply`."""
        self.shared.give_up((self._account, node_id))

    async def restart(self, node_id: str, address: str) -> str:
        """Let the nanny restart the worker; a worker without a nanny continues."""
        state = self._scheduler.workers.get(address)
        if state is None or not state.nanny:
            return await self.get(node_id)
        results = await self._scheduler.restart_workers(
            workers=[address], timeout=RETURN_S, on_error="return",
            stimulus_id=f"batchlab-reboot-{node_id}",
        )  # fmt: skip
        if results.get(address) != "OK":
            raise NoMachine(f"the worker did not restart: {results}")
        return await self.get(node_id)

    async def give_back(self, node_id: str) -> None:
        """See `Supply`."""
        self.shared.give_back((self._account, node_id))
        self.shared.addresses.give_back(self._name(node_id))

    def ip_address(self, node_id: str, address: str) -> str:
        """See `Supply`."""
        host = get_address_host(address)
        return self.shared.addresses.ip_address(self._name(node_id), host)

    def port_range(self, node_id: str, address: str) -> tuple[int, int]:
        """See `Supply`."""
        host = get_address_host(address)
        return self.shared.addresses.port_range(self._name(node_id), host)

    def _name(self, node_id: str) -> str:
        return f"{self._account}/{node_id}"

    async def close(self) -> None:
        """Do nothing: the workers are not ours."""
