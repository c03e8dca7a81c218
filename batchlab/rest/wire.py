"""Names and values on the wire: ``maxWallClockTime`` for ``max_wall_clock_time``.

Nearly every name is our name in camel case; `NAMES` has the exceptions. On the wire, mappings of
text are lists of names and values, durations are ISO 8601, and "no limit" is the longest .NET time
span. Properties that a description does not have are not lost: `read` collects them for
`unknown_properties`, in a tree of the same form.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cache, lru_cache
from typing import Any, TypeVar

import msgspec

from batchlab.core.model import FOREVER
from batchlab.core.model.base import Model, checked
from batchlab.durations import parse_duration
from batchlab.errors import BatchError, invalid
from batchlab.rest.messages import Wire

__all__ = [
    "UNLIMITED",
    "Unknown",
    "camel",
    "is_field",
    "read",
    "write_datetime",
    "write_duration",
    "write_pairs",
]

UNLIMITED = "P10675199DT2H48M5.4775807S"
_UNLIMITED = timedelta(days=FOREVER.days)
NAMES = {
    "etag": "eTag",
    "node_agent_sku_id": "nodeAgentSKUId",
    "node_ids": "nodeList",
    "reason": "terminateReason",
}
"""Names that are not ours in camel case."""

Unknown = dict[Any, Any]
"""Properties without a field: by name, and by index in a list."""
Reader = Callable[[Any, str, Unknown], Any]
S = TypeVar("S", bound=msgspec.Struct)


@lru_cache(maxsize=2048)
def camel(name: str) -> str:
    """The name on the wire."""
    if name in NAMES:
        return NAMES[name]
    first, *rest = name.split("_")
    return first + "".join(part[:1].upper() + part[1:] for part in rest)


# -- reading ------------------------------------------------------------------------------------


def read(cls: type[S], wire: Wire, unknown: Unknown | None = None, **more: Any) -> S:
    """Create a description or a request from an object on the wire.

    Parameters
    ----------
    cls : type
        A `Model`, or a request of the core.
    wire : dict
        Null properties count as missing.
    unknown : dict, optional
        Receives the properties without a field.
    **more
        Further fields, such as the ids in the path.

    Raises
    ------
    InvalidRequest
        An invalid value.
    """
    given: dict[str, Any] = {}
    fields = _fields(cls)
    for key, value in wire.items():
        field = fields.get(key)
        if value is None:
            continue
        if field is None or field[0] in more:
            if unknown is not None and field is None:
                unknown[key] = value
            continue
        name, reader = field
        inner: Unknown = {}
        given[name] = reader(value, name, inner)
        if inner and unknown is not None:
            unknown[key] = inner
    given |= more
    if issubclass(cls, Model):
        return cls(**given)
    return cls(**checked(cls, given, cls.__name__))


@cache
def _fields(cls: type[msgspec.Struct]) -> dict[str, tuple[str, Reader]]:
    hints = typing.get_type_hints(cls)
    return {
        camel(name): (name, _SPECIAL.get(name) or _reader(hints[name]))
        for name in cls.__struct_fields__
    }


def is_field(cls: type[msgspec.Struct], name: str) -> bool:
    """Whether a class has a field for a property, by its name on the wire."""
    return name in _fields(cls)


def _reader(hint: Any) -> Reader:
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin in (types.UnionType, typing.Union):
        return _reader(next(arg for arg in args if arg is not type(None)))
    if origin is tuple:
        return _list_of(_reader(args[0]))
    if hint == dict[str, str]:
        return _pairs
    if isinstance(hint, type) and issubclass(hint, Model):
        return _object_of(hint)
    return _SCALARS.get(hint, _as_it_is)


def _as_it_is(value: Any, name: str, unknown: Unknown) -> Any:
    return value


def _list_of(inner: Reader) -> Reader:
    def read_list(value: Any, name: str, unknown: Unknown) -> Any:
        if not isinstance(value, list):
            raise invalid(name, value, "must be a list")
        items = []
        for index, item in enumerate(value):
            rest: Unknown = {}
            items.append(inner(item, f"{name}[{index}]", rest))
            if rest:
                unknown[index] = rest
        return items

    return read_list


def _object_of(cls: type[Model]) -> Reader:
    def read_object(value: Any, name: str, unknown: Unknown) -> Any:
        if not isinstance(value, dict):
            raise invalid(name, value, "must be an object")
        try:
            return read(cls, value, unknown)
        except BatchError as error:
            inner = error.values.get("PropertyPath") or error.values.get("PropertyName", "")
            error.values["PropertyPath"] = f"{name}.{inner}"
            raise

    return read_object


def _pairs(value: Any, name: str, unknown: Unknown) -> Any:
    if not isinstance(value, list) or not all(isinstance(pair, dict) for pair in value):
        raise invalid(name, value, "must be a list of objects with a name and a value")
    return {pair.get("name"): pair.get("value") or "" for pair in value}


def _span(value: Any, name: str, unknown: Unknown) -> Any:
    span = _retention(value, name, unknown)
    return None if span == FOREVER else span


def _retention(value: Any, name: str, unknown: Unknown) -> timedelta:
    """A duration, of which the longest means without end, not that there is none."""
    if value == "P":  # the SDK's spelling of a zero duration
        return timedelta(0)
    if value == UNLIMITED:
        return FOREVER
    span = parse_duration(value, name=name)
    return FOREVER if span >= _UNLIMITED else span


def _whole(value: Any, name: str, unknown: Unknown) -> Any:
    """A number; the `az` command line sends numbers as text."""
    text = isinstance(value, str) and len(value) < 12 and value.strip().lstrip("-").isdecimal()
    return int(value) if text and value.strip().count("-") <= 1 else value


def _truth(value: Any, name: str, unknown: Unknown) -> Any:
    known = {"true": True, "false": False}
    return known.get(value.lower(), value) if isinstance(value, str) else value


_SCALARS: dict[Any, Reader] = {timedelta: _span, int: _whole, bool: _truth}
_SPECIAL: dict[str, Reader] = {"retention_time": _retention}


# -- writing ------------------------------------------------------------------------------------


def write_datetime(moment: datetime) -> str:
    """A time in UTC, without the zeros at the end of a fraction."""
    text = moment.astimezone(UTC).replace(tzinfo=None).isoformat()
    return (text.rstrip("0") if "." in text else text) + "Z"


def write_duration(span: timedelta) -> str:
    """A duration in the service's normal form: ``PT1H30M``."""
    if span >= _UNLIMITED:
        return UNLIMITED
    seconds = span.seconds + span.microseconds / 1_000_000
    parts = [f"{span.days}D"] if span.days else []
    hours, seconds = divmod(seconds, 3600)
    minutes, seconds = divmod(seconds, 60)
    clock = [f"{int(hours)}H"] if hours else []
    clock += [f"{int(minutes)}M"] if minutes else []
    if seconds or not (parts or clock):
        clock.append(f"{seconds:.6f}".rstrip("0").rstrip(".") + "S")
    return "P" + "".join(parts) + ("T" + "".join(clock) if clock else "")


def write_pairs(pairs: dict[str, str]) -> list[dict[str, str]]:
    """A mapping as a list of names and values."""
    return [{"name": name, "value": value} for name, value in pairs.items()]
