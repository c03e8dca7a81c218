"""Phases: states of resources, each with exactly the data that belongs to it.

A phase is frozen, and "the exit code of a running task" cannot be expressed. `state` is Azure's
wire string. Its row in `states` says which properties it has and which states may follow. Only
`State.move` assigns a phase; it checks the table and notifies the watchers.

Tasks::

    active ─assigned─► preparing ─prepared─► running ─► completed ─reactivate─► active
       ▲                   │                    │
       └──── requeue, retry, node lost ─────────┘        any ─terminate─► completed

Nodes::

    creating ► starting ► waitingforstarttask ► idle ⇄ running        any ► leavingpool ► gone
                       │                     └► starttaskfailed       any ► unknown ► starting
                       └(no start task to wait for)► idle             unknown ► unusable
    any spot node ─evicted► preempted ► creating
    idle|running|… ─reboot► rebooting ► starting          idle|running ─disabled► offline ► idle
    idle|running|… ─deallocate► deallocating ► deallocated ─start► starting

Jobs::

    active ► disabling ► disabled ► enabling ► active
    any of these ─terminate► terminating ► completed      any ─delete► deleting ► gone

Pools are ``active`` or ``deleting``, and also ``steady``, ``resizing`` or ``stopping``.
A start, preparation or release task (a *node task*) is pending, running or done.
"""

from __future__ import annotations

from typing import ClassVar, TypeAlias

import msgspec

from batchlab.core.model import Deallocation, DisableTasks, TaskContainerExecutionInfo
from batchlab.core.model.ids import RunId
from batchlab.core.model.values import DeleteCertificateError, FailureInfo


class Phase(msgspec.Struct, frozen=True, eq=False, gc=False):
    """Base of all phases; `since` is when it began, in seconds since 1970.

    `gc` is off because phases only have plain values: Python need not look for cycles in them.
    """

    state: ClassVar[str]
    since: float


# -- tasks --------------------------------------------------------------------------------------


class TaskActive(Phase, frozen=True, eq=False):
    """Queued; `why` says what the last node had no room for, if that is why it waits again."""

    state = "active"
    why: str = ""


class TaskPreparing(Phase, frozen=True, eq=False):
    """Assigned; holds its slots on the node while the job's preparation runs there."""

    state = "preparing"
    node_id: str


class TaskRunning(Phase, frozen=True, eq=False):
    state = "running"
    run_id: RunId


class TaskCompleted(Phase, frozen=True, eq=False):
    """`started` and `exit_code` are None if the task never started."""

    state = "completed"
    exit_code: int | None
    failure: FailureInfo | None


TaskPhase: TypeAlias = TaskActive | TaskPreparing | TaskRunning | TaskCompleted


# -- nodes --------------------------------------------------------------------------------------


class NodeCreating(Phase, frozen=True, eq=False):
    state = "creating"


class NodeStarting(Phase, frozen=True, eq=False):
    """`awaited`: it was deallocated, and the driver has to provide a machine again."""

    state = "starting"
    awaited: bool = False


class NodeWaitingForStartTask(Phase, frozen=True, eq=False):
    state = "waitingforstarttask"


class NodeStartTaskFailed(Phase, frozen=True, eq=False):
    state = "starttaskfailed"


class NodeIdle(Phase, frozen=True, eq=False):
    state = "idle"


class NodeRunning(Phase, frozen=True, eq=False):
    state = "running"


class NodeRebooting(Phase, frozen=True, eq=False):
    state = "rebooting"


class NodeReimaging(Phase, frozen=True, eq=False):
    state = "reimaging"


class NodeDeallocating(Phase, frozen=True, eq=False):
    state = "deallocating"


class NodeDeallocated(Phase, frozen=True, eq=False):
    """It has no machine until a user starts it."""

    state = "deallocated"


class NodeUnknown(Phase, frozen=True, eq=False):
    """Contact was lost; the driver has been asked to bring it back."""

    state = "unknown"


class NodeUnusable(Phase, frozen=True, eq=False):
    """The driver could not bring it back; it may still be trying."""

    state = "unusable"
    code: str
    message: str
    trying: bool = False


class NodePreempted(Phase, frozen=True, eq=False):
    """A spot node that was preempted; it is requested again later."""

    state = "preempted"


class NodeOffline(Phase, frozen=True, eq=False):
    state = "offline"


class NodeLeavingPool(Phase, frozen=True, eq=False):
    """`stopping`: asked to stop; before that, it drains."""

    state = "leavingpool"
    stopping: bool


class Drain(msgspec.Struct, frozen=True):
    """The purpose of draining a node (see `nodes.nodes.drain`), and the option."""

    purpose: str
    option: Deallocation


# -- jobs ---------------------------------------------------------------------------------------


class JobActive(Phase, frozen=True, eq=False):
    state = "active"


class JobDisabling(Phase, frozen=True, eq=False):
    state = "disabling"
    disable_tasks: DisableTasks


class JobDisabled(Phase, frozen=True, eq=False):
    state = "disabled"


class JobEnabling(Phase, frozen=True, eq=False):
    state = "enabling"


class JobTerminating(Phase, frozen=True, eq=False):
    state = "terminating"
    reason: str


class JobCompleted(Phase, frozen=True, eq=False):
    state = "completed"
    reason: str


class JobDeleting(Phase, frozen=True, eq=False):
    state = "deleting"


# -- job schedules ------------------------------------------------------------------------------


class ScheduleActive(Phase, frozen=True, eq=False):
    state = "active"


class ScheduleDisabled(Phase, frozen=True, eq=False):
    state = "disabled"


class ScheduleTerminating(Phase, frozen=True, eq=False):
    state = "terminating"


class ScheduleCompleted(Phase, frozen=True, eq=False):
    state = "completed"


class ScheduleDeleting(Phase, frozen=True, eq=False):
    state = "deleting"


# -- pools --------------------------------------------------------------------------------------


class PoolActive(Phase, frozen=True, eq=False):
    state = "active"


class PoolDeleting(Phase, frozen=True, eq=False):
    state = "deleting"


class Steady(Phase, frozen=True, eq=False):
    state = "steady"


class Resizing(Phase, frozen=True, eq=False):
    state = "resizing"
    option: Deallocation


class Stopping(Phase, frozen=True, eq=False):
    state = "stopping"


# -- certificates -------------------------------------------------------------------------------


class CertificateActive(Phase, frozen=True, eq=False):
    state = "active"


class CertificateDeleting(Phase, frozen=True, eq=False):
    state = "deleting"


class CertificateDeleteFailed(Phase, frozen=True, eq=False):
    state = "deletefailed"
    error: DeleteCertificateError


# -- node tasks --------------------------------------------------------------------------------


class NodeTaskPending(Phase, frozen=True, eq=False):
    """Will run (again) when its node is up; the status list shows it as running."""

    state = "running"


class NodeTaskRunning(Phase, frozen=True, eq=False):
    state = "running"
    run_id: RunId


class NodeTaskDone(Phase, frozen=True, eq=False):
    """`boot` and `image` identify the boot and the reimage of the node it belongs to."""

    state = "completed"
    started: float
    exit_code: int | None
    failure: FailureInfo | None
    boot: int
    image: int
    container: TaskContainerExecutionInfo | None = None


NodeTaskPhase: TypeAlias = NodeTaskPending | NodeTaskRunning | NodeTaskDone
