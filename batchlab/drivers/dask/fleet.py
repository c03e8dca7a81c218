"""The life of each node, as the core commands it: started, rebooted, lost, released, stopped.

The steps for one node run one after the other, so a stop never races with a start. A step reports
for the boot it belongs to; if the worker has left meanwhile, that was reported as a loss, and the
step reports nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import pickle
from collections.abc import Callable, Coroutine
from typing import Any

import msgspec
from distributed import Scheduler

from batchlab.core.messages.inputs import (
    NodeAllocated,
    NodeLost,
    NodeReleased,
    NodeStarted,
    NodeStartFailed,
    NodeStopped,
    Report,
)
from batchlab.core.messages.outputs import (
    Command,
    EvictNode,
    ReleaseNode,
    RestartNode,
    StartNode,
    StopNode,
)
from batchlab.core.model.values import FailureInfo
from batchlab.drivers.archives import start_failed
from batchlab.drivers.dask import messages, threads
from batchlab.drivers.dask.agent import END_S, PLUGIN_NAME, NodeAgent
from batchlab.drivers.dask.folders import NodeFolders
from batchlab.drivers.dask.supply import NoMachine, Supply

__all__ = ["Fleet"]

logger = logging.getLogger("batchlab")

SEND_INTERVAL_S = 0.001
"""How long Dask may delay commands to send several in one message (its default is 5 ms)."""
BREAK_S = 30.0
"""How long a nanny may take to restart a worker that is lost as a test."""


class _Node:
    """The driver's record of a node; it has an `address` only while it has a worker."""

    def __init__(self, command: StartNode) -> None:
        self.id = command.node_id
        self.start = command
        self.boot: int | None = command.boot  # the current one; None while evicted
        self.address: str | None = None
        self.ready = False
        self.allocated = False  # ever: to the core, a node exists from its first machine on
        self.expected = False  # the worker leaves on our request
        self.stopping = False
        self.reimage = False  # start with empty folders, as no agent was there to empty them
        self.step: asyncio.Task[None] | None = None
        self.overtaken = asyncio.Event()  # the current installation is no longer needed

    def wants(self, boot: int) -> bool:
        """Whether this boot has not been superseded by a later command."""
        return self.boot == boot and not self.stopping


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
    ) -> None:
        self._scheduler = scheduler
        self._op = messages.commands_op(lab_id)
        self._supply = supply
        self._configure = configure
        self._report = report
        self._folder = folder
        self._patience_s = patience_s
        self._nodes: dict[str, _Node] = {}
        self._by_address: dict[str, _Node] = {}
        self._closing = False

    # -- commands -------------------------------------------------------------------------------

    def start(self, command: StartNode) -> None:
        """Start a node, for the first time or again."""
        node = self._nodes.setdefault(command.node_id, _Node(command))
        node.start, node.boot = command, command.boot
        self._next(node, self._bring_up(node, command.boot, self._supply.get))

    def reboot(self, command: RestartNode) -> None:
        """Kill the runs on a node and restart it."""
        node = self._nodes[command.node_id]
        node.boot = command.boot
        node.start = msgspec.structs.replace(
            node.start,
            application_packages=command.application_packages,
            certificate_references=command.certificate_references,
        )
        node.ready = False
        node.overtaken.set()
        self._next(node, self._reboot(node, command))

    def stop(self, command: StopNode) -> None:
        """Remove a node and its folders."""
        node = self._nodes.get(command.node_id)
        if node is None:
            self._report(NodeStopped(node_id=command.node_id))
            return
        node.ready = False
        node.expected = node.stopping = True
        node.overtaken.set()
        self._supply.give_up(node.id)
        self._next(node, self._stop(node))

    def release(self, command: ReleaseNode) -> None:
        """Remove a node's machine; `start` restores it, with its folders if the machine is ours.

        A worker of an existing cluster goes back to that cluster, so the folders there go.
        """
        node = self._nodes[command.node_id]
        node.boot = command.boot
        node.ready = False
        node.expected = True
        node.overtaken.set()
        self._supply.give_up(node.id)
        self._next(node, self._release(node, command.boot))

    def evict(self, command: EvictNode) -> None:
        """Remove a node's machine and folders; `start` restores it under its id."""
        node = self._nodes.get(command.node_id)
        if node is None:
            return
        node.boot = None
        node.ready = False
        node.expected = True
        node.overtaken.set()
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
        node = self._by_address.pop(address, None)
        if node is None:
            return
        node.address = None
        node.ready = False
        if node.boot is not None and not node.expected and not self._closing:
            self._report(NodeLost(node_id=node.id, boot=node.boot))

    # -- steps ----------------------------------------------------------------------------------

    def _next(self, node: _Node, work: Coroutine[Any, Any, None]) -> None:
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

    async def _bring_up(
        self, node: _Node, boot: int, get: Callable[[str], Coroutine[Any, Any, str]]
    ) -> None:
        self._supply.need(node.id, node.start.vm_size)
        try:
            address = await self._move_in(node, boot, get)
        except NoMachine as error:
            if not node.allocated:
                self._nodes.pop(node.id, None)
            self._tell(node, boot, NodeStartFailed(node_id=node.id, boot=boot, message=str(error)))
            return
        if address is None:
            return
        if node.start.application_packages:
            failure = await self._equip(node, address, boot)
            if failure is not None:
                self._tell(node, boot, failure)
                return
        if node.address == address:
            node.ready = node.wants(boot)
            self._tell(node, boot, NodeStarted(node_id=node.id, boot=boot))

    async def _move_in(
        self, node: _Node, boot: int, get: Callable[[str], Coroutine[Any, Any, str]]
    ) -> str | None:
        """Find a worker for this node; None if it was lost immediately, and reported as lost."""
        while True:
            address = await get(node.id)
            if address not in self._scheduler.workers:
                raise NoMachine("the worker left immediately after it joined")
            self._by_address[address] = node
            node.address, node.expected = address, not node.wants(boot)
            if self._supply.own:
                self._tell_allocated(node, boot, address)
            failure = await self._install(node, address)
            if node.address != address:
                return None
            if failure is None:
                if not self._supply.own:
                    self._tell_allocated(node, boot, address)
                return address
            del self._by_address[address]
            node.address = None
            self._supply.refuse(node.id, address)
            if self._supply.own:
                raise NoMachine(failure)

    def _tell_allocated(self, node: _Node, boot: int, address: str) -> None:
        node.allocated = True
        ip_address = self._supply.ip_address(node.id, address)
        ports = self._supply.port_range(node.id, address)
        report = NodeAllocated(node_id=node.id, boot=boot, ip_address=ip_address, port_range=ports)
        self._tell(node, boot, report)

    def _tell(self, node: _Node, boot: int, report: Report) -> None:
        if node.boot == boot and not self._closing:
            self._report(report)

    async def _install(self, node: _Node, address: str) -> str | None:
        """Install the node's agent on a worker; return the reason if this fails, or None."""
        self._scheduler.stream_comms[address].interval = SEND_INTERVAL_S
        config = self._configure(node.start)
        agent = NodeAgent(msgspec.structs.replace(config, reimage=node.reimage))
        try:
            result = await getattr(self._scheduler.rpc(address), "plugin-add")(
                plugin=pickle.dumps(agent), name=PLUGIN_NAME
            )
        except Exception as error:
            return f"the worker at {address} cannot become a node: {error}"
        if result.get("status") != "OK":
            return f"the worker at {address} cannot become a node: {result.get('exception_text')}"
        node.reimage = False
        return None

    async def _equip(self, node: _Node, address: str, boot: int) -> NodeStartFailed | None:
        """Let the agent unpack the pool's application packages; return the report if it fails."""
        node.overtaken.clear()
        if not node.wants(boot):
            return None
        rpc = self._scheduler.rpc(address)
        installed = asyncio.ensure_future(rpc.batchlab_install())
        overtaken = asyncio.ensure_future(node.overtaken.wait())
        await asyncio.wait([installed, overtaken], return_when=asyncio.FIRST_COMPLETED)
        overtaken.cancel()
        if not installed.done():
            installed.cancel()
            return None
        try:
            failure = messages.unpack(installed.result())
        except Exception as error:
            failure = FailureInfo(
                category="ServerError", code="ApplicationPackageError", message=str(error)
            )
        if failure is None or node.address != address:  # a lost worker was reported as lost
            return None
        return start_failed(node.id, boot, failure)

    async def _leave(self, node: _Node, *, keep: bool, reimage: bool = False) -> None:
        """Let the agent end all runs; a worker that does not answer is closed anyway."""
        if node.address is None:
            return
        rpc = self._scheduler.rpc(node.address)
        try:
            await asyncio.wait_for(
                rpc.batchlab_leave(keep=keep, reimage=reimage), self._patience_s
            )
        except Exception as error:
            logger.info("node %s did not leave properly: %s", node.id, error)

    async def _reboot(self, node: _Node, command: RestartNode) -> None:
        address = node.address
        if address is None:
            node.reimage = node.reimage or command.reimage
            await self._bring_up(node, command.boot, self._supply.get)
            return
        node.expected = True
        await self._leave(node, keep=True, reimage=command.reimage)
        await self._uninstall(node)
        await self._bring_up(
            node, command.boot, lambda node_id: self._supply.restart(node_id, address)
        )

    async def _uninstall(self, node: _Node) -> None:
        if node.address is not None and not self._supply.own:
            with contextlib.suppress(OSError):
                rpc = self._scheduler.rpc(node.address)
                await getattr(rpc, "plugin-remove")(name=PLUGIN_NAME)

    async def _release(self, node: _Node, boot: int) -> None:
        node.expected = True
        kept = self._supply.own
        await self._let_go(node, keep=kept)
        self._tell(node, boot, NodeReleased(node_id=node.id, boot=boot, files_kept=kept))

    async def _evict(self, node: _Node) -> None:
        node.expected = True
        await self._let_go(node)

    async def _stop(self, node: _Node) -> None:
        await self._let_go(node)
        if self._nodes.get(node.id) is node:
            del self._nodes[node.id]
        if not self._closing:
            self._report(NodeStopped(node_id=node.id))

    async def _let_go(self, node: _Node, *, keep: bool = False) -> None:
        """Release the worker of a node, and delete the node's folders unless they are kept."""
        await self._leave(node, keep=keep)
        await self._uninstall(node)
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
        for node in self._nodes.values():
            self._supply.give_up(node.id)
        if steps:
            await asyncio.wait(steps, timeout=3 * END_S)
        await asyncio.gather(*(self._stop(node) for node in list(self._nodes.values())))
        await self._supply.close()
