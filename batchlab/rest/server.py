"""The HTTP server for what answers like a `Service`, with a separate event loop and threads.

Clients block neither the kernel's event loop nor Dask's nor each other: a thread pool talks to the
lab. If a body is too large, the excess is discarded: clients send a hundred large tasks at once,
and fewer when this is refused.

A client without the key costs next to nothing: it is refused by its headers, its body is not kept,
every wait for it has a limit, and so has the number of connections (see `connections`).
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import http.client
import socket
import ssl
import threading
from collections.abc import Iterator, Mapping
from typing import Any, Protocol

from tornado.httpserver import HTTPServer
from tornado.httputil import (
    HTTPHeaders,
    HTTPMessageDelegate,
    HTTPServerConnectionDelegate,
    HTTPServerRequest,
    RequestStartLine,
    ResponseStartLine,
)
from tornado.iostream import StreamClosedError

from batchlab.core.model.ranges import is_whole
from batchlab.errors import invalid
from batchlab.rest.accepting import Acceptor
from batchlab.rest.connections import Connections
from batchlab.rest.messages import MOST_BYTES, Response, Visit
from batchlab.rest.taken_port import cannot_listen
from batchlab.rest.tunnel import tunnel

__all__ = ["Answering", "Server", "listen"]

THREADS = 16
MOST_SENT = 2**30
"""The largest body that is read at all; with more bytes the connection is closed."""
HEADERS_S = 60.0
"""How long a connection may wait for the complete headers of its next request."""
BODY_S = 300.0
REFUSED_BODY_S = 5.0
"""How long the rest of a request is read that is refused already."""
BACKLOG = 128
_ILLEGAL = str.maketrans("", "", "\r\n\0")


class Answering(Protocol):
    """What a server asks: see `service.Service`."""

    def refuse(
        self, method: str, path: str, query: str, headers: Mapping[str, str], *,
        scheme: str = "http", caller: str = "",
    ) -> Response | None:  # fmt: skip
        """Return the answer to a request that may not be made, or None.

        `caller` is the address from which it came.
        """
        ...

    def answer(
        self, method: str, path: str, query: str, headers: Mapping[str, str], body: bytes = b"",
        *, scheme: str = "http",
    ) -> Response:  # fmt: skip
        """Answer a request that may be made."""
        ...


class Server:
    """A server for a service; it starts when it is created.

    Parameters
    ----------
    service : Answering
    host : str
    port : int
        0 for any free port.
    tls : ssl.SSLContext, optional
        If given, the server uses HTTPS.
    most : int, optional
        The most connections at a time; by default, a part of the files that this process may open.

    Attributes
    ----------
    service : Answering
        What answers from now on.

    Raises
    ------
    OSError
        The address is in use, or does not belong to this machine.
    """

    def __init__(
        self, service: Answering, host: str, port: int, tls: ssl.SSLContext | None = None,
        *, most: int | None = None,
    ) -> None:  # fmt: skip
        self.service = service
        self.connections = Connections()
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listener = socket.create_server((host, port), family=family, backlog=BACKLOG)
        listener.setblocking(False)
        self._acceptor = Acceptor(listener, self.connections, tls, most)
        self.port: int = listener.getsockname()[1]
        self._pool = concurrent.futures.ThreadPoolExecutor(THREADS, "batchlab-rest")
        self._loop = asyncio.new_event_loop()
        self._tasks: set[asyncio.Task[None]] = set()
        self._visits: dict[Any, asyncio.Future[None]] = {}
        self._ended = asyncio.Event()
        started = threading.Event()
        self._thread = threading.Thread(
            target=self._run, args=(started,), name="batchlab-rest", daemon=True
        )
        self._thread.start()
        started.wait()

    def stop(self) -> None:
        """Stop listening and close open connections. Calling it twice is harmless."""
        if self._thread.is_alive():
            with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
                self._loop.call_soon_threadsafe(self._ended.set)
            self._thread.join()
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _run(self, started: threading.Event) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(self._serve(started))
            self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        finally:
            asyncio.set_event_loop(None)
            self._loop.close()

    async def _serve(self, started: threading.Event) -> None:
        server = _HttpServer(
            _Requests(self), max_body_size=MOST_SENT, body_timeout=BODY_S,
            idle_connection_timeout=HEADERS_S,
        )  # fmt: skip
        self._acceptor.begin(server)
        started.set()
        await self._ended.wait()
        self._acceptor.end()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await server.close_all_connections()
        visits = list(self._visits.values())
        for stream in list(self._visits):
            stream.close()
        if visits:
            await asyncio.wait(visits, timeout=1.0)

    def refuse(self, request: HTTPServerRequest) -> Response | None:
        """Return the answer to a request that may not be made, or None."""
        return self.service.refuse(
            *_of(request), scheme=request.protocol, caller=request.remote_ip or ""
        )

    def take(self, request: HTTPServerRequest, refused: Response | None) -> None:
        """Answer a complete request."""
        task = self._loop.create_task(self._respond(request, refused))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _respond(self, request: HTTPServerRequest, response: Response | None) -> None:
        if response is None:
            response = await self._loop.run_in_executor(
                self._pool,
                lambda: self.service.answer(
                    *_of(request), request.body, scheme=request.protocol
                ),
            )  # fmt: skip
        with contextlib.suppress(StreamClosedError):  # the client has gone
            if response.visit is not None and len(self._visits) >= self._acceptor.most // 2:
                response = Response(503, length=0)  # others need connections, too
            if response.visit is not None:
                self._upgrade(request, response.visit)
            elif response.tunnel is not None:
                await self._connect(request.connection, response.tunnel)
            else:
                await self._send(request.connection, response)

    async def _connect(self, connection: Any, port: int) -> None:
        stream = connection.detach()
        held = object()  # its stream does not count any more: to the server it is closed
        self.connections.begins(held)
        try:
            await tunnel(stream, port)
        finally:
            self.connections.closed(held)

    def _upgrade(self, request: HTTPServerRequest, visit: Visit) -> None:
        from batchlab.rest.websocket import upgrade  # noqa: PLC0415 - for those who watch

        stream: Any = request.connection.stream  # type: ignore[union-attr]
        ended = self._visits[stream] = self._loop.create_future()
        held = object()  # as above
        self.connections.begins(held)

        def left() -> None:
            self.connections.closed(held)
            self._visits.pop(stream, None)
            if not ended.done():
                ended.set_result(None)

        upgrade(request, visit, left)

    async def _send(self, connection: Any, response: Response) -> None:
        headers = HTTPHeaders()
        for name, value in response.headers.items():
            headers[name] = value.translate(_ILLEGAL)
        if response.length is not None:
            headers["Content-Length"] = str(response.length)
        reason = http.client.responses.get(response.status, "Unknown")
        start = ResponseStartLine("HTTP/1.1", response.status, reason)
        if isinstance(response.body, bytes):
            await connection.write_headers(start, headers, response.body or None)
        else:
            await connection.write_headers(start, headers)
            left = response.length or 0
            while left:
                piece = await self._loop.run_in_executor(self._pool, _next, response.body)
                if not piece:  # the file is shorter now: the client must notice
                    connection.stream.close()
                    return
                await connection.write(piece)
                left -= len(piece)
        connection.finish()


def listen(
    service: Answering, host: str, port: Any, tls: ssl.SSLContext | None = None
) -> Server:  # fmt: skip
    """Start a server for a service.

    Raises
    ------
    InvalidRequest
        ``InvalidPropertyValue``: no port, or nothing can listen on this address.
    """
    if not (is_whole(port) and 0 <= port <= 65535):
        raise invalid("port", port, "must be 0 (any free port) to 65535", owner="serve")
    try:
        return Server(service, host, port, tls)
    except (OSError, UnicodeError, OverflowError) as error:
        raise cannot_listen(error, host, port, "serve") from None


def _of(request: HTTPServerRequest) -> tuple[str, str, str, dict[str, str]]:
    path, _, query = (request.uri or "/").partition("?")
    return request.method or "", path, query, dict(request.headers.items())


class _HttpServer(HTTPServer):
    """Tornado's server, which says when a connection has closed; its own keeps that to itself."""

    def on_close(self, server_conn: Any) -> None:
        super().on_close(server_conn)
        assert isinstance(self.request_callback, HTTPServerConnectionDelegate)
        self.request_callback.on_close(server_conn)


class _Requests(HTTPServerConnectionDelegate):
    """The requests of all connections."""

    def __init__(self, server: Server) -> None:
        self._server = server

    def start_request(self, server_conn: Any, request_conn: Any) -> HTTPMessageDelegate:
        self._server.connections.waits(server_conn.stream)
        return _Request(self._server, server_conn.stream, request_conn)

    def on_close(self, server_conn: Any) -> None:
        self._server.connections.closed(server_conn.stream)


class _Request(HTTPMessageDelegate):
    """A request that is being received."""

    def __init__(self, server: Server, stream: Any, connection: Any) -> None:
        self._server = server
        self._stream = stream
        self._connection = connection
        self._body = bytearray()
        self._refused: Response | None = None

    def headers_received(self, start_line: Any, headers: HTTPHeaders) -> None:
        line: RequestStartLine = start_line
        self._request = HTTPServerRequest(
            connection=self._connection, start_line=line, headers=headers
        )
        self._refused = self._server.refuse(self._request)
        if self._refused is None:
            self._server.connections.begins(self._stream)
        else:
            self._connection.set_max_body_size(MOST_BYTES)
            self._connection.set_body_timeout(REFUSED_BODY_S)

    def data_received(self, chunk: bytes) -> None:
        if self._refused is None and len(self._body) <= MOST_BYTES:
            self._body += chunk

    def finish(self) -> None:
        self._request.body = bytes(self._body)
        self._server.take(self._request, self._refused)


def _next(pieces: Iterator[bytes]) -> bytes:
    return next(pieces, b"")
