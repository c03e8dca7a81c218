"""Who was heard when: finds the nodes that the host has not heard for too long.

The host's side of `batchlab.drivers.dask.lease`. There is one timer, for the node that was heard
first of all. If it fires late, this process was itself asleep or frozen, and what the nodes sent
meanwhile has not been read: then all of them get their whole time again. So the host may declare a
node lost later than it could, but never earlier.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

__all__ = ["Silence"]

LATE_S = 1.0
"""A timer that fires so much later than it should means that this process did not run."""


class Silence:
    """The last moment at which each worker was heard, by address.

    Parameters
    ----------
    limit_s : float
        How long a worker may be silent.
    lost : callable
        Called with the address of a worker that was silent for longer.
    """

    def __init__(self, limit_s: float, lost: Callable[[str], None]) -> None:
        self.limit_s = limit_s
        self._lost = lost
        self._heard: dict[str, float] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._due = 0.0

    def hear(self, address: str) -> None:
        """Note that a worker was heard just now."""
        self._heard[address] = asyncio.get_running_loop().time()
        if self._timer is None:
            self._plan()

    def forget(self, address: str) -> None:
        """Stop listening for a worker."""
        self._heard.pop(address, None)

    def listens(self, address: str) -> bool:
        """Whether this worker sends beats, and was heard in time."""
        return address in self._heard

    def of(self, address: str) -> float:
        """Return for how many seconds a worker was not heard; infinite if not in time."""
        heard = self._heard.get(address)
        return float("inf") if heard is None else asyncio.get_running_loop().time() - heard

    def close(self) -> None:
        """Listen for nobody any more."""
        self._heard.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _plan(self) -> None:
        self._timer = None
        if self._heard:
            self._due = min(self._heard.values()) + self.limit_s
            self._timer = asyncio.get_running_loop().call_at(self._due, self._look)

    def _look(self) -> None:
        now = asyncio.get_running_loop().time()
        if now - self._due > LATE_S:
            self._heard = dict.fromkeys(self._heard, now)
        for address, heard in list(self._heard.items()):
            if now - heard >= self.limit_s:
                del self._heard[address]
                self._lost(address)
        self._plan()
