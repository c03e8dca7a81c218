"""The samples for autoscale formulas: of every variable, every 30 s while autoscale is on.

The core itself counts tasks and nodes. Nodes measure their usage: with each sample the nodes that
are up are asked to measure, and their answers are part of the next sample, 30 s later. As in
Azure, the value of such a variable is the mean over the nodes that answered. Counts of bytes and
operations are since the previous sample; seconds are those that runs took.

Task counters do not include start, preparation and release tasks, but measured usage does.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from msgspec.structs import astuple

from batchlab.autoscale import SAMPLE_PERIOD, SampleHistory
from batchlab.core.messages import facts, inputs
from batchlab.core.messages.outputs import MeasureNodes
from batchlab.core.model.moments import moment
from batchlab.core.model.values import NodeUsage
from batchlab.core.pools import resizing
from batchlab.core.state import phases
from batchlab.core.state.books import AutoScaleRecord
from batchlab.core.state.records import JobRecord, PoolRecord
from batchlab.core.state.states import NODE

if TYPE_CHECKING:
    from batchlab.core.state.state import State

PERIOD_S = SAMPLE_PERIOD.total_seconds()
KEPT = timedelta(days=8)
"""How long samples are kept: longer than the longest interval, 168 hours."""
RESOURCES = {
    "$CPUPercent": "cpu_percent",
    "$WallClockSeconds": "wall_clock_seconds",
    "$MemoryBytes": "memory_megabytes",
    "$DiskBytes": "disk_gigabytes",
    "$DiskReadBytes": "disk_read_bytes",
    "$DiskWriteBytes": "disk_write_bytes",
    "$DiskReadOps": "disk_read_ops",
    "$DiskWriteOps": "disk_write_ops",
    "$NetworkInBytes": "network_in_bytes",
    "$NetworkOutBytes": "network_out_bytes",
}
"""The property of `NodeUsage` behind each variable that nodes measure."""
_VARIABLES = {field: name for name, field in RESOURCES.items()}
_TOLD = [_VARIABLES[field] for field in NodeUsage.__struct_fields__]
"""The variable of each column of a table with one row per usage."""


def sample(state: State, pool: PoolRecord, record: AutoScaleRecord) -> None:
    """Take a sample now, and then every 30 s while this formula is active."""
    if pool.auto_scale is not record or state.pools.get(pool.key) is not pool:
        return
    now = moment(state.now)
    samples = record.samples
    forget = None
    for name, value in measure(state, pool).items():
        history = samples.get(name)
        if history is None:
            history = samples[name] = SampleHistory(name=name)
        times = history.times
        if not times or times[-1] < now:
            times.append(now)
            history.values.append(value)
            if forget is None:
                forget = now - times[0] > KEPT + timedelta(hours=1)
            if forget:
                history.forget(now - KEPT)
    if state.settings.sample_nodes:
        _tell_to_measure(state, pool)
    state.deadlines.at(state.now + PERIOD_S, sample, state, pool, record)


def measure(state: State, pool: PoolRecord) -> dict[str, float]:
    """The current value of each variable that has one."""
    jobs = list(state.jobs_on.get(pool.key, {}).values())
    active = float(sum([_ready(job) for job in jobs]))
    running = float(sum([job.running for job in jobs]))
    had = dedicated = 0
    states: list[str] = []
    usages: list[NodeUsage] = []
    for node in pool.nodes.values():
        if node.allocated is None:
            continue
        had += 1
        dedicated += node.dedicated
        states.append(node.phase.state)
        if node.unsampled and node.usage is not None:
            node.unsampled = False
            usages.append(node.usage)
    values = {
        "$ActiveTasks": active,
        "$RunningTasks": running,
        "$PendingTasks": active + running,
        "$SucceededTasks": float(sum([job.succeeded for job in jobs])),
        "$FailedTasks": float(sum([job.failed for job in jobs])),
        "$TaskSlotsPerNode": float(pool.spec.task_slots_per_node),
        "$CurrentDedicatedNodes": float(dedicated),
        "$CurrentLowPriorityNodes": float(had - dedicated),
        "$PreemptedNodeCount": float(states.count("preempted")),
        "$UsableNodeCount": float(sum(map(states.count, NODE.group("taking")))),
        "$SampleNodeCount": float(len(usages)),
    }
    if usages:
        for name, told in zip(_TOLD, zip(*map(astuple, usages), strict=True), strict=True):
            try:
                values[name] = sum(told) / len(told)
            except TypeError:  # some nodes do not report it
                some = [value for value in told if value is not None]
                if some:
                    values[name] = sum(some) / len(some)
    return values


def _ready(job: JobRecord) -> int:
    """Queued tasks that could run: without those that wait for others or whose job has ended.

    A multi-instance task counts as many times as it has instances.
    """
    if not job.active or job.phase.state not in ("active", "enabling"):
        return 0
    more = sum(
        -slots - 1
        for slots, queue in job.queue.items()
        if slots < 0  # the queue of tasks with this number of instances
        for _, task, phase in queue
        if task.phase is phase
    )
    if not job.spec.uses_task_dependencies:
        return job.active + more
    waiting = sum(
        task.unmet > 0 for task in job.tasks.values() if isinstance(task.phase, phases.TaskActive)
    )
    return job.active - waiting + more


# -- what nodes use -----------------------------------------------------------------------------


def measure_pool(state: State, request: inputs.MeasurePool) -> None:
    """Ask the nodes of a pool to measure now."""
    pool = state.pool(request.pool_id)
    resizing.refuse_deleting(pool)
    _tell_to_measure(state, pool)


def _tell_to_measure(state: State, pool: PoolRecord) -> None:
    node_ids = tuple([node.id for node in pool.nodes.values() if node.up])
    if node_ids:
        state.command(MeasureNodes(node_ids=node_ids))


def nodes_measured(state: State, report: facts.NodesMeasured) -> None:
    """Record the usage that nodes report."""
    known = False
    for node_id, usage in report.usages.items():
        node = state.nodes.get(node_id)
        if node is not None and node.up:
            known = True
            # Counts are summed until a sample includes them.
            node.usage = _added(node.usage, usage) if node.unsampled and node.usage else usage
            node.unsampled = node.pool.auto_scale is not None
    state.dropped += not known


def _added(before: NodeUsage, usage: NodeUsage) -> NodeUsage:
    """Combine two measurements: the sum of their counts, and the newer state."""
    values = {name: getattr(usage, name) for name in usage.__struct_fields__}
    for name in _COUNTS:
        earlier = getattr(before, name)
        if earlier is not None and values[name] is not None:
            values[name] += earlier
    return NodeUsage(**values)


_COUNTS = ("wall_clock_seconds", "disk_read_bytes", "disk_write_bytes", "disk_read_ops",
           "disk_write_ops", "network_in_bytes", "network_out_bytes")  # fmt: skip
