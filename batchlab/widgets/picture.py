"""Pictures of a lab, a pool or a job for saved notebooks: the nodes, and what ran on them.

They show the same as the live displays, in the same colours. They are drawn only from the tables
of the lab, so they can still be drawn after it has closed. A pool that was deleted is shown as it
was before.
"""

from __future__ import annotations

import math
from functools import partial
from types import SimpleNamespace
from typing import Any

from batchlab.colours import either, ink_on
from batchlab.core.state.states import NODE
from batchlab.drivers.ports import Connection
from batchlab.history.load import load_of
from batchlab.history.schema import KINDS, NODE_STATES, POOL_STATES
from batchlab.history.watch import watch
from batchlab.sheet import INK, LINE, MARGIN, MUTED, SCALE, WIDTH, Sheet, clock, end_of
from batchlab.widgets.load_area import AREA, draw_load
from batchlab.widgets.run_bars import GUTTER, ROW, RunBars, legend, node_key
from batchlab.words import plural

__all__ = ["Picture", "picture"]

LEFT = {NODE_STATES.index(name) for name in ("leavingpool", "deleted")}
GONE = {POOL_STATES.index(name) for name in ("deleting", "deleted")}

KEY, MOST_ROWS, MOST_CELLS = 18, 16, 2000


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
        states, jobs = self._states(), self._jobs()
        bars = self.bars = RunBars(self.tables, self._runs())
        cell = 24 if len(states) <= 200 else 10 if len(states) <= 1000 else 5
        across = (WIDTH - 2 * MARGIN) // (cell + 3)
        grid = -(-min(len(states), MOST_CELLS) // across) * (cell + 3) if states else 16
        shown = bars.nodes[:MOST_ROWS]
        load = load_of(self.tables, jobs, bars.begin, bars.end)
        most = max(map(sum, zip(*load.columns.values(), strict=True)))
        area = AREA + 10 if shown and most else 0
        height = 2 * MARGIN + 48 + grid + (len(shown) * ROW + 34 + KEY + area if shown else 0)
        self.sheet = Sheet(height)
        self._head(states, jobs, len(bars.runs), len(bars.nodes))
        self._grid(states, cell, across)
        if not shown:
            return
        top = MARGIN + 52 + grid
        legend(self.sheet, bars.looks, top, ("running", "waiting") if area else ())
        top += KEY + 2
        scale = (WIDTH - 2 * MARGIN - GUTTER) / (bars.end - bars.begin)
        if area:
            draw_load(self.sheet, load, top, bars.begin, scale, most)
        bars.draw(self.sheet, shown, top + area, bars.begin, scale)
        self._axis(bars, len(shown), top + area + len(shown) * ROW + 2)

    def _axis(self, bars: RunBars, shown: int, bottom: float) -> None:
        left, right, total = MARGIN + GUTTER, WIDTH - MARGIN, len(bars.nodes)
        line = [left * SCALE, bottom * SCALE, right * SCALE, bottom * SCALE]
        self.sheet.pen.line(line, LINE, SCALE)
        more = f"    first {shown} of {total:,} nodes" if total > shown else ""
        self.sheet.text(left, bottom + 3, clock(bars.begin) + more, MUTED, 11)
        end = end_of(bars.begin, bars.end)
        self.sheet.text(right, bottom + 3, end, MUTED, 11, anchor="ra")

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
            for node in sorted(last, key=partial(node_key, self.tables))
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

    def _runs(self) -> list[int]:
        """The runs to be shown."""
        runs, pools = self.tables.columns["runs"], self.tables.columns["nodes"]["pool"]
        waiting = KINDS.index("waiting")
        return [
            run
            for run in range(len(runs["kind"]))
            if runs["kind"][run] != waiting
            and self.job in (-1, runs["job"][run])
            and self.pool in (-1, pools[runs["node"][run]])
        ]

    def _jobs(self) -> set[int]:
        """The jobs whose tasks it counts."""
        if self.kind == "job":
            return {self.job}
        job_states = self.tables.columns["job_states"]
        pools = dict(zip(job_states["job"], job_states["pool"], strict=True))
        return {job for job, pool in pools.items() if self.pool in (-1, pool)}

    def _counts(self, jobs: set[int]) -> tuple[int, int, int, int]:
        counts = self.tables.columns["counts"]
        last = {job: row for row, job in enumerate(counts["job"]) if job in jobs}
        names = ("active", "running", "succeeded", "failed")
        active, running, succeeded, failed = (
            sum(counts[name][row] for row in last.values()) for name in names
        )
        return active, running, succeeded, failed

    # -- what is drawn ----------------------------------------------------------------------------

    def _head(self, states: list[str], jobs: set[int], runs: int, rows: int) -> None:
        kind = {"lab": "Lab", "pool": "Pool ", "job": "Job "}[self.kind]
        self.sheet.text(MARGIN, MARGIN - 2, kind + self.target.get(self.kind, ""), INK, 15)
        counts = {name: states.count(name) for name in NODE_STATES if name in states}
        nodes = ", ".join(f"{count:,} {name}" for name, count in counts.items())
        active, running, succeeded, failed = self._counts(jobs)
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


def _number(names: list[str], name: str | None) -> int:
    """The number of a thing; -1 if none was requested, -2 if it does not exist."""
    if name is None:
        return -1
    return names.index(name) if name in names else -2
