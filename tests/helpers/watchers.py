"""Those who watch a served lab: a browser's requests and its channel, without a browser."""

from __future__ import annotations

import asyncio
import http.client
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

import msgspec
from tornado.httpclient import HTTPRequest
from tornado.websocket import WebSocketClientConnection, websocket_connect

TOKEN = "a-token-that-nobody-guesses"
HTML = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
PLACE = {"generation": 0, "rows": {}, "names": {}}
PATIENCE_S = 60.0


class Answer:
    """What a browser got."""

    def __init__(self, response: http.client.HTTPResponse) -> None:
        self.status = response.status
        self.headers = {name.lower(): value for name, value in response.getheaders()}
        self.text = response.read().decode()


def visit(url: str, path: str = "/", method: str = "GET", **headers: str) -> Answer:
    """One request of a browser; ``_`` in a header's name is ``-``."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=PATIENCE_S)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    try:
        connection.request(method, path, headers=HTML | named)
        return Answer(connection.getresponse())
    finally:
        connection.close()


def cookie_of(url: str, token: str = TOKEN) -> str:
    """The cookie that a token is exchanged for."""
    return visit(url, f"/?token={token}").headers["set-cookie"].partition(";")[0]


class Channel:
    """The channel of an open page: what was said on it, by type."""

    def __init__(self, connection: WebSocketClientConnection, url: str) -> None:
        self.connection, self.url = connection, url
        self.heard: list[tuple[dict[str, Any], bytes]] = []

    async def say(self, message: Any) -> None:
        if not isinstance(message, str | bytes):
            message = msgspec.json.encode(message).decode()
        await self.connection.write_message(message, binary=isinstance(message, bytes))

    async def ask(self, number: int = 1, **question: Any) -> dict[str, Any]:
        await self.say({"type": "ask", "id": number, "question": question})
        return await self.next("answer", lambda said: said["id"] == number)

    async def follow(self, viewer: str = "v", key: str = "k", **question: Any) -> None:
        await self.say({"type": "follow", "viewer": viewer, "key": key, "question": question})

    async def next(
        self, kind: str, fits: Callable[[dict[str, Any]], bool] = lambda said: True
    ) -> dict[str, Any]:
        """Wait for a message, and return it; others are remembered."""
        end = time.monotonic() + PATIENCE_S
        while True:
            for place, (said, _) in enumerate(self.heard):
                if said["type"] == kind and fits(said):
                    return self.heard.pop(place)[0]
            await self._hear(end - time.monotonic())

    async def closed(self) -> int | None:
        """Wait for the end, and return its code."""
        end = time.monotonic() + PATIENCE_S
        while not self.heard or self.heard[-1][0]["type"] != "closed":
            await self._hear(end - time.monotonic())
        code: int | None = self.connection.close_code
        return code

    async def _hear(self, seconds: float) -> None:
        message = await asyncio.wait_for(self.connection.read_message(), seconds)
        if message is None:
            self.heard.append(({"type": "closed"}, b""))
        elif isinstance(message, str):
            self.heard.append((msgspec.json.decode(message), b""))
        else:
            end = 4 + int.from_bytes(message[:4], "little")
            self.heard.append((msgspec.json.decode(message[4:end]), message[end:]))


@asynccontextmanager
async def channel(url: str, cookie: str, **headers: str) -> AsyncIterator[Channel]:
    """Open a page's channel, greeted."""
    request = HTTPRequest(
        url.replace("http", "ws", 1) + "/page/live",
        headers={"Cookie": cookie, "Origin": url} | headers, connect_timeout=PATIENCE_S,
    )  # fmt: skip
    found = Channel(await websocket_connect(request), url)
    try:
        yield found
    finally:
        found.connection.close()
        await found.closed()
