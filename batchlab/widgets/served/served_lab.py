"""What all watchers of a served lab share: its history, and the answers to what they ask.

Watchers live on the server's event loop. Labs are queried in a few threads, so a lab that is slow
delays answers, never pictures, and a question that ten pages follow is asked once.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import logging
import secrets
import threading
from collections.abc import Callable
from typing import Any

import msgspec

from batchlab.core.model.ids import fold
from batchlab.drivers.ports import Connection
from batchlab.errors import BatchError
from batchlab.handles.pool import Pool
from batchlab.history.watch import Watch, watch
from batchlab.laboratory.auto_scale_lab import AutoScaleLab
from batchlab.rest.messages import Socket, Visitor
from batchlab.widgets import autoscale_answers
from batchlab.widgets.answers import answer
from batchlab.widgets.following import Following, Said
from batchlab.widgets.newest import Superseded
from batchlab.widgets.served.documents import version
from batchlab.widgets.served.messages import frame
from batchlab.widgets.served.watcher import Watcher
from batchlab.widgets.ui import HZ
from batchlab.widgets.wire import SCHEMA, Place, rows_since

__all__ = ["ServedLab"]

logger = logging.getLogger("batchlab")

MOST = 100
"""How many may watch at a time."""
THREADS = 6
CLOSE_S = 3.0
"""How long watchers may take to receive the end."""
FULL = 1013
"""The code with which a WebSocket is closed for who may come again later."""
FORMULA = ("try", "explain", "apply")
"""Questions of the editor of a formula."""


class ServedLab:
    """What is watched.

    Parameters
    ----------
    connection : Connection
        The lab.
    manage : bool, default False
        Whether those who watch may also act.
    """

    def __init__(self, connection: Connection, *, manage: bool = False) -> None:
        self.manage = manage
        self.run = secrets.token_hex(8)
        self._connection = connection
        self._lock = threading.Lock()
        self._rows: tuple[Any, tuple[str | bytes, Place]] | None = None
        self._labs: dict[str, AutoScaleLab] = {}
        self._simulating = threading.Lock()
        self._watchers: set[Watcher] = set()
        self._opened = self._closed = False
        self._beating: asyncio.Task[None] | None = None

    def visit(self, socket: Socket) -> Visitor:
        """Someone opens the page; called on the server's event loop."""
        if not self._opened:
            self._open()
        self._submit(self.watch.follow)  # after an error it had ended
        watcher = Watcher(self, socket)
        if len(self._watchers) >= MOST:
            socket.close(FULL, f"{MOST} people are watching already")
            return watcher
        self._watchers.add(watcher)
        if self._beating is None or self._beating.done():
            self._beating = self._loop.create_task(self._beat())
        watcher.begin()
        return watcher

    def _open(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._pool = concurrent.futures.ThreadPoolExecutor(THREADS, "batchlab-page")
        self.watch: Watch = watch(self._connection)
        self.following = Following(self.watch, self.say, self._submit, self._news)
        self._opened = True

    def gone(self, watcher: Watcher) -> None:
        """A watcher has left."""
        self._watchers.discard(watcher)

    def welcome(self) -> str | bytes:
        """What a page gets first."""
        return frame({
            "type": "welcome", "run": self.run, "version": version(), "schema": SCHEMA,
            "account": self._connection.account, "manage": self.manage,
        })  # fmt: skip

    async def _beat(self) -> None:
        """Wake watchers for whom there may be news, as long as there are any."""
        seen = -1
        while self._watchers:
            await asyncio.sleep(1 / HZ)
            self.following.beat()
            if self.watch.version != seen:
                seen = self.watch.version
                for watcher in self._watchers:
                    watcher.wake()

    def _submit(self, work: Callable[[], None]) -> None:
        self._pool.submit(self._guarded, work)

    async def in_thread(self, work: Callable[[], Any]) -> Any:
        """Run something where the lab may be queried."""
        return await self._loop.run_in_executor(self._pool, work)

    def _guarded(self, work: Callable[[], None]) -> None:
        try:
            work()
        except Exception:
            logger.exception("a page could not be updated")

    # -- the history ------------------------------------------------------------------------------

    def rows(self, place: Place) -> tuple[str | bytes, Place]:
        """What is new since a place, and the next place; most watchers are at the same one."""
        with self._lock:
            key = (self.watch.version, msgspec.json.encode(place, order="sorted"))
            if self._rows is None or self._rows[0] != key:
                head, data, after = rows_since(self.watch, place)
                self._rows = (key, (frame(head, data), after))
            return self._rows[1]

    # -- answers ----------------------------------------------------------------------------------

    def say(self, question: Any, *, acts: bool = False) -> Said:
        """Answer a question with ``value``, or ``error``; `acts` if a button was pressed."""
        return _said(question["what"], lambda: self._answer(question, acts=acts and self.manage))

    def _answer(self, question: Any, *, acts: bool) -> Any:
        what = question["what"]
        if what == "formula":
            lab = AutoScaleLab.of(Pool(self._connection, question["pool"]))
            assert lab.pool is not None
            return {"pool": lab.pool.id, "formula": lab.formula,
                    "library": autoscale_answers.library(lab)}  # fmt: skip
        if what == "pool_line":
            return autoscale_answers.state(self._lab(question["pool"]), question["window"])
        if what in FORMULA:
            return autoscale_answers.answer(self._lab(question["pool"]), question, acts=acts)
        return answer(self._connection, question, acts=acts)

    def simulate(self, question: Any, go_on: Callable[[], None]) -> Said:
        """Answer a what-if; one at a time, because it takes a processor."""
        while not self._simulating.acquire(timeout=0.1):
            go_on()
        try:
            return _said("what_if", lambda: autoscale_answers.what_if(
                self._lab(question["pool"]), question, go_on
            ))  # fmt: skip
        finally:
            self._simulating.release()

    def _lab(self, pool: str) -> AutoScaleLab:
        """The laboratory of a pool, for all who try formulas on it."""
        with self._lock:
            found = self._labs.get(fold(pool))
        if found is None:
            made = AutoScaleLab.of(Pool(self._connection, pool))
            with self._lock:
                found = self._labs.setdefault(fold(pool), made)
        return found

    def later(self, act: Callable[[], None]) -> None:
        """Do something on the server's event loop, unless that has ended."""
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(act)

    def _news(self, key: str, said: Said) -> None:
        self.later(lambda: self._tell(key, said))

    def _tell(self, key: str, said: Said) -> None:
        for watcher in self._watchers:
            watcher.tell(key, said)

    # -- the end ----------------------------------------------------------------------------------

    def close(self, why: str) -> None:
        """Tell all watchers what happened last, and why there will be no more.

        Calling it twice is harmless.
        """
        if not self._opened or self._closed:
            return
        self._closed = True
        with contextlib.suppress(TimeoutError):
            asyncio.run_coroutine_threadsafe(self._end(why), self._loop).result(CLOSE_S + 1)
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def _end(self, why: str) -> None:
        if self._beating is not None:
            self._beating.cancel()
        ends = [asyncio.ensure_future(watcher.end(why)) for watcher in list(self._watchers)]
        if ends:
            await asyncio.wait(ends, timeout=CLOSE_S)


def _said(what: str, work: Callable[[], Any]) -> Said:
    """The answer to a question, or what is wrong with it."""
    try:
        return {"value": work()}
    except Superseded:
        raise
    except BatchError as error:
        return {"error": error.message}
    except KeyError as error:
        return {"error": f"{what}: {error} is missing"}
    except Exception as error:
        logger.exception("a page's question %s failed", what)
        return {"error": f"an internal error of batchlab: {type(error).__name__}"}
