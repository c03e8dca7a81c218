"""Deadlines: one ordered list of future actions, of which the driver only sees the next time.

A deadline is never cancelled. When it comes, its action checks whether it still applies.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from typing import Any

__all__ = ["Deadlines"]


class Deadlines:
    """Actions ordered by time, then by the order in which they were set."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Callable[..., None], tuple[Any, ...]]] = []
        self._count = 0

    def at(self, when: float, action: Callable[..., None], *args: Any) -> None:
        """Call ``action(*args)`` at `when`."""
        self._count += 1
        heapq.heappush(self._heap, (when, self._count, action, args))

    def next(self) -> float | None:
        """The time of the next deadline."""
        return self._heap[0][0] if self._heap else None

    def due(self, now: float) -> Callable[[], None] | None:
        """Take the next action whose time has come."""
        if not self._heap or self._heap[0][0] > now:
            return None
        _, _, action, args = heapq.heappop(self._heap)
        return lambda: action(*args)
