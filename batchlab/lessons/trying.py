"""Functions that learners write, tried in labs of the check's own."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from batchlab.drivers.simulated.workload import Workload
from batchlab.lab import SimulatedLab
from batchlab.lessons.exercises import Missing

__all__ = ["NeverEnds", "said", "stop_after", "takes", "trial_lab"]

LIMIT = timedelta(days=3)
"""What takes longer in a trial will never end."""


class NeverEnds(Exception):
    """A function waits for something that does not come."""


def stop_after(lab: SimulatedLab, limit: timedelta = LIMIT) -> None:
    """Stop a function that still waits after a time, even in a loop of short waits."""

    def stop() -> None:
        raise NeverEnds(f"{limit.days} days have passed in the lab, and it still waits")

    connection = lab._connection
    connection.world.plan(connection.now() + limit.total_seconds(), stop)


@contextmanager
def trial_lab(workload: Workload, **settings: Any) -> Iterator[SimulatedLab]:
    """Open a lab to try a function in."""
    with SimulatedLab(boot="4m", workload=workload, **settings) as lab:
        stop_after(lab)
        yield lab


def takes(function: Callable[..., Any], count: int, what: str) -> Missing | None:
    """What is missing unless a function takes so many arguments."""
    try:
        inspect.signature(function).bind(*range(count))
    except (TypeError, ValueError):  # some built-in functions do not say what they take
        name = getattr(function, "__name__", "it")
        return Missing(
            f"the function {name} does not take {count} argument{'s' * (count != 1)}.",
            f"It is called with {what}.",
            "Begin with the line in the comment of the cell.",
        )
    return None


def said(error: BaseException) -> str:
    """The kind of an error, and the first line of its text."""
    text = str(error).partition("\n")[0].rstrip(".")
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
