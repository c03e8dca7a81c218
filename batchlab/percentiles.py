"""Percentiles, by one rule wherever they are shown."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["percentile"]


def percentile(ordered: Sequence[float], percent: float) -> float | None:
    """Return the value below which this part (0 to 100) of some values lies; None without values.

    Between two of them it is interpolated, as in `statistics.median` and NumPy: half of 1 and 2 is
    1.5. The values are sorted, the least first.
    """
    if not ordered:
        return None
    place = (len(ordered) - 1) * percent / 100
    low = min(int(place), len(ordered) - 2) if len(ordered) > 1 else 0
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)
