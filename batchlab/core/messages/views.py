"""What can be seen: frozen pictures of pools, nodes, jobs and tasks, under the SDK's field names.

Made from records by pure functions (`batchlab.core.answers.queries`); looking never changes
anything. Times are aware datetimes on the lab's clock, None is "not yet" or "without limit".
"""

from __future__ import annotations

from datetime import datetime

from batchlab.autoscale.results import AutoScaleRun
from batchlab.core.model import (
    CertificateReference,
    StartTask,
)
from batchlab.core.model.fields import Fields
from batchlab.core.model.jobs import JobFields
from batchlab.core.model.pools import PoolFields
from batchlab.core.model.schedules import JobScheduleFields
from batchlab.core.model.tasks import TaskFields
from batchlab.core.model.values import (
    DeleteCertificateError,
    FailureInfo,
    NodeUsage,
    ResizeError,
    TaskCounts,
    View,
)


class Versioned(Fields):
    """What is seen of whatever a user creates, and may change.

    Attributes
    ----------
    state : str
        What it is doing.
    state_transition_time : datetime
        When it came into this state.
    creation_time : datetime
        When it was created.
    last_modified : datetime
        When somebody last changed it; this stays when its state changes.
    etag : str
        Names the version: another one after each change that somebody made.
    """

    __slots__ = ()
    state: str
    state_transition_time: datetime
    creation_time: datetime
    last_modified: datetime
    etag: str


class Progressing(Versioned):
    """The same of what passes through several states.

    Attributes
    ----------
    previous_state : str, optional
        The lasting state before.
    previous_state_transition_time : datetime, optional
        When that one began.
    """

    __slots__ = ()
    previous_state: str | None
    previous_state_transition_time: datetime | None


class PoolProperties(PoolFields, Versioned):
    """What is seen of a pool.

    Attributes
    ----------
    state : str
        ``active`` or ``deleting``.
    allocation_state : str
        ``steady``, ``resizing`` or ``stopping``.
    allocation_state_transition_time : datetime
        When that began.
    current_dedicated_nodes : int
        How many dedicated nodes it has, in whatever state.
    current_low_priority_nodes : int
        How many spot nodes it has, preempted ones among them.
    resize_errors : tuple of ResizeError
        Why the last resize fell short, if it did.
    auto_scale_formula : str, optional
        The formula it follows; None if it follows none.
    auto_scale_run : AutoScaleRun, optional
        The last evaluation of its formula.
    node_counts : dict
        How many nodes are in which state.
    """

    __slots__ = ()
    allocation_state: str
    allocation_state_transition_time: datetime
    current_dedicated_nodes: int
    current_low_priority_nodes: int
    resize_errors: tuple[ResizeError, ...]
    auto_scale_run: AutoScaleRun | None
    node_counts: dict[str, int]


class PoolView(PoolProperties, View, frozen=True, kw_only=True):
    """A pool."""

    id: str
    enable_auto_scale: bool


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


class JobProperties(JobFields, Progressing):
    """What is seen of a job.

    Attributes
    ----------
    state : str
        ``active``, ``disabling``, ``disabled``, ``enabling``, ``terminating``, ``completed`` or
        ``deleting``.
    start_time : datetime
        When it began.
    end_time : datetime, optional
        When it was completed.
    pool_id : str
        The pool it runs on: of an auto pool, the one that was made.
    scheduling_error : FailureInfo, optional
        Why it could not start; while it ends, how many nodes it waits for.
    terminate_reason : str, optional
        Why it ended: ``UserTerminate``, ``AllTasksComplete``, ``MaxWallClockTimeExpiry`` ...
    task_counts : TaskCounts
        How many tasks are in which state.
    """

    __slots__ = ()
    start_time: datetime
    end_time: datetime | None
    pool_id: str
    scheduling_error: FailureInfo | None
    terminate_reason: str | None
    task_counts: TaskCounts


class JobView(JobProperties, View, frozen=True, kw_only=True):
    """A job."""

    id: str


class JobScheduleProperties(JobScheduleFields, Progressing):
    """What is seen of a job schedule.

    Attributes
    ----------
    state : str
        ``active``, ``disabled``, ``terminating``, ``completed`` or ``deleting``.
    next_run_time : datetime, optional
        When the next job is due.
    recent_job_id : str, optional
        The id of the last job that was made.
    end_time : datetime, optional
        When it was completed.
    """

    __slots__ = ()
    next_run_time: datetime | None
    recent_job_id: str | None
    end_time: datetime | None


class JobScheduleView(JobScheduleProperties, View, frozen=True, kw_only=True):
    """A job schedule."""

    id: str


class TaskProperties(TaskFields, Progressing):
    """What is seen of a task.

    Attributes
    ----------
    state : str
        ``active``, ``preparing``, ``running`` or ``completed``.
    previous_state : str, optional
        The state before.
    constraints : TaskConstraints
        Its limits, with the values in force: the job's retries, the default retention.
    node_id : str, optional
        The node it runs or last ran on.
    pool_id : str, optional
        The pool of that node.
    task_root_directory : str, optional
        Its directory, relative to the node's root.
    start_time : datetime, optional
        When the present or last run began.
    end_time : datetime, optional
        When it was completed.
    exit_code : int, optional
        Exit code of the last run; None if none was launched yet.
    failure_info : FailureInfo, optional
        Why it failed: `category`, `code`, `message`.
    retry_count : int
        How often it was repeated because its exit code was not zero.
    last_retry_time : datetime, optional
        When it was last repeated.
    requeue_count : int
        How often it was queued again because its node went.
    last_requeue_time : datetime, optional
        When it was last queued again.
    """

    __slots__ = ()
    node_id: str | None
    pool_id: str | None
    task_root_directory: str | None
    start_time: datetime | None
    end_time: datetime | None
    exit_code: int | None
    failure_info: FailureInfo | None
    retry_count: int
    last_retry_time: datetime | None
    requeue_count: int
    last_requeue_time: datetime | None


class TaskView(TaskProperties, View, frozen=True, kw_only=True):
    """A task."""

    id: str
    job_id: str
    result: str | None


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
