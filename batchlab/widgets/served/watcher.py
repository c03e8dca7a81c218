"""One open page: what it is sent, and in which order.

A page is sent one message after the other, each when it has taken the one before. What happens in
between is not queued: of the history it later gets everything at once, of news only the latest.
So a slow page costs no memory, and delays nobody.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from itertools import count
from typing import TYPE_CHECKING, Any

import msgspec

from batchlab.errors import BatchError
from batchlab.rest.messages import Socket
from batchlab.widgets.following import Said
from batchlab.widgets.newest import Newest
from batchlab.widgets.served.messages import Ask, Asked, Bye, Follow, Hello, frame, read
from batchlab.widgets.wire import Place

if TYPE_CHECKING:
    from batchlab.widgets.served.served_lab import ServedLab

__all__ = ["Watcher"]

OPEN = 64
"""How many questions of a page may be without an answer."""
VIEWERS = 16
"""How many displays a page may have."""
AWAY = 1001
"""The code with which a WebSocket is closed because the server ends."""
TOO_MUCH = 1008
"""The code for a client that does not keep to the rules."""

_numbers = count()


class Watcher:
    """One open page; everything here happens on the server's event loop.

    Parameters
    ----------
    served : ServedLab
    socket : Socket
    """

    def __init__(self, served: ServedLab, socket: Socket) -> None:
        self._served, self._socket = served, socket
        self._number = next(_numbers)
        self._wake = asyncio.Event()
        self._place: Place | None = None
        self._seen = -1  # the version that it has
        self._asks: deque[Ask] = deque()
        self._asked = asyncio.Event()
        self._said: deque[str | bytes] = deque()
        self._taken = asyncio.Event()
        self._follows: dict[str, tuple[str, str]] = {}  # viewer -> question, and its name for it
        self._news: dict[str, Said] = {}  # by question
        self._newest: Newest | None = None  # what-ifs
        self._tasks: list[asyncio.Task[None]] = []

    def begin(self) -> None:
        """Greet the page."""
        self._said.append(self._served.welcome())
        self._wake.set()
        loop = asyncio.get_running_loop()
        self._tasks = [loop.create_task(self._send()), loop.create_task(self._reply())]

    # -- what the page says -----------------------------------------------------------------------

    def hear(self, message: str | bytes) -> None:
        """Take a message."""
        if len(self._said) > OPEN:
            self._socket.close(TOO_MUCH, "too many messages")
            return
        try:
            self._take(read(message))
        except BatchError as error:
            self._said.append(frame({"type": "refused", "error": error.message}))
            self._wake.set()

    def _take(self, message: Hello | Ask | Follow | Bye) -> None:
        if isinstance(message, Hello):
            self._place, self._seen = message.have, -1
            self._wake.set()
        elif isinstance(message, Ask):
            if len(self._asks) >= OPEN:
                said = {"error": f"{OPEN} questions are waiting already"}
                self._answered(message.id, said)
            else:
                self._asks.append(message)
                self._asked.set()
        elif isinstance(message, Follow):
            self._follow(message)
        else:
            self._forget(message.viewer)

    def _follow(self, message: Follow) -> None:
        if message.question is None:
            self._forget(message.viewer)
            return
        if message.viewer not in self._follows and len(self._follows) >= VIEWERS:
            self._forget(next(iter(self._follows)))
        # The page's name for a question is its own: watchers that share one may differ in it.
        key = msgspec.json.encode(message.question, order="sorted").decode()
        self._follows[message.viewer] = (key, message.key)
        self._served.following.hear(
            self._viewer(message.viewer), key, _plain(message.question), again=message.again
        )

    def _forget(self, viewer: str) -> None:
        if self._follows.pop(viewer, None) is not None:
            self._served.following.leave(self._viewer(viewer))

    def _viewer(self, name: str) -> str:
        return f"{self._number}/{name}"

    def leave(self) -> None:
        """The page has gone."""
        for viewer in list(self._follows):
            self._forget(viewer)
        for task in self._tasks:
            task.cancel()
        if self._newest is not None:
            self._newest.put(lambda go_on: None)  # ends the one that is running
        self._served.gone(self)

    # -- what the page is told --------------------------------------------------------------------

    def wake(self) -> None:
        """There may be more of the history."""
        self._wake.set()

    def tell(self, key: str, said: Said) -> None:
        """There is a new answer to a question that may be followed here."""
        if any(key == followed for followed, _ in self._follows.values()):
            self._news[key] = said
            self._wake.set()

    async def _send(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                await self._wake.wait()
                self._wake.clear()
                await self._send_all()

    async def _send_all(self) -> None:
        """Send what there is: answers, then news, then history."""
        while True:
            if self._said:
                message = self._said.popleft()
                self._taken.set()
            elif self._news:
                key = next(iter(self._news))
                said = self._news.pop(key)
                for name in {name for known, name in self._follows.values() if known == key}:
                    await self._socket.write(frame({"type": "news", "key": name, **said}))
                continue
            elif self._place is not None and self._seen != self._served.watch.version:
                message = await self._history(self._place)
            else:
                return
            await self._socket.write(message)

    async def _history(self, place: Place) -> str | bytes:
        self._seen = self._served.watch.version
        message: str | bytes
        message, self._place = await self._served.in_thread(lambda: self._served.rows(place))
        return message

    async def _reply(self) -> None:
        """Answer one question after the other."""
        while True:
            await self._asked.wait()
            self._asked.clear()
            while self._asks:
                await self._answer(self._asks.popleft())
                while self._said:  # the page takes an answer before the next is looked for
                    self._taken.clear()
                    await self._taken.wait()

    async def _answer(self, message: Ask) -> None:
        question = _plain(message.question)
        if question["what"] == "what_if":
            self._newest = self._newest or Newest()
            self._newest.put(lambda go_on: self._simulate(message.id, question, go_on))
            return
        said = await self._served.in_thread(lambda: self._served.say(question, acts=True))
        self._answered(message.id, said)

    def _simulate(self, number: int, question: Any, go_on: Any) -> None:
        said = self._served.simulate(question, go_on)
        self._served.later(lambda: self._answered(number, said))

    def _answered(self, number: int, said: Said) -> None:
        value = said.get("value")
        data = value.pop("data", None) if isinstance(value, dict) else None
        self._said.append(frame({"type": "answer", "id": number, **said}, data))
        self._wake.set()

    async def end(self, why: str) -> None:
        """Send what happened last, and why there will be no more."""
        for task in self._tasks:
            task.cancel()
        with contextlib.suppress(OSError):
            if self._place is not None:
                await self._socket.write(await self._history(self._place))
            await self._socket.write(frame({"type": "end", "why": why}))
            self._socket.close(AWAY, why)


def _plain(question: Asked) -> Any:
    """A question as displays ask it."""
    return msgspec.to_builtins(question)
