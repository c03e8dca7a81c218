"""The open connections of a server: how many there may be, and who has to leave first.

A process has a limited number of open files, and its tasks need them, too. So only a part is for
connections, and when that is used up, a new connection takes the place of the one that has waited
longest: first of those that have never sent a signed request, then of those between two requests.
A client with the key sends its request at once, so strangers with many idle connections do not
keep it out.
"""

from __future__ import annotations

import resource
from collections.abc import Iterator
from typing import Any

__all__ = ["Connections", "most_connections"]

MOST = 512
SHARE = 4
"""Connections may use one of so many of the files that the process may open."""


def most_connections() -> int:
    """Return how many connections this process should have at a time."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return MOST if soft == resource.RLIM_INFINITY else max(8, min(MOST, soft // SHARE))


class Connections:
    """The open connections of a server, by their streams, with the longest idle one first."""

    def __init__(self) -> None:
        self._strangers: dict[Any, None] = {}
        self._known: dict[Any, None] = {}
        self._busy: set[Any] = set()

    def __len__(self) -> int:
        return len(self._strangers) + len(self._known) + len(self._busy)

    def opened(self, stream: Any) -> None:
        """Add a connection."""
        self._strangers[stream] = None

    def begins(self, stream: Any) -> None:
        """Note that a client with the key has begun a request: it is not disturbed."""
        self.closed(stream)
        self._busy.add(stream)

    def waits(self, stream: Any) -> None:
        """Note that a connection waits for its next request."""
        if stream in self._busy:
            self._busy.remove(stream)
            self._known[stream] = None

    def closed(self, stream: Any) -> None:
        """Remove a connection."""
        self._strangers.pop(stream, None)
        self._known.pop(stream, None)
        self._busy.discard(stream)

    def make_room(self, most: int) -> bool:
        """Close connections until one more is at most `most`; return whether that was possible."""
        while len(self) >= most:
            stream = next(self._leaving(), None)
            if stream is None:
                return False
            self.closed(stream)
            stream.close()
        return True

    def _leaving(self) -> Iterator[Any]:
        yield from self._strangers
        yield from self._known
