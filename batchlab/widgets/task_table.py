"""Tasks as a table: what became of each, where, when, and how long it took."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from markupsafe import Markup

from batchlab.core.messages.views import TaskView
from batchlab.core.state.states import outcome_of
from batchlab.html import code, node_text, state, table
from batchlab.words import natural, span_text

__all__ = ["in_order", "task_table"]

_COLUMNS = ("id", "state", "exit code", "took", "started", "node", "command line")


def in_order(views: Iterable[TaskView]) -> list[TaskView]:
    """Tasks by id, as people count: task 2 before task 10."""
    return sorted(views, key=lambda view: natural(view.id))


def task_table(views: Sequence[TaskView], now: float, count: int) -> Markup:
    """The table of the first tasks out of `count`, at a time of the lab's clock."""
    rows = [_row(view, now) for view in views]
    return table("", _COLUMNS, rows, left_out=count - len(rows), numbers=("exit code", "took"))


def _row(view: TaskView, now: float) -> tuple[str, ...]:
    begin, end = view.start_time, view.end_time
    took = (end.timestamp() if end else now) - begin.timestamp() if begin else None
    return (
        view.id,
        state(outcome_of(view.result, view.state)),
        "" if view.exit_code is None else str(view.exit_code),
        "" if took is None else span_text(max(0.0, took)),
        f"{begin:%H:%M:%S}" if begin else "",
        node_text(view.node_id),
        code(view.command_line, 100),
    )
