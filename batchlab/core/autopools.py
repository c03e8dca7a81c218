"""Auto pools: made for a job, or for all jobs of a schedule, and deleted with their owner.

A pool that cannot be made, because a quota is used up or what it references is not there, leaves
its job completed from the start, with a scheduling error. ``keep_alive`` leaves the pool to its
user.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from batchlab.autoscale import FormulaError
from batchlab.core import autoscaling, phases, pools, references
from batchlab.core.ids import fold
from batchlab.core.records import JobRecord, ScheduleRecord
from batchlab.core.specs import AutoPoolSpecification, JobSpec, vm_cores
from batchlab.core.views import FailureInfo
from batchlab.errors import Conflict, invalid

if TYPE_CHECKING:
    from batchlab.core.machine import Core


_INVALID_REFERENCES = {
    "InvalidApplicationPackageReferences": "InvalidApplicationPackageReferencesInAutoPool",
    "InvalidCertificateReferences": "InvalidCertificatesInAutoPool",
}


def check(spec: JobSpec, *, scheduled: bool) -> None:
    """Refuse a pool for all jobs of a schedule outside of a schedule."""
    auto = spec.pool_info.auto_pool_specification
    if auto and auto.pool_lifetime_option == "jobschedule" and not scheduled:
        raise invalid(
            "pool_lifetime_option",
            auto.pool_lifetime_option,
            "needs a job schedule; use 'job'",
            owner="AutoPoolSpecification",
        )


def provide(core: Core, job: JobRecord) -> FailureInfo | None:
    """Make the pool of a job, or take the one of its schedule; why not, if it cannot be made."""
    auto, schedule = job.spec.pool_info.auto_pool_specification, job.schedule
    if auto is None:
        return None
    shared = schedule if auto.pool_lifetime_option == "jobschedule" else None
    known = core.pools.get(fold(shared.pool_id)) if shared else None
    if shared and known and isinstance(known.phase, phases.PoolActive):
        job.pool_id = shared.pool_id
        return None
    refusal = _refusal(core, auto)
    if refusal is not None:
        return FailureInfo(
            category="UserError", code="AutoPoolCreationFailedWithQuotaReached", message=refusal
        )
    try:
        pool = auto.pool
        references.check(
            core, pool.application_package_references, pool.certificate_references, "PoolSpec"
        )
    except Conflict as error:
        return FailureInfo(
            category="UserError", code=_INVALID_REFERENCES[error.code], message=error.message
        )
    try:
        formula = autoscaling.read_formula(auto.pool)
    except FormulaError as error:
        return FailureInfo(
            category="UserError", code="InvalidAutoScaleFormulaInAutoPool", message=error.message
        )
    prefix = f"{auto.auto_pool_id_prefix}_" if auto.auto_pool_id_prefix else ""
    job.pool_id = f"{prefix}autopool_{core.next_number()}"
    if shared:
        shared.pool_id = job.pool_id
    pools.add(core, msgspec.structs.replace(auto.pool, id=job.pool_id), formula)
    return None


def _refusal(core: Core, auto: AutoPoolSpecification) -> str | None:
    if pools.quota_reached(core):
        return f"the account may have {core.settings.quotas.pool_quota} pools, and has them"
    quota, wanted = core.settings.quotas.dedicated_core_quota, auto.pool.target_dedicated_nodes
    if quota is not None and wanted:
        left = quota - pools.cores_used(core, dedicated=True)
        if left < vm_cores(auto.pool.vm_size):
            return f"{max(0, left)} of {quota} dedicated cores are left: too few for a single node"
    return None


def job_ended(core: Core, job: JobRecord) -> None:
    """Delete the pool that was made for this job."""
    auto = job.spec.pool_info.auto_pool_specification
    if auto and auto.pool_lifetime_option == "job" and not auto.keep_alive:
        _retire(core, job.pool_id)


def schedule_ended(core: Core, schedule: ScheduleRecord) -> None:
    """Delete the pool that was made for the jobs of this schedule."""
    auto = schedule.spec.job_specification.pool_info.auto_pool_specification
    if auto and schedule.pool_id and not auto.keep_alive:
        _retire(core, schedule.pool_id)


def owners(core: Core, pool_id: str) -> list[JobRecord | ScheduleRecord]:
    """The jobs and schedules whose end deletes a pool."""
    key, found = fold(pool_id), list[JobRecord | ScheduleRecord]()
    for job in core.jobs.values():
        auto = job.spec.pool_info.auto_pool_specification
        mine = auto and auto.pool_lifetime_option == "job" and not auto.keep_alive
        if mine and fold(job.pool_id) == key and job.phase.state != "completed":
            found.append(job)
    for schedule in core.schedules.values():
        auto = schedule.spec.job_specification.pool_info.auto_pool_specification
        mine = auto and not auto.keep_alive and schedule.phase.state != "completed"
        if mine and fold(schedule.pool_id) == key:
            found.append(schedule)
    return found


def _retire(core: Core, pool_id: str) -> None:
    pool = core.pools.get(fold(pool_id))
    if pool and isinstance(pool.phase, phases.PoolActive):
        pools.delete(core, pool)
