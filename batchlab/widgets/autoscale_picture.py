"""The picture of an `AutoScaleLab` for saved notebooks: the formula, and the pool over time."""

from __future__ import annotations

from batchlab.colours import GREEN, ORANGE, VERMILLION, either
from batchlab.errors import BatchError
from batchlab.html import shortened
from batchlab.laboratory import AutoScaleLab
from batchlab.sheet import INK, LINE, MARGIN, MUTED, SCALE, WIDTH, Sheet, clock
from batchlab.widgets.autoscale_answers import state
from batchlab.words import plural

__all__ = ["lab_picture"]

GUTTER, ROW, BAND = 30, 15, 62
MOST_LINES, MOST_CHARACTERS = 12, 104
WINDOW_S = 24 * 3600.0
BANDS = (
    (("current", either("aside"), "nodes"), ("target", VERMILLION, "target")),
    (("waiting", ORANGE, "waiting tasks"), ("running", GREEN, "running tasks")),
)


def lab_picture(lab: AutoScaleLab) -> _Picture:
    """The picture of the formula and, where there is a pool, of its last day."""
    try:
        return _Picture(lab, state(lab, WINDOW_S))
    except BatchError:
        picture = _Picture(lab, {"pool": None, "lines": None})
        picture.complete = False
        return picture


class _Picture:
    body: int | None = None
    """Where the charts begin, if there are any."""
    complete = True
    """Whether the lab could be queried."""

    def __init__(self, lab: AutoScaleLab, told: dict[str, object]) -> None:
        self.title = f"Autoscale of pool {lab.pool.id}" if lab.pool else "Autoscale formula"
        self.told = told
        lines = lab.formula.rstrip().split("\n")
        self.text = [shortened(line, MOST_CHARACTERS) for line in lines[:MOST_LINES]]
        if len(lines) > MOST_LINES:
            self.text.append(f"… and {plural(len(lines) - MOST_LINES, 'more line')}")
        self._draw()

    def _draw(self) -> None:
        code = len(self.text) * ROW + 14
        charted = bool(self.told["lines"] and self.told["lines"]["at"])  # type: ignore[index]
        height = MARGIN * 2 + 44 + code + (2 * BAND + 62 if charted else 0)
        self.sheet = Sheet(height)
        self.sheet.text(MARGIN, MARGIN - 2, self.title, INK, 15)
        self.sheet.text(MARGIN, MARGIN + 19, self._summary(), MUTED, 12)
        top = MARGIN + 40
        box = [MARGIN * SCALE, top * SCALE, (WIDTH - MARGIN) * SCALE, (top + code) * SCALE]
        self.sheet.pen.rounded_rectangle(box, 6 * SCALE, None, LINE, 1)
        for number, line in enumerate(self.text):
            self.sheet.text(MARGIN + 10, top + 6 + number * ROW, line, INK, 12)
        if charted:
            self.body = top + code + 6
            self._chart(top + code + 10)
        self.words = f"{self.title}: {self._summary()}."

    def _summary(self) -> str:
        pool = self.told["pool"]
        if not isinstance(pool, dict):
            return "no pool"
        follows = "autoscale is on" if pool["enabled"] else "autoscale is off"
        return f"{follows}; {pool['current']} of {pool['target']} nodes"

    def _chart(self, top: float) -> None:
        lines, begin, end = (self.told[name] for name in ("lines", "begin", "end"))
        assert isinstance(lines, dict)
        assert isinstance(begin, float)
        assert isinstance(end, float)
        left, right = MARGIN + GUTTER, WIDTH - MARGIN
        scale = (right - left) / max(end - begin, 1.0)
        for number, band in enumerate(BANDS):
            y = top + 16 + number * (BAND + 18)
            most = max(1, *(max(lines[name]) for name, _, _ in band))
            x = float(left)
            for _, colour, label in band:
                self.sheet.text(x, y - 15, label, colour, 11)
                x += 10 + self.sheet.fonts[11].getlength(label) / SCALE
            for value in (0, most):
                at = y + BAND * (1 - value / most)
                ends = [left * SCALE, at * SCALE, right * SCALE, at * SCALE]
                self.sheet.pen.line(ends, LINE, 1)
                self.sheet.text(left - 5, at, f"{value:g}", MUTED, 11, anchor="rm")
            for name, colour, _ in band:
                points = self._corners(lines["at"], lines[name], begin, end, left, scale)
                path = [(px * SCALE, (y + BAND * (1 - value / most)) * SCALE)
                        for px, value in points]  # fmt: skip
                self.sheet.pen.line(path, colour, 2 * SCALE if name != "target" else SCALE)
        bottom = top + 2 * BAND + 38
        self.sheet.text(left, bottom, clock(begin), MUTED, 11)
        self.sheet.text(right, bottom, clock(end), MUTED, 11, anchor="ra")

    def _corners(
        self, times: list[float], values: list[float], begin: float, end: float, left: float,
        scale: float,
    ) -> list[tuple[float, float]]:  # fmt: skip
        found = []
        for at, then, value in zip(times, [*times[1:], end], values, strict=True):
            found += [(left + (max(at, begin) - begin) * scale, value),
                      (left + (max(then, begin) - begin) * scale, value)]  # fmt: skip
        return found
