"""The base of all records."""

from __future__ import annotations

import msgspec


class Record(msgspec.Struct, eq=False, kw_only=True):
    """Base of records: compared by identity."""
