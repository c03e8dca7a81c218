"""Multi-instance tasks: one task on several nodes at once.

Such a task takes all its nodes at the same moment, when enough are free, or none. It waits on them
in ``preparing`` until its job is prepared on every one; then a run starts on each, all together. A
run starts with the coordination command. When that has returned 0 on every node, the primary
(subtask 0) starts the application command in its own run. When this ends, the task ends.

The first run that ends without being asked to decides the result: the primary's in any case, any
other run if it failed. The loss of a node decides it too. Then the other runs are stopped. The
task stays ``running`` until the last of them is gone, and is then completed, retried, requeued or
deleted as if it had had a single run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from batchlab.core.jobs import preparation
from batchlab.core.messages import facts
from batchlab.core.messages.outputs import Coordination, StartApplication, StartRun
from batchlab.core.model import vm_cores
from batchlab.core.model.ids import fold
from batchlab.core.model.values import FailureInfo
from batchlab.core.placement import availability, gathering
from batchlab.core.state import phases
from batchlab.core.state.endings import stronger
from batchlab.core.state.records import (
    FootprintRecord,
    InstancesRecord,
    NodeRecord,
    SubtaskRecord,
    TaskRecord,
)
from batchlab.core.tasks import outcomes
from batchlab.core.tasks.failures import ENDED, failure_of
from batchlab.core.tasks.start_runs import start_run_of

if TYPE_CHECKING:
    from batchlab.core.state.state import State

# -- from queue to nodes ------------------------------------------------------------------------


def assign(state: State, task: TaskRecord, group: InstancesRecord) -> None:
    """Take a slot on one node per subtask, and start the runs when all are prepared."""
    job, pool = task.job, state.pools[fold(task.job.pool_id)]
    nodes = gathering.room(pool, task, group)
    _leave_former(state, task, group, nodes)
    group.subtasks = [
        SubtaskRecord(
            number=number, task=task, node=node, phase=phases.TaskPreparing(state.now, node.id)
        )
        for number, node in enumerate(nodes)
    ]
    group.verdict, group.lost, group.ending, group.begun = None, False, "", False
    group.gather_until = pool.gatherer = None
    task.node = nodes[0]
    for node in nodes:
        job.nodes[node.id] = node
        node.free -= task.slots
        if not isinstance(node.phase, phases.NodeRunning):
            state.move(node, phases.NodeRunning(state.now))
        availability.sort_node(state, node)
    footprints = [preparation.prepare(state, job, node) for node in nodes]
    waiting = [footprint for footprint in footprints if footprint is not None]
    if all(preparation.prepared(footprint) for footprint in waiting):
        _start(state, task, group)
    else:
        for footprint in waiting:
            footprint.waiting[fold(task.spec.id)] = task
        for subtask in group.subtasks:
            state.tell_subtask(subtask)
        state.move(task, phases.TaskPreparing(state.now, nodes[0].id))


def _leave_former(
    state: State, task: TaskRecord, group: InstancesRecord, nodes: list[NodeRecord]
) -> None:
    """Delete the files of an earlier attempt, except where the same subtask runs again."""
    for subtask in group.subtasks if task.started is not None else ():
        if nodes[subtask.number] is not subtask.node:
            state.delete_files(subtask.node, task.directory)


def node_prepared(
    state: State, task: TaskRecord, group: InstancesRecord, footprint: FootprintRecord
) -> None:
    """The job is prepared on one of the nodes: start if it was the last one."""
    footprints = task.job.footprints
    own = [footprints[subtask.node.id] for subtask in group.subtasks]
    if all(preparation.prepared(each) for each in own):
        for each in own:
            each.waiting.pop(fold(task.spec.id), None)
        _start(state, task, group)
    else:
        footprint.waiting[fold(task.spec.id)] = task


def withdraw(state: State, task: TaskRecord, group: InstancesRecord) -> None:
    """Give up all nodes of a task that waits for preparations."""
    for subtask in group.subtasks:
        node = subtask.node
        task.job.footprints[node.id].waiting.pop(fold(task.spec.id), None)
        state.move(subtask, phases.TaskCompleted(state.now, None, ENDED))
        outcomes.vacate(state, node, task)
        state.touch_node(node)


# -- from nodes to end --------------------------------------------------------------------------


def _start(state: State, task: TaskRecord, group: InstancesRecord) -> None:
    """Run all subtasks."""
    task.started = state.now
    for subtask in group.subtasks:
        run = state.new_run("task", subtask.node, task.job, task.spec.id, task)
        run.subtask, subtask.run, subtask.started = subtask, run, state.now
        start_run = start_run_of(state, task, run.id, subtask.node)
        state.command(_coordinated(start_run, task, group, subtask))
        state.move(subtask, phases.TaskRunning(state.now, run.id))
    primary = group.live[0]
    state.move(task, phases.TaskRunning(state.now, primary.id))


def _coordinated(
    start_run: StartRun, task: TaskRecord, group: InstancesRecord, subtask: SubtaskRecord
) -> StartRun:
    """The run of a subtask; only the primary has the files and the time limit of the task."""
    settings, nodes = task.spec.multi_instance_settings, task.nodes
    assert settings is not None
    coordination = Coordination(
        command_line=settings.coordination_command_line,
        subtask=subtask.number,
        directory=start_run.directory,
        hosts=tuple(node.ip_address or "" for node in nodes),
        cores=vm_cores(nodes[0].pool.spec.vm_size),
        port=nodes[0].network.low_port if nodes[0].network else 0,
        resource_files=settings.common_resource_files,
    )
    primary = subtask.number == 0
    return msgspec.structs.replace(
        start_run,
        directory=f"{start_run.directory}/{subtask.number}",
        resource_files=start_run.resource_files if primary else (),
        output_files=start_run.output_files if primary else (),
        time_limit_s=start_run.time_limit_s if primary else None,
        coordination=coordination,
    )


def run_coordinated(state: State, report: facts.RunCoordinated) -> None:
    """The coordination command of a subtask has returned 0."""
    run = state.runs.get(report.run_id)
    if run is None or run.task is None or run.subtask is None or run.subtask.coordinated:
        state.dropped += 1
        return
    run.subtask.coordinated = True
    _go_on(state, run.task)


def run_exited(
    state: State, subtask: SubtaskRecord, task: TaskRecord, report: facts.RunExited,
    failure: FailureInfo | None,
) -> None:  # fmt: skip
    """The run of a subtask has ended: the first that was not asked to end may decide."""
    group, exit_code = task.instances, report.exit_code
    assert group is not None
    if not report.cancelled and group.verdict is None and not group.lost:
        if subtask.number == 0 or failure is not None:
            group.verdict, group.culprit = report, subtask.number
        subtask.coordinated = True
    if subtask.coordinated and report.cancelled and subtask.number:
        exit_code, failure = 0, None  # its command was done
    subtask.run = None
    state.move(subtask, phases.TaskCompleted(state.now, exit_code, failure))
    _go_on(state, task)


def run_lost(state: State, subtask: SubtaskRecord, task: TaskRecord) -> None:
    """The node of a subtask is gone: stop all others, unless the result is decided already."""
    group = task.instances
    assert group is not None
    group.lost = group.lost or group.verdict is None
    subtask.run = None
    state.move(subtask, phases.TaskCompleted(state.now, None, ENDED))
    _go_on(state, task)


def end(state: State, task: TaskRecord, group: InstancesRecord, ending: str) -> None:
    """End a task as `runs.end` does: take it off its nodes or, if it runs, stop all its runs."""
    if isinstance(task.phase, phases.TaskRunning):
        group.ending = stronger(ending, group.ending)
        _end_runs(state, group)
    elif isinstance(task.phase, phases.TaskPreparing):
        withdraw(state, task, group)
    pool = state.pools.get(fold(task.job.pool_id))
    if pool is not None and pool.gatherer is task:
        state.touch_pool(pool)


def _go_on(state: State, task: TaskRecord) -> None:
    """Do the next step: start the application, stop the other runs, or judge the task."""
    group = task.instances
    assert group is not None
    if group.verdict is not None or group.lost:
        _end_runs(state, group)
    live = group.live
    if not live:
        _judge(state, task, group)
    elif undecided(group) and all(subtask.coordinated for subtask in group.subtasks):
        group.begun = True
        state.command(StartApplication(run_id=live[0].id))


def _end_runs(state: State, group: InstancesRecord) -> None:
    for run in group.live:
        state.ask_to_end(run, stronger(group.ending or "terminate", run.ending))


def _judge(state: State, task: TaskRecord, group: InstancesRecord) -> None:
    report = group.verdict
    if report is not None:
        outcomes.judge(state, task, group.ending, report, _failure(group, report))
    elif group.lost:
        outcomes.recover(state, task, group.ending)
    else:
        primary = group.subtasks[0].phase
        code = primary.exit_code if isinstance(primary, phases.TaskCompleted) else None
        run_id = task.phase.run_id  # type: ignore[union-attr]
        report = facts.RunExited(run_id=run_id, exit_code=code, cancelled=True)
        outcomes.judge(state, task, group.ending, report, ENDED)


def _failure(group: InstancesRecord, report: facts.RunExited) -> FailureInfo | None:
    """Why the task failed, with the subtask that failed."""
    failure = failure_of(report)
    if failure is None or not group.culprit:
        return failure
    node = group.subtasks[group.culprit].node
    details = {**failure.details, "SubtaskId": str(group.culprit), "NodeId": node.id}
    return msgspec.structs.replace(failure, details=details)


def undecided(group: InstancesRecord) -> bool:
    """Whether the application of a multi-instance task may still be started."""
    return not (group.begun or group.ending or group.lost or group.verdict)
