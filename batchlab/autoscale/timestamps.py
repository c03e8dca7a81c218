"""Parsing the text of ``time("...")``: W3C-DTF (a profile of ISO 8601) and RFC 1123.

Valid forms are ``2016``, ``2016-10``, ``2016-10-13`` and ``2016-10-13T19:18Z``, optionally with
seconds, with a fraction of at most seven digits (100 ns, the service's tick) and with ``Z`` or an
offset such as ``+02:00``, and also ``Thu, 13 Oct 2016 19:18:47 GMT``. Without a time zone the text
means UTC, like every timestamp in a formula; this is our choice.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone

from batchlab.autoscale.values import Refused, Timestamp, as_timestamp

__all__ = ["parse_timestamp"]

_W3C = re.compile(
    r"(?P<year>[0-9]{4})(?:-(?P<month>[0-9]{2})(?:-(?P<day>[0-9]{2})"
    r"(?:T(?P<hour>[0-9]{2}):(?P<minute>[0-9]{2})(?::(?P<second>[0-9]{2})"
    r"(?:\.(?P<fraction>[0-9]+))?)?(?P<zone>Z|[+-][0-9]{2}:[0-9]{2})?)?)?)?"
)
_RFC1123 = re.compile(
    r"(?P<weekday>[A-Z][a-z]{2}), (?P<day>[0-9]{2}) (?P<month>[A-Z][a-z]{2}) (?P<year>[0-9]{4}) "
    r"(?P<hour>[0-9]{2}):(?P<minute>[0-9]{2}):(?P<second>[0-9]{2}) GMT"
)
_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_HINT = 'write time("2016-10-13T19:18:47Z") or time("Thu, 13 Oct 2016 19:18:47 GMT")'


def parse_timestamp(text: str) -> Timestamp:
    """Parse the argument of ``time``; raises `Refused` if it is not a time."""
    shown = text if len(text) <= 60 else text[:57] + "..."
    try:
        if match := _W3C.fullmatch(text):
            return _w3c(match)
        if match := _RFC1123.fullmatch(text):
            return _rfc1123(match)
    except (ValueError, OverflowError):
        raise Refused(f'there is no such time as "{shown}"', _HINT) from None
    raise Refused(f'"{shown}" is not a time', _HINT)


def _w3c(match: re.Match[str]) -> Timestamp:
    fraction = match["fraction"] or ""
    if len(fraction) > 7:
        raise Refused("seconds can have at most 7 digits after the point", "shorten the fraction")
    year, month, day, hour, minute, second = (
        int(match[name] or default)
        for name, default in (("year", 1), ("month", 1), ("day", 1),
                              ("hour", 0), ("minute", 0), ("second", 0))
    )  # fmt: skip
    zone = _zone(match["zone"])
    whole = as_timestamp(datetime(year, month, day, hour, minute, second, tzinfo=zone))
    return Timestamp.of(whole.ticks + int(fraction.ljust(7, "0")))


def _zone(text: str | None) -> timezone:
    if text is None or text == "Z":
        return UTC
    hours, minutes = int(text[1:3]), int(text[4:6])
    if minutes > 59:
        raise ValueError(text)
    offset = timedelta(hours=hours, minutes=minutes)
    return timezone(-offset if text[0] == "-" else offset)


def _rfc1123(match: re.Match[str]) -> Timestamp:
    moment = datetime(
        int(match["year"]),
        _MONTHS.index(match["month"]) + 1,
        int(match["day"]),
        int(match["hour"]),
        int(match["minute"]),
        int(match["second"]),
        tzinfo=UTC,
    )
    if _WEEKDAYS.index(match["weekday"]) != moment.weekday():
        weekday = _WEEKDAYS[moment.weekday()]
        raise Refused(f"{moment:%Y-%m-%d} is a {weekday}, not a {match['weekday']}")
    return as_timestamp(moment)
