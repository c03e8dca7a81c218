"""Deadlines: one ordered list of future actions, of which the driver only sees the next time.

When a deadline comes, its action checks whether it still applies. Those that would keep many
records alive are cancelled when these are removed.

Any time can be a deadline (`Deadlines.at`). What every completed task has, the end of its
retention time, costs less (`Deadlines.after`): those that come equally long after they are set are
in order by themselves. They stand in a row, and only the first of a row is in the heap.
"""

from __future__ import annotations

import heapq
from bisect import bisect_left
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

__all__ = ["Deadline", "Deadlines"]

Deadline: TypeAlias = list[Any]
"""Its time, its number, its action and the arguments of that: a list, to be compared fast."""
SLACK = 64
"""How many cancelled deadlines may stay in any case."""
NEVER = 253_402_300_800.0
"""The year 10000, in seconds since 1970: what has no end is not kept until then."""


class Row:
    """Deadlines that come equally long after they are set.

    `numbers`, `begun` (when each was set) and `subjects` (None if it is cancelled) belong
    together; those before `first` are over.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.first = 0
        self.numbers: list[int] = []
        self.begun: list[float] = []
        self.subjects: list[Any] = []

    def __len__(self) -> int:
        return len(self.numbers) - self.first

    def head(self) -> Deadline:
        """Its first deadline, with the row as its action."""
        return [self.begun[self.first] + self.seconds, self.numbers[self.first], self, ()]

    def take(self) -> Any:
        """Take what its first deadline is about."""
        subject, self.subjects[self.first] = self.subjects[self.first], None
        self.first += 1
        if self.first > max(SLACK, len(self)):
            self.keep(range(self.first, len(self.numbers)))
        return subject

    def cancel(self, number: int) -> bool:
        """Forget what a deadline is about; False if it is over or cancelled."""
        place = bisect_left(self.numbers, number, self.first)
        if place == len(self.numbers) or self.numbers[place] != number:
            return False
        subject, self.subjects[place] = self.subjects[place], None
        return subject is not None

    def keep(self, places: Sequence[int]) -> None:
        """Let go of all others."""
        self.numbers = [self.numbers[place] for place in places]
        self.begun = [self.begun[place] for place in places]
        self.subjects = [self.subjects[place] for place in places]
        self.first = 0


class Deadlines:
    """Actions ordered by time, then by the order in which they were set.

    Parameters
    ----------
    expire : callable, optional
        The action of what is set by `after`.
    """

    def __init__(self, expire: Callable[[Any], None] | None = None) -> None:
        self._heap: list[Deadline] = []
        self._count = 0
        self._live = 0
        self._cancelled = 0
        self._rows: dict[float, Row] = {}
        self._expire = expire

    def __setstate__(self, state: dict[str, Any]) -> None:
        live = len(state["_heap"]) - state["_cancelled"]  # an earlier version had no rows
        vars(self).update(vars(Deadlines()) | {"_live": live} | state)

    def __len__(self) -> int:
        return self._live

    def at(self, when: float, action: Callable[..., None], *args: Any) -> Deadline:
        """Call ``action(*args)`` at `when`; never, if that is after the last date."""
        self._count += 1
        deadline: Deadline = [when, self._count, action, args]
        if when < NEVER:
            self._live += 1
            heapq.heappush(self._heap, deadline)
        else:
            deadline[2:] = None, ()
        return deadline

    def after(self, seconds: float, now: float, subject: Any) -> int:
        """Let a subject expire so long after `now`, which never goes back; return the number."""
        self._count += 1
        if now + seconds < NEVER:
            self._live += 1
            row = self._rows.get(seconds)
            new = row is None
            if row is None:
                row = self._rows[seconds] = Row(seconds)
            row.numbers.append(self._count)
            row.begun.append(now)
            row.subjects.append(subject)
            if new:
                heapq.heappush(self._heap, row.head())
        return self._count

    def cancel(self, deadline: Deadline | None) -> None:
        """Forget a deadline, and all that its action refers to; no effect if it is over."""
        if deadline is None or deadline[2] is None:
            return
        deadline[2:] = None, ()
        self._tidy()

    def cancel_after(self, seconds: float, number: int) -> None:
        """Forget what was passed to `after`; no effect if it is over."""
        row = self._rows.get(seconds)
        if row is not None and row.cancel(number):
            self._tidy()

    def next(self) -> float | None:
        """The time of the next deadline."""
        if self._cancelled:
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
        self._live -= 1
        if isinstance(action, Row):
            subject, expire = self._take(action), self._expire
            assert expire is not None
            return lambda: expire(subject)
        return lambda: action(*args)

    def _take(self, row: Row) -> Any:
        """Take the first of a row, which was in the heap; now the next one is."""
        subject = row.take()
        if row:
            heapq.heappush(self._heap, row.head())
        else:
            del self._rows[row.seconds]
        return subject

    def _skip(self) -> None:
        """Let go of cancelled deadlines in front."""
        while self._heap and _is_cancelled(self._heap[0]):
            row = heapq.heappop(self._heap)[2]
            if row is not None:
                self._take(row)
            self._cancelled -= 1

    def _tidy(self) -> None:
        """Another deadline is cancelled: let go of them if they are many."""
        self._live -= 1
        self._cancelled += 1
        if self._cancelled <= max(SLACK, self._live):
            return
        heap = [each for each in self._heap if each[2] and not isinstance(each[2], Row)]
        for row in tuple(self._rows.values()):
            row.keep([place for place in range(row.first, len(row.numbers))
                      if row.subjects[place] is not None])  # fmt: skip
            if row:
                heap.append(row.head())
            else:
                del self._rows[row.seconds]
        heapq.heapify(heap)
        self._heap, self._cancelled = heap, 0


def _is_cancelled(deadline: Deadline) -> bool:
    action = deadline[2]
    return action is None or (isinstance(action, Row) and action.subjects[action.first] is None)
