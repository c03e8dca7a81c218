"""Durations as people write them: ``"5m"``, ``"1h30m"``, `timedelta`, ISO 8601 ``"PT5M"``."""

from __future__ import annotations

import re
from datetime import timedelta

from batchlab.errors import invalid

__all__ = ["format_duration", "parse_duration"]

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
_PART = r"(\d+(?:\.\d+)?)\s*(ms|s|m|h|d|w)"
_SHORT = re.compile(rf"\s*(?:{_PART}\s*)+", re.IGNORECASE)
_ISO = re.compile(
    r"P(?:(?P<w>\d+(?:\.\d+)?)W)?(?:(?P<d>\d+(?:\.\d+)?)D)?"
    r"(?:T(?:(?P<h>\d+(?:\.\d+)?)H)?(?:(?P<m>\d+(?:\.\d+)?)M)?(?:(?P<s>\d+(?:\.\d+)?)S)?)?",
    re.IGNORECASE,
)
# Azure's "unlimited": the largest number of 100 ns ticks.
_UNLIMITED_DAYS = 10_675_199


def parse_duration(
    value: object, *, name: str = "duration", owner: str = "", negative: bool = False
) -> timedelta:
    """Read a duration.

    Parameters
    ----------
    value : str, float or timedelta
        ``"90s"``, ``"5m"``, ``"1h30m"``, ``"2d"``, ISO 8601 such as ``"PT5M"`` or ``"P1DT2H"``,
        a number of seconds, or a `datetime.timedelta`.
    name, owner : str
        The property and its owner, named in the error.
    negative : bool, default False
        Whether a negative duration is accepted.

    Raises
    ------
    InvalidRequest
        ``InvalidPropertyValue``: not a duration, or negative.
    """
    hint = 'use "90s", "5m", "1h30m", "PT5M", a number of seconds or a timedelta'
    span: timedelta | None = None
    if isinstance(value, timedelta):
        span = value
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        try:
            span = timedelta(seconds=value)
        except (OverflowError, ValueError):
            raise invalid(name, value, f"not a duration; {hint}", owner=owner) from None
    elif isinstance(value, str):
        seconds = _seconds(value)
        if seconds is not None and seconds <= _UNLIMITED_DAYS * 86400.0 + 86400.0:
            span = timedelta(seconds=seconds)
    if span is None:
        raise invalid(name, value, f"not a duration; {hint}", owner=owner)
    if span < timedelta(0) and not negative:
        raise invalid(name, value, "a duration cannot be negative", owner=owner)
    return span


def _seconds(text: str) -> float | None:
    if _SHORT.fullmatch(text):
        return sum(
            float(number) * _UNITS[unit.lower()]
            for number, unit in re.findall(_PART, text, re.IGNORECASE)
        )
    match = _ISO.fullmatch(text.strip())
    parts = {k: float(v) for k, v in match.groupdict().items() if v} if match else {}
    if not parts or text.strip().upper().endswith("T"):
        return None
    return sum(number * _UNITS[unit] for unit, number in parts.items())


def format_duration(span: timedelta) -> str:
    """Write a duration in short form: ``"1h30m"``, ``"45s"``, ``"0s"``."""
    seconds = span.total_seconds()
    sign, seconds = ("-", -seconds) if seconds < 0 else ("", seconds)
    parts = []
    for unit in ("d", "h", "m"):
        count, seconds = divmod(seconds, _UNITS[unit])
        if count:
            parts.append(f"{count:.0f}{unit}")
    if seconds or not parts:
        parts.append(f"{seconds:.3f}".rstrip("0").rstrip(".") + "s")
    return sign + "".join(parts)
