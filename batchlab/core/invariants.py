"""Invariants: what must always be true. Tests check them after every input.

Each function checks one kind of record and yields a sentence for every violation.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from batchlab.core.invariants_ahead import check_ahead
from batchlab.core.model import vm_cores
from batchlab.core.model.ids import fold
from batchlab.core.placement import placement
from batchlab.core.state import activity, phases
from batchlab.core.state.records import (
    InstancesRecord,
    JobRecord,
    NodeRecord,
    PoolRecord,
    ScheduleRecord,
    TaskRecord,
)
from batchlab.core.state.states import NODE
from batchlab.core.tasks import dependencies
from batchlab.core.tasks.multi_instance import undecided

if TYPE_CHECKING:
    from batchlab.core.state.state import State


def check(state: State) -> None:
    """Raise AssertionError with all violations; to be called between two inputs."""
    breaches = [breach for pool in state.pools.values() for breach in _pool(state, pool)]
    breaches += [breach for node in state.nodes.values() for breach in _node(state, node)]
    breaches += [breach for job in state.jobs.values() for breach in _job(state, job)]
    breaches += [breach for job in state.jobs.values() for breach in _dependencies(job)]
    breaches += [breach for key in state.schedules for breach in _schedule(state, key)]
    breaches += [breach for pool in state.pools.values() for breach in check_ahead(state, pool)]
    breaches += [*_runs(state), *_books(state), *_references(state)]
    assert not breaches, "\n".join(breaches)


def _pool(state: State, pool: PoolRecord) -> Iterator[str]:
    name = f"pool {pool.key}"
    waits = bool(pool.creating or pool.leaving)
    if (pool.allocation.state == "steady") == waits:
        yield (
            f"{name} is {pool.allocation.state} with {len(pool.creating)} creating and "
            f"{len(pool.leaving)} leaving"
        )
    if pool.phase.state == "deleting" and not pool.leaving:
        yield f"{name} is deleting and waits for nothing"
    for node in pool.nodes.values():
        if state.nodes.get(node.id) is not node:
            yield f"{name} has node {node.id}, which the core does not know"
        if node.allocated is None and not isinstance(
            node.phase, phases.NodeCreating | phases.NodeLeavingPool
        ):
            yield f"node {node.id} is {node.phase.state} with machine since {node.allocated}"
    for node_id in pool.held:
        held = pool.nodes.get(node_id)
        if held and held.bucket >= 0 and not any(run.ending for run in held.runs.values()):
            yield f"node {node_id} is held, and nothing there makes room"
    gatherer = pool.gatherer
    if gatherer is not None:
        ready = pool.ready.get(gatherer.job.spec.priority)
        if gatherer.phase.state != "active" or not ready or gatherer.job.number not in ready:
            yield f"{name} holds nodes for {gatherer.spec.id}, which is {gatherer.phase.state}"
    runs = [run for node in pool.nodes.values() for run in node.runs.values()
            if run.task and run.job and run.job.spec.allow_task_preemption]  # fmt: skip
    if list(pool.preemptible) != sorted(runs, key=lambda run: run.least_lost):
        yield f"{name} takes {[run.id for run in pool.preemptible]} to be preemptible"
    if pool.clearing.keys() != {run.id for run in runs if run.ending}:
        yield f"{name} takes {list(pool.clearing)} to be ending"
    for free, bucket in enumerate(pool.buckets):
        for node in bucket.values():
            if node.bucket != free or (0 if node.ahead.queue else node.free) != free:
                yield f"node {node.id} with {node.free} free slots is in bucket {free}"
    if any(pool.buckets[1:]) and pool.phase.state == "active":
        for priority, ready in pool.ready.items():
            for job in ready.values():
                if job.spec.priority != priority or job.phase.state != "active":
                    yield f"job {job.key} ({job.phase.state}) is queued at priority {priority}"
                elif placement.could_run(pool, job):
                    yield f"job {job.key} has a queued task that could run now"


def _node(state: State, node: NodeRecord) -> Iterator[str]:
    name, slots = f"node {node.id}", node.pool.spec.task_slots_per_node
    held = sum(run.task.slots for run in node.runs.values() if run.task)
    held += sum(
        task.slots for footprint in node.footprints.values() for task in footprint.waiting.values()
    )
    if node.free != slots - held or node.free < 0:
        yield f"{name} has {node.free} of {slots} slots free while tasks hold {held}"
    current = node.phase.state
    if current == "running" and not held:
        yield f"{name} is running without a task"
    if NODE[current].activity == "idle" and held:
        yield f"{name} is {current} with tasks"
    stopped = isinstance(node.phase, phases.NodeLeavingPool) and node.phase.stopping
    if (stopped or current not in NODE.group("occupied")) and node.runs:
        yield f"{name} is {current} with runs {list(node.runs)}"
    takes = node.drain is None and node.scheduling == "enabled" and current in NODE.group("taking")
    if takes != (node.bucket >= 0):
        yield f"{name} ({current}, {node.scheduling}, {node.drain}) is in bucket {node.bucket}"
    if (current == "leavingpool") != (node.id in node.pool.leaving):
        yield f"{name} is {current}, leaving: {node.id in node.pool.leaving}"
    if node.activity != activity.activity(node):
        doing = activity.activity(node)
        yield f"{name} ({current}) is charged for {node.activity}, and does {doing}"
    node_tasks = sum(run.task is None for run in node.runs.values())
    if node.node_task_count != node_tasks:
        yield f"{name} counts {node.node_task_count} node tasks and runs {node_tasks}"
    waits = held or node.ahead.queue
    if node.drain and not waits and node.drain.option != "retaineddata":
        yield f"{name} is empty and still drains for {node.drain.purpose}"


def _job(state: State, job: JobRecord) -> Iterator[str]:
    name, current = f"job {job.key}", job.phase.state
    counts = {"active": 0, "running": 0, "succeeded": 0, "failed": 0}
    for task in job.tasks.values():
        phase = task.phase
        if isinstance(phase, phases.TaskCompleted):
            counts["failed" if phase.failure else "succeeded"] += 1
        else:
            counts["active" if phase.state == "active" else "running"] += 1
        if task.instances is not None:
            yield from _instances(state, task, task.instances)
        elif isinstance(phase, phases.TaskRunning) and phase.run_id not in state.runs:
            yield f"{name}: task {task.spec.id} runs without a run"
        if isinstance(phase, phases.TaskPreparing):
            footprints = [job.footprints[node.id] for node in task.nodes]
            if any(fold(task.spec.id) not in each.waiting for each in footprints):
                yield f"{name}: task {task.spec.id} prepares without waiting"
            under_way = [each.preparation.phase for each in footprints]
            if not any(isinstance(each, phases.NodeTaskRunning) for each in under_way):
                yield f"{name}: task {task.spec.id} waits for a preparation that does not run"
    if counts != {key: getattr(job, key) for key in counts}:
        yield f"{name} counts {job.counts} and has {counts}"
    if current == "completed" and job.runs:
        yield f"{name} is completed with runs {list(job.runs)}"
    waits = job.runs or job.ahead or _awaits_node(state, job)
    if current in ("terminating", "deleting") and not waits:
        yield f"{name} is {current} and waits for nothing"
    if any(run.kind == "jobrelease" for run in job.runs.values()) and (
        current not in ("terminating", "deleting")
        or any(run.kind != "jobrelease" for run in job.runs.values())
    ):
        yield f"{name} ({current}) releases beside {[run.kind for run in job.runs.values()]}"
    if current == "disabling" and not job.running and not job.ahead:
        yield f"{name} is disabling with nothing running"


def _instances(state: State, task: TaskRecord, group: InstancesRecord) -> Iterator[str]:
    name = f"multi-instance task {task.job.key}/{task.spec.id}"
    current, live = task.phase.state, group.live
    if bool(live) != (current == "running"):
        yield f"{name} is {current} with runs {[run.id for run in live]}"
    if current in ("preparing", "running"):
        if len({node.id for node in task.nodes}) != group.count:
            yield f"{name} is on {[node.id for node in task.nodes]}"
        if group.gather_until is not None:
            yield f"{name} is {current} and still wants nodes"
    for run in live:
        if state.runs.get(run.id) is not run or run.task is not task:
            yield f"{name} has lost its run {run.id}"
        if bool(run.ending) != bool(group.ending or group.lost or group.verdict):
            yield f"{name} has run {run.id} ending as {run.ending!r}"
    if live and undecided(group) and all(one.coordinated for one in group.subtasks):
        yield f"{name} is coordinated and does not begin"


def _dependencies(job: JobRecord) -> Iterator[str]:
    for task in job.tasks.values():
        name = f"task {job.key}/{task.spec.id}"
        missing = dependencies.missing(task)
        if task.unmet != dependencies.unmet(task) or bool(task.unmet) != bool(missing):
            yield f"{name} waits for {task.unmet}, and {missing} are missing"
        if task.unmet and task.phase.state not in ("active", "completed"):
            yield f"{name} is {task.phase.state}, and {missing} are missing"
    for queue in job.queue.values():
        for _, task, phase in queue:
            if task.phase is phase and task.unmet:
                yield f"task {job.key}/{task.spec.id} is queued, and {task.unmet} are missing"


def _schedule(state: State, key: str) -> Iterator[str]:
    schedule = state.schedules[key]
    name, current = f"schedule {key}", schedule.phase.state
    live = [job for job in schedule.jobs.values() if job.phase.state != "completed"]
    ongoing = [job for job in live if job.phase.state != "deleting"]
    if len(ongoing) > 1 or any(job is not schedule.job for job in ongoing):
        yield f"{name} has the live jobs {[job.key for job in live]}"
    if schedule.job is not None and schedule.job not in live:
        yield f"{name} waits for {schedule.job.key}, which has ended"
    for job in schedule.jobs.values():
        if state.jobs.get(job.key) is not job or job.schedule is not schedule:
            yield f"{name} has a job {job.key} that is not its own"
    if current == "completed" and (live or schedule.due is not None):
        yield f"{name} is completed with {[job.key for job in live]}, due {schedule.due}"
    if current == "terminating" and schedule.job is None:
        yield f"{name} is terminating and waits for nothing"
    if current == "deleting" and not schedule.jobs:
        yield f"{name} is deleting and waits for nothing"
    if current == "active" and schedule.due is None and schedule.job is None:
        yield f"{name} is active, has no job and will have none"


def _books(state: State) -> Iterator[str]:
    for key, job in state.restarting.items():
        if state.jobs.get(key) is not job or job.phase.state == "completed":
            yield f"job {key} has ended and is still looked at"
    for job in state.jobs.values():
        if job.schedule and state.schedules.get(job.schedule.key) is not job.schedule:
            yield f"job {job.key} has outlived its schedule"
        if state.jobs_on.get(fold(job.pool_id), {}).get(job.key) is not job:
            yield f"job {job.key} is not among the jobs on pool {job.pool_id!r}"
    if sum(map(len, state.jobs_on.values())) != len(state.jobs):
        yield f"there are {len(state.jobs)} jobs, and other numbers of them on pools"
    unfinished: list[JobRecord | ScheduleRecord] = [
        job for job in state.jobs.values() if job.phase.state != "completed"
    ]
    unfinished += [each for each in state.schedules.values() if each.phase.state != "completed"]
    if len(unfinished) != len(state.unfinished):
        yield f"unfinished are {[each.key for each in state.unfinished]}"
    for dedicated in (True, False):
        nodes = [node for node in state.nodes.values() if node.dedicated is dedicated]
        cores = sum(vm_cores(node.pool.spec.vm_size) for node in nodes)
        if state.cores[dedicated] != cores:
            yield f"{state.cores[dedicated]} of {cores} cores are counted"


def _references(state: State) -> Iterator[str]:
    holders = [(f"pool {pool.key}", pool.spec.certificate_references)
               for pool in state.pools.values()]  # fmt: skip
    holders += [(f"node {node.id}", node.certificate_references) for node in state.nodes.values()]
    for name, references in holders:
        for reference in references:
            if reference.thumbprint not in state.certificates:
                yield f"{name} references certificate {reference.thumbprint}, which is gone"
    for application in state.applications.values():
        default = application.default
        if default and application.packages.get(fold(default.version)) is not default:
            yield f"application {application.key} has a default version that is gone"


def _awaits_node(state: State, job: JobRecord) -> bool:
    return any(
        footprint.release is not None
        and isinstance(footprint.release.phase, phases.NodeTaskPending)
        and footprint.node.id in state.nodes
        for footprint in job.footprints.values()
    )


def _runs(state: State) -> Iterator[str]:
    for run_id, run in state.runs.items():
        if run.node.runs.get(run_id) is not run or run.node.id not in state.nodes:
            yield f"run {run_id} is not on its node"
        if run.job and run.job.runs.get(run_id) is not run:
            yield f"run {run_id} is not in its job"
        if run.task:
            phase = run.task.phase
            own = run.subtask is None or run.subtask.run is run
            known = isinstance(phase, phases.TaskRunning) and own
            if not known or (run.subtask is None and phase.run_id != run_id):  # type: ignore[union-attr]
                yield f"run {run_id} belongs to a task that is {phase.state}"
