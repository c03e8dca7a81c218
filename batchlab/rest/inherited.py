"""Properties that the lab does not use, where the client gave them to another resource.

A job of a schedule has those of the schedule's job specification, and an auto pool has those of
the specification in its job: its image, its network. See `unknown_properties`.
"""

from __future__ import annotations

import re
from typing import Any

from batchlab.core.messages.questions import GetJobSchedule, GetPool, ListJobs
from batchlab.core.messages.views import JobView, PoolView
from batchlab.errors import NotFound
from batchlab.rest.messages import RestCall
from batchlab.rest.wire import Unknown

__all__ = ["give_to_auto_pool", "of_job", "of_pool"]

_AUTO_POOL = re.compile(r"[0-9A-F]{8}(?:-[0-9A-F]{4}){3}-[0-9A-F]{12}")


def give_to_auto_pool(call: RestCall, job: JobView, unknown: Unknown) -> None:
    """Store the unknown properties of a new job's auto pool under that pool, too."""
    inner = _inner(unknown, "poolInfo", "autoPoolSpecification", "pool")
    if inner and job.pool_id:
        pool = call.ask(GetPool(pool_id=job.pool_id))
        call.unknown_properties.put(("pool", pool.id), pool.creation_time, inner)


def of_job(call: RestCall, job: JobView) -> Unknown:
    """What a job has of its schedule."""
    schedule_id = job.id.rpartition(":")[0]
    known = call.unknown_properties.find(("jobschedule", schedule_id)) if schedule_id else None
    if known is None:
        return {}
    try:
        schedule = call.ask(GetJobSchedule(job_schedule_id=schedule_id))
    except NotFound:
        return {}
    created, tree = known
    return _inner(tree, "jobSpecification") if schedule.creation_time == created else {}


def of_pool(call: RestCall, pool: PoolView) -> Unknown:
    """What an auto pool has of the schedule whose job it was created for."""
    stored = call.unknown_properties
    if not _AUTO_POOL.search(pool.id) or not stored.has_any("jobschedule"):
        return {}
    if stored.find(("pool", pool.id)) is None:
        for job in call.ask(ListJobs()):
            if job.pool_id == pool.id and job.pool_info.auto_pool_specification is not None:
                give_to_auto_pool(call, job, of_job(call, job))
                break
    known = stored.find(("pool", pool.id))
    return known[1] if known is not None and known[0] == pool.creation_time else {}


def _inner(tree: Any, *names: str) -> Unknown:
    for name in names:
        tree = tree.get(name) if isinstance(tree, dict) else None
    return tree if isinstance(tree, dict) else {}
