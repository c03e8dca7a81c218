"""Everything the core can say: commands, which drivers must obey, and changes, to be watched."""

from __future__ import annotations

from typing import Literal

import msgspec

from batchlab.core.model import CertificateReference, OutputFile, ResourceFile
from batchlab.core.model.ids import RunId
from batchlab.core.model.users import AutoUserScope, ElevationLevel
from batchlab.core.model.values import FailureInfo

RunKind = Literal["starttask", "jobpreparation", "task", "jobrelease"]


class Command(msgspec.Struct, frozen=True, tag=True, kw_only=True, omit_defaults=True, gc=False):
    """Base of what a driver is told to do."""


class PackageToInstall(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """An application package that is to be on a node.

    `location` is where its contents lie, and `digest` tells them from others of the same version.
    Without a location there is no such package: the node says so. `by_default` is True when the
    reference named no version, for the name of the environment variable.
    """

    application_id: str
    version: str = ""
    location: str = ""
    digest: str = ""
    by_default: bool = False

    @property
    def directory(self) -> str:
        """Where it is unpacked, relative to the node's root."""
        return f"applications/{self.application_id}/{self.version}"


class StartNode(Command, frozen=True, kw_only=True):
    """Get a machine for a node, or bring a lost one back: answer `NodeAllocated`, `NodeStarted`.

    A driver that cannot answers `NodeStartFailed`. `boot` counts the starts of a node; what the
    node reports names it. The node's folders are kept from boot to boot. Application packages and
    certificates are there before `NodeStarted`, else the answer is `NodeStartFailed`.
    """

    pool_id: str
    node_id: str
    boot: int
    vm_size: str
    task_slots: int
    dedicated: bool = True
    application_packages: tuple[PackageToInstall, ...] = ()
    certificate_references: tuple[CertificateReference, ...] = ()


class RestartNode(Command, frozen=True, kw_only=True, tag="RebootNode"):
    """Kill what runs on the node, start it anew; with `reimage`, empty its folders between."""

    pool_id: str
    node_id: str
    boot: int
    reimage: bool = False
    application_packages: tuple[PackageToInstall, ...] = ()
    certificate_references: tuple[CertificateReference, ...] = ()


class StopNode(Command, frozen=True, kw_only=True):
    """Kill what runs on the node, delete its folders, give its machine back: `NodeStopped`."""

    pool_id: str
    node_id: str


class EvictNode(Command, frozen=True, kw_only=True):
    """Kill what runs on the node and delete all its files; a `StartNode` may bring it back."""

    node_id: str


class NodeNetwork(msgspec.Struct, frozen=True, gc=False):
    """Where a node can be reached by others of its pool: an address, and its own ports there."""

    ip_address: str
    low_port: int
    high_port: int


class Coordination(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """What makes a run a subtask of a multi-instance task.

    `command_line` runs first; then, on `StartApplication`, which only the primary (subtask 0)
    gets, the run's own. `directory` is the task's shared directory, relative to the node's root,
    `hosts` are the IP addresses of all subtasks' nodes, the primary's first.
    """

    command_line: str
    subtask: int
    directory: str
    hosts: tuple[str, ...]
    cores: int
    port: int
    resource_files: tuple[ResourceFile, ...] = ()


class MeasureNodes(Command, frozen=True, kw_only=True):
    """Measure what nodes use and answer `NodesMeasured`; a node that is gone says nothing."""

    node_ids: tuple[str, ...]


class RunUser(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Who a run runs as; `name` is empty for the auto user of this scope."""

    name: str = ""
    scope: AutoUserScope = "pool"
    elevation_level: ElevationLevel = "nonadmin"


class StartRun(Command, frozen=True, kw_only=True):
    """Run a command on a node and answer `RunExited`, whatever happens.

    `directory`, `preparation_directory` and what `DeleteFiles` names are relative to the node's
    root. `environment` holds the user's settings; the node adds Azure's
    (`batchlab.core.tasks.environment`). `time_limit_s` is in seconds of lab time. The first
    preparation on a node carries the job's `release`, for clusters whose machines outlive their
    workers.

    A run with a `coordination` answers `RunCoordinated` when its coordination command has
    returned 0, and then lives on, with what that command has left running, until it is told to
    start its application (which ends it) or is cancelled.

    `user` is who it runs as, None for the pool's auto user without elevation. A run with a
    `failure` is not to be begun: it answers with that.
    `output_files` are uploaded by the node when the process has ended, before `RunExited`.
    """

    run_id: RunId
    kind: RunKind
    pool_id: str
    command_line: str
    directory: str
    environment: dict[str, str] = {}
    resource_files: tuple[ResourceFile, ...] = ()
    output_files: tuple[OutputFile, ...] = ()
    time_limit_s: float | None = None
    preparation_directory: str | None = None
    release: StartRun | None = None
    application_packages: tuple[PackageToInstall, ...] = ()
    user: RunUser | None = None
    failure: FailureInfo | None = None
    network: NodeNetwork | None = None
    coordination: Coordination | None = None


class StartApplication(Command, frozen=True, kw_only=True):
    """All subtasks are coordinated: run the application command, in the run of the primary."""

    run_id: RunId


class CancelRun(Command, frozen=True, kw_only=True):
    """Kill all processes of a run, or do not begin it; `RunExited` follows all the same."""

    run_id: RunId


class ForgetJob(Command, frozen=True, kw_only=True):
    """The job has ended on this node and has no release to run there: take its footprint away."""

    job_id: str
    node_id: str


class ForgetCertificate(Command, frozen=True, kw_only=True):
    """A certificate was deleted: let go of its contents."""

    thumbprint: str


class DeleteFiles(Command, frozen=True, kw_only=True):
    """Delete directories of a node: gone from sight at once, from the disk when there is time."""

    node_id: str
    directories: tuple[str, ...]


# -- changes ------------------------------------------------------------------------------------


class Change(msgspec.Struct, frozen=True, tag=True, kw_only=True, omit_defaults=True, gc=False):
    """Base of what watchers are told. `reason` says in Azure's words, or ours, why."""

    at: float
    reason: str = ""


class PoolChanged(Change, frozen=True, kw_only=True):
    """`target_...` are the numbers of nodes it is to have; each has `task_slots_per_node`.

    `vm_size` is what they are paid for, also when the pool itself is no longer there to be asked.
    """

    pool_id: str
    state: str
    allocation_state: str
    target_dedicated_nodes: int = 0
    target_low_priority_nodes: int = 0
    task_slots_per_node: int = 1
    vm_size: str = ""


class AutoScaleEvaluated(Change, frozen=True, kw_only=True):
    pool_id: str
    results: str
    error: str = ""


class NodeChanged(Change, frozen=True, kw_only=True):
    """The first is ``creating``; the last, when it is no longer listed, ``deleted``."""

    pool_id: str
    node_id: str
    state: str
    dedicated: bool = True


class JobChanged(Change, frozen=True, kw_only=True):
    """A job that is no longer listed is ``deleted``."""

    job_id: str
    state: str
    pool_id: str = ""


class JobScheduleChanged(Change, frozen=True, kw_only=True):
    job_schedule_id: str
    state: str


class TaskChanged(Change, frozen=True, kw_only=True):
    """`node_id` is where it runs or ran last, `slots` what it takes there.

    The reason of a ``completed`` task is the code of its failure, empty for success; of one that
    is ``active`` again, what sent it back. One that is no longer listed is ``deleted``. While an
    ``active`` task waits for tasks that it depends on, it is `blocked`; when it no longer does,
    it is told of once more.
    """

    job_id: str
    task_id: str
    state: str
    node_id: str = ""
    slots: int = 1
    blocked: bool = False


class SubtaskChanged(Change, frozen=True, kw_only=True):
    """A subtask of a multi-instance task beside the primary, which is told of with its task.

    It is ``preparing`` while the task waits for its nodes, ``running``, or ``completed``.
    """

    job_id: str
    task_id: str
    subtask_id: int
    node_id: str
    state: str


class ApplicationChanged(Change, frozen=True, kw_only=True):
    """An application, or with `version` a package of it, came, changed or went (``deleted``)."""

    application_id: str
    state: str
    version: str = ""


class CertificateChanged(Change, frozen=True, kw_only=True):
    thumbprint: str
    state: str


class NodeTaskChanged(Change, frozen=True, kw_only=True, tag="HookChanged"):
    """A start, preparation or release task on a node began or ended.

    The reason of a ``completed`` one is the code of its failure, empty for success. ``pending``
    is one that was cut short with its node, to be run again.
    """

    kind: RunKind
    job_id: str
    node_id: str
    state: str


class Step(msgspec.Struct, frozen=True):
    """What follows from one input."""

    commands: list[Command]
    changes: list[Change]
