"""A network between a client and a server: a real TCP forwarder that can be cut, and is slow."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from typing import Any, Self


class Forwarder:
    """Forwards a port of this machine to another one, in a thread of its own.

    Parameters
    ----------
    to : str
        An address like ``tcp://127.0.0.1:8786``.
    delay_s : float
        How long each piece travels, in each direction.

    Attributes
    ----------
    swallowing : bool
        Whether answers are lost, but requests arrive.
    swallowed : int
        How many bytes were lost in this way.
    frozen : bool
        Whether nothing passes, while all connections stay open.
    """

    def __init__(self, to: str, delay_s: float = 0.0) -> None:
        self.lead_to(to)
        self._delay_s = delay_s
        self.swallowing = self.frozen = False
        self.swallowed = 0
        self._own = 0
        self._server: Any = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self.restore()
        return self

    def __exit__(self, *_: object) -> None:
        self.cut()
        self._do(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    @property
    def address(self) -> str:
        return f"{self._protocol}://127.0.0.1:{self._own}"

    def lead_to(self, address: str) -> None:
        """Lead new connections to another server."""
        self._protocol, _, place = address.partition("://")
        self._host, _, port = place.rpartition(":")
        self._port = int(port)

    def cut(self) -> None:
        """Close all connections and refuse new ones."""
        self._do(self._cut())

    def restore(self) -> None:
        """Forward again, at the same address."""
        self.swallowing = self.frozen = False
        self._do(self._listen())

    def _do(self, work: Any) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    async def _listen(self) -> None:
        if self._server is None:
            self._server = await asyncio.start_server(self._connect, "127.0.0.1", self._own)
            self._own = self._server.sockets[0].getsockname()[1]

    async def _cut(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _end(self) -> None:
        rest = asyncio.all_tasks() - {asyncio.current_task()}
        for task in rest:
            task.cancel()
        await asyncio.gather(*rest, return_exceptions=True)

    async def _connect(self, reader: Any, writer: Any) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        there = None
        try:
            from_there, there = await asyncio.open_connection(self._host, self._port)
            await asyncio.wait(
                [
                    asyncio.ensure_future(self._pass(reader, there, back=False)),
                    asyncio.ensure_future(self._pass(from_there, writer, back=True)),
                ],
                return_when=asyncio.FIRST_COMPLETED,
            )
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            self._tasks.discard(task)
            for end in (writer, there):
                if end is not None:
                    end.transport.abort()

    async def _pass(self, reader: Any, writer: Any, *, back: bool) -> None:
        """Pass on what arrives; each piece arrives later by the delay, however many there are."""
        pieces: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(64)
        delivering = asyncio.ensure_future(self._deliver(pieces, writer))
        try:
            while data := await reader.read(2**18):
                while self.frozen:
                    await asyncio.sleep(0.02)
                if back and self.swallowing:
                    self.swallowed += len(data)
                else:
                    await pieces.put((self._loop.time() + self._delay_s, data))
        except OSError:
            pass
        finally:
            await asyncio.sleep(self._delay_s)
            delivering.cancel()

    async def _deliver(self, pieces: Any, writer: Any) -> None:
        with contextlib.suppress(OSError):
            while True:
                when, data = await pieces.get()
                await asyncio.sleep(when - self._loop.time())
                writer.write(data)
                await writer.drain()
