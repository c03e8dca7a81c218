"""Auto pools: created for a job, or for all jobs of a schedule, and deleted with their owner.

If a pool cannot be created, because a quota is used up or a reference does not exist, its job is
completed from the start, with a scheduling error. With ``keep_alive`` the pool is not deleted.

The service names the pool with an upper-case GUID. Ours is made from the time and a number, so a
replay names it the same.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import msgspec

from batchlab.autoscale import FormulaError
from batchlab.core.account import references
from batchlab.core.model import AutoPoolSpecification, JobSpec, PoolInfo, vm_cores
from batchlab.core.model.ids import fold
from batchlab.core.model.values import FailureInfo
from batchlab.core.pools import autoscaling, pools
from batchlab.core.state import phases
from batchlab.core.state.records import JobRecord, ScheduleRecord
from batchlab.errors import Conflict, invalid

if TYPE_CHECKING:
    from batchlab.core.state.state import State


_INVALID_REFERENCES = {
    "InvalidApplicationPackageReferences": "InvalidApplicationPackageReferencesInAutoPool",
    "InvalidCertificateReferences": "InvalidCertificatesInAutoPool",
}


def check(state: State, spec: JobSpec, *, scheduled: bool) -> None:
    """Refuse an auto pool that cannot be, or is for all jobs of a schedule without one."""
    auto = spec.pool_info.auto_pool_specification
    if auto:
        pools.check(state, auto.pool)
    if auto and auto.pool_lifetime_option == "jobschedule" and not scheduled:
        raise invalid(
            "pool_lifetime_option",
            auto.pool_lifetime_option,
            "is only for job schedules: use 'job'",
            owner="AutoPoolSpecification",
        )


def provide(
    state: State, spec: JobSpec, schedule: ScheduleRecord | None
) -> tuple[str, FailureInfo | None]:
    """The id of the pool of a new job, created if necessary; or why it cannot be created."""
    auto = spec.pool_info.auto_pool_specification
    if auto is None:
        return spec.pool_info.pool_id or "", None
    shared = schedule if auto.pool_lifetime_option == "jobschedule" else None
    known = state.pools.get(fold(shared.pool_id)) if shared else None
    if shared and known and isinstance(known.phase, phases.PoolActive):
        return shared.pool_id, None
    refusal = _refusal(state, auto)
    if refusal is not None:
        return _refused("AutoPoolCreationFailedWithQuotaReached", refusal)
    try:
        pool = auto.pool
        references.check(state, pool.application_package_references, pool.certificate_references)
    except Conflict as error:
        return _refused(_INVALID_REFERENCES[error.code], error.message)
    try:
        formula = autoscaling.read_formula(auto.pool)
    except FormulaError as error:
        return _refused("InvalidAutoScaleFormulaInAutoPool", error.message)
    pool_id = _new_id(state, auto)
    if shared:
        shared.pool_id, shared.keeps_pool = pool_id, auto.keep_alive
    pools.add(state, msgspec.structs.replace(auto.pool, id=pool_id), formula)
    return pool_id, None


def _new_id(state: State, auto: AutoPoolSpecification) -> str:
    prefix = f"{auto.auto_pool_id_prefix}_" if auto.auto_pool_id_prefix else ""
    number = state.next_number()
    if state.settings.rules < 3:
        return f"{prefix}autopool_{number}"
    digits = hashlib.sha256(f"{state.now!r} {number}".encode()).hexdigest().upper()
    return f"{prefix}{digits[:8]}-{digits[8:12]}-4{digits[12:15]}-A{digits[15:18]}-{digits[18:30]}"


def _refused(code: str, message: str) -> tuple[str, FailureInfo]:
    return "", FailureInfo(category="UserError", code=code, message=message)


def _refusal(state: State, auto: AutoPoolSpecification) -> str | None:
    if pools.quota_reached(state):
        return f"the quota of {state.settings.quotas.pool_quota} pools is used up"
    quota, wanted = state.settings.quotas.dedicated_core_quota, auto.pool.target_dedicated_nodes
    if quota is not None and wanted:
        left = quota - state.cores[True]
        if left < vm_cores(auto.pool.vm_size):
            return f"only {max(0, left)} of {quota} dedicated cores are left, too few for a node"
    return None


def keeping(spec: JobSpec, pool_info: PoolInfo | None) -> PoolInfo | None:
    """What a job is to have of its auto pool, if it differs only in ``keep_alive``."""
    auto = spec.pool_info.auto_pool_specification
    wanted = pool_info.auto_pool_specification if pool_info else None
    if auto and wanted and wanted == msgspec.structs.replace(auto, keep_alive=wanted.keep_alive):
        return pool_info
    return None


def job_ended(state: State, job: JobRecord) -> None:
    """Delete the pool that was created for this job."""
    auto = job.spec.pool_info.auto_pool_specification
    if auto and auto.pool_lifetime_option == "job" and not auto.keep_alive:
        _retire(state, job.pool_id)


def schedule_ended(state: State, schedule: ScheduleRecord) -> None:
    """Delete the pool that was created for the jobs of this schedule."""
    if not schedule.keeps_pool:
        _retire(state, schedule.pool_id)


def schedule_updated(state: State, schedule: ScheduleRecord) -> None:
    """Note whether the shared pool of a schedule outlives it; later jobs may use another pool."""
    auto = schedule.spec.job_specification.pool_info.auto_pool_specification
    if state.settings.rules < 3:
        schedule.keeps_pool = auto is None or auto.keep_alive
    elif auto and auto.pool_lifetime_option == "jobschedule":
        schedule.keeps_pool = auto.keep_alive


def owners(state: State, pool_id: str) -> list[JobRecord | ScheduleRecord]:
    """The jobs and schedules that delete a pool when they end."""
    key, found = fold(pool_id), list[JobRecord | ScheduleRecord]()
    for job in state.jobs.values():
        auto = job.spec.pool_info.auto_pool_specification
        mine = auto and auto.pool_lifetime_option == "job" and not auto.keep_alive
        if mine and fold(job.pool_id) == key and job.phase.state != "completed":
            found.append(job)
    for schedule in state.schedules.values():
        mine = not schedule.keeps_pool and schedule.phase.state != "completed"
        if mine and fold(schedule.pool_id) == key:
            found.append(schedule)
    return found


def _retire(state: State, pool_id: str) -> None:
    pool = state.pools.get(fold(pool_id))
    if pool and isinstance(pool.phase, phases.PoolActive):
        pools.delete(state, pool)
