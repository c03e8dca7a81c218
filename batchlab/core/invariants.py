"""What must always hold, whatever happened. Tests check it after every input.

Each function looks at one kind of record and yields a sentence for every breach.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from batchlab.core import costs, dependencies, phases
from batchlab.core.ids import fold
from batchlab.core.records import (
    InstancesRecord,
    JobRecord,
    NodeRecord,
    PoolRecord,
    TaskRecord,
)

if TYPE_CHECKING:
    from batchlab.core.machine import Core


def check(core: Core) -> None:
    """Raise AssertionError with every breach of what must hold between two inputs."""
    breaches = [breach for pool in core.pools.values() for breach in _pool(core, pool)]
    breaches += [breach for node in core.nodes.values() for breach in _node(core, node)]
    breaches += [breach for job in core.jobs.values() for breach in _job(core, job)]
    breaches += [breach for job in core.jobs.values() for breach in _dependencies(job)]
    breaches += [breach for key in core.schedules for breach in _schedule(core, key)]
    breaches += [*_runs(core), *_books(core), *_references(core)]
    assert not breaches, "\n".join(breaches)


def _pool(core: Core, pool: PoolRecord) -> Iterator[str]:
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
        if core.nodes.get(node.id) is not node:
            yield f"{name} has node {node.id}, which the core does not know"
        if node.allocated is None and node.phase.state not in ("creating", "leavingpool"):
            yield f"node {node.id} is {node.phase.state} with machine since {node.allocated}"
    for node_id in pool.held:
        held = pool.nodes.get(node_id)
        if held and held.bucket >= 0 and not any(run.ending for run in held.runs.values()):
            yield f"node {node_id} is held, and nothing there makes room"
    gatherer = pool.gatherer
    if gatherer is not None:
        ready = pool.ready.get(gatherer.job.spec.priority)
        if gatherer.phase.state != "active" or not ready or gatherer.job.key not in ready:
            yield f"{name} holds nodes for {gatherer.spec.id}, which is {gatherer.phase.state}"
    for free, bucket in enumerate(pool.buckets):
        for node in bucket.values():
            if node.bucket != free or node.free != free:
                yield f"node {node.id} with {node.free} free slots is in bucket {free}"
    if any(pool.buckets[1:]) and pool.phase.state == "active":
        for priority, ready in pool.ready.items():
            for job in ready.values():
                if job.spec.priority != priority or job.phase.state != "active":
                    yield f"job {job.key} ({job.phase.state}) is queued at priority {priority}"


def _node(core: Core, node: NodeRecord) -> Iterator[str]:
    name, slots = f"node {node.id}", node.pool.spec.task_slots_per_node
    held = sum(run.task.slots for run in node.runs.values() if run.task)
    held += sum(
        task.slots for footprint in node.footprints.values() for task in footprint.waiting.values()
    )
    if node.free != slots - held or node.free < 0:
        yield f"{name} has {node.free} of {slots} slots free while tasks hold {held}"
    state = node.phase.state
    if state == "running" and not held:
        yield f"{name} is running without a task"
    if state in ("idle", "offline") and held:
        yield f"{name} is {state} with tasks"
    stopped = isinstance(node.phase, phases.NodeLeavingPool) and node.phase.stopping
    if (
        stopped or state in ("creating", "preempted", "starting", "unknown", "unusable")
    ) and node.runs:
        yield f"{name} is {state} with runs {list(node.runs)}"
    takes = node.drain is None and node.scheduling == "enabled" and state in ("idle", "running")
    if takes != (node.bucket >= 0):
        yield f"{name} ({state}, {node.scheduling}, {node.drain}) is in bucket {node.bucket}"
    if (state == "leavingpool") != (node.id in node.pool.leaving):
        yield f"{name} is {state}, leaving: {node.id in node.pool.leaving}"
    if node.activity != costs.activity(node):
        yield f"{name} ({state}) is charged for {node.activity}, and does {costs.activity(node)}"
    hooks = sum(run.task is None for run in node.runs.values())
    if node.hook_count != hooks:
        yield f"{name} counts {node.hook_count} hooks and runs {hooks}"
    if node.drain and not held and node.drain.option != "retaineddata":
        yield f"{name} is empty and still drains for {node.drain.purpose}"


def _job(core: Core, job: JobRecord) -> Iterator[str]:
    name, state = f"job {job.key}", job.phase.state
    counts = {"active": 0, "running": 0, "succeeded": 0, "failed": 0}
    for task in job.tasks.values():
        phase = task.phase
        if isinstance(phase, phases.TaskCompleted):
            counts["failed" if phase.failure else "succeeded"] += 1
        else:
            counts["active" if phase.state == "active" else "running"] += 1
        if task.instances is not None:
            yield from _instances(core, task, task.instances)
        elif isinstance(phase, phases.TaskRunning) and phase.run_id not in core.runs:
            yield f"{name}: task {task.spec.id} runs without a run"
        if isinstance(phase, phases.TaskPreparing):
            footprints = [job.footprints[node.id] for node in task.nodes]
            if any(fold(task.spec.id) not in each.waiting for each in footprints):
                yield f"{name}: task {task.spec.id} prepares without waiting"
            under_way = [each.preparation.phase for each in footprints]
            if not any(isinstance(each, phases.HookRunning) for each in under_way):
                yield f"{name}: task {task.spec.id} waits for a preparation that does not run"
    if counts != {key: getattr(job, key) for key in counts}:
        yield f"{name} counts {job.counts} and has {counts}"
    if state == "completed" and job.runs:
        yield f"{name} is completed with runs {list(job.runs)}"
    if state in ("terminating", "deleting") and not job.runs and not _awaits_node(core, job):
        yield f"{name} is {state} and waits for nothing"
    if any(run.kind == "jobrelease" for run in job.runs.values()) and (
        state not in ("terminating", "deleting")
        or any(run.kind != "jobrelease" for run in job.runs.values())
    ):
        yield f"{name} ({state}) releases beside {[run.kind for run in job.runs.values()]}"
    if state == "disabling" and not job.running:
        yield f"{name} is disabling with nothing running"


def _instances(core: Core, task: TaskRecord, group: InstancesRecord) -> Iterator[str]:
    name = f"multi-instance task {task.job.key}/{task.spec.id}"
    state, live = task.phase.state, group.live
    if bool(live) != (state == "running"):
        yield f"{name} is {state} with runs {[run.id for run in live]}"
    if state in ("preparing", "running"):
        if len({node.id for node in task.nodes}) != group.count:
            yield f"{name} is on {[node.id for node in task.nodes]}"
        if group.gather_until is not None:
            yield f"{name} is {state} and still wants nodes"
    for run in live:
        if core.runs.get(run.id) is not run or run.task is not task:
            yield f"{name} has lost its run {run.id}"
        if bool(run.ending) != bool(group.ending or group.lost or group.verdict):
            yield f"{name} has run {run.id} ending as {run.ending!r}"
    if live and group.undecided and all(one.coordinated for one in group.subtasks):
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


def _schedule(core: Core, key: str) -> Iterator[str]:
    schedule = core.schedules[key]
    name, state = f"schedule {key}", schedule.phase.state
    live = [job for job in schedule.jobs.values() if job.phase.state != "completed"]
    current = [job for job in live if job.phase.state != "deleting"]
    if len(current) > 1 or any(job is not schedule.job for job in current):
        yield f"{name} has the live jobs {[job.key for job in live]}"
    if schedule.job is not None and schedule.job not in live:
        yield f"{name} waits for {schedule.job.key}, which has ended"
    for job in schedule.jobs.values():
        if core.jobs.get(job.key) is not job or job.schedule is not schedule:
            yield f"{name} has a job {job.key} that is not its own"
    if state == "completed" and (live or schedule.due is not None):
        yield f"{name} is completed with {[job.key for job in live]}, due {schedule.due}"
    if state == "terminating" and schedule.job is None:
        yield f"{name} is terminating and waits for nothing"
    if state == "deleting" and not schedule.jobs:
        yield f"{name} is deleting and waits for nothing"
    if state == "active" and schedule.due is None and schedule.job is None:
        yield f"{name} is active, has no job and will have none"


def _books(core: Core) -> Iterator[str]:
    for book in (core.preemptible, core.restarting):
        for key, job in book.items():
            if core.jobs.get(key) is not job or job.phase.state == "completed":
                yield f"job {key} has ended and is still looked at"
    for job in core.jobs.values():
        live = job.phase.state != "completed"
        if live and job.spec.allow_task_preemption != (job.key in core.preemptible):
            yield f"job {job.key} is preemptible: {job.key in core.preemptible}"
        if job.schedule and core.schedules.get(job.schedule.key) is not job.schedule:
            yield f"job {job.key} has outlived its schedule"


def _references(core: Core) -> Iterator[str]:
    holders = [(f"pool {pool.key}", pool.spec.certificate_references)
               for pool in core.pools.values()]  # fmt: skip
    holders += [(f"node {node.id}", node.certificate_references) for node in core.nodes.values()]
    for name, references in holders:
        for reference in references:
            if reference.thumbprint not in core.certificates:
                yield f"{name} references certificate {reference.thumbprint}, which is gone"
    for application in core.applications.values():
        default = application.default
        if default and application.packages.get(fold(default.version)) is not default:
            yield f"application {application.key} has a default version that is gone"


def _awaits_node(core: Core, job: JobRecord) -> bool:
    return any(
        footprint.release is not None
        and isinstance(footprint.release.phase, phases.HookPending)
        and footprint.node.id in core.nodes
        for footprint in job.footprints.values()
    )


def _runs(core: Core) -> Iterator[str]:
    for run_id, run in core.runs.items():
        if run.node.runs.get(run_id) is not run or run.node.id not in core.nodes:
            yield f"run {run_id} is not on its node"
        if run.job and run.job.runs.get(run_id) is not run:
            yield f"run {run_id} is not in its job"
        if run.task:
            phase = run.task.phase
            own = run.subtask is None or run.subtask.run is run
            known = isinstance(phase, phases.TaskRunning) and own
            if not known or (run.subtask is None and phase.run_id != run_id):  # type: ignore[union-attr]
                yield f"run {run_id} belongs to a task that is {phase.state}"
