"""Everything a core knows, as one comparable value: a refused request must not change it."""

from __future__ import annotations

from typing import Any

from batchlab.core.machine import Core
from batchlab.core.messages import questions as q
from batchlab.core.state.books import BillRecord
from batchlab.core.state.records import InstancesRecord
from batchlab.errors import BatchError


def digest(core: Core, now: float | None = None) -> list[Any]:
    """All views, and what no view shows; at this time, which some of them depend on."""
    now = core.state.now if now is None else now
    found: list[Any] = [
        core.ask(question, now)
        for question in (
            q.ListPools(),
            q.ListJobs(),
            q.ListJobSchedules(),
            q.ListApplications(),
            q.ListCertificates(),
        )
    ]
    found.append(list(core.state.restarting))
    for application in core.state.applications.values():
        question = q.ListApplicationPackages(application_id=application.id)
        found.append(core.ask(question, now))
    for pool in core.state.pools.values():
        found += [
            core.ask(q.ListNodes(pool_id=pool.spec.id), now),
            [run.id for run in pool.preemptible], list(pool.clearing),
            pool.resize_number, pool.node_count, list(pool.creating), list(pool.leaving),
            {node_id: job.key for node_id, job in pool.held.items()},
            [list(bucket) for bucket in pool.buckets], _bills(pool.bills),
            pool.gatherer and (pool.gatherer.job.key, pool.gatherer.spec.id),
            {priority: list(ready) for priority, ready in pool.ready.items()},
        ]  # fmt: skip
    for job in core.state.jobs.values():
        found += [
            core.ask(q.ListTasks(job_id=job.spec.id), now), list(job.runs), list(job.refused_by),
            {slots: len(queue) for slots, queue in job.queue.items()}, list(job.nodes),
            [(task.unmet, task.slots) for task in job.tasks.values()], job.action, job.pool_id,
            [_instances(task.instances) for task in job.tasks.values() if task.instances],
        ]  # fmt: skip
        try:
            found.append(core.ask(q.ListPreparations(job_id=job.spec.id), now))
        except BatchError as refusal:
            found.append(refusal.code)
    for schedule in core.state.schedules.values():
        running = schedule.job and schedule.job.key
        found.append((schedule.due, schedule.count, running, list(schedule.jobs)))
    for node in core.state.nodes.values():
        drain = node.drain and (node.drain.purpose, node.drain.option)
        found.append((node.id, drain, node.boot, node.image, list(node.footprints)))
        found.append((node.activity, node.since, node.node_task_count))
        ahead = node.ahead
        found.append((ahead.depth, ahead.patience_s, ahead.watched, list(node.pool.ahead.lacking)))
        found += [
            (entry.id, entry.task.spec.id, entry.place, entry.rank, entry.recalled, entry.taken,
             entry.started)
            for entry in ahead.queue.values()
        ]  # fmt: skip
    found += [[(run.id, run.ending) for run in core.state.runs.values()], core.next_deadline()]
    found += [
        _bills(core.state.bills),
        len(core.state.deadlines),
        core.state.dropped,
        core.state.numbers,
    ]
    return found


def _instances(group: InstancesRecord) -> list[Any]:
    found: list[Any] = [group.verdict, group.culprit, group.lost, group.ending, group.begun]
    found.append(group.gather_until)
    for one in group.subtasks:
        run = one.run and one.run.id
        found.append((one.number, one.node.id, one.phase.state, run, one.coordinated))
    return found


def _bills(bills: dict[Any, BillRecord]) -> list[Any]:
    return [(key, bill.machines, dict(bill.seconds)) for key, bill in bills.items()]
