"""Autoscale: a formula is evaluated over the pool's samples, and the pool is resized.

As in Azure, a formula sees a sample (`metrics`) only some time after it was taken: half a minute,
unless `Settings.sample_delay_s` says otherwise. The first evaluation happens immediately, the
others after each interval; changing the interval restarts it. Only a changed target starts a
resize. While the pool is still resizing, the result is only recorded, and the next evaluation
decides. A failed evaluation leaves the pool as it is.

Task counters do not include start, preparation and release tasks, so a formula may remove a node
before its release task has run.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import msgspec

from batchlab.autoscale import AutoScaleRun, Formula, Outcome
from batchlab.core.messages import inputs
from batchlab.core.model import PoolSpec
from batchlab.core.model.moments import moment
from batchlab.core.model.pools import EVALUATION_INTERVAL, LARGEST_TARGET, RESIZE_TIMEOUT
from batchlab.core.pools import metrics, resizing
from batchlab.core.state import phases
from batchlab.core.state.books import AutoScaleRecord
from batchlab.core.state.records import PoolRecord
from batchlab.errors import Conflict, InvalidRequest, ServerBusy

if TYPE_CHECKING:
    from batchlab.core.state.state import State

RUNS_KEPT = 1000
THROTTLE_S = 30.0


# -- requests -----------------------------------------------------------------------------------


def read_formula(spec: PoolSpec) -> Formula | None:
    """The formula of a pool to be created; refuses one with a syntax error."""
    return Formula(spec.auto_scale_formula) if spec.auto_scale_formula is not None else None


def begin(state: State, pool: PoolRecord, formula: Formula, interval: timedelta) -> None:
    """Turn autoscale on with this formula, or change the formula."""
    former = pool.auto_scale
    record = AutoScaleRecord(
        formula=formula,
        interval=interval,
        enabled=state.now,
        samples=former.samples if former else {},
        runs=former.runs if former else [],
    )
    pool.auto_scale = record
    metrics.sample(state, pool, record)
    _evaluate(state, pool, record)


def enable_auto_scale(state: State, request: inputs.EnableAutoScale) -> None:
    """Turn autoscale on, or change its formula or interval."""
    pool = state.pool(request.pool_id)
    former = pool.auto_scale
    formula = former.formula if former else None
    if request.auto_scale_formula is not None:
        formula = Formula(request.auto_scale_formula)
    if formula is None:
        raise InvalidRequest(
            "MissingRequiredProperty",
            f"pool {pool.spec.id!r} has no formula yet: pass auto_scale_formula=...",
            {"PropertyName": "auto_scale_formula"},
        )
    interval = request.auto_scale_evaluation_interval
    resizing.refuse_resizing(pool)
    if former and state.now < former.enabled + THROTTLE_S:
        raise ServerBusy(
            "TooManyEnableAutoScaleRequests",
            f"autoscale of pool {pool.spec.id!r} was enabled less than 30 s ago: wait, or test "
            "the formula with evaluate_auto_scale",
        )
    kept = former.interval if former else EVALUATION_INTERVAL
    begin(state, pool, formula, interval or kept)


def disable_auto_scale(state: State, request: inputs.DisableAutoScale) -> None:
    """Turn autoscale off: the pool keeps its targets, and a resize in progress is stopped."""
    pool = state.pool(request.pool_id)
    resizing.refuse_deleting(pool)
    if pool.auto_scale is None:
        raise Conflict(
            "OperationInvalidForCurrentState",
            f"autoscale of pool {pool.spec.id!r} is not enabled",
        )
    pool.auto_scale = None
    if isinstance(pool.allocation, phases.Resizing):
        resizing.stop(state, pool, "autoscale disabled")


def evaluate(state: State, pool: PoolRecord, text: str, now: float) -> AutoScaleRun:
    """Evaluate a formula without changing anything."""
    run = _decide(state, pool, pool.auto_scale, Formula(text), now)
    return msgspec.structs.replace(run, outcome="tried")


# -- time ---------------------------------------------------------------------------------------


def _evaluate(state: State, pool: PoolRecord, record: AutoScaleRecord) -> None:
    if pool.auto_scale is not record or state.pools.get(pool.key) is not pool:
        return
    if isinstance(pool.phase, phases.PoolDeleting):
        return
    state.deadlines.at(state.now + record.interval.total_seconds(), _evaluate, state, pool, record)
    run = _decide(state, pool, record, record.formula, state.now)
    outcome = _outcome(pool, run)
    run = msgspec.structs.replace(run, outcome=outcome)
    record.runs.append(run)
    del record.runs[:-RUNS_KEPT]
    state.tell_auto_scale(pool, run)
    if outcome == "resized":
        option: Any = run.node_deallocation_option
        timeout = RESIZE_TIMEOUT if state.settings.rules >= 3 else None
        resizing.resize(state, pool, *_targets(run), timeout, option)


def _decide(
    state: State, pool: PoolRecord, record: AutoScaleRecord | None, formula: Formula, now: float
) -> AutoScaleRun:
    seen_until = moment(now - state.settings.sample_delay_s)
    samples = record.samples if record else {}
    return formula.evaluate(
        # Variables without a sample yet are omitted; the target stands in for counts of nodes.
        {name: seen for name, seen in samples.items() if seen.times[0] <= seen_until},
        now=moment(now),
        seen_until=seen_until,
        current_dedicated=pool.target,
        current_low_priority=pool.target_spot,
        earlier_rules=state.settings.rules < 2,
    )


def _outcome(pool: PoolRecord, run: AutoScaleRun) -> Outcome:
    if run.error is not None:
        return "failed"
    if _targets(run) == (pool.target, pool.target_spot):
        return "unchanged"
    return "resized" if isinstance(pool.allocation, phases.Steady) else "resizing"


def _targets(run: AutoScaleRun) -> tuple[int, int]:
    return (
        min(run.target_dedicated_nodes, LARGEST_TARGET),
        min(run.target_low_priority_nodes, LARGEST_TARGET),
    )
