"""How a node arrives on a worker: found, checked, installed, equipped; again until it works.

A start waits for a worker until a later command overtakes it. A worker of an existing cluster that
cannot be the node is passed over, and the next one is taken. A worker of our own is started again,
unless the node is new and keeps failing. A node that was lost and finds no worker for some time
counts as unusable, while the search continues.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Protocol, TypeVar

from distributed import Scheduler

from batchlab.core.messages.facts import NodeAllocated, NodeStarted, NodeStartFailed, Report
from batchlab.core.messages.outputs import StartNode
from batchlab.core.model.values import FailureInfo
from batchlab.drivers.archives import start_failed
from batchlab.drivers.dask import messages
from batchlab.drivers.dask.installing import Installer, Unreachable, new_arrival
from batchlab.drivers.dask.passed_over import PassedOverWorkers, Unfit
from batchlab.drivers.dask.silence import Silence
from batchlab.drivers.dask.supply import NoMachine, Supply

__all__ = ["FleetNode", "GetWorker", "NodeArrivals"]

UNUSABLE_S = 60.0
"""How long a lost node may be without a worker before it counts as unusable, until one comes."""
AGAIN_S = 15.0
"""The longest time before a start that failed is tried again."""
TRIES = 3
"""How often a start on a worker of our own is tried before that is reported."""
_LATE = "its worker has gone, and no other is free: the node continues as soon as one comes"
_T = TypeVar("_T")


class FleetNode:
    """The driver's record of a node; it has an `address` only while it has a worker."""

    def __init__(self, command: StartNode) -> None:
        self.id = command.node_id
        self.start = command
        self.boot: int | None = command.boot  # the current one; None while evicted
        self.address: str | None = None
        self.arrival = ""  # of the agent on that worker
        self.ready = False
        self.allocated = False  # ever: to the core, a node exists from its first machine on
        self.evicted = False  # and since then it had no machine
        self.expected = False  # the worker leaves on our request
        self.stopping = False
        self.reimage = False  # start with empty folders, as no agent was there to empty them
        self.step: asyncio.Task[None] | None = None
        self.late: asyncio.TimerHandle | None = None
        self.overtaken = asyncio.Event()  # the current step is no longer needed

    def wants(self, boot: int) -> bool:
        """Whether this boot has not been superseded by a later command."""
        return self.boot == boot and not self.stopping

    def in_time(self) -> None:
        """It has a worker, or needs none: it does not become unusable."""
        if self.late is not None:
            self.late.cancel()

    def overtake(self) -> None:
        """Let the current step end early."""
        self.overtaken.set()
        self.overtaken = asyncio.Event()


class GetWorker(Protocol):
    """Finds a worker for a node, as `Supply.get` does."""

    def __call__(self, node_id: str, *, patient: bool = True) -> Coroutine[Any, Any, str]:
        """Return its address."""
        ...


class NodeArrivals:
    """Brings the nodes of a fleet up.

    Parameters
    ----------
    scheduler : Scheduler
    supply : Supply
    installer : Installer
    passed_over : PassedOverWorkers
    silence : Silence
    by_address : dict
        The node on each worker; shared with the fleet.
    tell : callable
        Reports for a boot of a node, unless a later one has begun.
    """

    def __init__(
        self,
        scheduler: Scheduler,
        supply: Supply,
        installer: Installer,
        passed_over: PassedOverWorkers,
        silence: Silence,
        by_address: dict[str, FleetNode],
        tell: Callable[[FleetNode, int, Report], None],
    ) -> None:
        self._scheduler = scheduler
        self._supply = supply
        self._installer = installer
        self._passed_over = passed_over
        self._silence = silence
        self._by_address = by_address
        self._tell = tell

    async def bring_up(self, node: FleetNode, boot: int, get: GetWorker) -> bool:
        """Start a boot of a node, and report on it; return False if a new node is given up."""
        if node.allocated and not node.evicted:
            loop, failed = asyncio.get_running_loop(), self._start_failed(node, boot, _LATE)
            node.late = loop.call_later(UNUSABLE_S, self._tell, node, boot, failed)
        try:
            address = await self._move_in(node, boot, get)
        except NoMachine as error:
            self._tell(node, boot, NodeStartFailed(node_id=node.id, boot=boot, message=str(error)))
            return node.allocated
        finally:
            node.in_time()
        if address is None:
            return True
        started = NodeStarted(node_id=node.id, boot=boot)
        if node.start.application_packages or node.start.containers:
            failure = await self._equip(node, address, boot)
            if failure is not None and failure.code != "ContainerPoolNotSupported":
                self._tell(node, boot, start_failed(node.id, boot, failure))
                return True
            if failure is not None:  # it can do everything else
                reason = failure.details["Message"]
                started = NodeStarted(node_id=node.id, boot=boot, no_containers=reason)
        if node.address == address:
            node.ready = node.wants(boot)
            self._tell(node, boot, started)
        return True

    async def _move_in(self, node: FleetNode, boot: int, get: GetWorker) -> str | None:
        """Put a node on a worker; None if it is not wanted any more, or was reported as lost."""
        own, tries, address = self._supply.own, 0, None
        while node.wants(boot):
            try:
                found = get(node.id, patient=not node.evicted)
                address = await (found if own else self._unless_overtaken(node, found))
                get = self._supply.get
                if address is None or not node.wants(boot):
                    continue
                await self._install(node, boot, address)
                return address if node.address == address else None
            except Unfit as unfit:
                if node.address != address or address is None:
                    return None
                self._turn_away(node, address, unfit)
                if not own:
                    continue
                failed = NoMachine(f"the worker at {address} cannot become a node: {unfit}")
                if isinstance(unfit, Unreachable):
                    await self._unless_overtaken(node, self._departure(address))
            except NoMachine as error:
                failed = error
            tries += 1
            if not node.wants(boot):
                break
            if node.evicted or (not node.allocated and (tries >= TRIES or not own)):
                raise failed
            if tries == TRIES:
                self._tell(node, boot, self._start_failed(node, boot, str(failed)))
            await self._unless_overtaken(node, asyncio.sleep(min(AGAIN_S, 0.5 * 2**tries)))
        return None

    async def _unless_overtaken(self, node: FleetNode, work: Coroutine[Any, Any, _T]) -> _T | None:
        """Do something until a later command overtakes it; then return None."""
        task = asyncio.ensure_future(work)
        overtaken = asyncio.ensure_future(node.overtaken.wait())
        try:
            await asyncio.wait([task, overtaken], return_when=asyncio.FIRST_COMPLETED)
            return task.result() if task.done() else None
        finally:
            task.cancel()
            overtaken.cancel()

    async def _departure(self, address: str) -> None:
        """Wait until Dask has noticed that a worker is gone, if it is; for 10 s at most."""
        for _ in range(100):
            if address not in self._scheduler.workers:
                return
            await asyncio.sleep(0.1)

    async def _install(self, node: FleetNode, boot: int, address: str) -> None:
        """Make a worker this node; raises `Unfit`."""
        self._by_address[address] = node
        node.address, node.expected, node.arrival = address, False, new_arrival()
        if self._supply.own:
            self._tell_allocated(node, boot, address)
        else:
            await self._passed_over.check(address)
        if node.address == address:
            await self._installer.install(node.start, address, node.arrival, reimage=node.reimage)
            node.reimage = False
        if node.address == address and not self._supply.own:
            self._tell_allocated(node, boot, address)

    def _turn_away(self, node: FleetNode, address: str, unfit: Unfit) -> None:
        """Free a node of a worker that cannot be a node."""
        self._by_address.pop(address, None)
        node.address = None
        self._silence.forget(address)
        self._supply.refuse(node.id, address)
        if not self._supply.own:
            self._passed_over.add(address, unfit)

    def _tell_allocated(self, node: FleetNode, boot: int, address: str) -> None:
        node.allocated, node.evicted = True, False
        node.in_time()
        ip_address = self._supply.ip_address(node.id, address)
        ports = self._supply.port_range(node.id, address)
        report = NodeAllocated(node_id=node.id, boot=boot, ip_address=ip_address, port_range=ports,
                               machine=self._machine(address))  # fmt: skip
        self._tell(node, boot, report)

    def _machine(self, address: str) -> str:
        """The name and address of a worker that is not ours."""
        worker = None if self._supply.own else self._scheduler.workers.get(address)
        if worker is None:
            return ""
        name = str(worker.name)
        return address if name == address else f"{name} at {address}"

    def _start_failed(self, node: FleetNode, boot: int, why: str) -> NodeStartFailed:
        return NodeStartFailed(node_id=node.id, boot=boot, message=why, trying=True)

    async def _equip(self, node: FleetNode, address: str, boot: int) -> FailureInfo | None:
        """Let the agent have the pool's packages and images; return the failure, or None."""
        if not node.wants(boot):
            return None
        try:
            answer = await self._unless_overtaken(
                node, self._scheduler.rpc(address).batchlab_install()
            )
            failure = messages.unpack(answer) if answer is not None else None
        except Exception as error:
            failure = FailureInfo(
                category="ServerError", code="ApplicationPackageError", message=str(error)
            )
        if failure is None or node.address != address:  # a lost worker was reported as lost
            return None
        assert isinstance(failure, FailureInfo)
        return failure
