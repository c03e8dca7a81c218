"""How many tasks run and wait over time."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from batchlab.history.series import Series, Steps

__all__ = ["load_of"]

KEYS = ("running", "waiting")


def load_of(tables: Any, jobs: Collection[int], begin: float, end: float) -> Series:
    """The tasks of some jobs that run and that wait, between two times.

    As the service counts them: a task that waits for its preparation runs already.

    Parameters
    ----------
    tables : Tables
        Or a copy of their columns.
    jobs : collection of int
        The numbers of the jobs.
    begin, end : float
        In seconds since 1970 (UTC).

    Returns
    -------
    Series
        With the keys ``running`` and ``waiting``.
    """
    rows, steps = tables.columns["counts"], Steps()
    last: dict[int, tuple[int, int]] = {}
    for at, job, *now in zip(
        *(rows[name] for name in ("at", "job", "running", "active")), strict=True
    ):
        if job in jobs:
            before = last.get(job, (0, 0))
            for key, old, new in zip(KEYS, before, now, strict=True):
                if new != old:
                    steps.add(key, at, new - old)
            last[job] = (now[0], now[1])
    return steps.series(KEYS, begin, end)
