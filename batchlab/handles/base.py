"""What all handles have in common: an identity, properties that ask, and a display.

A handle is (service, id) and nothing else. It holds no state, so it can never be out of date:
each property asks the service anew, and two handles of one thing are equal. `Handle.view` gives
all properties of one moment at once.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import ItemsView, Iterator, Mapping, ValuesView
from typing import Any, Generic, NoReturn, Self, TypeVar, overload

from batchlab.core.ids import fold
from batchlab.core.views import View
from batchlab.drivers.ports import Connection
from batchlab.errors import BatchError, NotFound, invalid

__all__ = ["Handle", "Handles", "Seen", "Shown"]

T = TypeVar("T")
H = TypeVar("H", bound="Handle")


class Shown:
    """Something with a rich display: text, and HTML where a notebook can show it."""

    __slots__ = ()

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        # The only look downwards: displays know handles, and handles find theirs when shown.
        from batchlab.widgets import mimebundle  # noqa: PLC0415

        return mimebundle(self)

    def _repr_html_(self) -> str:
        return str(self._repr_mimebundle_()["text/html"])


class Seen(Generic[T]):
    """A property of a thing, asked for each time it is read."""

    def __init__(self, doc: str) -> None:
        self.__doc__ = doc

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    @overload
    def __get__(self, handle: None, owner: type) -> Self: ...
    @overload
    def __get__(self, handle: Handle, owner: type) -> T: ...
    def __get__(self, handle: Handle | None, owner: type) -> Self | T:
        if handle is None:
            return self
        value: T = getattr(handle.view(), self.name)
        return value

    def __set__(self, handle: Handle, value: object) -> NoReturn:
        raise AttributeError(f"{self.name} cannot be assigned: it is what the service says")


class Handle(Shown, ABC):
    """One thing of a service: equal to every other handle of it, hashable, without state."""

    __slots__ = ("_connection", "_id")

    def __init__(self, connection: Connection, id: str) -> None:  # noqa: A002
        self._connection = connection
        self._id = id

    @property
    def id(self) -> str:
        """Its id, as it was given."""
        return self._id

    @abstractmethod
    def view(self) -> View:
        """All properties at one moment, as a frozen picture."""

    def _key(self) -> tuple[str, ...]:
        return (fold(self._id),)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Handle):
            return NotImplemented
        same = type(self) is type(other) and self._connection is other._connection
        return same and self._key() == other._key()

    def __hash__(self) -> int:
        return hash((type(self), self._key()))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._id!r})"


class Handles(Shown, Mapping[str, H]):
    """The handles of all things of one kind, in order of creation, by id without regard to case.

    ``things["id"]`` raises `NotFound` with Azure's code for what is not there.
    """

    __slots__ = ("_connection",)

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    @abstractmethod
    def ids(self) -> list[str]:
        """All ids, in order of creation."""

    @abstractmethod
    def _handle(self, id: str) -> H: ...  # noqa: A002

    @abstractmethod
    def _summary(self) -> str: ...

    def __getitem__(self, key: str) -> H:
        if not isinstance(key, str):
            reason = "things are looked up by id; list(things.values()) has them in order"
            raise invalid("id", key, reason, owner=type(self).__name__)
        handle = self._handle(key)
        return self._handle(str(handle.view().id))  # type: ignore[attr-defined]

    def __iter__(self) -> Iterator[str]:
        return iter(self.ids())

    def __len__(self) -> int:
        return len(self.ids())

    def __contains__(self, key: object) -> bool:
        try:
            return isinstance(key, str) and self[key] is not None
        except NotFound:
            return False

    def get(self, key: str, default: Any = None) -> Any:
        """Return the handle of an id, or `default` when there is none."""
        return self[key] if key in self else default  # noqa: SIM401

    def values(self) -> ValuesView[H]:
        """Return all handles, in order of creation."""
        return _Values(self)

    def items(self) -> ItemsView[str, H]:
        """Return all ids with their handles, in order of creation."""
        return _Items(self)

    def __repr__(self) -> str:
        try:
            return self._summary()
        except BatchError as error:
            return f"{type(self).__name__}: {error}"


class _Values(ValuesView[H]):
    """Handles of ids that were just listed: no need to ask for each."""

    _mapping: Handles[H]

    def __iter__(self) -> Iterator[H]:
        return map(self._mapping._handle, self._mapping)


class _Items(ItemsView[str, H]):
    _mapping: Handles[H]

    def __iter__(self) -> Iterator[tuple[str, H]]:
        return ((id, self._mapping._handle(id)) for id in self._mapping)  # noqa: A001
