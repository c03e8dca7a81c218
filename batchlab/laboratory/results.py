"""Results of a simulation: nodes and tasks over time, waits, hours, cost.

A task that is still waiting at the end counts with the time it has waited so far, so that a
formula that starts nothing does not look fast. A node costs money from when it gets a machine
until it is gone; it is idle while it could run tasks but has none.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from statistics import fmean
from typing import Any

from batchlab.autoscale.results import AutoScaleRun
from batchlab.core.messages.views import CostView
from batchlab.core.model.ranges import is_number
from batchlab.display import Displayed
from batchlab.errors import invalid
from batchlab.extras import pandas
from batchlab.handles.auto_scaling import AutoScaleHistory
from batchlab.handles.costs import Cost
from batchlab.percentiles import percentile
from batchlab.words import span_text

__all__ = ["COLUMNS", "Simulation", "spark"]

COLUMNS = (
    "seconds",
    "dedicated_nodes",
    "spot_nodes",
    "target_dedicated_nodes",
    "target_low_priority_nodes",
    "idle_nodes",
    "running_nodes",
    "waiting_tasks",
    "running_tasks",
)
"""The values recorded each minute."""
_BLOCKS = " ▁▂▃▄▅▆▇█"


class Simulation(Displayed):
    """What a formula did in a simulated period.

    Attributes
    ----------
    formula, arrivals, vm_size : str
        The formula and its conditions.
    task_slots_per_node : int
    boot : timedelta
        How long a node took to start.
    sample_delay : timedelta
        How old a sample was when the formula first saw it.
    days : float
    seed : int
    begin : datetime
        When virtual time started.
    timeline : dict of list
        Values of each minute: `seconds` since the start, `dedicated_nodes`, `spot_nodes`,
        their targets, `idle_nodes`, `running_nodes`, `waiting_tasks`, `running_tasks`.
    waits : list of float
        How long each task waited for its first start, in seconds, shortest first.
    task_count, succeeded_count, failed_count, never_started_count : int
    requeue_count : int
        How often scaling down stopped a running task, which then had to start again.
    preempted_count : int
        How often a task was lost because its spot node was preempted.
    evaluation_count, failed_evaluation_count : int
    runs : list of AutoScaleRun
        The last 1000 evaluations; each has a method `explain`.
    cost : Cost
        What the nodes did and what they would have cost.
    """

    def __init__(
        self, *, formula: str, arrivals: str, vm_size: str, task_slots_per_node: int,
        boot: timedelta, sample_delay: timedelta, days: float, seed: int,
        begin: datetime, timeline: dict[str, list[float]], waits: list[float], task_count: int,
        succeeded_count: int, failed_count: int, never_started_count: int, requeue_count: int,
        preempted_count: int, evaluation_count: int, failed_evaluation_count: int,
        bill: Sequence[CostView], runs: Sequence[AutoScaleRun],
    ) -> None:  # fmt: skip
        self.formula = formula
        self.arrivals = arrivals
        self.vm_size = vm_size
        self.task_slots_per_node = task_slots_per_node
        self.boot = boot
        self.sample_delay = sample_delay
        self.days = days
        self.seed = seed
        self.begin = begin
        self.timeline = timeline
        self.waits = waits
        self.task_count = task_count
        self.succeeded_count = succeeded_count
        self.failed_count = failed_count
        self.never_started_count = never_started_count
        self.requeue_count = requeue_count
        self.preempted_count = preempted_count
        self.evaluation_count = evaluation_count
        self.failed_evaluation_count = failed_evaluation_count
        self.cost = Cost(bill)
        self.runs = AutoScaleHistory(runs)

    # -- numbers ---------------------------------------------------------------------------------

    @property
    def unfinished_count(self) -> int:
        """How many tasks were still running at the end."""
        ended = self.succeeded_count + self.failed_count
        return self.task_count - ended - self.never_started_count

    @property
    def node_hours(self) -> float:
        """Hours for which machines existed, whatever they did."""
        return self.cost.node_hours

    @property
    def idle_hours(self) -> float:
        """Hours in which a node could have run tasks but had none."""
        return self.cost.idle_hours

    @property
    def idle_share(self) -> float:
        """The idle fraction of all node-hours, 0 to 1."""
        return self.idle_hours / self.node_hours if self.node_hours else 0.0

    @property
    def most_nodes(self) -> int:
        """The largest number of nodes at a time."""
        return int(max(self.nodes, default=0))

    @property
    def mean_nodes(self) -> float:
        """The mean number of nodes over the whole time."""
        return self.node_hours / (24 * self.days)

    @property
    def nodes(self) -> list[float]:
        """Dedicated and spot nodes together, each minute."""
        pairs = zip(self.timeline["dedicated_nodes"], self.timeline["spot_nodes"], strict=True)
        return [dedicated + spot for dedicated, spot in pairs]

    def wait_percentile(self, percent: float) -> timedelta:
        """The longest wait among this percentage of tasks (0 to 100); zero without tasks."""
        if not is_number(percent) or not 0 <= percent <= 100:
            raise invalid("percent", percent, "must be a number from 0 to 100",
                          owner="Simulation.wait_percentile")  # fmt: skip
        return timedelta(seconds=round(percentile(self.waits, percent) or 0.0, 3))

    @property
    def mean_wait(self) -> timedelta:
        """How long a task waited on average."""
        return timedelta(seconds=round(fmean(self.waits), 3)) if self.waits else timedelta(0)

    def numbers(self) -> dict[str, Any]:
        """The figures by which formulas are compared, by name."""
        return {
            "node_hours": round(self.node_hours, 2),
            "idle_hours": round(self.idle_hours, 2),
            "cost": round(self.cost.cost, 2) if self.cost.is_priced else None,
            "most_nodes": self.most_nodes,
            "median_wait_s": self.wait_percentile(50).total_seconds(),
            "p95_wait_s": self.wait_percentile(95).total_seconds(),
            "longest_wait_s": self.wait_percentile(100).total_seconds(),
            "tasks": self.task_count,
            "completed": self.succeeded_count + self.failed_count,
            "never_started": self.never_started_count,
            "requeued": self.requeue_count,
            "preempted": self.preempted_count,
            "failed_evaluations": self.failed_evaluation_count,
        }

    # -- pictures --------------------------------------------------------------------------------

    def to_frame(self) -> Any:
        """The timeline as a pandas DataFrame, indexed by time.

        Raises
        ------
        NotInstalled
            pandas is not installed.
        """
        pd = pandas()
        frame = pd.DataFrame({name: self.timeline[name] for name in COLUMNS[1:]}).astype(int)
        seconds = pd.to_timedelta(self.timeline["seconds"], unit="s")
        frame.index = pd.DatetimeIndex(pd.Timestamp(self.begin) + seconds, name="time")
        return frame

    def figure(self) -> Any:
        """Nodes and tasks over time, as one plotly figure.

        Raises
        ------
        NotInstalled
            plotly is not installed.
        """
        from batchlab.laboratory.figures import simulation_figure  # noqa: PLC0415

        return simulation_figure(self)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Simulation):
            return NotImplemented
        mine, others = (
            {**vars(one), "cost": list(one.cost), "runs": [str(run) for run in one.runs]}
            for one in (self, other)
        )
        return mine == others

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        waits = [
            span_text(self.wait_percentile(percent).total_seconds()) for percent in (50, 95, 100)
        ]
        waiting = self.timeline["waiting_tasks"]
        days = f"{self.days:g} day{'s' * (self.days != 1)}"
        if self.days < 1:
            days = span_text(86400 * self.days)
        lines = [
            f"{days} of {self.arrivals} on {self.vm_size} nodes",
            f"nodes   {spark(self.nodes)}  most {self.most_nodes}, mean {self.mean_nodes:.1f}",
            f"waiting {spark(waiting)}  most {max(waiting, default=0):.0f} tasks",
            f"waits   median {waits[0]}, 95 % {waits[1]}, longest {waits[2]}",
            f"tasks   {self.task_count}: {self.succeeded_count} succeeded"
            + _some(self.failed_count, "failed")
            + _some(self.unfinished_count, "still running")
            + _some(self.never_started_count, "never started")
            + _some(self.requeue_count, "stopped by scaling down")
            + _some(self.preempted_count, "lost with spot nodes"),
            f"cost    {self.cost!r}",
        ]
        if self.failed_evaluation_count:
            lines.append(
                f"formula {self.failed_evaluation_count} of {self.evaluation_count} evaluations "
                "failed: see runs[...].explain()"
            )
        return "\n".join(lines)


def spark(values: Sequence[float], width: int = 48) -> str:
    """Draw values as a line of blocks; each shows the maximum of its part."""
    if not values:
        return ""
    parts = min(width, len(values))
    bounds = [len(values) * part // parts for part in range(parts + 1)]
    tops = [max(values[left:right]) for left, right in pairwise(bounds)]
    most = max(tops) or 1
    return "".join(_BLOCKS[int(-(-top * (len(_BLOCKS) - 1) // most))] for top in tops)


def _some(count: int, what: str) -> str:
    return f", {count} {what}" if count else ""
