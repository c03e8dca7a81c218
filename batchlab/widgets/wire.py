"""How a lab's tables travel to a browser: some rows of each, as one block of bytes.

The head of a message says which rows it contains (``{"runs": [from, to]}``) and lists new names;
the bytes are the pieces of the columns, in the order of `COLUMNS`. A `Place` says how many rows
and names a reader has.
"""

from __future__ import annotations

from typing import Any

import msgspec

from batchlab.colours import ROLES
from batchlab.core.answers.wait_kinds import QUEUED, WAITS
from batchlab.core.state.states import DELETED, JOB, NODE, POOL
from batchlab.history.schema import (
    ALLOCATIONS,
    COLUMNS,
    JOB_STATES,
    KINDS,
    NODE_STATES,
    NODE_TASKS,
    OUTCOMES,
    POOL_STATES,
    RUNS,
)
from batchlab.history.watch import Tables, Watch

__all__ = ["SCHEMA", "Place", "rows_since"]

SCHEMA: dict[str, Any] = {
    "columns": COLUMNS,
    "states": {
        "node": NODE_STATES,
        "pool": POOL_STATES,
        "allocation": ALLOCATIONS,
        "job": JOB_STATES,
    },
    "groups": {"node": NODE.groups, "pool": POOL.groups, "job": JOB.groups},
    "nodes": {
        row.name: {"label": row.label, "letter": row.letter, "colour": row.colour}
        for row in (*NODE.values(), DELETED)
    },
    "kinds": KINDS,
    "outcomes": OUTCOMES,
    "runs": {name: look._asdict() for name, look in RUNS.items()},
    "node_tasks": NODE_TASKS,
    "waits": {kind: look.label for kind, look in WAITS.items()},
    "queued": QUEUED,
    "colours": tuple(ROLES),
}
"""What a browser must know to read the rows, and to draw them."""


class Place(msgspec.Struct):
    """How far a reader is: the history, the rows of each table, the names of each kind."""

    generation: int = 0
    rows: dict[str, int] = {}
    names: dict[str, int] = {}


def rows_since(watch: Watch, place: Place) -> tuple[dict[str, Any], bytes, Place]:
    """What is new since a place: head, bytes, and the next place."""
    with watch.lock:
        tables = watch.tables
        if place.generation != watch.generation:
            place = Place(generation=watch.generation)
        begin = {table: place.rows.get(table, 0) for table in COLUMNS}
        end = {table: tables.length(table) for table in COLUMNS}
        data = b"".join(
            memoryview(column)[begin[table] : end[table]].tobytes()
            for table, columns in tables.columns.items()
            for column in columns.values()
        )
        known = _names(tables)
        names = {
            kind: [first, _joined(kind, found[first:])]
            for kind, found in known.items()
            if (first := place.names.get(kind, 0)) < len(found)
        }
        head = {
            "type": "rows",
            "generation": watch.generation,
            "rows": {table: [begin[table], end[table]] for table in COLUMNS},
            "names": names,
            "now": tables.now,
            "speed": watch.speed,
            "ended": watch.ended,
        }
        lengths = {kind: len(found) for kind, found in known.items()}
        return head, data, Place(generation=watch.generation, rows=end, names=lengths)


def _names(tables: Tables) -> dict[str, list[str]]:
    return {
        "pools": tables.pool_ids,
        "jobs": tables.job_ids,
        "nodes": tables.node_ids,
        "labels": tables.labels,
        "held": tables.held,
        "reasons": tables.reasons,
    }


def _joined(kind: str, names: list[str]) -> str | list[str]:
    # Ids hold no line breaks, and one text is cheaper than a list of a hundred thousand.
    return "\n".join(names) if kind in ("labels", "held") else names
