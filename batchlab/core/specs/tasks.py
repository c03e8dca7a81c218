"""Tasks: one command line, what it needs, and its limits."""

from __future__ import annotations

from batchlab.core.ids import check_id
from batchlab.core.model import Model
from batchlab.core.specs.applications import (
    ApplicationPackageReference,
    check_package_references,
)
from batchlab.core.specs.common import (
    TaskConstraints,
    check_command,
    check_display_name,
)
from batchlab.core.specs.conditions import AffinityInfo, ExitConditions, TaskDependencies
from batchlab.core.specs.files import OutputFile, ResourceFile, check_files
from batchlab.core.specs.users import UserIdentity
from batchlab.errors import invalid


class TaskSpec(Model, frozen=True, kw_only=True):
    """A command line to run once, on any node of the job's pool.

    Parameters
    ----------
    id : str
        1 to 64 letters, digits, hyphens and underscores, unique in the job without regard to case.
    command_line : str
        Started without a shell: ``$VAR``, ``|`` and ``>`` mean something only inside
        ``/bin/sh -c '...'``.
    resource_files : list of ResourceFile or str, optional
        Files to fetch into the working directory first.
    environment_settings : mapping or list of EnvironmentSetting, optional
    constraints : TaskConstraints, optional
    required_slots : int, default 1
        Slots of a node that a run takes.
    display_name : str, optional
        Any text, up to 1024 characters.
    depends_on : TaskDependencies or list of str, optional
        Tasks of the job that must end well first; needs a job with ``uses_task_dependencies``.
    exit_conditions : ExitConditions, optional
        What follows from how the task ends.
    affinity_info : AffinityInfo or str, optional
        The `affinity_id` of a node that it would like to run on.
    application_package_references : list of ApplicationPackageReference, optional
        What is unpacked on the node first, unless it is there already; at most 10.
    user_identity : UserIdentity or str, optional
        Who it runs as; the pool's auto user, not elevated, if omitted.
    output_files : list of OutputFile, optional
        Files to upload when its process has ended.
    """

    id: str
    command_line: str
    resource_files: tuple[ResourceFile, ...] = ()
    environment_settings: dict[str, str] = {}
    constraints: TaskConstraints = TaskConstraints()
    required_slots: int = 1
    display_name: str | None = None
    depends_on: TaskDependencies | None = None
    exit_conditions: ExitConditions | None = None
    affinity_info: AffinityInfo | None = None
    application_package_references: tuple[ApplicationPackageReference, ...] = ()
    user_identity: UserIdentity | None = None
    output_files: tuple[OutputFile, ...] = ()

    def __post_init__(self) -> None:
        check_id(self.id, owner="TaskSpec")
        check_command(self.command_line, "TaskSpec")
        check_display_name(self.display_name, "TaskSpec")
        check_package_references(self.application_package_references, "TaskSpec")
        check_files(self.resource_files, "TaskSpec")
        if not 1 <= self.required_slots <= 256:
            raise invalid("required_slots", self.required_slots, "must be 1 to 256",
                          owner="TaskSpec")  # fmt: skip
