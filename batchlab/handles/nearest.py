"""Suggestions for names that do not exist: the most similar one that does."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from difflib import get_close_matches

from batchlab.errors import BatchError, NotFound

__all__ = ["nearest", "suggesting"]

MOST = 2000
"""How many names are compared: comparing a hundred thousand would take seconds."""


def nearest(name: str, names: Iterable[str]) -> str:
    """The name most similar to one that does not exist, whatever their case; or nothing."""
    key = name.casefold()
    known = {one.casefold(): one for one in names}
    if key in known:
        return ""
    keys = list(known)
    if len(keys) > MOST:
        ends = (key[:3], key[-3:])
        alike = (one for one in keys if abs(len(one) - len(key)) < 3)
        keys = sorted(alike, key=lambda one: -(one.startswith(ends[0]) + one.endswith(ends[1])))
    near = get_close_matches(key, keys[:MOST], n=1)
    return known[near[0]] if near else ""


@contextmanager
def suggesting(name: str, known: Callable[[], Iterable[str]], *codes: str) -> Iterator[None]:
    """Add the nearest of the known names to a `NotFound` with one of these codes, or with any."""
    try:
        yield
    except NotFound as error:
        if codes and error.code not in codes:
            raise
        try:
            near = nearest(name, known())
        except BatchError:  # what they are in does not exist either
            raise error from None
        if not near:
            raise
        text = f"{error.message.rstrip('.')}: did you mean {near!r}?"
        raise NotFound(error.code, text, error.values) from None
