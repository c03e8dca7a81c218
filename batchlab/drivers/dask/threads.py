"""Threads for blocking work: as many as needed at the same time, and reused.

They are daemon threads, so a running command never delays the end of the interpreter. They are not
an executor of `concurrent.futures`, so they still work when labs are closed while the interpreter
is shutting down.
"""

from __future__ import annotations

import asyncio
import logging
import os
import queue
import threading
from collections.abc import Callable
from typing import Any, TypeVar

__all__ = ["call", "run"]

logger = logging.getLogger("batchlab")
Result = TypeVar("Result")

_IDLE_S = 10.0
_work: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
_free = threading.Semaphore(0)  # threads that wait for work and have none assigned


def run(work: Callable[[], None]) -> None:
    """Run something in another thread, immediately."""
    if _free.acquire(blocking=False):
        _work.put(work)
    else:
        threading.Thread(target=_live, args=([work],), name="batchlab", daemon=True).start()


async def call(work: Callable[..., Result], *args: Any) -> Result:
    """Run something that blocks in another thread, and await its result."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[Result] = loop.create_future()

    def settle(setter: Callable[[Any], None], value: Any) -> None:
        if not future.done():
            setter(value)

    def body() -> None:
        try:
            result = work(*args)
        except BaseException as error:
            outcome: tuple[Callable[[Any], None], Any] = (future.set_exception, error)
        else:
            outcome = (future.set_result, result)
        if not loop.is_closed():
            loop.call_soon_threadsafe(settle, *outcome)

    run(body)
    return await future


def _live(first: list[Callable[[], None]]) -> None:
    work = first.pop()  # from a list, as a thread keeps its arguments while it lives
    while True:
        try:
            work()
        except BaseException:
            logger.exception("a thread of batchlab failed")
        del work
        _free.release()
        try:
            work = _work.get(timeout=_IDLE_S)
        except queue.Empty:
            if _free.acquire(blocking=False):
                return
            work = _work.get()  # assigned between the time-out and now


def _forget() -> None:
    """In a forked process: its threads are gone."""
    global _work, _free
    _work, _free = queue.SimpleQueue(), threading.Semaphore(0)


os.register_at_fork(after_in_child=_forget)
