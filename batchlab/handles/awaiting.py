"""Waiting without blocking: what `wait` blocks for, to be awaited.

A notebook whose cell awaits goes on answering: displays are drawn, buttons work. The wait itself
is the same one, in a thread of its own; when the awaiting task is cancelled, so is the wait.
"""

from __future__ import annotations

import contextvars
import threading
from abc import abstractmethod
from collections.abc import Callable, Coroutine, Generator
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from asyncio import Future

__all__ = ["Awaited"]


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
