"""The subtasks of a multi-instance task: a row for each node except the primary's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from batchlab.core.messages.views import SubtaskView
from batchlab.display import Displayed

__all__ = ["Subtasks"]


class Subtasks(list[SubtaskView], Displayed):
    """The subtasks of a task except the primary; each has `id`, `state`, `node_id`, ..."""

    def to_frame(self, columns: Sequence[str] | None = None) -> Any:
        """A pandas DataFrame with a row for each subtask; see `job.tasks.to_frame`."""
        from batchlab.handles.collections.frames import frame  # noqa: PLC0415 - pandas is heavy

        return frame(SubtaskView, self, columns, "Subtasks.to_frame")

    def __repr__(self) -> str:
        # Without node ids, so that the text of a lesson is the same on every machine.
        lines = ["subtask  state      exit code"]
        for row in self:
            code = "-" if row.exit_code is None else str(row.exit_code)
            lines.append(f"{row.id:<7}  {row.state:<9}  {code}")
        return "\n".join(lines) if self else "no subtasks"
