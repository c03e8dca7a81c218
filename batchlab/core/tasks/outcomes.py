"""The outcome of a task when an attempt is over.

Each attempt is judged once, here. Its end may have been requested before (`ending`), in order to
``terminate``, ``requeue`` or ``delete`` the task. If the process ended on its own at the same
moment, its result counts, except for a deletion; a failure does not count for a task that is to be
queued again. Otherwise exit code 0 is success, and any other one is retried while the task has
retries left. A command that never started (a missing program or file) or exceeded its time limit
is not retried.

The loss of a node does not count as a retry: the attempt is repeated on another node, up to
`MAX_RECOVERIES` times. Neither does a node that had no process, file or memory left to begin.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from batchlab.core.messages import facts
from batchlab.core.model.values import FailureInfo
from batchlab.core.placement import availability, queues
from batchlab.core.state import phases
from batchlab.core.state.records import NodeRecord, TaskRecord
from batchlab.core.tasks import dependencies, exits
from batchlab.core.tasks.failures import ENDED

if TYPE_CHECKING:
    from batchlab.core.state.state import State

MAX_RECOVERIES = 10


def vacate(state: State, node: NodeRecord, task: TaskRecord) -> None:
    """Return the slots of a task to its node."""
    node.free += task.slots
    availability.sort_node(state, node)
    if task.job.spec.max_parallel_tasks != -1:
        queues.offer(state, task.job)


def judge(
    state: State, task: TaskRecord, ending: str, report: facts.RunExited,
    failure: FailureInfo | None,
) -> None:  # fmt: skip
    """Complete, retry, requeue or delete a task whose run has ended."""
    if ending == "delete":
        remove(state, task)
    elif report.cancelled or (ending == "requeue" and _failed(state, report)):
        _cancelled(state, task, ending, report.exit_code)
    elif failure and report.node_fault and not ending and task.recoveries < MAX_RECOVERIES:
        task.recoveries += 1
        why = failure.details.get("Message", failure.message)
        activate(state, task, "node exhausted", first=True, why=why)
    elif _may_retry(task, ending, report):
        task.retry_count += 1
        task.last_retry = state.now
        activate(state, task, "retry")
    else:
        complete(state, task, report.exit_code, failure)


def _failed(state: State, report: facts.RunExited) -> bool:
    return bool(report.exit_code) and not report.failure and state.settings.rules >= 3


def _cancelled(state: State, task: TaskRecord, ending: str, exit_code: int | None) -> None:
    if ending == "requeue":
        task.requeue_count += 1
        task.last_requeue = state.now
        activate(state, task, "requeued", first=True)
    else:
        complete(state, task, exit_code, ENDED)


def _may_retry(task: TaskRecord, ending: str, report: facts.RunExited) -> bool:
    if not report.exit_code or report.failure or ending == "terminate":
        return False
    return task.retries == -1 or task.retry_count < task.retries


def recover(state: State, task: TaskRecord, ending: str) -> None:
    """The node of a task was lost: end the task if requested, or repeat the run elsewhere."""
    if ending == "delete":
        remove(state, task)
    elif ending:
        _cancelled(state, task, ending, None)
    elif task.recoveries >= MAX_RECOVERIES:
        failure = FailureInfo(
            category="UserError",
            code="MaxInternalRetryCountReached",
            message=f"The node was lost {MAX_RECOVERIES + 1} times while the task was running",
        )
        complete(state, task, None, failure)
    else:
        task.recoveries += 1
        activate(state, task, "node lost", first=True)


def activate(
    state: State, task: TaskRecord, reason: str, *, first: bool = False, why: str = ""
) -> None:
    """Queue a task (again)."""
    state.move(task, phases.TaskActive(state.now, why), reason)
    state.keep_files(task)
    state.touch_job(task.job)
    if task is task.job.manager and task.started is not None:
        state.restarting[task.job.key] = task.job
    if not task.unmet:
        queues.enqueue(state, task, first=first)


def complete(
    state: State, task: TaskRecord, exit_code: int | None, failure: FailureInfo | None
) -> None:
    """Complete a task: record its result, and apply its exit conditions."""
    state.move(task, phases.TaskCompleted(state.now, exit_code, failure))
    _follow(state, task, exit_code, failure)
    state.touch_job(task.job)
    if task.started is None:
        return
    until = state.expire_files(task)
    for node in task.nodes:
        node.retained_until = max(node.retained_until, until)


def _follow(
    state: State, task: TaskRecord, exit_code: int | None, failure: FailureInfo | None
) -> None:
    """Apply the exit conditions for this result."""
    job = task.job
    spec, manages = job.spec, task is job.manager
    if not (spec.uses_task_dependencies or manages or spec.on_task_failure != "noaction"):
        return  # as usual: nobody waits for it
    if failure == ENDED and state.settings.rules >= 3:
        job_action, dependency_action = "none", "block"  # a user's request is no exit condition
    else:
        job_action, dependency_action = exits.judge(task.spec, exit_code, failure)
    if spec.uses_task_dependencies and dependency_action == "satisfy":
        for child in dependencies.satisfy(job, task.spec.id):
            state.tell_task(child, "active")
            queues.enqueue(state, child)
    if spec.on_task_failure != "noaction" and job_action != "none":
        job.action = "TaskFailed" if job_action == "terminate" else "disable"
    manager = spec.job_manager_task
    if manages and manager and manager.kill_job_on_completion:
        job.action = "JMComplete"


def remove(state: State, task: TaskRecord) -> None:
    """Delete a task that is not running, with its files."""
    state.strike_out(task)
    delete_files(state, task)
    state.touch_job(task.job)


def delete_files(state: State, task: TaskRecord) -> None:
    """Delete a task's directory; snapshots of earlier versions refer to this by its name."""
    state.delete_task_files(task)
