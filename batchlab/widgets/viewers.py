"""Who looks at a display: one widget may be seen in several places at once.

Each place is a viewer with an id of its own, which says what it wants to know, says so again every
half minute, and says "bye" when it goes. A page that is closed may not come to that: so a viewer
is taken for gone when it has been silent for long *while others spoke*. Silence of all proves
nothing, for a kernel that is busy may hear nobody.
"""

from __future__ import annotations

import threading
import time
from typing import Any

__all__ = ["SILENT_S", "Viewers"]

SILENT_S = 150.0
"""A page in the background may speak once a minute only."""


class Viewers:
    """What the viewers of one display want to know. May be used by any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._wants: dict[str, tuple[float, Any]] = {}  # viewer -> when it last spoke, its wish

    def hear(self, viewer: object, wants: Any) -> bool:
        """A viewer is there, and wants something; whether that is news."""
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
        """A viewer has gone."""
        with self._lock:
            self._wants = {name: said for name, said in self._wants.items() if name != str(viewer)}

    def wanted(self) -> list[Any]:
        """What they want, each wish as often as it is there."""
        return [wish for _, wish in self._wants.values()]
