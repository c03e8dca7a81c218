"""Runs of tasks: started where placement decides, and ended.

While its run is being stopped, a task stays ``running`` until the node reports that no process is
left, so that two runs of a task never overlap. Then it is judged (`outcomes`). Tasks with several
runs are handled in `multi_instance`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from batchlab.core.jobs import preparation
from batchlab.core.messages import facts
from batchlab.core.model.ids import fold
from batchlab.core.placement import availability, placement, preemption, queues, recall
from batchlab.core.state import phases
from batchlab.core.state.endings import stronger
from batchlab.core.state.recent import RECENT, CompletedRun
from batchlab.core.state.records import NodeRecord, PoolRecord, RunRecord, TaskRecord
from batchlab.core.tasks import ahead_runs, contained, multi_instance, outcomes
from batchlab.core.tasks.failures import ENDED, failure_of
from batchlab.core.tasks.start_runs import start_run_of

if TYPE_CHECKING:
    from batchlab.core.state.state import State


def place(state: State, pool: PoolRecord) -> None:
    """Give free slots to waiting tasks until none fits any more, or preempt others for them."""
    pool.gatherer = None
    for task, node in placement.pairs(state, pool):
        assign(state, task, node)
    if pool.held and placement.let_go_of_cleared(pool):
        for task, node in placement.pairs(state, pool):
            assign(state, task, node)
    if pool.ready and (pool.preemptible or state.restarting):
        for task in preemption.victims(state, pool):
            end(state, task, "requeue")
    if pool.ahead.lacking or pool.ahead.runs:
        ahead_runs.fill(state, pool)


def assign(state: State, task: TaskRecord, node: NodeRecord) -> None:
    """Give a queued task slots on a node, and run it there when the job is prepared."""
    if task.instances is not None:
        multi_instance.assign(state, task, task.instances)
        return
    job = task.job
    occupy(state, task, node)
    if task is job.manager:
        state.restarting.pop(job.key, None)
    if not isinstance(node.phase, phases.NodeRunning):
        state.move(node, phases.NodeRunning(state.now))
    availability.sort_node(state, node)
    footprint = preparation.prepare(state, job, node)
    if footprint is None or preparation.prepared(footprint):
        start(state, task, node)
    else:
        footprint.waiting[fold(task.spec.id)] = task
        state.move(task, phases.TaskPreparing(state.now, node.id))


def occupy(state: State, task: TaskRecord, node: NodeRecord) -> None:
    """Give a task its slots on a node; its files on the node where it ran before go."""
    if task.started is not None and task.node is not node:
        outcomes.delete_files(state, task)
    task.node = node
    task.job.nodes[node.id] = node
    node.free -= task.slots


def start(state: State, task: TaskRecord, node: NodeRecord) -> None:
    """Run a task that has its slots on a prepared node."""
    run = state.new_run("task", node, task.job, task.spec.id, task)
    state.command(start_run_of(state, task, run.id, node))
    running(state, task, run)
    if node.ahead.depth:
        node.pool.ahead.lacking[node.id] = node


def running(state: State, task: TaskRecord, run: RunRecord) -> None:
    """A task runs."""
    if task.container_info is not None:
        contained.note(run, None)
    task.started = state.now
    state.move(task, phases.TaskRunning(state.now, run.id))


def run_exited(state: State, run: RunRecord, report: facts.RunExited) -> None:
    """A run has ended: judge it or, for a multi-instance task, see what it means for the task."""
    task, node = run.task, run.node
    assert task is not None
    outcomes.vacate(state, node, task)
    failure = failure_of(report)
    if report.container is not run.container:
        contained.note(run, report.container)
    node.tasks_run += 1
    node.tasks_succeeded += failure is None
    if run.subtask is None:
        outcomes.judge(state, task, run.ending, report, failure)
    else:
        multi_instance.run_exited(state, run.subtask, task, report, failure)
    kept = task.job.tasks.get(fold(task.spec.id)) is task
    if kept and isinstance(task.phase, phases.TaskCompleted):
        node.completed.append(
            CompletedRun(
                task.job.spec.id, task.spec.id, task.started, task.phase, task.retry_count,
                task.last_retry, task.requeue_count, task.last_requeue,
            )
        )  # fmt: skip
        del node.completed[:-RECENT]


def run_lost(state: State, run: RunRecord) -> None:
    """A run is lost because its node is gone."""
    task = run.task
    assert task is not None
    contained.note(run, None)
    state.end_run(run)
    outcomes.vacate(state, run.node, task)
    if run.subtask is None:
        outcomes.recover(state, task, run.ending)
    else:
        multi_instance.run_lost(state, run.subtask, task)


def end(state: State, task: TaskRecord, ending: str) -> None:
    """End a task: ``terminate``, ``requeue`` or ``delete`` it.

    A stronger request replaces a weaker one that is in progress.
    """
    phase = task.phase
    from_node = None
    if task.ahead is not None:
        recall.recall(state, [task.ahead], taken=ending, started=ending)
        return
    if task.instances is not None:
        multi_instance.end(state, task, task.instances, ending)
        if isinstance(phase, phases.TaskRunning):
            return
    elif isinstance(phase, phases.TaskRunning):
        run = state.runs[phase.run_id]
        state.ask_to_end(run, stronger(ending, run.ending))
        return
    elif isinstance(phase, phases.TaskPreparing):
        assert task.node is not None
        del task.job.footprints[task.node.id].waiting[fold(task.spec.id)]
        outcomes.vacate(state, task.node, task)
        from_node = task.node
    if ending == "delete":
        outcomes.remove(state, task)
    elif ending == "terminate" and not isinstance(phase, phases.TaskCompleted):
        outcomes.complete(state, task, None, ENDED)
    elif ending == "requeue" and isinstance(phase, phases.TaskPreparing):
        outcomes.activate(state, task, "requeued", first=True)
    if isinstance(phase, phases.TaskActive):
        queues.forget(task)
    if task is task.job.manager and ending != "requeue" and state.settings.rules >= 3:
        queues.offer(state, task.job)  # its other tasks have waited for it
    if from_node is not None:
        state.touch_node(from_node)
