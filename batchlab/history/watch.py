"""Keeps up with a lab: fetches its changes as they come, and turns them into tables.

There is one `Watch` for each connection, whatever the number of displays. It begins with all that
happened before it was opened, follows in a thread of its own, asks ten times a second at most, and
takes the last changes in when the lab closes. Displays look at `Watch.version` and copy what is
new under `Watch.lock`; they are never called from here.
"""

from __future__ import annotations

import threading
import time
import weakref

from batchlab.drivers.change_log import Batch
from batchlab.drivers.ports import Connection
from batchlab.errors import BatchError
from batchlab.history.tables import Tables

__all__ = ["Tables", "Watch", "watch"]

HOLD_S = 1.0
"""How long one question for news may be held."""
PAUSE_S = 0.1
"""Between two questions: what comes meanwhile comes together."""

_watches: weakref.WeakKeyDictionary[Connection, Watch] = weakref.WeakKeyDictionary()
_lock = threading.Lock()


def watch(connection: Connection) -> Watch:
    """The one watch of a connection; following, unless the lab is closed."""
    with _lock:
        found = _watches.get(connection)
        if found is None:
            found = _watches[connection] = Watch(connection)
    found.follow()
    return found


class Watch:
    """What is known of a lab, kept up to date.

    Parameters
    ----------
    connection : Connection

    Attributes
    ----------
    tables : Tables
        To be read under `lock`.
    lock : threading.RLock
    version : int
        Grows with each thing that becomes known.
    generation : int
        Grows when `tables` begins anew, because the service no longer knows the beginning.
    ended : str
        Why nothing more will come; empty while it may.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = weakref.ref(connection)
        self.lock = threading.RLock()
        self.tables = Tables()
        self.version = 0
        self.generation = 0
        self.ended = ""
        self._next = 0
        self._thread: threading.Thread | None = None
        self._over = False
        connection.before_close(self._close)

    @property
    def speed(self) -> float:
        """Seconds of lab time in a second of wall clock; 0 where time stands or has ended."""
        connection = self._connection()
        return 0.0 if connection is None or self.ended else connection.speed

    def follow(self) -> None:
        """Keep up from now on, in a thread. Harmless when it is done already."""
        with self.lock:
            if self._over or (self._thread is not None and self._thread.is_alive()):
                return
            self.ended = ""
            self._thread = threading.Thread(target=self._run, name="batchlab-watch", daemon=True)
            self._thread.start()

    def catch_up(self, seconds: float | None = None) -> None:
        """Take in what has happened until now, for as long as that may take."""
        begin = time.monotonic()
        while self._fetch(0.0):
            if seconds is not None and time.monotonic() - begin > seconds:
                return

    def _run(self) -> None:
        while not self._over:
            if not self._fetch(HOLD_S):
                time.sleep(PAUSE_S)
            if self.ended:
                return

    def _fetch(self, seconds: float) -> bool:
        """Ask for the next changes and take them in; whether there are more at once."""
        connection, since = self._connection(), self._next
        if connection is None:
            self._end("the lab is gone")
            return False
        try:
            batch = connection.changes(since, seconds)
        except BatchError as error:
            self._end(error.message)
            return False
        finally:
            del connection
        return self._take(batch, since)

    def _take(self, batch: Batch, since: int) -> bool:
        with self.lock:
            if since != self._next:
                return True  # somebody was faster
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

    def _end(self, why: str) -> None:
        with self.lock:
            if not self.ended:
                self.ended = why
                self.version += 1

    def _close(self) -> None:
        """The lab is about to close: the last of its history, then no more."""
        if not self.ended:
            self.catch_up(2.0)
        self._over = True
        self._end("the lab is closed")
