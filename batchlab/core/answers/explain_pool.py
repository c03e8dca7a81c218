"""Why a whole pool is not what it is to be: not at its target, or with nodes that take no tasks.

From the outside in: the pool itself, its resize, its formula, its nodes, and whether they suffice
for the tasks that wait.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from batchlab.core.answers.reasons import Reason, remedied
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


def explain_pool(state: State, pool: PoolRecord) -> list[Reason]:
    """What keeps a pool from its target, and its nodes from taking tasks; empty if nothing."""
    if isinstance(pool.phase, phases.PoolDeleting):
        text = f"It is being deleted: {_nodes(len(pool.nodes))} still to go{_drained(pool)}."
        return [Reason(code="PoolBeingDeleted", text=text, remedy="nothing: it only takes time")]
    reasons = [*_allocation(pool), *_formula(pool)]
    if not pool.nodes and not reasons:
        text = "It has no nodes, and its target is 0."
        reasons.append(Reason(code="NoNodes", text=text, lasting=True))
    reasons += _out_of_service(state, pool)
    return remedied(reasons + _full(pool))


def _allocation(pool: PoolRecord) -> list[Reason]:
    """A resize under way, or what one that is over has left undone."""
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
                   text=f"It has {there}: its resize ended with {error.code}: {error.message}.")
            for error in pool.resize_errors
        ]  # fmt: skip
    coming = Counter(node.phase.state for node in pool.creating.values())
    states = ", ".join(f"{count} {state}" for state, count in coming.items())
    since = moment(pool.allocation.since)
    text = f"It is {pool.allocation.state} since {since:%H:%M:%S}: it has {there}"
    text += f"; {states}" if states else ""
    if pool.leaving:
        text += f"; {_nodes(len(pool.leaving))} leaving{_drained(pool)}"
    remedy = "pool.stop_resize()" if pool.allocation.state == "resizing" else ""
    return [Reason(code="Resizing", text=f"{text}.", remedy=remedy)]


def _drained(pool: PoolRecord) -> str:
    """For what nodes that leave are waited for."""
    draining = [node for node in pool.leaving.values() if node.drain is not None]
    tasks = sum(run.task is not None for node in draining for run in node.runs.values())
    if not draining:
        return ""
    assert draining[0].drain is not None
    option = draining[0].drain.option
    return f", {len(draining)} of them with {tasks} tasks still running ({option})"


def _formula(pool: PoolRecord) -> list[Reason]:
    """What the formula that a pool follows has to do with it."""
    auto = pool.auto_scale
    if auto is None or not auto.runs:
        return []
    run = auto.runs[-1]
    again = run.timestamp + auto.interval
    if run.error is not None:
        text = (
            f"Its formula failed at its last evaluation, and the targets stay as they were: "
            f"{run.error.code}: {run.error.message}"
        )
        return [Reason(code="AutoScaleFailed", text=text, lasting=True)]
    if pool.nodes or pool.target or pool.target_spot:
        return []
    text = f"It has no nodes: so its formula decided. It is evaluated again at {again:%H:%M:%S}."
    remedy = "what the formula looks at, or another one: pool.auto_scale_lab()"
    return [Reason(code="NoNodes", text=text, remedy=remedy)]


def _out_of_service(state: State, pool: PoolRecord) -> list[Reason]:
    """Nodes that take no tasks, by what is the matter with them; largest group first."""
    groups: dict[str, list[NodeRecord]] = {}
    for node in pool.nodes.values():
        if code := _trouble(pool, node):
            groups.setdefault(code, []).append(node)
    return [
        Reason(code=code, text=_sentence(state, pool, code, nodes),
               lasting=code not in ("Coming", "Preempted"))
        for code, nodes in sorted(groups.items(), key=lambda item: -len(item[1]))
    ]  # fmt: skip


def _trouble(pool: PoolRecord, node: NodeRecord) -> str:
    if node.id in pool.creating or node.id in pool.leaving:
        return ""  # told of with the resize
    if trouble := _TROUBLES.get(type(node.phase)):
        return trouble
    if node.phase.state in _COMING:
        return "Coming"
    return "SchedulingDisabled" if node.scheduling == "disabled" else ""


def _sentence(state: State, pool: PoolRecord, code: str, nodes: list[NodeRecord]) -> str:
    count, total = len(nodes), len(pool.nodes)
    which = f"Node {nodes[0].id}" if count == 1 else _nodes(count)
    head = f"{which} of {total} {'is' if count == 1 else 'are'}"
    if code == "Coming":
        return f"{head} not up yet ({', '.join(sorted({node.phase.state for node in nodes}))})."
    if code == "Preempted":
        back = state.settings.spot_return_s
        return f"{head} preempted: asked for again {back:g} s after it was taken."
    if code == "StartTaskFailed":
        start = nodes[0].start.phase if nodes[0].start else None
        exit_code = start.exit_code if isinstance(start, phases.NodeTaskDone) else None
        told = "" if exit_code is None else f" with exit code {exit_code}"
        return f"{head} out of service: the start task failed{told}."
    if code == "Unusable":
        phase = nodes[0].phase
        assert isinstance(phase, phases.NodeUnusable)
        return f"{head} unusable: {phase.code}: {phase.message}."
    return f"{head} taking no tasks: scheduling is disabled there."


def _full(pool: PoolRecord) -> list[Reason]:
    """Whether tasks wait for nodes that are all full, and how many more would take them."""
    waiting = sum(job.active for ready in pool.ready.values() for job in ready.values())
    taking = [node for node in pool.nodes.values() if node.bucket >= 0]
    if not waiting or not taking or any(node.free for node in taking):
        return []
    slots = pool.spec.task_slots_per_node
    more = -(-waiting // slots)
    text = (
        f"All slots of its nodes that take tasks are in use: {len(taking) * slots:,} on "
        f"{_nodes(len(taking))}."
    )
    remedy = f"a task that ends, or more nodes: {more:,} more would take all at once"
    return [Reason(code="Busy", text=text, remedy=remedy, tasks=waiting)]


def _nodes(count: int) -> str:
    return f"{count:,} node{'s' * (count != 1)}"
