"""Simulations as plotly figures: nodes above, tasks below, over the same hours.

The colours are those of the live displays: Okabe and Ito's colour-blind-safe palette.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from batchlab.colours import BLUE, GREEN, ORANGE, PINK, SKY, VERMILLION
from batchlab.extras import extra
from batchlab.laboratory.results import Simulation
from batchlab.plots import INK, dress

__all__ = ["comparison_figure", "simulation_figure"]

_IDLE = "rgba(139, 147, 160, .75)"
_COLOURS = (BLUE, VERMILLION, GREEN, PINK, ORANGE, SKY, INK, "#b8a900")


def simulation_figure(simulation: Simulation) -> Any:
    """Nodes by kind with their target, and waiting and running tasks."""
    figure = _empty("nodes", "tasks")
    line = simulation.timeline
    times = _times(simulation)
    target = [
        dedicated + spot
        for dedicated, spot in zip(
            line["target_dedicated_nodes"], line["target_low_priority_nodes"], strict=True
        )
    ]
    _add(figure, 1, times, line["dedicated_nodes"], "dedicated nodes", _COLOURS[0], stack="nodes")
    if any(line["spot_nodes"]):
        _add(figure, 1, times, line["spot_nodes"], "spot nodes", _COLOURS[5], stack="nodes")
    _add(figure, 1, times, target, "target", _COLOURS[1], dash="dot")
    _add(figure, 1, times, line["idle_nodes"], "idle nodes", _IDLE, fill=True)
    _add(figure, 2, times, line["waiting_tasks"], "waiting tasks", _COLOURS[4])
    _add(figure, 2, times, line["running_tasks"], "running tasks", _COLOURS[2])
    return figure


def comparison_figure(simulations: Mapping[str, Simulation]) -> Any:
    """Nodes and waiting tasks, with a line for each formula."""
    figure = _empty("nodes", "waiting tasks")
    for index, (name, simulation) in enumerate(simulations.items()):
        colour = _COLOURS[index % len(_COLOURS)]
        times = _times(simulation)
        _add(figure, 1, times, simulation.nodes, name, colour, group=name)
        waiting = simulation.timeline["waiting_tasks"]
        _add(figure, 2, times, waiting, name, colour, group=name, legend=False)
    return figure


def _empty(above: str, below: str) -> Any:
    with extra("plotly", "A figure needs plotly"):
        import plotly.subplots as plotly  # type: ignore[import-untyped]  # noqa: PLC0415
    figure = plotly.make_subplots(rows=2, cols=1, shared_xaxes=True, vertical_spacing=0.06)
    dress(figure, height=440, margin={"l": 66, "r": 44, "t": 16, "b": 8}, hovermode="x unified",
          modebar_orientation="v")  # fmt: skip
    # The same margin for both, so that their axes are aligned.
    figure.update_yaxes(automargin=False, nticks=5)
    figure.update_yaxes(title_text=above, row=1, col=1)
    figure.update_yaxes(title_text=below, row=2, col=1)
    return figure


def _add(
    figure: Any, row: int, times: list[datetime], values: list[float], name: str,
    colour: str, *, stack: str | None = None, dash: str | None = None, group: str | None = None,
    legend: bool = True, fill: bool = False,
) -> None:  # fmt: skip
    width = 0 if fill else 1.5
    line: dict[str, Any] = {"color": colour, "shape": "hv", "width": width, "dash": dash}
    figure.add_scatter(
        x=times, y=values, name=name, mode="lines", line=line, stackgroup=stack,
        legendgroup=group, showlegend=legend, row=row, col=1,
        **({"fill": "tozeroy", "fillcolor": colour} if fill else {}),
    )  # fmt: skip


def _times(simulation: Simulation) -> list[datetime]:
    begin = simulation.begin
    return [begin + timedelta(seconds=seconds) for seconds in simulation.timeline["seconds"]]
