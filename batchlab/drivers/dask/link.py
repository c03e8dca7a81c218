"""What the calls of a lab go through: an event loop, connections, the network, the scheduler.

A network may be lost for any time: a computer sleeps, a tunnel is restarted. The link then keeps
trying to connect, and a call waits for that and is sent again. Calls that change something carry
an id, so that the host carries out each only once, even if its first answer was lost. A connection
may also be dead without notice. So an attempt that stays silent for too long is repeated on a new
connection.

A call ends with `ServerBusy` when its time is over, or with a `Conflict` as soon as it is clear
that waiting is useless: the cluster was closed, or the scheduler has no such lab.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import logging
import random
import time
import uuid
from collections.abc import Callable
from typing import Any

from distributed.comm.inproc import global_manager
from distributed.core import ConnectionPool

from batchlab.drivers.dask import messages
from batchlab.drivers.dask.remote import WATCH_S
from batchlab.drivers.dask.scaler import Scaler, is_closed
from batchlab.drivers.ports import refuse_closed
from batchlab.errors import Conflict, ServerBusy

__all__ = ["Link"]

logger = logging.getLogger("batchlab")

PATIENCE_S = 60.0
"""How long a call without a time limit waits for a network that is lost."""
SILENCE_S = 10.0
"""How long an attempt may stay without an answer, beyond the time that the host may hold it."""
CONNECT_S = 4.0
"""How long a call may take to connect. Dask gives a fifth of it to the first attempt, and forgets
the socket of one that it gives up, though this process may only have been busy."""
RECONNECT_S = 1.0
"""How long an attempt to reconnect may take; if it fails, the next ones get more time."""
LONGEST_CONNECT_S = 8.0
PAUSE_S = 1.0
"""The longest pause between two attempts."""

SILENT = "it does not answer"

_CLUSTER = (
    "the Dask cluster was closed before the lab, and the lab ended with it. Start a cluster and "
    "make the Lab again; next time, call lab.close() before cluster.close()"
)
_LOOP = (
    "the event loop of the lab's Dask client has stopped. Make the Lab again; next time, call "
    "lab.close() before the loop stops"
)
_ENDED = (
    "the Dask scheduler at {address} has stopped, and its labs ended with it: start a cluster and "
    "make the Lab again"
)
_LOST = (
    "the Dask scheduler at {address} has not answered for {seconds:.0f} s ({why}). If the network "
    "is lost, call again when it is back: the lab continues without this process. If the "
    "scheduler has stopped, its labs are gone: start it and make the Lab again"
)
_LOSING = "no connection to the Dask scheduler at %s (%s): trying again until it is back"
_NO_LAB = (
    "the Dask scheduler at {address} has no such lab any more: the lab was shut down, or the "
    "scheduler was restarted. Make the Lab again"
)


class Link:
    """The way to the handlers of one lab in a scheduler. Made and closed on any thread.

    Parameters
    ----------
    loop : tornado.ioloop.IOLoop
        Runs Dask's side.
    address : str
        The scheduler's address.
    account, lab_id : str
        The lab that is meant. A later lab of the same account is another one.
    connection_args : dict, optional
        How to connect, from the cluster's security.
    cluster : cluster, optional
        The cluster object, where this process has one.

    Attributes
    ----------
    loop : asyncio.AbstractEventLoop
    """

    def __init__(
        self,
        loop: Any,
        address: str,
        account: str,
        lab_id: str,
        *,
        connection_args: dict[str, Any] | None = None,
        cluster: Any = None,
    ) -> None:
        self.loop = loop.asyncio_loop
        self._address = address
        self._cluster = cluster
        self._has_network = not address.startswith("inproc://")
        self._pool = ConnectionPool(
            connection_args=connection_args, timeout=CONNECT_S if self._has_network else None
        )
        asyncio.run_coroutine_threadsafe(self._pool.start(), self.loop).result()
        self._rpc = messages.AccountRpc(self._pool(address), account, lab_id)
        self._account = account
        self._scaler: Scaler | None = None
        self._scaling: concurrent.futures.Future[None] | None = None
        self._lost: float | None = None  # since when there is no connection
        self._why = ""
        self._closed = False
        self._back = asyncio.Event()
        self._connecting: asyncio.Future[None] | None = None

    def call(
        self,
        handler: str,
        arguments: dict[str, Any],
        watch: Callable[[], None] | None = None,
        *,
        once: bool = False,
        patience_s: float | None = None,
    ) -> bytes:
        """Call a handler, again and again while the network is lost.

        Parameters
        ----------
        handler : str
        arguments : dict
            ``seconds`` is how long the host may hold the call.
        watch : callable, optional
            Called a few times a second meanwhile.
        once : bool, default False
            Whether a second call would change something again.
        patience_s : float, optional
            How long to wait for a network that is lost; `PATIENCE_S` if omitted.
        """
        self.check()
        if once and self._has_network:
            arguments = {**arguments, "request_id": uuid.uuid4().hex}
        patience_s = PATIENCE_S if patience_s is None else patience_s
        call = self._persist(f"batchlab_{handler}", arguments, patience_s)
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
            except (RuntimeError, concurrent.futures.CancelledError):
                self.check()
                raise self._gone(_ENDED) from None
        finally:
            if self.loop.is_running():
                future.cancel()
        if not isinstance(answer, bytes):
            raise self._gone(_NO_LAB)
        return answer

    async def _persist(self, op: str, arguments: dict[str, Any], patience_s: float) -> Any:
        """Send a call until it is answered."""
        held_s: float = arguments.get("seconds", 0.0)
        silence_s = held_s + SILENCE_S if self._has_network else None
        began, pause_s, failing = time.monotonic(), 0.0, float("inf")
        while True:
            refuse_closed(self._closed)
            if self._connecting is None:
                try:
                    answer = await asyncio.wait_for(getattr(self._rpc, op)(**arguments), silence_s)
                except TimeoutError:
                    silence_s = 2 * (silence_s or SILENCE_S)  # it may only be slow
                    failing = min(failing, began + held_s)
                    self._note_loss(SILENT)
                except OSError as error:
                    if not self._has_network:
                        raise self._gone(_ENDED) from None
                    failing = min(failing, time.monotonic())
                    self._note_loss(_why(error))
                else:
                    self._lost = None
                    return answer
            since = min(failing, self._lost or failing)
            left_s = since + patience_s - time.monotonic()
            if left_s <= 0:
                raise ServerBusy("OperationTimedOut", self._lost_text(patience_s))
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._back.wait(), left_s)
                await asyncio.sleep(pause_s)  # connects, but fails with this call
                pause_s = min(2 * pause_s or 0.05, PAUSE_S)

    def _lost_text(self, patience_s: float) -> str:
        return _LOST.format(address=self._address, seconds=patience_s, why=self._why)

    def _note_loss(self, why: str) -> None:
        self._why = why
        if self._connecting is None and not self._closed:
            self._lost = self._lost or time.monotonic()
            self._back.clear()
            self._pool.remove(self._address)  # all connections may be dead
            self._connecting = asyncio.ensure_future(self._reconnect())

    async def _reconnect(self) -> None:
        """Try to connect until it succeeds or the link is closed."""
        noted, limit_s = False, RECONNECT_S
        while not await self._can_connect(limit_s):
            if not noted:
                logger.warning(_LOSING, self._address, self._why)
            noted = True
            limit_s = min(2 * limit_s, LONGEST_CONNECT_S)
            await asyncio.sleep(random.uniform(0, PAUSE_S))
        if noted:
            logger.warning("the Dask scheduler at %s answers again", self._address)
        self._connecting = None
        self._back.set()

    async def _can_connect(self, limit_s: float) -> bool:
        try:
            # The handshake after the connection has no limit of its own.
            connecting = self._pool.connect(self._address, timeout=limit_s)
            comm = await asyncio.wait_for(connecting, 2 * limit_s)
        except TimeoutError:
            self._why = SILENT
        except OSError as error:
            self._why = _why(error)
        else:
            self._pool.reuse(self._address, comm)
            return True
        return False

    # -- scaling the cluster ----------------------------------------------------------------------

    def keep(self, scaler: Scaler) -> None:
        """Let a scaler follow the account's lab, until `close`."""
        self._scaler = scaler
        work = scaler.run(self._pool(self._address), self._account)
        self._scaling = asyncio.run_coroutine_threadsafe(work, self.loop)

    # -- the end ----------------------------------------------------------------------------------

    def check(self) -> None:
        """Refuse to go on when something on the way is gone."""
        if is_closed(self._cluster):
            raise self._gone(_CLUSTER)
        if not self.loop.is_running():
            raise self._gone(_LOOP)
        if not self._has_network and not _listens(self._address):
            raise self._gone(_ENDED)

    def _gone(self, text: str) -> Conflict:
        return Conflict("OperationInvalidForCurrentState", text.format(address=self._address))

    def close(self) -> None:
        """Close all connections."""
        if self.loop.is_running():
            with contextlib.suppress(RuntimeError):  # the loop was closed this moment
                asyncio.run_coroutine_threadsafe(self.disconnect(), self.loop).result()

    async def disconnect(self) -> None:
        """Close all connections, on the loop itself."""
        if self._scaling is not None and self._scaler is not None:
            self._scaling.cancel()
            if self._lost is None:
                await self._scaler.finish()
        self._closed = True
        if self._connecting is not None:
            self._connecting.cancel()
        self._back.set()
        await self._pool.close()


def _why(error: OSError) -> str:
    """Return the cause of an error that Dask has wrapped."""
    while isinstance(error.__cause__, OSError):
        error = error.__cause__
    return SILENT if isinstance(error, TimeoutError) else str(error) or type(error).__name__


def _is_done(future: concurrent.futures.Future[bytes]) -> bool:
    """Whether a call has ended, after waiting for that."""
    with contextlib.suppress(TimeoutError, concurrent.futures.CancelledError):
        future.exception(WATCH_S)
    return future.done()


def _listens(address: str) -> bool:
    """Whether a scheduler in this process still listens; connecting would take long to fail."""
    manager: Any = global_manager  # untyped
    return manager.get_listener_for(address.partition("://")[2]) is not None
