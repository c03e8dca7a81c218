"""Accepts the connections of a server, no more than there may be.

When a process has no file left for one, Tornado's own way would try again at once, without end.
"""

from __future__ import annotations

import asyncio
import errno
import socket
import ssl
from typing import Any

from tornado.httpserver import HTTPServer
from tornado.iostream import IOStream, SSLIOStream

from batchlab.rest.connections import Connections, most_connections

__all__ = ["Acceptor"]

PAUSE_S = 0.1
"""How long to accept no connection after the process had no file left for one."""
_NO_FILE = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)


class Acceptor:
    """Accepts connections for a server, from `begin` to `end`, on the event loop that runs.

    Parameters
    ----------
    listener : socket
        Listens, and does not block.
    connections : Connections
        Which there are; the server says when one is closed.
    tls : ssl.SSLContext, optional
        If given, connections are encrypted.
    most : int, optional
        The most connections at a time; by default, a part of the files that this process may open.
    """

    def __init__(
        self, listener: socket.socket, connections: Connections,
        tls: ssl.SSLContext | None = None, most: int | None = None,
    ) -> None:  # fmt: skip
        self._listener, self._connections, self._tls = listener, connections, tls
        self.most = most or most_connections()
        self._ended = False

    def begin(self, server: HTTPServer) -> None:
        """Accept connections for this server."""
        if not self._ended:
            loop = asyncio.get_running_loop()
            loop.add_reader(self._listener, self._accept, loop, server)

    def end(self) -> None:
        """Accept no more, and close the listener."""
        self._ended = True
        asyncio.get_running_loop().remove_reader(self._listener)
        self._listener.close()

    def _accept(self, loop: asyncio.AbstractEventLoop, server: HTTPServer) -> None:
        try:
            connection, address = self._listener.accept()
        except OSError as error:
            if error.errno in _NO_FILE:
                self._connections.make_room(len(self._connections))
                loop.remove_reader(self._listener)
                loop.call_later(PAUSE_S, self.begin, server)
            return  # else the client has gone
        try:
            connection.setblocking(False)
            stream = self._stream(connection)
        except OSError:  # the client has gone
            connection.close()
            return
        if self._connections.make_room(self.most):
            self._connections.opened(stream)
            server.handle_stream(stream, address)
        else:
            stream.close()

    def _stream(self, connection: Any) -> IOStream:
        if self._tls is None:
            return IOStream(connection)
        secure = self._tls.wrap_socket(
            connection, server_side=True, do_handshake_on_connect=False
        )  # fmt: skip
        return SSLIOStream(secure)
