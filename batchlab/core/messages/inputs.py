"""What goes into the core: requests, which it may refuse, and reports, which are `facts`.

A request is an operation of the SDK. It is checked completely before anything changes, and refused
with a `BatchError`.
"""

from __future__ import annotations

from datetime import datetime

import msgspec

from batchlab.core.model import (
    AllTasksComplete,
    CertificateFormat,
    Deallocation,
    DisableTasks,
    JobConstraints,
    JobScheduleSpec,
    JobSpec,
    PoolInfo,
    PoolSpec,
    Schedule,
    StartTask,
    TaskConstraints,
    TaskSchedulingPolicy,
    TaskSpec,
    ThumbprintAlgorithm,
)
from batchlab.core.model.applications import DistinctPackages, Version
from batchlab.core.model.certificates import DistinctCertificates
from batchlab.core.model.common import DisplayName
from batchlab.core.model.ids import Id
from batchlab.core.model.jobs import MaxParallelTasks, Priority
from batchlab.core.model.pickling import packed
from batchlab.core.model.pools import EvaluationInterval, NodeTarget, ResizeTimeout
from batchlab.core.model.users import UserAccounts, UserName, forget


class Input(msgspec.Struct, frozen=True, tag=True, kw_only=True, omit_defaults=True, gc=False):
    """Base of requests and reports."""

    __reduce__ = packed


class Request(Input, frozen=True, kw_only=True):
    """An operation that a user asks for."""


# -- requests: pools and nodes ------------------------------------------------------------------


class CreatePool(Request, frozen=True, kw_only=True):
    spec: PoolSpec


class UpdatePool(Request, frozen=True, kw_only=True):
    """PATCH of a pool: None keeps a property; nodes apply changes at their next start.

    Those from `vm_size` on can only change while the pool has no nodes.
    """

    pool_id: str
    start_task: StartTask | None = None
    application_package_references: DistinctPackages | None = None
    certificate_references: DistinctCertificates | None = None
    display_name: DisplayName | None = None
    metadata: dict[str, str] | None = None
    vm_size: str | None = None
    task_slots_per_node: int | None = None
    task_scheduling_policy: TaskSchedulingPolicy | None = None
    enable_inter_node_communication: bool | None = None
    user_accounts: UserAccounts | None = None


class ReplacePoolProperties(Request, frozen=True, kw_only=True):
    """The same, but properties that are not given are removed."""

    pool_id: str
    start_task: StartTask | None = None
    application_package_references: DistinctPackages = ()
    certificate_references: DistinctCertificates = ()
    metadata: dict[str, str] = {}


class ResizePool(Request, frozen=True, kw_only=True):
    pool_id: str
    target_dedicated_nodes: NodeTarget | None = None
    target_low_priority_nodes: NodeTarget | None = None
    resize_timeout: ResizeTimeout | None = None
    node_deallocation_option: Deallocation = "requeue"


class EnableAutoScale(Request, frozen=True, kw_only=True):
    """Turn on autoscale; None keeps a property."""

    pool_id: str
    auto_scale_formula: str | None = None
    auto_scale_evaluation_interval: EvaluationInterval | None = None


class DisableAutoScale(Request, frozen=True, kw_only=True):
    pool_id: str


class StopPoolResize(Request, frozen=True, kw_only=True):
    pool_id: str


class DeletePool(Request, frozen=True, kw_only=True):
    pool_id: str


class RemoveNodes(Request, frozen=True, kw_only=True):
    pool_id: str
    node_ids: tuple[str, ...]
    resize_timeout: ResizeTimeout | None = None
    node_deallocation_option: Deallocation = "requeue"


class RebootNode(Request, frozen=True, kw_only=True):
    pool_id: str
    node_id: str
    node_reboot_option: Deallocation = "requeue"


class ReimageNode(Request, frozen=True, kw_only=True):
    pool_id: str
    node_id: str
    node_reimage_option: Deallocation = "requeue"


class DeallocateNode(Request, frozen=True, kw_only=True):
    pool_id: str
    node_id: str
    node_deallocate_option: Deallocation = "requeue"


class StartDeallocatedNode(Request, frozen=True, kw_only=True):
    pool_id: str
    node_id: str


class PreemptNode(Request, frozen=True, kw_only=True):
    """Preempt a spot node, as the cloud does when it needs the capacity (only in a lab)."""

    pool_id: str
    node_id: str


class MeasurePool(Request, frozen=True, kw_only=True):
    """Measure the nodes of a pool now, as happens regularly while autoscale is on."""

    pool_id: str


class DisableNodeScheduling(Request, frozen=True, kw_only=True):
    pool_id: str
    node_id: str
    node_disable_scheduling_option: Deallocation = "requeue"


class EnableNodeScheduling(Request, frozen=True, kw_only=True):
    pool_id: str
    node_id: str


class CreateNodeUser(Request, frozen=True, kw_only=True):
    """Add a user to one node. Only whether there is a password or a key is kept."""

    pool_id: str
    node_id: str
    name: UserName
    is_admin: bool = False
    expiry_time: datetime | None = None
    password: str | None = None
    ssh_public_key: str | None = None

    def __post_init__(self) -> None:
        forget(self, "password", "ssh_public_key")


class ReplaceNodeUser(Request, frozen=True, kw_only=True):
    """PUT of a node's user: what is not given is removed, and it expires in a day."""

    pool_id: str
    node_id: str
    user_name: str
    expiry_time: datetime | None = None
    password: str | None = None
    ssh_public_key: str | None = None

    def __post_init__(self) -> None:
        forget(self, "password", "ssh_public_key")


class DeleteNodeUser(Request, frozen=True, kw_only=True):
    pool_id: str
    node_id: str
    user_name: str


# -- requests: jobs and tasks -------------------------------------------------------------------


class CreateJob(Request, frozen=True, kw_only=True):
    spec: JobSpec


class UpdateJob(Request, frozen=True, kw_only=True):
    """PATCH of a job: None keeps a property."""

    job_id: str
    priority: Priority | None = None
    constraints: JobConstraints | None = None
    pool_info: PoolInfo | None = None
    on_all_tasks_complete: AllTasksComplete | None = None
    max_parallel_tasks: MaxParallelTasks | None = None
    allow_task_preemption: bool | None = None
    metadata: dict[str, str] | None = None


class DisableJob(Request, frozen=True, kw_only=True):
    job_id: str
    disable_tasks: DisableTasks


class EnableJob(Request, frozen=True, kw_only=True):
    job_id: str


class TerminateJob(Request, frozen=True, kw_only=True):
    job_id: str
    reason: str = "UserTerminate"


class DeleteJob(Request, frozen=True, kw_only=True):
    job_id: str


class CreateTasks(Request, frozen=True, kw_only=True):
    """Add tasks: all of them or, if one is refused, none."""

    job_id: str
    specs: tuple[TaskSpec, ...]


class UpdateTask(Request, frozen=True, kw_only=True):
    """PUT of a task: only its constraints can change."""

    job_id: str
    task_id: str
    constraints: TaskConstraints


class TerminateTask(Request, frozen=True, kw_only=True):
    job_id: str
    task_id: str


class ReactivateTask(Request, frozen=True, kw_only=True):
    job_id: str
    task_id: str


class DeleteTask(Request, frozen=True, kw_only=True):
    job_id: str
    task_id: str


# -- requests: job schedules --------------------------------------------------------------------


class CreateJobSchedule(Request, frozen=True, kw_only=True):
    spec: JobScheduleSpec


class UpdateJobSchedule(Request, frozen=True, kw_only=True):
    """PATCH of a job schedule: None keeps a property; only later jobs are affected."""

    job_schedule_id: str
    schedule: Schedule | None = None
    job_specification: JobSpec | None = None
    metadata: dict[str, str] | None = None


class DisableJobSchedule(Request, frozen=True, kw_only=True):
    job_schedule_id: str


class EnableJobSchedule(Request, frozen=True, kw_only=True):
    job_schedule_id: str


class TerminateJobSchedule(Request, frozen=True, kw_only=True):
    job_schedule_id: str


class DeleteJobSchedule(Request, frozen=True, kw_only=True):
    job_schedule_id: str


# -- requests: applications and certificates ----------------------------------------------------


class CreateApplication(Request, frozen=True, kw_only=True):
    application_id: Id
    display_name: DisplayName | None = None
    allow_updates: bool = True


class UpdateApplication(Request, frozen=True, kw_only=True):
    """PATCH of an application: None keeps a property; "" clears `default_version`."""

    application_id: str
    display_name: DisplayName | None = None
    allow_updates: bool | None = None
    default_version: str | None = None


class DeleteApplication(Request, frozen=True, kw_only=True):
    application_id: str


class CreateApplicationPackage(Request, frozen=True, kw_only=True):
    """Add a version of an application, or replace its contents, which are stored at `location`."""

    application_id: str
    version: Version
    location: str
    digest: str
    content_length: int


class DeleteApplicationPackage(Request, frozen=True, kw_only=True):
    application_id: str
    version: str


class CreateCertificate(Request, frozen=True, kw_only=True):
    """Add a certificate: only its public properties, as only nodes may see its contents."""

    thumbprint: str
    certificate_format: CertificateFormat
    thumbprint_algorithm: ThumbprintAlgorithm = "sha1"
    public_data: str = ""


class DeleteCertificate(Request, frozen=True, kw_only=True):
    thumbprint: str


class CancelCertificateDeletion(Request, frozen=True, kw_only=True):
    thumbprint: str


class KeepProperties(Request, frozen=True, kw_only=True):
    """Keep what a client wrote to a resource and the service does not use, to return it.

    `key` has the kinds and ids that name the resource, `created` its creation time, `properties`
    a JSON object; empty to keep none.
    """

    key: tuple[str, ...]
    created: datetime
    properties: str = ""


REQUESTS: tuple[type[Request], ...] = tuple(Request.__subclasses__())
