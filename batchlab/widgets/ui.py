"""The two threads behind the displays of this process.

``batchlab-ui`` is the only one that sends to browsers: eight times a second it checks the open
displays and sends what is new, at most one message each, however much has happened.
``batchlab-ask`` queries labs and carries out button presses: a slow lab delays the answers, never
the pictures. Messages from browsers arrive on Jupyter's threads and are only queued there. Where
Python itself runs in the browser, both take their turns on its event loop.
"""

from __future__ import annotations

import logging
import queue
import threading
import weakref
from collections.abc import Callable, Iterator
from typing import Protocol

from batchlab import background

__all__ = ["HZ", "Beating", "UiThread", "ui"]

logger = logging.getLogger("batchlab")

HZ = 8.0
REST_S = 30.0
"""How long the querying thread waits for more work before it ends."""


class Beating(Protocol):
    """Something that regularly sends what is new, if anything."""

    def beat(self) -> None:
        """Send what is new."""
        ...


class UiThread:
    """Calls `Beating.beat` of all open displays `HZ` times a second; stops if there are none.

    Parameters
    ----------
    hz : float
    """

    def __init__(self, hz: float = HZ) -> None:
        self._pause = 1.0 / hz
        self._open: weakref.WeakSet[Beating] = weakref.WeakSet()
        self._todo: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._work: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._sends = self._asks = False  # whether each thread runs

    def add(self, beating: Beating) -> None:
        """Call something from now on, as long as it is referenced."""
        with self._lock:
            self._open.add(beating)
            self._start_sending()

    def remove(self, beating: Beating) -> None:
        """Stop calling it."""
        with self._lock:
            self._open.discard(beating)

    def send(self, act: Callable[[], None]) -> None:
        """Run something on the sending thread."""
        with self._lock:
            self._todo.put(act)
            self._start_sending()

    def ask(self, work: Callable[[], None]) -> None:
        """Run something on the querying thread."""
        with self._lock:
            self._work.put(work)
            if not self._asks:
                self._asks = True
                background.start(self._answer, "batchlab-ask")

    def _start_sending(self) -> None:
        if not self._sends:
            self._sends = True
            background.take_turns(self._turns(), "batchlab-ui")

    def _turns(self) -> Iterator[float]:
        while True:
            while not self._todo.empty():
                _guarded(self._todo.get())
            if not self._beat_all():
                return
            yield self._pause

    def _beat_all(self) -> bool:
        """Call all open displays; return False, to end the thread, if there are none."""
        with self._lock:
            beats = [beating.beat for beating in self._open]
            if not beats and self._todo.empty():
                self._sends = False
                return False
        for beat in beats:
            _guarded(beat)
        return True

    def _answer(self) -> None:
        while True:
            try:
                work = self._work.get(timeout=REST_S if background.threads() else 0.0)
            except queue.Empty:
                with self._lock:
                    if self._work.empty():
                        self._asks = False
                        return
                continue
            _guarded(work)
            del work


def _guarded(act: Callable[[], None]) -> None:
    try:
        act()
    except Exception:
        logger.exception("a display could not be updated")


ui = UiThread()
"""The threads of this process, which start with the first display."""
