"""Everything that comes out of the core: commands that drivers obey, and changes to watch."""

from __future__ import annotations

from typing import Literal

import msgspec

from batchlab.core.model import (
    CertificateReference,
    ContainerConfiguration,
    OutputFile,
    ResourceFile,
    TaskContainerSettings,
)
from batchlab.core.model.ids import RunId
from batchlab.core.model.users import AutoUserScope, ElevationLevel
from batchlab.core.model.values import FailureInfo

RunKind = Literal["starttask", "jobpreparation", "task", "jobrelease"]


class Command(msgspec.Struct, frozen=True, tag=True, kw_only=True, omit_defaults=True, gc=False):
    """Base of commands to a driver."""


class PackageToInstall(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """An application package to install on a node.

    `location` is where its contents are stored; `digest` distinguishes them from other contents of
    the same version. Without a location the package does not exist, and the node reports that.
    `by_default` is True if the reference had no version; the environment variable's name depends
    on it.
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

    If that is not possible, the answer is `NodeStartFailed`. `boot` counts the starts of a node,
    and the node's reports repeat it. The node's directories are kept from boot to boot.
    Application packages, certificates and the images of `containers` must be there before
    `NodeStarted`; otherwise the answer is `NodeStartFailed`.
    """

    pool_id: str
    node_id: str
    boot: int
    vm_size: str
    task_slots: int
    dedicated: bool = True
    application_packages: tuple[PackageToInstall, ...] = ()
    certificate_references: tuple[CertificateReference, ...] = ()
    containers: ContainerConfiguration | None = None


class RestartNode(Command, frozen=True, kw_only=True, tag="RebootNode"):
    """Kill everything on the node and restart it; with `reimage`, empty its directories first."""

    pool_id: str
    node_id: str
    boot: int
    reimage: bool = False
    application_packages: tuple[PackageToInstall, ...] = ()
    certificate_references: tuple[CertificateReference, ...] = ()
    containers: ContainerConfiguration | None = None


class StopNode(Command, frozen=True, kw_only=True):
    """Kill everything on the node, delete its directories, release its machine: `NodeStopped`."""

    pool_id: str
    node_id: str


class ReleaseNode(Command, frozen=True, kw_only=True):
    """Kill everything on the node and release its machine: answer `NodeReleased`.

    A `StartNode` brings it back, with its files if they can be kept.
    """

    pool_id: str
    node_id: str
    boot: int


class EvictNode(Command, frozen=True, kw_only=True):
    """Kill everything on the node and delete all its files; a `StartNode` may bring it back."""

    node_id: str


class NodeNetwork(msgspec.Struct, frozen=True, gc=False):
    """Where other nodes of the pool reach a node: its address, and its ports at that address."""

    ip_address: str
    low_port: int
    high_port: int


class Coordination(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """The part of a run that makes it a subtask of a multi-instance task.

    `command_line` runs first. Then, on `StartApplication`, the primary (subtask 0) runs the run's
    own command. `directory` is the task's shared directory, relative to the node's root; `hosts`
    has the IP addresses of all subtasks' nodes, the primary's first.
    """

    command_line: str
    subtask: int
    directory: str
    hosts: tuple[str, ...]
    cores: int
    port: int
    resource_files: tuple[ResourceFile, ...] = ()


class MeasureNodes(Command, frozen=True, kw_only=True):
    """Measure the usage of nodes and answer `NodesMeasured`, without nodes that are gone."""

    node_ids: tuple[str, ...]


class RunUser(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """The user of a run; `name` is empty for the auto user of this scope."""

    name: str = ""
    scope: AutoUserScope = "pool"
    elevation_level: ElevationLevel = "nonadmin"


class StartRun(Command, frozen=True, kw_only=True):
    """Run a command on a node and answer `RunExited`, whatever happens.

    `directory`, `preparation_directory` and the directories in `DeleteFiles` are relative to the
    node's root. `environment` has the user's settings; the node adds Azure's variables
    (`batchlab.core.tasks.environment`). `time_limit_s` is in seconds of lab time. The first
    preparation on a node includes the job's `release`, for clusters whose machines outlive their
    workers.

    A run with a `coordination` answers `RunCoordinated` when its coordination command has
    returned 0. It then goes on, including processes that the command left running, until it is
    asked to start its application (whose end ends it) or is cancelled.

    `user` is the user it runs as, None for the pool's auto user without administrator rights. A
    run with a `failure` must not be started: the failure is its result. With a `container` it
    runs in one; only there the command can be the entry point of an image. The node uploads
    `output_files` when the process has ended, before `RunExited`.

    A run `ahead` waits on the node until a run of a task there exits, or a slot is free anyway:
    then the oldest starts, as the `then` of that exit or with a `RunStarted`.
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
    container: TaskContainerSettings | None = None
    ahead: bool = False


NOT_CONFIGURED = (
    "the pool has no container configuration: create it with "
    "virtual_machine_configuration=ContainerConfiguration(...)"
)


def no_containers(reason: str) -> FailureInfo:
    """The failure of a run that names a container, on a node that runs none."""
    return FailureInfo(
        category="UserError",
        code="ContainerPoolNotSupported",
        message="The specified pool does not support container tasks",
        details={"Message": reason},
    )


class StartApplication(Command, frozen=True, kw_only=True):
    """All coordination commands have succeeded: run the application command on the primary."""

    run_id: RunId


class CancelRun(Command, frozen=True, kw_only=True):
    """Kill all processes of a run, or do not start it; `RunExited` follows in either case."""

    run_id: RunId


class TakeBack(Command, frozen=True, kw_only=True):
    """Do not start these runs, which wait on the node: answer `TakenBack`, in order of reports."""

    node_id: str
    run_ids: tuple[RunId, ...]


class ForgetJob(Command, frozen=True, kw_only=True):
    """The job has ended and has no release to run on this node: remove its footprint there."""

    job_id: str
    node_id: str


class ForgetCertificate(Command, frozen=True, kw_only=True):
    """A certificate was deleted: discard its contents."""

    thumbprint: str


class DeleteFiles(Command, frozen=True, kw_only=True):
    """Delete directories of a node: hidden at once, removed from disk when there is time."""

    node_id: str
    directories: tuple[str, ...]


# -- changes ------------------------------------------------------------------------------------


class Change(msgspec.Struct, frozen=True, tag=True, kw_only=True, omit_defaults=True, gc=False):
    """Base of changes that watchers see. `reason` says why, in Azure's words if there are any."""

    at: float
    reason: str = ""


class PoolChanged(Change, frozen=True, kw_only=True):
    """`target_...` are the target numbers of nodes; each node has `task_slots_per_node`.

    `vm_size` determines their price, even after the pool is gone, unless they have none.
    """

    pool_id: str
    state: str
    allocation_state: str
    target_dedicated_nodes: int = 0
    target_low_priority_nodes: int = 0
    task_slots_per_node: int = 1
    vm_size: str = ""
    priced: bool = True


class AutoScaleEvaluated(Change, frozen=True, kw_only=True):
    pool_id: str
    results: str
    error: str = ""


class NodeChanged(Change, frozen=True, kw_only=True):
    """The first state is ``creating``; ``deleted`` means that the node is no longer listed."""

    pool_id: str
    node_id: str
    state: str
    dedicated: bool = True


class JobChanged(Change, frozen=True, kw_only=True):
    """``deleted`` means that the job is no longer listed."""

    job_id: str
    state: str
    pool_id: str = ""


class JobScheduleChanged(Change, frozen=True, kw_only=True):
    job_schedule_id: str
    state: str


class TaskChanged(Change, frozen=True, kw_only=True):
    """`node_id` is where it runs or last ran, `slots` how many slots it uses there.

    The reason is why a ``completed`` task failed (`reason_of`; empty if it succeeded), or why it
    is ``active`` again. ``deleted`` means that it is no longer listed. An ``active`` task that
    waits for tasks it depends on is `blocked`; another change follows when it no longer is. A
    ``completed`` one says when it had `started` and its `exit_code`, if it had any: a watcher may
    have missed the start.
    """

    job_id: str
    task_id: str
    state: str
    node_id: str = ""
    slots: int = 1
    blocked: bool = False
    started: float | None = None
    exit_code: int | None = None


class SubtaskChanged(Change, frozen=True, kw_only=True):
    """A subtask of a multi-instance task, except the primary: `TaskChanged` covers that one.

    It is ``preparing`` while the task waits for its nodes, ``running``, or ``completed``.
    """

    job_id: str
    task_id: str
    subtask_id: int
    node_id: str
    state: str


class ApplicationChanged(Change, frozen=True, kw_only=True):
    """An application (with `version`, one of its packages) was added, changed or ``deleted``."""

    application_id: str
    state: str
    version: str = ""


class CertificateChanged(Change, frozen=True, kw_only=True):
    thumbprint: str
    state: str


class NodeTaskChanged(Change, frozen=True, kw_only=True, tag="HookChanged"):
    """A start, preparation or release task on a node started or ended.

    The reason of a ``completed`` one is why it failed (`reason_of`), empty for success.
    ``pending`` means that it was interrupted with its node and will run again.
    """

    kind: RunKind
    job_id: str
    node_id: str
    state: str


class Step(msgspec.Struct, frozen=True):
    """The result of one input."""

    commands: list[Command]
    changes: list[Change]
