"""Tasks: a command line, what it needs, and its limits."""

from __future__ import annotations

from typing import Annotated

from batchlab.core.model.applications import DistinctPackages
from batchlab.core.model.base import Model
from batchlab.core.model.common import (
    Commanded,
    CommandLine,
    DisplayName,
    Slots,
    TaskConstraints,
)
from batchlab.core.model.conditions import AffinityInfo, ExitConditions, TaskDependencies
from batchlab.core.model.containers import TaskContainerSettings
from batchlab.core.model.fields import Fields
from batchlab.core.model.files import OutputFile, ResourceFile, ResourceFiles
from batchlab.core.model.ids import Id
from batchlab.core.model.ranges import Range
from batchlab.core.model.users import UserIdentity


class MultiInstanceSettings(Model, frozen=True, kw_only=True):
    """A task that runs on several communicating nodes at once (MPI, for example).

    On each node the coordination command runs first, usually to start a service; it must return 0.
    When it has succeeded on every node, the task's own command runs on one of them, the primary.
    When that command ends, the task ends, and all processes that the coordination commands left
    running are killed.

    Parameters
    ----------
    coordination_command_line : str
        Runs on all nodes, as subtask 0 (the primary), 1, 2 ...
    number_of_instances : int, default 1
        How many nodes the task needs, all at once.
    common_resource_files : list of ResourceFile or str, optional
        Files to download into the task's shared directory (``AZ_BATCH_TASK_SHARED_DIR``) on each
        node; the task's own resource files go to the primary only.
    """

    coordination_command_line: CommandLine
    number_of_instances: Annotated[int, Range(1)] = 1
    common_resource_files: tuple[ResourceFile, ...] = ()


class CommandFields(Fields):
    """Properties that a task and a job manager task share.

    Attributes
    ----------
    command_line : str
        The command to run. It is started without a shell: ``$VAR``, ``|`` and ``>`` only work
        inside ``/bin/sh -c '...'``.
    resource_files : list of ResourceFile or str, optional
        Files to download into the working directory first.
    output_files : list of OutputFile, optional
        Files to upload when its process has ended.
    environment_settings : mapping or list of EnvironmentSetting, optional
        Environment variables of its process.
    constraints : TaskConstraints, optional
        Its limits: wall-clock time, retries, how long its directory is kept.
    required_slots : int, default 1
        How many slots of a node a run takes, 1 to 256.
    display_name : str, optional
        Any text, up to 1024 characters.
    application_package_references : list of ApplicationPackageReference, optional
        Packages to unpack on the node first, unless they are there already; at most 10.
    user_identity : UserIdentity or str, optional
        The user it runs as. If omitted, the pool's auto user without administrator rights.
    container_settings : TaskContainerSettings or str, optional
        The container that it runs in, or its image; requires a pool with a container
        configuration. An empty command line then runs the entry point of the image.
    """

    __slots__ = ()
    command_line: CommandLine
    resource_files: ResourceFiles = ()
    output_files: tuple[OutputFile, ...] = ()
    environment_settings: dict[str, str] = {}
    constraints: TaskConstraints = TaskConstraints()
    required_slots: Slots = 1
    display_name: DisplayName | None = None
    application_package_references: DistinctPackages = ()
    user_identity: UserIdentity | None = None
    container_settings: TaskContainerSettings | None = None


class TaskFields(CommandFields):
    """What a user specifies for a task.

    Attributes
    ----------
    depends_on : TaskDependencies or list of str, optional
        Tasks of the job that must succeed first; requires a job with ``uses_task_dependencies``.
    exit_conditions : ExitConditions, optional
        What happens when the task ends, depending on how it ends.
    affinity_info : AffinityInfo or str, optional
        The `affinity_id` of the node that it should run on if possible.
    multi_instance_settings : MultiInstanceSettings, optional
        Runs the task on several nodes at once. It requires a pool with
        ``enable_inter_node_communication`` and one slot per node, and a `required_slots` of 1.
        Otherwise the task is accepted but stays ``active``.
    """

    __slots__ = ()
    depends_on: TaskDependencies | None = None
    exit_conditions: ExitConditions | None = None
    affinity_info: AffinityInfo | None = None
    multi_instance_settings: MultiInstanceSettings | None = None


class TaskSpec(TaskFields, Commanded, frozen=True, kw_only=True):
    """A command line to run once, on any node of the job's pool.

    Parameters
    ----------
    id : str
        1 to 64 letters, digits, hyphens and underscores, unique in the job without regard to case.
    """

    id: Id
