"""Records: the mutable state of each resource, changed only by the core's handlers.

Records refer to each other (a task to its job, a run to its node); users never see them. Every
collection is a dict or a list, so that the same inputs give the same order on any machine.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import MutableMapping
from datetime import timedelta
from operator import attrgetter

import msgspec
from sortedcontainers import SortedDict, SortedKeyList

from batchlab.core.messages.facts import RunExited
from batchlab.core.messages.outputs import NodeNetwork, RunKind
from batchlab.core.model import (
    RETENTION,
    CertificateReference,
    JobScheduleSpec,
    JobSpec,
    PoolSpec,
    StartTask,
    TaskConstraints,
    TaskContainerExecutionInfo,
    TaskSpec,
)
from batchlab.core.model.ids import RunId
from batchlab.core.model.values import FailureInfo, NodeUsage, RecentTask, ResizeError, TaskCounts
from batchlab.core.state import phases
from batchlab.core.state.ahead import AheadRecord, NodeAheadRecord, PoolAheadRecord
from batchlab.core.state.base import Record, RevisedRecord
from batchlab.core.state.books import AutoScaleRecord, BillRecord
from batchlab.core.state.deadlines import Deadline
from batchlab.core.state.dependencies import DependenciesRecord
from batchlab.core.state.holdings import NodeUserRecord
from batchlab.core.state.recent import CompletedRun
from batchlab.core.state.states import NODE

_UP = NODE.group("up")
_AWAY = NODE.group("away")


class NodeTaskRecord(Record, eq=False, kw_only=True):
    """A start, preparation or release task on one node; a start task has no job.

    `expiry`, as in other records: when its files are deleted.
    """

    kind: RunKind
    node: NodeRecord
    job: JobRecord | None = None
    phase: phases.NodeTaskPhase
    retry_count: int = 0
    last_retry: float | None = None
    expiry: Deadline | None = None


class FootprintRecord(Record, eq=False, kw_only=True):
    """The footprint of a job on a node: its preparation, the tasks waiting for it, its release.

    The job keeps it for the status list, even when the node has left.
    """

    job: JobRecord
    node: NodeRecord
    preparation: NodeTaskRecord
    release: NodeTaskRecord | None = None
    waiting: dict[str, TaskRecord] = {}


class RunRecord(Record, eq=False, kw_only=True):
    """One run in progress on a node. `ending`: what to do when it is over (see `endings`)."""

    id: RunId
    kind: RunKind
    node: NodeRecord
    job: JobRecord | None
    task: TaskRecord | None
    started: float
    ending: str = ""
    subtask: SubtaskRecord | None = None
    container: TaskContainerExecutionInfo | None = None

    @property
    def priority(self) -> int:
        """The priority of its job; a start task has none, and counts as 0."""
        return self.job.spec.priority if self.job else 0

    @property
    def least_lost(self) -> tuple[int, float, int]:
        """The order of preemption: lowest priority first, then the run that started last."""
        return self.priority, -self.started, -self.id.number


class SubtaskRecord(Record, eq=False, kw_only=True):
    """A multi-instance task on one of its nodes; `run` is None before and after it runs there.
    `coordinated`: its coordination command has returned 0."""

    number: int
    task: TaskRecord
    node: NodeRecord
    phase: phases.TaskPhase
    previous: str | None = None
    previous_since: float | None = None
    started: float | None = None
    run: RunRecord | None = None
    coordinated: bool = False
    container_info: TaskContainerExecutionInfo | None = None


class InstancesRecord(Record, eq=False, kw_only=True):
    """The additional state of a multi-instance task.

    `subtasks` belong to the current or last attempt, the primary first. `verdict` is the report of
    the run that decided the attempt, `culprit` its subtask; `lost`: the loss of a node decided it.
    `ending` is what was requested meanwhile, `begun` whether the application command was started.
    Until `gather_until` it may hold free nodes.
    """

    count: int
    subtasks: list[SubtaskRecord] = []
    verdict: RunExited | None = None
    culprit: int = 0
    lost: bool = False
    ending: str = ""
    begun: bool = False
    gather_until: float | None = None

    @property
    def live(self) -> list[RunRecord]:
        """The runs in progress."""
        return [subtask.run for subtask in self.subtasks if subtask.run is not None]


class TaskRecord(RevisedRecord, eq=False, kw_only=True):
    """One task.

    `number` counts all tasks of its job so far, `slots` is how many slots it takes, and `unmet`
    the number of missing dependencies. `instances` is for a multi-instance task, `ahead` for one
    that waits on a node. `expiry` is the number of its deadline.
    """

    number: int
    spec: TaskSpec
    job: JobRecord
    created: float
    phase: phases.TaskPhase
    constraints: TaskConstraints
    previous: str | None = None
    previous_since: float | None = None
    node: NodeRecord | None = None
    started: float | None = None
    retry_count: int = 0
    last_retry: float | None = None
    requeue_count: int = 0
    last_requeue: float | None = None
    recoveries: int = 0
    unmet: int = 0
    slots: int = 1
    instances: InstancesRecord | None = None
    container_info: TaskContainerExecutionInfo | None = None
    expiry: int | Deadline | None = None
    ahead: AheadRecord[TaskRecord, NodeRecord] | None = None

    @property
    def retention(self) -> timedelta:
        """How long the task's directory is kept."""
        value = self.constraints.retention_time
        return RETENTION if value is None else value

    @property
    def retries(self) -> int:
        """How many retries the task may have; -1 means no limit."""
        own = self.constraints.max_task_retry_count
        return self.job.spec.constraints.max_task_retry_count if own is None else own

    @property
    def directory(self) -> str:
        """The task's directory, relative to a node's root; it contains those of subtasks."""
        return f"{self.job.directory}/{self.spec.id}"

    @property
    def root(self) -> str:
        """The directory where its own command runs: its own, or that of the primary."""
        return self.directory if self.instances is None else f"{self.directory}/0"

    @property
    def nodes(self) -> list[NodeRecord]:
        """The nodes where it runs or last ran, the primary's first."""
        if self.instances is not None:
            return [subtask.node for subtask in self.instances.subtasks]
        return [] if self.node is None else [self.node]


class JobRecord(RevisedRecord, eq=False, kw_only=True):
    """One job.

    `queue` has the active tasks by size, oldest first (see `placement.queues`). `runs` has all
    runs of the job, `nodes` the nodes that may have files of it, and `added` is how many tasks it
    has had so far. `action` is the pending job action of a task that ended: ``disable``, or the
    reason of a termination.
    """

    key: str
    spec: JobSpec
    number: int
    created: float
    phase: phases.Phase
    previous: str | None = None
    previous_since: float | None = None
    ended: float | None = None
    pool_id: str = ""
    schedule: ScheduleRecord | None = None
    manager: TaskRecord | None = None
    scheduling_error: FailureInfo | None = None
    tasks: dict[str, TaskRecord] = {}
    added: int = 0
    expiry: Deadline | None = None
    queue: dict[int, deque[tuple[int, TaskRecord, phases.TaskActive]]] = {}
    active: int = 0
    running: int = 0
    succeeded: int = 0
    failed: int = 0
    runs: dict[RunId, RunRecord] = {}
    ahead: dict[RunId, AheadRecord[TaskRecord, NodeRecord]] = {}
    footprints: dict[str, FootprintRecord] = {}
    refused_by: dict[str, NodeRecord] = {}
    nodes: dict[str, NodeRecord] = {}
    dependencies: DependenciesRecord[TaskRecord] = msgspec.field(
        default_factory=DependenciesRecord
    )
    action: str = ""

    @property
    def directory(self) -> str:
        """The job's directory, relative to a node's root."""
        name, _, number = self.spec.id.partition(":")
        return f"workitems/{name}/{number or 'job-1'}"

    @property
    def counts(self) -> TaskCounts:
        """Tasks by state."""
        return TaskCounts(
            active=self.active, running=self.running, completed=self.succeeded + self.failed,
            succeeded=self.succeeded, failed=self.failed,
        )  # fmt: skip

    def count(self, phase: phases.TaskPhase, by: int) -> None:
        """Count a task that enters a phase (1) or leaves it (-1)."""
        state = phase.state
        if state == "active":
            self.active += by
        elif state != "completed":
            self.running += by
        elif phase.failure is None:  # type: ignore[union-attr]
            self.succeeded += by
        else:
            self.failed += by


class ScheduleRecord(RevisedRecord, eq=False, kw_only=True):
    """One job schedule. `due` is its next occurrence, `job` the one job that has not ended, `jobs`
    all that were not deleted, `pool_id` their auto pool, which stays if it `keeps_pool`."""

    key: str
    spec: JobScheduleSpec
    created: float
    phase: phases.Phase
    previous: str | None = None
    previous_since: float | None = None
    ended: float | None = None
    due: float | None
    count: int = 0
    recent: str | None = None
    job: JobRecord | None = None
    jobs: dict[str, JobRecord] = {}
    pool_id: str = ""
    keeps_pool: bool = False


class NodeRecord(Record, eq=False, kw_only=True):
    """One node.

    `network` is set in pools with inter-node communication. `free` is the number of free slots,
    and `bucket` where placement keeps the node (see `sort_node`). `boot` counts its starts,
    `image` its reimages. `trash` has directories to delete when it is up again. `activity` is its
    activity since `since`, `bill` what it did until then (see `costs`), `node_task_count` how many
    of its runs are not tasks. `completed` has its last tasks (`recent` those before an update),
    `usage` is the last measurement; `unsampled`: no sample of the pool includes it. `ending`: it
    is no longer there, although its state does not say so yet.
    """

    id: str
    pool: PoolRecord
    phase: phases.Phase
    free: int
    bucket: int = -1
    dedicated: bool = True
    boot: int = 1
    image: int = 0
    scheduling: str = "enabled"
    drain: phases.Drain | None = None
    ip_address: str | None = None
    machine: str = ""
    network: NodeNetwork | None = None
    allocated: float | None = None
    booted: float | None = None
    start_task: StartTask | None = None
    start: NodeTaskRecord | None = None
    certificate_references: tuple[CertificateReference, ...] = ()
    runs: dict[RunId, RunRecord] = {}
    ahead: NodeAheadRecord[TaskRecord, NodeRecord] = msgspec.field(default_factory=NodeAheadRecord)
    node_task_count: int = 0
    activity: str = ""
    since: float = 0.0
    bill: BillRecord | None = None
    footprints: dict[str, FootprintRecord] = {}
    retained_until: float = 0.0
    trash: list[str] = []
    tasks_run: int = 0
    tasks_succeeded: int = 0
    recent: tuple[RecentTask, ...] = ()
    completed: list[CompletedRun] = []
    usage: NodeUsage | None = None
    unsampled: bool = False
    ending: bool = False
    users: dict[str, NodeUserRecord] = {}
    no_containers: str = ""

    @property
    def may_return(self) -> bool:
        """Whether it is unusable only until there is a machine for it."""
        return isinstance(self.phase, phases.NodeUnusable) and self.phase.trying

    @property
    def away(self) -> bool:
        """Whether it is deallocated, or will be: it takes no tasks until it is started."""
        return self.phase.state in _AWAY or (
            self.drain is not None and self.drain.purpose == "deallocate"
        )

    @property
    def up(self) -> bool:
        """Whether its agent is there and can receive commands."""
        phase = self.phase
        if self.ending:
            return False
        if phase.state in _UP:
            return True
        return isinstance(phase, phases.NodeLeavingPool) and not phase.stopping


class PoolRecord(RevisedRecord, eq=False, kw_only=True):
    """One pool.

    `number` is part of its nodes' ids and differs from that of an earlier pool with the same id,
    so that late reports are not mistaken for reports of its nodes. `buckets[n]` has the nodes with
    n free slots that take tasks, in order of arrival; `ready` the active jobs with queued tasks,
    by priority and number, next in turn first. `creating` and `leaving` are the nodes that a
    resize waits for, `held` the nodes where tasks are being preempted, with the job that will use
    them. `preemptible` are the runs that may be preempted, in this order, and `clearing` those of
    them that were asked to end. Free nodes are held for the multi-instance task `gatherer`.
    `bills` has the bills of its dedicated nodes (True) and its spot nodes (False).
    """

    key: str
    number: int
    spec: PoolSpec
    created: float
    phase: phases.Phase
    allocation: phases.Phase
    target: int
    target_spot: int
    resize_number: int = 0
    resize_errors: list[ResizeError] = []
    nodes: dict[str, NodeRecord] = {}
    auto_scale: AutoScaleRecord | None = None
    creating: dict[str, NodeRecord] = {}
    leaving: dict[str, NodeRecord] = {}
    node_count: int = 0
    buckets: list[OrderedDict[str, NodeRecord]] = []
    ready: SortedDict[int, MutableMapping[int, JobRecord]] = msgspec.field(
        default_factory=SortedDict
    )
    held: dict[str, JobRecord] = {}
    preemptible: SortedKeyList[RunRecord, tuple[int, float, int]] = msgspec.field(
        default_factory=lambda: SortedKeyList(key=attrgetter("least_lost"))
    )
    clearing: dict[RunId, RunRecord] = {}
    gatherer: TaskRecord | None = None
    ahead: PoolAheadRecord[TaskRecord, NodeRecord] = msgspec.field(default_factory=PoolAheadRecord)
    bills: dict[bool, BillRecord] = {}
