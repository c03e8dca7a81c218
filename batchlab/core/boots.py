"""What nodes tell of themselves: that they have a machine, are up, are lost, have gone.

A node counts its starts (`boot`); a report that names an earlier one is dropped. At each start the
pool's start task, as it is then, runs first. With ``wait_for_success`` the node waits for it and,
when it failed for good, takes no task until it is rebooted; without, it takes tasks at once,
whatever the start task does.

A node that is lost gives its tasks back to their jobs and is started again under its id. Where
that cannot be done it is ``unusable``, for somebody to reboot or remove.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from batchlab.core import hooks, inputs, nodes, phases, placement, pools, users, waiting
from batchlab.core.outputs import DeleteFiles, NodeNetwork, StartRun
from batchlab.core.records import HookRecord, NodeRecord, RunRecord
from batchlab.core.views import ResizeError

if TYPE_CHECKING:
    from batchlab.core.machine import Core

RETRY_S = 15.0
"""How long a spot node stays away at least before it is asked for again in vain."""

_AWAITED = ("creating", "rebooting", "reimaging", "unknown")


# -- start --------------------------------------------------------------------------------------


def node_allocated(core: Core, report: inputs.NodeAllocated) -> None:
    """A node has its machine."""
    node = _present(core, report.node_id, report.boot)
    if node is None or not _awaited(node):
        return
    if node.allocated is None:
        node.allocated = core.now
    node.ip_address = report.ip_address
    if node.pool.spec.enable_inter_node_communication:
        node.network = NodeNetwork(report.ip_address, *report.port_range)
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
    nodes.rest(core, node)
    nodes.wake_jobs(core, node)


def _run_start_task(core: Core, node: NodeRecord) -> None:
    spec, hook = node.start_task, node.start
    assert spec is not None
    assert hook is not None
    run = core.new_run("starttask", node, None, "starttask")
    order = StartRun(
        run_id=run.id,
        kind="starttask",
        pool_id=node.pool.spec.id,
        command_line=spec.command_line,
        directory="startup",
        environment=spec.environment_settings,
        resource_files=spec.resource_files,
        network=node.network,
    )
    if spec.user_identity:
        order = users.run_as(order, node.pool, spec.user_identity)
    core.command(order)
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
            waiting.start_waiting(core, footprint)
        elif may_start is not None:
            waiting.return_waiting(core, footprint, "preparation failed")


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
        nodes.rest(core, node)
    else:
        core.move_node(node, phases.NodeStartTaskFailed(core.now), done.failure.code)
    nodes.wake_jobs(core, node)


# -- lose ---------------------------------------------------------------------------------------


def node_lost(core: Core, report: inputs.NodeLost) -> None:
    """Contact with a node ended, unasked: give its tasks back, start it again."""
    node = _present(core, report.node_id, report.boot)
    if node is None or nodes.stopping(node) or node.phase.state == "unusable":
        return
    if node.drain and node.drain.purpose == "leave":
        nodes.stop(core, node)
        return
    node.drain = None
    if node.phase.state == "reimaging":
        nodes.reboot(core, node, reimage=True)  # what was begun is not to be forgotten
        return
    if node.phase.state != "creating":
        core.move_node(node, phases.NodeUnknown(core.now), report.reason)
    placement.sort_node(core, node)
    nodes.end_life(core, node, gone=False)
    node.boot += 1
    nodes.command_start(core, node)


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
    elif node.phase.state == "creating":
        nodes.stay_away(core, node, report.message, at_least_s=RETRY_S)  # as Azure keeps trying
    else:
        phase = phases.NodeUnusable(core.now, report.code, report.message)
        core.move_node(node, phase, report.message)
        nodes.wake_jobs(core, node)


def node_stopped(core: Core, report: inputs.NodeStopped) -> None:
    """A node that was told to go has gone."""
    node = core.nodes.get(report.node_id)
    if node is None or not nodes.stopping(node):
        core.dropped += 1
        return
    pools.remove(core, node)
    for footprint in node.footprints.values():
        core.touch_job(footprint.job)
    pools.settle(core, node.pool)


def _awaited(node: NodeRecord) -> bool:
    """Whether the driver owes the node a machine."""
    return node.drain is None and node.phase.state in _AWAITED


def _present(core: Core, node_id: str, boot: int) -> NodeRecord | None:
    node = core.nodes.get(node_id)
    if node is None or node.boot != boot:
        core.dropped += 1
        return None
    return node
