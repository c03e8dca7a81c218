"""Pools that follow a formula: samples are taken, the formula is evaluated, the pool is resized.

While autoscale is enabled, a sample of every variable is taken each 30 s of lab time. A formula
sees a sample a minute after it was taken, as in Azure, where the newest minute is missing. The
first evaluation comes at once, the next after each interval, which a change of the interval
begins anew. Only a changed target starts a resize; while the pool is still resizing the decision
is noted and waits for the next evaluation. A failed evaluation leaves the pool as it is.

Start, preparation and release tasks are in no task counter, so a formula may take a node away
before its release task has run.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from batchlab.autoscale import AutoScaleRun, Formula, SampleHistory
from batchlab.core import inputs, phases, pools
from batchlab.core.ids import fold
from batchlab.core.records import AutoScaleRecord, JobRecord, PoolRecord
from batchlab.core.specs import PoolSpec, check_interval
from batchlab.core.specs.pools import EVALUATION_INTERVAL
from batchlab.errors import Conflict, InvalidRequest, ServerBusy

if TYPE_CHECKING:
    from batchlab.core.machine import Core

PERIOD_S = 30.0
DELAY_S = 60.0
"""How old a sample is when a formula first sees it."""
KEPT = timedelta(days=8)
"""How long samples are kept: longer than the longest interval, 168 hours."""
RUNS_KEPT = 1000
THROTTLE_S = 30.0


# -- requests -----------------------------------------------------------------------------------


def read_formula(spec: PoolSpec) -> Formula | None:
    """The formula of a pool that is about to be created; refuses one that cannot be read."""
    return Formula(spec.auto_scale_formula) if spec.auto_scale_formula is not None else None


def begin(core: Core, pool: PoolRecord, formula: Formula, interval: timedelta) -> None:
    """Have a pool follow a formula from now on, or follow another one."""
    former = pool.auto_scale
    record = AutoScaleRecord(
        formula=formula,
        interval=interval,
        enabled=core.now,
        samples=former.samples if former else {},
        runs=former.runs if former else [],
    )
    pool.auto_scale = record
    _sample(core, pool, record)
    _evaluate(core, pool, record)


def enable_auto_scale(core: Core, request: inputs.EnableAutoScale) -> None:
    """Turn autoscale on, or change its formula or interval."""
    pool = core.pool(request.pool_id)
    former = pool.auto_scale
    formula = former.formula if former else None
    if request.auto_scale_formula is not None:
        formula = Formula(request.auto_scale_formula)
    if formula is None:
        raise InvalidRequest(
            "MissingRequiredProperty",
            f"pool {pool.spec.id!r} has no formula yet: give auto_scale_formula",
            {"PropertyName": "auto_scale_formula"},
        )
    interval = request.auto_scale_evaluation_interval
    if interval is not None:
        check_interval(interval, "enable_auto_scale")
    pools.refuse_resizing(pool)
    if former and core.now < former.enabled + THROTTLE_S:
        raise ServerBusy(
            "TooManyEnableAutoScaleRequests",
            f"autoscale of pool {pool.spec.id!r} was enabled less than 30 s ago: wait, or try the "
            "formula with evaluate_auto_scale",
        )
    kept = former.interval if former else EVALUATION_INTERVAL
    begin(core, pool, formula, interval or kept)


def disable_auto_scale(core: Core, request: inputs.DisableAutoScale) -> None:
    """Turn autoscale off: the pool keeps its targets, and a resize of the formula's is stopped."""
    pool = core.pool(request.pool_id)
    pools.refuse_deleting(pool)
    if pool.auto_scale is None:
        raise Conflict(
            "OperationInvalidForCurrentState",
            f"autoscale of pool {pool.spec.id!r} is not enabled",
        )
    pool.auto_scale = None
    if isinstance(pool.allocation, phases.Resizing):
        pools.stop(core, pool, "autoscale disabled")


def evaluate(pool: PoolRecord, text: str, now: float) -> AutoScaleRun:
    """What a formula would decide now; nothing changes."""
    formula = Formula(text)
    return _decide(pool, pool.auto_scale, formula, now)


# -- time ---------------------------------------------------------------------------------------


def _sample(core: Core, pool: PoolRecord, record: AutoScaleRecord) -> None:
    if pool.auto_scale is not record or core.pools.get(pool.key) is not pool:
        return
    moment = _moment(core.now)
    for name, value in measure(core, pool).items():
        history = record.samples.get(name)
        if history is None:
            history = record.samples[name] = SampleHistory(name=name)
        if not history.times or history.times[-1] < moment:
            history.add(moment, value)
            if moment - history.times[0] > KEPT + timedelta(hours=1):
                history.forget(moment - KEPT)
    core.deadlines.at(core.now + PERIOD_S, _sample, core, pool, record)


def measure(core: Core, pool: PoolRecord) -> dict[str, float]:
    """The present value of each variable that the service itself knows."""
    jobs = [job for job in core.jobs.values() if fold(job.pool_id) == pool.key]
    active = float(sum(_ready(job) for job in jobs))
    running = float(sum(job.running for job in jobs))
    had = [node for node in pool.nodes.values() if node.allocated is not None]
    states = [node.phase.state for node in had]
    usable = sum(state in ("idle", "running") for state in states)
    return {
        "$ActiveTasks": active,
        "$RunningTasks": running,
        "$PendingTasks": active + running,
        "$SucceededTasks": float(sum(job.succeeded for job in jobs)),
        "$FailedTasks": float(sum(job.failed for job in jobs)),
        "$TaskSlotsPerNode": float(pool.spec.task_slots_per_node),
        "$CurrentDedicatedNodes": float(sum(node.dedicated for node in had)),
        "$CurrentLowPriorityNodes": float(sum(not node.dedicated for node in had)),
        "$PreemptedNodeCount": float(states.count("preempted")),
        "$UsableNodeCount": float(usable),
        "$SampleNodeCount": float(usable),
    }


def _ready(job: JobRecord) -> int:
    """Queued tasks that could run: not those that wait for others, nor those of ended jobs."""
    if job.phase.state not in ("active", "enabling"):
        return 0
    if not job.spec.uses_task_dependencies:
        return job.active
    waiting = sum(
        task.unmet > 0 for task in job.tasks.values() if isinstance(task.phase, phases.TaskActive)
    )
    return job.active - waiting


def _evaluate(core: Core, pool: PoolRecord, record: AutoScaleRecord) -> None:
    if pool.auto_scale is not record or core.pools.get(pool.key) is not pool:
        return
    if isinstance(pool.phase, phases.PoolDeleting):
        return
    core.deadlines.at(core.now + record.interval.total_seconds(), _evaluate, core, pool, record)
    run = _decide(pool, record, record.formula, core.now)
    record.runs.append(run)
    del record.runs[:-RUNS_KEPT]
    core.tell_auto_scale(pool, run)
    if run.error is None:
        _follow(core, pool, run)


def _decide(
    pool: PoolRecord, record: AutoScaleRecord | None, formula: Formula, now: float
) -> AutoScaleRun:
    visible = _moment(now - DELAY_S)
    samples = record.samples if record else {}
    return formula.evaluate(
        {name: history.until(visible) for name, history in samples.items()},
        now=_moment(now),
        current_dedicated=pool.target,
        current_low_priority=pool.target_spot,
    )


def _follow(core: Core, pool: PoolRecord, run: AutoScaleRun) -> None:
    dedicated, spot = run.target_dedicated_nodes, run.target_low_priority_nodes
    changed = (dedicated, spot) != (pool.target, pool.target_spot)
    if changed and isinstance(pool.allocation, phases.Steady):
        option: Any = run.node_deallocation_option
        pools.resize(core, pool, min(dedicated, 100_000), min(spot, 100_000), None, option)


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
