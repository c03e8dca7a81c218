"""The limits of a value, declared at its property.

``Annotated[int, Range(-1000, 1000)]`` applies wherever the property is set: in a description, in
a request that changes it, and in what a REST client sends.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any, TypeGuard

import msgspec

from batchlab.durations import format_duration
from batchlab.errors import invalid

__all__ = ["Length", "Range", "is_number", "is_whole"]


def is_number(value: object) -> TypeGuard[float]:
    """Whether a value is a number; True and False are none."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def is_whole(value: object) -> TypeGuard[int]:
    """Whether a value is a whole number; True and False are none."""
    return isinstance(value, int) and not isinstance(value, bool)


class Range(msgspec.Struct, frozen=True):
    """Numbers or durations from `least` to `most`, inclusive.

    Parameters
    ----------
    least : int or timedelta
    most : int or timedelta, optional
        No upper limit if omitted.
    unlimited : int, optional
        A further value that means "no limit".
    """

    least: Any
    most: Any = None
    unlimited: int | None = None

    def __call__(self, value: Any, name: str, owner: str) -> None:
        """Refuse a value outside the range."""
        if value == self.unlimited:
            return
        if value < self.least or (self.most is not None and value > self.most):
            shown = format_duration(value) if isinstance(value, timedelta) else value
            raise invalid(name, shown, f"must be {self}", owner=owner)

    def __str__(self) -> str:
        least, most = _text(self.least), _text(self.most)
        if self.least == SHORTEST:
            text = "greater than zero" + f" and at most {most}" * (self.most is not None)
        else:
            text = f"{least} or more" if self.most is None else f"{least} to {most}"
        return text if self.unlimited is None else f"{self.unlimited} (no limit) or {text}"


SHORTEST = timedelta(microseconds=1)
"""The shortest duration greater than zero."""


def _text(bound: Any) -> str:
    if not isinstance(bound, timedelta):
        return str(bound)
    hours, rest = divmod(bound, timedelta(hours=1))
    count, unit = (hours, "hour") if not rest else (bound // timedelta(minutes=1), "minute")
    return f"{count} {unit}" + "s" * (count != 1)


class Length(msgspec.Struct, frozen=True):
    """Text of at most `most` characters."""

    most: int

    def __call__(self, value: str, name: str, owner: str) -> None:
        """Refuse longer text."""
        if len(value) > self.most:
            raise invalid(name, value, f"must have at most {self.most} characters", owner=owner)
