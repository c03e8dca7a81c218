"""What a simulated world keeps of its nodes and of what runs there."""

from __future__ import annotations

from batchlab.core.environment import NodeFacts
from batchlab.core.ids import RunId
from batchlab.core.inputs import RunExited
from batchlab.core.outputs import PackageToInstall, StartRun
from batchlab.core.settings import Settings
from batchlab.drivers.simulated.disk import ROOT, Disk
from batchlab.drivers.simulated.shell import Steps
from batchlab.drivers.vault import NodeCertificate

__all__ = ["Node", "Run"]


class Node:
    """A machine: its disk, and what runs on it."""

    __slots__ = (
        "boot", "broken", "certificates", "dedicated", "digests", "disk", "id", "installed",
        "ip_address", "packages", "runs", "up",
    )  # fmt: skip

    def __init__(self, node_id: str, ip_address: str, dedicated: bool) -> None:
        self.id = node_id
        self.ip_address = ip_address
        self.dedicated = dedicated
        self.boot = 0
        self.up = False
        self.broken = False
        self.disk = Disk()
        self.packages: tuple[PackageToInstall, ...] = ()
        self.certificates: tuple[NodeCertificate, ...] = ()
        self.installed: dict[str, None] = {}  # in this boot
        self.digests: dict[str, str] = {}  # what lies on the disk
        self.runs: dict[RunId, Run] = {}

    def equip(
        self, packages: tuple[PackageToInstall, ...], certificates: tuple[NodeCertificate, ...]
    ) -> None:
        """Begin a boot with what the pool references."""
        self.packages, self.certificates = packages, certificates
        self.installed = {}

    def wipe(self) -> None:
        """Empty the disk."""
        self.disk.wipe()
        self.digests = {}

    def facts(self, settings: Settings) -> NodeFacts:
        """Return what the environment of a run needs to know."""
        return NodeFacts(
            account_name=settings.account_name,
            account_url=settings.account_url,
            node_id=self.id,
            root_directory=ROOT,
            is_dedicated=self.dedicated,
            packages=self.packages,
        )


class Run:
    """A run: `steps` until it has ended or was ended, `result` when it is known."""

    __slots__ = ("begun", "id", "limit", "node", "order", "result", "steps")

    def __init__(self, order: StartRun, node: Node, begun: float, limit: float) -> None:
        self.id = order.run_id
        self.order = order
        self.node = node
        self.begun = begun
        self.limit = limit
        self.steps: Steps | None = None
        self.result: RunExited | None = None
