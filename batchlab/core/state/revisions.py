"""Versions of resources: a tag and a time that change whenever a user changes the resource.

What happens to a pool, job, schedule or task without a request, such as a change of its state,
does not make a new version. So a client can ask to change it only if nobody else has done so
meanwhile. The tag also counts the changes, because the clock of a simulated lab may stand still.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

from batchlab.core.model.ids import fold
from batchlab.core.state.base import RevisedRecord

if TYPE_CHECKING:
    from batchlab.core.state.state import State

__all__ = ["etag", "last_modified", "revising"]

Handler = Callable[["State", Any], None]
_TICKS = 621_355_968_000_000_000
"""100 ns from the year 1, where .NET counts from, to 1970."""


class Dated(Protocol):
    """A record with a version."""

    created: float
    revision: int
    revised: float | None


def last_modified(record: Dated) -> float:
    """When a user last changed it."""
    return record.created if record.revised is None else record.revised


def etag(record: Dated) -> str:
    """The tag of the version, in Azure's form."""
    return f"0x{_TICKS + int(last_modified(record) * 10_000_000) + record.revision:X}"


def revising(handler: Handler) -> Handler:
    """Make a request create a new version of its resource, unless it is refused."""

    def handle(state: State, request: Any) -> None:
        record = _find(state, request)
        handler(state, request)
        if record is not None:
            record.revision += 1
            record.revised = state.now

    return handle


def _find(state: State, request: Any) -> RevisedRecord | None:
    pool_id, job_id = getattr(request, "pool_id", None), getattr(request, "job_id", None)
    if pool_id is not None:
        return state.pools.get(fold(pool_id))
    if job_id is None:
        return state.schedules.get(fold(request.job_schedule_id))
    job, task_id = state.jobs.get(fold(job_id)), getattr(request, "task_id", None)
    return job.tasks.get(fold(task_id)) if job is not None and task_id is not None else job
