"""Calls of a lab's clients that wait: until a condition holds, or until there are changes."""

from __future__ import annotations

import asyncio
import contextlib
import pickle
from collections.abc import Callable, Sequence

import msgspec

from batchlab.core.messages.outputs import Change
from batchlab.core.messages.questions import Condition
from batchlab.drivers.change_log import ChangeLog, encode_changes
from batchlab.drivers.dask import messages
from batchlab.drivers.engine import Engine
from batchlab.errors import BatchError

__all__ = ["WaitingCalls"]


class WaitingCalls:
    """The handlers of these calls.

    Parameters
    ----------
    engine : callable
        Returns the engine, or refuses because the lab is closed.
    history : ChangeLog
    now : callable
        The lab's clock.
    """

    def __init__(
        self, engine: Callable[[], Engine], history: ChangeLog, now: Callable[[], float]
    ) -> None:
        self._engine = engine
        self._history = history
        self._now = now
        self._waiters: dict[asyncio.Future[None], Condition] = {}
        self._news: asyncio.Event | None = None
        self._over = False

    async def wait(self, payload: bytes, seconds: float) -> bytes:
        """Answer True once a condition holds, the reasons if it never can, or False."""
        try:
            condition = pickle.loads(payload)
            engine = self._engine()
            if engine.met(condition):
                return messages.answer(lambda: True)
            reasons = engine.hopeless(condition)
            if reasons:
                return messages.answer(lambda: reasons)
            return await self._wait_for(condition, seconds)
        except Exception as error:
            return messages.answer_error(error)

    async def _wait_for(self, condition: Condition, seconds: float) -> bytes:
        future = asyncio.get_running_loop().create_future()
        self._waiters[future] = condition
        try:
            await asyncio.wait([future], timeout=seconds)
            return messages.answer(lambda: self._engine().met(condition))
        finally:
            self._waiters.pop(future, None)

    async def changes(self, since: int, seconds: float) -> bytes:
        """Answer with the changes since a number, as soon as there are any."""
        if since >= self._history.end and seconds > 0 and not self._over:
            self._news = self._news or asyncio.Event()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._news.wait(), seconds)
        batch = self._history.since(since, self._now())
        packed = msgspec.structs.replace(batch, changes=[])
        return pickle.dumps((True, (packed, encode_changes(batch.changes))))

    def watch(self, changes: Sequence[Change]) -> None:
        """Wake all that these changes concern."""
        if self._news is not None:
            self._news.set()
            self._news = None
        for future, condition in list(self._waiters.items()):
            if future.done():
                continue
            try:
                met = self._over or self._engine().met(condition)
            except BatchError:
                met = True  # the waiter will find out why
            if met:
                future.set_result(None)

    def end(self) -> None:
        """Wake all: the lab is closed."""
        self._over = True
        self.watch(())
