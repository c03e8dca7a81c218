"""Simulated machines, their runs, and the resources they use.

A machine keeps no records until it is first measured. From then on each run is recorded when it
ends, and a measurement adds the runs in progress. Loads are constant, so usage is seconds times
rate.
"""

from __future__ import annotations

from batchlab.core.messages import facts
from batchlab.core.messages.outputs import PackageToInstall, StartRun
from batchlab.core.model import CertificateReference, ContainerConfiguration, vm_cores
from batchlab.core.model.ids import RunId
from batchlab.core.model.sizes import VM_SIZES
from batchlab.core.model.values import NodeUsage
from batchlab.core.state.settings import Settings
from batchlab.core.tasks.environment import NodeFacts
from batchlab.drivers.node_log import NodeLog
from batchlab.drivers.simulated.around import Steps
from batchlab.drivers.simulated.disk import ROOT, Disk
from batchlab.drivers.simulated.workload import PLAIN, Load
from batchlab.drivers.vault import NodeCertificate

__all__ = ["Machine", "SimulatedRun"]

GIGABYTE = 1 << 30

_NOTHING_MOVED = {
    "disk_read_bytes": 0.0,
    "disk_write_bytes": 0.0,
    "disk_read_ops": 0.0,
    "disk_write_ops": 0.0,
    "network_in_bytes": 0.0,
    "network_out_bytes": 0.0,
}
_IDLE = NodeUsage(memory_megabytes=0.0, disk_gigabytes=0.0, **_NOTHING_MOVED)


class SimulatedRun:
    """A run in progress: its remaining steps, or its result."""

    __slots__ = ("begun", "id", "limit", "load", "node", "result", "start_run", "steps")

    def __init__(self, start_run: StartRun, node: Machine, begun: float, limit: float) -> None:
        self.id = start_run.run_id
        self.start_run = start_run
        self.node = node
        self.begun = begun
        self.limit = limit
        self.load: Load | None = None
        self.steps: Steps | None = None
        self.result: facts.RunExited | None = None


class Machine:
    """The machine of a node."""

    __slots__ = ("_cpu_s", "_even", "_even_s", "_measured", "_moved", "_run_s", "boot", "broken",
                 "certificates", "containers", "cores", "crowded", "dedicated", "digests", "disk",
                 "id", "images", "installed", "ip_address", "log", "new_since",
                 "packages", "references", "runs", "up")  # fmt: skip

    def __init__(
        self, node_id: str, ip_address: str, dedicated: bool, vm_size: str, log: NodeLog
    ) -> None:
        size = VM_SIZES.get(vm_size.lower())
        disk_gb = size.disk_gb if size else 0  # without a temporary disk, there is no limit
        self.id = node_id
        self.ip_address = ip_address
        self.dedicated = dedicated
        self.cores = vm_cores(vm_size)
        self.boot = 0
        self.up = False
        self.broken = False
        self.disk = Disk(disk_gb * GIGABYTE or float("inf"))
        self.crowded = False  # whether its disk was full when it started, and still is
        self.new_since = 0.0  # when it first started with this disk
        self.log = log
        self.packages: tuple[PackageToInstall, ...] = ()
        self.certificates: tuple[NodeCertificate, ...] = ()
        self.references: tuple[CertificateReference, ...] = ()
        self.installed: set[str] = set()  # in this boot
        self.containers: ContainerConfiguration | None = None
        self.images: dict[str, float] = {}  # on the disk, with the time when each has arrived
        self.digests: dict[str, str] = {}  # of the packages on the disk
        self.runs: dict[RunId, SimulatedRun] = {}
        self._measured: float | None = None
        self._cpu_s = self._run_s = 0.0
        self._moved: dict[str, float] = {}
        self._even: NodeUsage | None = None  # of the current runs, in `_even_s` seconds
        self._even_s = 0.0

    def wipe(self) -> None:
        """Empty the disk."""
        self.disk.wipe()
        self.new_since = 0.0
        self.digests = {}
        self.images = {}

    def facts(self, settings: Settings) -> NodeFacts:
        """Return the facts about the node that a run's environment contains."""
        return NodeFacts(
            account_name=settings.account_name,
            account_url=settings.account_url,
            node_id=self.id,
            root_directory=ROOT,
            is_dedicated=self.dedicated,
            packages=self.packages,
        )

    def begin(self, run: SimulatedRun) -> None:
        """Add a run."""
        self.runs[run.id] = run
        self._even = None

    def set_load(self, run: SimulatedRun, load: Load) -> None:
        """Set the load of a run from now on."""
        run.load = load
        self._even = None

    def ended(self, run: SimulatedRun, now: float) -> bool:
        """Remove a run that has ended; return False if its node ended first."""
        if self.runs.pop(run.id, None) is None:
            return False
        self._even = None
        if self._measured is not None:
            self._enter(run, self._measured, now)
        return True

    def halt(self) -> None:
        """Drop all runs, and the records of their usage."""
        self.up = False
        self.boot = -1
        for run in self.runs.values():
            run.steps = None
        self.runs.clear()
        self._measured = self._even = None
        self._cpu_s = self._run_s = 0.0
        self._moved = {}

    def usage(self, now: float) -> NodeUsage:
        """Return the usage since the last call; on the first call, the current load."""
        since, self._measured = self._measured, now
        if not self.runs and not self._run_s:
            return _IDLE
        if since is None:
            return self._add_up(now, now)
        even, seconds = self._even, now - since
        if even is not None and seconds == self._even_s:
            return even
        # The next result is the same if no run starts or ends, and none did in this interval.
        steady = not self._run_s and all(run.begun <= since for run in self.runs.values())
        usage = self._add_up(now, since)
        self._even, self._even_s = usage if steady else None, seconds
        return usage

    def _add_up(self, now: float, since: float) -> NodeUsage:
        memory = disk = cores = 0.0
        for run in self.runs.values():
            load = run.load
            if load is not None:
                self._enter(run, since, now)
                memory += load.memory_megabytes
                disk += load.disk_gigabytes
                cores += load.cpu
        moved, self._moved = self._moved, {}
        cpu_s, self._cpu_s = self._cpu_s, 0.0
        run_s, self._run_s = self._run_s, 0.0
        if now > since:
            cores = cpu_s / (now - since)
        return NodeUsage(
            cpu_percent=min(100.0, 100 * cores / self.cores),
            wall_clock_seconds=run_s,
            memory_megabytes=memory,
            disk_gigabytes=disk,
            **(moved or _NOTHING_MOVED),
        )

    def _enter(self, run: SimulatedRun, since: float, now: float) -> None:
        load = run.load
        if load is None:
            return
        seconds = now - max(run.begun, since)
        self._run_s += seconds
        self._cpu_s += seconds * load.cpu
        if load is not PLAIN:
            moved = self._moved or dict(_NOTHING_MOVED)
            for name in _NOTHING_MOVED:
                moved[name] += seconds * getattr(load, name)
            self._moved = moved
