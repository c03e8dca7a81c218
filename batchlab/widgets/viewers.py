"""The viewers of a display: one widget may be visible in several places at once.

Each place is a viewer with its own id. It says what it wants to know, repeats that every half
minute, and says "bye" when it closes. Since a closed page may not manage to, a viewer counts as
gone when it has been silent for long *while others were not*. If all are silent, that proves
nothing: a busy kernel does not hear anyone.
"""

from __future__ import annotations

import threading
import time
from typing import Any

__all__ = ["SILENT_S", "Viewers"]

SILENT_S = 150.0
"""A page in the background may send only once a minute."""


class Viewers:
    """What the viewers of one display want to know. May be used by any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._wants: dict[
            str, tuple[float, Any]
        ] = {}  # viewer -> time of its last message, its wish

    def hear(self, viewer: object, wants: Any) -> bool:
        """Note that a viewer is there and what it wants; return whether that is new."""
        now, name = time.monotonic(), str(viewer)
        with self._lock:
            before = self._wants.get(name)
            self._wants = {
                other: (spoke, wish)
                for other, (spoke, wish) in self._wants.items()
                if other != name and now - spoke < SILENT_S
            }
            self._wants[name] = (now, wants)
        return before is None or before[1] != wants

    def leave(self, viewer: object) -> None:
        """Note that a viewer has gone."""
        with self._lock:
            self._wants = {name: said for name, said in self._wants.items() if name != str(viewer)}

    def wanted(self) -> list[Any]:
        """The wishes of all viewers, including duplicates."""
        return [wish for _, wish in self._wants.values()]
