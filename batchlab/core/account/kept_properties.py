"""Properties that the service does not use: kept for clients that check what they wrote.

They are kept by the names of resources, as the REST API has them. The creation time tells a
resource from a later one of the same name. If there are too many, the oldest are dropped.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from batchlab.core.messages.inputs import KeepProperties

if TYPE_CHECKING:
    from batchlab.core.state.state import State

MOST = 100_000
"""The maximum number of resources with such properties."""


def keep_properties(state: State, request: KeepProperties) -> None:
    """Keep the properties of a resource, instead of those that were kept."""
    state.kept.pop(request.key, None)
    if request.properties:
        while len(state.kept) >= MOST:
            del state.kept[next(iter(state.kept))]
        state.kept[request.key] = request


def kept_properties(state: State) -> list[KeepProperties]:
    """All that is kept, oldest first."""
    return list(state.kept.values())
