"""What can be seen of each thing: the fields of its view, which are the properties of its handle.

Beside them a view has the names of the thing itself, and what its handle has in another form.
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
    ExecutionInfo,
    FailureInfo,
    NodeUsage,
    ResizeError,
    TaskCounts,
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


class NodeProperties(Fields):
    """What is seen of a node.

    Attributes
    ----------
    state : str
        ``idle``, ``running``, ``starting``, ``waitingforstarttask``, ``starttaskfailed``,
        ``offline``, ``rebooting``, ``leavingpool``, ``unknown`` ...
    state_transition_time : datetime
        When it came into this state.
    scheduling_state : str
        ``enabled`` or ``disabled``: whether it is given tasks.
    allocation_time : datetime, optional
        When the pool got it.
    last_boot_time : datetime, optional
        When it last started.
    ip_address : str, optional
        Its address in the pool.
    affinity_id : str
        What a task's `affinity_info` names it by.
    vm_size : str
        Its size.
    is_dedicated : bool
        Whether it is a dedicated node.
    task_slots : int
        How many slots it has.
    running_tasks_count : int
        How many tasks run there now.
    running_task_slots_count : int
        How many slots they take.
    total_tasks_run : int
        How many runs of tasks it has had.
    total_tasks_succeeded : int
        How many of them succeeded.
    start_task : StartTask, optional
        The start task that it has run; None without one.
    start_task_info : ExecutionInfo, optional
        How its start task went; None without one.
    certificate_references : tuple of CertificateReference
        The certificates it has had since its last start.
    errors : tuple of ResizeError
        What is wrong with it.
    usage : NodeUsage, optional
        What was last measured there: each 30 s while its pool follows a formula, or when
        `Pool.measure` asked; None before.
    running_tasks : tuple of pairs
        Job id and task id of what runs there.
    """

    __slots__ = ()
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
    start_task_info: ExecutionInfo | None
    certificate_references: tuple[CertificateReference, ...]
    errors: tuple[ResizeError, ...]
    usage: NodeUsage | None
    running_tasks: tuple[tuple[str, str], ...]


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


class ApplicationProperties(Fields):
    """What is seen of an application.

    Attributes
    ----------
    display_name : str, optional
        A name for people.
    allow_updates : bool
        Whether a version may be replaced or deleted.
    default_version : str, optional
        What a reference without a version means.
    versions : tuple of str
        Its versions, in order of creation.
    """

    __slots__ = ()
    display_name: str | None
    allow_updates: bool
    default_version: str | None
    versions: tuple[str, ...]


class ApplicationPackageProperties(Fields):
    """What is seen of a version of an application; `storage_url` is where its contents lie.

    Attributes
    ----------
    state : str
        ``active``.
    format : str
        ``zip``.
    content_length : int
        How large the archive is, in bytes.
    last_activation_time : datetime
        When its contents were last given.
    storage_url : str
        Where they lie in the lab's storage.
    """

    __slots__ = ()
    state: str
    format: str
    content_length: int
    last_activation_time: datetime
    storage_url: str


class CertificateProperties(Fields):
    """What is seen of a certificate.

    Attributes
    ----------
    thumbprint_algorithm : str
        ``sha1``.
    certificate_format : str
        ``pfx``, with a private key, or ``cer``, without.
    state : str
        ``active``, ``deleting`` or ``deletefailed``.
    state_transition_time : datetime
        When it came into this state.
    previous_state : str, optional
        The state before.
    previous_state_transition_time : datetime, optional
        When that one began.
    public_data : str
        Its public part: DER in base 64.
    delete_certificate_error : DeleteCertificateError, optional
        Why it could not be deleted: `values` name the pools and nodes that have it.
    """

    __slots__ = ()
    thumbprint_algorithm: str
    certificate_format: str
    state: str
    state_transition_time: datetime
    previous_state: str | None
    previous_state_transition_time: datetime | None
    public_data: str
    delete_certificate_error: DeleteCertificateError | None
