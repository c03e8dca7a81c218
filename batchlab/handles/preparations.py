"""The status table of a job: its preparation and release on each node."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from batchlab.core.messages.questions import LocateNode
from batchlab.core.messages.views import PreparationView
from batchlab.core.model.ids import fold
from batchlab.core.model.values import ExecutionInfo
from batchlab.display import Displayed
from batchlab.drivers.ports import Connection
from batchlab.errors import invalid
from batchlab.handles.explanation import end_of_stderr
from batchlab.handles.verbs import verb

__all__ = ["Preparations"]

_OUTCOMES = ("success", "failure", "running", "completed", "-")


class Preparations(list[PreparationView], Displayed):
    """The preparation and release of a job: a row for each node that ran its preparation."""

    @verb
    def filter(
        self,
        *,
        node_id: str | Sequence[str] | None = None,
        preparation: str | Sequence[str] | None = None,
        release: str | Sequence[str] | None = None,
    ) -> Preparations:
        """Only some of the rows.

        Parameters
        ----------
        node_id : str or list of str, optional
        preparation, release : str or list of str, optional
            As shown in the table: ``success``, ``failure``, ``running``; ``-`` for a release
            that has not started.

        Raises
        ------
        InvalidRequest
            ``InvalidPropertyValue``: not one of the outcomes.
        """
        nodes = _choices("node_id", node_id, None)
        preparations = _choices("preparation", preparation, _OUTCOMES)
        releases = _choices("release", release, _OUTCOMES)
        return Preparations(
            row
            for row in self
            if (nodes is None or fold(row.node_id) in nodes)
            and (
                preparations is None
                or _outcome(row.job_preparation_task_execution_info) in preparations
            )
            and (releases is None or _outcome(row.job_release_task_execution_info) in releases)
        )

    def end_of_stderr(self, connection: Connection) -> str:
        """The last lines of stderr of the preparation or release that failed last; or nothing."""
        failed = [(info, row) for row in self for info in _infos(row) if info.result == "failure"]
        if not failed:
            return ""
        info, row = max(failed, key=lambda found: found[0].end_time or found[0].start_time)
        node = LocateNode(pool_id=row.pool_id, node_id=row.node_id)
        return end_of_stderr(connection, (node, f"{info.task_root_directory}/stderr.txt"))

    def to_frame(self, columns: Sequence[str] | None = None) -> Any:
        """A pandas DataFrame with a row for each node; see `job.tasks.to_frame`."""
        from batchlab.handles.collections.frames import frame  # noqa: PLC0415 - pandas is heavy

        return frame(PreparationView, self, columns, "Preparations.to_frame", index="node_id")

    def __repr__(self) -> str:
        # Without node ids, so that the text of a lesson is the same on every machine.
        rows = [("node", "preparation", "exit code", "release", "exit code")]
        for number, row in enumerate(self, 1):
            preparation = _cells(row.job_preparation_task_execution_info)
            release = _cells(row.job_release_task_execution_info)
            rows.append((str(number), *preparation, *release))
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        return "\n".join(
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
            for row in rows
        )


def _infos(row: PreparationView) -> list[ExecutionInfo]:
    """Its preparation and, if it has started, its release."""
    both = (row.job_preparation_task_execution_info, row.job_release_task_execution_info)
    return [info for info in both if info is not None]


def _choices(name: str, given: Any, known: tuple[str, ...] | None) -> list[str] | None:
    """The values that a row may have, case-folded; None for any."""
    if given is None:
        return None
    values = [given] if isinstance(given, str) else given
    if not isinstance(values, Iterable):
        raise invalid(name, given, "must be text or a list of texts", owner="Preparations.filter")
    found = []
    for value in values:
        if not isinstance(value, str) or (known and value.lower() not in known):
            reason = f"must be one of {', '.join(known)}" if known else "must be the id of a node"
            raise invalid(name, value, reason, owner="Preparations.filter")
        found.append(fold(value))
    return found


def _outcome(info: ExecutionInfo | None) -> str:
    return "-" if info is None else info.result or info.state


def _cells(info: ExecutionInfo | None) -> tuple[str, str]:
    code = info.exit_code if info else None
    return _outcome(info), "-" if code is None else str(code)
