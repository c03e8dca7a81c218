"""Runs as bars on a sheet: a row for each node, with a lane for each slot, and their legend."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from batchlab.colours import either, ink_on
from batchlab.core.state.states import Legend
from batchlab.history.schema import KINDS, NODE_TASKS, OUTCOMES, RUNS, look_of
from batchlab.html import shortened
from batchlab.sheet import MARGIN, MUTED, SCALE, Sheet
from batchlab.words import natural, node_name

__all__ = ["GUTTER", "LOAD", "ROW", "RunBars", "legend", "node_key"]

GUTTER, ROW = 64, 14
LOAD = {
    "running": Legend("running", "going"),
    "waiting": Legend("waiting to start", "asked"),
}
"""The look of tasks over time, from the bottom up."""
_LOOKS = {
    (kind, outcome): look_of(KINDS[kind], (*OUTCOMES, "")[outcome])
    for kind in range(len(KINDS)) for outcome in range(len(OUTCOMES) + 1)
}  # fmt: skip
"""The key in `RUNS` of each kind and outcome; the last outcome is none yet."""
_FAILED = {numbers for numbers, look in _LOOKS.items() if look == "failure"}


class RunBars:
    """The runs of a lab that are to be drawn.

    Parameters
    ----------
    tables : Tables
        Or a copy of their columns and names.
    runs : list of int
        The numbers of the runs.

    Attributes
    ----------
    nodes : list of int
        The numbers of the nodes they ran on, by pool and name.
    begin, end : float
        When the first began and the last ended; now if some are running.
    """

    def __init__(self, tables: Any, runs: list[int]) -> None:
        self.tables, self.runs = tables, runs
        ends = tables.columns["ends"]
        rows = zip(ends["run"], ends["at"], ends["outcome"], strict=True)
        self._ends = {run: (at, outcome) for run, at, outcome in rows}
        columns = tables.columns["runs"]
        running = (0.0, len(OUTCOMES))
        self._looks = {
            run: (columns["kind"][run], self._ends.get(run, running)[1]) for run in runs
        }
        self.nodes = sorted({columns["node"][run] for run in runs}, key=partial(node_key, tables))
        self.begin = min((columns["start"][run] for run in runs), default=tables.now)
        self.end = max(tables.now, self.begin + 0.001)
        if runs and all(run in self._ends for run in runs):
            self.end = max(self.begin + 0.001, *(self._ends[run][0] for run in runs))

    @property
    def looks(self) -> set[str]:
        """The keys in `RUNS` that are in use."""
        return {_LOOKS[number] for number in set(self._looks.values())}

    def _look(self, run: int) -> str:
        return _LOOKS[self._looks[run]]

    def draw(
        self, sheet: Sheet, nodes: Sequence[int], top: float, begin: float, scale: float
    ) -> None:
        """Draw the runs of some nodes, a row for each.

        Parameters
        ----------
        sheet : Sheet
        nodes : sequence of int
        top : float
        begin : float
            The time at the left edge.
        scale : float
            Units per second.
        """
        columns = self.tables.columns["runs"]
        left, now = MARGIN + GUTTER, self.end
        place = {node: row for row, node in enumerate(nodes)}
        lanes = self.lanes
        failed = [run for run in self.runs if self._looks[run] in _FAILED]
        for tasks, layer in ((False, self.runs), (True, self.runs), (True, failed)):
            for run in layer:
                row = place.get(columns["node"][run])
                slots = columns["slots"][run]
                if row is None or (slots > 0) != tasks:
                    continue
                end, _ = self._ends.get(run, (now, -1))
                x = left + (columns["start"][run] - begin) * scale
                until = left + (end - begin) * scale
                y, tall = top + row * ROW + 1.0, ROW - 2.0
                if slots:
                    tall /= lanes
                    y += tall * min(columns["lane"][run], lanes - 1)
                    tall *= min(slots, lanes)
                least = 2 if layer is failed else 0.7
                colour = either(RUNS[self._look(run)].colour)
                _bar(sheet, (x, y, until, y + tall), least, colour, self._name(run))
        several = len({self.tables.columns["nodes"]["pool"][node] for node in nodes}) > 1
        for node, row in place.items():
            name = node_name(self.tables.node_ids[node])
            if several:
                pool = self.tables.pool_ids[self.tables.columns["nodes"]["pool"][node]]
                name = f"{shortened(pool, 6)} {name.removeprefix('node ')}"
            middle = top + row * ROW + ROW / 2
            sheet.text(left - 6, middle, name, MUTED, 11, anchor="rm")

    def _name(self, run: int) -> str:
        """The label of a run: the id of its task, or its kind."""
        kind = KINDS[self.tables.columns["runs"]["kind"][run]]
        return str(NODE_TASKS.get(kind, self.tables.labels[run]))

    @property
    def lanes(self) -> int:
        """How many lanes a row has: as many as are used at once, at most the slots of a node.

        The next task of a node may start before the last subtask of the previous one has ended
        elsewhere. Both are then in one lane.
        """
        columns = self.tables.columns["runs"]
        slotted = [run for run in self.runs if columns["slots"][run]]
        most = max((columns["lane"][run] + columns["slots"][run] for run in slotted), default=1)
        pool_states = self.tables.columns["pool_states"]
        slots = dict(zip(pool_states["pool"], pool_states["slots"], strict=True))
        pools = {self.tables.columns["nodes"]["pool"][columns["node"][run]] for run in self.runs}
        return min(most, max((slots.get(pool, most) for pool in pools), default=most))


def node_key(tables: Any, node: int) -> tuple[int, list[tuple[bool, int, str]]]:
    """By what nodes are sorted: their pool, and their name."""
    return tables.columns["nodes"]["pool"][node], natural(tables.node_ids[node])


def legend(sheet: Sheet, looks: set[str], top: float, load: Sequence[str] = ()) -> None:
    """The legend of the colours in use; those of `load` mean tasks, unless runs have the same."""
    x = float(MARGIN + GUTTER)
    for name, (words, role) in RUNS.items():
        if name in looks:
            x = key(sheet, x, top, words, either(role))
    for name in load:
        if name not in looks:
            x = key(sheet, x, top, LOAD[name].label, either(LOAD[name].colour))


def key(sheet: Sheet, x: float, top: float, words: str, colour: str) -> float:
    """One entry of a legend; where the next one begins."""
    box = [x * SCALE, (top + 1) * SCALE, (x + 12) * SCALE, (top + 9) * SCALE]
    sheet.pen.rounded_rectangle(box, 2 * SCALE, colour)
    sheet.text(x + 16, top + 5, words, MUTED, 11, anchor="lm")
    return x + 28 + sheet.length(words, 11)


def _bar(
    sheet: Sheet, place: tuple[float, float, float, float], least: float, colour: str, name: str
) -> None:
    """One run, with its name if it fits, and a gap before the next one."""
    left, top, right, bottom = (round(edge * SCALE) for edge in place)
    right = max(right - (3 if right - left > 8 else 1), left + round(least * SCALE) - 1)
    sheet.pen.rectangle([left, top, right, max(top, bottom - 2)], fill=colour)
    if bottom - top >= 11 * SCALE and sheet.length(name, 9) * SCALE <= right - left - 8:
        middle = (place[1] + place[3]) / 2
        sheet.text(place[0] + 4, middle, name, ink_on(colour), 9, anchor="lm")
