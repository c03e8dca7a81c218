"""Why a pool is not at its target, or why its nodes take no tasks.

Reasons are found from the outside in: the pool itself, its resize, its formula, its nodes, and
whether there are enough nodes for the waiting tasks.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from batchlab.core.answers.reasons import Reason, away_in_words, nodes_of, remedied
from batchlab.core.jobs import node_tasks
from batchlab.core.model.moments import moment
from batchlab.core.state import phases
from batchlab.core.state.records import NodeRecord, PoolRecord
from batchlab.core.state.states import NODE

if TYPE_CHECKING:
    from batchlab.core.state.state import State

_COMING = NODE.group("coming")
_TROUBLES = {
    phases.NodePreempted: "Preempted",
    phases.NodeStartTaskFailed: "StartTaskFailed",
    phases.NodeUnusable: "Unusable",
}
_LASTING = ("StartTaskFailed", "Unusable", "Deallocated", "SchedulingDisabled")


def explain_pool(state: State, pool: PoolRecord) -> list[Reason]:
    """Why a pool is not at its target, and why its nodes take no tasks; empty if all is well."""
    if isinstance(pool.phase, phases.PoolDeleting):
        text = f"The pool is being deleted: {_nodes(len(pool.nodes))} left{_drained(pool)}."
        return [Reason(code="PoolBeingDeleted", text=text, remedy="wait: it only takes time")]
    reasons = [*_allocation(pool), *_formula(pool)]
    if not pool.nodes and not reasons:
        text = "The pool has no nodes, and its target is 0."
        reasons.append(Reason(code="NoNodes", text=text, lasting=True))
    reasons += _out_of_service(state, pool)
    reasons += _no_containers(pool)
    reasons += _passed_over(state, pool)
    return remedied(reasons + _full(pool))


def _allocation(pool: PoolRecord) -> list[Reason]:
    """A resize in progress, or the errors of the last one."""
    have = dict.fromkeys((True, False), 0)
    for node in pool.nodes.values():
        if node.id not in pool.creating and node.id not in pool.leaving:
            have[node.dedicated] += 1
    wanted = (
        [f"{have[True]} of {pool.target} dedicated nodes"] if pool.target or have[True] else []
    )
    if pool.target_spot or have[False]:
        wanted.append(f"{have[False]} of {pool.target_spot} spot nodes")
    there = " and ".join(wanted) or "0 of 0 nodes"
    if isinstance(pool.allocation, phases.Steady):
        again = pool.auto_scale is not None
        return [
            Reason(code=error.code, lasting=not again,
                   text=f"The pool has {there}. Its resize ended with {error.code}: "
                   f"{error.message}.")
            for error in pool.resize_errors
        ]  # fmt: skip
    coming = Counter(node.phase.state for node in pool.creating.values())
    states = ", ".join(f"{count} {state}" for state, count in coming.items())
    since = moment(pool.allocation.since)
    text = f"{pool.allocation.state.capitalize()} since {since:%H:%M:%S}: the pool has {there}"
    text += f"; {states}" if states else ""
    if pool.leaving:
        text += f"; {_nodes(len(pool.leaving))} leaving{_drained(pool)}"
    remedy = "pool.stop_resize()" if pool.allocation.state == "resizing" else ""
    return [Reason(code="Resizing", text=f"{text}.", remedy=remedy)]


def _drained(pool: PoolRecord) -> str:
    """What the leaving nodes are waiting for."""
    draining = [node for node in pool.leaving.values() if node.drain is not None]
    tasks = sum(run.task is not None for node in draining for run in node.runs.values())
    if not draining:
        return ""
    assert draining[0].drain is not None
    option = draining[0].drain.option
    running = f"{tasks} running task{'s' * (tasks != 1)}"
    return f", {len(draining)} of them with {running} ({option})"


def _formula(pool: PoolRecord) -> list[Reason]:
    """A failed formula, or one that wants no nodes."""
    auto = pool.auto_scale
    if auto is None or not auto.runs:
        return []
    run = auto.runs[-1]
    again = run.timestamp + auto.interval
    if run.error is not None:
        text = (
            "The last evaluation of the formula failed, so the targets did not change: "
            f"{run.error.code}: {run.error.message}"
        )
        return [Reason(code="AutoScaleFailed", text=text, lasting=True)]
    if pool.nodes or pool.target or pool.target_spot:
        return []
    text = (
        "The pool has no nodes because its formula asks for none. The next evaluation is at "
        f"{again:%H:%M:%S}."
    )
    remedy = "see pool.auto_scale_lab() for what the formula uses"
    return [Reason(code="NoNodes", text=text, remedy=remedy)]


def _out_of_service(state: State, pool: PoolRecord) -> list[Reason]:
    """Nodes that take no tasks, grouped by cause; largest group first."""
    groups: dict[str, list[NodeRecord]] = {}
    for node in pool.nodes.values():
        if code := _trouble(pool, node):
            groups.setdefault(code, []).append(node)
    return [
        Reason(code=code, text=_sentence(state, pool, code, nodes),
               lasting=code in _LASTING)
        for code, nodes in sorted(groups.items(), key=lambda item: -len(item[1]))
    ]  # fmt: skip


def _no_containers(pool: PoolRecord) -> list[Reason]:
    """Nodes that are to run containers and cannot."""
    lacking = [node for node in pool.nodes.values() if node.no_containers]
    if not lacking:
        return []
    which = nodes_of(lacking[0].id, len(lacking), len(pool.nodes))
    why, _, cure = lacking[0].no_containers.partition(". To run some, ")
    text = f"Tasks with container settings fail on {which} (ContainerPoolNotSupported): {why}."
    return [Reason(code="NoContainers", text=text, lasting=True, remedy=cure)]


def _trouble(pool: PoolRecord, node: NodeRecord) -> str:
    if node.id in pool.creating or node.id in pool.leaving:
        return ""  # reported with the resize
    if node.may_return:
        return "ContactLost"
    if node.away:
        return "Deallocated"
    if trouble := _TROUBLES.get(type(node.phase)):
        return trouble
    if node.phase.state in _COMING:
        return "Coming"
    return "SchedulingDisabled" if node.scheduling == "disabled" else ""


def _sentence(state: State, pool: PoolRecord, code: str, nodes: list[NodeRecord]) -> str:
    which = nodes_of(nodes[0].id, len(nodes), len(pool.nodes))
    head = f"{which[0].upper()}{which[1:]} {'is' if len(nodes) == 1 else 'are'}"
    if code == "Coming":
        return f"{head} not up yet ({', '.join(sorted({node.phase.state for node in nodes}))})."
    if code == "Deallocated":
        gone = sum(isinstance(node.phase, phases.NodeDeallocated) for node in nodes)
        how, one = away_in_words(gone, len(nodes)), len(nodes) == 1
        return (
            f"{head} {how}: {'it takes' if one else 'they take'} no tasks and "
            f"{'costs' if one else 'cost'} nothing until {'it is' if one else 'they are'} started."
        )
    if code == "Preempted":
        back = state.settings.spot_return_s
        return f"{head} preempted and will be requested again {back:g} s after the preemption."
    if code == "StartTaskFailed":
        start = nodes[0].start.phase if nodes[0].start else None
        exit_code = start.exit_code if isinstance(start, phases.NodeTaskDone) else None
        how = node_tasks.why_not_run(nodes[0].start)
        if exit_code is not None:
            how = f" with exit code {exit_code}"
        return f"{head} out of service: the start task failed{how}."
    if code in ("Unusable", "ContactLost"):
        phase = nodes[0].phase
        assert isinstance(phase, phases.NodeUnusable)
        return f"{head} unusable: {phase.code}: {phase.message}."
    return f"{head} taking no tasks: scheduling is disabled."


def explain_trouble(state: State, node: NodeRecord) -> list[Reason]:
    """Why one node takes no tasks at all; empty if it may."""
    code = _trouble(node.pool, node)
    if not code:
        return []
    text = _sentence(state, node.pool, code, [node])
    return [Reason(code=code, text=text, lasting=code in _LASTING)]


def _passed_over(state: State, pool: PoolRecord) -> list[Reason]:
    """The machines that cannot be nodes, while the pool lacks nodes."""
    there = Counter(node.dedicated for node in pool.nodes.values() if node.up)
    if there[True] >= pool.target and there[False] >= pool.target_spot:
        return []
    return [
        Reason(code="MachinePassedOver", text=f"{_capital(bad.machine)} is passed over: "
               f"{bad.reason}.", remedy=bad.remedy)
        for bad in state.passed_over
    ]  # fmt: skip


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _full(pool: PoolRecord) -> list[Reason]:
    """Whether tasks wait because all nodes are full, and how many more nodes they would need."""
    waiting = sum(job.active for ready in pool.ready.values() for job in ready.values())
    taking = [node for node in pool.nodes.values() if node.bucket >= 0]
    if not waiting or not taking or any(node.free for node in taking):
        return []
    slots = pool.spec.task_slots_per_node
    more = -(-waiting // slots)
    text = (
        f"All task slots of the nodes that take tasks are in use: {len(taking) * slots:,} on "
        f"{_nodes(len(taking))}."
    )
    remedy = f"wait for a task to end, or add nodes: {more:,} more could take all waiting tasks"
    return [Reason(code="Busy", text=text, remedy=remedy, tasks=waiting)]


def _nodes(count: int) -> str:
    return f"{count:,} node{'s' * (count != 1)}"
