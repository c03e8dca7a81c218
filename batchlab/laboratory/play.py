"""Simulates days of a pool that follows a formula, on the simulated driver.

The world is that of `SimulatedLab`: the same core, the same samples with the same delay, the same
resizes that take time. External events are in one heap: tasks as drawn by the
pattern, random preemptions of spot nodes, and a look at the pool each minute. Nothing depends on
the machine, so equal seeds give equal results.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from heapq import heapify, heappop, heappush
from itertools import groupby
from random import Random
from typing import Any

import msgspec

from batchlab.autoscale import Formula
from batchlab.core.machine import Core
from batchlab.core.messages.inputs import (
    CreateJob,
    CreatePool,
    CreateTasks,
    EnableAutoScale,
    PreemptNode,
)
from batchlab.core.messages.outputs import AutoScaleEvaluated, Change, NodeChanged, TaskChanged
from batchlab.core.messages.questions import GetCost, ListAutoScaleRuns
from batchlab.core.messages.views import CostView
from batchlab.core.model import JobSpec, PoolInfo, PoolSpec, TaskSpec, check_size
from batchlab.core.model.ranges import is_number, is_whole
from batchlab.core.pools.metrics import RESOURCES
from batchlab.core.state.settings import Settings
from batchlab.drivers.engine import Engine
from batchlab.drivers.simulated.connection import undisturbed
from batchlab.drivers.simulated.workload import Behavior, Workload
from batchlab.drivers.simulated.world import SimulatedWorld
from batchlab.durations import parse_duration
from batchlab.errors import BatchError, invalid
from batchlab.handles.verbs import Duration, verb
from batchlab.laboratory.arrivals import Arrivals, as_arrivals
from batchlab.laboratory.patterns import DAY_S, Arrival
from batchlab.laboratory.results import COLUMNS, Simulation

__all__ = ["MIDNIGHT", "Conditions", "play", "read_conditions", "simulate"]

MIDNIGHT = datetime(2026, 1, 5, tzinfo=UTC)
"""When simulations start: a Monday."""
LOOK_S = 60.0
MOST_DAYS = 31
_MEASURED = {*RESOURCES, "$SampleNodeCount"}


class Conditions(msgspec.Struct):
    """Everything about a simulation except the formula. Read by `read_conditions`."""

    arrivals: Arrivals
    spec: dict[str, Any]
    settings: Settings
    boot_s: float
    days: float
    seed: int
    preempted_each_s: float | None
    before: Before | None = None


class Before(msgspec.Struct, frozen=True):
    """What happens before the formula is enabled.

    For `seconds` before `begin` (in seconds since 1970) the pool has a fixed number of nodes while
    tasks already arrive: arrivals count from that time.
    """

    begin: float
    seconds: float
    dedicated: int
    spot: int


@verb
def simulate(
    formula: Formula | str,
    workload: Arrivals,
    *,
    vm_size: str = "small",
    task_slots_per_node: int = 1,
    auto_scale_evaluation_interval: Duration = None,
    boot: Duration = "90s",
    days: float = 1,
    seed: int = 0,
    preempted_each: Duration = None,
    spot_return: Duration = None,
    sample_delay: Duration = None,
) -> Simulation:
    """Simulate days of a pool with autoscale: what it would do and what it would cost.

    Parameters
    ----------
    formula : Formula or str
        See `batchlab.formulas` for some.
    workload : Arrivals, list or Path
        When tasks arrive: `Arrivals`, a list of moments as for `Arrivals.listed`, or the journal
        of a lab. Virtual time starts on a Monday at midnight UTC.
    vm_size : str, default "small"
    task_slots_per_node : int, default 1
    auto_scale_evaluation_interval : duration, default 15 minutes
        5 minutes to 168 hours.
    boot : duration, default "90s"
        How long a node takes to start.
    days : float, default 1
        How many days to simulate; 31 at most.
    seed : int, default 0
        Random seed; equal seeds give equal results.
    preempted_each : duration, optional
        The mean time until a spot node is preempted; never if omitted.
    spot_return : duration, default 5 minutes
        How long a preempted node stays away.
    sample_delay : duration, default 30 seconds
        How old a sample is when the formula first sees it.

    Returns
    -------
    Simulation

    Raises
    ------
    FormulaError
        ``AutoScalingFormulaSyntaxError``, ``AutoScalingFormulaTooLong``.
    InvalidRequest
        ``InvalidPropertyValue``: a setting is invalid.
    """
    conditions = read_conditions(
        workload, "simulate", vm_size=vm_size, task_slots_per_node=task_slots_per_node,
        auto_scale_evaluation_interval=auto_scale_evaluation_interval, boot=boot, days=days,
        seed=seed, preempted_each=preempted_each, spot_return=spot_return,
        sample_delay=sample_delay,
    )  # fmt: skip
    return play(as_formula(formula, "simulate").text, conditions)


def as_formula(formula: Any, owner: str) -> Formula:
    """A valid formula."""
    if isinstance(formula, Formula):
        return formula
    if isinstance(formula, str):
        return Formula(formula)
    raise invalid("formula", formula, "must be a Formula or text", owner=owner)


def read_conditions(
    workload: Any, owner: str, *, vm_size: Any, task_slots_per_node: Any,
    auto_scale_evaluation_interval: Any, boot: Any, days: Any, seed: Any, preempted_each: Any,
    spot_return: Any, sample_delay: Any,
) -> Conditions:  # fmt: skip
    """Check all settings of a simulation."""
    spec: dict[str, Any] = {"vm_size": vm_size, "task_slots_per_node": task_slots_per_node}
    if auto_scale_evaluation_interval is not None:
        spec["auto_scale_evaluation_interval"] = auto_scale_evaluation_interval
    pool = PoolSpec(enable_auto_scale=True, auto_scale_formula="", **spec)
    check_size(pool.vm_size, owner)
    if not is_number(days) or not 0 < days <= MOST_DAYS:
        raise invalid("days", days, f"must be greater than 0 and at most {MOST_DAYS}", owner=owner)
    if not is_whole(seed):
        raise invalid("seed", seed, "must be a whole number", owner=owner)
    spans = {
        name: parse_duration(span, name=name, owner=owner).total_seconds()
        for name, span in (
            ("boot", boot), ("preempted_each", preempted_each), ("spot_return", spot_return),
            ("sample_delay", sample_delay),
        )
        if span is not None
    }  # fmt: skip
    if spans.get("preempted_each") == 0:
        raise invalid("preempted_each", preempted_each, "must be greater than zero", owner=owner)
    settings = msgspec.structs.replace(
        Settings(),
        **{f"{name}_s": spans[name] for name in ("spot_return", "sample_delay") if name in spans},
    )
    return Conditions(
        as_arrivals(workload, owner), spec, settings, spans.get("boot", 90.0), float(days), seed,
        spans.get("preempted_each"),
    )  # fmt: skip


def play(
    formula: str, conditions: Conditions, go_on: Callable[[], None] | None = None
) -> Simulation:
    """Simulate one formula under conditions; `go_on` is called continually and may raise."""
    stage = _Stage(formula, conditions)
    with undisturbed() as check:
        stage.run(go_on or check)
        return stage.result()


class _Stage:
    """One pool on a virtual clock, with external events and observations."""

    def __init__(self, formula: str, conditions: Conditions) -> None:
        self.conditions = conditions
        self.formula = formula
        before = conditions.before
        self.begin = before.begin if before else MIDNIGHT.timestamp()
        self.end = self.begin + conditions.days * DAY_S
        lead = before.seconds if before else 0.0
        self.opened = self.begin - lead
        arrivals = conditions.arrivals.draw(conditions.days + lead / DAY_S, seed=conditions.seed)
        self.behaviors: dict[str, Behavior] = {}
        self.world = SimulatedWorld(
            Workload(rules=lambda run: self.behaviors.get(run.run_id.task_id)),
            seed=conditions.seed, boot_s=conditions.boot_s, start=self.opened,
            settings=msgspec.structs.replace(
                conditions.settings, sample_nodes=bool(Formula(formula).sampled & _MEASURED)
            ),
        )  # fmt: skip
        self.random = Random(conditions.seed)
        self.core = Core(self.world.settings)
        # Only an engine: the history that a connection keeps is not needed.
        self.engine = self.world.engine = Engine(self.core, self.world)
        self.engine.watchers.append(self._watch)
        self.came: dict[str, float] = {}
        self.waits: dict[str, float] = {}
        self.requeued = self.lost = self.evaluations = self.failures = 0
        self.ended_before = 0, 0
        self.bill_before: list[CostView] = []
        self.timeline: dict[str, list[float]] = {name: [] for name in COLUMNS}
        self.heap: list[tuple[float, int, str, Any]] = [
            (self.begin + look * LOOK_S, -1, "look", None)
            for look in range(int(conditions.days * DAY_S / LOOK_S) + 1)
        ]
        if before:
            self.heap.append((self.begin, -2, "enable", None))
        self.heap += self._deliveries(arrivals)
        self.arranged = len(self.heap)
        heapify(self.heap)

    def _deliveries(self, arrivals: Sequence[Arrival]) -> list[tuple[float, int, str, Any]]:
        """The tasks that arrive at one moment, as one entry."""
        found: list[tuple[float, int, str, Any]] = []
        number = 0
        any_task = TaskSpec(id="task", command_line="simulated")
        for at, group in groupby(arrivals, key=lambda arrival: arrival.at):
            specs = []
            for arrival in group:
                number += 1
                task_id = f"task{number:06}"
                self.behaviors[task_id] = arrival.behavior
                specs.append(
                    msgspec.structs.replace(any_task, id=task_id, required_slots=arrival.slots)
                )
            found.append((self.opened + at, len(found), "tasks", tuple(specs)))
        return found

    # -- time ------------------------------------------------------------------------------------

    def run(self, check: Any) -> None:
        """Run the simulation."""
        before = self.conditions.before
        first = self.formula
        if before:
            first = (
                f"$TargetDedicatedNodes = {before.dedicated};\n"
                f"$TargetLowPriorityNodes = {before.spot};"
            )
        spec = PoolSpec(
            id="pool", enable_auto_scale=True, auto_scale_formula=first, **self.conditions.spec
        )
        self.engine.request(CreatePool(spec=spec))
        self.engine.request(CreateJob(spec=JobSpec(id="job", pool_info=PoolInfo(pool_id="pool"))))
        world, heap = self.world, self.heap
        while True:
            check()
            moment = world.next_moment()
            outside = heap[0][0] if heap else self.end
            if moment is not None and moment <= min(outside, self.end):
                world.step(moment)
                if self.engine.failure is not None:
                    raise self.engine.failure
            elif heap and outside <= self.end:
                world.advance_to(outside)
                _, _, kind, subject = heappop(heap)
                getattr(self, f"_{kind}")(subject)
            else:
                world.advance_to(self.end)
                return

    def _tasks(self, specs: tuple[TaskSpec, ...]) -> None:
        self.engine.request(CreateTasks(job_id="job", specs=specs))

    def _enable(self, _: None) -> None:
        """Enable the formula; from now on the results count."""
        self.evaluations = self.failures = self.requeued = self.lost = 0
        self.ended_before = (
            self.core.state.jobs["job"].succeeded,
            self.core.state.jobs["job"].failed,
        )
        self.bill_before = self.engine.ask(GetCost(pool_id="pool"))
        self.engine.request(EnableAutoScale(pool_id="pool", auto_scale_formula=self.formula))

    def _preempt(self, node_id: str) -> None:
        node = self.core.state.nodes.get(node_id)
        if node is not None:
            try:
                self.engine.request(PreemptNode(pool_id="pool", node_id=node_id))
            except BatchError:
                return  # it is being removed

    def _look(self, _: None) -> None:
        pool, job = self.core.state.pools["pool"], self.core.state.jobs["job"]
        had = [node for node in pool.nodes.values() if node.allocated is not None]
        states = [node.phase.state for node in had]
        dedicated = sum(node.dedicated for node in had)
        away = states.count("preempted")
        row = (
            self.world.now() - self.begin, dedicated, len(had) - dedicated - away, pool.target,
            pool.target_spot, states.count("idle"), states.count("running"), job.active,
            job.running,
        )  # fmt: skip
        for name, value in zip(COLUMNS, row, strict=True):
            self.timeline[name].append(value)

    # -- what is seen ----------------------------------------------------------------------------

    def _watch(self, changes: Sequence[Change]) -> None:
        for change in changes:
            kind = type(change)
            if kind is TaskChanged:
                self._task_changed(change)  # type: ignore[arg-type]
            elif kind is NodeChanged:
                if self.conditions.preempted_each_s is not None:
                    self._node_changed(change)  # type: ignore[arg-type]
            elif kind is AutoScaleEvaluated:
                self.evaluations += 1
                self.failures += bool(change.error)  # type: ignore[attr-defined]

    def _task_changed(self, change: TaskChanged) -> None:
        state, task_id = change.state, change.task_id
        if state == "running":
            if task_id not in self.waits:
                self.waits[task_id] = change.at - self.came[task_id]
        elif state == "active":
            self.came.setdefault(task_id, change.at)
            self.requeued += change.reason == "requeued"
            self.lost += change.reason == "node lost"

    def _node_changed(self, change: NodeChanged) -> None:
        """A spot node has started: draw when it will be preempted."""
        if change.state != "starting" or self.core.state.nodes[change.node_id].dedicated:
            return
        each = self.conditions.preempted_each_s
        assert each is not None
        self.arranged += 1
        at = change.at + self.random.expovariate(1 / each)
        heappush(self.heap, (at, self.arranged, "preempt", change.node_id))

    def result(self) -> Simulation:
        """The results."""
        came = {key: at for key, at in self.came.items() if at >= self.begin}
        waited = [self.waits[key] for key in came if key in self.waits]
        waiting = [self.end - at for key, at in came.items() if key not in self.waits]
        ask = self.engine.ask
        job = self.core.state.jobs["job"]
        return Simulation(
            formula=self.formula,
            arrivals=repr(self.conditions.arrivals),
            vm_size=self.conditions.spec["vm_size"],
            task_slots_per_node=self.conditions.spec.get("task_slots_per_node", 1),
            boot=timedelta(seconds=self.conditions.boot_s),
            sample_delay=timedelta(seconds=self.conditions.settings.sample_delay_s),
            days=self.conditions.days,
            seed=self.conditions.seed,
            begin=datetime.fromtimestamp(self.begin, UTC),
            timeline=self.timeline,
            waits=sorted([*waited, *waiting]),
            task_count=len(came),
            succeeded_count=job.succeeded - self.ended_before[0],
            failed_count=job.failed - self.ended_before[1],
            never_started_count=len(waiting),
            requeue_count=self.requeued,
            preempted_count=self.lost,
            evaluation_count=self.evaluations,
            failed_evaluation_count=self.failures,
            bill=_since(self.bill_before, ask(GetCost(pool_id="pool"))),
            runs=tuple(run for run in ask(ListAutoScaleRuns(pool_id="pool"))
                       if run.timestamp.timestamp() >= self.begin),
        )  # fmt: skip


def _since(before: list[CostView], bill: list[CostView]) -> tuple[CostView, ...]:
    """The increase of a bill."""
    known = {(row.vm_size, row.is_dedicated): row for row in before}
    hours = [name for name in CostView.__struct_fields__ if name.endswith("_hours")]
    found = []
    for row in bill:
        former = known.get((row.vm_size, row.is_dedicated))
        less = {name: getattr(row, name) - getattr(former, name) for name in hours if former}
        found.append(msgspec.structs.replace(row, **less))
    return tuple(found)
