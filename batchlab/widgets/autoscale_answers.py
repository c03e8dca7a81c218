"""Answers to the questions of an `AutoScaleLab` display, as plain values.

`try` parses, checks and evaluates a text; `what_if` simulates it on the recorded load; `state` is
the state of the pool; `explain` and `apply` work as for the lab. Refusals are raised, except
errors in a formula: they have a position and are answers.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from batchlab import formulas
from batchlab.autoscale import AutoScaleRun, Finding, Formula, FormulaError
from batchlab.durations import format_duration
from batchlab.errors import BatchError, InvalidRequest, NotFound
from batchlab.laboratory.auto_scale_lab import AutoScaleLab, Figures, figures
from batchlab.laboratory.recording import LINES
from batchlab.laboratory.results import Simulation
from batchlab.widgets.answers import read_only
from batchlab.words import money, span_text

__all__ = [
    "answer",
    "apply",
    "attempt",
    "explanation",
    "library",
    "load",
    "span",
    "state",
    "what_if",
]

ROWS = 100
"""The most evaluations listed."""
POINTS = 600
"""The most points of a line that are sent."""
LONGEST = 20_000
"""The longest text accepted; a formula has 8192 characters at most."""

Plain = dict[str, Any]


def answer(lab: AutoScaleLab, asked: Any, *, acts: bool = True) -> Plain:
    """Answer a question of a display, other than a what-if; with `acts`, also apply a formula.

    Raises
    ------
    BatchError
        As the lab; ``AuthorizationFailure``: it would change the pool.
    KeyError, TypeError, ValueError
        There is no such question.
    """
    what = asked["what"]
    if what == "try":
        text = str(asked["text"])
        if len(text) > LONGEST:
            raise InvalidRequest(
                "AutoScalingFormulaTooLong", "a formula has 8192 characters at most"
            )
        return attempt(lab, text)
    if what == "explain":
        return explanation(lab, asked["at"])
    if what == "apply":
        if not acts:
            raise read_only()
        return apply(lab, str(asked["text"]), asked["interval"])
    raise ValueError(what)


# -- a text ---------------------------------------------------------------------------------------


def attempt(lab: AutoScaleLab, text: str) -> Plain:
    """The findings about a text: marks with their positions, and its evaluation, if any."""
    try:
        formula = Formula(text)
    except FormulaError as error:
        message = error.values.get("Message", error.message).partition(": ")[2] or error.message
        expected = f"expected {' or '.join(error.expected[:6])}" if error.expected else ""
        return {"marks": [_mark("error", error.line, error.column, error.excerpt, message,
                                error.hint or expected)], "run": None}  # fmt: skip
    marks = [_finding(one) for one in formula.lint()]
    run = lab.evaluate(formula)
    if run.error is not None:
        failure = run.error
        message = failure.values.get("Message", failure.message)
        message = message.partition(": ")[2] or message
        mark = _mark("error", failure.line, failure.column, failure.excerpt, message, failure.hint)
        same = (mark["line"], mark["column"])
        marks = [m for m in marks if (m["line"], m["column"]) != same or m["severity"] != "error"]
        marks.append(mark)
        marks.sort(key=lambda one: (one["line"], one["column"]))
    return {"marks": marks, "run": _run(run)}


def _finding(finding: Finding) -> Plain:
    return _mark(finding.severity, finding.line, finding.column, finding.excerpt,
                 finding.message, finding.hint)  # fmt: skip


def _mark(severity: str, line: int, column: int, excerpt: str, message: str, hint: str) -> Plain:
    start, end = span(excerpt, column)
    return {"severity": severity, "line": line, "column": column, "start": start, "end": end,
            "message": message, "hint": hint}  # fmt: skip


def span(excerpt: str, column: int) -> tuple[int, int]:
    """The columns that an excerpt marks, the last one excluded; counted from 1."""
    marked = excerpt.rpartition("\n")[2]
    point = marked.find("^")
    if point < 0:
        return column, column + 1
    first = len(marked) - len(marked.lstrip())
    return max(1, column - (point - first)), column + len(marked.rstrip()) - point


def _run(run: AutoScaleRun) -> Plain:
    return {
        "at": run.timestamp.timestamp(),
        "outcome": run.outcome,
        "before": [run.current_dedicated_nodes, run.current_low_priority_nodes],
        "after": [run.target_dedicated_nodes, run.target_low_priority_nodes],
        "option": run.node_deallocation_option,
        "failed": run.error is not None,
        "statements": [
            {"line": one.line, "target": one.target or "", "type": one.type,
             "source": " ".join(one.source.split()), "value": _value(one.value)}
            for one in run.statements
        ],
        "samples": [
            {"line": one.line, "variable": one.variable, "method": one.method,
             "start": one.start.timestamp(), "end": one.end.timestamp(), "wanted": one.wanted,
             "received": one.received, "percent": one.percent,
             "required": one.required_percent}
            for one in run.samples
        ],
        "why": list(run.explain()),
    }  # fmt: skip


def _value(value: Any) -> str:
    if isinstance(value, tuple):
        shown = ", ".join(f"{number:g}" for number in value[:12])
        return f"[{shown}{', …' if len(value) > 12 else ''}]  {len(value)} values"
    if isinstance(value, timedelta):
        return format_duration(value)
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%S}"
    return f"{value:.10g}" if isinstance(value, float) else str(value)


def library(lab: AutoScaleLab) -> list[list[str]]:
    """Formulas to start with: names and texts."""
    found = [["as opened", lab.formula]]
    found += [[name, getattr(formulas, name)().text] for name in formulas.__all__]
    return found


# -- the pool -------------------------------------------------------------------------------------


def state(lab: AutoScaleLab, window: float) -> Plain:
    """The pool now, its line over time, and its evaluations, newest first."""
    recording = lab.recording
    if recording is None or lab.pool is None:
        return {"pool": None, "lines": None, "history": []}
    end = recording.now
    begin = max(recording.begin, end - window)
    view = lab.pool.view()
    interval = view.auto_scale_evaluation_interval
    return {
        "pool": {
            "state": view.state,
            "allocation": view.allocation_state,
            "enabled": view.enable_auto_scale,
            "formula": view.auto_scale_formula or "",
            "interval": interval.total_seconds() if interval else None,
            "target": view.target_dedicated_nodes + view.target_low_priority_nodes,
            "current": view.current_dedicated_nodes + view.current_low_priority_nodes,
        },
        "lines": _thinned(recording.window(begin)),
        "begin": begin,
        "end": end,
        "history": [_row(run) for run in lab.history[-ROWS:][::-1]],
    }


def _row(run: AutoScaleRun) -> Plain:
    return {
        "at": run.timestamp.timestamp(),
        "before": run.current_dedicated_nodes + run.current_low_priority_nodes,
        "after": run.target_dedicated_nodes + run.target_low_priority_nodes,
        "outcome": run.outcome,
        "error": run.error.code if run.error else "",
    }


def explanation(lab: AutoScaleLab, at: float) -> Plain:
    """Why one evaluation decided as it did."""
    for run in reversed(lab.history):
        if run.timestamp.timestamp() == at:
            return {"at": at, "why": list(run.explain())}
    raise NotFound("ResourceNotFound", "this evaluation is no longer in the pool's history")


def _thinned(lines: dict[str, list[float]]) -> dict[str, list[float]]:
    """Reduce to the points that can be seen, keeping the maxima of waiting tasks."""
    count = len(lines["at"])
    if count <= POINTS:
        return lines
    bounds = [count * part // POINTS for part in range(POINTS + 1)]
    spans = list(pairwise(bounds))
    found = {name: [values[first] for first, _ in spans] for name, values in lines.items()}
    found["waiting"] = [max(lines["waiting"][first:last]) for first, last in spans]
    return found


# -- what if --------------------------------------------------------------------------------------


def load(asked: Plain) -> Plain:
    """The settings of a what-if, as arguments of `AutoScaleLab.what_if`."""
    return {
        "last": timedelta(seconds=float(asked["window"])),
        "load": float(asked["load"]),
        "task_length": float(asked["task_length"]),
        "boot": timedelta(seconds=float(asked["boot"])),
        "auto_scale_evaluation_interval": timedelta(seconds=float(asked["interval"])),
    }


def what_if(lab: AutoScaleLab, asked: Plain, go_on: Callable[[], None]) -> Plain:
    """What a text would have done: its line, and its figures next to the real ones."""
    simulation = lab.what_if(asked["text"], **load(asked), go_on=go_on)
    begin = simulation.begin.timestamp()
    end = begin + simulation.days * 86400
    columns = []
    recording = lab.recording
    size = simulation.vm_size
    if recording is not None:
        was = recording.window(begin, end)
        times = [max(begin, at) for at in was["at"]]
        found = figures(times, was["current"], was["spot"], end, recording.waits(begin, end), size)
        columns.append(["actual", _figures(found)])
    lines = _simulated(simulation)
    found = figures(lines["at"], lines["current"], lines["spot"], end, simulation.waits, size)
    columns.append(["this formula", _figures(found)])
    failed = simulation.failed_evaluation_count
    notes = [f"{failed} of {simulation.evaluation_count} evaluations failed."] * bool(failed)
    if simulation.never_started_count:
        notes.append(f"{simulation.never_started_count:,} tasks still waited at the end.")
    if simulation.requeue_count:
        notes.append(f"Shrinking stopped tasks {simulation.requeue_count:,} times.")
    return {"lines": _thinned(lines), "begin": begin, "end": end, "columns": columns,
            "notes": notes}  # fmt: skip


def _simulated(simulation: Simulation) -> dict[str, list[float]]:
    line, begin = simulation.timeline, simulation.begin.timestamp()
    targets = zip(line["target_dedicated_nodes"], line["target_low_priority_nodes"], strict=True)
    columns = (
        [begin + seconds for seconds in line["seconds"]], [sum(pair) for pair in targets],
        simulation.nodes, line["spot_nodes"], line["waiting_tasks"], line["running_tasks"],
    )  # fmt: skip
    return dict(zip(LINES, columns, strict=True))


def _figures(found: Figures) -> list[str]:
    return [
        f"{found.node_hours:,.1f}",
        "unknown" if found.cost is None else money(found.cost),
        _wait(found.median_wait),
        _wait(found.p95_wait),
        f"{found.most_nodes:,}",
        f"{found.tasks:,}",
    ]


def _wait(seconds: float | None) -> str:
    return "" if seconds is None else span_text(seconds)


# -- apply ----------------------------------------------------------------------------------------


def apply(lab: AutoScaleLab, text: str, interval: float) -> Plain:
    """Enable a formula on the pool, and say what that did; raises `BatchError`."""
    span = timedelta(seconds=float(interval))
    lab.apply(text, auto_scale_evaluation_interval=span)
    assert lab.pool is not None
    said = f"Pool {lab.pool.id} now follows this formula, evaluated every {_minutes(span)}."
    try:
        run = lab.history[-1]
    except (BatchError, IndexError):
        return {"text": said}
    before = run.current_dedicated_nodes + run.current_low_priority_nodes
    after = run.target_dedicated_nodes + run.target_low_priority_nodes
    told = {
        "failed": "The first evaluation failed: the pool stays as it is until the next one.",
        "unchanged": f"The first evaluation keeps its {after} nodes.",
        "resized": f"The first evaluation changes its target from {before} to {after} nodes.",
        "resizing": "The pool is still resizing: the next evaluation will decide.",
    }
    return {"text": f"{said} {told.get(run.outcome, '')}".strip()}


def _minutes(span: timedelta) -> str:
    minutes = span.total_seconds() / 60
    return f"{minutes:g} minutes" if minutes < 60 else format_duration(span)
