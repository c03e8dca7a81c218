"""The whole state of the service: look-ups, and the only way to change a phase.

Other modules take a `State`, look up, refuse, change and emit. A record whose change may have
consequences is *touched*, and looked at before the step ends; see `batchlab.core.machine`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import msgspec

from batchlab.core.messages.inputs import KeepProperties
from batchlab.core.messages.outputs import CancelRun, Command, DeleteFiles, RunKind
from batchlab.core.model.ids import RunId, fold
from batchlab.core.model.values import PassedOver
from batchlab.core.state import activity
from batchlab.core.state.books import BillRecord
from batchlab.core.state.deadlines import Deadlines
from batchlab.core.state.holdings import ApplicationRecord, CertificateRecord
from batchlab.core.state.notices import Notices
from batchlab.core.state.phases import Phase, TaskCompleted, TaskPhase
from batchlab.core.state.records import (
    JobRecord,
    NodeRecord,
    NodeTaskRecord,
    PoolRecord,
    RunRecord,
    ScheduleRecord,
    SubtaskRecord,
    TaskRecord,
)
from batchlab.core.state.settings import Settings
from batchlab.core.state.states import (
    ALLOCATION,
    CERTIFICATE,
    JOB,
    JOB_SCHEDULE,
    NODE,
    NODE_TASK,
    POOL,
    TASK,
)
from batchlab.errors import NotFound

__all__ = ["State"]


class State(Notices):
    """Everything the service knows at one moment.

    Parameters
    ----------
    settings : Settings, optional

    Attributes
    ----------
    dropped : int
        How many reports came too late to matter.
    jobs_on : dict
        The jobs of each pool, by the pool's key, whether or not there is such a pool.
    unfinished : dict
        The jobs and schedules that are not completed, as its keys.
    cores : dict
        The cores of all dedicated nodes (True) and all spot nodes (False).
    """

    def __init__(self, settings: Settings | None = None) -> None:
        super().__init__(settings or Settings())
        self.closing = False
        self.dropped = 0
        self.passed_over: tuple[PassedOver, ...] = ()
        self.pools: dict[str, PoolRecord] = {}
        self.nodes: dict[str, NodeRecord] = {}
        self.cores = {True: 0, False: 0}
        self.jobs: dict[str, JobRecord] = {}
        self.jobs_on: dict[str, dict[str, JobRecord]] = {}
        self.unfinished: dict[JobRecord | ScheduleRecord, None] = {}
        self.schedules: dict[str, ScheduleRecord] = {}
        self.applications: dict[str, ApplicationRecord] = {}
        self.certificates: dict[str, CertificateRecord] = {}
        self.kept: dict[tuple[str, ...], KeepProperties] = {}
        self.runs: dict[RunId, RunRecord] = {}
        self.restarting: dict[str, JobRecord] = {}
        self.bills: dict[tuple[str, bool], BillRecord] = {}
        self.deadlines = Deadlines(self.delete_task_files)
        self.numbers = 0
        self.commands: list[Command] = []
        self.unplaced: dict[str, PoolRecord] = {}
        self.unsettled: dict[str, JobRecord] = {}
        self.undrained: dict[str, NodeRecord] = {}
        self.unscheduled: dict[str, ScheduleRecord] = {}

    def begin_step(self, now: float) -> None:
        """Start the step for an input: time never goes back, and there is no output yet."""
        self.now = max(self.now, now)
        self.commands, self.changes = [], []

    # -- look up -------------------------------------------------------------------

    def pool(self, pool_id: str) -> PoolRecord:
        """The pool with this id, or `NotFound`."""
        pool = self.pools.get(fold(pool_id))
        if pool is None:
            raise NotFound("PoolNotFound", f"there is no pool {pool_id!r}")
        return pool

    def node(self, pool_id: str, node_id: str) -> NodeRecord:
        """The node with this id in the pool, or `NotFound`."""
        node = self.pool(pool_id).nodes.get(fold(node_id))
        if node is None:
            raise NotFound("NodeNotFound", f"there is no node {node_id!r} in pool {pool_id!r}")
        return node

    def job(self, job_id: str) -> JobRecord:
        """The job with this id, or `NotFound`."""
        job = self.jobs.get(fold(job_id))
        if job is None:
            raise NotFound("JobNotFound", f"there is no job {job_id!r}")
        return job

    def schedule(self, job_schedule_id: str) -> ScheduleRecord:
        """The job schedule with this id, or `NotFound`."""
        schedule = self.schedules.get(fold(job_schedule_id))
        if schedule is None:
            raise NotFound("JobScheduleNotFound", f"there is no job schedule {job_schedule_id!r}")
        return schedule

    def task(self, job_id: str, task_id: str) -> TaskRecord:
        """The task with this id in the job, or `NotFound`."""
        task = self.job(job_id).tasks.get(fold(task_id))
        if task is None:
            raise NotFound("TaskNotFound", f"there is no task {task_id!r} in job {job_id!r}")
        return task

    # -- mutate and emit -----------------------------------------------------------

    def next_number(self) -> int:
        """The next number, for run ids and for the order of the queue."""
        self.numbers += 1
        return self.numbers

    def command(self, command: Command) -> None:
        """Send a command to the driver."""
        self.commands.append(command)

    def new_run_id(self, node: NodeRecord, job: JobRecord | None, name: str) -> RunId:
        """The id of another run."""
        return RunId(job.spec.id if job else "", name, node.id, self.next_number())

    def new_run(
        self, kind: RunKind, node: NodeRecord, job: JobRecord | None, name: str,
        task: TaskRecord | None = None, run_id: RunId | None = None,
    ) -> RunRecord:  # fmt: skip
        """Add a run that is about to be started, or that a node has started."""
        run_id = run_id or self.new_run_id(node, job, name)
        run = RunRecord(id=run_id, kind=kind, node=node, job=job, task=task, started=self.now)
        self.runs[run_id] = node.runs[run_id] = run
        if job:
            job.runs[run_id] = run
            if task and job.spec.allow_task_preemption:
                node.pool.preemptible.add(run)
        if task is None:
            node.node_task_count += 1
        if node.node_task_count:
            activity.charge(node, self.now)
        return run

    def end_run(self, run: RunRecord) -> None:
        """Remove a run; later reports about it are dropped."""
        node = run.node
        del self.runs[run.id], node.runs[run.id]
        if node.node_task_count:
            node.node_task_count -= run.task is None
            activity.charge(node, self.now)
        if run.job:
            del run.job.runs[run.id]
            self.touch_job(run.job)
            if run.task and run.job.spec.allow_task_preemption:
                node.pool.preemptible.remove(run)
                node.pool.clearing.pop(run.id, None)

    def ask_to_end(self, run: RunRecord, ending: str) -> None:
        """Stop the processes of a run; `ending` says what to do when they are gone."""
        if not run.ending:
            self.command(CancelRun(run_id=run.id))
        run.ending = ending
        if run.task and run.job and run.job.spec.allow_task_preemption:
            run.node.pool.clearing[run.id] = run

    def touch_pool(self, pool: PoolRecord) -> None:
        """Slots or tasks have changed: place tasks before the step ends."""
        self.unplaced[pool.key] = pool

    def touch_node(self, node: NodeRecord) -> None:
        """Tasks have left the node: check whether it is drained."""
        self.undrained[node.id] = node

    def touch_schedule(self, schedule: ScheduleRecord) -> None:
        """A job is due or has ended: check whether to create a job.

        No effect for a schedule that is deleted: another may have its id now.
        """
        if self.schedules.get(schedule.key) is schedule:
            self.unscheduled[schedule.key] = schedule

    def touch_job(self, job: JobRecord) -> None:
        """Runs or tasks have changed: check whether the job can continue to end."""
        self.unsettled[job.key] = job

    def move(self, record: Movable, phase: Phase, reason: str = "") -> None:
        """Change the state of a resource: check the table, update counts, notify the watchers.

        A pool has two states: its own, and its allocation state.
        """
        kind = _KINDS[type(record)]
        if kind is _POOL and phase.state in _ALLOCATION.follows:
            kind = _ALLOCATION
        old = _enter(kind, record, phase)
        kind.moved(self, record, old, reason)

    def add_job(self, job: JobRecord) -> None:
        """Add a new job."""
        self.jobs[job.key] = job
        self.jobs_on.setdefault(fold(job.pool_id), {})[job.key] = job
        if job.phase.state != "completed":
            self.unfinished[job] = None
        self.tell_job(job, job.phase.state)

    def drop_job(self, job: JobRecord) -> None:
        """Remove a job from the books; its deletion is over."""
        del self.jobs[job.key]
        self._leave_pool(job)
        self.unfinished.pop(job, None)
        for task in job.tasks.values():
            self.keep_files(task)
        for footprint in job.footprints.values():
            for node_task in (footprint.preparation, footprint.release):
                self.deadlines.cancel(node_task.expiry if node_task else None)

    def transfer_job(self, job: JobRecord, pool_id: str) -> None:
        """Let a job run on another pool."""
        self._leave_pool(job)
        job.pool_id = pool_id
        self.jobs_on.setdefault(fold(pool_id), {})[job.key] = job

    def _leave_pool(self, job: JobRecord) -> None:
        key = fold(job.pool_id)
        del self.jobs_on[key][job.key]
        if not self.jobs_on[key]:
            del self.jobs_on[key]

    def strike_out(self, task: TaskRecord) -> None:
        """Remove a task, its counts, and its queue entry, if any."""
        job = task.job
        del job.tasks[fold(task.spec.id)]
        job.count(task.phase, -1)
        self.keep_files(task)
        if not isinstance(task.phase, TaskCompleted):
            _enter(_TASK, task, TaskCompleted(self.now, None, None))
        self.tell_task(task, "deleted")

    def expire_files(self, task: TaskRecord) -> float:
        """A task has completed: delete its files after its retention time; return when."""
        seconds = task.retention.total_seconds()
        task.expiry = self.deadlines.after(seconds, self.now, task)
        return self.now + seconds

    def keep_files(self, task: TaskRecord) -> None:
        """Do not delete the files of a task when its retention time is over."""
        if isinstance(task.expiry, int):
            self.deadlines.cancel_after(task.retention.total_seconds(), task.expiry)
        else:
            self.deadlines.cancel(task.expiry)

    def delete_task_files(self, task: TaskRecord) -> None:
        """Delete a task's directory on the nodes where it last ran, if they still exist."""
        for node in task.nodes if task.started is not None else ():
            self.delete_files(node, task.directory)

    def delete_files(self, node: NodeRecord, directory: str) -> None:
        """Delete a directory of a node: now or, if the node is not up, when it is up again."""
        if node.up:
            self.command(DeleteFiles(node_id=node.id, directories=(directory,)))
        elif node.id in self.nodes:
            node.trash.append(directory)


# -- moves ----------------------------------------------------------------------------------------

Movable: TypeAlias = (
    PoolRecord | NodeRecord | JobRecord | ScheduleRecord | TaskRecord | SubtaskRecord
    | NodeTaskRecord | CertificateRecord
)  # fmt: skip


class _Kind(msgspec.Struct, frozen=True):
    """How resources of one kind change their state.

    `follows` says which states may follow each other, and `remembered` which are kept as the
    previous state; `moved` updates counts after a change and notifies the watchers.
    """

    name: str
    follows: Mapping[str, frozenset[str]]
    remembered: frozenset[str]
    moved: Callable[[State, Any, Any, str], None]


def _enter(kind: _Kind, record: Any, phase: Phase) -> Phase:
    """Assign a phase to a record and return the previous one; the only place that does so."""
    old: Phase = record.allocation if kind is _ALLOCATION else record.phase
    if phase.state not in kind.follows[old.state]:
        raise RuntimeError(f"no {kind.name} goes from {old.state} to {phase.state}")
    if old.state in kind.remembered:
        record.previous, record.previous_since = old.state, old.since
    if kind is _ALLOCATION:
        record.allocation = phase
    else:
        record.phase = phase
    return old


def _pool_moved(state: State, pool: PoolRecord, old: Phase, reason: str) -> None:
    state.tell_pool(pool, pool.phase.state, reason)


def _node_moved(state: State, node: NodeRecord, old: Phase, reason: str) -> None:
    activity.charge(node, state.now)
    state.tell_node(node, node.phase.state, reason)


def _job_moved(state: State, job: JobRecord, old: Phase, reason: str) -> None:
    if job.phase.state == "completed":
        state.unfinished.pop(job, None)
    state.tell_job(job, job.phase.state, reason)


def _schedule_moved(state: State, schedule: ScheduleRecord, old: Phase, reason: str) -> None:
    if schedule.phase.state == "completed":
        state.unfinished.pop(schedule, None)
    state.tell_schedule(schedule, schedule.phase.state)


def _task_moved(state: State, task: TaskRecord, old: TaskPhase, reason: str) -> None:
    job, phase, node = task.job, task.phase, task.node
    job.count(old, -1)
    job.count(phase, 1)
    state.tell_task(task, phase.state, node.id if node else "", reason)


def _subtask_moved(state: State, subtask: SubtaskRecord, old: Phase, reason: str) -> None:
    state.tell_subtask(subtask)


def _node_task_moved(state: State, node_task: NodeTaskRecord, old: Phase, reason: str) -> None:
    state.tell_node_task(node_task)


def _certificate_moved(
    state: State, certificate: CertificateRecord, old: Phase, reason: str
) -> None:
    state.tell_certificate(certificate, certificate.phase.state)


_NONE = frozenset[str]()
_RESTING = frozenset(JOB.group("resting"))
"""The previous state of a job or a schedule is never a transitional one."""
_POOL = _Kind("pool", POOL.follows, _NONE, _pool_moved)
_ALLOCATION = _Kind("allocation", ALLOCATION.follows, _NONE, _pool_moved)
_TASK = _Kind("task", TASK.follows, frozenset(TASK), _task_moved)
_KINDS: dict[type[Movable], _Kind] = {
    PoolRecord: _POOL,
    NodeRecord: _Kind("node", NODE.follows, _NONE, _node_moved),
    JobRecord: _Kind("job", JOB.follows, _RESTING, _job_moved),
    ScheduleRecord: _Kind("job schedule", JOB_SCHEDULE.follows, _RESTING, _schedule_moved),
    TaskRecord: _TASK,
    SubtaskRecord: _Kind("subtask", TASK.follows, frozenset(TASK), _subtask_moved),
    NodeTaskRecord: _Kind("node task", NODE_TASK.follows, _NONE, _node_task_moved),
    CertificateRecord: _Kind(
        "certificate", CERTIFICATE.follows, frozenset(CERTIFICATE), _certificate_moved
    ),
}
