"""Deadlines: one ordered list of future actions, of which the driver only sees the next time.

When a deadline comes, its action checks whether it still applies. Those that would keep many
records alive are cancelled when these are removed.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from typing import Any, TypeAlias

__all__ = ["Deadline", "Deadlines"]

Deadline: TypeAlias = list[Any]
"""Its time, its number, its action and the arguments of that: a list, to be compared fast."""
SLACK = 64
"""How many cancelled deadlines may stay in any case."""
NEVER = 253_402_300_800.0
"""The year 10000, in seconds since 1970: what has no end is not kept until then."""


class Deadlines:
    """Actions ordered by time, then by the order in which they were set."""

    def __init__(self) -> None:
        self._heap: list[Deadline] = []
        self._count = 0
        self._cancelled = 0

    def __len__(self) -> int:
        return len(self._heap) - self._cancelled

    def at(self, when: float, action: Callable[..., None], *args: Any) -> Deadline:
        """Call ``action(*args)`` at `when`; never, if that is after the last date."""
        self._count += 1
        deadline: Deadline = [when, self._count, action, args]
        if when < NEVER:
            heapq.heappush(self._heap, deadline)
        else:
            deadline[2:] = None, ()
        return deadline

    def cancel(self, deadline: Deadline | None) -> None:
        """Forget a deadline, and all that its action refers to; no effect if it is over."""
        if deadline is None or deadline[2] is None:
            return
        deadline[2:] = None, ()
        self._cancelled += 1
        if self._cancelled > max(SLACK, len(self._heap) // 2):
            self._heap = [each for each in self._heap if each[2] is not None]
            heapq.heapify(self._heap)
            self._cancelled = 0

    def next(self) -> float | None:
        """The time of the next deadline."""
        self._skip()
        return self._heap[0][0] if self._heap else None

    def due(self, now: float) -> Callable[[], None] | None:
        """Take the next action whose time has come."""
        self._skip()
        if not self._heap or self._heap[0][0] > now:
            return None
        deadline = heapq.heappop(self._heap)
        _, _, action, args = deadline
        deadline[2] = None
        return lambda: action(*args)

    def _skip(self) -> None:
        while self._heap and self._heap[0][2] is None:
            heapq.heappop(self._heap)
            self._cancelled -= 1
