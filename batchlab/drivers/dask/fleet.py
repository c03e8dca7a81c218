"""The life of each node, as the core commands it: brought up, rebooted, lost, evicted, stopped.

What is done about one node is done in order, each step after the one before it has ended, so that
a stop never races with a start. A step reports as the boot it was begun for; when the worker has
gone meanwhile, that has been reported as a loss, and the step says nothing more.
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
    NodeStarted,
    NodeStartFailed,
    NodeStopped,
    Report,
)
from batchlab.core.messages.outputs import Command, EvictNode, RestartNode, StartNode, StopNode
from batchlab.core.model.values import FailureInfo
from batchlab.drivers.archives import start_failed
from batchlab.drivers.dask import messages, threads
from batchlab.drivers.dask.agent import END_S, PLUGIN_NAME, NodeAgent
from batchlab.drivers.dask.folders import NodeFolders
from batchlab.drivers.dask.supply import NoMachine, Supply

__all__ = ["Fleet"]

logger = logging.getLogger("batchlab")

SEND_INTERVAL_S = 0.001
"""How long Dask may hold commands back for others to share their message (its default is 5 ms)."""
BREAK_S = 30.0
"""How long a worker's nanny may take to begin it anew, when it is lost as a trial."""


class _Node:
    """What the driver knows of a node; `address` only while a worker stands behind it."""

    def __init__(self, command: StartNode) -> None:
        self.id = command.node_id
        self.start = command
        self.boot: int | None = command.boot  # the one that is wanted; None while evicted
        self.address: str | None = None
        self.ready = False
        self.allocated = False  # ever: the core knows no node that never had a machine
        self.expected = False  # that the worker goes away: we make it
        self.stopping = False
        self.reimage = False  # to begin with empty folders: nobody was there to empty them
        self.step: asyncio.Task[None] | None = None
        self.overtaken = asyncio.Event()  # what is installed now is not wanted any more

    def wants(self, boot: int) -> bool:
        """Whether what is done for this boot is not yet overtaken by a later command."""
        return self.boot == boot and not self.stopping


class Fleet:
    """All nodes of a lab.

    Parameters
    ----------
    scheduler : Scheduler
    supply : Supply
    configure : callable
        Makes the `NodeConfig` of a node, given what it was last started with.
    report : callable
        Takes a report.
    lab_id : str
    folder : str
        The lab's, for nodes on this machine.
    patience_s : float
        How long a node may take to end what runs on it.
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
        """Bring a node up, for the first time or again."""
        node = self._nodes.setdefault(command.node_id, _Node(command))
        node.start, node.boot = command, command.boot
        self._next(node, self._bring_up(node, command.boot, self._supply.get))

    def reboot(self, command: RestartNode) -> None:
        """Kill what runs on a node and bring it up anew."""
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
        """Let go of a node and its folders."""
        node = self._nodes.get(command.node_id)
        if node is None:
            self._report(NodeStopped(node_id=command.node_id))
            return
        node.ready = False
        node.expected = node.stopping = True
        node.overtaken.set()
        self._supply.give_up(node.id)
        self._next(node, self._stop(node))

    def evict(self, command: EvictNode) -> None:
        """Take a node's machine and folders away; `start` brings it back under its id."""
        node = self._nodes.get(command.node_id)
        if node is None:
            return
        node.boot = None
        node.ready = False
        node.expected = True
        node.overtaken.set()
        self._next(node, self._evict(node))

    def send(self, node_id: str, commands: list[Command]) -> None:
        """Give commands to a node; one that is lost gets none, its loss is reported."""
        node = self._nodes.get(node_id)
        if node is None or node.address is None or not node.ready:
            return
        comm = self._scheduler.stream_comms.get(node.address)
        if comm is not None:
            with contextlib.suppress(OSError):  # closed: Dask is about to remove the worker
                comm.send({"op": self._op, "commands": messages.encode_commands(commands)})

    def address(self, node_id: str) -> str | None:
        """The worker behind a node that is up."""
        node = self._nodes.get(node_id)
        return node.address if node is not None and node.ready else None

    async def break_node(self, address: str) -> None:
        """End a worker without a word; one in a process of its own is begun anew by its nanny."""
        state = self._scheduler.workers.get(address)
        if state is not None and state.nanny:
            await self._scheduler.rpc(state.nanny).restart(timeout=BREAK_S, reason="a trial")
        else:
            await self._scheduler.remove_worker(address, stimulus_id="batchlab-trial")

    # -- what the scheduler tells -----------------------------------------------------------------

    def worker_joined(self, address: str, name: Any) -> None:
        """A worker has joined."""
        self._supply.joined(address, name)

    def worker_left(self, address: str) -> None:
        """A worker has left; unasked, that is the loss of its node."""
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
        """Find a worker that can be this node; None if it was lost at once, and reported so."""
        while True:
            address = await get(node.id)
            if address not in self._scheduler.workers:
                raise NoMachine("the worker left as soon as it had come")
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
        """Put the node's agent on a worker; why not, if it cannot be."""
        self._scheduler.stream_comms[address].interval = SEND_INTERVAL_S
        config = self._configure(node.start)
        agent = NodeAgent(msgspec.structs.replace(config, reimage=node.reimage))
        try:
            result = await getattr(self._scheduler.rpc(address), "plugin-add")(
                plugin=pickle.dumps(agent), name=PLUGIN_NAME
            )
        except Exception as error:
            return f"the worker at {address} cannot be a node: {error}"
        if result.get("status") != "OK":
            return f"the worker at {address} cannot be a node: {result.get('exception_text')}"
        node.reimage = False
        return None

    async def _equip(self, node: _Node, address: str, boot: int) -> NodeStartFailed | None:
        """Have the agent unpack the pool's application packages; the report if it cannot."""
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
        if failure is None or node.address != address:  # a worker that is lost is reported so
            return None
        return start_failed(node.id, boot, failure)

    async def _leave(self, node: _Node, *, keep: bool, reimage: bool = False) -> None:
        """Have the agent end all that runs; a worker that does not answer is closed anyway."""
        if node.address is None:
            return
        rpc = self._scheduler.rpc(node.address)
        try:
            await asyncio.wait_for(
                rpc.batchlab_leave(keep=keep, reimage=reimage), self._patience_s
            )
        except Exception as error:
            logger.info("node %s did not leave in order: %s", node.id, error)

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

    async def _evict(self, node: _Node) -> None:
        node.expected = True
        await self._let_go(node)

    async def _stop(self, node: _Node) -> None:
        await self._let_go(node)
        if self._nodes.get(node.id) is node:
            del self._nodes[node.id]
        if not self._closing:
            self._report(NodeStopped(node_id=node.id))

    async def _let_go(self, node: _Node) -> None:
        """Part from the worker of a node, and from the node's folders."""
        await self._leave(node, keep=False)
        await self._uninstall(node)
        if node.address is not None:
            self._by_address.pop(node.address, None)
            node.address = None
        await self._supply.give_back(node.id)
        if self._supply.own:
            await threads.call(NodeFolders(self._folder, node.id).remove)

    async def close(self) -> None:
        """Let go of all nodes, whatever is being done about them; nothing is reported."""
        self._closing = True
        steps = [node.step for node in self._nodes.values() if node.step is not None]
        for node in self._nodes.values():
            self._supply.give_up(node.id)
        if steps:
            await asyncio.wait(steps, timeout=3 * END_S)
        await asyncio.gather(*(self._stop(node) for node in list(self._nodes.values())))
        await self._supply.close()
