"""Filters of lists: properties that are text, whole numbers or booleans."""

from __future__ import annotations

import types
import typing
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from batchlab.core.answers.pages import Where
from batchlab.core.model.base import unsupported
from batchlab.core.model.values import View
from batchlab.core.state.states import ALLOCATION, KINDS
from batchlab.errors import invalid

__all__ = ["as_where", "unwrapped", "where_text"]

_KINDS = {str: "text", int: "a whole number", bool: "True or False"}
_CHOICES: dict[str, tuple[str, ...]] = {
    "allocation_state": tuple(ALLOCATION),
    "scheduling_state": ("enabled", "disabled"),
    "result": ("success", "failure"),
}


def as_where(given: Mapping[str, Any], view: type[View], kind: str, owner: str) -> Where:
    """Read the properties of a filter, or refuse them."""
    plain = _plain(view)
    for name, value in given.items():
        if name not in plain:
            raise unsupported(name, value, owner, plain)
    return tuple((name, _values(name, value, plain[name], kind, owner))
                 for name, value in given.items())  # fmt: skip


def where_text(where: Where) -> str:
    """A filter as text: ``state='running', exit_code in (1, 2)``."""
    return ", ".join(
        f"{name}={values[0]!r}" if len(values) == 1 else f"{name} in {values!r}"
        for name, values in where
    )


@cache
def _plain(view: type[View]) -> dict[str, type]:
    """The properties of a view that can be compared, and their types."""
    hints = typing.get_type_hints(view)
    types_ = {name: unwrapped(hints[name]) for name in view.__struct_fields__}
    return {name: kind for name, kind in types_.items() if kind in _KINDS}


def unwrapped(hint: Any) -> Any:
    """The type without None; a choice of texts is text."""
    if typing.get_origin(hint) in (types.UnionType, typing.Union):
        hint = next(arg for arg in typing.get_args(hint) if arg is not types.NoneType)
    return str if typing.get_origin(hint) is typing.Literal else hint


def _values(name: str, given: Any, kind: type, thing: str, owner: str) -> tuple[Any, ...]:
    many = isinstance(given, Iterable) and not isinstance(given, (str, bytes, Mapping))
    return tuple(_value(name, value, kind, thing, owner) for value in (given if many else [given]))


def _value(name: str, value: Any, kind: type, thing: str, owner: str) -> Any:
    if value is None:
        return None
    if type(value) is not kind:
        raise invalid(name, value, f"must be {_KINDS[kind]}, or a list", owner=owner)
    choices = tuple(KINDS[thing]) if name in ("state", "previous_state") else _CHOICES.get(name)
    if choices is None:
        return value
    if str(value).lower() not in choices:
        raise invalid(name, value, f"must be one of {', '.join(choices)}", owner=owner)
    return str(value).lower()
