"""A tunnel: what a client sends to another server of this machine, and what that answers.

A client that asks a proxy for one (``CONNECT``) speaks TLS through it, which the proxy only
passes on.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from typing import Any

from tornado.iostream import IOStream, StreamClosedError

__all__ = ["tunnel"]

_CHUNK = 2**16
_OPEN = b"HTTP/1.1 200 Connection established\r\n\r\n"
_CLOSED = b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


async def tunnel(client: IOStream, port: int) -> None:
    """Connect a client to a port of this machine until one of them closes its connection."""
    server = IOStream(socket.socket())
    try:
        try:
            await server.connect(("127.0.0.1", port))
        except (OSError, StreamClosedError):
            await client.write(_CLOSED)
            return
        await client.write(_OPEN)
        ways = [asyncio.ensure_future(_pass(*ends))
                for ends in ((client, server), (server, client))]  # fmt: skip
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
    except StreamClosedError:
        pass
    finally:
        client.close()
        server.close()


async def _pass(source: Any, target: Any) -> None:
    """Pass on what comes from one side, as fast as the other takes it."""
    with contextlib.suppress(StreamClosedError):
        while True:
            await target.write(await source.read_bytes(_CHUNK, partial=True))
