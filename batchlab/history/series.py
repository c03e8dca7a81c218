"""Step functions over time: numbers by key, and their totals."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable

__all__ = ["Series", "Steps"]


class Steps:
    """Collects changes of numbers by key, in any order, and makes a `Series` of them."""

    def __init__(self) -> None:
        self._steps: list[tuple[float, str, float]] = []

    def add(self, key: str, at: float, by: float) -> None:
        """Increase the number of a key from a time on."""
        self._steps.append((at, key, by))

    def span(self, key: str, begin: float, end: float, by: float = 1) -> None:
        """Increase it for a period."""
        if end > begin:
            self._steps += ((begin, key, by), (end, key, -by))

    def series(self, keys: Iterable[str], begin: float, end: float) -> Series:
        """Return the numbers between two times."""
        values = dict.fromkeys(keys, 0.0)
        columns: dict[str, list[float]] = {key: [] for key in values}
        times: list[float] = []
        for at, key, by in sorted(self._steps, key=lambda step: step[0]):
            at = max(at, begin)  # noqa: PLW2901 - earlier changes hold at the start
            if at >= end:
                break
            if not times or times[-1] != at:
                if not times and at > begin:
                    times.append(begin)
                    for name, column in columns.items():
                        column.append(values[name])
                times.append(at)
                for name, column in columns.items():
                    column.append(values[name])
            values[key] += by
            columns[key][-1] = values[key]
        if not times:
            times = [begin]
            columns = {key: [0.0] for key in values}
        return Series(times, columns, end)


class Series:
    """Numbers by key: those at index i hold from ``times[i]`` to the next time, or to `end`."""

    def __init__(self, times: list[float], columns: dict[str, list[float]], end: float) -> None:
        self.times, self.columns, self.end = times, columns, max(end, times[-1])

    def hours(self, key: str) -> float:
        """The number times how long it held, added up, in hours."""
        ends = [*self.times[1:], self.end]
        held = zip(self.columns[key], self.times, ends, strict=True)
        return sum(value * (until - since) for value, since, until in held) / 3600

    def most(self, key: str) -> float:
        """The maximum."""
        return max(self.columns[key])

    def at(self, key: str, when: float) -> float:
        """The number at a time."""
        return self.columns[key][max(0, bisect_right(self.times, when) - 1)]

    def thinned(self, most: int) -> Series:
        """The same with at most `most` times: means over equal spans, with the same totals."""
        count, begin = len(self.times), self.times[0]
        if count <= most or self.end <= begin:
            return self
        width = (self.end - begin) / most
        times = [begin + width * index for index in range(most)]
        columns = {key: [0.0] * most for key in self.columns}
        ends = [*self.times[1:], self.end]
        for index, (since, until) in enumerate(zip(self.times, ends, strict=True)):
            place = min(most - 1, int((since - begin) / width))
            while since < until and place < most:
                edge = self.end if place == most - 1 else begin + width * (place + 1)
                share = (min(until, edge) - since) / width
                for key, column in self.columns.items():
                    if share > 0:
                        columns[key][place] += column[index] * share
                since, place = max(since, edge), place + 1  # noqa: PLW2901
        return Series(times, columns, self.end)
