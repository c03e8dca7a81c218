"""Times of the lab's clock as datetimes."""

from __future__ import annotations

from datetime import UTC, datetime

__all__ = ["maybe", "moment"]


def moment(seconds: float) -> datetime:
    """A time of the lab's clock as an aware datetime."""
    return datetime.fromtimestamp(seconds, UTC)


def maybe(seconds: float | None) -> datetime | None:
    """The same for a time that may be unset."""
    return None if seconds is None else moment(seconds)
