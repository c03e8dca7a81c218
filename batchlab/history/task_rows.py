"""The tasks of a lab as rows, from its changes: sorted, filtered, searched, a page at a time.

A table of tasks in a display asks for the rows that are visible, however many there are: neither
the service nor the browser ever handles the whole list. The rows are made when the first table
opens, and stay readable after the lab has closed.
"""

from __future__ import annotations

import re
import threading
import time
import weakref
from collections.abc import Callable
from functools import lru_cache
from operator import attrgetter
from typing import Any

from batchlab.core.messages.outputs import JobChanged, TaskChanged
from batchlab.core.model.ids import fold
from batchlab.drivers.ports import Connection
from batchlab.errors import BatchError, invalid
from batchlab.words import node_name

__all__ = ["GROUPS", "SORTS", "Query", "TaskRow", "TaskRows", "rows_of"]

GROUPS = ("failed", "running", "waiting", "succeeded")
"""What a table can be limited to, most urgent first."""
REST = 20.0
"""While tasks change, sorting takes at most one part in so many of the time."""
KEPT = 4
"""Sorted lists that are kept: one for each open table, normally."""

Query = tuple[str, str, str, str, str, bool]
"""A pool or "", a job or "", a group or "", a text to search, a column or "", descending."""


class TaskRow:
    """What is known of one task.

    Attributes
    ----------
    job, id : str
    state : str
    group : int
        Its place in `GROUPS`.
    node : str
        The id of the node it runs or last ran on; empty if there is none.
    start, end : float, optional
        Of its last run, in seconds since 1970 (UTC).
    exit_code : int, optional
    retries : int
    reason : str
        Why it failed, or why it is active again.
    """

    __slots__ = ("_natural", "end", "exit_code", "group", "id", "job", "node", "reason",
                 "retries", "start", "state")  # fmt: skip

    def __init__(self, job: str, id: str) -> None:  # noqa: A002
        self.job, self.id = job, id
        self.state, self.group, self.node, self.reason = "active", 2, "", ""
        self.start: float | None = None
        self.end: float | None = None
        self.exit_code: int | None = None
        self.retries = 0
        self._natural = ""

    @property
    def natural(self) -> str:
        """A key to sort its id as people count."""
        self._natural = self._natural or _natural(self.id)
        return self._natural

    @property
    def result(self) -> str | None:
        """``success`` or ``failure``; None until it is completed."""
        return {"failed": "failure", "succeeded": "success"}.get(GROUPS[self.group])

    def take(self, change: TaskChanged) -> None:
        """Take in a change."""
        state, over = change.state, self.state == "completed"
        if state == "active":
            self.group, self.reason, self.exit_code = 2, change.reason, None
            self.retries = 0 if over else self.retries + (change.reason == "retry")
            if over or change.reason:
                self.start = self.end = None
        elif state == "completed":
            self.group, self.reason = (0 if change.reason else 3), change.reason
            self.start = self.start if change.started is None else change.started
            self.end, self.exit_code = change.at, change.exit_code
        else:
            self.group, self.reason, self.exit_code, self.end = 1, "", None, None
            self.start = change.at if state == "running" else None
        self.node = change.node_id or ("" if state == "active" else self.node)
        self.state = state


def _natural(text: str) -> str:
    """A text that sorts as people count: much faster to compare than `words.natural`."""
    return re.sub("[0-9]+", lambda found: found[0].zfill(12), text.casefold())


@lru_cache(100_000)
def _natural_name(name: str) -> str:
    return _natural(node_name(name))


def _duration(row: TaskRow, now: float) -> float | None:
    return None if row.start is None else (row.end or now) - row.start


SORTS: dict[str, Callable[[float], Callable[[TaskRow], Any]]] = {
    "task": lambda now: attrgetter("natural"),
    "job": lambda now: lambda row: _natural_name(row.job),
    "state": lambda now: attrgetter("state"),
    "result": lambda now: attrgetter("result"),
    "exit": lambda now: attrgetter("exit_code"),
    "node": lambda now: lambda row: _natural_name(row.node) if row.node else None,
    "start": lambda now: attrgetter("start"),
    "duration": lambda now: lambda row: _duration(row, now),
    "retries": lambda now: lambda row: row.retries or None,
    "reason": lambda now: lambda row: row.reason or None,
}
"""The columns that a table can be sorted by."""


class TaskRows:
    """The tasks of one lab; may be used by any thread.

    Parameters
    ----------
    connection : Connection
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = weakref.ref(connection)
        self._lock = threading.RLock()
        self._jobs: dict[str, dict[str, TaskRow]] = {}
        self._pools: dict[str, str] = {}  # the pool of each job
        self._next = 0
        self._version = 0
        self._lists: dict[Query, tuple[int, float, float, list[TaskRow]]] = {}
        connection.before_close(self._close)

    def _close(self) -> None:
        try:
            self.catch_up()
        except BatchError:
            return

    def catch_up(self) -> None:
        """Take in what has happened until now; nothing more if the lab is closed."""
        connection = self._connection()
        with self._lock:
            more = connection is not None
            while more and connection is not None:
                try:
                    batch = connection.changes(self._next)
                except BatchError:
                    if self._next:
                        return
                    raise
                if batch.fresh and self._next:
                    self._jobs.clear()
                self._next, more = batch.next, batch.more
                self._version += bool(batch.changes)
                for change in batch.changes:
                    if isinstance(change, TaskChanged):
                        self._task(change)
                    elif isinstance(change, JobChanged):
                        self._job(change)

    def _task(self, change: TaskChanged) -> None:
        tasks = self._jobs.setdefault(change.job_id, {})
        if change.state == "deleted":
            tasks.pop(change.task_id, None)
            return
        row = tasks.get(change.task_id)
        if row is None:
            row = tasks[change.task_id] = TaskRow(change.job_id, change.task_id)
        row.take(change)

    def _job(self, change: JobChanged) -> None:
        if change.pool_id:
            self._pools[change.job_id] = fold(change.pool_id)
        if change.state == "deleted":
            self._jobs.pop(change.job_id, None)

    def chosen(self, query: Query, now: float) -> list[TaskRow]:
        """The rows of a query in its order, failures first by default.

        Raises
        ------
        InvalidRequest
            ``InvalidPropertyValue``: an unknown group or column.
        """
        _, _, group, _, column, _ = query
        if group and group not in GROUPS:
            raise invalid("show", group, f"must be one of {', '.join(GROUPS)}", owner="tasks")
        if column and column not in SORTS:
            raise invalid("sort", column, f"must be one of {', '.join(SORTS)}", owner="tasks")
        with self._lock:
            known = self._lists.get(query)
            if known and (known[0] == self._version or time.monotonic() < known[2]):
                return known[3]
            begin = time.monotonic()
            rows = _sorted(self._found(query), column, query[5], now)
            end = time.monotonic()
            self._lists.pop(query, None)
            self._lists[query] = (self._version, begin, end + REST * (end - begin), rows)
            while len(self._lists) > KEPT:
                del self._lists[next(iter(self._lists))]
            return rows

    def counts(self, pool: str, job: str) -> list[int]:
        """How many tasks of a pool, a job or the lab are in each of `GROUPS`."""
        counts = [0] * len(GROUPS)
        with self._lock:
            for rows in self._of(pool, job):
                for row in rows.values():
                    counts[row.group] += 1
        return counts

    def jobs(self, pool: str, job: str) -> int:
        """How many jobs these tasks belong to."""
        with self._lock:
            return sum(map(bool, self._of(pool, job)))

    def _of(self, pool: str, job: str) -> list[dict[str, TaskRow]]:
        wanted, place = fold(job), fold(pool)
        return [
            rows for name, rows in self._jobs.items()
            if (not job or fold(name) == wanted)
            and (not pool or self._pools.get(name) == place)
        ]  # fmt: skip

    def _found(self, query: Query) -> list[TaskRow]:
        pool, job, group, text, _, _ = query
        rows = [row for tasks in self._of(pool, job) for row in tasks.values()]
        if group:
            number = GROUPS.index(group)
            rows = [row for row in rows if row.group == number]
        for word in text.casefold().split():
            rows = [row for row in rows if _matches(row, word)]
        return rows


def _matches(row: TaskRow, word: str) -> bool:
    if word in row.id.casefold() or word in row.job.casefold():
        return True
    exit_code = "" if row.exit_code is None else f"exit:{row.exit_code}"
    node = f"{row.node} {node_name(row.node)}" if row.node else ""
    return word == exit_code or word in f"{row.reason} {node}".casefold()


def _sorted(rows: list[TaskRow], column: str, down: bool, now: float) -> list[TaskRow]:
    """Rows in order; those without a value last, whichever the direction."""
    if not column:
        return sorted(rows, key=attrgetter("group"))
    key = SORTS[column](now)
    pairs = [(key(row), row) for row in rows]
    there = [pair for pair in pairs if pair[0] is not None]
    there.sort(key=lambda pair: pair[0], reverse=down)
    return [row for _, row in there] + [row for value, row in pairs if value is None]


_known: weakref.WeakKeyDictionary[Connection, TaskRows] = weakref.WeakKeyDictionary()
_lock = threading.Lock()


def rows_of(connection: Connection) -> TaskRows:
    """The rows of a lab, made on first use and up to date."""
    with _lock:
        found = _known.get(connection)
        if found is None:
            found = _known[connection] = TaskRows(connection)
    found.catch_up()
    return found
