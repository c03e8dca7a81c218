"""The samples of a pool and the methods that read them.

A sample is a time and a number; one is expected every 30 seconds. All given samples are visible:
Azure shows a sample only some time after it was taken, and a caller imitates this with
`seen_until`. Samples later than the time of the evaluation are ignored.

A window contains the samples *after* its start and *up to* its end, so a full window of ten
minutes has twenty, and ``GetSample(1 minute, 6 minutes)`` has ten. Vectors start with the newest.
A window must hold the percentage it asks for, 70 if it asks for none, or the evaluation fails.
``GetSample(n)`` takes what there is: on a new pool, an empty vector. Where Azure's documentation
says nothing: a window shorter than 30 seconds expects one sample.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from math import isfinite, trunc
from typing import Any, NamedTuple

import msgspec

from batchlab.autoscale.values import (
    SECOND,
    TYPE_NAMES,
    Interval,
    Refused,
    Timestamp,
    Value,
    as_timestamp,
    in_utc,
    show_number,
)
from batchlab.errors import InvalidRequest, invalid

__all__ = [
    "DEFAULT_PERCENT",
    "METHODS",
    "SAMPLE_PERIOD",
    "SampleHistory",
    "SampleMethod",
    "guard_of",
    "resolve_method",
]

SAMPLE_PERIOD = timedelta(seconds=30)
_PERIOD_TICKS = SAMPLE_PERIOD // timedelta(seconds=1) * SECOND
DEFAULT_PERCENT = 70.0
"""What a window must hold if a formula does not say."""
_PAIRS = "must be pairs of a datetime and a number"


class SampleHistory:
    """Samples of one variable, oldest first.

    `Formula.evaluate` also takes plain pairs. Use a history to evaluate repeatedly over a growing
    series: each sample is checked only once, when it is added.

    Parameters
    ----------
    pairs : iterable of (datetime, float), optional
        Initial samples, in any order. A time without a time zone means UTC; the numbers must be
        finite.
    name : str, default "samples"
        The variable, for error messages.

    Raises
    ------
    InvalidRequest
        ``InvalidPropertyValue``: an item is not a valid sample.
    """

    __slots__ = ("name", "times", "values")

    def __init__(
        self, pairs: Iterable[tuple[datetime, float]] = (), name: str = "samples"
    ) -> None:
        self.name = name
        given = _listed(pairs, name)
        self.times: list[datetime] = []
        self.values: list[float] = []
        try:
            times, numbers = zip(*given, strict=True) if given else ((), ())
            # Times with and without a zone cannot be compared: the first decides for all.
            naive = times and isinstance(times[0], datetime) and times[0].utcoffset() is None
            self.times = list(map(in_utc, times) if naive else times)
            self.values = list(map(float, numbers))
            # If a value is not finite, neither is the sum; but a sum may also just overflow.
            finite = isfinite(sum(self.values)) or all(map(isfinite, self.values))
            if self.times != sorted(self.times):
                order = sorted(range(len(self.times)), key=self.times.__getitem__)
                self.times = [self.times[index] for index in order]
                self.values = [self.values[index] for index in order]
            sound = finite
        except (AttributeError, TypeError, ValueError, OverflowError):
            sound = False
        if not sound or (self.times and not isinstance(self.times[0], datetime)):
            raise _first_fault(given, name)

    def __len__(self) -> int:
        return len(self.times)

    def add(self, when: datetime, value: float) -> None:
        """Append a sample, which must not be older than the newest one."""
        checked = SampleHistory([(when, value)], self.name)
        (moment,), (number,) = checked.times, checked.values
        if self.times and moment < self.times[-1]:
            reason = f"older than the newest sample, {self.times[-1].isoformat()}"
            raise invalid(self.name, when, reason, owner="samples")
        self.times.append(moment)
        self.values.append(number)

    def forget(self, before: datetime) -> None:
        """Drop the samples that are older than the given time."""
        count = bisect_left(self.times, in_utc(before))
        del self.times[:count], self.values[:count]


def _listed(pairs: Any, name: str) -> list[Any]:
    try:
        return list(pairs)
    except TypeError:
        raise invalid(name, pairs, _PAIRS, owner="samples") from None


def _first_fault(given: list[Any], name: str) -> InvalidRequest:
    zoned: bool | None = None
    for pair in given:
        try:
            when, value = pair
        except (TypeError, ValueError):
            return invalid(name, pair, _PAIRS, owner="samples")
        if not isinstance(when, datetime):
            return invalid(name, when, "the time of a sample must be a datetime", owner="samples")
        aware = when.utcoffset() is not None
        if zoned is not None and aware is not zoned:
            return invalid(name, when, "give all samples a time zone, or none (for UTC)",
                           owner="samples")  # fmt: skip
        zoned = aware
        try:
            if not isfinite(float(value)):
                raise ValueError(value)
        except (TypeError, ValueError, OverflowError):
            return invalid(
                name, value, "the value of a sample must be a finite number", owner="samples"
            )
    raise AssertionError("no sample is invalid")


class Look(NamedTuple):
    """What one call expected and received; `SampleCall` explains the fields."""

    start: datetime
    end: datetime
    wanted: int
    received: int
    percent: float
    required_percent: float | None = None


def guard_of(name: str) -> str:
    """Return an expression that works even if samples are missing.

    Without its newest sample, any window of two minutes or more still holds 70 %.
    """
    return f"{name}.GetSamplePercent(window) < 70 ? 0 : avg({name}.GetSample(window))"


class Insufficient(Refused):
    """Samples are missing, which has its own error code; `look` has the details."""

    def __init__(self, name: str, wanted: float, look: Look) -> None:
        super().__init__(
            f"Insufficient data from data set: {name} wanted {_percent(wanted)}%, "
            f"received {_percent(look.percent)}%",
            f"guard it: {guard_of(name)}",
        )
        self.look = look


class Visible:
    """The samples of a history that are visible to one evaluation."""

    __slots__ = ("_moment_now", "count", "earlier_rules", "name", "now", "times", "values")

    def __init__(
        self,
        name: str,
        history: SampleHistory,
        now: Timestamp,
        until: datetime | None = None,
        earlier_rules: bool = False,
    ) -> None:
        self.name = name
        self.earlier_rules = earlier_rules
        self.now = now
        self.times = history.times
        self.values = history.values
        self._moment_now = moment = now.moment()
        if until is not None:
            moment = min(until, moment)
        newest = self.times[-1:]
        all_visible = not newest or newest[0] <= moment
        self.count = len(self.times) if all_visible else bisect_right(self.times, moment)

    def latest(self) -> float:
        """Return the newest sample: the value of the variable where a double is expected."""
        if not self.count:
            raise self.nothing(1)
        return self.values[self.count - 1]

    def nothing(self, wanted: int) -> Insufficient:
        """Build the error for a history without any samples."""
        return Insufficient(self.name, 100, self.emptiness(wanted))

    def emptiness(self, wanted: int) -> Look:
        """Record that there are no samples at all."""
        return Look(self._moment_now, self._moment_now, wanted, 0, 0.0)

    def window(
        self, one: Value, other: Value | None, required: float | None = None
    ) -> tuple[Look, int, int]:
        """Find the samples between two times, with their first and last position."""
        ends = sorted((self._ticks(one), self.now.ticks if other is None else self._ticks(other)))
        start, end = [
            self._moment_now if ticks == self.now.ticks else Timestamp(ticks).moment()
            for ticks in ends
        ]
        wanted = max(1, (ends[1] - ends[0]) // _PERIOD_TICKS)
        first = bisect_right(self.times, start, 0, self.count)
        last = bisect_right(self.times, end, first, self.count)
        received = last - first
        look = Look(start, end, wanted, received, _share(received, wanted), required)
        return look, first, last

    def _ticks(self, value: Value) -> int:
        if isinstance(value, Interval):
            return Timestamp.of(self.now.ticks - value.ticks).ticks
        assert isinstance(value, Timestamp)
        return value.ticks

    def vector(self, first: int, last: int) -> tuple[float, ...]:
        """Return samples by position, newest first."""
        seen = self.values[first:last]
        seen.reverse()
        return tuple(seen)


def _percent(value: float) -> str:
    return show_number(float(round(value, 2)))


def _share(received: int, expected: int) -> float:
    return min(100.0, received * 100 / expected)


Outcome = tuple[Value, Look | None]


def _newest(seen: Visible, count: float) -> Outcome:
    wanted = trunc(count)
    if wanted < 1:
        raise Refused("GetSample takes a count of at least 1", "GetSample(1) is the newest sample")
    received = min(wanted, seen.count)
    if not received:
        if seen.earlier_rules:
            raise seen.nothing(wanted)
        return (), seen.emptiness(wanted)
    first = seen.count - received
    look = Look(
        seen.times[first], seen.times[seen.count - 1], wanted, received, _share(received, wanted)
    )
    return seen.vector(first, seen.count), look


def _between(
    seen: Visible, one: Value, other: Value | None = None, required: float | None = None
) -> Outcome:
    if required is None:
        required = 0 if seen.earlier_rules else DEFAULT_PERCENT
    if not 0 <= required <= 100:
        raise Refused("the percentage of GetSample must be between 0 and 100",
                      "write 70 for seventy percent")  # fmt: skip
    look, first, last = seen.window(one, other, required)
    if look.percent < required or (seen.earlier_rules and not look.received):
        raise Insufficient(seen.name, required, look)
    return seen.vector(first, last), look


def _since(seen: Visible, start: Value, required: float | None = None) -> Outcome:
    return _between(seen, start, None, required)


def _percentage(seen: Visible, one: Value, other: Value | None = None) -> Outcome:
    look, _, _ = seen.window(one, other)
    return look.percent, look


def _begin(seen: Visible) -> Outcome:
    if not seen.count:
        raise seen.nothing(1)
    return as_timestamp(seen.times[0]), None


class SampleMethod(msgspec.Struct, frozen=True):
    """One method: its spelling, its usage, and its overloads by argument types."""

    name: str
    usage: str
    overloads: dict[tuple[type, ...], tuple[Callable[..., Outcome], type]]


_MOMENTS = (Timestamp, Interval)
_TABLE = (
    SampleMethod(
        "GetSample",
        "GetSample(count), GetSample(start [, percent]) or GetSample(start, end [, percent])",
        {
            (float,): (_newest, tuple),
            **{(a,): (_since, tuple) for a in _MOMENTS},
            **{(a, float): (_since, tuple) for a in _MOMENTS},
            **{(a, b): (_between, tuple) for a in _MOMENTS for b in _MOMENTS},
            **{(a, b, float): (_between, tuple) for a in _MOMENTS for b in _MOMENTS},
        },
    ),
    SampleMethod(
        "GetSamplePercent",
        "GetSamplePercent(start [, end])",
        {
            **{(a,): (_percentage, float) for a in _MOMENTS},
            **{(a, b): (_percentage, float) for a in _MOMENTS for b in _MOMENTS},
        },
    ),
    SampleMethod("GetSamplePeriod", "GetSamplePeriod()",
           {(): (lambda _: (Interval(_PERIOD_TICKS), None), Interval)}),
    SampleMethod("HistoryBeginTime", "HistoryBeginTime()", {(): (_begin, Timestamp)}),
    SampleMethod("Count", "Count()", {(): (lambda seen: (float(seen.count), None), float)}),
)  # fmt: skip

METHODS = {method.name.lower(): method for method in _TABLE}
"""The methods of sampled variables, by name in lower case."""


def resolve_method(method: SampleMethod, types: list[type]) -> tuple[Callable[..., Outcome], type]:
    """Find the overload for some argument types; raises `Refused`."""
    entry = method.overloads.get(tuple(types))
    if entry is None:
        given = ", ".join(TYPE_NAMES[t] for t in types[:8])
        hint = (
            "a window must be a timeinterval: 5 * TimeInterval_Minute"
            if types[:1] == [float] and (len(types) > 1 or method.name == "GetSamplePercent")
            else ""
        )
        raise Refused(f"{method.name}({given}) is not supported: write {method.usage}", hint)
    return entry
