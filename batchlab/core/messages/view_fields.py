"""The fields of views, which are also the properties of handles.

A view has further fields: the ids of the resource, and properties that its handle offers in
another form.
"""

from __future__ import annotations

from datetime import datetime

from batchlab.autoscale.results import AutoScaleRun
from batchlab.core.model import (
    CertificateReference,
    StartTask,
    TaskContainerExecutionInfo,
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
    """Properties of every resource that a user creates and may change.

    Attributes
    ----------
    state : str
        Its current state.
    state_transition_time : datetime
        When it entered this state.
    creation_time : datetime
        When it was created.
    last_modified : datetime
        When a user last changed it. A change of its state does not count.
    etag : str
        Its version: different after each change that a user made.
    """

    __slots__ = ()
    state: str
    state_transition_time: datetime
    creation_time: datetime
    last_modified: datetime
    etag: str


class Progressing(Versioned):
    """The same for a resource that passes through several states.

    Attributes
    ----------
    previous_state : str, optional
        Its previous lasting state.
    previous_state_transition_time : datetime, optional
        When it entered that state.
    """

    __slots__ = ()
    previous_state: str | None
    previous_state_transition_time: datetime | None


class PoolProperties(PoolFields, Versioned):
    """Properties of a pool.

    Attributes
    ----------
    state : str
        ``active`` or ``deleting``.
    allocation_state : str
        ``steady``, ``resizing`` or ``stopping``.
    allocation_state_transition_time : datetime
        When it entered this allocation state.
    current_dedicated_nodes : int
        How many dedicated nodes it has, in any state: deallocated ones count, too.
    current_low_priority_nodes : int
        How many spot nodes it has, including preempted ones.
    resize_errors : tuple of ResizeError
        Why the last resize did not reach its target, if it did not.
    auto_scale_formula : str, optional
        Its autoscale formula; None if autoscale is off.
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
    """Properties of a node.

    Attributes
    ----------
    state : str
        ``idle``, ``running``, ``starting``, ``waitingforstarttask``, ``starttaskfailed``,
        ``offline``, ``rebooting``, ``deallocated``, ``leavingpool``, ``unknown`` ...
    state_transition_time : datetime
        When it entered this state.
    scheduling_state : str
        ``enabled`` or ``disabled``: whether it takes new tasks. While it is deallocated, it is
        disabled.
    allocation_time : datetime, optional
        When it was allocated.
    last_boot_time : datetime, optional
        When it last started.
    ip_address : str, optional
        Its address in the pool.
    machine : str
        Where it is: the name and address of its Dask worker. Empty on a cluster that the lab
        started itself, and in a simulated lab.
    affinity_id : str
        Its id for a task's `affinity_info`.
    vm_size : str
        Its VM size.
    is_dedicated : bool
        Whether it is a dedicated node.
    task_slots : int
        How many task slots it has.
    running_tasks_count : int
        How many tasks are running on it.
    running_task_slots_count : int
        How many slots these tasks use.
    total_tasks_run : int
        How many task runs have started on it.
    total_tasks_succeeded : int
        How many task runs have succeeded on it.
    start_task : StartTask, optional
        The start task that it ran when it last started, if any.
    start_task_info : ExecutionInfo, optional
        The state and result of its start task, if any.
    certificate_references : tuple of CertificateReference
        The certificates installed when it last started.
    errors : tuple of ResizeError
        What is wrong with it.
    usage : NodeUsage, optional
        The last measurement: every 30 s while its pool has autoscale on, and after
        `Pool.measure`. None before the first one.
    running_tasks : tuple of pairs
        Job id and task id of the tasks running on it.
    """

    __slots__ = ()
    state: str
    state_transition_time: datetime
    scheduling_state: str
    allocation_time: datetime | None
    last_boot_time: datetime | None
    ip_address: str | None
    machine: str
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
    """Properties of a job.

    Attributes
    ----------
    state : str
        ``active``, ``disabling``, ``disabled``, ``enabling``, ``terminating``, ``completed`` or
        ``deleting``.
    start_time : datetime
        When it started.
    end_time : datetime, optional
        When it completed.
    pool_id : str
        The id of the pool it runs on, including an auto pool.
    scheduling_error : FailureInfo, optional
        Why it could not start or, while it terminates, how many nodes it waits for.
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
    """Properties of a job schedule.

    Attributes
    ----------
    state : str
        ``active``, ``disabled``, ``terminating``, ``completed`` or ``deleting``.
    next_run_time : datetime, optional
        When the next job is due. In the past while that job waits: for the previous one to end,
        or for the schedule to be enabled. `JobSchedule.explain` says so.
    recent_job_id : str, optional
        The id of the last job it created.
    end_time : datetime, optional
        When it completed.
    """

    __slots__ = ()
    next_run_time: datetime | None
    recent_job_id: str | None
    end_time: datetime | None


class TaskProperties(TaskFields, Progressing):
    """Properties of a task.

    Attributes
    ----------
    state : str
        ``active``, ``preparing``, ``running`` or ``completed``.
    previous_state : str, optional
        Its previous state.
    constraints : TaskConstraints
        Its limits, including those taken from the job and the defaults.
    node_id : str, optional
        The node it runs or last ran on.
    pool_id : str, optional
        The pool of that node.
    task_root_directory : str, optional
        Its directory, relative to the node's root.
    start_time : datetime, optional
        When its current or last run started.
    end_time : datetime, optional
        When it completed.
    exit_code : int, optional
        Exit code of the last run; None if there is none yet.
    container_info : TaskContainerExecutionInfo, optional
        The container of its last run, if that was in one.
    failure_info : FailureInfo, optional
        Why it failed: `category`, `code`, `message`.
    retry_count : int
        How often it was retried because its exit code was not zero.
    last_retry_time : datetime, optional
        When it was last retried.
    requeue_count : int
        How often it was interrupted and queued again, such as when its node was removed.
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
    container_info: TaskContainerExecutionInfo | None
    failure_info: FailureInfo | None
    retry_count: int
    last_retry_time: datetime | None
    requeue_count: int
    last_requeue_time: datetime | None


class ApplicationProperties(Fields):
    """Properties of an application.

    Attributes
    ----------
    display_name : str, optional
        A name for people to read.
    allow_updates : bool
        Whether a version may be replaced or deleted.
    default_version : str, optional
        The version for references without one.
    versions : tuple of str
        Its versions, in order of creation.
    """

    __slots__ = ()
    display_name: str | None
    allow_updates: bool
    default_version: str | None
    versions: tuple[str, ...]


class ApplicationPackageProperties(Fields):
    """Properties of an application package: one version of an application.

    Attributes
    ----------
    state : str
        ``active``.
    format : str
        ``zip``.
    content_length : int
        Size of the archive in bytes.
    last_activation_time : datetime
        When its contents were last uploaded.
    storage_url : str
        Where its contents are in the lab's storage.
    """

    __slots__ = ()
    state: str
    format: str
    content_length: int
    last_activation_time: datetime
    storage_url: str


class CertificateProperties(Fields):
    """Properties of a certificate.

    Attributes
    ----------
    thumbprint_algorithm : str
        ``sha1``.
    certificate_format : str
        ``pfx`` (with a private key) or ``cer`` (without).
    state : str
        ``active``, ``deleting`` or ``deletefailed``.
    state_transition_time : datetime
        When it entered this state.
    previous_state : str, optional
        Its previous state.
    previous_state_transition_time : datetime, optional
        When it entered that state.
    public_data : str
        Its public part: DER in Base64.
    delete_certificate_error : DeleteCertificateError, optional
        Why it could not be deleted; `values` names the pools and nodes that use it.
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
