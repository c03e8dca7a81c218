"""Kinds of waits, which explanations and reports have in common.

`explain` says with all the numbers why a task waits now; a report says how long tasks waited and
for what; a display shows it for any moment. Each reason of an explanation has the kind to which
reports assign the time. The kind of a queued task follows from facts about its pool by one rule,
`QUEUED`, which browser pages receive as data.
"""

from __future__ import annotations

from collections.abc import Mapping

from batchlab.core.state.states import Legend

WAITS = {
    "slots": Legend("all slots were taken", "trouble"),
    "others": Legend("all slots were taken by other jobs", "others"),
    "starting": Legend("no node was up yet", "starting"),
    "no nodes": Legend("no node could take tasks", "ended"),
    "no pool": Legend("the pool was missing or being deleted", "away"),
    "preparation": Legend("the node was being prepared for the job", "preparing"),
    "dependencies": Legend("other tasks had to finish first", "aside"),
    "disabled": Legend("the job was disabled", "leaving"),
    "held back": Legend("a limit applied, or no node had enough free slots", "failed"),
}
"""The kinds, with their labels; `others` is the part of `slots` that other jobs had."""

QUEUED = {
    "no pool": "missing",
    "held back": "room",
    "slots": "taking",
    "starting": "coming",
    "no nodes": "",
}
"""Why a task that could run is queued: the first kind whose fact about the pool is true.

``missing``: there is no pool that may have nodes; ``room``: nodes that take tasks have free slots;
``taking``: there are such nodes; ``coming``: nodes will become such nodes.
"""


def kind_of_queued(facts: Mapping[str, bool]) -> str:
    """Why tasks are queued for a pool, from facts about the pool."""
    return next(kind for kind, fact in QUEUED.items() if not fact or facts[fact])
