"""Nodes: they start, run the start task, take tasks, are emptied, rebooted, lost and found.

A node counts its starts (`boot`) and its reimages (`image`); a report that names an earlier boot
is dropped. At each start the pool's start task, as it is then, runs first. With
``wait_for_success`` the node waits for it and, when it failed for good, takes no task until it is
rebooted; without, it takes tasks at once, whatever the start task does.

A node is emptied (`drain`) for a purpose: to leave, to reboot, to be reimaged, to be disabled. It
takes no new task meanwhile. What runs there is dealt with as the option says: ``requeue`` and
``terminate`` kill it, ``taskcompletion`` lets it end, ``retaineddata`` also waits until the files
of its tasks are no longer kept. A new purpose replaces an old one, save that a node which leaves
does nothing else.

A node that is lost gives its tasks back to their jobs and is started again under its id. Where
that cannot be done it is ``unusable``, for somebody to reboot or remove.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from batchlab.core import hooks, inputs, phases, placement, pools, tasks
from batchlab.core.outputs import DeleteFiles, RebootNode, StartNode, StartRun, StopNode
from batchlab.core.records import HookRecord, NodeRecord, RunRecord
from batchlab.core.specs import Deallocation
from batchlab.core.views import ResizeError
from batchlab.errors import Conflict, invalid

if TYPE_CHECKING:
    from batchlab.core.machine import Core

_TAKING = ("idle", "running", "offline")
_REBOOTABLE = (*_TAKING, "starttaskfailed", "unusable")
_AWAITED = ("creating", "rebooting", "reimaging", "unknown")


# -- requests -----------------------------------------------------------------------------------


def reboot_node(core: Core, request: inputs.RebootNode) -> None:
    """Empty a node, then start it anew."""
    node = core.node(request.pool_id, request.node_id)
    _refuse_unless(node, _REBOOTABLE, "rebooted")
    drain(core, node, "reboot", request.node_reboot_option)


def reimage_node(core: Core, request: inputs.ReimageNode) -> None:
    """Empty a node, delete all its files, then start it anew."""
    node = core.node(request.pool_id, request.node_id)
    _refuse_unless(node, _REBOOTABLE, "reimaged")
    drain(core, node, "reimage", request.node_reimage_option)


def disable_scheduling(core: Core, request: inputs.DisableNodeScheduling) -> None:
    """Have a node take no more tasks; it is offline once the present ones are dealt with."""
    node = core.node(request.pool_id, request.node_id)
    option = request.node_disable_scheduling_option
    if option == "retaineddata":
        raise invalid("node_disable_scheduling_option", option,
                      "must be requeue, terminate or taskcompletion")  # fmt: skip
    _refuse_scheduling(node, "disabled")
    node.scheduling = "disabled"
    if node.phase.state in _TAKING and node.drain is None:
        drain(core, node, "disable", option)
    placement.sort_node(core, node)


def enable_scheduling(core: Core, request: inputs.EnableNodeScheduling) -> None:
    """Have a node take tasks again."""
    node = core.node(request.pool_id, request.node_id)
    _refuse_scheduling(node, "enabled")
    node.scheduling = "enabled"
    if node.drain and node.drain.purpose == "disable":
        node.drain = None
    if node.phase.state in _TAKING:
        _rest(core, node)


def _refuse_scheduling(node: NodeRecord, target: str) -> None:
    if node.phase.state == "leavingpool":
        _refuse_unless(node, _TAKING, target)
    if node.scheduling == target:
        raise Conflict(
            "NodeAlreadyInTargetSchedulingState",
            f"scheduling on node {node.id!r} is already {target}",
        )


def _refuse_unless(node: NodeRecord, states: tuple[str, ...], done: str) -> None:
    state = node.phase.state
    if state not in states:
        code = {
            "creating": "NodeBeingCreated",
            "starting": "NodeBeingStarted",
            "waitingforstarttask": "NodeBeingStarted",
            "rebooting": "NodeBeingRebooted",
            "reimaging": "NodeBeingReimaged",
            "unknown": "NodeStateUnusable",
            "unusable": "NodeStateUnusable",
        }.get(state, "NodeNotReady")
        raise Conflict(
            code,
            f"node {node.id!r} is {state}: it can be {done} when it is {', '.join(states)}",
        )


# -- start --------------------------------------------------------------------------------------


def node_allocated(core: Core, report: inputs.NodeAllocated) -> None:
    """A node has its machine."""
    node = _present(core, report.node_id, report.boot)
    if node is None or not _awaited(node):
        return
    if node.allocated is None:
        node.allocated = core.now
    node.ip_address = report.ip_address
    node.pool.creating.pop(node.id, None)
    core.move_node(node, phases.NodeStarting(core.now))
    pools.settle(core, node.pool)


def node_started(core: Core, report: inputs.NodeStarted) -> None:
    """A node is up: run the start task, or let it take tasks."""
    node = _present(core, report.node_id, report.boot)
    if node is None or node.phase.state != "starting":
        return
    node.booted = core.now
    trash, node.trash = tuple(node.trash), []
    if trash:
        core.command(DeleteFiles(node_id=node.id, directories=trash))
    node.start_task = spec = node.pool.spec.start_task
    node.start = None
    if spec is not None:
        node.start = HookRecord(phase=phases.HookPending(core.now))
        _run_start_task(core, node)
        if spec.wait_for_success:
            core.move_node(node, phases.NodeWaitingForStartTask(core.now))
            return
    _rest(core, node)
    _wake_jobs(core, node)


def _run_start_task(core: Core, node: NodeRecord) -> None:
    spec, hook = node.start_task, node.start
    assert spec is not None
    assert hook is not None
    run = core.new_run("starttask", node, None, "starttask")
    core.command(
        StartRun(
            run_id=run.id,
            kind="starttask",
            pool_id=node.pool.spec.id,
            command_line=spec.command_line,
            directory="startup",
            environment=spec.environment_settings,
            resource_files=spec.resource_files,
        )
    )
    core.move_hook(hook, phases.HookRunning(core.now, run.id), node, None)


def hook_exited(core: Core, run: RunRecord, report: inputs.RunExited) -> None:
    """A start, preparation or release task has ended."""
    node = run.node
    if run.kind == "starttask":
        _start_task_exited(core, run, report)
    elif run.kind == "jobrelease":
        hooks.release_exited(core, run, report)
    else:
        may_start = hooks.preparation_exited(core, run, report)
        assert run.job is not None
        footprint = run.job.footprints[node.id]
        if may_start:
            tasks.start_waiting(core, footprint)
        elif may_start is not None:
            tasks.return_waiting(core, footprint, "preparation failed")


def _start_task_exited(core: Core, run: RunRecord, report: inputs.RunExited) -> None:
    node, spec = run.node, run.node.start_task
    hook = node.start
    assert spec is not None
    assert hook is not None
    if hooks.retry_hook(core, run, hook, report, spec.max_task_retry_count):
        _run_start_task(core, node)
        return
    done = hooks.done(core, run, report)
    core.move_hook(hook, done, node, None)
    if node.phase.state != "waitingforstarttask":
        return
    if done.failure is None:
        _rest(core, node)
    else:
        core.move_node(node, phases.NodeStartTaskFailed(core.now), done.failure.code)
    _wake_jobs(core, node)


def _rest(core: Core, node: NodeRecord) -> None:
    """Let a node be what its tasks make it: running, or idle, or, disabled, offline."""
    phase: phases.Phase
    if node.free < node.pool.spec.task_slots_per_node:
        phase = phases.NodeRunning(core.now)
    elif node.scheduling == "disabled":
        phase = phases.NodeOffline(core.now)
    else:
        phase = phases.NodeIdle(core.now)
    if phase.state != node.phase.state:
        core.move_node(node, phase)
    placement.sort_node(core, node)


def _wake_jobs(core: Core, node: NodeRecord) -> None:
    """Jobs that end may have waited for this node to be up."""
    for footprint in node.footprints.values():
        core.touch_job(footprint.job)


# -- empty --------------------------------------------------------------------------------------


def drain(core: Core, node: NodeRecord, purpose: str, option: Deallocation) -> None:
    """Empty a node for a purpose, and do that when it is empty."""
    node.drain = phases.Drain(purpose, option)
    if purpose == "leave":
        core.move_node(node, phases.NodeLeavingPool(core.now, False))
    elif purpose != "disable" and option in ("requeue", "terminate"):
        _show_reboot(core, node, purpose)
    placement.sort_node(core, node)
    if option in ("requeue", "terminate"):
        ending = "requeue" if option == "requeue" else "terminate"
        for run in list(node.runs.values()):
            if run.task:
                tasks.end(core, run.task, ending)
        for footprint in list(node.footprints.values()):
            tasks.return_waiting(core, footprint, "requeued", ending=ending)
    core.touch_node(node)


def settle(core: Core, node: NodeRecord) -> None:
    """If a node is empty, do what it was emptied for; else let it rest or run."""
    if node.id not in core.nodes:
        return
    if node.phase.state in _TAKING:
        _rest(core, node)
    if node.drain is None or node.free < node.pool.spec.task_slots_per_node:
        return
    purpose = node.drain.purpose
    if node.drain.option == "retaineddata" and node.retained_until > core.now:
        core.deadlines.at(node.retained_until, core.touch_node, node)
        return
    node.drain = None
    if purpose == "leave":
        stop(core, node)
    elif purpose != "disable":
        _reboot(core, node, reimage=purpose == "reimage")


def return_to_service(core: Core, node: NodeRecord) -> None:
    """A node that was to leave stays after all."""
    node.drain = None
    _rest(core, node)


def stop(core: Core, node: NodeRecord) -> None:
    """Tell a node to go, whatever it is doing."""
    node.drain = None
    core.move_node(node, phases.NodeLeavingPool(core.now, True))
    placement.sort_node(core, node)
    _end_life(core, node, gone=True)
    core.command(StopNode(pool_id=node.pool.spec.id, node_id=node.id))


def _reboot(core: Core, node: NodeRecord, *, reimage: bool) -> None:
    _end_life(core, node, gone=False)
    node.boot += 1
    if reimage:
        node.image += 1
        node.retained_until = 0.0
        node.trash = []
        for footprint in node.footprints.values():
            footprint.job.refused_by.pop(node.id, None)
            core.touch_job(footprint.job)
    _show_reboot(core, node, "reimage" if reimage else "reboot")
    placement.sort_node(core, node)
    core.command(
        RebootNode(pool_id=node.pool.spec.id, node_id=node.id, boot=node.boot, reimage=reimage)
    )


def _show_reboot(core: Core, node: NodeRecord, purpose: str) -> None:
    now = core.now
    phase = phases.NodeReimaging(now) if purpose == "reimage" else phases.NodeRebooting(now)
    if node.phase.state != phase.state:
        core.move_node(node, phase)


def _end_life(core: Core, node: NodeRecord, *, gone: bool) -> None:
    """Nothing runs on the node any more: strike out its runs, give tasks and hooks back."""
    for run in reversed(list(node.runs.values())):  # the oldest is to be first again
        if run.task:
            tasks.run_lost(core, run)
    for footprint in list(node.footprints.values()):
        tasks.return_waiting(core, footprint, "node lost")
    hooks.interrupt(core, node, gone=gone)
    for run in list(node.runs.values()):
        core.end_run(run)  # the start task


# -- lose ---------------------------------------------------------------------------------------


def node_lost(core: Core, report: inputs.NodeLost) -> None:
    """Contact with a node ended, unasked: give its tasks back, start it again."""
    node = _present(core, report.node_id, report.boot)
    if node is None or _stopping(node) or node.phase.state == "unusable":
        return
    if node.drain and node.drain.purpose == "leave":
        stop(core, node)
        return
    node.drain = None
    if node.phase.state == "reimaging":
        _reboot(core, node, reimage=True)  # what was begun is not to be forgotten
        return
    if node.phase.state != "creating":
        core.move_node(node, phases.NodeUnknown(core.now), report.reason)
    placement.sort_node(core, node)
    _end_life(core, node, gone=False)
    node.boot += 1
    core.command(start_command(node))


def node_start_failed(core: Core, report: inputs.NodeStartFailed) -> None:
    """There is no machine for a node: it never joins, or cannot be brought back."""
    node = _present(core, report.node_id, report.boot)
    if node is None or not (_awaited(node) or node.phase.state == "starting"):
        return
    error = ResizeError(code=report.code, message=report.message)
    if node.allocated is None:
        pools.remove(core, node)
        pools.add_error(node.pool, error)
        pools.settle(core, node.pool)
    else:
        phase = phases.NodeUnusable(core.now, report.code, report.message)
        core.move_node(node, phase, report.message)
        _wake_jobs(core, node)


def node_stopped(core: Core, report: inputs.NodeStopped) -> None:
    """A node that was told to go has gone."""
    node = core.nodes.get(report.node_id)
    if node is None or not _stopping(node):
        core.dropped += 1
        return
    pools.remove(core, node)
    for footprint in node.footprints.values():
        core.touch_job(footprint.job)
    pools.settle(core, node.pool)


def start_command(node: NodeRecord) -> StartNode:
    """The command that starts a node."""
    spec = node.pool.spec
    return StartNode(
        pool_id=spec.id,
        node_id=node.id,
        boot=node.boot,
        vm_size=spec.vm_size,
        task_slots=spec.task_slots_per_node,
    )


def _awaited(node: NodeRecord) -> bool:
    """Whether the driver owes the node a machine."""
    return node.drain is None and node.phase.state in _AWAITED


def _stopping(node: NodeRecord) -> bool:
    return isinstance(node.phase, phases.NodeLeavingPool) and node.phase.stopping


def _present(core: Core, node_id: str, boot: int) -> NodeRecord | None:
    node = core.nodes.get(node_id)
    if node is None or node.boot != boot:
        core.dropped += 1
        return None
    return node
