"""Faults on buttons: things that can go wrong in a batch service, on request.

A lab can carry out each of them; the service decides which are possible at the moment. They are
real: a lab that is attached to a cluster really loses a worker.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import msgspec

from batchlab.core.messages.inputs import (
    CreateJob,
    CreateTasks,
    DeallocateNode,
    DisableNodeScheduling,
    EnableNodeScheduling,
    PreemptNode,
    RebootNode,
    ReimageNode,
    StartDeallocatedNode,
)
from batchlab.core.messages.questions import GetNode, GetPool, ListPools
from batchlab.core.messages.views import NodeView, PoolView
from batchlab.core.model import JobSpec, PoolInfo, TaskSpec
from batchlab.core.state.states import NODE
from batchlab.drivers.ports import Connection
from batchlab.errors import InvalidRequest, NotFound
from batchlab.words import plural

__all__ = ["FAULTS", "commit", "list_faults"]

FILL_S = 60
"""How long the tasks that fill a pool sleep."""


class Fault(msgspec.Struct, frozen=True):
    """One thing that can go wrong.

    `of` is what it applies to: ``node``, ``pool`` or ``lab``. `act` does it and describes what it
    did; `why_not` says why it cannot be done to a node, or is empty.
    """

    name: str
    of: str
    label: str
    about: str
    act: Callable[[Connection, dict[str, Any]], str]
    why_not: Callable[[NodeView], str] = lambda node: ""


def list_faults(connection: Connection, asked: dict[str, Any]) -> dict[str, Any]:
    """The faults for what is selected."""
    node: NodeView | None = None
    if "node" in asked:
        node = connection.ask(GetNode(pool_id=asked["pool"], node_id=asked["node"]))
    fitting = [
        fault
        for fault in FAULTS
        if fault.of == "lab"
        or (fault.of == "pool" and node is None)
        or (fault.of == "node" and node)
    ]
    title = f"on {node.id}" if node else "select a node for more"
    return {
        "title": title,
        "faults": [
            {
                "name": fault.name,
                "label": fault.label,
                "about": fault.about,
                "why_not": fault.why_not(node) if node and fault.of == "node" else "",
            }
            for fault in fitting
        ],
    }


def commit(connection: Connection, asked: dict[str, Any]) -> dict[str, Any]:
    """Carry out a fault and describe what was done; raises `BatchError`."""
    fault = next((fault for fault in FAULTS if fault.name == asked["name"]), None)
    if fault is None:
        raise InvalidRequest("InvalidRequestBody", f"there is no fault {asked['name']!r}")
    return {"text": fault.act(connection, asked)}


def _lose(connection: Connection, asked: dict[str, Any]) -> str:
    connection.lose_node(asked["pool"], asked["node"])
    return (
        f"Contact with {asked['node']} was cut. Its tasks are requeued, and it is restarted with "
        "the same id."
    )


def _reboot(connection: Connection, asked: dict[str, Any]) -> str:
    connection.request(RebootNode(pool_id=asked["pool"], node_id=asked["node"]))
    return f"{asked['node']} reboots: its tasks are requeued, its files stay."


def _reimage(connection: Connection, asked: dict[str, Any]) -> str:
    connection.request(ReimageNode(pool_id=asked["pool"], node_id=asked["node"]))
    return (
        f"{asked['node']} is reimaged: its files are deleted, and jobs are prepared there again."
    )


def _deallocate(connection: Connection, asked: dict[str, Any]) -> str:
    connection.request(DeallocateNode(pool_id=asked["pool"], node_id=asked["node"]))
    return (
        f"{asked['node']} is deallocated: its tasks are requeued, and it costs nothing until it "
        "is started."
    )


def _start(connection: Connection, asked: dict[str, Any]) -> str:
    connection.request(StartDeallocatedNode(pool_id=asked["pool"], node_id=asked["node"]))
    return f"{asked['node']} gets a machine again, and its start task runs."


def _preempt(connection: Connection, asked: dict[str, Any]) -> str:
    connection.request(PreemptNode(pool_id=asked["pool"], node_id=asked["node"]))
    return (
        f"{asked['node']} was preempted: the cloud needed the capacity. It will come back later."
    )


def _disable(connection: Connection, asked: dict[str, Any]) -> str:
    node = connection.ask(GetNode(pool_id=asked["pool"], node_id=asked["node"]))
    if node.scheduling_state == "disabled":
        connection.request(EnableNodeScheduling(pool_id=asked["pool"], node_id=asked["node"]))
        return f"{node.id} takes tasks again."
    connection.request(DisableNodeScheduling(pool_id=asked["pool"], node_id=asked["node"]))
    return f"{node.id} takes no more tasks; its tasks are requeued. Press again to enable it."


def _fail_start_task(connection: Connection, asked: dict[str, Any]) -> str:
    connection.fail_next("starttask")
    return "The next start task will fail. Reboot or add a node to see it."


def _fail_preparation(connection: Connection, asked: dict[str, Any]) -> str:
    connection.fail_next("jobpreparation")
    return "The next job preparation task will fail, on whichever node it runs."


def _fill(connection: Connection, asked: dict[str, Any]) -> str:
    pool = _pool(connection, asked)
    slots = max(1, sum(pool.node_counts.values())) * pool.task_slots_per_node
    job_id = f"filler-{uuid.uuid4().hex[:6]}"
    connection.request(CreateJob(spec=JobSpec(id=job_id, pool_info=PoolInfo(pool_id=pool.id),
                                              on_all_tasks_complete="noaction")))  # fmt: skip
    count = min(slots, 1000)
    specs = tuple(TaskSpec(id=f"fill{n}", command_line=f"sleep {FILL_S}") for n in range(count))
    connection.request(CreateTasks(job_id=job_id, specs=specs))
    return f"Job {job_id} has {plural(count, 'task')} sleeping {FILL_S} s: pool {pool.id} is full."


def _pool(connection: Connection, asked: dict[str, Any]) -> PoolView:
    if "pool" in asked:
        pool: PoolView = connection.ask(GetPool(pool_id=asked["pool"]))
        return pool
    pools: list[PoolView] = connection.ask(ListPools())
    if not pools:
        raise NotFound("PoolNotFound", "there is no pool to fill")
    return pools[-1]


def _must_be(group: str) -> Callable[[NodeView], str]:
    def why_not(node: NodeView) -> str:
        return (
            ""
            if node.state in NODE.group(group)
            else f"not possible while the node is {node.state}"
        )

    return why_not


def _must_be_spot(node: NodeView) -> str:
    return "only spot nodes can be preempted" if node.is_dedicated else ""


FAULTS = (
    Fault("lose", "node", "Lose contact", "as if its machine failed", _lose,
          _must_be("up")),
    Fault("preempt", "node", "Preempt", "the cloud takes a spot node back", _preempt,
          _must_be_spot),
    Fault("reboot", "node", "Reboot", "tasks are requeued, files stay", _reboot,
          _must_be("rebootable")),
    Fault("reimage", "node", "Reimage", "files are deleted, jobs are prepared again", _reimage,
          _must_be("rebootable")),
    Fault("deallocate", "node", "Deallocate", "no machine and no cost until it is started",
          _deallocate, _must_be("deallocatable")),
    Fault("start", "node", "Start", "a deallocated node gets a machine again", _start,
          lambda node: "" if node.state == "deallocated" else "it is not deallocated"),
    Fault("disable", "node", "Disable or enable", "whether it takes tasks", _disable,
          _must_be("serving")),
    Fault("fail-start", "lab", "Fail the next start task", "it ends with exit code 1",
          _fail_start_task),
    Fault("fail-preparation", "lab", "Fail the next preparation", "it ends with exit code 1",
          _fail_preparation),
    Fault("fill", "pool", "Fill the pool", f"a job that keeps every slot busy for {FILL_S} s",
          _fill),
)  # fmt: skip
"""All faults, in the order in which they are shown."""
