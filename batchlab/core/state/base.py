"""The bases of records."""

from __future__ import annotations

import msgspec


class Record(msgspec.Struct, eq=False, kw_only=True):
    """Base of records: compared by identity."""


class RevisedRecord(Record, eq=False, kw_only=True):
    """A record that users can change: how often and when they did; see `revisions`."""

    revision: int = 0
    revised: float | None = None
