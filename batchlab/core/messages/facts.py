"""Reports: the facts that go into the core, about nodes and runs, from the driver.

A report is never refused. One of a run or a boot that is over is counted and dropped.
"""

from __future__ import annotations

import msgspec

from batchlab.core.messages.inputs import Input
from batchlab.core.model import TaskContainerExecutionInfo
from batchlab.core.model.ids import RunId
from batchlab.core.model.values import FailureInfo, NodeUsage, PassedOver, encodable


class Report(Input, frozen=True, kw_only=True):
    """An event that has happened."""


class NodeAllocated(Report, frozen=True, kw_only=True):
    """The machine of a node is allocated and starts up.

    `machine` is its name where the user may know it: the worker of a cluster that is not ours.
    """

    node_id: str
    boot: int
    ip_address: str
    machine: str = ""
    port_range: tuple[int, int] = (20000, 20099)
    """The first and the last of the ports that are reserved for the node at that address."""


class NodeStarted(Report, frozen=True, kw_only=True):
    """The node's agent is ready to run commands.

    `no_containers` says why it runs no containers, if its pool is to run some.
    """

    node_id: str
    boot: int
    no_containers: str = ""

    def __post_init__(self) -> None:
        msgspec.structs.force_setattr(self, "no_containers", encodable(self.no_containers))


class NodeLost(Report, frozen=True, kw_only=True):
    """Contact with the node was lost: its processes are gone, but its files may still exist."""

    node_id: str
    boot: int
    reason: str = "contact with the node was lost"

    def __post_init__(self) -> None:
        msgspec.structs.force_setattr(self, "reason", encodable(self.reason))


class NodeStopped(Report, frozen=True, kw_only=True):
    """A node that was asked to stop is gone."""

    node_id: str


class NodeReleased(Report, frozen=True, kw_only=True):
    """A node that was to be deallocated has no machine any more.

    `files_kept` is False if its files went with the machine.
    """

    node_id: str
    boot: int
    files_kept: bool = True


class NodeStartFailed(Report, frozen=True, kw_only=True):
    """The driver has no machine for this node: it never got one, or cannot bring it back.

    Or there is a machine, but an application package or certificate for it is not available.
    While the driver is still `trying`, `NodeAllocated` may follow for the same boot.
    """

    node_id: str
    boot: int
    code: str = "AllocationFailed"
    message: str = "no machine is available for the node"
    trying: bool = False

    def __post_init__(self) -> None:
        msgspec.structs.force_setattr(self, "message", encodable(self.message))


class MachinesPassedOver(Report, frozen=True, kw_only=True):
    """All machines that cannot be nodes now; an empty report means that there are none."""

    machines: tuple[PassedOver, ...] = ()


class RunCoordinated(Report, frozen=True, kw_only=True):
    """The coordination command of a subtask has returned 0; processes it started go on."""

    run_id: RunId


class RunContained(Report, frozen=True, kw_only=True):
    """A command of a run has begun in a container."""

    run_id: RunId
    container: TaskContainerExecutionInfo


class NodesMeasured(Report, frozen=True, kw_only=True):
    """What nodes used since their previous report, by node id."""

    usages: dict[str, NodeUsage]


class RunExited(Report, frozen=True, kw_only=True):
    """A run is over: no process of it is left.

    `exit_code` is None if the command was never started (`failure` says why). There may be both an
    exit code and a `failure`: the run was killed at its time limit, or its output files could not
    be uploaded. `cancelled` is True if the node ended the run, or did not start it, because of
    `CancelRun`. `node_fault` is True if the node had no process, file or memory left to start it.
    `then` is the run that was next on the node and has been started in its place.
    """

    run_id: RunId
    exit_code: int | None = None
    failure: FailureInfo | None = None
    cancelled: bool = False
    node_fault: bool = False
    container: TaskContainerExecutionInfo | None = None
    then: RunId | None = None


class RunStarted(Report, frozen=True, kw_only=True):
    """A node has started a run that waited there, in a slot that was free already."""

    run_id: RunId


class TakenBack(Report, frozen=True, kw_only=True):
    """The answer to `TakeBack`: which runs the node will not start, and which it has started."""

    taken: tuple[RunId, ...] = ()
    started: tuple[RunId, ...] = ()


class DepthMeasured(Report, frozen=True, kw_only=True):
    """How many runs should wait on a node for a free slot, and how long at most, in lab time.

    A driver sends it when the tasks there take no longer than a report and the command that
    answers it. Without it none wait there.
    """

    node_id: str
    depth: int
    patience_s: float


class LabClosing(Report, frozen=True, kw_only=True):
    """The lab is closing: from now on nothing is repaired or restarted."""


class LabResumed(Report, frozen=True, kw_only=True):
    """The lab was opened again from its journal: no machine of it is left."""


class DeadlineReached(Report, frozen=True, kw_only=True):
    """The time of the core's next deadline has come."""


REPORTS: tuple[type[Report], ...] = tuple(Report.__subclasses__())
