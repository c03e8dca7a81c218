"""The whole state of a core as bytes, and back: records by number, however deep they refer.

Records refer to each other in circles. Each is written once, with numbers where it refers to
others; when they are read, all records exist before the first gets its fields. What orders records
by their fields is written as a list, and put in order when these are there.

The bytes are for the batchlab that wrote them, or one whose records have more fields with
defaults: `thaw` refuses others. They contain pickles: read only your own. Secrets are not in them.
"""

from __future__ import annotations

import io
import pickle
from typing import Any

import msgspec
from sortedcontainers import SortedKeyList

from batchlab.core.machine import Core
from batchlab.core.messages.facts import REPORTS
from batchlab.core.messages.inputs import REQUESTS
from batchlab.core.model.secrets import FORGOTTEN, Secret
from batchlab.core.state.base import Record
from batchlab.core.state.state import State

__all__ = ["Unreadable", "freeze", "thaw"]

_STATE = -1
_INPUTS = {cls.__name__: cls for cls in (*REQUESTS, *REPORTS)}


class Unreadable(ValueError):
    """Bytes that this batchlab cannot read."""


def freeze(core: Core, *, shared: bool = True) -> bytes:
    """Write the state of a core between two inputs.

    Without `shared`, two equal states give the same bytes, which cannot be read.
    """
    buffer, state = io.BytesIO(), core.state
    writer = _Writer(buffer, state)
    writer.fast = not shared
    writer.dump(vars(state))
    for record in writer.records:  # it grows meanwhile
        cls = type(record)
        values = [getattr(record, name) for name in cls.__struct_fields__]
        writer.dump([_plain(value) for value in values])
    classes: dict[type[Record], None] = dict.fromkeys(type(each) for each in writer.records)
    numbers = {cls: number for number, cls in enumerate(classes)}
    head = (
        [(cls.__module__, cls.__qualname__, cls.__struct_fields__) for cls in classes],
        [numbers[type(record)] for record in writer.records],
    )
    return pickle.dumps(head, protocol=5) + buffer.getvalue()


def thaw(frozen: bytes) -> Core:
    """A core that goes on where another was when its state was written.

    Raises
    ------
    Unreadable
        The bytes are damaged, or were written by a batchlab with other records.
    """
    core = Core.__new__(Core)
    try:
        core.state = _thaw(io.BytesIO(frozen))
    except Unreadable:
        raise
    except Exception as error:
        raise Unreadable(f"{type(error).__name__}: {error}") from error
    return core


def _thaw(buffer: io.BytesIO) -> State:
    known = {cls.__qualname__: cls for cls in _subclasses(Record)}
    described, numbers = pickle.load(buffer)
    plans = []
    for _, name, names in described:
        cls = known.get(name)
        if cls is None or not set(names) <= set(cls.__struct_fields__):
            raise Unreadable(f"records of the kind {name} have changed since")
        empty = dict.fromkeys(names)
        try:
            cls(**empty)  # fields that were not written get their defaults
        except TypeError:
            raise Unreadable(f"records of the kind {name} need more than was written") from None
        plans.append((cls, empty))
    state = State.__new__(State)
    records = [cls(**empty) for cls, empty in map(plans.__getitem__, numbers)]
    reader = _Reader(buffer, state, records)
    vars(state).update(vars(State()) | reader.load())  # what was not written is as in a new one
    ordered = []
    for record, number in zip(records, numbers, strict=True):
        for name, value in zip(plans[number][1], reader.load(), strict=True):
            if isinstance(value, _Ordered):
                ordered.append((record, name, value))
            else:
                setattr(record, name, value)
    for record, name, value in ordered:
        setattr(record, name, SortedKeyList(value.values, key=value.key))
    return state


class _Ordered:
    """A list in the order of a key, whose records have no fields yet."""

    def __init__(self, values: list[Any], key: Any) -> None:
        self.values, self.key = values, key


def _plain(value: Any) -> Any:
    return _Ordered(list(value), value.key) if isinstance(value, SortedKeyList) else value


class _Writer(pickle.Pickler):
    def __init__(self, buffer: io.BytesIO, state: State) -> None:
        super().__init__(buffer, protocol=5)
        self.records: list[Record] = []
        self._numbers: dict[int, int] = {}
        self._state = state

    def reducer_override(self, obj: Any) -> Any:
        """Write specifications as their fields: they were checked, and need not be again."""
        cls = type(obj)
        if cls is Secret:
            return Secret, (FORGOTTEN,)
        if isinstance(obj, msgspec.Struct):
            return _again, (cls, *(getattr(obj, name) for name in cls.__struct_fields__))
        return NotImplemented

    def persistent_id(self, obj: Any) -> int | None:
        if isinstance(obj, Record):
            number = self._numbers.get(id(obj))
            if number is None:
                number = self._numbers[id(obj)] = len(self.records)
                self.records.append(obj)
            return number
        return _STATE if obj is self._state else None


class _Reader(pickle.Unpickler):
    def __init__(self, buffer: io.BytesIO, state: State, records: list[Record]) -> None:
        super().__init__(buffer)
        self._state, self._records = state, records

    def find_class(self, module: str, name: str) -> Any:
        """Find inputs by name, as in journals: they may have moved to another file."""
        known = _INPUTS.get(name) if module.startswith("batchlab.core.messages.") else None
        return super().find_class(module, name) if known is None else known

    def persistent_load(self, pid: int) -> Any:
        return self._state if pid == _STATE else self._records[pid]


def _again(cls: type[msgspec.Struct], *values: Any) -> Any:
    return _MAKE(cls, **dict(zip(cls.__struct_fields__, values, strict=True)))


_MAKE: Any = type(msgspec.Struct).__call__


def _subclasses(cls: type[Record]) -> list[type[Record]]:
    found = [cls]
    for inner in cls.__subclasses__():
        found += _subclasses(inner)
    return found
