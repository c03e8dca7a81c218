"""The figures of a report, made with plotly when needed.

The colours are those of the live displays (`batchlab.colours`), readable on light and dark pages.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import UTC, datetime
from operator import attrgetter
from typing import Any

from markupsafe import escape

from batchlab.colours import light
from batchlab.core.answers.wait_kinds import WAITS
from batchlab.core.state.states import ACTIVITIES, RESULT
from batchlab.extras import extra
from batchlab.history.series import Series
from batchlab.history.subject import by
from batchlab.html import shortened
from batchlab.plots import INK, dress
from batchlab.reports.numbers import Numbers, hours_of
from batchlab.words import money

__all__ = ["figures"]

POINTS, BINS, ROWS = 500, 36, 25

_FAINT = "rgba(139, 147, 160, .45)"
"""Idle, on pages light and dark."""
_KINDS = {"task": "tasks", "jobpreparation": "preparation", "jobrelease": "release"}


def figures(numbers: Numbers) -> dict[str, Any]:
    """Make the figures that have something to show, by name, in order.

    Raises
    ------
    NotInstalled
        plotly is not installed: ``pip install "batchlab[plotly]"``.
    """
    with extra("plotly", "A figure needs plotly"):
        import plotly.graph_objects as go  # type: ignore[import-untyped]  # noqa: PLC0415
    makers: dict[str, Callable[[Any, Numbers], bool]] = {
        "tasks": _tasks, "nodes": _nodes, "slots": _slots, "waiting": _waiting,
        "run_times": _run_times, "preparation": _preparation, "cost": _cost,
    }  # fmt: skip
    found = {}
    for name, make in makers.items():
        figure = go.Figure()
        dress(figure, height=300, margin={"l": 12, "r": 44, "t": 48, "b": 8},
              modebar_orientation="v")  # fmt: skip
        if make(figure, numbers):
            found[name] = figure
    return found


def _colour(activity: str) -> str:
    return _FAINT if activity == "idle" else light(ACTIVITIES[activity].colour)


def _title(figure: Any, title: str, of_y: str = "", of_x: str = "") -> bool:
    figure.update_layout(
        title={"text": title, "x": 0.008, "xref": "container", "y": 1, "yref": "container",
               "yanchor": "top", "pad": {"t": 12}, "font": {"size": 15, "weight": 650}},
    )  # fmt: skip
    if of_y:
        # The same margin for all, so that their time axes are aligned.
        figure.update_yaxes(title={"text": of_y}, automargin=False)
        figure.update_layout(margin={"l": 66})
    if of_x:
        figure.update_xaxes(title={"text": of_x, "standoff": 8})
    return True


def _times(series: Series) -> list[datetime]:
    return [datetime.fromtimestamp(at, UTC) for at in [*series.times, series.end]]


def _area(figure: Any, series: Series, key: str, name: str, colour: str) -> None:
    if not any(series.columns[key]):
        return
    column = series.columns[key]
    figure.add_scatter(
        x=_times(series), y=_rounded([*column, column[-1]]), name=name, mode="lines",
        stackgroup="one", fillcolor=colour, line={"width": 0, "shape": "hv", "color": colour},
    )  # fmt: skip


def _rounded(values: list[float]) -> list[float]:
    return [round(value, 4) for value in values]


def _tasks(figure: Any, numbers: Numbers) -> bool:
    running = numbers.lines["tasks"].thinned(POINTS)
    waiting = numbers.lines["waiting"].thinned(POINTS)
    _area(figure, running, "running", "running", light("good"))
    for key, kind in WAITS.items():
        _area(figure, waiting, key, kind.label, light(kind.colour))
    if len(figure.data) > 1:  # areas can only be stacked over the same times
        _align(figure)
    return bool(figure.data) and _title(figure, "Tasks: running, or waiting because …", "tasks")


def _align(figure: Any) -> None:
    every = sorted({at for trace in figure.data for at in trace.x})
    for trace in figure.data:
        values, index, known = [], 0, list(zip(trace.x, trace.y, strict=True))
        for at in every:
            while index + 1 < len(known) and known[index + 1][0] <= at:
                index += 1
            values.append(known[index][1])
        trace.x, trace.y = every, values


def _nodes(figure: Any, numbers: Numbers) -> bool:
    if numbers.history.kind == "job":
        return False
    series = numbers.lines["nodes"].thinned(POINTS)
    for key, activity in ACTIVITIES.items():
        _area(figure, series, key, activity.label, _colour(key))
    return bool(figure.data) and _title(figure, "What the nodes did", "nodes")


def _slots(figure: Any, numbers: Numbers) -> bool:
    series = numbers.lines["waiting"].thinned(POINTS)
    if not any(series.columns["capacity"]):
        return False
    times = _times(series)
    for key, name, line, fill in (
        ("used", "in use", {"color": light("good"), "width": 1.2}, "rgba(0, 158, 115, .35)"),
        ("capacity", "available", {"color": INK, "width": 1.5, "dash": "dot"}, None),
    ):
        column = series.columns[key]
        figure.add_scatter(
            x=times, y=_rounded([*column, column[-1]]), name=name, mode="lines",
            line={**line, "shape": "hv"}, fill="tozeroy" if fill else None, fillcolor=fill,
        )  # fmt: skip
    return _title(figure, f"Slots: {numbers.utilisation or 0:.0%} in use", "slots")


def _waiting(figure: Any, numbers: Numbers) -> bool:
    ordered = sorted(numbers.waiting_hours.items(), key=lambda item: item[1])
    if not ordered:
        return False
    unit, size = _unit(ordered[-1][1])
    figure.add_bar(
        orientation="h", y=[WAITS[key].label for key, _ in ordered],
        x=_rounded([hours * size for _, hours in ordered]),
        marker={"color": [light(WAITS[key].colour) for key, _ in ordered]},
        hovertemplate="%{y}: %{x:.3~g} " + unit + "<extra></extra>",
    )  # fmt: skip
    _flat(figure, len(ordered))
    return _title(figure, "Why tasks waited", of_x=f"task-{unit}")


def _run_times(figure: Any, numbers: Numbers) -> bool:
    times = numbers.run_times
    if not times:
        return False
    low, high = times[0], times[-1]
    span = max(high - low, high / 2, 1e-3)  # shows it when all are alike
    width = _nice(span / BINS)
    first = math.floor(low / width) * width
    count = int((high - first) / width) + 1
    centres = _rounded([first + width * (index + 0.5) for index in range(count)])
    for outcome, look in RESULT.items():
        heights = [0] * count
        for run in numbers.history.runs:
            if run.kind == "task" and run.outcome == outcome:
                heights[min(count - 1, int((run.seconds - first) / width))] += 1
        if any(heights):
            figure.add_bar(x=centres, y=heights, name=look.label,
                           marker={"color": light(look.colour)}, width=width * 0.92,
                           hovertemplate="%{x:.3~g} s: %{y}")  # fmt: skip
    figure.update_layout(barmode="stack")
    middle, half = (low + high) / 2, span / 2 + width
    figure.update_xaxes(range=_rounded([max(0.0, middle - half), middle + half]))
    figure.update_traces(showlegend=True)
    return _title(figure, "How long tasks ran", "tasks", "seconds")


def _preparation(figure: Any, numbers: Numbers) -> bool:
    """What ran per job or, for one job, per node."""
    if not numbers.preparation_hours:
        return False
    history = numbers.history
    groups = by(
        [run for run in history.runs if run.kind in (*_KINDS, "subtask")],
        attrgetter("node" if history.kind == "job" else "job"),
    )
    name = history.tables.node_ids.__getitem__ if history.kind == "job" else history.job_name
    spent = {
        group: {kind: hours_of(runs, kind) for kind in _KINDS} for group, runs in groups.items()
    }
    shown = sorted(spent, key=lambda group: sum(spent[group].values()))[-ROWS:]
    unit, size = _unit(max(sum(spent[group].values()) for group in shown))
    for kind, word in _KINDS.items():
        values = _rounded([spent[group][kind] * size for group in shown])
        if any(values):
            figure.add_bar(orientation="h", y=[_plain(name(group)) for group in shown], x=values,
                           name=word, marker={"color": _colour(word)})  # fmt: skip
    figure.update_layout(barmode="stack")
    figure.update_yaxes(type="category")
    _flat(figure, len(shown))
    of = "node" if history.kind == "job" else "job"
    more = f" (top {ROWS})" if len(spent) > ROWS else ""
    return _title(figure, f"Preparation compared with tasks, by {of}{more}", of_x=unit)


def _cost(figure: Any, numbers: Numbers) -> bool:
    if not numbers.cost:
        return False
    for key, dollars in numbers.cost.items():
        figure.add_bar(
            orientation="h", y=["cost"], x=[round(dollars, 6)], name=ACTIVITIES[key].label,
            marker={"color": _colour(key)}, hovertemplate="$%{x:,.4f}",
        )  # fmt: skip
    figure.update_layout(barmode="stack")
    figure.update_yaxes(visible=False)
    figure.update_xaxes(tickprefix="$")
    _flat(figure, 1)
    words = "What its share of the nodes cost" if numbers.history.kind == "job" else "What it cost"
    return _title(figure, f"{words}: {money(numbers.total_cost)}", of_x="US dollars, list prices")


def _flat(figure: Any, rows: int) -> None:
    """Horizontal bars, with a height for the number of rows."""
    named = sum(trace.name is not None for trace in figure.data) > 1
    height = 100 + 28 * rows + 30 * named
    figure.update_layout(height=height, xaxis={"rangemode": "tozero"}, showlegend=named)
    figure.update_yaxes(showgrid=False)


def _unit(hours: float) -> tuple[str, float]:
    for unit, size in (("hours", 1.0), ("minutes", 60.0)):
        if hours * size >= 2:
            return unit, size
    return "seconds", 3600.0


def _nice(width: float) -> float:
    """A round number that is not smaller."""
    power = 10.0 ** math.floor(math.log10(width))
    return next(step * power for step in (1, 2, 2.5, 5, 10) if step * power >= width * 0.999)


def _plain(text: str) -> str:
    """Names without markup, which plotly would interpret; long ones are shortened."""
    return str(escape(shortened(text, 40)))
