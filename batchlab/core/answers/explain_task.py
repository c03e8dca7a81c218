"""Why a task does not run or has failed, in sentences for learners, with the numbers.

Reasons are found from the outside in: the job, the pool, the nodes, then the tasks ahead of it. A
reason is `lasting` if the situation will not change unless the user does something.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from batchlab.core.answers.explain_blocked import explain_blocked
from batchlab.core.answers.explain_ended import explain_ended
from batchlab.core.answers.explain_user import explain_user
from batchlab.core.answers.reasons import Reason, away_in_words, nodes_of, remedied
from batchlab.core.answers.wait_kinds import kind_of_queued
from batchlab.core.jobs import node_tasks
from batchlab.core.model.ids import fold
from batchlab.core.placement import availability
from batchlab.core.state import phases
from batchlab.core.state.records import (
    JobRecord,
    NodeRecord,
    NodeTaskRecord,
    PoolRecord,
    TaskRecord,
)
from batchlab.core.state.states import JOB, NODE, POOL
from batchlab.core.tasks import dependencies

if TYPE_CHECKING:
    from batchlab.core.state.state import State

_COMING = NODE.group("coming")
_TAKING = NODE.group("taking")
_GOING, _HELD = JOB.group("going"), JOB.group("held")
_USABLE = POOL.group("usable")
SHOWN = 5  # of the tasks that a task depends on


def explain_task(state: State, task: TaskRecord) -> list[Reason]:
    """Why a task does not run, failed, or runs as another user than it asked for."""
    waits = explain_blocked(task, explain(state, task))
    return remedied(explain_ended(task) + waits + explain_user(state, task))


def explain(state: State, task: TaskRecord) -> list[Reason]:
    """Why a task does not run now; empty if it is running or completed."""
    phase, job = task.phase, task.job
    if isinstance(phase, phases.TaskPreparing):
        preparation = job.spec.job_preparation_task
        assert preparation is not None
        node_task, node_id = _unprepared(task)
        tries = f" (retry {node_task.retry_count})" if node_task.retry_count else ""
        text = (
            f"The task has its slots on node {node_id} and is waiting for the job preparation "
            f"task {preparation.id!r}, which is running there{tries}."
        )
        return [Reason(code="Preparing", text=text, wait="preparation")]
    if not isinstance(phase, phases.TaskActive):
        return []
    if task.unmet and job.phase.state in _GOING:
        return [_dependencies(state, task)]
    queued = explain_queued(
        state, job, task.spec.required_slots, manager=task is job.manager,
        instances=task.instances.count if task.instances else 0,
    )  # fmt: skip
    return queued + _exhausted(phase)


def _exhausted(phase: phases.TaskActive) -> list[Reason]:
    if not phase.why:
        return []
    text = f"The task was queued again, because the node could not start it: {phase.why}."
    return [Reason(code="NodeExhausted", text=text)]


def _unprepared(task: TaskRecord) -> tuple[NodeTaskRecord, str]:
    """A job preparation task that a task waits for, and its node."""
    for node in task.nodes:
        node_task = task.job.footprints[node.id].preparation
        if isinstance(node_task.phase, phases.NodeTaskRunning):
            break
    return node_task, node.id


def _dependencies(state: State, task: TaskRecord) -> Reason:
    names = dependencies.missing(task)
    shown = ", ".join(_parent(task.job, name) for name in names[:SHOWN])
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    behind = _behind(state, task, shown)
    return Reason(
        code="Dependencies",
        text=f"Waiting for tasks it depends on: {shown}{more}.{behind or ''}",
        lasting=behind is not None,
        wait="dependencies",
    )


def _behind(state: State, task: TaskRecord, shown: str) -> str | None:
    """Why the dependencies of a task will not be met unless the user acts; None if they may be.

    They are not met if one task in the chain has failed, does not exist or cannot run, or if tasks
    depend on each other in a cycle. Empty if the parents as shown already make that clear.
    """
    moving, seen, todo = False, {id(task): None}, [task]
    parents_of = dependencies.Parents(task.job).of
    never: dict[tuple[bool, int, int], str] = {}  # tasks of one kind have the same reasons
    while todo:
        one = todo.pop()
        if one.phase.state != "active":
            moving = True
        elif not one.unmet:
            count = one.instances.count if one.instances else 0
            kind = (one is one.job.manager, one.spec.required_slots, count)
            if kind not in never:
                reasons = explain(state, one)
                lasting = reasons and all(reason.lasting for reason in reasons)
                never[kind] = reasons[0].text if lasting else ""
            if never[kind]:
                return f" Task {one.spec.id!r} cannot run: {never[kind]}"
            moving = True
        else:
            parents = parents_of(one)
            if isinstance(parents, str):
                obstacle = _parent(task.job, parents, number="no task has this number")
                named = one is task and obstacle in shown
                return "" if named else f" The cause is {obstacle}."
            for parent in parents:
                if id(parent) not in seen:
                    seen[id(parent)] = None
                    todo.append(parent)
    return None if moving else " They depend on each other in a cycle."


def _parent(job: JobRecord, name: str, number: str = "by number") -> str:
    parent = job.tasks.get(fold(name))
    if parent is None:
        return f"{name!r} ({number if _is_number(name) else 'does not exist yet'})"
    if isinstance(parent.phase, phases.TaskCompleted):
        return f"{name!r} (failed, so its dependents are blocked)"
    return f"{name!r} ({parent.phase.state})"


def _is_number(name: str) -> bool:
    """Whether it is a number or a range of numbers: tasks may spell them differently."""
    return name.replace("-", "").isdecimal()


def explain_queued(
    state: State, job: JobRecord, slots: int, *, manager: bool = False, instances: int = 0
) -> list[Reason]:
    """Why a queued task that needs this number of slots does not run now.

    A multi-instance task needs them on several nodes (`instances`) at once.
    """
    wait = _kind_of_wait(state, job)
    return [
        msgspec.structs.replace(reason, wait=wait)
        for reason in _queued_reasons(state, job, slots, manager=manager, instances=instances)
    ]


def _kind_of_wait(state: State, job: JobRecord) -> str:
    """The kind of wait for reports: it depends on the pool, whatever else a task needs."""
    if job.phase.state in _HELD:
        return "disabled"
    if job.phase.state not in _GOING:
        return ""
    pool = state.pools.get(fold(job.pool_id))
    nodes = pool.nodes.values() if pool else ()
    taking = [node for node in nodes if node.phase.state in _TAKING]
    return kind_of_queued({
        "missing": pool is None or pool.phase.state not in _USABLE,
        "room": any(node.free for node in taking),
        "taking": bool(taking),
        "coming": any(node.phase.state in _COMING for node in nodes),
    })  # fmt: skip


def _queued_reasons(
    state: State, job: JobRecord, slots: int, *, manager: bool, instances: int
) -> list[Reason]:
    current = job.phase.state
    if current in _HELD:
        text = f"Job {job.spec.id!r} is {current}: no task starts until the job is enabled."
        return [Reason(code="JobDisabled", text=text, lasting=True)]
    if current not in _GOING:
        text = (
            f"Job {job.spec.id!r} is {current}: tasks that were still queued when it ended stay "
            "active and never run."
        )
        return [Reason(code="JobEnded", text=text, lasting=True)]
    pool_id = job.pool_id
    pool = state.pools.get(fold(pool_id))
    if pool is None:
        text = f"Pool {pool_id!r} does not exist: the task waits until it is created."
        return [Reason(code="PoolNotFound", text=text, lasting=True)]
    if isinstance(pool.phase, phases.PoolDeleting):
        text = f"Pool {pool_id!r} is being deleted."
        return [Reason(code="PoolBeingDeleted", text=text, lasting=True)]
    have = pool.spec.task_slots_per_node
    spec = job.spec.job_manager_task
    if manager and spec and spec.run_exclusive:
        slots = max(slots, have)
    elif job.manager and not manager and isinstance(job.manager.phase, phases.TaskActive):
        lasting = all(reason.lasting for reason in explain(state, job.manager))
        text = f"Waiting until the job manager {job.manager.spec.id!r} has a node."
        return [Reason(code="JobManager", text=text, lasting=lasting)]
    if instances and not pool.spec.enable_inter_node_communication:
        text = (
            f"A multi-instance task cannot run on pool {pool_id!r}, which was created without "
            "enable_inter_node_communication."
        )
        return [Reason(code="NoInterNodeCommunication", text=text, lasting=True)]
    if instances and not slots == have == 1:
        text = (
            "A multi-instance task must need 1 slot, on nodes with 1 slot. This one needs "
            f"{slots}, and a node of pool {pool_id!r} has {have}, so it can never run there."
        )
        return [Reason(code="NotOneSlot", text=text, lasting=True)]
    if slots > have:
        text = (
            f"The task needs {slots} slots at once, but a node of pool {pool_id!r} has only "
            f"{have}: it can never run there."
        )
        return [Reason(code="TooManySlots", text=text, lasting=True)]
    most = job.spec.max_parallel_tasks
    if most != -1 and job.running >= most:
        plural, over = "s" * (job.running != 1), "more than " * (job.running > most)
        text = (
            f"Job {job.spec.id!r} is running {job.running} task{plural}, {over}its maximum "
            f"(max_parallel_tasks={most})."
        )
        return [Reason(code="MaxParallelTasks", text=text)]
    if not pool.nodes:
        return [no_nodes(pool)]
    return _nodes_reasons(pool, job, slots, manager=manager, instances=instances)


def no_nodes(pool: PoolRecord) -> Reason:
    """Why a pool has no nodes, with the error of its last resize."""
    name = pool.spec.id
    if pool.resize_errors:
        error = pool.resize_errors[0]
        text = f"Pool {name!r} has no nodes. Its resize ended with {error.code}: {error.message}."
        return Reason(code="ResizeFailed", text=text, lasting=True)
    if pool.auto_scale is not None:
        text = f"Pool {name!r} has no nodes because its formula has not asked for any."
        return Reason(code="NoNodes", text=text)
    text = f"Pool {name!r} has no nodes, and its target is {pool.target}: resize it."
    return Reason(code="NoNodes", text=text, lasting=pool.allocation.state == "steady")


def _nodes_reasons(
    pool: PoolRecord, job: JobRecord, slots: int, *, manager: bool, instances: int
) -> list[Reason]:
    """One reason for each group of nodes that do not take the task, largest group first."""
    groups: dict[str, list[NodeRecord]] = {}
    for node in pool.nodes.values():
        unfit = manager and not availability.manager_may_use(job, node)
        code = "SpotNode" if unfit else _obstacle(node, job, slots, instances)
        groups.setdefault(code, []).append(node)
    hopeful = sum(len(nodes) for code, nodes in groups.items() if code in _HOPE)
    hope = pool.auto_scale is not None or hopeful >= max(1, instances)
    reasons = []
    if instances:
        free = len(groups.pop("Room", ()))
        reasons.append(_too_few(pool, job, instances, free, lasting=not hope))
    reasons += [
        _group_reason(code, nodes, pool, job, slots, lasting=not hope)
        for code, nodes in sorted(groups.items(), key=lambda item: -len(item[1]))
    ]
    return [*reasons, *_ahead(pool, job)] if "Busy" in groups else reasons


def _too_few(
    pool: PoolRecord, job: JobRecord, instances: int, free: int, *, lasting: bool
) -> Reason:
    total = len(pool.nodes)
    text = (
        f"The task needs {instances} nodes at once, but only {free} of {total} "
        f"{'is' if free == 1 else 'are'} free."
    )
    if lasting:
        text += " No more will become free: resize the pool, or repair its nodes."
    elif pool.gatherer is not None and pool.gatherer.job is job:
        text += " Free nodes are kept for the job's oldest multi-instance task for a while."
    return Reason(code="TooFewNodes", text=text, lasting=lasting)


_HOPE = ("Coming", "ContactLost", "Busy", "Held", "Room", "Draining", "Restarting")


def _obstacle(node: NodeRecord, job: JobRecord, slots: int, instances: int) -> str:
    state = node.phase.state
    if node.away:
        return "Deallocated"
    if state in _COMING:
        return "Coming"
    if isinstance(node.phase, phases.NodeLeavingPool):
        return "Leaving" if node.phase.stopping else "Draining"
    if node.drain and node.drain.purpose != "disable":
        return "Restarting"
    if state == "starttaskfailed":
        return "StartTaskFailed"
    if state == "unusable":
        return "ContactLost" if node.may_return else "Unusable"
    if node.scheduling == "disabled":
        return "SchedulingDisabled"
    if not availability.accepts(job, node):
        return "PreparationFailed"
    gatherer = node.pool.gatherer
    own = gatherer is not None and gatherer.job is job and not instances
    if node.free >= slots and (own or not availability.open_to(job, node) or node.pool.ahead.runs):
        return "Held"
    return "Busy" if node.free < slots else "Room"


def _group_reason(
    code: str, nodes: list[NodeRecord], pool: PoolRecord, job: JobRecord, slots: int, *,
    lasting: bool,
) -> Reason:  # fmt: skip
    count, total = len(nodes), len(pool.nodes)
    which = nodes_of(nodes[0].id, count, total)
    are, it = ("is", "it") if count == 1 else ("are", "them")
    if code == "Busy":
        free, have = max(node.free for node in nodes), pool.spec.task_slots_per_node
        need = "1 slot" if slots == 1 else f"{slots} slots"
        most = f"at most {free} of {have} {'is' if free == 1 else 'are'}" if free else "none is"
        what = f"{are} full: the task needs {need}, but {most} free."
    elif code == "Coming":
        states = sorted({node.phase.state for node in nodes})
        what = f"{are} not up yet ({', '.join(states)})."
    elif code == "Deallocated":
        gone = sum(isinstance(node.phase, phases.NodeDeallocated) for node in nodes)
        what = f"{are} {away_in_words(gone, count)}. Start {it}."
    elif code == "PreparationFailed":
        until = "it is reimaged" if count == 1 else "they are reimaged"
        how = node_tasks.why_not_run(job.footprints[nodes[0].id].preparation)
        everywhere = ", so no node of the pool can run this job" if count == total else ""
        text = (
            f"The job preparation task failed on {which}{how}: no task of job {job.spec.id!r} "
            f"runs there until {until}{everywhere}. See job.preparations for exit codes."
        )
        return Reason(code=code, text=text, lasting=lasting)
    else:
        how = node_tasks.why_not_run(nodes[0].start)
        what = _SENTENCES[code].format(are=are, it=it, how=how)
    return Reason(code=code, text=f"{which[0].upper()}{which[1:]} {what}", lasting=lasting)


_SENTENCES = {
    "SpotNode": "{are} excluded: the job manager may not use spot nodes.",
    "Leaving": "{are} leaving the pool.",
    "Draining": "{are} about to leave the pool, after the tasks there.",
    "Restarting": "{are} about to restart, after the tasks there and their retention times.",
    "StartTaskFailed": "{are} out of service: the start task failed{how}. "
    "Reboot {it} to run it again.",
    "Unusable": "{are} unusable: lost, out of disk space, or without a package of the pool "
    "(see node.errors). Reboot or remove {it}.",
    "ContactLost": "{are} unusable: contact was lost, and there is no machine for {it} yet.",
    "SchedulingDisabled": "{are} taking no tasks: scheduling is disabled.",
    "Held": "{are} being cleared or kept free for a task that goes first.",
    "Room": "{are} about to take the task.",
}


def _ahead(pool: PoolRecord, job: JobRecord) -> list[Reason]:
    """Which tasks go first: queued tasks of jobs with a higher or the same priority."""
    reasons = []
    mine = job.spec.priority
    higher = [
        other
        for priority, ready in pool.ready.items()
        if priority > mine
        for other in ready.values()
    ]
    if higher:
        waiting = sum(other.active for other in higher)
        names = ", ".join(f"{other.spec.id!r} ({other.spec.priority})" for other in higher[:3])
        more = f" and {len(higher) - 3} more" if len(higher) > 3 else ""
        text = (
            f"{waiting} queued task{'s' * (waiting != 1)} of jobs with a higher priority than "
            f"{mine} go{'es' * (waiting == 1)} first: {names}{more}."
        )
        reasons.append(Reason(code="HigherPriority", text=text))
    equal = [other for other in pool.ready.get(mine, {}).values() if other is not job]
    if equal:
        count = len(equal)
        text = (
            f"{count} other job{'s' * (count != 1)} with priority {mine} "
            f"take{'s' * (count == 1)} turns with this one."
        )
        reasons.append(Reason(code="EqualPriority", text=text))
    if job.active > 1:
        text = f"This job has {job.active} queued tasks; the one waiting longest goes first."
        reasons.append(Reason(code="Queue", text=text))
    return reasons
