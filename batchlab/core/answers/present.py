"""Everything that exists as changes, for displays of a lab whose earlier changes are not known."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from batchlab.core.messages.outputs import ApplicationChanged, Change
from batchlab.core.state.notices import Notices

if TYPE_CHECKING:
    from batchlab.core.state.state import State


def present(state: State) -> list[Change]:
    """One change for each thing that exists: it entered its state when it did, in this order."""
    notices = Notices(state.settings)
    for pool in state.pools.values():
        notices.now = max(pool.phase.since, pool.allocation.since)
        notices.tell_pool(pool, pool.phase.state)
        for node in pool.nodes.values():
            notices.now = node.phase.since
            notices.tell_node(node, node.phase.state)
            if node.start is not None:
                notices.now = node.start.phase.since
                notices.tell_node_task(node.start)
    for job in state.jobs.values():
        notices.now = job.phase.since
        notices.tell_job(job, job.phase.state)
        for task in job.tasks.values():
            notices.now = task.phase.since
            notices.tell_task(task, task.phase.state, task.node.id if task.node else "")
            for subtask in task.instances.subtasks if task.instances else ():
                notices.now = subtask.phase.since
                notices.tell_subtask(subtask)
        for footprint in job.footprints.values():
            for node_task in (footprint.preparation, footprint.release):
                if node_task is not None:
                    notices.now = node_task.phase.since
                    notices.tell_node_task(node_task)
    for schedule in state.schedules.values():
        notices.now = schedule.phase.since
        notices.tell_schedule(schedule, schedule.phase.state)
    for certificate in state.certificates.values():
        notices.now = certificate.phase.since
        notices.tell_certificate(certificate, certificate.phase.state)
    changes = sorted(notices.changes, key=lambda change: change.at)
    for application in state.applications.values():
        known = ApplicationChanged(at=state.now, application_id=application.id, state="active")
        changes.append(known)
        for package in application.packages.values():
            changes.append(
                msgspec.structs.replace(known, version=package.version, at=package.activated)
            )
    return changes
