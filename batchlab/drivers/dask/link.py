"""What the calls of a lab go through: the event loop, the client and the cluster behind it.

Each of them can be closed before the lab, or be lost. Dask's calls then fail in many ways, or
never return. So each call is watched, and fails with a `Conflict` that says what is gone and what
to do.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import time
from collections.abc import Callable, Coroutine
from typing import Any

from batchlab.drivers.dask import messages
from batchlab.drivers.dask.remote import WATCH_S
from batchlab.errors import Conflict

__all__ = ["Link", "is_closed"]

LOST_S = 3.0
"""How long calls wait while a client that has lost its scheduler tries to reconnect."""

_CLUSTER = (
    "the Dask cluster was closed before the lab, and the lab ended with it. Start a cluster and "
    "make the Lab again; next time, call lab.close() before cluster.close()"
)
_CLIENT = (
    "the lab's Dask client was closed before the lab, or has lost its scheduler. If the scheduler "
    "still runs, so does the lab: make the Lab again with another client or with {address!r}. "
    "Next time, call lab.close() before client.close()"
)
_LOOP = (
    "the event loop of the lab's Dask client has stopped. Make the Lab again; next time, call "
    "lab.close() before the loop stops"
)
_SCHEDULER = (
    "the Dask scheduler at {address} has stopped or cannot be reached. If it comes back, try "
    "again; if it was restarted, its labs are gone: make the Lab again"
)
_NO_LAB = (
    "the Dask scheduler at {address} has no such lab any more: the lab was shut down, or the "
    "scheduler was restarted. Make the Lab again"
)


class Link:
    """The way to a scheduler's handlers.

    Parameters
    ----------
    loop : tornado.ioloop.IOLoop
        Runs Dask's side.
    rpc : object
        Calls the scheduler's handlers.
    account : str
        The account whose lab is meant.
    client : distributed.Client, optional
        The client that the calls go through.
    cluster : cluster, optional
        The cluster object, where this process has one.

    Attributes
    ----------
    loop : asyncio.AbstractEventLoop
    """

    def __init__(
        self,
        loop: Any,
        rpc: Any,
        account: str,
        *,
        client: Any = None,
        cluster: Any = None,
    ) -> None:
        self.loop = loop.asyncio_loop
        self._rpc = messages.AccountRpc(rpc, account)
        self._address = getattr(rpc, "addr", "")
        self._client = client
        self._cluster = cluster
        self._lost: float | None = None  # since when the client reconnects

    def call(
        self, handler: str, arguments: dict[str, Any], watch: Callable[[], None] | None
    ) -> bytes:
        """Call a handler; `watch` is called a few times a second meanwhile."""
        self.check()
        call = _call(getattr(self._rpc, f"batchlab_{handler}"), arguments)
        try:
            future = asyncio.run_coroutine_threadsafe(call, self.loop)
        except RuntimeError:  # the loop was closed this moment
            call.close()
            raise self._gone(_LOOP) from None
        try:
            while not _is_done(future):
                self.check()
                if watch is not None:
                    watch()
            try:
                answer = future.result()
            except (OSError, RuntimeError, concurrent.futures.CancelledError):
                self.check()
                raise self._gone(_SCHEDULER) from None
        finally:
            if self.loop.is_running():
                future.cancel()
        if not isinstance(answer, bytes):
            raise self._gone(_NO_LAB)
        return answer

    def check(self) -> None:
        """Refuse to go on when something on the way is gone."""
        obstacle = self._obstacle()
        if obstacle:
            raise self._gone(obstacle)

    def _obstacle(self) -> str:
        if is_closed(self._cluster):
            return _CLUSTER
        if is_closed(self._client):
            return _CLIENT if self._lost is None else _SCHEDULER
        if not self.loop.is_running():
            return _LOOP
        if self._client is None or self._client.status != "connecting":
            self._lost = None
        elif self._lost is None:
            self._lost = time.monotonic()
        elif time.monotonic() - self._lost > LOST_S:
            return _SCHEDULER
        return ""

    def _gone(self, text: str) -> Conflict:
        return Conflict("OperationInvalidForCurrentState", text.format(address=self._address))


async def _call(
    method: Callable[..., Coroutine[Any, Any, bytes]], arguments: dict[str, Any]
) -> bytes:
    return await method(**arguments)


def _is_done(future: concurrent.futures.Future[bytes]) -> bool:
    """Whether a call has ended, after waiting for that."""
    with contextlib.suppress(TimeoutError, concurrent.futures.CancelledError):
        future.exception(WATCH_S)
    return future.done()


def is_closed(thing: Any) -> bool:
    """Whether a client or a cluster is closed, or is closing."""
    status = getattr(thing, "status", "")  # a string, or a member of Dask's enumeration
    return getattr(status, "name", status) in ("closing", "closed")
