"""The HTTP server for a `Service`, with a separate event loop and threads.

Clients block neither the kernel's event loop nor Dask's nor each other: a thread pool talks to the
lab. If a body is too large, the excess is discarded: clients send a hundred large tasks at once,
and fewer when this is refused. Behind a Jupyter proxy, a header has the prefix of the URL.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import http.client
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from typing import Any

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

from batchlab.rest.messages import MOST_BYTES, Response
from batchlab.rest.service import Service

__all__ = ["Server"]

THREADS = 16
MOST_SENT = 2**30
"""The largest body that is read at all; with more bytes the connection is closed."""
_ILLEGAL = str.maketrans("", "", "\r\n\0")


class Server:
    """A server for a service; it starts when it is created.

    Parameters
    ----------
    service : Service
    host : str
    port : int
        0 for any free port.
    tls : ssl.SSLContext, optional
        If given, the server uses HTTPS.

    Raises
    ------
    OSError
        The address is in use, or does not belong to this machine.
    """

    def __init__(
        self, service: Service, host: str, port: int, tls: ssl.SSLContext | None = None
    ) -> None:
        self._service = service
        self._tls = tls
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listener = socket.create_server((host, port), family=family, backlog=128)
        listener.setblocking(False)
        self.port: int = listener.getsockname()[1]
        self._pool = concurrent.futures.ThreadPoolExecutor(THREADS, "batchlab-rest")
        self._loop = asyncio.new_event_loop()
        self._tasks: set[asyncio.Task[None]] = set()
        self._ended = asyncio.Event()
        started = threading.Event()
        self._thread = threading.Thread(
            target=self._run, args=(listener, started), name="batchlab-rest", daemon=True
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

    def _run(self, listener: socket.socket, started: threading.Event) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(self._serve(listener, started))
            self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        finally:
            asyncio.set_event_loop(None)
            self._loop.close()

    async def _serve(self, listener: socket.socket, started: threading.Event) -> None:
        server = HTTPServer(_Requests(self._take), max_body_size=MOST_SENT, ssl_options=self._tls)
        server.add_socket(listener)
        started.set()
        await self._ended.wait()
        server.stop()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await server.close_all_connections()

    def _take(self, request: HTTPServerRequest) -> None:
        task = self._loop.create_task(self._respond(request))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _respond(self, request: HTTPServerRequest) -> None:
        path, _, query = (request.uri or "/").partition("?")
        response = await self._loop.run_in_executor(
            self._pool,
            lambda: self._service.handle(
                request.method or "", path, query, dict(request.headers.items()), request.body,
                scheme=request.protocol,
            ),
        )  # fmt: skip
        with contextlib.suppress(StreamClosedError):  # the client has gone
            await self._send(request.connection, response)

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


class _Requests(HTTPServerConnectionDelegate):
    """Passes each complete request to a function."""

    def __init__(self, take: Callable[[HTTPServerRequest], None]) -> None:
        self._take = take

    def start_request(self, server_conn: object, request_conn: Any) -> HTTPMessageDelegate:
        return _Request(self._take, request_conn)


class _Request(HTTPMessageDelegate):
    """A request that is being received."""

    def __init__(self, take: Callable[[HTTPServerRequest], None], connection: Any) -> None:
        self._take = take
        self._connection = connection
        self._body = bytearray()

    def headers_received(self, start_line: Any, headers: HTTPHeaders) -> None:
        line: RequestStartLine = start_line
        self._request = HTTPServerRequest(
            connection=self._connection, start_line=line, headers=headers
        )

    def data_received(self, chunk: bytes) -> None:
        if len(self._body) <= MOST_BYTES:
            self._body += chunk

    def finish(self) -> None:
        self._request.body = bytes(self._body)
        self._take(self._request)


def _next(pieces: Iterator[bytes]) -> bytes:
    return next(pieces, b"")
