"""A lab that is over, to be looked at: `ReplayedLab` opens the journal that it wrote."""

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
    """A lab as it was, from the journal that it wrote: to be looked at, on any machine.

    ``Lab(journal=path)`` and ``SimulatedLab(journal=path)`` write one, and so does a lab that a
    fault of batchlab's own has ended. Everything that only looks works: properties, lists, frames,
    reports, `Task.explain`, cost, and all displays, whose time machine goes to any moment of the
    story. What would change something is refused, and there are no files: a journal tells what
    happened, and not what was written.

    Parameters
    ----------
    journal : path, or sequence of str or bytes
        The file, or its lines: ``lines[:1000]`` is the beginning of a damaged one. A last line
        that was cut is left out.
    until : datetime, optional
        Where the story ends, with a time zone; with the journal if omitted. Questions are about
        that moment: why a task waited *then*.

    Raises
    ------
    NotFound
        ``FileNotFound``.
    InvalidRequest
        ``InvalidInput``: not a journal, of another version, or damaged, with the line;
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
        from batchlab.drivers.replayed import ReplayedConnection  # noqa: PLC0415 - for whoever looks

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
        """Why the story ends where it does: the lab was closed, its journal ends, a fault ..."""
        return self._connection.ending


def _source(journal: Any) -> Path | list[str | bytes]:
    if isinstance(journal, (str, os.PathLike)):
        return Path(journal)
    if isinstance(journal, Sequence) and not isinstance(journal, (bytes, bytearray)):
        lines = list(journal)
        if all(isinstance(line, (str, bytes)) for line in lines):
            return lines
    reason = "must be the path of a journal, or its lines"
    raise invalid("journal", journal, reason, owner="ReplayedLab")
