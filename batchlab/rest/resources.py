"""Views on the wire: which fields go into nested objects, and which are not shown.

A plan per class is made once from its fields and the table `SHAPES`; encoding a view is then a
single loop. The functions below add fields with URLs (``url``, ``nodeUrl``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import cache
from typing import Any, NamedTuple

import msgspec

from batchlab.autoscale.results import AutoScaleRun, AutoScaleRunError
from batchlab.core.account.node_users import PORT
from batchlab.core.messages import views
from batchlab.core.messages.questions import GetPool, ListRecentTasks
from batchlab.core.model import ContainerRegistryReference, UserAccount
from batchlab.core.model.common import ENTRY_POINT
from batchlab.core.model.values import FailureInfo, RecentTask, ResizeError
from batchlab.core.state.states import NODE
from batchlab.rest import inherited
from batchlab.rest.defaults import DEFAULTS, SILENT
from batchlab.rest.errors import failure_content
from batchlab.rest.messages import RestCall, Wire
from batchlab.rest.unknown_properties import merge
from batchlab.rest.wire import (
    camel,
    write_datetime,
    write_duration,
    write_pairs,
)
from batchlab.version import __version__

__all__ = [
    "job",
    "names",
    "node",
    "node_writer",
    "pool",
    "preparation",
    "schedule",
    "subtask",
    "task",
    "write",
]

_AWAY = NODE.group("away")
_AWAY_SINCE = "2024-07"
"""The first version with these states; to clients of older ones, such nodes are offline."""
_UNCERTIFIED = "2025-06"
"""The first version without certificates."""


class Shape(NamedTuple):
    """How a class on the wire differs from its fields: nested objects and hidden fields."""

    inner: Mapping[str, tuple[str, ...]] = {}
    hidden: frozenset[str] = frozenset()


_RUN = ("start_time", "end_time", "exit_code", "container_info", "failure_info", "result")
_PLACE = ("node_id", "pool_id", "task_root_directory")
SHAPES: dict[type, Shape] = {
    views.PoolView: Shape(hidden=frozenset({"node_counts"})),
    views.NodeView: Shape(
        hidden=frozenset({"pool_id", "task_slots", "machine", "usage", "running_tasks", "errors"})
    ),
    views.JobView: Shape(
        {
            "executionInfo": (
                "start_time",
                "end_time",
                "pool_id",
                "scheduling_error",
                "terminate_reason",
            )
        },
        frozenset({"task_counts"}),
    ),
    views.JobScheduleView: Shape(
        {"executionInfo": ("next_run_time", "end_time")}, frozenset({"recent_job_id"})
    ),
    views.TaskView: Shape(
        {
            "executionInfo": (
                *_RUN,
                "retry_count",
                "last_retry_time",
                "requeue_count",
                "last_requeue_time",
            ),
            "nodeInfo": _PLACE,
        },
        frozenset({"job_id"}),
    ),
    views.SubtaskView: Shape({"nodeInfo": _PLACE}),
    views.ApplicationView: Shape(hidden=frozenset({"allow_updates", "default_version"})),
    UserAccount: Shape(hidden=frozenset({"password"})),
    ContainerRegistryReference: Shape(hidden=frozenset({"password"})),
    AutoScaleRunError: Shape(hidden=frozenset({"line", "column", "excerpt", "hint"})),
}
_SHOWN: dict[type, tuple[str, ...]] = {AutoScaleRun: ("timestamp", "results", "error")}
_SPELT = {
    "tasksuccess": "TaskSuccess",
    "taskfailure": "TaskFailure",
    "taskcompletion": "TaskCompletion",
    "spread": "Spread",
    "pack": "Pack",
    "taskworkingdirectory": "taskWorkingDirectory",
    "containerimagedefault": "containerImageDefault",
    "dockercompatible": "dockerCompatible",
    "cricompatible": "criCompatible",
    "shared": "Shared",
    "startup": "Startup",
    "vfsmounts": "VfsMounts",
    "task": "Task",
    "jobprep": "JobPrep",
    "applications": "Applications",
}
"""Values that the service returns in its own spelling."""
_SPELT_FIELDS = frozenset(
    {"upload_condition", "node_fill_type", "working_directory", "type", "source"}
)
_EXTRA = frozenset({"url", "stats", "odata.metadata"})
_KNOWN: dict[type, str] = {
    views.PoolView: "networkConfiguration mountConfiguration identity "
    "upgradePolicy targetNodeCommunicationMode currentNodeCommunicationMode resourceTags",
    views.NodeView: "errors recentTasks endpointConfiguration nodeAgentInfo virtualMachineInfo "
    "ipv6Address",
    views.JobView: "networkConfiguration",
    views.JobScheduleView: "",
    views.TaskView: "authenticationTokenSettings",
    views.PreparationView: "nodeUrl",
}
"""Properties that a client may name although a lab never has them."""


class Field(NamedTuple):
    """One step of a plan."""

    name: str
    inner: str
    wire: str
    default: Any
    silent: Any
    spelt: bool


@cache
def _plan(cls: type[msgspec.Struct]) -> tuple[Field, ...]:
    shape = SHAPES.get(cls, Shape())
    parents = {name: inner for inner, names in shape.inner.items() for name in names}
    return tuple(
        Field(name, parents.get(name, ""), camel(name), DEFAULTS.get((cls, name)),
              SILENT.get((cls, name)), name in _SPELT_FIELDS)
        for name in _SHOWN.get(cls, cls.__struct_fields__)
        if name not in shape.hidden
    )  # fmt: skip


@cache
def names(cls: type[msgspec.Struct]) -> frozenset[str]:
    """The properties of a class on the wire, for ``$select`` and ``$filter``."""
    found = {field.inner or field.wire for field in _plan(cls)}
    return frozenset(found | _EXTRA | set(_KNOWN.get(cls, "").split()))


def write(value: Any) -> Any:
    """A view, or a part of one, as it is on the wire."""
    writer = _WRITERS.get(type(value))
    if writer is not None:
        return writer(value)
    if isinstance(value, msgspec.Struct):
        return _write_struct(value)
    return value


def _write_struct(struct: msgspec.Struct) -> Wire:
    found: Wire = {}
    for name, inner, wire, default, silent, spelt in _plan(type(struct)):
        value = getattr(struct, name)
        if value is None:
            value = default
        if value is None or value in ((), {}) or value == silent:
            continue
        written = _SPELT[value] if spelt else write(value)
        if inner:
            found.setdefault(inner, {})[wire] = written
        else:
            found[wire] = written
    return found


_WRITERS: dict[type, Callable[[Any], Any]] = {
    str: lambda value: "" if value == ENTRY_POINT else value,
    int: lambda value: value,
    bool: lambda value: value,
    datetime: write_datetime,
    timedelta: write_duration,
    dict: write_pairs,
    tuple: lambda values: [write(value) for value in values],
    FailureInfo: failure_content,
    ResizeError: failure_content,
}


# -- with addresses -----------------------------------------------------------------------------


def pool(call: RestCall, view: views.PoolView) -> Wire:
    """A pool."""
    found = _write_struct(view) | {"url": call.url("pools", view.id)}
    call.unknown_properties.add_to(("pool", view.id), view.creation_time, found)
    merge(found, inherited.of_pool(call, view))
    return found


def node_writer(call: RestCall, pool_id: str) -> Callable[[RestCall, views.NodeView], Wire]:
    """The writer of a pool's nodes: each shows the pool's image, and its own last tasks."""
    pool_view = call.ask(GetPool(pool_id=pool_id))
    machine = pool(call, pool_view).get("virtualMachineConfiguration", {})
    image = machine.get("imageReference")
    about = {}
    if image:
        about["imageReference"] = image | {"exactVersion": image.get("version", "latest")}

    recent = call.ask(ListRecentTasks(pool_id=pool_id))

    def write_node(call: RestCall, view: views.NodeView) -> Wire:
        found = node(call, view) | {"virtualMachineInfo": about}
        ended = [_recent(call, one) for one in recent.get(view.id, ())]
        if ended:
            found["recentTasks"] = ended + found.get("recentTasks", [])
        return found

    return write_node


def _recent(call: RestCall, task: RecentTask) -> Wire:
    about = _write_struct(task)
    job_id, task_id = about.pop("jobId"), about.pop("taskId")
    return _running(call, job_id, task_id) | {"taskState": "completed", "executionInfo": about}


def _running(call: RestCall, job_id: str, task_id: str) -> Wire:
    url = call.url("jobs", job_id, "tasks", task_id)
    return {"taskUrl": url, "jobId": job_id, "taskId": task_id, "taskState": "running"}


def node(call: RestCall, view: views.NodeView) -> Wire:
    """A node, without the image of its pool and the tasks that have ended."""
    found = _write_struct(view) | {"url": call.url("pools", view.pool_id, "nodes", view.id)}
    if view.state in _AWAY and call.version < (_AWAY_SINCE,):
        found["state"] = "offline"
    if view.last_boot_time:
        found["nodeAgentInfo"] = {
            "version": __version__,
            "lastUpdateTime": write_datetime(view.last_boot_time),
        }
        if call.version < (_UNCERTIFIED,):
            found.setdefault("certificateReferences", [])
    else:  # its agent has not counted anything yet
        for name in ("totalTasksSucceeded", "runningTasksCount", "runningTaskSlotsCount"):
            del found[name]
    if view.ip_address:
        login = {"name": "SSHRule.0", "protocol": "tcp", "publicIPAddress": view.ip_address,
                 "frontendPort": PORT, "backendPort": PORT}  # fmt: skip
        found["endpointConfiguration"] = {"inboundEndpoints": [login]}
    if view.start_task_info:
        del found["startTaskInfo"]["taskRootDirectory"]
    if view.errors:
        found["errors"] = [failure_content(error) for error in view.errors]
    if view.running_tasks:
        found["recentTasks"] = [_running(call, *ids) for ids in view.running_tasks]
    return found


def job(call: RestCall, view: views.JobView) -> Wire:
    """A job."""
    found = _write_struct(view) | {"url": call.url("jobs", view.id)}
    if not view.pool_id:
        del found["executionInfo"]["poolId"]
    call.unknown_properties.add_to(("job", view.id), view.creation_time, found)
    merge(found, inherited.of_job(call, view))
    return found


def schedule(call: RestCall, view: views.JobScheduleView) -> Wire:
    """A job schedule."""
    found = _write_struct(view) | {"url": call.url("jobschedules", view.id)}
    found["jobSpecification"].pop("id", None)
    about = found.setdefault("executionInfo", {})
    if view.recent_job_id:
        about["recentJob"] = {
            "id": view.recent_job_id,
            "url": call.url("jobs", view.recent_job_id),
        }
    return call.unknown_properties.add_to(("jobschedule", view.id), view.creation_time, found)


def task(call: RestCall, view: views.TaskView) -> Wire:
    """A task."""
    found = _write_struct(view) | {"url": call.url("jobs", view.job_id, "tasks", view.id)}
    if view.node_id is not None:
        _add_place(call, found["nodeInfo"])
    elif view.state == "completed":
        found["nodeInfo"] = {}
    return call.unknown_properties.add_to(
        ("job", view.job_id, "task", view.id), view.creation_time, found
    )


def subtask(call: RestCall, view: views.SubtaskView) -> Wire:
    """A subtask of a multi-instance task."""
    found = _write_struct(view)
    _add_place(call, found["nodeInfo"])
    return found


def preparation(call: RestCall, view: views.PreparationView) -> Wire:
    """A row of the preparation and release status."""
    found = _write_struct(view)
    found["nodeUrl"] = call.url("pools", view.pool_id, "nodes", view.node_id)
    for name in ("jobPreparationTaskExecutionInfo", "jobReleaseTaskExecutionInfo"):
        about = found.get(name)
        if about and name == "jobReleaseTaskExecutionInfo":
            del about["retryCount"]  # a release task is not retried
        if about and about.get("taskRootDirectory"):
            about["taskRootDirectoryUrl"] = call.url(
                "pools", view.pool_id, "nodes", view.node_id, "files", about["taskRootDirectory"]
            )
    return found


def _add_place(call: RestCall, about: Wire) -> None:
    where = ("pools", about["poolId"], "nodes", about["nodeId"])
    about["affinityId"] = f"TVM:{about['nodeId']}"
    about["nodeUrl"] = call.url(*where)
    if "taskRootDirectory" in about:
        about["taskRootDirectoryUrl"] = call.url(*where, "files", about["taskRootDirectory"])
