"""What all handles have in common: an identity, properties that query, and a display.

A handle is a service and an id, nothing else. It holds no state, so it is never out of date: each
property queries the service, and two handles of one thing are equal. `Handle.view` returns all
properties at one moment.

Everything that `wait` blocks for can also be awaited. While a cell awaits, the notebook stays
responsive: displays update and buttons work. The wait itself is the same, in its own thread; if
the awaiting task is cancelled, so is the wait.
"""

from __future__ import annotations

import contextvars
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine, Generator
from typing import TYPE_CHECKING, Any, ClassVar, Generic, NoReturn, Self, TypeVar, overload

from batchlab import background
from batchlab.core.model.fields import Fields, described, names_of
from batchlab.core.model.ids import fold
from batchlab.core.model.values import View
from batchlab.display import Displayed
from batchlab.drivers.ports import Connection

if TYPE_CHECKING:
    from asyncio import Future

__all__ = ["Awaited", "Handle", "ViewProperty"]

T = TypeVar("T")


class ViewProperty(Generic[T]):
    """A property of a thing, queried each time it is read."""

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
        raise AttributeError(f"{self.name} cannot be assigned: only the service sets it")


class Handle(Displayed, ABC):
    """One thing in a service: stateless, hashable, equal to every other handle of it."""

    __slots__ = ("_connection", "_id")

    def __init_subclass__(cls, *, init: bool = False) -> None:
        """Add a property for each of the `Fields` that the class does not define.

        `init` is for type checkers: handles are not created from fields.
        """
        about = described(cls)
        for name in names_of(cls):
            if not any(name in vars(base) for base in cls.__mro__
                       if issubclass(base, Handle) or not issubclass(base, Fields)):  # fmt: skip
                shown: ViewProperty[Any] = ViewProperty(about[name].text)
                shown.__set_name__(cls, name)
                setattr(cls, name, shown)

    def __init__(self, connection: Connection, id: str) -> None:  # noqa: A002
        self._connection = connection
        self._id = id

    @property
    def id(self) -> str:
        """Its id, as it was given."""
        return self._id

    @abstractmethod
    def view(self) -> View:
        """All properties at one moment, as an immutable snapshot."""

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


class Awaited:
    """Something you can wait for: `wait` blocks; `done`, or the thing itself, is awaited."""

    __slots__ = ()
    _shows_progress: ClassVar[bool] = False
    """Whether `wait` has a parameter `progress`."""

    @abstractmethod
    def wait(self, *args: Any, **kwargs: Any) -> None:
        """Block until it is done."""

    def done(self, *args: Any, **kwargs: Any) -> Coroutine[Any, Any, None]:
        """Await what `wait` blocks for, with the same parameters and errors."""
        if self._shows_progress:  # the watch used below is not the user's
            kwargs.setdefault("progress", kwargs.get("watch") is None)
        return _awaiting(self.wait, args, kwargs)

    def __await__(self) -> Generator[Any, None, None]:
        return self.done().__await__()


class _Cancelled(Exception):
    """The awaiting task was cancelled."""


async def _awaiting(
    wait: Callable[..., None], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> None:
    import asyncio  # noqa: PLC0415 - takes 40 ms, only needed here

    loop = asyncio.get_running_loop()
    future: Future[None] = loop.create_future()
    cancelled = threading.Event()
    watch = kwargs.pop("watch", None)

    def look() -> None:
        if cancelled.is_set():
            raise _Cancelled
        if watch is not None:
            watch()

    def settle(error: BaseException | None) -> None:
        if not future.done():
            future.set_exception(error) if error else future.set_result(None)

    def run() -> None:
        problem: BaseException | None = None
        try:
            wait(*args, watch=look, **kwargs)
        except BaseException as error:
            problem = error
        if not cancelled.is_set():
            loop.call_soon_threadsafe(settle, problem)

    # The context tells which notebook cell a display belongs to.
    context = contextvars.copy_context()
    background.start(lambda: context.run(run), "batchlab-wait")
    try:
        await future
    finally:
        cancelled.set()
