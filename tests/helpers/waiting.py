"""Waiting in tests: for exactly what is looked at, and not for ever."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from batchlab.errors import NotFound

T = TypeVar("T")
WAIT_S = 60


def until(condition: Callable[[], T], timeout: float = WAIT_S) -> T:
    """Poll until a condition holds; its value. What is not there yet does not hold."""
    deadline = time.monotonic() + timeout
    while True:
        missing: Exception | None = None
        try:
            if value := condition():
                return value
        except (NotFound, FileNotFoundError) as error:
            missing = error
        if time.monotonic() >= deadline:
            raise AssertionError(f"{condition} did not come true") from missing
        time.sleep(0.01)
