"""Two runs beside each other: a picture of both on one time axis."""

from __future__ import annotations

from collections.abc import Iterator

from batchlab.history.schema import KINDS
from batchlab.html import shortened
from batchlab.job_comparison import JobComparison
from batchlab.reports.run_comparison import ComparedRun
from batchlab.sheet import INK, LINE, MARGIN, MUTED, SCALE, WIDTH, Sheet
from batchlab.widgets.load_area import AREA, draw_load
from batchlab.widgets.run_bars import GUTTER, ROW, RunBars, legend
from batchlab.words import plural, span_text

__all__ = ["ComparisonPicture"]

MOST_ROWS = 12
"""Nodes of each run."""
HEAD, GAP = 20, 16
TICKS = (1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 4 * 3600, 12 * 3600)
"""Distances of labels on the time axis, in seconds."""


class ComparisonPicture:
    """Both runs under each other: their tasks over time, and what ran on their nodes.

    Attributes
    ----------
    sheet : Sheet
    words : str
        What it shows, in one sentence.
    """

    body = 0
    complete = True

    def __init__(self, comparison: JobComparison) -> None:
        self._runs = (comparison.a, comparison.b)
        self._bars = [_bars(run) for run in self._runs]
        pairs = list(zip(self._runs, self._bars, strict=True))
        self._span = max(max(bars.end - run.begin, run.seconds, 0.001) for run, bars in pairs)
        self._scale = (WIDTH - 2 * MARGIN - GUTTER) / self._span
        rows = [min(len(bars.nodes), MOST_ROWS) for bars in self._bars]
        heights = [HEAD + AREA + 8 + count * ROW + GAP for count in rows]
        self.sheet = Sheet(2 * MARGIN + 20 + sum(heights) + 6)
        looks = set().union(*(bars.looks for bars in self._bars))
        legend(self.sheet, looks, MARGIN, ("running", "waiting"))
        self._most = max(max(map(sum, zip(*run.load.columns.values(), strict=True)))
                         for run in self._runs)  # fmt: skip
        top = MARGIN + 20.0
        for run, bars, height in zip(self._runs, self._bars, heights, strict=True):
            self._lines(top + HEAD - 2, top + height - GAP + 4)
            self._section(run, bars, top)
            top += height
        self._axis(top - GAP + 6)
        said = [f"{run.name} took {_took(run)}" for run in self._runs]
        self.words = f"Two runs on one time axis: {' and '.join(said)}."

    def _section(self, run: ComparedRun, bars: RunBars, top: float) -> None:
        text = shortened(run.name, 48)
        self.sheet.text(MARGIN, top, text, INK, 12)
        more = len(bars.nodes) - MOST_ROWS
        told = _took(run) + f", on {plural(len(bars.nodes), 'node')}"
        told += f" (the first {MOST_ROWS} are drawn)" if more > 0 else ""
        self.sheet.text(MARGIN + self.sheet.length(text, 12) + 10, top + 1, told, MUTED, 11)
        top += HEAD
        draw_load(self.sheet, run.load, top, run.begin, self._scale, self._most)
        top += AREA + 8
        bars.draw(self.sheet, bars.nodes[:MOST_ROWS], top, run.begin, self._scale)

    def _ticks(self) -> Iterator[tuple[float, float]]:
        """Round times since the beginning, and their places."""
        step = next((tick for tick in TICKS if self._span / tick <= 8), self._span / 6)
        for number in range(int(self._span / step) + 1):
            yield number * step, MARGIN + GUTTER + number * step * self._scale

    def _lines(self, top: float, bottom: float) -> None:
        for _, x in self._ticks():
            self.sheet.pen.line([x * SCALE, top * SCALE, x * SCALE, bottom * SCALE], LINE, 1)

    def _axis(self, top: float) -> None:
        for at, x in self._ticks():
            edge = "ra" if x > WIDTH - MARGIN - 20 else "ma" if at else "la"
            self.sheet.text(x, top, span_text(at) if at else "start", MUTED, 11, edge)


def _bars(run: ComparedRun) -> RunBars:
    history = run.numbers.history
    columns, waiting, jobs = (
        history.tables.columns["runs"],
        KINDS.index("waiting"),
        {*history.jobs},
    )
    return RunBars(history.tables, [
        number for number in range(len(columns["kind"]))
        if columns["kind"][number] != waiting and columns["start"][number] >= run.begin
        and (history.kind == "lab" or columns["job"][number] in jobs)
    ])  # fmt: skip


def _took(run: ComparedRun) -> str:
    left = f" so far, {plural(run.tasks_left, 'task')} left" if run.tasks_left else ""
    return span_text(run.seconds) + left
