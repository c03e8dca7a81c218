"""The service's whole state: look-ups, and the only ways to change the phase of a thing.

Behaviour files take a `State`, look up, refuse, mutate and emit. Whatever has changed so that
something may follow is *touched*, and looked at before the step ends; see `batchlab.core.machine`.
"""

from __future__ import annotations

from batchlab.autoscale import AutoScaleRun
from batchlab.core.messages.outputs import (
    AutoScaleEvaluated,
    CertificateChanged,
    Change,
    Command,
    DeleteFiles,
    JobChanged,
    JobScheduleChanged,
    NodeChanged,
    NodeTaskChanged,
    PoolChanged,
    RunKind,
    TaskChanged,
)
from batchlab.core.model.ids import RunId, fold
from batchlab.core.state import activity
from batchlab.core.state.deadlines import Deadlines
from batchlab.core.state.holdings import ApplicationRecord, CertificateRecord
from batchlab.core.state.phases import MOVES, NodeTaskDone, NodeTaskPending, Phase, TaskCompleted
from batchlab.core.state.records import (
    BillRecord,
    FootprintRecord,
    JobRecord,
    NodeRecord,
    NodeTaskPhase,
    NodeTaskRecord,
    PoolRecord,
    RunRecord,
    ScheduleRecord,
    TaskPhase,
    TaskRecord,
)
from batchlab.core.state.settings import Settings
from batchlab.errors import NotFound

__all__ = ["State"]


class State:
    """Everything the service knows at one moment.

    Parameters
    ----------
    settings : Settings, optional

    Attributes
    ----------
    dropped : int
        Reports that came too late to matter.
    """

    def __init__(self, settings: Settings | None = None) -> None:
        self.settings = settings or Settings()
        self.now = 0.0
        self.closing = False
        self.dropped = 0
        self.pools: dict[str, PoolRecord] = {}
        self.nodes: dict[str, NodeRecord] = {}
        self.jobs: dict[str, JobRecord] = {}
        self.schedules: dict[str, ScheduleRecord] = {}
        self.applications: dict[str, ApplicationRecord] = {}
        self.certificates: dict[str, CertificateRecord] = {}
        self.runs: dict[RunId, RunRecord] = {}
        self.preemptible: dict[str, JobRecord] = {}
        self.restarting: dict[str, JobRecord] = {}
        self.bills: dict[tuple[str, bool], BillRecord] = {}
        self.deadlines = Deadlines()
        self.numbers = 0
        self.commands: list[Command] = []
        self.changes: list[Change] = []
        self.unplaced: dict[str, PoolRecord] = {}
        self.unsettled: dict[str, JobRecord] = {}
        self.undrained: dict[str, NodeRecord] = {}
        self.unscheduled: dict[str, ScheduleRecord] = {}

    def begin_step(self, now: float) -> None:
        """Begin with an input: time goes on, never back, and nothing has been said yet."""
        self.now = max(self.now, now)
        self.commands, self.changes = [], []

    # -- look up -------------------------------------------------------------------

    def pool(self, pool_id: str) -> PoolRecord:
        """The pool of this id, or `NotFound`."""
        pool = self.pools.get(fold(pool_id))
        if pool is None:
            raise NotFound("PoolNotFound", f"there is no pool {pool_id!r}")
        return pool

    def node(self, pool_id: str, node_id: str) -> NodeRecord:
        """The node of this id in the pool, or `NotFound`."""
        node = self.pool(pool_id).nodes.get(fold(node_id))
        if node is None:
            raise NotFound("NodeNotFound", f"there is no node {node_id!r} in pool {pool_id!r}")
        return node

    def job(self, job_id: str) -> JobRecord:
        """The job of this id, or `NotFound`."""
        job = self.jobs.get(fold(job_id))
        if job is None:
            raise NotFound("JobNotFound", f"there is no job {job_id!r}")
        return job

    def schedule(self, job_schedule_id: str) -> ScheduleRecord:
        """The job schedule of this id, or `NotFound`."""
        schedule = self.schedules.get(fold(job_schedule_id))
        if schedule is None:
            raise NotFound("JobScheduleNotFound", f"there is no job schedule {job_schedule_id!r}")
        return schedule

    def task(self, job_id: str, task_id: str) -> TaskRecord:
        """The task of this id in the job, or `NotFound`."""
        task = self.job(job_id).tasks.get(fold(task_id))
        if task is None:
            raise NotFound("TaskNotFound", f"there is no task {task_id!r} in job {job_id!r}")
        return task

    # -- mutate and emit -----------------------------------------------------------

    def next_number(self) -> int:
        """Count: for run ids and for the order of the queue."""
        self.numbers += 1
        return self.numbers

    def command(self, command: Command) -> None:
        """Tell the driver to do something."""
        self.commands.append(command)

    def new_run(
        self, kind: RunKind, node: NodeRecord, job: JobRecord | None, name: str,
        task: TaskRecord | None = None,
    ) -> RunRecord:  # fmt: skip
        """Enter a run that is about to be commanded."""
        run_id = RunId(job.spec.id if job else "", name, node.id, self.next_number())
        run = RunRecord(id=run_id, kind=kind, node=node, job=job, task=task, started=self.now)
        self.runs[run_id] = node.runs[run_id] = run
        if job:
            job.runs[run_id] = run
        if task is None:
            node.node_task_count += 1
        if node.node_task_count:
            activity.charge(node, self.now)
        return run

    def end_run(self, run: RunRecord) -> None:
        """Strike out a run; whatever is reported of it from now on is dropped."""
        node = run.node
        del self.runs[run.id], node.runs[run.id]
        if node.node_task_count:
            node.node_task_count -= run.task is None
            activity.charge(node, self.now)
        if run.job:
            del run.job.runs[run.id]
            self.touch_job(run.job)

    def touch_pool(self, pool: PoolRecord) -> None:
        """Slots or tasks have changed: place tasks before the step ends."""
        self.unplaced[pool.key] = pool

    def touch_node(self, node: NodeRecord) -> None:
        """Tasks have left the node: look whether what it drains for can be done."""
        self.undrained[node.id] = node

    def touch_schedule(self, schedule: ScheduleRecord) -> None:
        """A time or the end of a job has come: look whether a job is to be made."""
        self.unscheduled[schedule.key] = schedule

    def touch_job(self, job: JobRecord) -> None:
        """Runs or tasks have changed: look whether the job can go on ending."""
        self.unsettled[job.key] = job

    def move_task(self, task: TaskRecord, phase: TaskPhase, reason: str = "") -> None:
        """Change the state of a task, keep the counts, tell the watchers."""
        old, job = task.phase, task.job
        _check("task", old, phase)
        job.count(old, -1)
        job.count(phase, 1)
        task.previous, task.previous_since = old.state, old.since
        task.phase = phase
        node = task.node
        self.tell_task(task, phase.state, node.id if node else "", reason)

    def drop_task(self, task: TaskRecord) -> None:
        """Strike out a task: its counts, and the queue entry that may still name it."""
        task.job.count(task.phase, -1)
        task.phase = TaskCompleted(self.now, None, None)

    def move_node(self, node: NodeRecord, phase: Phase, reason: str = "") -> None:
        """Change the state of a node, tell the watchers."""
        _check("node", node.phase, phase)
        node.phase = phase
        activity.charge(node, self.now)
        self.tell_node(node, phase.state, reason)

    def move_job(self, job: JobRecord, phase: Phase, reason: str = "") -> None:
        """Change the state of a job, tell the watchers.

        The previous state never names one that only leads to another.
        """
        _check("job", job.phase, phase)
        if job.phase.state in ("active", "disabled", "completed"):
            job.previous, job.previous_since = job.phase.state, job.phase.since
        job.phase = phase
        self.tell_job(job, phase.state, reason)

    def move_schedule(self, schedule: ScheduleRecord, phase: Phase) -> None:
        """Change the state of a job schedule, tell the watchers."""
        _check("job schedule", schedule.phase, phase)
        if schedule.phase.state in ("active", "disabled", "completed"):
            schedule.previous, schedule.previous_since = (
                schedule.phase.state,
                schedule.phase.since,
            )
        schedule.phase = phase
        self.tell_schedule(schedule, phase.state)

    def move_certificate(self, certificate: CertificateRecord, phase: Phase) -> None:
        """Change the state of a certificate, tell the watchers."""
        _check("certificate", certificate.phase, phase)
        certificate.previous = certificate.phase.state
        certificate.previous_since = certificate.phase.since
        certificate.phase = phase
        self.tell(
            CertificateChanged(at=self.now, thumbprint=certificate.thumbprint, state=phase.state)
        )

    def move_pool(
        self, pool: PoolRecord, *, phase: Phase | None = None, allocation: Phase | None = None,
        reason: str = "",
    ) -> None:  # fmt: skip
        """Change the state or the allocation state of a pool, tell the watchers."""
        if phase is not None:
            _check("pool", pool.phase, phase)
            pool.phase = phase
        if allocation is not None:
            _check("allocation", pool.allocation, allocation)
            pool.allocation = allocation
        self.tell_pool(pool, pool.phase.state, reason)

    def move_node_task(
        self,
        node_task: NodeTaskRecord,
        phase: NodeTaskPhase,
        node: NodeRecord,
        footprint: FootprintRecord | None,
    ) -> None:
        """Change the state of a start, preparation or release task, tell the watchers."""
        node_task.phase = phase
        job = footprint.job if footprint else None
        kind: RunKind = "starttask"
        if footprint:
            kind = "jobrelease" if node_task is footprint.release else "jobpreparation"
        state, failure = phase.state, None
        if isinstance(phase, NodeTaskPending):
            state = "pending"
        elif isinstance(phase, NodeTaskDone):
            failure = phase.failure
        self.changes.append(
            NodeTaskChanged(at=self.now, reason=failure.code if failure else "", kind=kind,
                        job_id=job.spec.id if job else "", node_id=node.id, state=state)
        )  # fmt: skip

    def tell(self, change: Change) -> None:
        """Tell the watchers."""
        self.changes.append(change)

    def tell_pool(self, pool: PoolRecord, state: str, reason: str = "") -> None:
        """Tell the watchers about a pool."""
        self.changes.append(
            PoolChanged(at=self.now, reason=reason, pool_id=pool.spec.id, state=state,
                        allocation_state=pool.allocation.state,
                        target_dedicated_nodes=pool.target,
                        target_low_priority_nodes=pool.target_spot,
                        task_slots_per_node=pool.spec.task_slots_per_node,
                        vm_size=pool.spec.vm_size)
        )  # fmt: skip

    def tell_node(self, node: NodeRecord, state: str, reason: str = "") -> None:
        """Tell the watchers about a node."""
        self.changes.append(
            NodeChanged(at=self.now, reason=reason, pool_id=node.pool.spec.id, node_id=node.id,
                        state=state, dedicated=node.dedicated)
        )  # fmt: skip

    def tell_auto_scale(self, pool: PoolRecord, run: AutoScaleRun) -> None:
        """Tell the watchers what a formula decided."""
        error = run.error.code if run.error else ""
        self.changes.append(
            AutoScaleEvaluated(at=self.now, pool_id=pool.spec.id, results=run.results, error=error)
        )

    def tell_job(self, job: JobRecord, state: str, reason: str = "") -> None:
        """Tell the watchers about a job."""
        self.changes.append(
            JobChanged(at=self.now, reason=reason, job_id=job.spec.id, state=state,
                       pool_id=job.pool_id)
        )  # fmt: skip

    def tell_schedule(self, schedule: ScheduleRecord, state: str) -> None:
        """Tell the watchers about a job schedule."""
        self.changes.append(
            JobScheduleChanged(at=self.now, job_schedule_id=schedule.spec.id, state=state)
        )

    def tell_task(self, task: TaskRecord, state: str, node_id: str = "", reason: str = "") -> None:
        """Tell the watchers that a task came, went, changed, or waits for no other any more."""
        self.changes.append(
            TaskChanged(at=self.now, reason=reason, job_id=task.job.spec.id, task_id=task.spec.id,
                        state=state, node_id=node_id, slots=task.slots,
                        blocked=task.unmet > 0 and state == "active")
        )  # fmt: skip

    def delete_files(self, node: NodeRecord, directory: str) -> None:
        """Delete a directory of a node: now, or, while the node is away, when it is up again."""
        if node.up:
            self.command(DeleteFiles(node_id=node.id, directories=(directory,)))
        elif node.id in self.nodes:
            node.trash.append(directory)


def _check(kind: str, old: Phase, new: Phase) -> None:
    if new.state not in MOVES[kind][old.state]:
        raise RuntimeError(f"a {kind} cannot go from {old.state} to {new.state}")
