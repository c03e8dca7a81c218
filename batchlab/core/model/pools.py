"""Pools: how many nodes of which size, and what runs when they start."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any, Literal

import msgspec

from batchlab.core.model.applications import DistinctPackages
from batchlab.core.model.base import Model
from batchlab.core.model.certificates import DistinctCertificates
from batchlab.core.model.common import Commanded, CommandLine, DisplayName, Retries
from batchlab.core.model.containers import (
    ContainerConfiguration,
    TaskContainerSettings,
    VirtualMachineConfiguration,
)
from batchlab.core.model.fields import Fields
from batchlab.core.model.files import ResourceFile
from batchlab.core.model.ids import check_id
from batchlab.core.model.ranges import Range
from batchlab.core.model.secrets import reveal_secret
from batchlab.core.model.sizes import vm_cores
from batchlab.core.model.users import UserAccounts, UserIdentity
from batchlab.errors import InvalidRequest, invalid

NodeFill = Literal["spread", "pack"]
JobDefaultOrder = Literal["none", "creationtime"]
EVALUATION_INTERVAL = timedelta(minutes=15)
LARGEST_TARGET = 100_000
"""The largest target for nodes of one kind, set by a user or by a formula."""
RESIZE_TIMEOUT = timedelta(minutes=15)
NodeTarget = Annotated[int, Range(0, LARGEST_TARGET)]
ResizeTimeout = Annotated[timedelta, Range(timedelta(minutes=5))]
EvaluationInterval = Annotated[timedelta, Range(timedelta(minutes=5), timedelta(hours=168))]


class StartTask(Commanded, frozen=True, kw_only=True):
    """A command that runs each time a node starts: joins, reboots, is reimaged or recovers.

    Parameters
    ----------
    command_line : str
    resource_files, environment_settings, user_identity, container_settings
        As for a task.
    max_task_retry_count : int, default 0
        N retries mean up to N+1 runs; -1 means no limit.
    wait_for_success : bool, default True
        Whether the node runs tasks only after it has succeeded.
    """

    command_line: CommandLine
    resource_files: tuple[ResourceFile, ...] = ()
    environment_settings: dict[str, str] = {}
    max_task_retry_count: Retries = 0
    wait_for_success: bool = True
    user_identity: UserIdentity | None = None
    container_settings: TaskContainerSettings | None = None

    @classmethod
    def _from_sugar(cls, value: Any) -> Any:
        return cls(command_line=value) if isinstance(value, str) else None

    def __post_init__(self) -> None:
        if len(msgspec.json.encode(self, enc_hook=reveal_secret)) > 32_768:
            raise invalid(
                "start_task", "...", "its description must have at most 32768 characters",
                owner="StartTask",
            )  # fmt: skip


class TaskSchedulingPolicy(Model, frozen=True, kw_only=True):
    """How tasks are distributed over the nodes of a pool.

    Parameters
    ----------
    node_fill_type : {"spread", "pack"}, default "spread"
        Spread tasks over all nodes, or fill one node after the other.
    job_default_order : {"none", "creationtime"}, default "none"
        Jobs of equal priority take turns, or the oldest goes first.
    """

    node_fill_type: NodeFill = "spread"
    job_default_order: JobDefaultOrder = "none"

    @classmethod
    def _from_sugar(cls, value: Any) -> Any:
        fill: Any = value  # checked by the constructor
        return cls(node_fill_type=fill) if isinstance(value, str) else None


class PoolFields(Fields):
    """What a user specifies for a pool.

    Attributes
    ----------
    vm_size : str, default "small"
        The size of its nodes: ``small`` (1 core), ``medium`` (2), ``large`` (4), ``extralarge``
        (8), or an Azure size such as ``standard_d4s_v3``. `Lab.vm_sizes` lists those with a known
        price; any other name must follow Azure's pattern, and its cores are read from it.
    target_dedicated_nodes : int, default 0
        How many dedicated nodes it should have.
    target_low_priority_nodes : int, default 0
        How many spot nodes it should have in addition: they are cheaper, but can be preempted at
        any time.
    resize_timeout : duration, default 15 minutes
        How long a resize may take; at least 5 minutes.
    task_slots_per_node : int, default 1
        How many task slots a node has: up to 4 per core, at most 256.
    task_scheduling_policy : TaskSchedulingPolicy or str, default "spread"
        How tasks are distributed over the nodes.
    start_task : StartTask or str, optional
        Command that each node runs when it starts.
    application_package_references : list of ApplicationPackageReference, optional
        Packages that each node unpacks when it starts; at most 10. Applications, packages and ids
        work as well.
    certificate_references : list of CertificateReference, optional
        Certificates that each node has before its start task runs. Certificates and thumbprints
        work as well. Azure retired certificates in February 2024.
    auto_scale_formula : str, optional
        The formula that sets its targets. Required with `enable_auto_scale`, not allowed without.
    auto_scale_evaluation_interval : duration, default 15 minutes
        How often the formula is evaluated: 5 minutes to 168 hours.
    enable_inter_node_communication : bool, default False
        Whether nodes can communicate with each other, as multi-instance tasks require. Such a pool
        has at most 100 nodes. Its tasks find the node's address in ``BATCHLAB_NODE_IP_ADDRESS``,
        and the range of ports reserved for it in ``WATASK_PORTRANGE_LOW`` and
        ``WATASK_PORTRANGE_HIGH`` (inclusive).
    user_accounts : list of UserAccount, optional
        User accounts on each node, for tasks to run as.
    virtual_machine_configuration : VirtualMachineConfiguration, optional
        With a `ContainerConfiguration`, which works as well, its nodes run containers.
    display_name : str, optional
        Any text, up to 1024 characters.
    metadata : mapping, optional
        Names and values for your own use: the service only stores them.
    """

    __slots__ = ()
    vm_size: str = "small"
    target_dedicated_nodes: NodeTarget = 0
    target_low_priority_nodes: NodeTarget = 0
    resize_timeout: ResizeTimeout = RESIZE_TIMEOUT
    task_slots_per_node: int = 1
    task_scheduling_policy: TaskSchedulingPolicy = TaskSchedulingPolicy()
    start_task: StartTask | None = None
    application_package_references: DistinctPackages = ()
    certificate_references: DistinctCertificates = ()
    auto_scale_formula: str | None = None
    auto_scale_evaluation_interval: EvaluationInterval | None = None
    enable_inter_node_communication: bool = False
    user_accounts: UserAccounts = ()
    virtual_machine_configuration: VirtualMachineConfiguration | None = None
    display_name: DisplayName | None = None
    metadata: dict[str, str] = {}


class PoolSpec(PoolFields, Model, frozen=True, kw_only=True):
    """A set of nodes of one size.

    Parameters
    ----------
    id : str
        Omitted in the specification of an auto pool, which the service names.
    enable_auto_scale : bool, default False
        Whether a formula sets the targets of the pool.
    """

    id: str = ""
    enable_auto_scale: bool = False

    def __post_init__(self) -> None:
        if self.id:
            check_id(self.id, owner="PoolSpec")
        if not self.vm_size.strip():
            raise invalid(
                "vm_size", self.vm_size, "give a size, such as 'small'", owner="PoolSpec"
            )
        msgspec.structs.force_setattr(self, "vm_size", self.vm_size.lower())
        self._check_auto_scale()
        most = min(4 * vm_cores(self.vm_size), 256)
        if not 1 <= self.task_slots_per_node <= most:
            raise invalid(
                "task_slots_per_node",
                self.task_slots_per_node,
                f"must be 1 to {most} with vm_size {self.vm_size!r} (4 slots per core, up to 256)",
                owner="PoolSpec",
            )

    def _check_auto_scale(self) -> None:
        code = "InvalidAutoScalingSettings"
        if self.enable_auto_scale and self.auto_scale_formula is None:
            raise InvalidRequest(
                "MissingRequiredProperty",
                "PoolSpec.auto_scale_formula is required with enable_auto_scale",
                {"PropertyName": "auto_scale_formula"},
            )
        if not self.enable_auto_scale:
            for name in ("auto_scale_formula", "auto_scale_evaluation_interval"):
                if getattr(self, name) is not None:
                    raise invalid(name, getattr(self, name), "requires enable_auto_scale=True",
                                  owner="PoolSpec", code=code)  # fmt: skip
        elif self.target_dedicated_nodes or self.target_low_priority_nodes:
            raise invalid("target_dedicated_nodes", self.target_dedicated_nodes,
                          "the formula sets the targets: omit them", owner="PoolSpec",
                          code=code)  # fmt: skip

    @property
    def containers(self) -> ContainerConfiguration | None:
        """What lets its nodes run containers, if they may."""
        machine = self.virtual_machine_configuration
        return None if machine is None else machine.container_configuration
