"""A connection that becomes a WebSocket: Tornado's, without its routes and its log.

Who may have one is decided before, by the headers of the request (see `Answering.refuse`).
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from tornado.httputil import HTTPServerRequest
from tornado.web import Application
from tornado.websocket import WebSocketClosedError, WebSocketHandler

from batchlab.rest.messages import Visit, Visitor

__all__ = ["upgrade"]

logger = logging.getLogger("batchlab")

PING_S = 20.0
"""How often a client is asked whether it is still there; one that does not answer has gone."""
MOST_MESSAGE = 64 * 1024
"""How many bytes a message of a client may have."""


def upgrade(request: HTTPServerRequest, visit: Visit, left: Callable[[], None]) -> None:
    """Make a request's connection a WebSocket, for a visit; call `left` at its end.

    Must be called on the server's event loop.
    """
    settings: dict[str, Any] = {
        "websocket_max_message_size": MOST_MESSAGE, "websocket_ping_interval": PING_S,
        "websocket_ping_timeout": PING_S,
    }  # fmt: skip
    # The address of a request may hold a token, so nothing is logged.
    application = Application(log_function=lambda handler: None, **settings)
    chosen = {"visit": visit, "left": left}
    application.get_handler_delegate(request, _Handler, chosen).finish()


class _Handler(WebSocketHandler):
    def initialize(self, visit: Visit, left: Callable[[], None]) -> None:
        self._visit, self._left = visit, left
        self._visitor: Visitor | None = None

    def check_origin(self, origin: str) -> bool:
        return True  # decided before

    def open(self, *_: str, **__: str) -> None:
        self.set_nodelay(True)
        self._visitor = self._visit(_Socket(self))

    def on_message(self, message: str | bytes) -> None:
        assert self._visitor is not None
        self._visitor.hear(message)

    def on_finish(self) -> None:
        if self.get_status() != 101:  # it never became one
            self._left()

    def on_close(self) -> None:
        self._left()
        if self._visitor is not None:
            self._visitor.leave()

    def log_exception(self, typ: Any, value: Any, tb: Any) -> None:
        # Tornado's own message would name the address.
        logger.error("the channel of a page failed", exc_info=(typ, value, tb))


class _Socket:
    def __init__(self, handler: _Handler) -> None:
        self._handler = handler

    async def write(self, message: str | bytes) -> None:
        try:
            await self._handler.write_message(message, binary=isinstance(message, bytes))
        except WebSocketClosedError as error:
            raise ConnectionResetError(str(error)) from None

    def close(self, code: int, reason: str) -> None:
        self._handler.close(code, reason)
