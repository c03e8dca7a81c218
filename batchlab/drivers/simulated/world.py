"""A world of simulated nodes on a virtual clock: thousands of nodes, a day in seconds.

All future events are in one heap, ordered by time and then by the order in which they were
scheduled. The world moves from event to event: simultaneous events are reported together, and the
core's commands schedule new ones, some for the same time. Nothing depends on the machine; all
randomness (only the workload's jitter needs it) comes from one seed.

If a node ends, its runs are not reported, as with real nodes. Every run takes at least
`SHORTEST_S`, so that a command that fails immediately and is retried indefinitely cannot stop the
clock.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from heapq import heappop, heappush
from random import Random
from typing import Any

from batchlab.core.machine import Settings
from batchlab.core.messages import facts, outputs
from batchlab.drivers.engine import Engine
from batchlab.drivers.node_log import LogLimit, NodeLog
from batchlab.drivers.simulated.disk import Disk
from batchlab.drivers.simulated.equipment import Boot, SimulatedEquipment
from batchlab.drivers.simulated.machines import Machine
from batchlab.drivers.simulated.runs import SHORTEST_S, Happening, Runner, fact
from batchlab.drivers.simulated.shell.commands import Shell
from batchlab.drivers.simulated.workload import Workload
from batchlab.errors import NotFound
from batchlab.storage.locations import StorageLocation, in_memory
from batchlab.storage.stores import BlobStore

__all__ = ["SHORTEST_S", "START", "SimulatedWorld"]

START = 1767603600.0
"""The start of virtual time: Monday, 2026-01-05 09:00 UTC."""
DISK_FULL = (
    "There is not enough disk space on the node: delete jobs, tasks or files there, and reboot it"
)
"""As in Azure, where a node whose disk is more than 90 % full becomes unusable."""
_ALLOCATION = 2 / 3  # of the time a node takes to boot
_STOP = 1 / 10


class SimulatedWorld(Runner):
    """Carries out a core's commands on a virtual clock; a `Driver`.

    Parameters
    ----------
    workload : Workload, optional
        What commands do.
    seed : int, default 0
        Random seed for the workload's jitter.
    boot_s : float, default 90
        Seconds from the request for a node until it can run something.
    max_nodes : int, optional
        Maximum number of nodes at a time; more nodes fail with ``AllocationFailed``.
    start : float, default `START`
        The start of virtual time, in seconds since 1970.
    settings : Settings, optional
        The settings of the core, such as the account that runs see.
    storage : StorageLocation, optional
        Where the lab's data is kept; in memory if omitted.

    Attributes
    ----------
    engine : Engine
        Must be set before use.
    max_nodes : int or None
        Can be changed at any time.
    workload : Workload
        What commands do.
    """

    engine: Engine
    pause_s = 1.0

    def __init__(
        self,
        workload: Workload | None = None,
        *,
        seed: int = 0,
        boot_s: float = 90.0,
        max_nodes: int | None = None,
        start: float = START,
        settings: Settings | None = None,
        storage: StorageLocation | None = None,
    ) -> None:
        self.max_nodes = max_nodes
        self.settings = settings or Settings()
        self.store = BlobStore((storage or in_memory()).of_account(self.settings.account_name))
        self._boot_s = boot_s
        self._now = start
        self._wake: float | None = None
        self._heap: list[tuple[float, int, Happening, Any]] = []
        self._arranged = 0
        self._machines = 0
        self.equipment = SimulatedEquipment(self.store)
        self._nodes: dict[str, Machine] = {}
        self._log_limit = LogLimit()
        self.workload = workload or Workload()
        self._shell = Shell(self.workload, self.now, Random(seed))
        self._obedience: dict[type[outputs.Command], Callable[[Any], None]] = {
            outputs.StartNode: self._start_node,
            outputs.RestartNode: self._reboot_node,
            outputs.StopNode: self._stop_node,
            outputs.ReleaseNode: self._release_node,
            outputs.EvictNode: self._evict_node,
            outputs.MeasureNodes: self._measure_nodes,
            outputs.StartRun: self._start_run,
            outputs.StartApplication: self._start_application,
            outputs.CancelRun: self._cancel_run,
            outputs.DeleteFiles: self._delete_files,
            outputs.ForgetCertificate: self.equipment.forget,
            outputs.ForgetJob: lambda command: None,  # only the files of a job are kept here
        }

    # -- the driver's port -----------------------------------------------------------------------

    def now(self) -> float:
        """The virtual time, in seconds since 1970 (UTC)."""
        return self._now

    def obey(self, commands: Sequence[outputs.Command]) -> None:
        """Schedule the effects of commands."""
        obedience = self._obedience
        for command in commands:
            obedience[type(command)](command)

    def wake_at(self, when: float | None) -> None:
        """Wake the engine at this time; a later call replaces an earlier one."""
        self._wake = when

    # -- time ------------------------------------------------------------------------------------

    def next_event(self) -> float | None:
        """Return the time of the next event on the nodes; None if there is none."""
        return self._heap[0][0] if self._heap else None

    def next_moment(self) -> float | None:
        """Return the time of the next event on the nodes or in the core; None if there is none."""
        wake, moment = self._wake, self._heap[0][0] if self._heap else None
        if wake is None or (moment is not None and moment <= wake):
            return moment
        return max(wake, self._now)

    def step(self, moment: float) -> None:
        """Process all events of the next moment."""
        self._now = moment
        heap, reports = self._heap, []
        while heap and heap[0][0] <= moment:
            _, _, happen, subject = heappop(heap)
            report = happen(subject)
            if report is not None:
                reports.append(report)
        if reports:
            self.engine.report(*reports)
        if self._wake is not None and self._wake <= moment:
            self._wake = None
            self.engine.wake()

    def settle(self) -> None:
        """Process all events that are due now."""
        while (moment := self.next_moment()) is not None and moment <= self._now:
            self.step(moment)

    def advance_to(self, when: float) -> None:
        """Process all events up to a time, and advance the clock to it."""
        while (moment := self.next_moment()) is not None and moment <= when:
            self.step(moment)
        self._now = max(self._now, when)

    def _arrange(self, when: float, happen: Happening, subject: Any) -> None:
        self._arranged += 1
        heappush(self._heap, (when, self._arranged, happen, subject))

    # -- faults ----------------------------------------------------------------------------------

    def lose_node(self, node_id: str, *, for_good: bool = False) -> None:
        """Lose a node: its runs end, its files remain.

        Parameters
        ----------
        node_id : str
        for_good : bool, default False
            Whether the node does not recover on its own: it is then unusable until it is rebooted.

        Raises
        ------
        NotFound
            ``NodeNotFound``: the node does not exist or is not up.
        """
        node = self._nodes.get(node_id)
        if node is None or not node.up:
            raise NotFound("NodeNotFound", f"node {node_id!r} does not exist or is not up")
        boot, node.broken = node.boot, for_good
        node.halt()
        self.engine.report(facts.NodeLost(node_id=node_id, boot=boot))

    def plan(self, when: float, fault: Callable[[], None]) -> None:
        """Let a fault happen at a time: it is called between two events of the nodes.

        Parameters
        ----------
        when : float
            In seconds since 1970.
        fault : callable
            What happens, such as a request to the engine to preempt a node.
        """
        self._arrange(when, lambda fault: fault(), fault)

    # -- nodes -----------------------------------------------------------------------------------

    def disk(self, node_id: str) -> Disk | None:
        """Return the disk of a node; None while the node is not up."""
        node = self._nodes.get(node_id)
        return node.disk if node is not None and node.up else None

    def log(self, node_id: str) -> NodeLog:
        """Return the log of a node that exists."""
        return self._nodes[node_id].log

    def _start_node(self, command: outputs.StartNode) -> None:
        node = self._nodes.get(command.node_id)
        if node is None:
            limit = self.max_nodes
            if limit is not None and len(self._nodes) >= limit:
                message = f"this simulated lab has no more than {limit} nodes"
                self._refuse_node(command, message)
                return
            self._machines += 1
            number = self._machines + 3  # as in Azure, the first address of a network is .4
            address = f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
            log = NodeLog(self._log_limit)
            node = Machine(command.node_id, address, command.dedicated, command.vm_size, log)
            self._nodes[node.id] = node
            self._log_limit.share(len(self._nodes))
        if node.broken:
            message = "the machine of the node has failed: reboot or remove the node"
            self._refuse_node(command, message)
            return
        if node.disk.is_full:
            self._refuse_node(command, DISK_FULL, code="DiskFull")
            return
        self._boot(node, command, allocation_s=_ALLOCATION * self._boot_s)

    def _refuse_node(
        self, command: outputs.StartNode, message: str, code: str = "AllocationFailed"
    ) -> None:
        refusal = facts.NodeStartFailed(
            node_id=command.node_id, boot=command.boot, code=code, message=message
        )
        self._arrange(self._now + _ALLOCATION * self._boot_s, fact, refusal)

    def _reboot_node(self, command: outputs.RestartNode) -> None:
        node = self._nodes.get(command.node_id)
        if node is not None:
            node.halt()
            node.broken = False
            if command.reimage:
                node.wipe()
            allocation_s = _ALLOCATION * self._boot_s if command.reimage else 0.0
            self._boot(node, command, allocation_s=allocation_s)

    def _boot(self, node: Machine, command: Boot, *, allocation_s: float) -> None:
        node.boot = boot = command.boot
        self.equipment.boot(node, command)
        allocated = self._now + allocation_s
        self._arrange(allocated, self._allocated, (node, boot))
        started = allocated + (1 - _ALLOCATION) * self._boot_s
        self._arrange(started, self._started, (node, boot))

    def _allocated(self, start: tuple[Machine, int]) -> facts.Report | None:
        node, boot = start
        if node.boot != boot:
            return None
        return facts.NodeAllocated(node_id=node.id, boot=boot, ip_address=node.ip_address)

    def _started(self, start: tuple[Machine, int]) -> facts.Report | None:
        node, boot = start
        if node.boot != boot:
            return None
        pull_s = self.equipment.boot_pull_s(node, self._now)
        if pull_s:
            self._arrange(self._now + pull_s, self._started, start)
            return None
        failure = self.equipment.start(node, self._now)
        node.up = failure is None
        node.new_since = node.new_since or self._now
        node.crowded = node.disk.is_full
        if node.crowded:  # what was deleted meanwhile goes first
            self._arrange(self._now + SHORTEST_S, self._still_full, node.id)
        node.log.note(self._now, "node %s starts for the %s. time", node.id, boot)
        if failure is not None:
            node.log.note(self._now, "%s: %s", failure.code, failure.message)
        return failure or facts.NodeStarted(node_id=node.id, boot=boot)

    def _still_full(self, node_id: str) -> facts.Report | None:
        node = self._nodes.get(node_id)
        return self._disk_full(node_id) if node is not None and node.crowded else None

    def _disk_full(self, node_id: str) -> facts.Report | None:
        node = self._nodes.get(node_id)
        if node is None or not node.up or not node.disk.is_full:
            return None
        boot = node.boot
        node.log.note(self._now, "DiskFull: %s", DISK_FULL)
        node.halt()
        return facts.NodeLost(node_id=node_id, boot=boot, reason=DISK_FULL)

    def _stop_node(self, command: outputs.StopNode) -> None:
        node = self._nodes.get(command.node_id)
        if node is not None:
            node.halt()
        self._arrange(self._now + _STOP * self._boot_s, self._stopped, command.node_id)

    def _release_node(self, command: outputs.ReleaseNode) -> None:
        node = self._nodes.get(command.node_id)
        if node is not None:
            node.halt()
            node.boot = command.boot
            node.broken = False  # it returns on another machine
        gone = facts.NodeReleased(node_id=command.node_id, boot=command.boot)
        self._arrange(self._now + _STOP * self._boot_s, fact, gone)

    def _evict_node(self, command: outputs.EvictNode) -> None:
        node = self._nodes.get(command.node_id)
        if node is not None:
            node.halt()
            node.broken = False  # it returns on another machine
            node.wipe()
            node.log = NodeLog(self._log_limit)

    def _stopped(self, node_id: str) -> facts.Report:
        self._nodes.pop(node_id, None)
        self._log_limit.share(len(self._nodes))
        return facts.NodeStopped(node_id=node_id)

    def _measure_nodes(self, command: outputs.MeasureNodes) -> None:
        self._arrange(self._now, self._measured, command.node_ids)

    def _measured(self, node_ids: tuple[str, ...]) -> facts.Report:
        found = [self._nodes.get(node_id) for node_id in node_ids]
        return facts.NodesMeasured(
            usages={node.id: node.usage(self._now) for node in found if node and node.up}
        )

    def _delete_files(self, command: outputs.DeleteFiles) -> None:
        node = self._nodes.get(command.node_id)
        if node is not None:
            node.disk.discard(command.directories)
            node.crowded = node.crowded and node.disk.is_full
