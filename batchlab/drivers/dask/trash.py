"""What a node throws away: deleted once the node has been idle for a while."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable

from batchlab.drivers.dask import threads
from batchlab.drivers.dask.folders import NodeFolders

__all__ = ["Trash"]

logger = logging.getLogger("batchlab")

IDLE_S = 2.0
"""How long a node must be idle before its trash is emptied."""


class Trash:
    """The trash of a node. Used on the loop it is created on.

    Parameters
    ----------
    folders : NodeFolders
    is_busy : callable
        Whether the node has runs.
    """

    def __init__(self, folders: NodeFolders, is_busy: Callable[[], bool]) -> None:
        self._folders = folders
        self._is_busy = is_busy
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._is_full = False

    def throw(self, directories: Iterable[str]) -> None:
        """Throw directories away."""
        self._is_full = True
        for directory in directories:
            try:
                self._folders.throw_away(directory)
            except OSError:
                logger.exception("%s in %s cannot be deleted", directory, self._folders.root)
        self.empty_later()

    def empty_later(self) -> None:
        """Empty it once the node has been idle for a while; a node with runs is asked again."""
        if self._is_full and not self._is_busy():
            self.end()
            self._timer = self._loop.call_later(IDLE_S, self._empty)

    def end(self) -> None:
        """Do not empty it any more."""
        if self._timer is not None:
            self._timer.cancel()

    def _empty(self) -> None:
        if not self._is_busy():
            self._is_full = False
            threads.run(self._folders.empty_trash)
