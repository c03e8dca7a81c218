"""What surrounds a process on a simulated node."""

from __future__ import annotations

from collections.abc import Callable, Generator
from random import Random
from typing import NamedTuple

from batchlab.drivers.simulated.workload import Describe, Workload

__all__ = ["Around", "Steps", "rules_failed"]

Steps = Generator[float, None, int]
"""What a command does: it yields the seconds to wait, and returns its exit code."""


class Around(NamedTuple):
    """What surrounds a process: the workload, the clock, chance, and what it is a part of."""

    workload: Workload
    now: Callable[[], float]
    random: Random
    describe: Describe


def rules_failed(error: Exception) -> str:
    """What to say of rules that fail."""
    return f"the rules of the workload failed: {type(error).__name__}: {error}"
