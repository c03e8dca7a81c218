"""Several formulas under exactly the same load, side by side."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from batchlab.autoscale import Formula
from batchlab.display import Displayed
from batchlab.errors import NotFound, invalid
from batchlab.extras import pandas
from batchlab.handles.verbs import Duration, verb
from batchlab.laboratory.arrivals import Arrivals
from batchlab.laboratory.parallel import play_all
from batchlab.laboratory.play import as_formula, read_conditions
from batchlab.laboratory.results import Simulation, spark
from batchlab.words import span_text

__all__ = ["Comparison", "compare"]


class Comparison(Displayed, Mapping[str, Simulation]):
    """The simulations of several formulas, by name."""

    def __init__(self, simulations: Mapping[str, Simulation]) -> None:
        self._simulations = dict(simulations)

    def __getitem__(self, name: str) -> Simulation:
        try:
            return self._simulations[name]
        except KeyError:
            raise NotFound(
                "ResourceNotFound",
                f"no formula is named {name!r}; names: {', '.join(self._simulations)}",
            ) from None

    def __contains__(self, name: object) -> bool:
        return name in self._simulations

    def get(self, name: str, default: Any = None) -> Any:
        """Return the simulation of a name, or `default` if there is none."""
        return self._simulations.get(name, default)

    def __iter__(self) -> Iterator[str]:
        return iter(self._simulations)

    def __len__(self) -> int:
        return len(self._simulations)

    def to_frame(self) -> Any:
        """A row of figures for each formula, as a pandas DataFrame.

        Raises
        ------
        NotInstalled
            pandas is not installed.
        """
        pd = pandas()
        rows = [simulation.numbers() for simulation in self.values()]
        return pd.DataFrame(rows, index=pd.Index(list(self), name="formula"))

    def figure(self) -> Any:
        """Nodes and waiting tasks of all formulas over time, as one plotly figure.

        Raises
        ------
        NotInstalled
            plotly is not installed.
        """
        from batchlab.laboratory.figures import comparison_figure  # noqa: PLC0415

        return comparison_figure(self)

    def rows(self) -> list[tuple[str, ...]]:
        """The rows of the table below `HEAD`, one for each formula."""
        return [
            (
                name,
                spark(one.nodes, 24),
                str(one.most_nodes),
                f"{one.node_hours:,.1f}",
                f"{one.idle_share:.0%}",
                one.cost.cost_text,
                span_text(one.wait_percentile(50).total_seconds()),
                span_text(one.wait_percentile(95).total_seconds()),
                span_text(one.wait_percentile(100).total_seconds()),
                str(one.never_started_count),
                str(one.requeue_count),
            )
            for name, one in self.items()
        ]

    def __repr__(self) -> str:
        grid = [HEAD, *self.rows()]
        widths = [max(len(row[column]) for row in grid) for column in range(len(HEAD))]
        return "\n".join(
            "  ".join(
                text.ljust(width) if column < 2 else text.rjust(width)
                for column, (text, width) in enumerate(zip(row, widths, strict=True))
            ).rstrip()
            for row in grid
        )


HEAD = ("formula", "nodes", "most", "node-hours", "idle", "cost", "median wait", "95 %",
        "longest", "never started", "stopped")  # fmt: skip


@verb
def compare(
    formulas: Mapping[str, Formula | str],
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
) -> Comparison:
    """Simulate the same days with each of several formulas.

    Tasks, their durations and all settings are the same for all. On several cores, and if it is
    worth it, formulas are simulated in parallel processes.

    Parameters
    ----------
    formulas : mapping of str to Formula or str
        Formulas by a name of your choice.
    workload, vm_size, task_slots_per_node, auto_scale_evaluation_interval, boot, days, seed
        As for `simulate`.
    preempted_each, spot_return, sample_delay
        As for `simulate`.

    Returns
    -------
    Comparison

    Raises
    ------
    FormulaError
        ``AutoScalingFormulaSyntaxError``, ``AutoScalingFormulaTooLong``.
    InvalidRequest
        ``InvalidPropertyValue``: a setting is invalid, or there are no formulas.
    """
    owner = "compare"
    if not isinstance(formulas, Mapping) or not formulas:
        raise invalid("formulas", formulas, 'must be a mapping: {"a": formula, "b": formula}',
                      owner=owner)  # fmt: skip
    texts = {}
    for name, formula in formulas.items():
        if not isinstance(name, str):
            raise invalid("formulas", name, "each name must be text", owner=owner)
        texts[name] = as_formula(formula, owner).text
    conditions = read_conditions(
        workload, owner, vm_size=vm_size, task_slots_per_node=task_slots_per_node,
        auto_scale_evaluation_interval=auto_scale_evaluation_interval, boot=boot, days=days,
        seed=seed, preempted_each=preempted_each, spot_return=spot_return,
        sample_delay=sample_delay,
    )  # fmt: skip
    return Comparison(dict(zip(texts, play_all(list(texts.values()), conditions), strict=True)))
