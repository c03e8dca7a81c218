"""Figures of a report as PNG, for pages that run no scripts: saved, untrusted or exported ones.

It draws what `figures` makes, and no more: areas and lines over time, and bars.
"""

from __future__ import annotations

import math
from datetime import datetime
from html import unescape
from typing import Any

from batchlab.html import shortened
from batchlab.sheet import INK, LINE, MARGIN, MUTED, SCALE, WIDTH, Sheet

__all__ = ["picture_of"]

LEFT, TOP, AXIS, LEGEND = 66, 34, 36, 20
TICKS = 5
LABEL = 46
"""Characters of the name of a bar."""


def picture_of(figure: Any) -> tuple[bytes, str]:
    """A figure as PNG, and what it shows in words."""
    chart = _Chart(figure)
    return chart.sheet.png(), chart.words


class _Chart:
    def __init__(self, figure: Any) -> None:
        self.traces = list(figure.data)
        title = unescape(figure.layout.title.text)
        flat = bool(self.traces) and self.traces[0].orientation == "h"
        height = int(figure.layout.height or 300)
        named = [trace for trace in self.traces if trace.name]
        legend = LEGEND if len(named) > 1 or figure.layout.showlegend else 0
        self.sheet = Sheet(height)
        self.sheet.text(MARGIN, MARGIN - 2, title, INK, 15)
        self.top, self.bottom = TOP, height - AXIS - legend
        self.left: float = LEFT
        self.right = WIDTH - MARGIN - 10
        of_x = figure.layout.xaxis.title.text or ""
        self.sheet.text(self.right, self.bottom + 19, of_x, MUTED, 11, anchor="ra")
        if flat:
            self._flat_bars(figure.layout.xaxis.tickprefix or "")
        elif self.traces[0].type == "bar":
            self._bars()
        else:
            self._over_time()
        if not flat:
            self.sheet.text(MARGIN, TOP - 6, figure.layout.yaxis.title.text or "", MUTED, 11)
        if legend:
            self._legend(named, height - LEGEND)
        names = ", ".join(unescape(trace.name) for trace in named)
        self.words = f"{title}: a figure of the report" + (f" with {names}." if names else ".")

    # -- scales -----------------------------------------------------------------------------------

    def _y(self, value: float) -> float:
        return self.bottom - (self.bottom - self.top) * value / self.most

    def _x(self, value: float) -> float:
        return self.left + (self.right - self.left) * (value - self.low) / (self.high - self.low)

    def _box(self, left: float, top: float, right: float, bottom: float, colour: str) -> None:
        edges = [round(edge * SCALE) for edge in (left, top, right, bottom)]
        if edges[3] > edges[1]:
            edges[2] = max(edges[2] - 1, edges[0])
            self.sheet.pen.rectangle([*edges[:3], edges[3] - 1], fill=_solid(colour))

    def _rule(self, x0: float, y0: float, x1: float, y1: float) -> None:
        self.sheet.pen.line([x0 * SCALE, y0 * SCALE, x1 * SCALE, y1 * SCALE], LINE, 1)

    def _scale_y(self, most: float) -> None:
        step = _nice_step(most)
        self.most = max(most, step)
        for number in range(int(self.most / step + 1e-9) + 1):
            y = self._y(number * step)
            self._rule(self.left, y, self.right, y)
            self.sheet.text(self.left - 6, y, f"{number * step:g}", MUTED, 11, anchor="rm")

    def _scale_x(self, low: float, high: float, prefix: str = "") -> None:
        self.low, self.high = low, max(high, low + 1e-9)
        step = _nice_step(self.high - low)
        at = math.ceil(low / step - 1e-9) * step
        while at <= self.high + step * 1e-6:
            self._rule(self._x(at), self.top, self._x(at), self.bottom)
            text = f"{prefix}{at:.6g}"
            self.sheet.text(self._x(at), self.bottom + 5, text, MUTED, 11, anchor="ma")
            at += step

    # -- kinds ------------------------------------------------------------------------------------

    def _over_time(self) -> None:
        times = [at for trace in self.traces for at in trace.x]
        self.low, self.high = _seconds(min(times)), _seconds(max(times))
        self.high = max(self.high, self.low + 0.001)
        areas = [trace for trace in self.traces if trace.stackgroup]
        totals = [sum(column) for column in zip(*(trace.y for trace in areas), strict=True)]
        lines = [value for trace in self.traces if not trace.stackgroup for value in trace.y]
        self._scale_y(max([*totals, *lines, 1]))
        base = [0.0] * len(totals)
        for trace in areas:
            upper = [low + value for low, value in zip(base, trace.y, strict=True)]
            for at, then, low, top in zip(trace.x, trace.x[1:], base, upper, strict=False):
                self._box(self._x(_seconds(at)), self._y(top), self._x(_seconds(then)),
                          self._y(low), trace.fillcolor)  # fmt: skip
            base = upper
        for trace in self.traces:
            if not trace.stackgroup:
                self._line(trace)
        form = "%H:%M:%S" if self.high - self.low < 600 else "%H:%M"
        for part in range(TICKS):
            at = self.low + (self.high - self.low) * part / (TICKS - 1)
            text = datetime.fromtimestamp(at, tz=times[0].tzinfo).strftime(form)
            edge = "la" if part == 0 else "ra" if part == TICKS - 1 else "ma"
            self.sheet.text(self._x(at), self.bottom + 5, text, MUTED, 11, anchor=edge)

    def _line(self, trace: Any) -> None:
        places = [self._x(_seconds(at)) for at in trace.x]
        corners = []
        for x, after, value in zip(places, [*places[1:], places[-1]], trace.y, strict=True):
            y = self._y(value)
            corners += [(x * SCALE, y * SCALE), (after * SCALE, y * SCALE)]
            if trace.fill:
                self._box(x, y, after, self.bottom, trace.fillcolor)
        self.sheet.pen.line(corners, trace.line.color, SCALE)

    def _bars(self) -> None:
        width = self.traces[0].width
        centres = [at for trace in self.traces for at in trace.x]
        heights: dict[float, float] = {}
        for trace in self.traces:
            for at, value in zip(trace.x, trace.y, strict=True):
                heights[at] = heights.get(at, 0) + value
        self._scale_y(max(heights.values(), default=1))
        self._scale_x(max(0.0, min(centres) - width), max(centres) + width)
        base = dict.fromkeys(heights, 0.0)
        for trace in self.traces:
            for at, value in zip(trace.x, trace.y, strict=True):
                low, base[at] = base[at], base[at] + value
                edges = self._x(at - width / 2), self._x(at + width / 2)
                self._box(edges[0], self._y(base[at]), edges[1], self._y(low), trace.marker.color)

    def _flat_bars(self, prefix: str) -> None:
        rows = list(dict.fromkeys(name for trace in self.traces for name in trace.y))
        texts = [shortened(unescape(name), LABEL) for name in rows]
        single = len(rows) == 1 and rows[0] == "cost"
        self.left = MARGIN if single else MARGIN + 8 + max(
            self.sheet.length(text, 11) for text in texts
        )  # fmt: skip
        totals = dict.fromkeys(rows, 0.0)
        for trace in self.traces:
            for name, value in zip(trace.y, trace.x, strict=True):
                totals[name] += value
        self._scale_x(0, max([*totals.values(), 1e-9]), prefix)
        tall = (self.bottom - self.top) / len(rows)
        base = dict.fromkeys(rows, 0.0)
        for trace in self.traces:
            colours = trace.marker.color
            for place, (name, value) in enumerate(zip(trace.y, trace.x, strict=True)):
                top = self.bottom - tall * (rows.index(name) + 0.86)
                colour = colours if isinstance(colours, str) else colours[place]
                self._box(self._x(base[name]), top, self._x(base[name] + value),
                          top + tall * 0.72, colour)  # fmt: skip
                base[name] += value
        for row, text in enumerate(texts if not single else ()):
            middle = self.bottom - tall * (row + 0.5)
            self.sheet.text(self.left - 6, middle, text, INK, 11, anchor="rm")

    def _legend(self, traces: list[Any], top: float) -> None:
        x = float(MARGIN)
        for trace in traces:
            bar = trace.type == "bar"
            colour = trace.marker.color if bar else trace.fillcolor or trace.line.color
            box = [x * SCALE, (top + 2) * SCALE, (x + 11) * SCALE, (top + 11) * SCALE]
            self.sheet.pen.rounded_rectangle(box, 2 * SCALE, _solid(colour))
            text = unescape(trace.name)
            self.sheet.text(x + 15, top + 6, text, MUTED, 11, anchor="lm")
            x += 28 + self.sheet.length(text, 11)


def _seconds(at: datetime) -> float:
    return at.timestamp()


def _solid(colour: Any) -> str:
    """A colour without transparency, which the few colours of a picture have not: on grey."""
    if not (isinstance(colour, str) and colour.startswith("rgba(")):
        return str(colour)
    *parts, share = (float(part) for part in colour[5:-1].split(","))
    mixed = [round(128 + (part - 128) * max(share, 0.55)) for part in parts]
    return "#{:02x}{:02x}{:02x}".format(*mixed)


def _nice_step(span: float) -> float:
    """A round distance of marks, about five in a span."""
    rough = max(span, 1e-9) / TICKS
    power = 10.0 ** math.floor(math.log10(rough))
    return next(step * power for step in (1, 2, 2.5, 5, 10) if step * power >= rough * 0.999)
