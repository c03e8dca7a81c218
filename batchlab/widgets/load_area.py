"""Running and waiting tasks over time, as an area on a sheet."""

from __future__ import annotations

from batchlab.colours import either
from batchlab.history.series import Series
from batchlab.sheet import LINE, MARGIN, MUTED, SCALE, WIDTH, Sheet
from batchlab.widgets.run_bars import GUTTER, LOAD

__all__ = ["AREA", "draw_load"]

AREA = 34
"""Its height."""


def draw_load(
    sheet: Sheet, load: Series, top: float, begin: float, scale: float, most: float
) -> None:
    """Draw the tasks over time, as `load` counts them.

    Parameters
    ----------
    sheet : Sheet
    load : Series
    top : float
    begin : float
        The time at the left edge.
    scale : float
        Units per second.
    most : float
        The number of tasks at the upper edge.
    """
    left, bottom = MARGIN + GUTTER, top + AREA
    tall = AREA / max(most, 1)
    load = load.thinned(WIDTH * SCALE)
    ends = [*load.times[1:], load.end]
    for number, (since, until) in enumerate(zip(load.times, ends, strict=True)):
        edges = [(left + (max(at, begin) - begin) * scale) * SCALE for at in (since, until)]
        base = bottom
        for name, look in LOAD.items():
            upper = base - load.columns[name][number] * tall
            if upper < base and edges[1] > edges[0]:
                right = max(edges[0] + 1, edges[1] - 1)
                low = base * SCALE - 1
                box = [edges[0], min(upper * SCALE, low), right, low]
                sheet.pen.rectangle(box, fill=either(look.colour))
            base = upper
    right = left + (load.end - begin) * scale
    sheet.pen.line([left * SCALE, bottom * SCALE, right * SCALE, bottom * SCALE], LINE, SCALE)
    sheet.text(left - 6, bottom, "0", MUTED, 9, anchor="rs")
    sheet.text(left - 6, top, f"{most:,.0f} tasks", MUTED, 9, anchor="ra")
