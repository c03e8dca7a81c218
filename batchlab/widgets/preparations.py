"""Cards of the preparation and release of a job on its nodes."""

from __future__ import annotations

from markupsafe import Markup

from batchlab.colours import ORANGE
from batchlab.core.model.values import ExecutionInfo
from batchlab.core.state.states import outcome_of
from batchlab.handles.preparations import Preparations
from batchlab.html import ROWS, card, muted, node_text, state, table

__all__ = ["outcome", "preparation_card", "preparation_table"]


def preparation_card(rows: Preparations) -> Markup:
    """The preparation and release of a job."""
    return card("Preparation and release", "", [], preparation_table(rows), colour=ORANGE)


def preparation_table(rows: Preparations) -> Markup:
    """A row for each node."""
    cells = [
        (
            node_text(row.node_id),
            *outcome(row.job_preparation_task_execution_info),
            *outcome(row.job_release_task_execution_info),
        )
        for row in rows[:ROWS]
    ]
    columns = ("node", "preparation", "exit code", "release", "release exit code")
    return table("", columns, cells, left_out=len(rows) - len(cells), numbers=columns[2::2])


def outcome(info: ExecutionInfo | None) -> tuple[Markup, str]:
    """How such a task, or a start task, ended on a node, and its exit code."""
    if info is None:
        return muted("none"), ""
    ended = state(outcome_of(info.result, info.state))
    return ended, "" if info.exit_code is None else str(info.exit_code)
