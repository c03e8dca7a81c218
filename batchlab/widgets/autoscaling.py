"""Cards of autoscale formulas and their evaluations."""

from __future__ import annotations

from markupsafe import Markup

from batchlab.autoscale.explain import Sentences
from batchlab.autoscale.lint import Findings
from batchlab.autoscale.results import AutoScaleRun, PythonValue, StatementValue
from batchlab.colours import PINK
from batchlab.errors import BatchError
from batchlab.handles.auto_scaling import AutoScaleHistory
from batchlab.html import NO_MATH, ROWS, card, code, details, muted, table, tag, time_text
from batchlab.laboratory import AutoScaleLab

__all__ = ["findings_text", "history_card", "lab_card", "run_card", "run_line", "sentence_list"]

_COLOUR = PINK
_OUTCOMES = {
    "": "",
    "tried": "evaluated only",
    "resized": "started a resize",
    "unchanged": "changed nothing",
    "resizing": "the pool was still resizing",
    "failed": "failed",
}


def run_card(run: AutoScaleRun) -> Markup:
    """One evaluation: the decision, each statement with its value, and why."""
    pairs = [
        ("Evaluated", time_text(run.timestamp)),
        ("Outcome", _OUTCOMES[run.outcome]),
        ("Dedicated nodes", _change(run.current_dedicated_nodes, run.target_dedicated_nodes)),
        ("Spot nodes",
         _change(run.current_low_priority_nodes, run.target_low_priority_nodes)
         if run.current_low_priority_nodes or run.target_low_priority_nodes else ""),
        ("Deallocation option", run.node_deallocation_option),
    ]  # fmt: skip
    error = []
    if run.error is not None:
        error = [tag("p", f"{run.error.code}: {run.error.values.get('Message', '')}"),
                 tag("pre", run.error.excerpt)]  # fmt: skip
    rows = [_statement(statement) for statement in run.statements[:ROWS]]
    grid = table("", ("line", "statement", "type", "value"), rows, numbers=("line",),
                 left_out=len(run.statements) - len(rows)) if rows else Markup()  # fmt: skip
    why = tag("ul", *(tag("li", sentence) for sentence in run.explain()))
    return card("Evaluation", "", pairs, *error, grid, details("Why", why), colour=_COLOUR)


def sentence_list(sentences: Sentences) -> Markup:
    """Why a formula decided as it did; text in backticks is code."""
    return tag("ul", *(tag("li", *_with_code(line)) for line in sentences), cls=NO_MATH)


def _with_code(line: str) -> list[str]:
    parts = line.split("`")
    return [tag("code", part) if odd % 2 else part for odd, part in enumerate(parts)]


def findings_text(findings: Findings) -> Markup:
    """Findings about a formula, with marks under the text."""
    return tag("pre", repr(findings), cls=NO_MATH)


def history_card(history: AutoScaleHistory) -> Markup:
    """The latest evaluations of a pool, newest first."""
    shown = history[-ROWS:][::-1]
    rows = [
        (
            f"{run.timestamp:%Y-%m-%d %H:%M:%S}",
            _change(run.current_dedicated_nodes, run.target_dedicated_nodes),
            _change(run.current_low_priority_nodes, run.target_low_priority_nodes),
            _OUTCOMES[run.outcome],
            run.error.code if run.error else "",
        )
        for run in shown
    ]
    columns = ("evaluated", "dedicated", "spot", "outcome", "error")
    grid = table("", columns, rows, left_out=len(history) - len(rows)) if rows else (
        muted("no evaluations yet")
    )  # fmt: skip
    return card("Evaluations", "", [], grid, colour=_COLOUR)


def lab_card(lab: AutoScaleLab) -> Markup:
    """A formula, and what it decides now."""
    try:
        decided = run_card(lab.evaluate())
    except BatchError as error:
        decided = tag("pre", str(error))
    return card(
        "Autoscale", lab.pool.id if lab.pool else "", [], tag("pre", lab.formula), decided,
        colour=_COLOUR,
    )  # fmt: skip


def run_line(run: AutoScaleRun | None) -> str:
    """One evaluation in a line; empty where there is none."""
    if run is None:
        return ""
    said = run.error.code if run.error else _OUTCOMES[run.outcome]
    return f"{run.timestamp:%H:%M:%S} UTC: {said}"


def _statement(statement: StatementValue) -> tuple[str, ...]:
    source = " ".join(statement.source.split())
    return str(statement.line), code(source), statement.type, _value(statement.value)


def _value(value: PythonValue) -> str:
    if isinstance(value, tuple):
        shown = ", ".join(f"{number:g}" for number in value[:6])
        return f"{shown}{' …' if len(value) > 6 else ''} ({len(value)})"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _change(before: int, after: int) -> str:
    return str(after) if before == after else f"{before} → {after}"
