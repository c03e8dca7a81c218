"""A node's gateway: the connection from a task back to its service.

The command of a task finds a Unix socket and a secret in ``BATCHLAB_SERVICE``. The node forwards
its calls to the scheduler over the node's own connection, so light nodes, which do not listen,
nodes in processes, and clusters with certificates all work the same way, and a task needs neither
Dask nor an address. The socket is in the lab's folder, which only its user can enter; the secret
protects it if others can. Nothing is unpickled before the secret has been verified, and the node
unpickles only the scheduler's own answers.

The socket is opened with the first run, so an idle node costs nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import logging
import os
import secrets
import shutil
import socket
import tempfile
from typing import Any

import msgspec

from batchlab.drivers.dask import guards, messages, watchdog
from batchlab.errors import Conflict

__all__ = ["HANDLERS", "SECRET_BYTES", "Gateway"]

logger = logging.getLogger("batchlab")

HANDLERS = ("request", "create_certificate", "ask", "wait", "files", "changes", "storage")
"""Handlers of the host that a task can call."""
SECRET_BYTES = 32  # as text
LONGEST_PATH = 100
"""Maximum length of a Unix socket's path in bytes; the limit is 107 on Linux, 103 on macOS."""


class Gateway:
    """The gateway of one boot of one node.

    Parameters
    ----------
    worker : distributed.Worker
    root : str
        The node's folder.
    account, lab_id : str
        The account and the lab of the node.

    Attributes
    ----------
    address : str
        The value of ``BATCHLAB_SERVICE`` for tasks.
    """

    def __init__(self, worker: Any, root: str, account: str, lab_id: str) -> None:
        self._worker = worker
        self._account = account
        self._lab_id = lab_id
        self._folder: str | None = None
        self._path = watchdog.socket_file(root)
        if len(os.fsencode(self._path)) > LONGEST_PATH:
            self._folder = tempfile.mkdtemp(prefix="batchlab-", dir="/tmp")
            guards.guard(self._folder)
            self._path = f"{self._folder}/sock"
        self._secret = secrets.token_hex(SECRET_BYTES // 2)
        self._server: asyncio.Future[asyncio.Server] | None = None
        self._clients: set[asyncio.StreamWriter] = set()
        self.address = f"{self._path}#{self._secret}"

    def open(self) -> None:
        """Start listening; harmless if already listening."""
        if self._server is not None:
            return
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self._path)  # left by a boot that was killed
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            listener.bind(self._path)
            os.chmod(self._path, 0o600)
            listener.listen(128)
        except OSError:
            listener.close()
            logger.exception("tasks cannot reach the lab from %s", self._path)
            return
        self._server = asyncio.ensure_future(asyncio.start_unix_server(self._serve, sock=listener))

    async def close(self) -> None:
        """Stop listening, and close all connections."""
        if self._server is not None:
            server = await self._server
            server.close()
            for client in self._clients:
                client.close()
        with contextlib.suppress(OSError):
            os.unlink(self._path)
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            guards.dismiss(self._folder)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._clients.add(writer)
        try:
            secret = await reader.readexactly(SECRET_BYTES)
            if hmac.compare_digest(secret, self._secret.encode()):
                while True:
                    size = int.from_bytes(await reader.readexactly(messages.LENGTH_BYTES))
                    answer = await self._answer(await reader.readexactly(size))
                    writer.write(len(answer).to_bytes(messages.LENGTH_BYTES) + answer)
                    await writer.drain()
        except (EOFError, OSError):
            pass  # the task has ended or disconnected
        finally:
            self._clients.discard(writer)
            writer.close()

    async def _answer(self, call: bytes) -> bytes:
        try:
            handler, arguments = msgspec.msgpack.decode(call, type=tuple[str, dict[str, Any]])
            host = messages.AccountRpc(self._worker.scheduler, self._account, self._lab_id)
            if handler == "hello":
                config, now = messages.unpack(await host.batchlab_hello())
                return messages.answer(lambda: (now, config.speed, config.storage))
            if handler not in HANDLERS:
                reason = f"a task cannot call {handler!r}"
                raise Conflict("OperationInvalidForCurrentState", reason)
            answer: bytes = await getattr(host, f"batchlab_{handler}")(**arguments)
            if not isinstance(answer, bytes):
                messages.unpack(answer)  # says why
        except OSError as error:
            reason = f"the lab's scheduler has stopped or cannot be reached: {error}"
            return messages.answer_error(Conflict("OperationInvalidForCurrentState", reason))
        except Exception as error:
            return messages.answer_error(error)
        return answer
