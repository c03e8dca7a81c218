"""Jobs: where they run, and how nodes are prepared and cleaned up for them."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any, Literal

from batchlab.core.model.base import Model
from batchlab.core.model.common import (
    RETENTION,
    Commanded,
    CommandLine,
    DisplayName,
    Retries,
    TaskConstraints,
    WallClock,
)
from batchlab.core.model.containers import TaskContainerSettings
from batchlab.core.model.fields import Fields, names_of
from batchlab.core.model.files import ResourceFiles
from batchlab.core.model.ids import Id, check_id, check_job_id
from batchlab.core.model.pools import PoolSpec
from batchlab.core.model.ranges import SHORTEST, Length, Range
from batchlab.core.model.tasks import CommandFields, TaskSpec
from batchlab.core.model.users import UserIdentity
from batchlab.errors import invalid

DisableTasks = Literal["requeue", "terminate", "wait"]
AllTasksComplete = Literal["noaction", "terminatejob"]
PoolLifetime = Literal["job", "jobschedule"]
TaskFailure = Literal["noaction", "performexitoptionsjobaction"]
RELEASE_LIMIT = timedelta(minutes=15)
Priority = Annotated[int, Range(-1000, 1000)]
MaxParallelTasks = Annotated[int, Range(1, unlimited=-1)]


class JobConstraints(Model, frozen=True, kw_only=True):
    """Limits of a job: its wall-clock time since creation, and its tasks' default retries."""

    max_wall_clock_time: WallClock | None = None
    max_task_retry_count: Retries = 0


class JobPreparationTask(Commanded, frozen=True, kw_only=True):
    """A command that runs once per node, before the first task of its job there.

    Parameters
    ----------
    command_line : str
    id : str, default "jobpreparation"
    resource_files, environment_settings, constraints, user_identity, container_settings
        As for a task.
    wait_for_success : bool, default True
        Whether the job's tasks wait for it. They then do not run on a node where it failed.
    rerun_on_node_reboot_after_success : bool, default True
        Whether it runs again after the node has rebooted.
    """

    command_line: CommandLine
    id: Id = "jobpreparation"
    resource_files: ResourceFiles = ()
    environment_settings: dict[str, str] = {}
    constraints: TaskConstraints = TaskConstraints()
    wait_for_success: bool = True
    rerun_on_node_reboot_after_success: bool = True
    user_identity: UserIdentity | None = None
    container_settings: TaskContainerSettings | None = None

    @classmethod
    def _from_sugar(cls, value: Any) -> Any:
        return cls(command_line=value) if isinstance(value, str) else None


class JobReleaseTask(Commanded, frozen=True, kw_only=True):
    """A command that runs when the job ends, on each node where its preparation succeeded.

    Where the end of the job cuts a preparation short, nothing is released: let a preparation
    leave no traces before it is done, or remove them in the pool's start task.

    Parameters
    ----------
    command_line : str
    id : str, default "jobrelease"
    resource_files, environment_settings, user_identity, container_settings
        As for a task.
    max_wall_clock_time : duration, default 15 minutes
        At most 15 minutes.
    retention_time : duration, default 7 days
    """

    command_line: CommandLine
    id: Id = "jobrelease"
    resource_files: ResourceFiles = ()
    environment_settings: dict[str, str] = {}
    max_wall_clock_time: Annotated[timedelta, Range(SHORTEST, RELEASE_LIMIT)] = RELEASE_LIMIT
    retention_time: timedelta = RETENTION
    user_identity: UserIdentity | None = None
    container_settings: TaskContainerSettings | None = None

    @classmethod
    def _from_sugar(cls, value: Any) -> Any:
        return cls(command_line=value) if isinstance(value, str) else None


class JobManagerTask(CommandFields, Commanded, frozen=True, kw_only=True):
    """A task that is created with its job, runs first, and usually adds the other tasks.

    Parameters
    ----------
    id : str
        As for a task.
    kill_job_on_completion : bool, default True
        Whether the job is terminated (``JMComplete``) when it completes, even if it fails.
    run_exclusive : bool, default True
        Whether no other task runs on its node at the same time.
    allow_low_priority_node : bool, default True
        Whether it may run on a spot node.
    """

    id: Id
    kill_job_on_completion: bool = True
    run_exclusive: bool = True
    allow_low_priority_node: bool = True

    def task_spec(self) -> TaskSpec:
        """The job manager as a task."""
        command = {name: getattr(self, name) for name in names_of(CommandFields)}
        return TaskSpec(id=self.id, **command)


class AutoPoolSpecification(Model, frozen=True, kw_only=True):
    """A pool that the service creates for a job, or for all jobs of a schedule.

    Parameters
    ----------
    pool : PoolSpec
        Without an id.
    pool_lifetime_option : {"job", "jobschedule"}
        What the pool is created for.
    auto_pool_id_prefix : str, optional
        The start of its id, at most 20 characters.
    keep_alive : bool, default False
        Whether it is kept when its job or schedule has completed.
    """

    pool: PoolSpec
    pool_lifetime_option: PoolLifetime
    auto_pool_id_prefix: Annotated[str, check_id, Length(20)] | None = None
    keep_alive: bool = False

    def __post_init__(self) -> None:
        if self.pool.id:
            raise invalid("pool", self.pool.id, "the service names an auto pool: omit the id",
                          owner="AutoPoolSpecification")  # fmt: skip


class PoolInfo(Model, frozen=True, kw_only=True):
    """The pool a job runs on: a pool given by its id, or an auto pool.

    Wherever one is expected, a pool, its id or an `AutoPoolSpecification` works as well.
    """

    pool_id: Id | None = None
    auto_pool_specification: AutoPoolSpecification | None = None

    @classmethod
    def _from_sugar(cls, value: Any) -> Any:
        if isinstance(value, AutoPoolSpecification):
            return cls(auto_pool_specification=value)
        pool_id = value if isinstance(value, str) else getattr(value, "id", None)
        return cls(pool_id=pool_id) if isinstance(pool_id, str) else None

    def __post_init__(self) -> None:
        if (self.pool_id is None) == (self.auto_pool_specification is None):
            reason = "give either pool_id or auto_pool_specification"
            raise invalid("pool_id", self.pool_id, reason, owner="PoolInfo")


class JobFields(Fields):
    """What a user specifies for a job.

    Attributes
    ----------
    pool_info : PoolInfo, Pool, AutoPoolSpecification or str
        The pool it runs on. The pool need not exist yet; an auto pool is created for the job.
    job_manager_task : JobManagerTask, optional
        A task that is created with the job and runs first.
    priority : int, default 0
        -1000 to 1000, compared with the other jobs of the pool: tasks of jobs with a higher
        priority get free slots first.
    constraints : JobConstraints, optional
        Its wall-clock time, and its tasks' default retries.
    job_preparation_task : JobPreparationTask or str, optional
        Command that runs on a node before the job's first task there.
    job_release_task : JobReleaseTask or str, optional
        Command that runs on these nodes when the job ends; requires a preparation task.
    on_all_tasks_complete : {"noaction", "terminatejob"}, default "noaction"
        Whether the job ends when all its tasks are completed.
    on_task_failure : {"noaction", "performexitoptionsjobaction"}, default "noaction"
        Whether the exit conditions of a failed task may end or disable the job.
    uses_task_dependencies : bool, default False
        Whether its tasks may depend on each other.
    max_parallel_tasks : int, default -1
        How many of its tasks may run at the same time; -1 means no limit.
    allow_task_preemption : bool, default False
        Whether its running tasks may be preempted by tasks of jobs with a higher priority.
    common_environment_settings : mapping or list of EnvironmentSetting, optional
        Environment variables of all its tasks, including preparation and release. A task's own
        setting takes precedence.
    display_name : str, optional
        Any text, up to 1024 characters.
    metadata : mapping, optional
        Names and values for your own use: the service only stores them.
    """

    __slots__ = ()
    pool_info: PoolInfo
    job_manager_task: JobManagerTask | None = None
    priority: Priority = 0
    constraints: JobConstraints = JobConstraints()
    job_preparation_task: JobPreparationTask | None = None
    job_release_task: JobReleaseTask | None = None
    on_all_tasks_complete: AllTasksComplete = "noaction"
    on_task_failure: TaskFailure = "noaction"
    uses_task_dependencies: bool = False
    max_parallel_tasks: MaxParallelTasks = -1
    allow_task_preemption: bool = False
    common_environment_settings: dict[str, str] = {}
    display_name: DisplayName | None = None
    metadata: dict[str, str] = {}


class JobSpec(JobFields, Model, frozen=True, kw_only=True):
    """A group of tasks on one pool, with their shared settings.

    Parameters
    ----------
    id : str
        Omitted in the specification of a job schedule, which names its jobs.
    """

    id: str = ""

    def __post_init__(self) -> None:
        if self.id:
            check_job_id(self.id, owner="JobSpec")
        preparation, release = self.job_preparation_task, self.job_release_task
        if release and not preparation:
            raise invalid(
                "job_release_task",
                release.command_line,
                "a job release task requires a job preparation task in the same job",
                owner="JobSpec",
            )
        own = {
            name: node_task.id
            for name in ("job_preparation_task", "job_release_task", "job_manager_task")
            if (node_task := getattr(self, name))
        }
        if len({task_id.lower() for task_id in own.values()}) < len(own):
            name, task_id = own.popitem()
            reason = "job manager, preparation and release tasks must have different ids"
            raise invalid(f"{name}.id", task_id, reason, owner="JobSpec")
