"""Operations that only older versions of the API have.

Node agents were listed before images were. Statistics over the lifetime of an account are of the
pools and jobs that still exist. What a lab does not measure, such as I/O, is zero, because clients
read it.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from batchlab.core.messages import questions
from batchlab.core.messages.views import TaskView
from batchlab.core.model import vm_cores
from batchlab.errors import Conflict, InvalidRequest
from batchlab.rest import resources
from batchlab.rest.answers import json, page
from batchlab.rest.images import IMAGES
from batchlab.rest.messages import Response, RestCall, Wire
from batchlab.rest.routes import operation
from batchlab.rest.wire import write_datetime, write_duration

__all__: list[str] = []

_PAGE = 1000
_WORK = {
    "userCPUTime": "PT0S", "kernelCPUTime": "PT0S", "readIOps": "0", "writeIOps": "0",
    "readIOGiB": 0.0, "writeIOGiB": 0.0,
}  # fmt: skip
_RESOURCES = {"diskReadIOps": "0", "diskWriteIOps": "0"} | dict.fromkeys(
    ("avgCPUPercentage", "avgMemoryGiB", "peakMemoryGiB", "avgDiskGiB", "peakDiskGiB",
     "diskReadGiB", "diskWriteGiB", "networkReadGiB", "networkWriteGiB"),
    0.0,
)  # fmt: skip
"""What a lab does not measure."""


class NodeAgentSku(msgspec.Struct):
    """A node agent, and the images that it was verified with."""

    id: str
    os_type: str
    verified_image_references: tuple[Any, ...]


@operation("GET", "/nodeagentskus")
def list_node_agent_skus(call: RestCall) -> Response:
    """GET /nodeagentskus: until version 2018-12."""
    _until(call, "2019-06")
    agents = {image.node_agent_sku_id: image.os_type for image in IMAGES}
    rows = [
        NodeAgentSku(agent, os_type, tuple(
            image.image_reference for image in IMAGES if image.node_agent_sku_id == agent
        ))
        for agent, os_type in agents.items()
    ]  # fmt: skip
    return page(call, "nodeagentskus", NodeAgentSku, rows, lambda _, row: resources.write(row))


@operation("POST", "/pools/{pool_id}/upgradeos")
def upgrade_pool_os(call: RestCall, pool_id: str) -> Response:
    """POST /pools/{id}/upgradeos: until version 2018-08; it was only for pools of Windows."""
    _until(call, "2018-12")
    call.json()
    call.ask(questions.GetPool(pool_id=pool_id))
    raise Conflict(
        "PoolNotEligibleForOSVersionUpgrade",
        f"pool {pool_id!r} is one of virtual machines: only those of cloud services were upgraded",
    )


@operation("GET", "/lifetimepoolstats")
def get_lifetime_pool_statistics(call: RestCall) -> Response:
    """GET /lifetimepoolstats: until version 2022-10."""
    _until(call, "2023-05")
    pools = call.ask(questions.ListPools())
    hours = sum(
        cost.node_hours * vm_cores(cost.vm_size)
        for pool in pools
        for cost in call.ask(questions.GetCost(pool_id=pool.id))
        if cost.is_dedicated
    )
    span = _span(call, (pool.creation_time for pool in pools))
    usage = span | {"dedicatedCoreTime": write_duration(timedelta(hours=hours))}
    content = {"usageStats": usage, "resourceStats": span | _RESOURCES}
    return _statistics(call, "poolstats", content)


@operation("GET", "/lifetimejobstats")
def get_lifetime_job_statistics(call: RestCall) -> Response:
    """GET /lifetimejobstats: until version 2022-10."""
    _until(call, "2023-05")
    now = datetime.fromtimestamp(call.connection.now(), UTC)
    jobs = call.ask(questions.ListJobs())
    tasks = [task for job in jobs for task in _tasks(call, job.id)]
    started = [(task, task.start_time) for task in tasks if task.start_time is not None]
    running = sum(((task.end_time or now) - start for task, start in started), timedelta())
    waiting = sum((start - task.creation_time for task, start in started), timedelta())
    content = {
        "wallClockTime": write_duration(running),
        "waitTime": write_duration(waiting),
        # 64-bit numbers are text
        "numSucceededTasks": str(sum(task.result == "success" for task in tasks)),
        "numFailedTasks": str(sum(task.result == "failure" for task in tasks)),
        "numTaskRetries": str(sum(task.retry_count for task in tasks)),
    }
    span = _span(call, (job.creation_time for job in jobs))
    return _statistics(call, "jobstats", span | _WORK | content)


def _tasks(call: RestCall, job_id: str) -> Iterable[TaskView]:
    start: int | None = 0
    while start is not None:
        found = call.ask(questions.PageTasks(job_id=job_id, after=start, limit=_PAGE))
        yield from found.items
        start = found.next


def _span(call: RestCall, created: Iterable[datetime]) -> Wire:
    now = datetime.fromtimestamp(call.connection.now(), UTC)
    first = min(created, default=now)
    return {"startTime": write_datetime(first), "lastUpdateTime": write_datetime(now)}


def _statistics(call: RestCall, kind: str, content: Wire) -> Response:
    return json(call, {"url": call.base + call.path} | content, f"{kind}/@Element")


def _until(call: RestCall, month: str) -> None:
    """Refuse a version that has the operation no longer."""
    if call.version >= (month,):
        raise InvalidRequest(
            "InvalidUri", f"there is no {call.path} since version {month} of the API"
        )
