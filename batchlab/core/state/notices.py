"""What watchers are notified of: one change for every state that a resource enters."""

from __future__ import annotations

from batchlab.autoscale import AutoScaleRun
from batchlab.core.messages.outputs import (
    AutoScaleEvaluated,
    CertificateChanged,
    Change,
    JobChanged,
    JobScheduleChanged,
    NodeChanged,
    NodeTaskChanged,
    PoolChanged,
    SubtaskChanged,
    TaskChanged,
)
from batchlab.core.model.values import reason_of
from batchlab.core.state.holdings import CertificateRecord
from batchlab.core.state.phases import NodeTaskDone, NodeTaskPending, TaskCompleted
from batchlab.core.state.records import (
    JobRecord,
    NodeRecord,
    NodeTaskRecord,
    PoolRecord,
    ScheduleRecord,
    SubtaskRecord,
    TaskRecord,
)
from batchlab.core.state.settings import Settings, may_have_price


class Notices:
    """The changes of a step, in order."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.now = 0.0
        self.changes: list[Change] = []

    def tell(self, change: Change) -> None:
        """Notify the watchers of a change."""
        self.changes.append(change)

    def tell_pool(self, pool: PoolRecord, state: str, reason: str = "") -> None:
        """Notify the watchers about a pool."""
        self.changes.append(
            PoolChanged(at=self.now, reason=reason, pool_id=pool.spec.id, state=state,
                        allocation_state=pool.allocation.state,
                        target_dedicated_nodes=pool.target,
                        target_low_priority_nodes=pool.target_spot,
                        task_slots_per_node=pool.spec.task_slots_per_node,
                        vm_size=pool.spec.vm_size,
                        priced=may_have_price(self.settings, pool.spec.vm_size))
        )  # fmt: skip

    def tell_node(self, node: NodeRecord, state: str, reason: str = "") -> None:
        """Notify the watchers about a node."""
        self.changes.append(
            NodeChanged(at=self.now, reason=reason, pool_id=node.pool.spec.id, node_id=node.id,
                        state=state, dedicated=node.dedicated)
        )  # fmt: skip

    def tell_auto_scale(self, pool: PoolRecord, run: AutoScaleRun) -> None:
        """Notify the watchers about the result of a formula."""
        error = run.error.code if run.error else ""
        self.changes.append(
            AutoScaleEvaluated(at=self.now, pool_id=pool.spec.id, results=run.results, error=error)
        )

    def tell_job(self, job: JobRecord, state: str, reason: str = "") -> None:
        """Notify the watchers about a job."""
        self.changes.append(
            JobChanged(at=self.now, reason=reason, job_id=job.spec.id, state=state,
                       pool_id=job.pool_id)
        )  # fmt: skip

    def tell_schedule(self, schedule: ScheduleRecord, state: str) -> None:
        """Notify the watchers about a job schedule."""
        self.changes.append(
            JobScheduleChanged(at=self.now, job_schedule_id=schedule.spec.id, state=state)
        )

    def tell_task(self, task: TaskRecord, state: str, node_id: str = "", reason: str = "") -> None:
        """Notify the watchers about a task: new, changed, deleted, or no longer blocked."""
        done = task.phase if isinstance(task.phase, TaskCompleted) else None
        if done is None or state != "completed":
            started = exit_code = None
        else:
            started, exit_code, reason = task.started, done.exit_code, reason_of(done.failure)
        self.changes.append(
            TaskChanged(at=self.now, reason=reason, job_id=task.job.spec.id, task_id=task.spec.id,
                        state=state, node_id=node_id, slots=task.slots,
                        blocked=task.unmet > 0 and state == "active", started=started,
                        exit_code=exit_code)
        )  # fmt: skip

    def tell_subtask(self, subtask: SubtaskRecord) -> None:
        """Notify the watchers about a subtask; the primary is reported as the task."""
        task, phase = subtask.task, subtask.phase
        if subtask.number:
            failure = phase.failure if isinstance(phase, TaskCompleted) else None
            self.changes.append(
                SubtaskChanged(at=self.now, reason=reason_of(failure),
                               job_id=task.job.spec.id, task_id=task.spec.id,
                               subtask_id=subtask.number, node_id=subtask.node.id,
                               state=phase.state)
            )  # fmt: skip

    def tell_node_task(self, node_task: NodeTaskRecord) -> None:
        """Notify the watchers about a start, preparation or release task."""
        phase, job = node_task.phase, node_task.job
        failure = phase.failure if isinstance(phase, NodeTaskDone) else None
        self.changes.append(
            NodeTaskChanged(at=self.now, reason=reason_of(failure),
                            kind=node_task.kind, job_id=job.spec.id if job else "",
                            node_id=node_task.node.id,
                            state="pending" if isinstance(phase, NodeTaskPending) else phase.state)
        )  # fmt: skip

    def tell_certificate(self, certificate: CertificateRecord, state: str) -> None:
        """Notify the watchers about a certificate."""
        thumbprint = certificate.thumbprint
        self.changes.append(CertificateChanged(at=self.now, thumbprint=thumbprint, state=state))
