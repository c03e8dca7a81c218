"""Patterns of arrivals: they draw the tasks of some days at random.

Each is called with an end, in seconds, and a random generator, and yields the tasks until then.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from random import Random
from typing import Any

import msgspec

from batchlab.drivers.simulated.workload import Behavior

__all__ = ["DAY_S", "Arrival", "Both", "Bursts", "Listed", "Rated", "lasting"]

DAY_S = 86_400.0
HOUR_S = 3_600.0


class Arrival(msgspec.Struct, frozen=True):
    """One task: when it arrives, in seconds since the start, what it does, and its slots."""

    at: float
    behavior: Behavior
    slots: int = 1


class Rated(msgspec.Struct, frozen=True):
    """Random arrivals with a rate for each hour of the week."""

    rates: list[float]
    behavior: Behavior
    jitter: float

    def __call__(self, end: float, random: Random) -> Iterator[Arrival]:
        """Draw the tasks until an end."""
        most = max(self.rates)
        if not most:
            return
        at = 0.0
        while (at := at + random.expovariate(most / HOUR_S)) < end:
            rate = self.rates[int(at // HOUR_S) % len(self.rates)]
            if rate == most or random.random() * most < rate:
                yield Arrival(at, _varied(self.behavior, self.jitter, random))


class Bursts(msgspec.Struct, frozen=True):
    """Many tasks at once, at regular intervals."""

    size: int
    every: float
    first: float
    behavior: Behavior
    jitter: float

    def __call__(self, end: float, random: Random) -> Iterator[Arrival]:
        """Draw the tasks until an end."""
        at = self.first
        while at < end:
            for _ in range(self.size):
                yield Arrival(at, _varied(self.behavior, self.jitter, random))
            at += self.every


class Listed(msgspec.Struct, frozen=True):
    """Tasks that are listed one by one."""

    arrivals: list[Arrival]

    def __call__(self, end: float, random: Random) -> Iterator[Arrival]:
        """Draw the tasks until an end."""
        return (arrival for arrival in self.arrivals if arrival.at < end)


class Both(msgspec.Struct, frozen=True):
    """The tasks of two patterns, each with its own random generator."""

    one: Any
    other: Any

    def __call__(self, end: float, random: Random) -> Iterator[Arrival]:
        """Draw the tasks until an end."""
        yield from self.one(end, Random(random.random()))
        yield from self.other(end, Random(random.random()))


def _varied(behavior: Behavior, jitter: float, random: Random) -> Behavior:
    span = behavior.duration
    assert span is not None
    if not jitter:
        return behavior
    return lasting(behavior, span.total_seconds() * random.uniform(1 - jitter, 1 + jitter))


def lasting(behavior: Behavior, seconds: float) -> Behavior:
    """Return a behavior that takes this many seconds."""
    return msgspec.structs.replace(behavior, duration=timedelta(seconds=seconds))
