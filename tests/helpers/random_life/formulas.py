"""Pools that follow a formula in a random life, and nodes that say what they use."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import strategies as st
from hypothesis.stateful import rule

from batchlab.core.messages import facts, inputs
from batchlab.core.model.values import NodeUsage
from helpers.random_life.applications import WithApplications
from helpers.random_life.strategies import POOLS, WHICH

FORMULAS = st.sampled_from(
    [
        None,
        "$TargetDedicatedNodes = 2;",
        (
            "n = $PendingTasks.Count() < 1 ? 0 : $PendingTasks.GetSample(1);"
            "$TargetDedicatedNodes = min(2, n); $NodeDeallocationOption = taskcompletion;"
        ),
        "$TargetLowPriorityNodes = time().minute / 20; $NodeDeallocationOption = terminate;",
        "$TargetDedicatedNodes = $CPUPercent > 50 ? 3 : 1;",
        "$TargetDedicatedNodes = 1 / 0;",
    ]
)
INTERVALS = st.none() | st.just(timedelta(minutes=5))


class WithFormulas(WithApplications):
    """Autoscale, turned on and off; all pools have stopped following when a life ends."""

    @rule(pool=POOLS, formula=FORMULAS, interval=INTERVALS)
    def follow(self, pool: str, formula: str | None, interval: timedelta | None) -> None:
        self.feed(
            inputs.EnableAutoScale(
                pool_id=pool, auto_scale_formula=formula, auto_scale_evaluation_interval=interval
            )
        )

    @rule(pool=POOLS)
    def follow_no_more(self, pool: str) -> None:
        self.feed(inputs.DisableAutoScale(pool_id=pool))

    @rule(pool=POOLS)
    def measure_pool(self, pool: str) -> None:
        self.feed(inputs.MeasurePool(pool_id=pool))

    @rule(which=WHICH, used=st.floats(0, 100))
    def measured(self, which: int, used: float) -> None:
        usage = NodeUsage(cpu_percent=used, disk_read_bytes=used)
        self.feed(facts.NodesMeasured(usages={self.some_node(which)[1]: usage}))

    @property
    def follows(self) -> bool:
        return any(pool.auto_scale is not None for pool in self.core.state.pools.values())

    def drain(self) -> None:
        """Samples and evaluations would go on for ever: nobody follows a formula any more."""
        for pool in list(self.core.state.pools.values()):
            if pool.auto_scale is not None and pool.phase.state == "active":
                self.feed(inputs.DisableAutoScale(pool_id=pool.spec.id))
        super().drain()
