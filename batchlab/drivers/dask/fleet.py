"""The life of each node, as the core commands it: started, rebooted, lost, released, stopped.

The steps for one node run one after the other, so a stop never races with a start. A step reports
for the boot it belongs to; if the worker has left meanwhile, that was reported as a loss, and the
step reports nothing. A start waits for a worker until a later command overtakes it.

A node is lost when its worker leaves the cluster or is not heard. Either way its runs must be over
before that is reported (see `batchlab.drivers.dask.lease`): a worker that closes its connection
ends them at once, but one that has been silent may be cut off.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import msgspec
from distributed import Scheduler

from batchlab.core.messages.facts import NodeLost, NodeReleased, NodeStopped, Report
from batchlab.core.messages.outputs import (
    Command,
    EvictNode,
    ReleaseNode,
    RestartNode,
    StartNode,
    StopNode,
)
from batchlab.drivers.dask import messages, threads
from batchlab.drivers.dask.agent import END_S
from batchlab.drivers.dask.arriving import FleetNode, GetWorker, NodeArrivals
from batchlab.drivers.dask.folders import NodeFolders
from batchlab.drivers.dask.installing import Installer, Unreachable
from batchlab.drivers.dask.passed_over import SILENT, PassedOverWorkers
from batchlab.drivers.dask.silence import Silence
from batchlab.drivers.dask.supply import Supply

__all__ = ["Fleet"]

logger = logging.getLogger("batchlab")

BREAK_S = 30.0
"""How long a nanny may take to restart a worker that is lost as a test."""


class Fleet:
    """All nodes of a lab.

    Parameters
    ----------
    scheduler : Scheduler
    supply : Supply
    configure : callable
        Returns the `NodeConfig` of a node from its last `StartNode`.
    report : callable
        Called with each report.
    lab_id : str
    folder : str
        The lab's folder, for nodes on this machine.
    patience_s : float
        How long a node may take to end its runs.
    lease_s : float
        How long a node that hears nothing continues its runs.
    """

    def __init__(
        self,
        scheduler: Scheduler,
        supply: Supply,
        configure: Callable[[StartNode], messages.NodeConfig],
        report: Callable[[Report], None],
        lab_id: str,
        folder: str,
        patience_s: float,
        lease_s: float,
    ) -> None:
        self._scheduler = scheduler
        self._op = messages.commands_op(lab_id)
        self._lease_op = messages.lease_op(lab_id)
        self._supply = supply
        self._report = report
        self._silence = Silence(1.5 * lease_s, self._not_heard)
        self._passed_over = PassedOverWorkers(scheduler, report, supply.readmit)
        leased = not supply.own
        self._installer = Installer(scheduler, configure, self._silence, lease_s, leased)
        self._nodes: dict[str, FleetNode] = {}
        self._by_address: dict[str, FleetNode] = {}
        self._arrivals = NodeArrivals(
            scheduler, supply, self._installer, self._passed_over, self._silence,
            self._by_address, self._tell,
        )  # fmt: skip
        self._folder = folder
        self._patience_s = patience_s
        self._closing = False

    # -- commands -------------------------------------------------------------------------------

    def start(self, command: StartNode) -> None:
        """Start a node, for the first time or again."""
        node = self._nodes.setdefault(command.node_id, FleetNode(command))
        node.start, node.boot = command, command.boot
        node.overtake()
        self._next(node, self._bring_up(node, command.boot, self._supply.get))

    def reboot(self, command: RestartNode) -> None:
        """Kill the runs on a node and restart it."""
        node = self._nodes[command.node_id]
        node.boot = command.boot
        node.start = msgspec.structs.replace(
            node.start,
            application_packages=command.application_packages,
            certificate_references=command.certificate_references,
            containers=command.containers,
        )
        node.ready = False
        node.overtake()
        self._next(node, self._reboot(node, command))

    def stop(self, command: StopNode) -> None:
        """Remove a node and its folders."""
        node = self._nodes.get(command.node_id)
        if node is None:
            self._report(NodeStopped(node_id=command.node_id))
            return
        node.ready = False
        node.expected = node.stopping = True
        node.overtake()
        self._supply.give_up(node.id)
        self._next(node, self._stop(node))

    def release(self, command: ReleaseNode) -> None:
        """Remove a node's machine; `start` restores it, with its folders if the machine is ours.

        A worker of an existing cluster goes back to that cluster, so the folders there go.
        """
        node = self._nodes.get(command.node_id)
        if node is None:  # the lab was resumed
            boot = command.boot
            gone = NodeReleased(node_id=command.node_id, boot=boot, files_kept=False)
            self._report(gone)
            return
        node.boot = command.boot
        node.ready = False
        node.expected = True
        node.overtake()
        self._supply.give_up(node.id)
        self._next(node, self._release(node, command.boot))

    def evict(self, command: EvictNode) -> None:
        """Remove a node's machine and folders; `start` restores it under its id."""
        node = self._nodes.get(command.node_id)
        if node is None:
            return
        node.boot = None
        node.ready = False
        node.expected = node.evicted = True
        node.overtake()
        self._next(node, self._evict(node))

    def send(self, node_id: str, commands: list[Command]) -> None:
        """Send commands to a node; a lost node gets none, as its loss is reported."""
        node = self._nodes.get(node_id)
        if node is None or node.address is None or not node.ready:
            return
        comm = self._scheduler.stream_comms.get(node.address)
        if comm is not None:
            with contextlib.suppress(OSError):  # closed: Dask is about to remove the worker
                comm.send({"op": self._op, "commands": messages.encode_commands(commands)})

    def address(self, node_id: str) -> str | None:
        """Return the address of the worker of a node that is up."""
        node = self._nodes.get(node_id)
        return node.address if node is not None and node.ready else None

    async def ask(self, address: str, call: Awaitable[Any]) -> Any:
        """Return what the worker of a node answers; raises `NotHeard`."""
        return await self._installer.ask(address, call)

    async def break_node(self, address: str) -> None:
        """End a worker without notice; if it has a nanny, that restarts it."""
        state = self._scheduler.workers.get(address)
        if state is not None and state.nanny:
            await self._scheduler.rpc(state.nanny).restart(timeout=BREAK_S, reason="a trial")
        else:
            await self._scheduler.remove_worker(address, stimulus_id="batchlab-trial")

    # -- what the scheduler tells -----------------------------------------------------------------

    def worker_joined(self, address: str, name: Any) -> None:
        """Note that a worker has joined."""
        self._supply.joined(address, name)

    def worker_left(self, address: str) -> None:
        """Note that a worker has left; unless requested, its node is lost."""
        self._supply.left(address)
        self._passed_over.left(address)
        listened, silent_s = self._silence.listens(address), self._silence.of(address)
        self._silence.forget(address)
        node = self._by_address.pop(address, None)
        if node is None:
            return
        cut_off = listened and not self._supply.own and silent_s > 1.5 * self._installer.beat_s
        self._lose(node, "contact with the node was lost",
                   after_s=self._silence.limit_s - silent_s if cut_off else 0.0)  # fmt: skip

    def heard(self, address: str, node_id: str, arrival: str, sent: float, over: bool) -> None:
        """Answer the beat of an agent; see `batchlab.drivers.dask.lease`."""
        node = self._by_address.get(address)
        valid = node is not None and (node.id, node.arrival) == (node_id, arrival)
        if valid and over:
            self._silence.forget(address)
            self._not_heard(address)
        elif valid:
            self._silence.hear(address)
        comm = self._scheduler.stream_comms.get(address)
        if comm is not None:
            with contextlib.suppress(OSError):
                comm.send(
                    {"op": self._lease_op, "arrival": arrival, "sent": sent,
                     "valid": valid and not over}
                )  # fmt: skip

    def _not_heard(self, address: str) -> None:
        """A worker was silent for too long, or its node did not hear us: the node is lost."""
        node = self._by_address.get(address)
        if node is None or node.expected or self._supply.hold(node.id, address):
            return  # a step waits for it, or it dies now, which will be reported
        del self._by_address[address]
        arrival = node.arrival
        reason = f"nothing was heard from it for {self._silence.limit_s:g} s"
        self._passed_over.add(
            address, Unreachable(reason, SILENT), lambda: self._clear(address, node, arrival)
        )
        self._lose(node, "nothing was heard from the node")

    def _lose(self, node: FleetNode, reason: str, after_s: float = 0.0) -> None:
        node.address = None
        node.ready = False
        if node.boot is None or node.expected:
            return
        lost = NodeLost(node_id=node.id, boot=node.boot, reason=reason)
        if after_s > 0:
            asyncio.get_running_loop().call_later(after_s, self._tell, node, node.boot, lost)
        else:
            self._tell(node, node.boot, lost)

    async def _clear(self, address: str, node: FleetNode, arrival: str) -> None:
        """Remove the agent of a lost node from a worker that answers again."""
        rpc = self._scheduler.rpc(address)
        keep = node.address is None and node.id in self._nodes and not node.reimage
        await rpc.batchlab_leave(keep=keep, arrival=arrival, remove=True)

    # -- steps ----------------------------------------------------------------------------------

    def _next(self, node: FleetNode, work: Coroutine[Any, Any, None]) -> None:
        before = node.step

        async def step() -> None:
            if before is not None:
                await asyncio.wait([before])
            try:
                await work
            except Exception:
                logger.exception("node %s", node.id)

        if self._closing:
            work.close()
        else:
            node.step = asyncio.ensure_future(step())

    async def _bring_up(self, node: FleetNode, boot: int, get: GetWorker) -> None:
        self._supply.need(node.id, node.start.vm_size)
        if not await self._arrivals.bring_up(node, boot, get):
            self._nodes.pop(node.id, None)

    def _tell(self, node: FleetNode, boot: int, report: Report) -> None:
        if node.boot == boot and not self._closing:
            self._report(report)

    async def _leave(self, node: FleetNode, *, keep: bool, reimage: bool = False) -> None:
        """Let the agent end all runs; a worker that does not answer is closed anyway."""
        if node.address is None:
            return
        leave = self._scheduler.rpc(node.address).batchlab_leave(
            keep=keep, reimage=reimage, remove=not self._supply.own
        )
        try:
            await asyncio.wait_for(self._installer.ask(node.address, leave), self._patience_s)
        except Exception as error:
            logger.info("node %s did not leave properly: %s", node.id, error)

    async def _reboot(self, node: FleetNode, command: RestartNode) -> None:
        address = node.address
        if address is None:
            node.reimage = node.reimage or command.reimage
            await self._bring_up(node, command.boot, self._supply.get)
            return
        node.expected = True
        await self._leave(node, keep=True, reimage=command.reimage)

        def restart(node_id: str, **_: Any) -> Coroutine[Any, Any, str]:
            return self._supply.restart(node_id, address)

        await self._bring_up(node, command.boot, restart)

    async def _release(self, node: FleetNode, boot: int) -> None:
        node.expected = True
        kept = self._supply.own
        await self._let_go(node, keep=kept)
        node.reimage = node.reimage or not kept
        self._tell(node, boot, NodeReleased(node_id=node.id, boot=boot, files_kept=kept))

    async def _evict(self, node: FleetNode) -> None:
        node.expected = True
        await self._let_go(node)

    async def _stop(self, node: FleetNode) -> None:
        await self._let_go(node)
        if self._nodes.get(node.id) is node:
            del self._nodes[node.id]
        if not self._closing:
            self._report(NodeStopped(node_id=node.id))

    async def _let_go(self, node: FleetNode, *, keep: bool = False) -> None:
        """Release the worker of a node, and delete the node's folders unless they are kept."""
        await self._leave(node, keep=keep)
        if node.address is not None:
            self._by_address.pop(node.address, None)
            node.address = None
        await self._supply.give_back(node.id)
        if self._supply.own and not keep:
            await threads.call(NodeFolders(self._folder, node.id).remove)

    async def close(self) -> None:
        """Remove all nodes, whatever their current step; nothing is reported."""
        self._closing = True
        steps = [node.step for node in self._nodes.values() if node.step is not None]
        self._silence.close()
        for node in self._nodes.values():
            node.stopping = True
            node.overtake()
            self._supply.give_up(node.id)
        if steps:
            await asyncio.wait(steps, timeout=3 * END_S)
        await asyncio.gather(*(self._stop(node) for node in list(self._nodes.values())))
        self._passed_over.close()
        await self._supply.close()
