"""The types of a formula, and how their values are written in a result string.

==================  ===============================  ==========================================
Azure's type        here                             in a result string
==================  ===============================  ==========================================
double              ``float``, always finite         ``3``, ``2.5``, ``1e+20``
doubleVec           ``tuple`` of floats              ``[1,2,3]``; beyond 20 ``[1,2,...](118)``
string              ``str``                          as it is, without quotes
timestamp           `Timestamp`                      ``2016-10-13T19:18:47.805Z``
timeinterval        `Interval`                       ISO 8601, as in Azure's REST: ``PT1H30M``
deallocation word   `Word`                           ``taskcompletion``
==================  ===============================  ==========================================

The forms of vectors and intervals are ours, as we have no example from Azure. Time is counted in
ticks of 100 ns, the service's unit, so ``TimeInterval_100ns`` is exact. There is no boolean type:
a comparison gives 1 or 0.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import msgspec

__all__ = [
    "CONSTANTS",
    "DEALLOCATION_WORDS",
    "INTERVALS",
    "Interval",
    "Refused",
    "Timestamp",
    "Value",
    "Word",
    "as_python",
    "as_timestamp",
    "in_utc",
    "show",
    "type_name",
]

SECOND = 10_000_000
_DAY = 86_400 * SECOND
_ORIGIN = datetime(1, 1, 1, tzinfo=UTC)
_LAST_TIMESTAMP = (datetime.max.replace(tzinfo=UTC) - _ORIGIN) // timedelta(microseconds=1) * 10
_LAST_INTERVAL = 2**63 - 1
_SHOWN = 20


class Refused(Exception):
    """An error without a position: the code that raises it does not know where it happened.

    Parameters
    ----------
    message : str
        What is wrong.
    hint : str, optional
        How to fix it.
    """

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class Timestamp(msgspec.Struct, frozen=True, order=True, gc=False):
    """A time in UTC, in ticks of 100 ns since the start of the year 1."""

    ticks: int

    @classmethod
    def of(cls, ticks: int) -> Timestamp:
        """Make a timestamp; raises `Refused` outside the years 1 to 9999."""
        if not 0 <= ticks <= _LAST_TIMESTAMP:
            raise Refused("the timestamp is outside the years 1 to 9999")
        return cls(ticks)

    def moment(self) -> datetime:
        """Convert to a `datetime`, truncated to microseconds."""
        return _ORIGIN + timedelta(microseconds=self.ticks // 10)


class Interval(msgspec.Struct, frozen=True, order=True, gc=False):
    """A duration in ticks of 100 ns; it may be negative."""

    ticks: int

    @classmethod
    def of(cls, ticks: float) -> Interval:
        """Make an interval, rounded to whole ticks; raises `Refused` beyond 64 bits."""
        if not -_LAST_INTERVAL <= ticks <= _LAST_INTERVAL:
            raise Refused("the timeinterval is longer than 10675199 days")
        return cls(round(ticks))

    def span(self) -> timedelta:
        """Convert to a `timedelta`, truncated to microseconds."""
        return timedelta(microseconds=self.ticks // 10)


class Word(msgspec.Struct, frozen=True, gc=False):
    """One of the words that ``$NodeDeallocationOption`` can be set to."""

    name: str


Value = float | tuple[float, ...] | str | Timestamp | Interval | Word

TYPE_NAMES: dict[type, str] = {
    float: "double",
    tuple: "doubleVec",
    str: "string",
    Timestamp: "timestamp",
    Interval: "timeinterval",
    Word: "deallocation option",
}

DEALLOCATION_WORDS = {
    name: Word(name) for name in ("requeue", "terminate", "taskcompletion", "retaineddata")
}

INTERVALS = {
    "TimeInterval_Zero": Interval(0),
    "TimeInterval_100ns": Interval(1),
    "TimeInterval_Microsecond": Interval(10),
    "TimeInterval_Millisecond": Interval(10_000),
    "TimeInterval_Second": Interval(SECOND),
    "TimeInterval_Minute": Interval(60 * SECOND),
    "TimeInterval_Hour": Interval(3600 * SECOND),
    "TimeInterval_Day": Interval(_DAY),
    "TimeInterval_Week": Interval(7 * _DAY),
    "TimeInterval_Year": Interval(365 * _DAY),
}
CONSTANTS: dict[str, Value] = {**INTERVALS, **DEALLOCATION_WORDS}


def type_name(value: Value) -> str:
    """Return Azure's name for the type of a value."""
    return TYPE_NAMES[type(value)]


def in_utc(moment: datetime) -> datetime:
    """Interpret a time without a time zone as UTC, like every timestamp in a formula."""
    return moment if moment.utcoffset() is not None else moment.replace(tzinfo=UTC)


def as_timestamp(moment: datetime) -> Timestamp:
    """Convert an aware `datetime`; raises `Refused` outside the years 1 to 9999 in UTC."""
    delta = moment - _ORIGIN
    return Timestamp.of((delta.days * 86_400 + delta.seconds) * SECOND + delta.microseconds * 10)


def as_python(value: Value) -> float | tuple[float, ...] | str | datetime | timedelta:
    """Convert a value to a Python type: float, tuple, str, datetime or timedelta."""
    if isinstance(value, (float, tuple, str)):
        return value
    if isinstance(value, Timestamp):
        return value.moment()
    return value.span() if isinstance(value, Interval) else value.name


def show(value: Value) -> str:
    """Write a value as in a result string."""
    if isinstance(value, float):
        return show_number(value)
    if isinstance(value, tuple):
        return _show_vector(value)
    if isinstance(value, Timestamp):
        moment = value.moment()
        # strftime does not pad the year on every platform.
        return f"{moment.replace(tzinfo=None).isoformat(timespec='milliseconds')}Z"
    if isinstance(value, Interval):
        return _show_interval(value.ticks)
    return value.name if isinstance(value, Word) else value


def show_number(value: float) -> str:
    """Write a double: whole numbers without decimals, others with up to 15 digits."""
    if value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return format(value, ".15g")


def _show_vector(values: Iterable[float]) -> str:
    numbers = tuple(values)
    shown = ",".join(show_number(value) for value in numbers[:_SHOWN])
    return f"[{shown}]" if len(numbers) <= _SHOWN else f"[{shown},...]({len(numbers)})"


def _show_interval(ticks: int) -> str:
    sign, ticks = ("-", -ticks) if ticks < 0 else ("", ticks)
    days, ticks = divmod(ticks, _DAY)
    hours, ticks = divmod(ticks, 3600 * SECOND)
    minutes, ticks = divmod(ticks, 60 * SECOND)
    seconds = f"{ticks // SECOND}.{ticks % SECOND:07d}".rstrip("0").rstrip(".")
    clock = "".join(
        f"{number}{unit}"
        for number, unit in ((hours or "", "H"), (minutes or "", "M"), (seconds, "S"))
        if number not in ("", "0")
    )
    date = f"{days}D" if days else ""
    return f"{sign}P{date}T{clock}" if clock else f"{sign}P{date}" if date else "PT0S"
