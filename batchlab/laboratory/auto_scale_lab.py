"""An editor for the formula of a pool: what it decides now, and what it would have done.

With a pool, the service evaluates formulas over the pool's samples, and they are tried on the
pool's past load: its tasks arrive again, at the same times, at a simulated pool. The simulation
starts some time before the window, with the target size that the pool had then, so that the
formula finds samples. Without a pool, samples and arrivals are given.

Nothing changes in the lab until `AutoScaleLab.apply`.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from itertools import pairwise
from operator import mul
from random import Random
from typing import Any

import msgspec

from batchlab.autoscale import AutoScaleRun, Formula
from batchlab.core.messages.views import PoolView
from batchlab.core.model import price_per_hour
from batchlab.core.model.ranges import is_number
from batchlab.display import Displayed
from batchlab.drivers.simulated.workload import Behavior
from batchlab.durations import parse_duration
from batchlab.errors import Conflict, invalid
from batchlab.handles.auto_scaling import AutoScaleHistory
from batchlab.handles.pool import Pool
from batchlab.handles.verbs import Duration, verb
from batchlab.laboratory.arrivals import Arrivals, as_arrivals
from batchlab.laboratory.patterns import DAY_S, Arrival
from batchlab.laboratory.play import MIDNIGHT, Before, as_formula, play, read_conditions
from batchlab.laboratory.recording import Recording
from batchlab.laboratory.results import Simulation
from batchlab.percentiles import percentile

__all__ = ["AutoScaleLab", "Figures", "figures"]

LEAD_S = 900.0
"""How long a what-if runs with a fixed number of nodes before its window starts."""
LEAST_S, MOST_S = 60.0, 31 * DAY_S
NO_FORMULA = "$TargetDedicatedNodes = 0;\n"


class AutoScaleLab(Displayed):
    """An editor for an autoscale formula, with values, samples, history and what-ifs.

    ``pool.auto_scale_lab()`` creates one for a pool; this creates one without a pool.

    Parameters
    ----------
    formula : Formula or str, optional
        The formula to start with.
    samples : mapping of str to samples, optional
        The samples for evaluation, as for `Formula.evaluate`.
    arrivals : Arrivals, list or Path, optional
        The tasks to try formulas on, as for `simulate`; 100 an hour in office hours if omitted.

    Examples
    --------
    >>> lab = AutoScaleLab("$TargetDedicatedNodes = min(9, $PendingTasks);")
    >>> lab.evaluate().error.code
    'InsufficientSampleData'
    """

    def __init__(
        self,
        formula: Formula | str = NO_FORMULA,
        *,
        samples: Any = None,
        arrivals: Any = None,
    ) -> None:
        self._text = _text(formula, "AutoScaleLab")
        self._pool: Pool | None = None
        self._samples = samples
        pattern = Arrivals.office_hours(100) if arrivals is None else arrivals
        self._arrivals = as_arrivals(pattern, "AutoScaleLab")
        self._recording: Recording | None = None
        if samples is not None:
            Formula(NO_FORMULA).evaluate(samples)  # refuses invalid samples

    @classmethod
    def of(cls, pool: Pool, formula: Formula | str | None = None) -> AutoScaleLab:
        """Create one for a pool, starting with its formula unless another is given.

        Parameters
        ----------
        pool : Pool
        formula : Formula or str, optional
            The formula to start with. If omitted, that of the pool, or one that keeps its
            present targets.

        Raises
        ------
        NotFound
            ``PoolNotFound``.
        InvalidRequest
            ``InvalidPropertyValue``: not a formula or text.
        """
        view = pool.view()
        lab = cls(view.auto_scale_formula or _present(view) if formula is None else formula)
        lab._pool = Pool(pool._connection, view.id)
        lab._recording = Recording(view.id)
        return lab

    @property
    def pool(self) -> Pool | None:
        """Its pool, if there is one."""
        return self._pool

    @property
    def formula(self) -> str:
        """The text that it started with."""
        return self._text

    @property
    def history(self) -> AutoScaleHistory:
        """The evaluations of the pool; none without a pool."""
        return self._pool.auto_scale_history if self._pool else AutoScaleHistory()

    @property
    def recording(self) -> Recording | None:
        """The history of the pool until now; None without a pool."""
        if self._recording is not None and self._pool is not None:
            self._recording.follow(self._pool._connection)
        return self._recording

    def evaluate(self, formula: Formula | str | None = None) -> AutoScaleRun:
        """What a formula decides now; changes nothing.

        Raises
        ------
        FormulaError
            ``AutoScalingFormulaSyntaxError``, ``AutoScalingFormulaTooLong``, with the position.
        """
        text = self._text if formula is None else _text(formula, "AutoScaleLab.evaluate")
        if self._pool is not None:
            return self._pool.evaluate_auto_scale(text)
        now = None if self._samples else MIDNIGHT
        return Formula(text).evaluate(self._samples, now=now)

    @verb
    def what_if(
        self,
        formula: Formula | str | None = None,
        *,
        last: Duration = "1h",
        load: float = 1.0,
        task_length: float = 1.0,
        auto_scale_evaluation_interval: Duration = None,
        boot: Duration = "90s",
        seed: int = 0,
        go_on: Callable[[], None] | None = None,
    ) -> Simulation:
        """Replay the load of some time on a simulated pool that follows a formula.

        Parameters
        ----------
        formula : Formula or str, optional
            The text that the lab started with, if omitted.
        last : duration, default 1 hour
            How much time to replay: the most recent history of the pool, or the beginning of the
            arrivals. For a younger pool it is shorter.
        load : float, default 1
            Factor for the number of tasks; 0 to 100.
        task_length : float, default 1
            Factor for their duration; greater than 0, 100 at most.
        auto_scale_evaluation_interval : duration, optional
            That of the pool, or 15 minutes.
        boot : duration, default "90s"
            How long a node takes to start.
        seed : int, default 0
            Random seed: which tasks are repeated if `load` is not a whole number.
        go_on : callable, optional
            Called continually; an exception that it raises ends the simulation.

        Raises
        ------
        FormulaError
            ``AutoScalingFormulaSyntaxError``, ``AutoScalingFormulaTooLong``.
        InvalidRequest
            ``InvalidPropertyValue``: a setting is invalid.
        """
        owner = "AutoScaleLab.what_if"
        text = self._text if formula is None else _text(formula, owner)
        text = as_formula(text, owner).text
        seconds = parse_duration(last, name="last", owner=owner).total_seconds()
        if not LEAST_S <= seconds <= MOST_S:
            raise invalid("last", last, "must be from a minute to 31 days", owner=owner)
        more, longer = _factor("load", load, 0.0), _factor("task_length", task_length, 0.001)
        size, slots, interval = self._size()
        before = None
        if self._pool is None:
            days = seconds / DAY_S
            arrivals = self._arrivals.draw(days, seed=seed)
        else:
            lead = LEAD_S + parse_duration(boot, name="boot", owner=owner).total_seconds()
            before, seconds, arrivals = self._recorded(seconds, lead)
        arrivals = _scaled(arrivals, more, longer, Random(seed))
        conditions = read_conditions(
            Arrivals(repr(self), lambda end, random: arrivals), owner, vm_size=size,
            task_slots_per_node=slots, boot=boot, days=seconds / DAY_S, seed=seed,
            auto_scale_evaluation_interval=auto_scale_evaluation_interval or interval,
            preempted_each=None, spot_return=None, sample_delay=None,
        )  # fmt: skip
        conditions.before = before
        return play(text, conditions, go_on)

    def apply(
        self,
        formula: Formula | str | None = None,
        *,
        auto_scale_evaluation_interval: Duration = None,
    ) -> None:
        """Enable a formula on the pool, as `Pool.enable_auto_scale` does.

        Parameters
        ----------
        formula : Formula or str, optional
            The text that the lab started with, if omitted.
        auto_scale_evaluation_interval : duration, default 15 minutes
            5 minutes to 168 hours.

        Raises
        ------
        Conflict
            ``OperationInvalidForCurrentState``: there is no pool; also those of
            `Pool.enable_auto_scale`.
        """
        if self._pool is None:
            raise Conflict(
                "OperationInvalidForCurrentState",
                "there is no pool to apply the formula to: use pool.auto_scale_lab()",
            )
        text = self._text if formula is None else _text(formula, "AutoScaleLab.apply")
        self._pool.enable_auto_scale(
            text, auto_scale_evaluation_interval=auto_scale_evaluation_interval
        )

    def _size(self) -> tuple[str, int, timedelta | None]:
        if self._pool is None:
            return "small", 1, None
        view = self._pool.view()
        return view.vm_size, view.task_slots_per_node, view.auto_scale_evaluation_interval

    def _recorded(self, seconds: float, lead: float) -> tuple[Before, float, list[Arrival]]:
        """The recent history of the pool: its tasks, counted from some time before."""
        recording = self.recording
        assert recording is not None
        end = recording.now
        begin = max(end - seconds, min(recording.begin, end - LEAST_S))
        found = recording.load(begin - lead, end)
        dedicated, spot = recording.targets(begin)
        return Before(begin, lead, dedicated, spot), end - begin, found.arrivals

    def __repr__(self) -> str:
        return f"AutoScaleLab of {self._pool!r}" if self._pool else "AutoScaleLab without a pool"


class Figures(msgspec.Struct, frozen=True):
    """Totals for some time of a pool: node-hours, dollars, waits in seconds, tasks, nodes."""

    node_hours: float
    cost: float | None
    median_wait: float | None
    p95_wait: float | None
    most_nodes: int
    tasks: int


def figures(
    times: list[float], nodes: list[float], spot: list[float], end: float, waits: list[float],
    vm_size: str,
) -> Figures:  # fmt: skip
    """Compute totals from nodes (including `spot` nodes) over time until an end, and from waits.

    There is no cost if the price of the size is unknown, and no waits without tasks.
    """
    spans = [max(0.0, min(then, end) - at) / 3600 for at, then in pairwise([*times, end])]
    hours = sum(map(mul, spans, nodes))
    spot_hours = sum(map(mul, spans, spot))
    prices = [price_per_hour(vm_size, dedicated=dedicated) for dedicated in (True, False)]
    cost = None
    if prices[0] is not None and prices[1] is not None:
        cost = (hours - spot_hours) * prices[0] + spot_hours * prices[1]

    most = int(max(nodes, default=0))
    typical, long = percentile(waits, 50), percentile(waits, 95)
    return Figures(hours, cost, typical, long, most, len(waits))


def _present(pool: PoolView) -> str:
    """A formula that keeps the present targets of a pool."""
    text = f"$TargetDedicatedNodes = {pool.target_dedicated_nodes};\n"
    spot = pool.target_low_priority_nodes
    return text + (f"$TargetLowPriorityNodes = {spot};\n" if spot else "")


def _text(formula: Any, owner: str) -> str:
    """The text of a formula, which may be invalid."""
    if isinstance(formula, Formula):
        return formula.text
    if not isinstance(formula, str):
        raise invalid("formula", formula, "must be a Formula or text", owner=owner)
    return formula


def _factor(name: str, value: Any, least: float) -> float:
    if not is_number(value) or not least <= value <= 100:
        raise invalid(name, value, f"must be a number from {least:g} to 100",
                      owner="AutoScaleLab.what_if")  # fmt: skip
    return float(value)


def _scaled(
    arrivals: list[Arrival], load: float, task_length: float, random: Random
) -> list[Arrival]:
    """Scale the number of tasks and their durations."""
    if (load, task_length) == (1.0, 1.0):
        return arrivals
    found = []
    for arrival in arrivals:
        times = int(load) + (random.random() < load % 1)
        span = arrival.behavior.duration
        behavior: Behavior = arrival.behavior
        if span is not None and task_length != 1:
            behavior = msgspec.structs.replace(behavior, duration=span * task_length)
        found += [Arrival(arrival.at, behavior, arrival.slots)] * times
    return found
