"""A cluster that a lab starts for itself: a scheduler and the lab, in a thread of this process.

The host in it adds the nodes. The scheduler listens in this process only or, for nodes in separate
processes, on loopback only. Any user of this machine can connect to that, and who can talk to Dask
can run code as its user. So both sides of a connection prove that they are of this cluster, by a
certificate that exists only in the memory of its processes.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any

import dask
from distributed.security import Security
from distributed.utils import LoopRunner
from tornado.iostream import IOStream

from batchlab.drivers.dask.config import HostConfig
from batchlab.drivers.dask.handlers import forget_handlers
from batchlab.drivers.dask.host import BatchHost
from batchlab.drivers.dask.node_processes import WITHOUT_MAIN
from batchlab.drivers.dask.process_settings import FORKING, SILENCE
from batchlab.drivers.dask.supply import QUIET, QuietScheduler
from batchlab.extras import extra

__all__ = ["OwnCluster"]

CLOSE_S = 60.0


class OwnCluster:
    """Our own scheduler, in a thread of this process, with the lab in it.

    Attributes
    ----------
    before_end : callable or None
        Awaited when the lab has ended, before the scheduler closes.
    security : distributed.Security or None
        The certificate of a cluster that listens.
    """

    def __init__(self, config: HostConfig) -> None:
        self._config = config
        self.before_end: Callable[[], Awaitable[None]] | None = None
        self.security: Any = _certificate() if config.nodes == "processes" else None
        with contextlib.ExitStack() as settings:
            settings.enter_context(SILENCE)
            if config.nodes == "processes":
                settings.enter_context(FORKING)
                settings.enter_context(WITHOUT_MAIN)
            self._settings = settings.pop_all()
        make_runner: Any = LoopRunner  # untyped
        self._runner = make_runner(asynchronous=False)
        self._runner.start()
        self.loop = self._runner.loop
        self.host = BatchHost(config)
        try:
            asyncio.run_coroutine_threadsafe(self._start(), self.loop.asyncio_loop).result()
        except BaseException:
            self.close()
            raise

    async def _start(self) -> None:
        where: dict[str, Any] = {"protocol": "inproc://"}
        if self.security is not None:
            where = {"host": "tls://127.0.0.1", "port": 0, "security": self.security}
        with dask.config.set(QUIET):
            self._scheduler = QuietScheduler(dashboard=False, **where)
        await self._scheduler
        self.address: str = self._scheduler.address
        await self._scheduler.register_scheduler_plugin(
            self.host, name=self.host.name, idempotent=True
        )

    def close(self) -> None:
        """End the lab and the cluster; the watchdog handles anything that does not end in time.

        A first interrupt is raised only after the end, a second one immediately.
        """
        if not self.loop.asyncio_loop.is_running():
            self._settings.close()
            return
        ending = asyncio.run_coroutine_threadsafe(self._end(), self.loop.asyncio_loop)
        try:
            with contextlib.suppress(concurrent.futures.TimeoutError):
                try:
                    ending.result(CLOSE_S)
                except KeyboardInterrupt:
                    ending.result(CLOSE_S)
                    raise
        finally:
            self._runner.stop()
            self._settings.close()
            forget_handlers()

    async def _end(self) -> None:
        await self.host.end()
        if self.before_end is not None:
            await self.before_end()
        if hasattr(self, "_scheduler"):
            await self._scheduler.close(reason="the lab is closed")
        _close_sockets(self.loop)


def _close_sockets(loop: Any) -> None:
    """Close what Dask leaves open on a loop that is to end: connections that were just being made.

    It knows of a connection only after its handshake, and fails in one that ends after its
    listener, so nobody hears of it.
    """
    for number, (_, handler) in list(loop.handlers.items()):
        stream = getattr(handler, "__self__", None)
        if isinstance(stream, IOStream):
            loop.remove_handler(number)
            stream.socket.close()


def _certificate() -> Any:
    with extra("certificates", "Nodes that are processes need the library cryptography"):
        make: Any = Security.temporary  # untyped
        return make()
