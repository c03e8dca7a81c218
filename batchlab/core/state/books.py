"""Records of what a pool has used, and of how its autoscale went."""

from __future__ import annotations

from datetime import timedelta

import msgspec

from batchlab.autoscale import AutoScaleRun, Formula, SampleHistory
from batchlab.core.state.base import Record
from batchlab.core.state.states import ACTIVITIES


class BillRecord(Record, eq=False, kw_only=True):
    """The bill for nodes of one VM size and kind: number of machines, seconds by activity."""

    machines: int = 0
    seconds: dict[str, float] = msgspec.field(
        default_factory=lambda: dict.fromkeys(ACTIVITIES, 0.0)
    )


class AutoScaleRecord(Record, eq=False, kw_only=True):
    """The autoscale of a pool: the formula, samples by variable, past evaluations."""

    formula: Formula
    interval: timedelta
    enabled: float
    samples: dict[str, SampleHistory]
    runs: list[AutoScaleRun]
