"""Follows a lab: fetches its changes as they happen, and turns them into tables.

There is one `Watch` per connection, whatever the number of displays. It starts with everything
that happened before it was opened, follows in its own thread with at most ten queries a second,
and takes in the last changes when the lab closes. Displays compare `Watch.version` and copy what
is new under `Watch.lock`; they are never called from here. In a browser, which has no threads, it
looks whenever the notebook has nothing else to do.
"""

from __future__ import annotations

import threading
import time
import weakref
from collections.abc import Iterator

from batchlab import background
from batchlab.drivers.change_log import Batch
from batchlab.drivers.ports import Connection
from batchlab.errors import BatchError, ServerBusy
from batchlab.history.tables import Tables

__all__ = ["Tables", "Watch", "watch"]

HOLD_S = 1.0
"""How long the service may hold one query for changes."""
PAUSE_S = 0.1
"""Between two queries: changes in between arrive together."""

_watches: weakref.WeakKeyDictionary[Connection, Watch] = weakref.WeakKeyDictionary()
_lock = threading.Lock()


def watch(connection: Connection) -> Watch:
    """The one watch of a connection, which follows it unless the lab is closed."""
    with _lock:
        found = _watches.get(connection)
        if found is None:
            found = _watches[connection] = Watch(connection)
    found.follow()
    return found


class Watch:
    """Everything known of a lab, kept up to date.

    Parameters
    ----------
    connection : Connection

    Attributes
    ----------
    tables : Tables
        Read them under `lock`.
    lock : threading.RLock
    version : int
        Increases with each change.
    generation : int
        Increases when `tables` starts over, because the service no longer has the beginning.
    ended : str
        Why no changes come; empty while they do. After the loss of a network they come again.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = weakref.ref(connection)
        self.lock = threading.RLock()
        self.tables = Tables()
        self.version = 0
        self.generation = 0
        self.ended = ""
        self._lost = False  # the network, which may come back
        self._next = 0
        self._follows = False
        self._over = False
        connection.before_close(self._close)

    @property
    def speed(self) -> float:
        """Seconds of lab time per second of wall clock; 0 if the clock is stopped."""
        connection = self._connection()
        return 0.0 if connection is None or self.ended else connection.speed

    def follow(self) -> None:
        """Follow from now on, in a thread. Calling it twice is harmless."""
        with self.lock:
            if self._over or self._follows:
                return
            self.ended = ""
            self._follows = True
            background.take_turns(self._turns(), "batchlab-watch")

    def catch_up(self, seconds: float | None = None) -> bool:
        """Take in what has happened, for at most this many seconds; whether that is all."""
        begin = time.monotonic()
        while self._fetch(0.0):
            if seconds is not None and time.monotonic() - begin > seconds:
                return False
        return True

    def _turns(self) -> Iterator[float]:
        hold_s = HOLD_S if background.threads() else 0.0
        try:
            while not self._over:
                yield 0.0 if self._fetch(hold_s) else PAUSE_S
                if self.ended and not self._lost:
                    return
        finally:
            self._follows = False

    def _fetch(self, seconds: float) -> bool:
        """Fetch the next changes and take them in; return whether there are more."""
        connection, since = self._connection(), self._next
        if connection is None:
            self._end("the lab is gone")
            return False
        try:
            batch = connection.changes(since, seconds)
        except BatchError as error:
            self._end(error.message, lost=isinstance(error, ServerBusy))
            return False
        finally:
            del connection
        return self._take(batch, since)

    def _take(self, batch: Batch, since: int) -> bool:
        with self.lock:
            if since != self._next:
                return True  # another thread was faster
            if self._lost:
                self.ended, self._lost = "", False
                self.version += 1
            if batch.fresh and since:
                self.tables = Tables()
                self.generation += 1
            self._next = batch.next
            if batch.changes or batch.now != self.tables.now:
                self.tables.take(batch.changes, batch.now)
                self.version += bool(batch.changes) or self.speed == 0
        if batch.over and not batch.more:
            self._over = True
            self._end(batch.over)
        return batch.more

    def _end(self, why: str, *, lost: bool = False) -> None:
        with self.lock:
            self._lost = lost
            if not self.ended:
                self.ended = why
                self.version += 1

    def _close(self) -> None:
        """The lab is about to close: take in the last changes, then stop."""
        if not self.ended:
            self.catch_up(2.0)
        self._over = True
        self._end("the lab is closed")
