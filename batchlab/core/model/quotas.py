"""What an account may have: how many resources at a time, and which properties of jobs."""

from __future__ import annotations

from typing import Annotated, Literal

from batchlab.core.model.base import Model
from batchlab.core.model.ranges import Range

Quota = Annotated[int, Range(0)]
Restricted = Literal["max_parallel_tasks", "allow_task_preemption"]
"""Properties of jobs that Azure enables for an account only on request."""


class Quotas(Model, frozen=True, kw_only=True):
    """How many resources an account may have at the same time; None means no limit.

    Parameters
    ----------
    dedicated_core_quota : int, optional
        Cores of all dedicated nodes; a resize beyond this ends with ``AccountCoreQuotaReached``.
    low_priority_core_quota : int, optional
        The same for spot nodes: ``AccountLowPriorityCoreQuotaReached``.
    pool_quota : int, optional
        Pools; another one is refused with ``PoolQuotaReached``.
    active_job_and_job_schedule_quota : int, optional
        Jobs and job schedules that are not completed; another one is refused with
        ``ActiveJobAndScheduleQuotaReached``.
    """

    dedicated_core_quota: Quota | None = None
    low_priority_core_quota: Quota | None = None
    pool_quota: Quota | None = None
    active_job_and_job_schedule_quota: Quota | None = None
