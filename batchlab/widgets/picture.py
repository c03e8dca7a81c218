"""Pictures of a lab, a pool or a job for saved notebooks: the nodes, and what ran on them.

They show the same as the live displays, in the same colours. They are drawn only from the tables
of the lab, so they can still be drawn after it has closed. A pool that was deleted is shown as it
was before.
"""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

from batchlab.colours import either, ink_on
from batchlab.core.state.states import NODE
from batchlab.drivers.ports import Connection
from batchlab.history.schema import (
    KINDS,
    NODE_STATES,
    NODE_TASKS,
    OUTCOMES,
    POOL_STATES,
    RUNS,
    look_of,
)
from batchlab.history.watch import watch
from batchlab.widgets.html import shortened
from batchlab.widgets.sheet import INK, LINE, MARGIN, MUTED, SCALE, WIDTH, Sheet, clock, end_of
from batchlab.words import natural, node_name, plural

__all__ = ["Picture", "picture"]

LEFT = {NODE_STATES.index(name) for name in ("leavingpool", "deleted")}
GONE = {POOL_STATES.index(name) for name in ("deleting", "deleted")}

GUTTER, ROW, KEY, MOST_ROWS, MOST_CELLS = 64, 14, 18, 16, 2000


def picture(connection: Connection, kind: str, target: dict[str, str]) -> Picture:
    """The picture of a lab, a pool or a job as it is now."""
    found = watch(connection)
    found.catch_up()
    with found.lock:  # copied, because drawing takes long
        tables, now = found.tables, found.tables.now
        copy = SimpleNamespace(
            columns={
                table: {name: column[:] for name, column in columns.items()}
                for table, columns in tables.columns.items()
            },
            pool_ids=tables.pool_ids[:], job_ids=tables.job_ids[:], node_ids=tables.node_ids[:],
            labels=tables.labels[:], now=now,
        )  # fmt: skip
    return Picture(copy, kind, target)


class Picture:
    """A drawing of the nodes and runs of a lab, a pool or a job.

    Parameters
    ----------
    tables : Tables
        Or a copy of their columns and names.
    kind : {"lab", "pool", "job"}
    target : dict of str

    Attributes
    ----------
    sheet : Sheet
    words : str
        What it shows, in one sentence.
    body : int or None
        Where the heading ends.
    """

    body: int | None = MARGIN + 36
    complete = True

    def __init__(self, tables: Any, kind: str, target: dict[str, str]) -> None:
        self.tables, self.kind, self.target = tables, kind, target
        self.job = _number(tables.job_ids, target.get("job"))
        self.pool = _number(tables.pool_ids, target.get("pool"))
        self._draw()

    def _draw(self) -> None:
        states = self._states()
        runs, ends = self._runs()
        rows = sorted({self.tables.columns["runs"]["node"][run] for run in runs}, key=self._order)
        cell = 24 if len(states) <= 200 else 10 if len(states) <= 1000 else 5
        across = (WIDTH - 2 * MARGIN) // (cell + 3)
        grid = -(-min(len(states), MOST_CELLS) // across) * (cell + 3) if states else 16
        shown = rows[:MOST_ROWS]
        height = 2 * MARGIN + 48 + grid + (len(shown) * ROW + 34 + KEY if shown else 0)
        self.sheet = Sheet(height)
        self._head(states, len(runs), len(rows))
        self._grid(states, cell, across)
        if shown:
            self._keys(runs, ends, MARGIN + 52 + grid)
            self._timeline(runs, ends, shown, len(rows), MARGIN + 54 + grid + KEY)

    def _order(self, node: int) -> tuple[int, list[tuple[bool, int, str]]]:
        return self.tables.columns["nodes"]["pool"][node], natural(self.tables.node_ids[node])

    # -- what there is ----------------------------------------------------------------------------

    def _states(self) -> list[str]:
        """The state of each node that is there, or was until its pool was deleted."""
        nodes, node_states = self.tables.columns["nodes"], self.tables.columns["node_states"]
        pool = self.pool
        if self.kind == "job":
            job_states = self.tables.columns["job_states"]
            pools = dict(zip(job_states["job"], job_states["pool"], strict=True))
            pool = pools.get(self.job, -2)
        ends = self._deletions()
        last: dict[int, int] = {}
        rows = zip(*(node_states[name] for name in ("at", "node", "state")), strict=True)
        for at, node, state in rows:
            end = ends.get(nodes["pool"][node], math.inf)
            if at < end or (at == end and state not in LEFT):
                last[node] = state
        # Deleted pools are part of the past of a lab, unless nothing else is left.
        over = set(ends) if pool == -1 and len(ends) < len(self.tables.pool_ids) else set()
        return [
            NODE_STATES[last[node]]
            for node in sorted(last, key=self._order)
            if NODE_STATES[last[node]] != "deleted"
            and pool in (-1, nodes["pool"][node])
            and nodes["pool"][node] not in over
        ]

    def _deletions(self) -> dict[int, float]:
        """When each pool was deleted that is not there any more."""
        pool_states = self.tables.columns["pool_states"]
        ends: dict[int, float] = {}
        names = ("at", "pool", "state")
        for at, pool, state in zip(*(pool_states[name] for name in names), strict=True):
            if state not in GONE:
                ends.pop(pool, None)
            elif pool not in ends:
                ends[pool] = at
        return ends

    def _runs(self) -> tuple[list[int], dict[int, tuple[float, int]]]:
        """The runs to be shown, and when and how each ended."""
        columns = self.tables.columns
        runs, ends = columns["runs"], columns["ends"]
        over = {
            run: (at, outcome)
            for run, at, outcome in zip(ends["run"], ends["at"], ends["outcome"], strict=True)
        }
        waiting = KINDS.index("waiting")
        chosen = [
            run
            for run in range(len(runs["kind"]))
            if runs["kind"][run] != waiting
            and self.job in (-1, runs["job"][run])
            and self.pool in (-1, columns["nodes"]["pool"][runs["node"][run]])
        ]
        return chosen, over

    def _counts(self) -> tuple[int, int, int, int]:
        counts = self.tables.columns["counts"]
        last = {job: row for row, job in enumerate(counts["job"])}
        if self.kind == "pool":
            job_states = self.tables.columns["job_states"]
            pools = dict(zip(job_states["job"], job_states["pool"], strict=True))
            last = {job: row for job, row in last.items() if pools.get(job) == self.pool}
        rows = [row for job, row in last.items() if self.job in (-1, job)]
        names = ("active", "running", "succeeded", "failed")
        active, running, succeeded, failed = (sum(counts[n][row] for row in rows) for n in names)
        return active, running, succeeded, failed

    # -- what is drawn ----------------------------------------------------------------------------

    def _head(self, states: list[str], runs: int, rows: int) -> None:
        kind = {"lab": "Lab", "pool": "Pool ", "job": "Job "}[self.kind]
        self.sheet.text(MARGIN, MARGIN - 2, kind + self.target.get(self.kind, ""), INK, 15)
        counts = {name: states.count(name) for name in NODE_STATES if name in states}
        nodes = ", ".join(f"{count:,} {name}" for name, count in counts.items())
        active, running, succeeded, failed = self._counts()
        parts = [(succeeded, "succeeded"), (failed, "failed"), (running, "running"),
                 (active, "waiting")]  # fmt: skip
        tasks = ", ".join(f"{count:,} {name}" for count, name in parts if count)
        if len(states) > MOST_CELLS:
            nodes += f" (the first {MOST_CELLS:,} are drawn)"
        told = [f"nodes: {nodes or 'none'}", f"tasks: {tasks or 'none'}"]
        self.sheet.text(MARGIN, MARGIN + 19, "    ".join(told), MUTED, 12)
        if runs:
            told.append(f"timeline of {plural(runs, 'run')} on {plural(rows, 'node')}")
        self.words = "; ".join(told) + "."

    def _grid(self, states: list[str], cell: int, across: int) -> None:
        top = MARGIN + 42
        if not states:
            self.sheet.text(MARGIN, top, "no nodes", MUTED, 11)
        for index, state in enumerate(states[:MOST_CELLS]):
            x = MARGIN + index % across * (cell + 3)
            y = top + index // across * (cell + 3)
            box = [x * SCALE, y * SCALE, (x + cell) * SCALE, (y + cell) * SCALE]
            role, letter = NODE[state].colour, NODE[state].letter
            if cell < 10:
                self.sheet.pen.rectangle(box, fill=either(role))
                continue
            fill = None if role == "idle" else either(role)
            round_ = min(4, cell // 5) * SCALE
            self.sheet.pen.rounded_rectangle(box, round_, fill, either(role), SCALE)
            if cell >= 14:
                self.sheet.text(x + cell / 2, y + cell / 2, letter, ink_on(fill) if fill else INK,
                                12, anchor="mm")  # fmt: skip

    def _keys(self, runs: list[int], ends: dict[int, tuple[float, int]], top: float) -> None:
        """The legend of the colours in use."""
        kinds = self.tables.columns["runs"]["kind"]
        seen = {_known(kinds[run], ends.get(run, (0, -1))[1]) for run in runs}
        x = float(MARGIN + GUTTER)
        for name, (words, role) in RUNS.items():
            if name in seen:
                box = [x * SCALE, (top + 1) * SCALE, (x + 12) * SCALE, (top + 9) * SCALE]
                self.sheet.pen.rounded_rectangle(box, 2 * SCALE, either(role))
                self.sheet.text(x + 16, top + 5, words, MUTED, 11, anchor="lm")
                x += 28 + self.sheet.length(words, 11)

    def _timeline(
        self, runs: list[int], ends: dict[int, tuple[float, int]], rows: list[int], total: int,
        top: int,
    ) -> None:  # fmt: skip
        columns = self.tables.columns["runs"]
        begin = min(columns["start"][run] for run in runs)
        now = max(self.tables.now, begin + 0.001)
        if all(run in ends for run in runs):
            now = max(begin + 0.001, *(ends[run][0] for run in runs))
        scale = (WIDTH - 2 * MARGIN - GUTTER) / (now - begin)
        left = MARGIN + GUTTER
        place = {node: row for row, node in enumerate(rows)}
        lanes = self._lanes(runs)
        failed = [run for run in runs if ends.get(run, (0, 0))[1] == OUTCOMES.index("failure")]
        for tasks, layer in ((False, runs), (True, runs), (True, failed)):
            for run in layer:
                row = place.get(columns["node"][run])
                slots = columns["slots"][run]
                if row is None or (slots > 0) != tasks:
                    continue
                end, outcome = ends.get(run, (now, -1))
                x = left + (columns["start"][run] - begin) * scale
                until = left + (end - begin) * scale
                y, tall = top + row * ROW + 1.0, ROW - 2.0
                if slots:
                    tall /= lanes
                    y += tall * min(columns["lane"][run], lanes - 1)
                    tall *= min(slots, lanes)
                colour = _colour(columns["kind"][run], outcome)
                least = 2 if layer is failed else 0.7
                self._bar((x, y, until, y + tall), least, colour, _name(self.tables, run))
        several = len({self.tables.columns["nodes"]["pool"][node] for node in rows}) > 1
        for node, row in place.items():
            name = node_name(self.tables.node_ids[node])
            if several:
                pool = self.tables.pool_ids[self.tables.columns["nodes"]["pool"][node]]
                name = f"{shortened(pool, 6)} {name.removeprefix('node ')}"
            middle = top + row * ROW + ROW / 2
            self.sheet.text(left - 6, middle, name, MUTED, 11, anchor="rm")
        bottom = top + len(rows) * ROW + 2
        line = [left * SCALE, bottom * SCALE, (WIDTH - MARGIN) * SCALE, bottom * SCALE]
        self.sheet.pen.line(line, LINE, SCALE)
        more = f"    first {len(rows)} of {total:,} nodes" if total > len(rows) else ""
        self.sheet.text(left, bottom + 3, clock(begin) + more, MUTED, 11)
        self.sheet.text(WIDTH - MARGIN, bottom + 3, end_of(begin, now), MUTED, 11, anchor="ra")

    def _bar(
        self, place: tuple[float, float, float, float], least: float, colour: str, name: str
    ) -> None:
        """One run, with its name if it fits, and a gap before the next one."""
        left, top, right, bottom = (round(edge * SCALE) for edge in place)
        right = max(right - (3 if right - left > 8 else 1), left + round(least * SCALE) - 1)
        self.sheet.pen.rectangle([left, top, right, max(top, bottom - 2)], fill=colour)
        if bottom - top >= 11 * SCALE and self.sheet.length(name, 9) * SCALE <= right - left - 8:
            middle = (place[1] + place[3]) / 2
            self.sheet.text(place[0] + 4, middle, name, ink_on(colour), 9, anchor="lm")

    def _lanes(self, runs: list[int]) -> int:
        """How many lanes a row has: as many as are used at once, at most the slots of a node.

        The next task of a node may start before the last subtask of the previous one has ended
        elsewhere. Both are then in one lane.
        """
        columns = self.tables.columns["runs"]
        most = max((columns["lane"][r] + columns["slots"][r] for r in runs if columns["slots"][r]),
                   default=1)  # fmt: skip
        pool_states = self.tables.columns["pool_states"]
        slots = dict(zip(pool_states["pool"], pool_states["slots"], strict=True))
        pools = {self.tables.columns["nodes"]["pool"][columns["node"][run]] for run in runs}
        return min(most, max((slots.get(pool, most) for pool in pools), default=most))


def _number(names: list[str], name: str | None) -> int:
    """The number of a thing; -1 if none was requested, -2 if it does not exist."""
    if name is None:
        return -1
    return names.index(name) if name in names else -2


def _name(tables: Any, run: int) -> str:
    """The label of a run: the id of its task, or its kind."""
    return str(NODE_TASKS.get(KINDS[tables.columns["runs"]["kind"][run]], tables.labels[run]))


def _colour(kind: int, outcome: int) -> str:
    return either(RUNS[_known(kind, outcome)].colour)


def _known(kind: int, outcome: int) -> str:
    """The key in `RUNS`; -1 is no outcome yet."""
    return look_of(KINDS[kind], OUTCOMES[outcome] if outcome >= 0 else "")
