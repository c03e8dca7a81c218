"""What all handles have in common: an identity, properties that ask, and a display.

A handle is (service, id) and nothing else. It holds no state, so it can never be out of date:
each property asks the service anew, and two handles of one thing are equal. `Handle.view` gives
all properties of one moment at once.

What `wait` blocks for can be awaited. A notebook whose cell awaits still answers: displays are
drawn, buttons work. The wait itself is the same one, in a thread of its own; when the awaiting
task is cancelled, so is the wait.
"""

from __future__ import annotations

import contextvars
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine, Generator
from typing import TYPE_CHECKING, Any, ClassVar, Generic, NoReturn, Self, TypeVar, overload

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


class Handle(Displayed, ABC):
    """One thing of a service: equal to every other handle of it, hashable, without state."""

    __slots__ = ("_connection", "_id")

    def __init_subclass__(cls, *, init: bool = False) -> None:
        """Make a property of each of the `Fields` that the class has not itself.

        `init` says the same to type checkers: handles are not made of fields.
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


class Awaited:
    """Something that can be waited for: `wait` blocks, `done` is awaited, and so is the thing."""

    __slots__ = ()
    _shows_progress: ClassVar[bool] = False
    """Whether `wait` takes a `progress`."""

    @abstractmethod
    def wait(self, *args: Any, **kwargs: Any) -> None:
        """Block until it is so."""

    def done(self, *args: Any, **kwargs: Any) -> Coroutine[Any, Any, None]:
        """Await what `wait` blocks for; the parameters and errors are those of `wait`."""
        if self._shows_progress:  # what is watched below is not the user's own
            kwargs.setdefault("progress", kwargs.get("watch") is None)
        return _awaiting(self.wait, args, kwargs)

    def __await__(self) -> Generator[Any, None, None]:
        return self.done().__await__()


class _Cancelled(Exception):
    """Nobody awaits this any more."""


async def _awaiting(
    wait: Callable[..., None], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> None:
    import asyncio  # noqa: PLC0415 - forty milliseconds, for those who await

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

    # The context says to which cell of a notebook a display belongs.
    context = contextvars.copy_context()
    threading.Thread(target=context.run, args=(run,), name="batchlab-wait", daemon=True).start()
    try:
        await future
    finally:
        cancelled.set()
