"""The base of everything a user writes down: frozen, checked on construction, Azure's errors.

A `Model` is a `msgspec.Struct`: small, fast to create and easy to encode as JSON or msgpack.
Calling the class checks each keyword against its annotation and accepts the shorthands that
people type: ``"5m"`` for a duration, a command line for a task, a mapping for environment
settings. A model that exists is valid; rules that need the service's state are in the core.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from functools import cache
from math import isfinite
from typing import Annotated, Any, Literal

import msgspec

from batchlab.core.model.fields import FieldsMeta
from batchlab.core.model.pickling import packed
from batchlab.core.model.ranges import is_number
from batchlab.core.model.secrets import Secret
from batchlab.durations import parse_duration
from batchlab.errors import InvalidRequest, invalid
from batchlab.masking import mask

Reader = Callable[[Any, str, str], Any]  # (value, property name, owner) -> checked value
Check = Callable[[Any, str, str], object]
"""Refuses a value that its type alone would allow: ``Annotated[int, Range(0, 10)]``."""


class _ModelMeta(FieldsMeta):
    def __call__(cls: Any, *args: Any, **given: Any) -> Any:  # noqa: N805 - of a metaclass
        owner = cls.__name__
        if args:
            raise InvalidRequest(
                "InvalidRequestBody",
                f"{owner} takes keyword arguments only: {owner}({_example(cls)}=...)",
            )
        cls._complete(given)
        found = checked(cls, given, owner)
        cls._check_new(found)
        return super().__call__(**found)


class Model(
    msgspec.Struct,
    metaclass=_ModelMeta,
    frozen=True,
    kw_only=True,
    omit_defaults=True,
    gc=False,  # made of plain values only: no cycles to look for
):
    """A description that a user writes: keyword-only, immutable, checked on construction."""

    __reduce__ = packed

    def __repr__(self) -> str:
        return mask(super().__repr__())

    @classmethod
    def _from_sugar(cls, value: Any) -> Any:
        """Read a shorthand (a command line, an id); None if the value is not one."""
        return None

    @classmethod
    def _complete(cls, given: dict[str, Any]) -> None:
        """Add what follows from what was given together."""

    @classmethod
    def _check_new(cls, given: dict[str, Any]) -> None:
        """Refuse what earlier versions accepted: it must remain readable in their journals."""


def checked(cls: type[msgspec.Struct], given: Mapping[str, Any], owner: str) -> dict[str, Any]:
    """Read the properties given for a struct by their annotations; refuse invalid ones.

    `owner` is the model or method that the user sees the properties on, for the message.
    """
    readers = _readers(cls)
    unknown = [name for name in given if name not in readers]
    if unknown:
        raise unsupported(unknown[0], given[unknown[0]], owner, typing.get_type_hints(cls))
    missing = [name for name in _required(cls) if given.get(name) is None]
    if missing:
        raise InvalidRequest(
            "MissingRequiredProperty",
            f"{owner}.{missing[0]} is required: pass {missing[0]}=...",
            {"PropertyName": missing[0]},
        )
    return {name: readers[name](value, name, owner) for name, value in given.items()}


def unsupported(name: str, value: Any, owner: str, known: Mapping[str, Any]) -> InvalidRequest:
    """Build the error for an unknown keyword, with where it belongs or the closest match.

    `known` maps the valid keywords to their types: the keyword may belong to a part of one.
    """
    names = sorted(known)
    near = get_close_matches(name, names, n=1)
    if "password" in near:
        value = "..."  # never shown
    places = {f"{key}={form}" for key in names for form in _written(name, known[key])}
    cure = f"did you mean {near[0]}?" if near else f"valid properties: {', '.join(names)}"
    if len(places) == 1:
        cure = f"write {places.pop()}"
    return invalid(name, value, f"unknown property; {cure}", owner=owner,
                   code="UnsupportedProperty")  # fmt: skip


def _written(name: str, hint: Any) -> Iterator[str]:
    """How to write the property, for each part of a type that has one of this name."""
    if isinstance(hint, type) and issubclass(hint, Model) and name in hint.__struct_fields__:
        yield f"{hint.__name__}({name}=...)"
    several = typing.get_origin(hint) in (tuple, Sequence)
    for part in typing.get_args(hint):
        yield from (f"[{form}]" if several else form for form in _written(name, part))


def check(struct: msgspec.Struct, owner: str) -> None:
    """Refuse values outside a property's limits; None means that the property is not given."""
    for name, checks in _checks(type(struct)):
        value = getattr(struct, name)
        if value is not None:
            for one in checks:
                one(value, name, owner)


@cache
def _checks(cls: type[msgspec.Struct]) -> tuple[tuple[str, tuple[Check, ...]], ...]:
    hints = typing.get_type_hints(cls, include_extras=True)
    found = ((name, _checks_of(hints[name])) for name in cls.__struct_fields__)
    return tuple((name, checks) for name, checks in found if checks)


def _checks_of(hint: Any) -> tuple[Check, ...]:
    if typing.get_origin(hint) in (types.UnionType, typing.Union):
        hint = next(arg for arg in typing.get_args(hint) if arg is not type(None))
    return typing.get_args(hint)[1:] if typing.get_origin(hint) is Annotated else ()


@cache
def _readers(cls: type[msgspec.Struct]) -> dict[str, Reader]:
    hints = typing.get_type_hints(cls, include_extras=True)
    return {name: _reader(hints[name]) for name in cls.__struct_fields__}


@cache
def _required(cls: type[msgspec.Struct]) -> tuple[str, ...]:
    return tuple(field.name for field in msgspec.structs.fields(cls) if field.required)


def _example(cls: type[msgspec.Struct]) -> str:
    return (_required(cls) or cls.__struct_fields__)[0]


def _reader(hint: Any) -> Reader:
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin in (types.UnionType, typing.Union):
        inner = _reader(next(arg for arg in args if arg is not type(None)))
        return lambda value, name, owner: None if value is None else inner(value, name, owner)
    if origin is Annotated:
        return _within(_reader(args[0]), args[1:])
    if origin is Literal:
        return _choice(args)
    if origin is tuple:
        return _sequence(_reader(args[0]))
    if hint == dict[str, str]:
        return _environment
    if hint is timedelta:
        return lambda value, name, owner: parse_duration(value, name=name, owner=owner)
    if hint is datetime:
        return _moment
    if isinstance(hint, type) and issubclass(hint, Model):
        return _nested(hint)
    if hint in _SCALARS:
        return _SCALARS[hint]
    raise TypeError(f"no reader for {hint}")


def _within(inner: Reader, checks: tuple[Check, ...]) -> Reader:
    def read(value: Any, name: str, owner: str) -> Any:
        found = inner(value, name, owner)
        for one in checks:
            one(found, name, owner)
        return found

    return read


def _text(value: Any, name: str, owner: str) -> str:
    if not isinstance(value, str):
        raise invalid(name, value, f"must be text, not {_kind(value)}", owner=owner)
    if "\0" in value:
        raise invalid(name, value, "must not contain a NUL character", owner=owner)
    if not _is_unicode(value):
        raise invalid(name, value, "must not contain an unpaired surrogate", owner=owner)
    return value


def _is_unicode(value: str) -> bool:
    """Whether text can be encoded: JSON has no unpaired surrogates."""
    if value.isascii():
        return True
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _whole(value: Any, name: str, owner: str) -> int:
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        raise invalid(name, value, f"must be a whole number, not {_kind(value)}", owner=owner)
    number = int(value.__index__())
    if abs(number) > 2**31 - 1:
        raise invalid(name, value, "must fit into 32 bits", owner=owner)
    return number


def _moment(value: Any, name: str, owner: str) -> datetime:
    """Read a time: one without a zone is UTC, as everywhere in Azure Batch."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            raise invalid(
                name, value, "must be a datetime or text like '2026-01-05T09:00Z'", owner=owner
            ) from None
    if not isinstance(value, datetime):
        raise invalid(name, value, f"must be a datetime, not {_kind(value)}", owner=owner)
    return value if value.tzinfo else value.replace(tzinfo=UTC)


def _truth(value: Any, name: str, owner: str) -> bool:
    if not isinstance(value, bool):
        raise invalid(name, value, f"must be True or False, not {_kind(value)}", owner=owner)
    return value


def _number(value: Any, name: str, owner: str) -> float:
    if not is_number(value):
        raise invalid(name, value, f"must be a number, not {_kind(value)}", owner=owner)
    number = float(value)
    if not isfinite(number):
        raise invalid(name, value, "must be a finite number", owner=owner)
    return number


def _secret(value: Any, name: str, owner: str) -> Secret:
    return value if isinstance(value, Secret) else Secret(_text(value, name, owner))


_SCALARS: dict[Any, Reader] = {
    str: _text, int: _whole, float: _number, bool: _truth, Secret: _secret,
}  # fmt: skip


def _choice(choices: tuple[str, ...]) -> Reader:
    def read(value: Any, name: str, owner: str) -> str:
        if isinstance(value, str) and value.lower() in choices:
            return value.lower()
        raise invalid(name, value, "must be one of " + ", ".join(map(repr, choices)), owner=owner)

    return read


def _sequence(inner: Reader) -> Reader:
    def read(value: Any, name: str, owner: str) -> tuple[Any, ...]:
        if isinstance(value, (str, bytes, Mapping)) or not isinstance(value, Iterable):
            raise invalid(name, value, f"must be a list, not {_kind(value)}", owner=owner)
        return tuple(inner(item, f"{name}[{i}]", owner) for i, item in enumerate(value))

    return read


def _nested(model: type[Model]) -> Reader:
    def read(value: Any, name: str, owner: str) -> Model:
        if isinstance(value, model):
            return value
        sugar = model._from_sugar(value)
        if sugar is not None:
            return typing.cast(Model, sugar)
        raise invalid(name, value, f"must be a {model.__name__}, not {_kind(value)}", owner=owner)

    return read


def _environment(value: Any, name: str, owner: str) -> dict[str, str]:
    if isinstance(value, Mapping):
        pairs = list(value.items())
    elif isinstance(value, Iterable) and not isinstance(value, (str, bytes)):
        pairs = [(getattr(item, "name", None), getattr(item, "value", None)) for item in value]
    else:
        raise invalid(name, value, "must be a mapping of names to values", owner=owner)
    notes = name == "metadata"  # may contain "=", which a process does not accept in a name
    for key, text in pairs:
        if key == "" and notes:
            raise invalid(name, key, "each item needs a name", owner=owner,
                          code="EmptyMetadataKey")  # fmt: skip
        if not isinstance(key, str) or not key or ("=" in key and not notes):
            raise invalid(name, key, "each name must be text without '='", owner=owner)
        _text(key, name, owner)
        _text(text, f"{name}[{key!r}]", owner)
    return dict(pairs)


def _kind(value: Any) -> str:
    return "None" if value is None else type(value).__name__
