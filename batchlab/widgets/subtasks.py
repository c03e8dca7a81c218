"""Cards of the subtasks of a multi-instance task."""

from __future__ import annotations

from markupsafe import Markup

from batchlab.colours import PINK
from batchlab.handles.subtasks import Subtasks
from batchlab.html import ROWS, card, node_text, state, table

__all__ = ["subtask_card", "subtask_table"]


def subtask_card(rows: Subtasks) -> Markup:
    """The subtasks of a task."""
    return card("Subtasks", "", [], subtask_table(rows), colour=PINK)


def subtask_table(rows: Subtasks) -> Markup:
    """A row for each subtask except the primary."""
    cells = [
        (
            str(row.id),
            state(row.state),
            node_text(row.node_id),
            "" if row.exit_code is None else str(row.exit_code),
            row.failure_info.code if row.failure_info else "",
        )
        for row in rows[:ROWS]
    ]
    columns = ("subtask", "state", "node", "exit code", "failure")
    return table("", columns, cells, left_out=len(rows) - len(cells), numbers=("exit code",))
