"""Nodes: operations on them, and how they are drained first.

A node is drained (`drain`) for a purpose: to leave, to reboot, to be reimaged, to be deallocated,
or to be disabled. Meanwhile it takes no new tasks. The option decides what happens to its running
tasks: ``requeue`` and ``terminate`` kill them, ``taskcompletion`` lets them end, and
``retaineddata`` also waits until the retention times of their files are over. A new purpose
replaces an old one, but a node that is leaving does nothing else.

A reboot ends all processes and starts a new `boot`. A reimage also deletes all files, which starts
a new `image`. A spot node that is preempted keeps its place and its id, but loses its files too;
it is requested again after a while. Reports about nodes are handled in `lifecycle`.

A deallocated node keeps its place, its id and its files, but has no machine: it costs nothing and
takes no tasks, and its scheduling is disabled until a user starts it. That is a new boot, as after
a reboot, so its start task runs again. Jobs that end meanwhile do not wait for it: their release
tasks do not run there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from batchlab.core.account import applications, node_users
from batchlab.core.jobs import node_tasks
from batchlab.core.messages import inputs
from batchlab.core.messages.outputs import (
    EvictNode,
    ReleaseNode,
    RestartNode,
    StartNode,
    StopNode,
)
from batchlab.core.model import Deallocation
from batchlab.core.placement import availability, recall
from batchlab.core.state import activity, phases
from batchlab.core.state.records import NodeRecord
from batchlab.core.state.states import NODE
from batchlab.core.tasks import ahead_runs, preparing, runs
from batchlab.errors import Conflict, invalid

if TYPE_CHECKING:
    from batchlab.core.state.state import State

_SERVING = NODE.group("serving")
_REBOOTABLE = NODE.group("rebootable")


# -- requests -----------------------------------------------------------------------------------


def reboot_node(state: State, request: inputs.RebootNode) -> None:
    """Drain a node, then restart it."""
    node = state.node(request.pool_id, request.node_id)
    _refuse_unless(node, _REBOOTABLE, "rebooted")
    drain(state, node, "reboot", request.node_reboot_option)


def reimage_node(state: State, request: inputs.ReimageNode) -> None:
    """Drain a node, delete all its files, then restart it."""
    node = state.node(request.pool_id, request.node_id)
    _refuse_unless(node, _REBOOTABLE, "reimaged")
    drain(state, node, "reimage", request.node_reimage_option)


def deallocate_node(state: State, request: inputs.DeallocateNode) -> None:
    """Drain a node, then release its machine until the node is started."""
    node = state.node(request.pool_id, request.node_id)
    _refuse_unless(node, NODE.group("deallocatable"), "deallocated")
    drain(state, node, "deallocate", request.node_deallocate_option)


def start_node(state: State, request: inputs.StartDeallocatedNode) -> None:
    """Get a machine for a deallocated node again."""
    node = state.node(request.pool_id, request.node_id)
    if not isinstance(node.phase, phases.NodeDeallocated):
        raise Conflict(
            "OperationInvalidForCurrentState",
            f"node {node.id!r} is {node.phase.state}: it can only be started while deallocated",
        )
    node.boot += 1
    node.scheduling = "enabled"
    state.move(node, phases.NodeStarting(state.now, awaited=True))
    command_start(state, node)


def preempt_node(state: State, request: inputs.PreemptNode) -> None:
    """Preempt a spot node: it stays listed, loses its data, and comes back later."""
    node = state.node(request.pool_id, request.node_id)
    if node.dedicated:
        raise Conflict(
            "OperationNotValidOnNode",
            f"node {node.id!r} is dedicated: only spot nodes (target_low_priority_nodes) can be "
            "preempted",
        )
    _refuse_unless(node, NODE.group("preemptible"), "preempted")
    end_life(state, node, gone=False)
    node.drain = None
    node.certificate_references = ()
    lose_data(state, node)
    stay_away(state, node, "preempted")
    availability.sort_node(state, node)
    state.command(EvictNode(node_id=node.id))


def stay_away(state: State, node: NodeRecord, reason: str, *, at_least_s: float = 0.0) -> None:
    """There is no machine for a spot node: request one again after a while, until there is."""
    state.move(node, phases.NodePreempted(state.now), reason)
    wait_s = max(state.settings.spot_return_s, at_least_s)
    state.deadlines.at(state.now + wait_s, _replace, state, node, node.boot)


def _replace(state: State, node: NodeRecord, boot: int) -> None:
    """Request a preempted node again."""
    if node.id in state.nodes and node.boot == boot and node.phase.state == "preempted":
        node.boot += 1
        state.move(node, phases.NodeCreating(state.now))
        command_start(state, node)


def lose_data(state: State, node: NodeRecord) -> None:
    """Give the node empty directories: job preparations there no longer count."""
    node.image += 1
    node.retained_until = 0.0
    node.trash = []
    node_users.forget_all(state, node)
    for footprint in node.footprints.values():
        footprint.job.refused_by.pop(node.id, None)
        state.touch_job(footprint.job)


def disable_scheduling(state: State, request: inputs.DisableNodeScheduling) -> None:
    """Let a node take no more tasks; it goes offline when its current tasks are finished."""
    node = state.node(request.pool_id, request.node_id)
    option = request.node_disable_scheduling_option
    if option == "retaineddata":
        raise invalid("node_disable_scheduling_option", option,
                      "must be requeue, terminate or taskcompletion")  # fmt: skip
    _refuse_scheduling(node, "disabled")
    node.scheduling = "disabled"
    if node.phase.state in _SERVING and node.drain is None:
        drain(state, node, "disable", option)
    availability.sort_node(state, node)


def enable_scheduling(state: State, request: inputs.EnableNodeScheduling) -> None:
    """Let a node take tasks again."""
    node = state.node(request.pool_id, request.node_id)
    _refuse_scheduling(node, "enabled")
    node.scheduling = "enabled"
    if node.drain and node.drain.purpose == "disable":
        node.drain = None
    if node.phase.state in _SERVING:
        rest(state, node)


def _refuse_scheduling(node: NodeRecord, target: str) -> None:
    if node.phase.state == "leavingpool":
        _refuse_unless(node, _SERVING, target)
    if node.scheduling == target:
        raise Conflict(
            "NodeAlreadyInTargetSchedulingState",
            f"scheduling on node {node.id!r} is already {target}",
        )
    if node.away:
        raise Conflict(
            "OperationInvalidForCurrentState",
            f"node {node.id!r} is deallocated, or about to be: start it after that, which also "
            "enables its scheduling",
        )


def _refuse_unless(node: NodeRecord, states: tuple[str, ...], done: str) -> None:
    state = node.phase.state
    if state not in states:
        cure = "; start it first" if isinstance(node.phase, phases.NodeDeallocated) else ""
        raise Conflict(
            NODE[state].refusal,
            f"node {node.id!r} is {state}: it can only be {done} while "
            f"{' or '.join(states)}{cure}",
        )


# -- empty --------------------------------------------------------------------------------------


def drain(state: State, node: NodeRecord, purpose: str, option: Deallocation) -> None:
    """Drain a node for a purpose, and carry that out when it is empty.

    Purposes: ``leave``, ``reboot``, ``reimage``, ``deallocate``, ``disable``.
    """
    if purpose == "deallocate":
        node.scheduling = "disabled"
    elif node.away:
        node.scheduling = "enabled"  # it stays after all
    node.drain = phases.Drain(purpose, option)
    if purpose == "leave":
        state.move(node, phases.NodeLeavingPool(state.now, False))
    elif purpose != "disable" and option in ("requeue", "terminate"):
        _show(state, node, purpose)
    availability.sort_node(state, node)
    ending = option if option in ("requeue", "terminate") else ""
    recall.recall(state, node.ahead.queue.values(), started=ending)
    if option in ("requeue", "terminate"):
        for run in list(node.runs.values()):
            if run.task:
                runs.end(state, run.task, option)
        for footprint in list(node.footprints.values()):
            preparing.return_waiting(state, footprint, "requeued", end=option)
    state.touch_node(node)


def settle(state: State, node: NodeRecord) -> None:
    """If a node is empty, do what it was drained for; otherwise let it be idle or running."""
    if node.id not in state.nodes:
        return
    busy = node.free < node.pool.spec.task_slots_per_node
    if busy and node.drain is None and isinstance(node.phase, phases.NodeRunning):
        return  # as usual: it goes on
    if node.phase.state in _SERVING:
        rest(state, node)
    if node.drain is None:
        return
    if busy or node.ahead.queue:
        activity.charge(node, state.now)
        return
    purpose = node.drain.purpose
    if node.drain.option == "retaineddata" and node.retained_until > state.now:
        state.deadlines.at(node.retained_until, state.touch_node, node)
        activity.charge(node, state.now)  # it is empty and only waits
        return
    node.drain = None
    if purpose == "leave":
        stop(state, node)
    elif purpose == "deallocate":
        deallocate(state, node)
    elif purpose != "disable":
        reboot(state, node, reimage=purpose == "reimage")


def return_to_service(state: State, node: NodeRecord) -> None:
    """Keep a node that was about to leave."""
    node.drain = None
    rest(state, node)


def stop(state: State, node: NodeRecord) -> None:
    """Stop a node, whatever it is doing."""
    node.drain = None
    state.move(node, phases.NodeLeavingPool(state.now, True))
    availability.sort_node(state, node)
    end_life(state, node, gone=True)
    state.command(StopNode(pool_id=node.pool.spec.id, node_id=node.id))


def reboot(state: State, node: NodeRecord, *, reimage: bool) -> None:
    """Start a new boot of an empty node."""
    end_life(state, node, gone=False)
    node.boot += 1
    if reimage:
        lose_data(state, node)
    _show(state, node, "reimage" if reimage else "reboot")
    availability.sort_node(state, node)
    spec = node.pool.spec
    node.certificate_references = spec.certificate_references
    state.command(
        RestartNode(
            pool_id=spec.id,
            node_id=node.id,
            boot=node.boot,
            reimage=reimage,
            application_packages=applications.wanted(state, spec.application_package_references),
            certificate_references=spec.certificate_references,
            containers=spec.containers,
        )
    )


def deallocate(state: State, node: NodeRecord) -> None:
    """Release the machine of an empty or lost node."""
    node.drain = None
    end_life(state, node, gone=False)
    if node.start and not isinstance(node.start.phase, phases.NodeTaskDone):
        node.start = None
    node.boot += 1
    _show(state, node, "deallocate")
    availability.sort_node(state, node)
    pool_id = node.pool.spec.id
    state.command(ReleaseNode(pool_id=pool_id, node_id=node.id, boot=node.boot))


_PHASES: dict[str, type[phases.Phase]] = {
    "reboot": phases.NodeRebooting,
    "reimage": phases.NodeReimaging,
    "deallocate": phases.NodeDeallocating,
}


def _show(state: State, node: NodeRecord, purpose: str) -> None:
    phase = _PHASES[purpose]
    if node.phase.state != phase.state:
        state.move(node, phase(state.now))


def end_life(state: State, node: NodeRecord, *, gone: bool) -> None:
    """Nothing runs on the node any more: remove its runs, give tasks and node tasks back."""
    node.ending = True
    ahead_runs.forget_all(state, node)
    for run in reversed(list(node.runs.values())):  # so that the oldest is first again
        if run.task:
            runs.run_lost(state, run)
    for footprint in list(node.footprints.values()):
        preparing.return_waiting(state, footprint, "node lost")
    node_tasks.interrupt(state, node, gone=gone)
    for run in list(node.runs.values()):
        state.end_run(run)  # the start task
    node.ending = False


# -- helpers ----------------------------------------------------------------------------------


def rest(state: State, node: NodeRecord) -> None:
    """Set the state that follows from a node's tasks: running, idle or (if disabled) offline."""
    kind: type[phases.Phase]
    if node.free < node.pool.spec.task_slots_per_node:
        kind = phases.NodeRunning
    else:
        kind = phases.NodeOffline if node.scheduling == "disabled" else phases.NodeIdle
    if not isinstance(node.phase, kind):
        state.move(node, kind(state.now))
    availability.sort_node(state, node)


def wake_jobs(state: State, node: NodeRecord) -> None:
    """Look at ending jobs: they may have waited for this node to be up."""
    for footprint in node.footprints.values():
        state.touch_job(footprint.job)


def command_start(state: State, node: NodeRecord) -> None:
    """Start a node, with the packages and certificates that its pool references now."""
    spec = node.pool.spec
    node.certificate_references = spec.certificate_references
    state.command(
        StartNode(
            pool_id=spec.id,
            node_id=node.id,
            boot=node.boot,
            vm_size=spec.vm_size,
            task_slots=spec.task_slots_per_node,
            dedicated=node.dedicated,
            application_packages=applications.wanted(state, spec.application_package_references),
            certificate_references=spec.certificate_references,
            containers=spec.containers,
        )
    )


def stopping(node: NodeRecord) -> bool:
    """Whether a node has been asked to stop."""
    return isinstance(node.phase, phases.NodeLeavingPool) and node.phase.stopping
