"""Labs of the past: `ReplayedLab` opens the journal that a lab wrote."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from batchlab.errors import invalid
from batchlab.handles.lab import BaseLab
from batchlab.handles.verbs import verb

if TYPE_CHECKING:
    from batchlab.drivers.replayed import ReplayedConnection

__all__ = ["ReplayedLab"]


class ReplayedLab(BaseLab):
    """A lab of the past, replayed from its journal on any machine, for reading only.

    ``Lab(journal=path)`` and ``SimulatedLab(journal=path)`` write one, and so does a lab that was
    ended by an internal error. Of a lab in a folder, the latest part is shown. Everything that
    only reads works: properties, lists, DataFrames, reports, `Task.explain`, cost, and all
    displays, whose time machine goes to any moment. Changes are refused, and there are no files:
    a journal records what happened, not what was written.

    Parameters
    ----------
    journal : path, or sequence of str or bytes
        The folder, the file or its lines; for a damaged file, pass its intact lines
        (``lines[:1000]``). An incomplete last line is ignored.
    until : datetime, optional
        The moment to stop at, with a time zone; the end of the journal if omitted. Queries are
        about that moment: why a task waited *then*.

    Raises
    ------
    NotFound
        ``FileNotFound``.
    InvalidRequest
        ``InvalidInput``: not a journal, a journal of another version, or damaged (and where);
        ``InvalidPropertyValue``.

    Examples
    --------
    >>> lab = ReplayedLab("render.journal")  # doctest: +SKIP
    >>> lab.jobs["frames"].report()  # doctest: +SKIP
    >>> then = ReplayedLab("render.journal", until=lab.jobs["frames"].tasks["task007"].start_time)
    ... # doctest: +SKIP
    """

    __slots__ = ()
    _connection: ReplayedConnection

    @verb
    def __init__(
        self,
        journal: str | os.PathLike[str] | Sequence[str | bytes],
        *,
        until: datetime | None = None,
    ) -> None:
        from batchlab.drivers.replayed import ReplayedConnection  # noqa: PLC0415 - if needed

        source = _source(journal)
        if until is not None and (not isinstance(until, datetime) or until.tzinfo is None):
            reason = "must be a datetime with a time zone, such as task.start_time"
            raise invalid("until", until, reason, owner="ReplayedLab")
        end = None if until is None else until.timestamp()
        name = repr(os.fspath(source)) if isinstance(source, Path) else f"<{len(source)} lines>"
        when = "" if until is None else f", until={until.isoformat()}"
        super().__init__(ReplayedConnection(source, end), f"ReplayedLab({name}{when})")

    @property
    def ending(self) -> str:
        """Why the replay ends where it does: the lab was closed, the journal ends, an error ..."""
        return self._connection.ending


def _source(journal: Any) -> Path | list[str | bytes]:
    if isinstance(journal, (str, os.PathLike)):
        return Path(journal)
    if isinstance(journal, Sequence) and not isinstance(journal, (bytes, bytearray)):
        lines = list(journal)
        if all(isinstance(line, (str, bytes)) for line in lines):
            return lines
    reason = "must be the path of a journal or its lines"
    raise invalid("journal", journal, reason, owner="ReplayedLab")
