"""Start tasks: a node runs its pool's current start task each time it starts.

With ``wait_for_success`` the node waits for it; if it fails after all retries, the node takes no
tasks until it is rebooted. Otherwise the node takes tasks at once, whatever the start task does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from batchlab.core.jobs import node_tasks
from batchlab.core.messages import facts
from batchlab.core.messages.outputs import StartRun
from batchlab.core.model.values import reason_of
from batchlab.core.nodes import nodes
from batchlab.core.state import phases
from batchlab.core.state.records import NodeRecord, RunRecord
from batchlab.core.tasks.contained import as_specified

if TYPE_CHECKING:
    from batchlab.core.state.state import State


def begin(state: State, node: NodeRecord) -> None:
    """A node is up: run the current start task of its pool, if any."""
    node.start_task, node.start = node.pool.spec.start_task, None
    if node.start_task is not None:
        node.start = node_tasks.pending(state, "starttask", node)
        _start(state, node)


def _start(state: State, node: NodeRecord) -> None:
    spec, node_task = node.start_task, node.start
    assert spec is not None
    assert node_task is not None
    run = state.new_run("starttask", node, None, "starttask")
    start_run = StartRun(
        run_id=run.id,
        kind="starttask",
        pool_id=node.pool.spec.id,
        command_line=spec.command_line,
        directory="startup",
        environment=spec.environment_settings,
        resource_files=spec.resource_files,
        network=node.network,
    )
    state.command(as_specified(start_run, node, spec))
    state.move(node_task, phases.NodeTaskRunning(state.now, run.id))


def exited(state: State, run: RunRecord, report: facts.RunExited) -> None:
    """A start task has ended: retry it, or put the node in service, or mark it as failed."""
    node, spec = run.node, run.node.start_task
    node_task = node.start
    assert spec is not None
    assert node_task is not None
    if node_tasks.may_retry(state, run, node_task, report, spec.max_task_retry_count):
        _start(state, node)
        return
    done = node_tasks.done(state, run, report)
    state.move(node_task, done)
    if node.phase.state != "waitingforstarttask":
        return
    if done.failure is None:
        nodes.rest(state, node)
    else:
        state.move(node, phases.NodeStartTaskFailed(state.now), reason_of(done.failure))
    nodes.wake_jobs(state, node)
