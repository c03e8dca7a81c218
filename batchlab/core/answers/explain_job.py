"""Why a job waits: what holds up its queued tasks, and what keeps the job from ending.

Tasks that need the same number of slots and nodes have the same reasons. Each such kind is
explained only once, so a job of a hundred thousand tasks is explained as fast as it is counted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from itertools import islice
from typing import TYPE_CHECKING

import msgspec

from batchlab.core.answers.explain_ended import explain_node_tasks
from batchlab.core.answers.explain_schedule import explain_held_up_schedule
from batchlab.core.answers.explain_task import explain, explain_queued
from batchlab.core.answers.reasons import Reason, remedied
from batchlab.core.model.ids import fold
from batchlab.core.state import phases
from batchlab.core.state.records import JobRecord, TaskRecord
from batchlab.core.state.states import JOB
from batchlab.core.tasks import dependencies
from batchlab.durations import format_duration

if TYPE_CHECKING:
    from batchlab.core.state.state import State

LOOKED_AT = 200
"""The number of tasks with unmet dependencies whose parents are counted."""


def explain_job(state: State, job: JobRecord, now: float) -> list[Reason]:
    """Why tasks of a job wait (most frequent reason first), or why the job does not end.

    The job of a schedule that waits for its end says so, too.
    """
    return remedied([*_reasons(state, job), *explain_held_up_schedule(state, job, now)])


def _reasons(state: State, job: JobRecord) -> list[Reason]:
    current = job.phase.state
    reasons: list[Reason] = []
    if job.scheduling_error is not None:
        error = job.scheduling_error
        reasons.append(Reason(code=error.code, text=error.message, lasting=True))
    if current in ("terminating", "deleting"):
        return reasons + _ending(job) + _failed_node_tasks(job)
    if current == "disabling":
        text = f"The job is being disabled: {_tasks(job.running)} still on a node."
        reasons.append(Reason(code="Disabling", text=text))
    reasons += _merged([*_preparing(job), *_queued(state, job)])
    if current == "active" and not (reasons or job.active or job.running):
        reasons.append(_idle(job))
    return reasons + _failed_node_tasks(job)


def _queued(state: State, job: JobRecord) -> Iterable[Reason]:
    """Why tasks wait for a node or for other tasks, each reason with its number of tasks."""
    if not job.active:
        return
    kinds: dict[tuple[bool, int, int], int] = {}
    examples: dict[tuple[bool, int, int], TaskRecord] = {}
    unmet: list[TaskRecord] = []
    manager, depends = job.manager, job.phase.state in JOB.group("going")
    for task in job.tasks.values():
        if type(task.phase) is not phases.TaskActive:
            continue
        if task.unmet and depends:
            unmet.append(task)
            continue
        group = task.instances
        kind = (task is manager, task.spec.required_slots, group.count if group else 0)
        if kind in kinds:
            kinds[kind] += 1
        else:
            kinds[kind], examples[kind] = 1, task
    for kind, tasks in kinds.items():
        managing, slots, count = kind
        for reason in explain_queued(state, job, slots, manager=managing, instances=count):
            # Their order does not hold up any of them.
            yield _of(reason, 0 if reason.code == "Queue" else tasks, examples[kind])
    if unmet:
        yield _dependent(state, job, unmet)


def _dependent(state: State, job: JobRecord, unmet: list[TaskRecord]) -> Reason:
    """The tasks that other tasks wait for."""
    parents: Counter[str] = Counter()
    for task in islice(unmet, LOOKED_AT):
        parents.update(dependencies.missing(task))
    shown = ", ".join(
        f"{count} for {name!r} ({_state(job, name)})" for name, count in parents.most_common(3)
    )
    others = len(parents) - 3
    more = f" and {others} other task{'s' * (others > 1)}" if others > 0 else ""
    of = f" (of the first {LOOKED_AT})" if len(unmet) > LOOKED_AT else ""
    first = explain(state, unmet[0])
    text = f"Waiting for tasks they depend on{of}: {shown}{more}."
    lasting = bool(first) and all(reason.lasting for reason in first)
    return _of(
        Reason(code="Dependencies", text=text, lasting=lasting, wait="dependencies"),
        len(unmet),
        unmet[0],
    )


def _state(job: JobRecord, name: str) -> str:
    parent = job.tasks.get(fold(name))
    if parent is None:
        return "does not exist yet"
    return "failed" if isinstance(parent.phase, phases.TaskCompleted) else parent.phase.state


def _preparing(job: JobRecord) -> Iterable[Reason]:
    """Tasks that have their slots and wait for the job preparation task."""
    waiting = {
        id(task): task for footprint in job.footprints.values()
        for task in footprint.waiting.values()
    }  # fmt: skip
    spec = job.spec.job_preparation_task
    if not waiting or spec is None:
        return
    node_tasks = [
        footprint.preparation for footprint in job.footprints.values() if footprint.waiting
    ]
    retried = sum(node_task.retry_count > 0 for node_task in node_tasks)
    tries = f" ({retried} of them retrying)" if retried else ""
    text = (
        f"Waiting for the job preparation task {spec.id!r}, which is running on "
        f"{_nodes(len(node_tasks))}{tries}. The tasks already have their slots."
    )
    yield _of(
        Reason(code="Preparing", text=text, wait="preparation"),
        len(waiting),
        next(iter(waiting.values())),
    )


def _failed_node_tasks(job: JobRecord) -> list[Reason]:
    """What happened to the preparation and release tasks that failed."""
    places = job.footprints.values()
    prepared = [place.preparation for place in places]
    released = [place.release for place in places if place.release is not None]
    look = "job.preparations says on which nodes; look at their stderr.txt in node.files"
    return [*explain_node_tasks(prepared, look), *explain_node_tasks(released, look)]


def _idle(job: JobRecord) -> Reason:
    """Why a job with nothing to do has not ended."""
    ends = job.spec.constraints.max_wall_clock_time
    limit = f" It will end {format_duration(ends)} after its creation." if ends else ""
    if not job.tasks:
        soon = job.spec.on_all_tasks_complete != "noaction"
        text = "The job has no tasks." + (" It will end soon without any." if soon else limit)
        return Reason(code="NoTasks", text=text, lasting=not (soon or limit))
    tasks = _tasks(len(job.tasks), "have completed", "has completed")
    text = f"{tasks}. The job stays active, as in Azure.{limit}"
    return Reason(code="JobStaysActive", text=text, lasting=not limit)


_ENDS = {
    "task": ("Ending", "tasks are being stopped"),
    "jobpreparation": ("Ending", "the job preparation task is being stopped"),
    "jobrelease": ("Releasing", "the job release task is running"),
}


def _ending(job: JobRecord) -> list[Reason]:
    """What an ending job still waits for."""
    places: dict[str, dict[str, None]] = {}
    for run in job.runs.values():
        places.setdefault(run.kind, {})[run.node.id] = None
    reasons = [
        Reason(code=code,
               text=f"The job is {job.phase.state}: {what} on {_nodes(len(places[kind]))}.")
        for kind, (code, what) in _ENDS.items() if kind in places
    ]  # fmt: skip
    away = [
        footprint.node for footprint in job.footprints.values()
        if footprint.release and isinstance(footprint.release.phase, phases.NodeTaskPending)
    ]  # fmt: skip
    if away:
        states = ", ".join(sorted({node.phase.state for node in away}))
        text = (
            f"The job is {job.phase.state}: the job release task will run on {_nodes(len(away))} "
            f"when up again ({states})."
        )
        reasons.append(Reason(code="Releasing", text=text))
    return reasons


def _merged(reasons: Iterable[Reason]) -> list[Reason]:
    """Each reason once, with the total number of its tasks; largest number first."""
    found: dict[tuple[str, str], Reason] = {}
    for reason in reasons:
        key = (reason.code, reason.text)
        known = found.get(key)
        found[key] = reason if known is None else _of(known, known.tasks + reason.tasks)
    return sorted(found.values(), key=lambda reason: -reason.tasks)


def _of(reason: Reason, tasks: int, example: TaskRecord | None = None) -> Reason:
    name = reason.example if example is None else example.spec.id
    return msgspec.structs.replace(reason, tasks=tasks, example=name)


def _tasks(count: int, are: str = "are", is_: str = "is") -> str:
    return f"{count:,} task{'s' * (count != 1)} {is_ if count == 1 else are}"


def _nodes(count: int) -> str:
    return f"{count:,} node{'s' * (count != 1)}"
