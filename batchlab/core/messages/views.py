"""What can be seen: frozen pictures of pools, nodes, jobs and tasks, under the SDK's field names.

Made from records by pure functions (`batchlab.core.answers.queries`); looking never changes
anything. Times are aware datetimes on the lab's clock, None is "not yet" or "without limit".
"""

from __future__ import annotations

from datetime import datetime, timedelta

from batchlab.autoscale.results import AutoScaleRun
from batchlab.core.model import (
    AffinityInfo,
    ApplicationPackageReference,
    CertificateReference,
    ExitConditions,
    JobConstraints,
    JobManagerTask,
    JobPreparationTask,
    JobReleaseTask,
    JobSpec,
    MultiInstanceSettings,
    OutputFile,
    PoolInfo,
    ResourceFile,
    Schedule,
    StartTask,
    TaskConstraints,
    TaskDependencies,
    TaskSchedulingPolicy,
    UserAccount,
    UserIdentity,
)
from batchlab.core.model.values import (
    DeleteCertificateError,
    FailureInfo,
    NodeUsage,
    ResizeError,
    TaskCounts,
    View,
)


class PoolView(View, frozen=True, kw_only=True):
    """A pool.

    `etag` and `last_modified` are those of the last change that somebody made, as of all things;
    they stay when its state changes.
    """

    id: str
    state: str
    state_transition_time: datetime
    creation_time: datetime
    last_modified: datetime
    etag: str
    allocation_state: str
    allocation_state_transition_time: datetime
    vm_size: str
    target_dedicated_nodes: int
    current_dedicated_nodes: int
    target_low_priority_nodes: int
    current_low_priority_nodes: int
    resize_timeout: timedelta
    resize_errors: tuple[ResizeError, ...]
    task_slots_per_node: int
    task_scheduling_policy: TaskSchedulingPolicy
    start_task: StartTask | None
    application_package_references: tuple[ApplicationPackageReference, ...]
    certificate_references: tuple[CertificateReference, ...]
    user_accounts: tuple[UserAccount, ...]
    enable_auto_scale: bool
    auto_scale_formula: str | None
    auto_scale_evaluation_interval: timedelta | None
    auto_scale_run: AutoScaleRun | None
    enable_inter_node_communication: bool
    display_name: str | None
    metadata: dict[str, str]
    node_counts: dict[str, int]
    """Nodes by state."""


class CostView(View, frozen=True, kw_only=True):
    """What nodes of one size and kind did with their time, in node-hours, and its price.

    The hours add up: at any moment a node does one thing. `machines` counts those that were had;
    a spot node that came back after it was preempted counts again.
    """

    vm_size: str
    is_dedicated: bool
    machines: int
    task_hours: float
    """A task held its slots."""
    preparation_hours: float
    """No task ran, but a job preparation task."""
    release_hours: float
    """No task ran, but a job release task."""
    start_task_hours: float
    """It ran its start task and took no task yet."""
    idle_hours: float
    """It could have run tasks and had none, or was offline."""
    boot_hours: float
    """It started, rebooted, was reimaged, or went."""
    down_hours: float
    """It was unusable or unknown, or its start task had failed."""
    price_per_hour: float | None
    """In US dollars, a list price as an illustration; None for a size without a known price."""

    @property
    def node_hours(self) -> float:
        """All hours that a machine was there."""
        return (
            self.task_hours
            + self.preparation_hours
            + self.release_hours
            + self.start_task_hours
            + self.idle_hours
            + self.boot_hours
            + self.down_hours
        )

    @property
    def cost(self) -> float | None:
        """What all of them would have cost, in US dollars; None without a known price."""
        return None if self.price_per_hour is None else self.node_hours * self.price_per_hour


class ExecutionInfo(View, frozen=True, kw_only=True):
    """One start, preparation or release task on one node."""

    state: str
    start_time: datetime
    end_time: datetime | None = None
    exit_code: int | None = None
    failure_info: FailureInfo | None = None
    retry_count: int = 0
    last_retry_time: datetime | None = None
    result: str | None = None
    task_root_directory: str = ""


class NodeView(View, frozen=True, kw_only=True):
    """A node."""

    id: str
    pool_id: str
    state: str
    state_transition_time: datetime
    scheduling_state: str
    allocation_time: datetime | None
    last_boot_time: datetime | None
    ip_address: str | None
    affinity_id: str
    vm_size: str
    is_dedicated: bool
    task_slots: int
    running_tasks_count: int
    running_task_slots_count: int
    total_tasks_run: int
    total_tasks_succeeded: int
    start_task: StartTask | None
    """The one it has run since its last start."""
    start_task_info: ExecutionInfo | None
    certificate_references: tuple[CertificateReference, ...]
    """Those it has had since its last start."""
    errors: tuple[ResizeError, ...]
    usage: NodeUsage | None
    """What was last measured there; None before anybody asked."""
    running_tasks: tuple[tuple[str, str], ...]
    """Job id and task id of what runs there now."""


class JobView(View, frozen=True, kw_only=True):
    """A job."""

    id: str
    state: str
    state_transition_time: datetime
    previous_state: str | None
    previous_state_transition_time: datetime | None
    creation_time: datetime
    last_modified: datetime
    etag: str
    priority: int
    constraints: JobConstraints
    pool_info: PoolInfo
    job_manager_task: JobManagerTask | None
    job_preparation_task: JobPreparationTask | None
    job_release_task: JobReleaseTask | None
    on_all_tasks_complete: str
    on_task_failure: str
    uses_task_dependencies: bool
    max_parallel_tasks: int
    allow_task_preemption: bool
    common_environment_settings: dict[str, str]
    display_name: str | None
    metadata: dict[str, str]
    start_time: datetime
    end_time: datetime | None
    pool_id: str
    """The pool it runs on: of an auto pool, the real one."""
    scheduling_error: FailureInfo | None
    terminate_reason: str | None
    task_counts: TaskCounts


class JobScheduleView(View, frozen=True, kw_only=True):
    """A job schedule."""

    id: str
    state: str
    state_transition_time: datetime
    previous_state: str | None
    previous_state_transition_time: datetime | None
    creation_time: datetime
    last_modified: datetime
    etag: str
    schedule: Schedule
    job_specification: JobSpec
    display_name: str | None
    metadata: dict[str, str]
    next_run_time: datetime | None
    recent_job_id: str | None
    end_time: datetime | None


class TaskView(View, frozen=True, kw_only=True):
    """A task."""

    id: str
    job_id: str
    state: str
    state_transition_time: datetime
    previous_state: str | None
    previous_state_transition_time: datetime | None
    creation_time: datetime
    last_modified: datetime
    etag: str
    command_line: str
    environment_settings: dict[str, str]
    resource_files: tuple[ResourceFile, ...]
    output_files: tuple[OutputFile, ...]
    constraints: TaskConstraints
    """With the values in force: the job's retries, the default retention."""
    required_slots: int
    display_name: str | None
    depends_on: TaskDependencies | None
    exit_conditions: ExitConditions | None
    affinity_info: AffinityInfo | None
    application_package_references: tuple[ApplicationPackageReference, ...]
    multi_instance_settings: MultiInstanceSettings | None
    user_identity: UserIdentity | None
    node_id: str | None
    pool_id: str | None
    task_root_directory: str | None
    start_time: datetime | None
    end_time: datetime | None
    exit_code: int | None
    failure_info: FailureInfo | None
    result: str | None
    retry_count: int
    last_retry_time: datetime | None
    requeue_count: int
    last_requeue_time: datetime | None


class SubtaskView(View, frozen=True, kw_only=True):
    """A subtask of a multi-instance task: its coordination command on one node.

    `state` is ``preparing``, ``running`` (also while what the command has started lives on) or
    ``completed``.
    """

    id: int
    state: str
    state_transition_time: datetime
    previous_state: str | None
    previous_state_transition_time: datetime | None
    node_id: str
    pool_id: str
    task_root_directory: str
    start_time: datetime | None
    end_time: datetime | None
    exit_code: int | None
    failure_info: FailureInfo | None
    result: str | None


class PreparationView(View, frozen=True, kw_only=True):
    """The preparation and release of one job on one node: a row of the status list."""

    pool_id: str
    node_id: str
    job_preparation_task_execution_info: ExecutionInfo
    job_release_task_execution_info: ExecutionInfo | None = None


class ApplicationView(View, frozen=True, kw_only=True):
    """An application: `versions` are those of its packages, in order of creation."""

    id: str
    display_name: str | None
    allow_updates: bool
    default_version: str | None
    versions: tuple[str, ...]


class ApplicationPackageView(View, frozen=True, kw_only=True):
    """A version of an application; `storage_url` is where its contents lie."""

    application_id: str
    version: str
    state: str
    format: str
    content_length: int
    last_activation_time: datetime
    storage_url: str


class CertificateView(View, frozen=True, kw_only=True):
    """A certificate. `public_data` is its public part, DER in base 64; the rest is not shown."""

    thumbprint: str
    thumbprint_algorithm: str
    certificate_format: str
    state: str
    state_transition_time: datetime
    previous_state: str | None
    previous_state_transition_time: datetime | None
    public_data: str
    delete_certificate_error: DeleteCertificateError | None
