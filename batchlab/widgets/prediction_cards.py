"""Cards of predictions: the question, and later what was predicted beside what happened."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from markupsafe import Markup

from batchlab.colours import BLUE, ORANGE
from batchlab.html import card, details, image, join, table, tag
from batchlab.predictions import Prediction, PredictionOutcome
from batchlab.words import span_text

__all__ = ["outcome_card", "prediction_card"]

YOURS, REAL = ORANGE, BLUE
Rows: TypeAlias = "list[tuple[str, Any, str]]"
"""Labels, values and colours."""
WIDE, HIGH, LEFT, BOTTOM = 640, 190, 46, 24


def prediction_card(prediction: Prediction) -> Markup:
    """The question, what may be answered, and the answer."""
    kind = prediction.kind
    asked = tag("p", prediction.question)
    if prediction.answer is None:
        how = tag("p", f"Think of {kind.how}, before you read on.", cls="bl-muted")
        return card("Predict", "", [], asked, how, colour=YOURS)
    text = kind.text(prediction.answer)
    how = tag("p", tag("strong", "Your prediction: "), text)
    rows: Rows = [("Your prediction", prediction.answer, YOURS)]
    alt = f"{prediction.question} Your prediction: {text}"
    drawn = _curves(kind, rows, alt) if kind.name == "curve" else ""
    return card("Predict", "", [], asked, how, drawn, colour=YOURS)


def outcome_card(outcome: PredictionOutcome) -> Markup:
    """Both over each other; folded if nothing was predicted."""
    said = tag("p", tag("strong", outcome.sentence))
    drawn = _DRAWN[outcome.kind.name](outcome)
    if outcome.answer is None:
        hidden = details("What happened", said, drawn)
        return card("Prediction", "", [], tag("p", outcome.question), hidden, colour=REAL)
    return card("Prediction", "", [], tag("p", outcome.question), said, drawn, colour=REAL)


def _rows(outcome: PredictionOutcome) -> Rows:
    rows: Rows = [
        ("Your prediction", outcome.answer, YOURS),
        ("What happened", outcome.actual, REAL),
    ]
    return [row for row in rows if row[1] is not None]


def _number(outcome: PredictionOutcome) -> Markup:
    """Two bars on one scale."""
    rows = _rows(outcome)
    most = max(abs(value) for _, value, _ in rows) or 1
    lines = []
    for label, value, colour in rows:
        wide = max(1.0, 100 * abs(value) / most) if value else 0
        style = f"display: block; height: 9px; border-radius: 3px; background: {colour}; width: "
        bar = tag("span", cls="bl-part", style=f"{style}{wide:.1f}%")
        text = tag("p", tag("span", label + ": ", cls="bl-muted"), outcome.kind.text(value),
                   style="margin-bottom: 1px")  # fmt: skip
        lines += [text, tag("div", bar, style="max-width: 22em; margin-bottom: 7px")]
    return tag("div", *lines)


def _choice(outcome: PredictionOutcome) -> Markup:
    marks = []
    for choice in outcome.kind.options["choices"]:
        yours = "your prediction" if choice == outcome.answer else ""
        real = "what happened" if choice == outcome.actual else ""
        text = tag("strong", choice) if real else choice
        marks.append(tag("li", text, " ", tag("span", ", ".join(filter(None, (yours, real))),
                                              cls="bl-muted")))  # fmt: skip
    return tag("ul", *marks)


def _order(outcome: PredictionOutcome) -> Markup:
    if outcome.answer is None:
        return tag("ol", *(tag("li", item) for item in outcome.actual))
    pairs = zip(outcome.answer, outcome.actual, strict=True)
    rows = [(str(place), guess, real, "✓" if guess == real else "")
            for place, (guess, real) in enumerate(pairs, 1)]  # fmt: skip
    return table("", ("place", "your prediction", "what happened", "right"), rows)


def _curve(outcome: PredictionOutcome) -> Markup:
    """Both curves over time, as a picture that needs no trust."""
    alt = f"{outcome.question} {outcome.sentence}"
    return _curves(outcome.kind, _rows(outcome), alt)


def _curves(kind: Any, rows: Rows, alt: str) -> Markup:
    most = max(kind.most, *(max(value) for _, value, _ in rows))
    parts = []
    for part in (0, 0.5, 1):
        y = 8 + (HIGH - BOTTOM - 8) * (1 - part)
        x = LEFT + (WIDE - 8 - LEFT) * part
        parts.append(tag("line", x1=str(LEFT), x2=str(WIDE - 8), y1=f"{y:.1f}", y2=f"{y:.1f}",
                         stroke="#8b93a0", stroke_opacity="0.4"))  # fmt: skip
        anchor = {0: "start", 0.5: "middle", 1: "end"}[part]
        parts.append(_text(LEFT - 6, y + 4, f"{most * part:g}", "end"))
        when = span_text(kind.seconds * part) if part else "start"
        parts.append(_text(x, HIGH - 8, when, anchor))
    for _, values, colour in rows:
        parts.append(_line(values, most, colour))
    svg = tag("svg", *parts, xmlns="http://www.w3.org/2000/svg", width=str(WIDE),
              height=str(HIGH), viewBox=f"0 0 {WIDE} {HIGH}")  # fmt: skip
    key = join(
        tag("span", tag("span", cls="bl-dot", style=f"background: {colour}"), label + "  ",
            style="margin-right: 1em")
        for label, _, colour in rows
    )  # fmt: skip
    unit = tag("span", kind.unit, cls="bl-muted")
    return tag("div", tag("div", key, unit), image(svg.encode(), "svg+xml", alt, WIDE))


def _text(x: float, y: float, text: str, anchor: str) -> Markup:
    return tag("text", text, x=f"{x:.1f}", y=f"{y:.1f}", fill="#767c85", font_size="11",
               font_family="sans-serif", text_anchor=anchor)  # fmt: skip


def _line(values: list[float], most: float, colour: str) -> Markup:
    wide = (WIDE - 8 - LEFT) / len(values)
    corners = "".join(
        f"{'L' if column else 'M'}{LEFT + column * wide:.1f} "
        f"{8 + (HIGH - BOTTOM - 8) * (1 - max(0.0, value) / most):.1f}"
        f"H{LEFT + (column + 1) * wide:.1f}"
        for column, value in enumerate(values)
    )
    return tag("path", d=corners, fill="none", stroke=colour, stroke_width="2.5",
               stroke_linejoin="round")  # fmt: skip


_DRAWN: dict[str, Callable[[PredictionOutcome], Markup]] = {
    "number": _number, "choice": _choice, "order": _order, "curve": _curve,
}  # fmt: skip
