"""Requests that are carried out once, however often they are sent.

If the network is lost before an answer arrives, the client cannot know whether the request has
arrived. It sends it again with the same id, and gets the answer to the first one.
"""

from __future__ import annotations

import asyncio
import inspect
from collections import OrderedDict
from collections.abc import Callable, Coroutine
from typing import Any

__all__ = ["Once"]

REMEMBERED = 10_000
"""How many requests are remembered; an answer has some hundred bytes."""


class Once:
    """The requests of the clients of one lab, by id."""

    def __init__(self) -> None:
        self._answers: OrderedDict[str, bytes | asyncio.Future[bytes]] = OrderedDict()

    def handler(self, do: Callable[..., Any]) -> Callable[..., Coroutine[Any, Any, bytes]]:
        """Return a handler that knows ``request_id``; a call without it is always carried out."""

        async def handle(request_id: str = "", **arguments: Any) -> bytes:
            known = self._answers.get(request_id) or self._begin(request_id, do(**arguments))
            return known if isinstance(known, bytes) else await asyncio.shield(known)

        return handle

    def _begin(self, request_id: str, answer: Any) -> bytes | asyncio.Future[bytes]:
        begun: bytes | asyncio.Future[bytes] = (
            asyncio.ensure_future(answer) if inspect.isawaitable(answer) else answer
        )
        if request_id:
            self._answers[request_id] = begun
            if len(self._answers) > REMEMBERED:
                self._answers.popitem(last=False)
        return begun
