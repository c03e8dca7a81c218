"""Long work of which only the newest counts, such as what-ifs while someone types."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from batchlab import background

__all__ = ["Newest", "Superseded"]

logger = logging.getLogger("batchlab")


class Newest:
    """Works on the newest item it is given, in a thread that ends when there is none."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._next: Callable[[Callable[[], None]], None] | None = None
        self._busy = False

    def put(self, work: Callable[[Callable[[], None]], None]) -> None:
        """Do this next and cancel the current work. `work` gets a function to call regularly."""
        with self._lock:
            self._next = work
            if not self._busy:
                self._busy = True
                background.start(self._run, "batchlab-what-if")

    def _run(self) -> None:
        while True:
            with self._lock:
                work, self._next = self._next, None
                if work is None:
                    self._busy = False
                    return
            try:
                work(self._go_on)
            except Superseded:
                continue
            except Exception:
                logger.exception("a formula could not be tried")

    def _go_on(self) -> None:
        if self._next is not None:
            raise Superseded


class Superseded(Exception):
    """There is newer work to do."""
