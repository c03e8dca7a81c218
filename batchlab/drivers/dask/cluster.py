"""Nodes on an existing cluster: its workers.

A node takes a worker that is not a node yet and fits its VM size. The worker stays when the node
is removed, unless it came for a node: then it is given back to the cluster. The labs of all
accounts on a cluster share its workers: `ClusterWorkers` records which node each worker is, so no
two nodes take the same one, and gives a released worker to the node that has waited longest. If no
worker is free that fits, the cluster is asked for more (see `batchlab.drivers.dask.scaling`). In
any case a node waits until a worker comes, for as long as the core wants it; only a spot node that
was preempted is asked for again later. A node whose worker was lost gets it back when a nanny
restarts it under its name, or else another.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any

from distributed import Scheduler
from distributed.comm.addressing import get_address_host

from batchlab.core.answers.reasons import Reason
from batchlab.drivers.dask.addresses import Addresses
from batchlab.drivers.dask.fitting import WorkerNeeds, needs_of
from batchlab.drivers.dask.scaling import Scaling
from batchlab.drivers.dask.supply import RETURN_S, NoMachine
from batchlab.words import plural

__all__ = ["ClusterSupply", "ClusterWorkers"]

CLUSTER_RETURN_S = 15.0
"""How long to wait for a lost worker to return before taking another."""
ARRIVAL_S = 1.0
"""How long to wait for a worker that joins without a request."""

_REFUSED = (
    "the cluster was asked for a worker, but the new one cannot be a node: see the scheduler's log"
)
_EXTENSION = "batchlab-workers"
_Key = tuple[str, str]  # account, node id


class _Waiting:
    """A node that waits for a worker: the one with this name, or any."""

    def __init__(self, name: Any) -> None:
        self.name = name
        loop = asyncio.get_running_loop()
        self.since = loop.time()
        self.future: asyncio.Future[str] = loop.create_future()


class ClusterWorkers:
    """The workers of one scheduler, and the nodes of all accounts on them.

    Parameters
    ----------
    scheduler : Scheduler

    Attributes
    ----------
    nodes : dict
        The account and the id of the node on each worker, by address.
    addresses : Addresses
        The addresses of all nodes on the cluster.
    scaling : Scaling
        What the cluster is asked for.
    """

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler
        self.addresses = Addresses(str(scheduler.id))
        self.nodes: dict[str, _Key] = {}
        self._names: dict[_Key, Any] = {}  # the name of the current or last worker of a node
        self._nannies: dict[_Key, bool] = {}  # whether that worker had a nanny
        self._refused: dict[str, list[str]] = {}  # address -> accounts
        self._waiting: dict[_Key, _Waiting] = {}
        self._needs: dict[_Key, WorkerNeeds] = {}
        self.scaling = Scaling(scheduler, self)

    @classmethod
    def of(cls, scheduler: Scheduler) -> ClusterWorkers:
        """Return the workers of a scheduler."""
        extensions: dict[str, Any] = scheduler.extensions
        if _EXTENSION not in extensions:
            extensions[_EXTENSION] = cls(scheduler)
        found: ClusterWorkers = extensions[_EXTENSION]
        return found

    @property
    def missing(self) -> int:
        """How many nodes have no worker now, but wait for one or will get theirs back."""
        return len({*self._waiting, *self._names}.difference(self.nodes.values()))

    def need(self, key: _Key, needs: WorkerNeeds) -> None:
        """Note what a node needs of its worker."""
        self._needs[key] = needs

    def _hope(self, account: str) -> bool:
        """Whether a worker may still come: from scaling, or released by another account."""
        return self.scaling.hope or any(other != account for other, _ in self.nodes.values())

    async def get(self, key: _Key, *, patient: bool = True) -> str:
        """Return the address of a worker for a node; see `Supply`."""
        name, address = self._names.get(key), None
        if name is not None:
            address = self._scheduler.aliases.get(name)
            if address is not None and self._bind(key, str(address)):
                return str(address)
            if address is None and self._nannies.get(key):
                address = await self._wait(key, name)
                if address is not None:
                    return address
        for there in sorted(self._scheduler.workers.values(), key=_plainness):
            if self._bind(key, there.address):
                return there.address
        address = await self._wait(key, patient=patient)
        if address is None:
            unfit = self.unfit(key)
            raise NoMachine(
                f"{unfit}. Start workers that fit, then resize the pool again" if unfit else
                "no idle worker is left, and this cluster cannot be scaled from here: start more "
                "workers, then resize the pool again"
            )  # fmt: skip
        return address

    def unfit(self, key: _Key) -> str:
        """Say which free workers do not fit a node, and why; empty if there are none."""
        return self._needs_of(key).unfit(self._free())

    def _free(self) -> list[Any]:
        return [
            worker for address, worker in self._scheduler.workers.items()
            if address not in self.nodes and not self.scaling.is_leaving(worker)
        ]  # fmt: skip

    def explain(self, keys: Iterable[_Key], clock: Callable[[float], str]) -> list[Reason]:
        """Say why these nodes have no workers.

        Parameters
        ----------
        keys : iterable
        clock : callable
            The time of day, so many seconds ago.
        """
        waiting = {key: self._waiting[key] for key in keys if key in self._waiting}
        if not waiting:
            return []
        now = asyncio.get_running_loop().time()
        since = clock(now - min(one.since for one in waiting.values()))
        nodes = f"{plural(len(waiting), 'node')} {'waits' if len(waiting) == 1 else 'wait'}"
        said, remedy = self.scaling.explain()
        text = f"{nodes} for workers since {since}: {said}."
        accounts = {account for account, _ in waiting}
        taken = sum(account not in accounts for account, _ in self.nodes.values())
        if taken:
            text += f" The labs of other accounts use {plural(taken, 'worker')}."
        reasons = [Reason(code="WaitingForWorkers", text=text, remedy=remedy)]
        for unfit in sorted({self.unfit(key) for key in waiting} - {""}):
            remedy = "start workers that fit, or say what the size needs: Lab(..., vm_sizes=...)"
            text = f"{unfit[0].upper()}{unfit[1:]}."
            reasons.append(Reason(code="WorkersDoNotFit", text=text, remedy=remedy))
        return reasons

    def _needs_of(self, key: _Key) -> WorkerNeeds:
        return self._needs.get(key, WorkerNeeds())

    async def _wait(self, key: _Key, name: Any = None, *, patient: bool = True) -> str | None:
        """Wait for the worker with this name for some time, or for any.

        If not patient, wait for any only while one is likely to come.
        """
        waiting = self._waiting[key] = _Waiting(name)
        seconds = ARRIVAL_S if name is None else CLUSTER_RETURN_S
        try:
            while True:
                if name is None:
                    self.scaling.wanted.set()
                done, _ = await asyncio.wait([waiting.future], timeout=seconds)
                if done:
                    return waiting.future.result()
                if name is not None or not (patient or self._hope(key[0])):
                    return None
                if any(map(self.scaling.came_in_vain, self._free())):
                    raise NoMachine(self.unfit(key) or _REFUSED)  # more would be like it
        finally:
            self._waiting.pop(key, None)
            if not self._waiting:
                self.scaling.wanted.clear()

    def _bind(self, key: _Key, address: str) -> bool:
        """Make a worker this node, unless it is another node or was refused."""
        state = self._scheduler.workers.get(address)
        if state is None or self.nodes.get(address, key) != key:
            return False
        if key[0] in self._refused.get(address, ()) or self.scaling.is_leaving(state):
            return False
        if self._needs_of(key).shortage(state):
            return False
        self.nodes[address] = key
        self.scaling.taken(address, state.name)
        self._names[key] = state.name
        self._nannies[key] = bool(state.nanny)
        return True

    def joined(self, address: str, name: Any) -> None:
        """Note that a worker has joined; every account does so for every worker."""
        self.scaling.joined(address, name)
        self._offer(address, name)

    def _offer(self, address: str, name: Any) -> None:
        """Give a worker to the node that waits for its name, or to the one waiting longest."""
        if address in self.nodes:
            return
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
        self.scaling.left(address)

    def refuse(self, key: _Key, address: str) -> None:
        """Exclude a worker that cannot be a node of this account."""
        self._refused.setdefault(address, []).append(key[0])
        self._names.pop(key, None)
        if self.nodes.get(address) == key:
            del self.nodes[address]
            self._offer_again(address)

    def hold(self, key: _Key, address: str) -> None:
        """Keep a silent worker, which was this node, from all nodes until it is readmitted."""
        self._refused.setdefault(address, []).append(key[0])
        self._names.pop(key, None)

    def readmit(self, account: str, address: str) -> None:
        """Offer a worker again that this account had refused, or that was held."""
        accounts = self._refused.get(address, [])
        if account in accounts:
            accounts.remove(account)
        if not accounts:
            self._refused.pop(address, None)
        if self.nodes.get(address, ("", ""))[0] == account:
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
        self._needs.pop(key, None)
        for address in [address for address, other in self.nodes.items() if other == key]:
            del self.nodes[address]
            self._offer_again(address)

    def _offer_again(self, address: str) -> None:
        state = self._scheduler.workers.get(address)
        if state is not None:
            self.scaling.freed(address)
            self._offer(address, state.name)


class ClusterSupply:
    """Workers of an existing cluster, for the nodes of one account.

    Parameters
    ----------
    scheduler : Scheduler
    account : str
    vm_sizes : mapping
        What a VM size needs of a worker, where the lab says so.
    """

    own = False

    def __init__(
        self,
        scheduler: Scheduler,
        account: str,
        vm_sizes: Mapping[str, WorkerNeeds] = MappingProxyType({}),
    ) -> None:
        self._scheduler = scheduler
        self._account = account
        self._vm_sizes = vm_sizes
        self.shared = ClusterWorkers.of(scheduler)
        self.shared.scaling.begin()

    def need(self, node_id: str, vm_size: str) -> None:
        """See `Supply`."""
        self.shared.need((self._account, node_id), needs_of(vm_size, self._vm_sizes))

    def explain(self, node_ids: Iterable[str], clock: Callable[[float], str]) -> list[Reason]:
        """Say why these nodes have no workers; see `ClusterWorkers.explain`."""
        return self.shared.explain([(self._account, node_id) for node_id in node_ids], clock)

    async def get(self, node_id: str, *, patient: bool = True) -> str:
        """See `Supply`."""
        return await self.shared.get((self._account, node_id), patient=patient)

    def joined(self, address: str, name: Any) -> None:
        """See `Supply`."""
        self.shared.joined(address, name)

    def left(self, address: str) -> None:
        """See `Supply`."""
        self.shared.left(address)

    def refuse(self, node_id: str, address: str) -> None:
        """See `Supply`."""
        self.shared.refuse((self._account, node_id), address)

    def hold(self, node_id: str, address: str) -> bool:
        """See `Supply`."""
        self.shared.hold((self._account, node_id), address)
        return False

    def readmit(self, address: str) -> None:
        """See `Supply`."""
        self.shared.readmit(self._account, address)

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
        """See `Supply`; the workers are not ours, and stay."""
        self.shared.scaling.end()


def _plainness(worker: Any) -> tuple[bool, float, int]:
    """Sort workers that are idle and have little to offer first."""
    return bool(worker.processing), sum(worker.resources.values()), worker.nthreads
