"""What users describe: pools, jobs, tasks and their parts, under the SDK's field names.

A spec is complete in itself: whatever can be said to be wrong about it without knowing the state
of the service is refused when it is made. Times are `datetime.timedelta`; None is "without limit".
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Literal

import msgspec

from batchlab.core.ids import check_id
from batchlab.core.model import Model
from batchlab.durations import format_duration
from batchlab.errors import InvalidRequest, invalid

__all__ = [
    "EnvironmentSetting",
    "JobConstraints",
    "JobPreparationTask",
    "JobReleaseTask",
    "JobSpec",
    "PoolInfo",
    "PoolSpec",
    "ResourceFile",
    "StartTask",
    "TaskConstraints",
    "TaskSchedulingPolicy",
    "TaskSpec",
    "vm_cores",
]

Deallocation = Literal["requeue", "terminate", "taskcompletion", "retaineddata"]
DisableTasks = Literal["requeue", "terminate", "wait"]
NodeFill = Literal["spread", "pack"]
AllTasksComplete = Literal["noaction", "terminatejob"]

RETENTION = timedelta(days=7)
RESIZE_TIMEOUT = timedelta(minutes=15)
RELEASE_LIMIT = timedelta(minutes=15)
PREPARATION_ID = "jobpreparation"
RELEASE_ID = "jobrelease"
_SIZES = {"small": 2, "medium": 4, "large": 8}


def vm_cores(vm_size: str) -> int:
    """Cores of a node of this size: small 2, medium 4, large 8, else the number in Azure's name.

    ``standard_d4s_v3`` has 4; a size without a number counts as 64, the most that matters here.
    """
    size = vm_size.lower()
    if size in _SIZES:
        return _SIZES[size]
    digits = ""
    for char in size.removeprefix("standard_").removeprefix("basic_"):
        if char.isdigit():
            digits += char
        elif digits:
            break
    return max(1, int(digits[:4])) if digits else 64


def check_priority(value: int, owner: str) -> None:
    """Refuse a priority outside -1000 ... 1000."""
    if not -1000 <= value <= 1000:
        raise invalid("priority", value, "must be -1000 to 1000", owner=owner)


def check_target(value: int, owner: str) -> None:
    """Refuse a number of nodes below zero or beyond reason."""
    if not 0 <= value <= 100_000:
        raise invalid("target_dedicated_nodes", value, "must be 0 to 100000", owner=owner)


def check_resize_timeout(value: timedelta, owner: str) -> None:
    """Refuse a resize timeout under 5 minutes."""
    if value < timedelta(minutes=5):
        raise invalid("resize_timeout", format_duration(value), "must be 5 minutes or more",
                      owner=owner)  # fmt: skip


def _check_limits(wall_clock: timedelta | None, retries: int | None, owner: str) -> None:
    if wall_clock is not None and wall_clock <= timedelta(0):
        raise invalid("max_wall_clock_time", format_duration(wall_clock),
                      "must be longer than nothing", owner=owner)  # fmt: skip
    if retries is not None and retries < -1:
        raise invalid("max_task_retry_count", retries, "must be -1 (no limit), 0 or more",
                      owner=owner)  # fmt: skip


def _check_command(command_line: str, owner: str) -> None:
    if not command_line.strip():
        raise InvalidRequest(
            "MissingRequiredProperty",
            f"{owner}.command_line is empty: name a program to run",
            {"PropertyName": "command_line"},
        )


class EnvironmentSetting(Model, frozen=True, kw_only=True):
    """One environment variable of a task: `name` and `value`. A mapping says the same."""

    name: str
    value: str = ""


class ResourceFile(Model, frozen=True, kw_only=True):
    """A file put into the task's working directory before its command starts.

    Parameters
    ----------
    http_url : str
        Where it comes from: a local path or any URL that fsspec reads (``https://``, ``file://``,
        ``memory://`` ...).
    file_path : str, optional
        Where it goes, relative to the working directory; the name in the URL if omitted.
    file_mode : str, default "0770"
        Permissions, as octal text.
    """

    http_url: str
    file_path: str | None = None
    file_mode: str = "0770"

    @classmethod
    def _from_sugar(cls, value: Any) -> Any:
        return cls(http_url=value) if isinstance(value, str) else None

    def __post_init__(self) -> None:
        if not self.http_url:
            raise invalid("http_url", self.http_url, "name a path or a URL", owner="ResourceFile")
        if not self.target or self.target.startswith("/") or ".." in self.target.split("/"):
            raise invalid(
                "file_path",
                self.file_path,
                "must be a path inside the task's working directory",
                owner="ResourceFile",
            )
        digits = self.file_mode
        if not 3 <= len(digits) <= 5 or any(digit not in "01234567" for digit in digits):
            raise invalid("file_mode", digits, "must be octal, like '0770'", owner="ResourceFile")

    @property
    def target(self) -> str:
        """Where the file goes, relative to the working directory."""
        path = self.file_path
        return path if path is not None else self.http_url.split("?")[0].rpartition("/")[2]


class TaskConstraints(Model, frozen=True, kw_only=True):
    """Limits of a task.

    Parameters
    ----------
    max_wall_clock_time : duration, optional
        How long one run may take; then it is killed and the task has failed. No limit if omitted.
    max_task_retry_count : int, optional
        How often a run that ended with a nonzero exit code is repeated: N retries are N+1 runs,
        -1 is without limit. The job's value if omitted.
    retention_time : duration, default 7 days
        How long the task's directory is kept after the task completed.
    """

    max_wall_clock_time: timedelta | None = None
    retention_time: timedelta | None = None
    max_task_retry_count: int | None = None

    def __post_init__(self) -> None:
        _check_limits(self.max_wall_clock_time, self.max_task_retry_count, "TaskConstraints")


class JobConstraints(Model, frozen=True, kw_only=True):
    """Limits of a job: its wall clock, counted from creation, and its tasks' default retries."""

    max_wall_clock_time: timedelta | None = None
    max_task_retry_count: int = 0

    def __post_init__(self) -> None:
        _check_limits(self.max_wall_clock_time, self.max_task_retry_count, "JobConstraints")


class StartTask(Model, frozen=True, kw_only=True):
    """A command that runs each time a node starts: joins, reboots, is reimaged or recovers.

    Parameters
    ----------
    command_line : str
    resource_files, environment_settings
        As for a task.
    max_task_retry_count : int, default 0
        N retries are N+1 runs; -1 is without limit.
    wait_for_success : bool, default True
        Whether the node waits for it before it takes tasks.
    """

    command_line: str
    resource_files: tuple[ResourceFile, ...] = ()
    environment_settings: dict[str, str] = {}
    max_task_retry_count: int = 0
    wait_for_success: bool = True

    @classmethod
    def _from_sugar(cls, value: Any) -> Any:
        return cls(command_line=value) if isinstance(value, str) else None

    def __post_init__(self) -> None:
        _check_command(self.command_line, "StartTask")
        _check_limits(None, self.max_task_retry_count, "StartTask")
        if len(msgspec.json.encode(self)) > 32_768:
            raise invalid(
                "start_task", "...", "its description may have 32768 characters", owner="StartTask"
            )


class JobPreparationTask(Model, frozen=True, kw_only=True):
    """A command that runs once per node, before the first task of its job there.

    Parameters
    ----------
    command_line : str
    id : str, default "jobpreparation"
    resource_files, environment_settings, constraints
        As for a task.
    wait_for_success : bool, default True
        Whether the job's tasks wait for it; a node where it failed then takes none of them.
    rerun_on_node_reboot_after_success : bool, default True
        Whether it runs again when the node was rebooted.
    """

    command_line: str
    id: str = PREPARATION_ID
    resource_files: tuple[ResourceFile, ...] = ()
    environment_settings: dict[str, str] = {}
    constraints: TaskConstraints = TaskConstraints()
    wait_for_success: bool = True
    rerun_on_node_reboot_after_success: bool = True

    @classmethod
    def _from_sugar(cls, value: Any) -> Any:
        return cls(command_line=value) if isinstance(value, str) else None

    def __post_init__(self) -> None:
        check_id(self.id, owner="JobPreparationTask")
        _check_command(self.command_line, "JobPreparationTask")


class JobReleaseTask(Model, frozen=True, kw_only=True):
    """A command that runs when the job ends, on each node where its preparation succeeded.

    Parameters
    ----------
    command_line : str
    id : str, default "jobrelease"
    resource_files, environment_settings
        As for a task.
    max_wall_clock_time : duration, default 15 minutes
        15 minutes is also the most.
    retention_time : duration, default 7 days
    """

    command_line: str
    id: str = RELEASE_ID
    resource_files: tuple[ResourceFile, ...] = ()
    environment_settings: dict[str, str] = {}
    max_wall_clock_time: timedelta = RELEASE_LIMIT
    retention_time: timedelta = RETENTION

    @classmethod
    def _from_sugar(cls, value: Any) -> Any:
        return cls(command_line=value) if isinstance(value, str) else None

    def __post_init__(self) -> None:
        check_id(self.id, owner="JobReleaseTask")
        _check_command(self.command_line, "JobReleaseTask")
        if not timedelta(0) < self.max_wall_clock_time <= RELEASE_LIMIT:
            raise invalid(
                "max_wall_clock_time",
                format_duration(self.max_wall_clock_time),
                "a release task may run for 15 minutes at most",
                owner="JobReleaseTask",
            )


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
    """

    id: str
    command_line: str
    resource_files: tuple[ResourceFile, ...] = ()
    environment_settings: dict[str, str] = {}
    constraints: TaskConstraints = TaskConstraints()
    required_slots: int = 1

    def __post_init__(self) -> None:
        check_id(self.id, owner="TaskSpec")
        _check_command(self.command_line, "TaskSpec")
        if not 1 <= self.required_slots <= 256:
            raise invalid("required_slots", self.required_slots, "must be 1 to 256",
                          owner="TaskSpec")  # fmt: skip


class PoolInfo(Model, frozen=True, kw_only=True):
    """The pool a job runs on. A pool, or its id, says the same."""

    pool_id: str

    @classmethod
    def _from_sugar(cls, value: Any) -> Any:
        pool_id = value if isinstance(value, str) else getattr(value, "id", None)
        return cls(pool_id=pool_id) if isinstance(pool_id, str) else None

    def __post_init__(self) -> None:
        check_id(self.pool_id, "pool_id", "PoolInfo")


class TaskSchedulingPolicy(Model, frozen=True, kw_only=True):
    """How tasks fill the nodes of a pool: ``"spread"`` over all (default) or ``"pack"`` them."""

    node_fill_type: NodeFill = "spread"

    @classmethod
    def _from_sugar(cls, value: Any) -> Any:
        fill: Any = value  # checked by the constructor
        return cls(node_fill_type=fill) if isinstance(value, str) else None


class PoolSpec(Model, frozen=True, kw_only=True):
    """A set of nodes of one size.

    Parameters
    ----------
    id : str
    vm_size : str, default "small"
        ``small`` (2 cores), ``medium`` (4), ``large`` (8), or a size of Azure's.
    target_dedicated_nodes : int, default 0
        How many nodes the pool should have.
    resize_timeout : duration, default 15 minutes
        How long a resize may take; at least 5 minutes.
    task_slots_per_node : int, default 1
        How many slots a node has; at most 4 for each core, and 256.
    task_scheduling_policy : TaskSchedulingPolicy or str, default "spread"
    start_task : StartTask or str, optional
    """

    id: str
    vm_size: str = "small"
    target_dedicated_nodes: int = 0
    resize_timeout: timedelta = RESIZE_TIMEOUT
    task_slots_per_node: int = 1
    task_scheduling_policy: TaskSchedulingPolicy = TaskSchedulingPolicy()
    start_task: StartTask | None = None

    def __post_init__(self) -> None:
        check_id(self.id, owner="PoolSpec")
        if not self.vm_size.strip():
            raise invalid("vm_size", self.vm_size, "name a size", owner="PoolSpec")
        msgspec.structs.force_setattr(self, "vm_size", self.vm_size.lower())
        check_target(self.target_dedicated_nodes, "PoolSpec")
        check_resize_timeout(self.resize_timeout, "PoolSpec")
        most = min(4 * vm_cores(self.vm_size), 256)
        if not 1 <= self.task_slots_per_node <= most:
            raise invalid(
                "task_slots_per_node",
                self.task_slots_per_node,
                f"must be 1 to {most}: 4 for each of the {vm_cores(self.vm_size)} cores of "
                f"{self.vm_size!r}, 256 at most",
                owner="PoolSpec",
            )


class JobSpec(Model, frozen=True, kw_only=True):
    """A group of tasks on one pool, with what they share.

    Parameters
    ----------
    id : str
    pool_info : PoolInfo, Pool or str
        The pool to run on; it need not exist yet.
    priority : int, default 0
        -1000 to 1000; counts among the jobs of one pool.
    constraints : JobConstraints, optional
    job_preparation_task : JobPreparationTask or str, optional
    job_release_task : JobReleaseTask or str, optional
        Needs a preparation task.
    on_all_tasks_complete : {"noaction", "terminatejob"}, default "noaction"
    """

    id: str
    pool_info: PoolInfo
    priority: int = 0
    constraints: JobConstraints = JobConstraints()
    job_preparation_task: JobPreparationTask | None = None
    job_release_task: JobReleaseTask | None = None
    on_all_tasks_complete: AllTasksComplete = "noaction"

    def __post_init__(self) -> None:
        check_id(self.id, owner="JobSpec")
        check_priority(self.priority, "JobSpec")
        preparation, release = self.job_preparation_task, self.job_release_task
        if release and not preparation:
            raise invalid(
                "job_release_task",
                release.command_line,
                "a job release task needs a job preparation task in the same job",
                owner="JobSpec",
            )
        if release and preparation and release.id.lower() == preparation.id.lower():
            raise invalid("job_release_task", release.id,
                          "its id is the preparation task's", owner="JobSpec")  # fmt: skip
