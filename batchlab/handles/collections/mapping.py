"""The things of one kind as a mapping by id, to list, look up and filter.

Nothing is cached: each access queries the service.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import ItemsView, Iterable, Iterator, Mapping, Sequence, ValuesView
from copy import copy
from typing import Any, ClassVar, Self, TypeVar, overload

from batchlab.core.answers.pages import Where, matching
from batchlab.core.model.values import View
from batchlab.display import Displayed
from batchlab.drivers.ports import Connection
from batchlab.errors import BatchError, NotFound, invalid
from batchlab.handles.base import Handle
from batchlab.handles.collections.filters import as_where, where_text
from batchlab.handles.nearest import suggesting

__all__ = ["Handles"]

H = TypeVar("H", bound=Handle)


class Handles(Displayed, Mapping[str, H]):
    """The handles of all things of one kind, in order of creation, by id (case-insensitive).

    ``things["id"]`` raises `NotFound` with Azure's code, and the nearest id, if there is no such
    thing;
    ``things[:10]`` returns the handles of the first ten. Nothing is cached: each access queries
    the service.
    """

    __slots__ = ("_connection", "_where")
    _kind: ClassVar[str]
    _view_type: ClassVar[type[View]]
    _name: ClassVar[str] = "id"
    """The property that things are looked up by."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._where: Where = ()

    def ids(self) -> list[str]:
        """All ids, in order of creation."""
        return [getattr(view, self._name) for view in self.views()]

    @abstractmethod
    def views(self) -> Iterable[View]:
        """An immutable snapshot of each thing."""

    def filter(self, **where: Any) -> Self:
        """Only the things with the given properties, which are queried at each access.

        Parameters
        ----------
        **where
            Properties that are text, whole numbers or booleans, such as ``state``, each with a
            value or a list of values. An id may be a pattern with ``*`` and ``?``; ids are not
            case-sensitive. None matches things that do not have the property.

        Raises
        ------
        InvalidRequest
            ``UnsupportedProperty``, ``InvalidPropertyValue``: no such property, or not one of
            its values.

        Examples
        --------
        >>> job.tasks.filter(state="completed", result="failure")  # doctest: +SKIP
        3 tasks with state='completed', result='failure'
        """
        narrowed = copy(self)
        owner = f"{type(self).__name__}.filter"
        narrowed._where = (*self._where, *as_where(where, self._view_type, self._kind, owner))
        return narrowed

    @property
    def narrowed(self) -> str:
        """The filter, as text; empty if there is none."""
        return where_text(self._where)

    def to_frame(self, columns: Sequence[str] | None = None) -> Any:
        """A pandas DataFrame of one moment: a row for each thing, by id, a column per property.

        Structured properties are split into columns: ``failure_info.code``.

        Parameters
        ----------
        columns : list of str, optional
            Which columns; all if omitted.

        Raises
        ------
        NotInstalled
            pandas is not installed: ``pip install "batchlab[pandas]"``.
        """
        from batchlab.handles.collections.frames import frame  # noqa: PLC0415 - pandas is heavy

        owner = f"{type(self).__name__}.to_frame"
        return frame(self._view_type, self.views(), columns, owner, index=self._name)

    @abstractmethod
    def _handle(self, id: str) -> H: ...  # noqa: A002

    @abstractmethod
    def _summary(self) -> str: ...

    @overload
    def __getitem__(self, key: str) -> H: ...
    @overload
    def __getitem__(self, key: slice) -> list[H]: ...
    def __getitem__(self, key: str | slice) -> H | list[H]:
        if isinstance(key, slice):
            return [self._handle(id) for id in self._sliced(key)]  # noqa: A001
        if not isinstance(key, str):
            reason = "must be an id, or a slice: things[:10] returns the first ten"
            raise invalid("id", key, reason, owner=type(self).__name__)
        with suggesting(key, self.ids):
            return self._found(key)

    def _found(self, key: str) -> H:
        view = self._handle(key).view()
        if not matching([view], self._where):
            code = self._kind.title().replace(" ", "") + "NotFound"
            raise NotFound(code, f"{self._kind} {key!r} does not match {where_text(self._where)}")
        return self._handle(getattr(view, self._name))

    def _sliced(self, key: slice) -> list[str]:
        try:
            return self.ids()[key]
        except (TypeError, ValueError) as error:
            raise invalid("id", key, str(error), owner=type(self).__name__) from None

    def __iter__(self) -> Iterator[str]:
        return iter(self.ids())

    def __len__(self) -> int:
        return len(self.ids())

    def __contains__(self, key: object) -> bool:
        try:
            return isinstance(key, str) and self._found(key) is not None
        except NotFound:
            return False

    def get(self, key: str, default: Any = None) -> Any:
        """Return the handle of an id, or `default` if there is none."""
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
    """Handles of ids that were just listed: no need to query each."""

    _mapping: Handles[H]

    def __iter__(self) -> Iterator[H]:
        return map(self._mapping._handle, self._mapping)


class _Items(ItemsView[str, H]):
    _mapping: Handles[H]

    def __iter__(self) -> Iterator[tuple[str, H]]:
        return ((id, self._mapping._handle(id)) for id in self._mapping)  # noqa: A001
