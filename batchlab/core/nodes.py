"""Nodes: what they are told to do, and how they are emptied for it.

A node is emptied (`drain`) for a purpose: to leave, to reboot, to be reimaged, to be disabled. It
takes no new task meanwhile. What runs there is dealt with as the option says: ``requeue`` and
``terminate`` kill it, ``taskcompletion`` lets it end, ``retaineddata`` also waits until the files
of its tasks are no longer kept. A new purpose replaces an old one, save that a node which leaves
does nothing else.

A reboot ends what runs and begins a new `boot`; a reimage also deletes all files, which begins a
new `image`. A spot node that is preempted keeps its place and its id, loses all its files too, and
is asked for again after a while. What nodes tell of themselves is in `boots`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from batchlab.core import applications, costs, hooks, inputs, phases, placement, tasks, waiting
from batchlab.core.outputs import (
    EvictNode,
    RebootNode,
    StartNode,
    StopNode,
)
from batchlab.core.records import NodeRecord
from batchlab.core.specs import Deallocation
from batchlab.errors import Conflict, invalid

if TYPE_CHECKING:
    from batchlab.core.machine import Core

_TAKING = ("idle", "running", "offline")
_REBOOTABLE = (*_TAKING, "starttaskfailed", "unusable")


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


def preempt_node(core: Core, request: inputs.PreemptNode) -> None:
    """Take a spot node away: it stays listed, loses its data, and comes back later."""
    node = core.node(request.pool_id, request.node_id)
    if node.dedicated:
        raise Conflict(
            "OperationNotValidOnNode",
            f"node {node.id!r} is dedicated: only spot nodes (target_low_priority_nodes) are "
            "taken away",
        )
    _refuse_unless(node, (*_REBOOTABLE, "starting", "waitingforstarttask"), "preempted")
    end_life(core, node, gone=False)
    node.drain = None
    node.certificate_references = ()
    _lose_data(core, node)
    stay_away(core, node, "preempted")
    placement.sort_node(core, node)
    core.command(EvictNode(node_id=node.id))


def stay_away(core: Core, node: NodeRecord, reason: str, *, at_least_s: float = 0.0) -> None:
    """There is no machine for a spot node: ask again after a while, as often as it takes."""
    core.move_node(node, phases.NodePreempted(core.now), reason)
    wait_s = max(core.settings.spot_return_s, at_least_s)
    core.deadlines.at(core.now + wait_s, _replace, core, node, node.boot)


def _replace(core: Core, node: NodeRecord, boot: int) -> None:
    """Ask for a preempted node again."""
    if node.id in core.nodes and node.boot == boot and node.phase.state == "preempted":
        node.boot += 1
        core.move_node(node, phases.NodeCreating(core.now))
        command_start(core, node)


def _lose_data(core: Core, node: NodeRecord) -> None:
    """The node begins a new life with empty folders: what jobs left there counts no more."""
    node.image += 1
    node.retained_until = 0.0
    node.trash = []
    for footprint in node.footprints.values():
        footprint.job.refused_by.pop(node.id, None)
        core.touch_job(footprint.job)


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
        rest(core, node)


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
        for run in list(node.runs.values()):
            if run.task:
                tasks.end(core, run.task, option)
        for footprint in list(node.footprints.values()):
            waiting.return_waiting(core, footprint, "requeued", ending=option)
    core.touch_node(node)


def settle(core: Core, node: NodeRecord) -> None:
    """If a node is empty, do what it was emptied for; else let it rest or run."""
    if node.id not in core.nodes:
        return
    if node.phase.state in _TAKING:
        rest(core, node)
    if node.drain is None or node.free < node.pool.spec.task_slots_per_node:
        return
    purpose = node.drain.purpose
    if node.drain.option == "retaineddata" and node.retained_until > core.now:
        core.deadlines.at(node.retained_until, core.touch_node, node)
        costs.charge(core, node)  # it is empty, and only waits
        return
    node.drain = None
    if purpose == "leave":
        stop(core, node)
    elif purpose != "disable":
        reboot(core, node, reimage=purpose == "reimage")


def return_to_service(core: Core, node: NodeRecord) -> None:
    """A node that was to leave stays after all."""
    node.drain = None
    rest(core, node)


def stop(core: Core, node: NodeRecord) -> None:
    """Tell a node to go, whatever it is doing."""
    node.drain = None
    core.move_node(node, phases.NodeLeavingPool(core.now, True))
    placement.sort_node(core, node)
    end_life(core, node, gone=True)
    core.command(StopNode(pool_id=node.pool.spec.id, node_id=node.id))


def reboot(core: Core, node: NodeRecord, *, reimage: bool) -> None:
    """Begin a new boot of an empty node."""
    end_life(core, node, gone=False)
    node.boot += 1
    if reimage:
        _lose_data(core, node)
    _show_reboot(core, node, "reimage" if reimage else "reboot")
    placement.sort_node(core, node)
    spec = node.pool.spec
    node.certificate_references = spec.certificate_references
    core.command(
        RebootNode(
            pool_id=spec.id,
            node_id=node.id,
            boot=node.boot,
            reimage=reimage,
            application_packages=applications.wanted(core, spec.application_package_references),
            certificate_references=spec.certificate_references,
        )
    )


def _show_reboot(core: Core, node: NodeRecord, purpose: str) -> None:
    now = core.now
    phase = phases.NodeReimaging(now) if purpose == "reimage" else phases.NodeRebooting(now)
    if node.phase.state != phase.state:
        core.move_node(node, phase)


def end_life(core: Core, node: NodeRecord, *, gone: bool) -> None:
    """Nothing runs on the node any more: strike out its runs, give tasks and hooks back."""
    for run in reversed(list(node.runs.values())):  # the oldest is to be first again
        if run.task:
            tasks.run_lost(core, run)
    for footprint in list(node.footprints.values()):
        waiting.return_waiting(core, footprint, "node lost")
    hooks.interrupt(core, node, gone=gone)
    for run in list(node.runs.values()):
        core.end_run(run)  # the start task


# -- helpers ----------------------------------------------------------------------------------


def rest(core: Core, node: NodeRecord) -> None:
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


def wake_jobs(core: Core, node: NodeRecord) -> None:
    """Jobs that end may have waited for this node to be up."""
    for footprint in node.footprints.values():
        core.touch_job(footprint.job)


def command_start(core: Core, node: NodeRecord) -> None:
    """Have a node started, with what its pool references now."""
    spec = node.pool.spec
    node.certificate_references = spec.certificate_references
    core.command(
        StartNode(
            pool_id=spec.id,
            node_id=node.id,
            boot=node.boot,
            vm_size=spec.vm_size,
            task_slots=spec.task_slots_per_node,
            dedicated=node.dedicated,
            application_packages=applications.wanted(core, spec.application_package_references),
            certificate_references=spec.certificate_references,
        )
    )


def stopping(node: NodeRecord) -> bool:
    """Whether a node has been told to go."""
    return isinstance(node.phase, phases.NodeLeavingPool) and node.phase.stopping
