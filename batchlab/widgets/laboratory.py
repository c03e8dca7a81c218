"""Cards of simulations, and of comparisons of formulas and jobs: lines over time are SVG."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from batchlab.colours import BLUE, ORANGE, PINK
from batchlab.html import card, details, image, table, tag
from batchlab.job_comparison import JobComparison
from batchlab.laboratory.comparison import HEAD, Comparison
from batchlab.laboratory.results import Simulation
from batchlab.words import span_text

__all__ = ["comparison_card", "job_comparison_card", "simulation_card"]

_COLOUR = PINK
_NODES, _WAITING = BLUE, ORANGE
_WIDTH, _HEIGHT = 640, 60
_NOTE = (
    "A task that was still waiting at the end counts with the time it had waited. Stopped: "
    "running tasks that were requeued because the pool was scaled down."
)


def simulation_card(simulation: Simulation) -> Markup:
    """The figures, and two lines over time."""
    waits = " / ".join(
        span_text(simulation.wait_percentile(p).total_seconds()) for p in (50, 95, 100)
    )
    waiting = simulation.timeline["waiting_tasks"]
    pairs = [
        ("Load", f"{simulation.days:g} d of {simulation.arrivals}"),
        ("Size", simulation.vm_size),
        ("Nodes", f"most {simulation.most_nodes}, mean {simulation.mean_nodes:.1f}"),
        ("Node-hours", f"{simulation.node_hours:,.1f}, {simulation.idle_share:.0%} idle"),
        ("Cost", simulation.cost.cost_text),
        ("Waits", f"{waits} (median / 95 % / longest)"),
        ("Tasks", _tasks(simulation)),
        ("Evaluations", _evaluations(simulation)),
    ]
    return card(
        "Simulation", "", pairs,
        _chart("nodes", simulation.nodes, _NODES),
        _chart("waiting tasks", waiting, _WAITING),
        details("Formula", tag("pre", simulation.formula)), colour=_COLOUR,
    )  # fmt: skip


def comparison_card(comparison: Comparison) -> Markup:
    """A row of figures for each formula, with its nodes over time."""
    rows = [
        (name, _line(f"nodes of {name}", simulation.nodes, _NODES, 160, 22), *row[2:])
        for (name, simulation), row in zip(comparison.items(), comparison.rows(), strict=True)
    ]
    grid = table("", HEAD, rows, numbers=HEAD[2:])
    return card("Comparison", "", [], grid, tag("p", _NOTE, cls="bl-muted"), colour=_COLOUR)


def job_comparison_card(comparison: JobComparison) -> Markup:
    """What differs in words; the numbers are folded."""
    one, other = comparison.a.name, comparison.b.name
    said = tag("ul", *(tag("li", text) for text in comparison.differences))
    head = ("", one, other)
    grid = table("", head, list(comparison.rows()), numbers=head[1:])
    named = f"{one} and {other}"
    return card("Comparison", named, [], said, details("Numbers", grid), colour=PINK)


def _tasks(simulation: Simulation) -> str:
    parts = [
        (simulation.succeeded_count, "succeeded"),
        (simulation.failed_count, "failed"),
        (simulation.unfinished_count, "still running"),
        (simulation.never_started_count, "never started"),
        (simulation.requeue_count, "stopped by scaling down"),
        (simulation.preempted_count, "lost with spot nodes"),
    ]
    said = ", ".join(f"{count:,} {what}" for count, what in parts if count)
    return f"{simulation.task_count:,}" + (f": {said}" if said else "")


def _evaluations(simulation: Simulation) -> str:
    failed = simulation.failed_evaluation_count
    return f"{simulation.evaluation_count}" + (f", {failed} failed" if failed else "")


def _chart(what: str, values: Sequence[float], colour: str) -> Markup:
    caption = f"{what}, most {max(values, default=0):g}"
    line = _line(caption, values, colour, _WIDTH, _HEIGHT)
    return tag("div", tag("div", caption, cls="bl-muted"), line)


def _line(name: str, values: Sequence[float], colour: str, width: int, height: int) -> Markup:
    """An area over time, with at most one point per pixel."""
    points = min(width, len(values))
    most = max(values, default=0) or 1
    tops = [
        max(values[len(values) * n // points : len(values) * (n + 1) // points])
        for n in range(points)
    ]
    steps = "".join(
        f"L{n * width / points:.1f} {height - top * (height - 2) / most:.1f}"
        f"H{(n + 1) * width / points:.1f}"
        for n, top in enumerate(tops)
    )
    path = tag("path", d=f"M0 {height}{steps}V{height}Z", fill=colour, fill_opacity="0.35",
               stroke=colour)  # fmt: skip
    svg = tag("svg", path, xmlns="http://www.w3.org/2000/svg", width=str(width),
              height=str(height), viewBox=f"0 0 {width} {height}")  # fmt: skip
    return image(svg.encode(), "svg+xml", name, width)
