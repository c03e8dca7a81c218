"""What to do with a task when its run is over: ``requeue``, ``terminate`` or ``delete`` it.

Empty if it was not asked to end. A stronger request replaces a weaker one that is in progress.
"""

from __future__ import annotations

_STRENGTH = {"": 0, "requeue": 1, "terminate": 2, "delete": 3}


def stronger(ending: str, other: str) -> str:
    """The stronger of two requests to end a task."""
    return ending if _STRENGTH[ending] > _STRENGTH[other] else other
