"""Why tasks wait, in a few kinds: what explanations and reports have in common.

`explain` says with all the numbers why a task waits now, a report says how long tasks waited for
what, and a display says it of any moment. Each reason of an explanation names the kind that the
time is booked under, and the kind of a queued task follows from facts about its pool by one rule,
`QUEUED`, which a page in a browser is handed as data.
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
    "preparation": Legend("the node was prepared for the job", "preparing"),
    "dependencies": Legend("other tasks had to be done first", "aside"),
    "disabled": Legend("the job was disabled", "leaving"),
    "held back": Legend("a limit, or too few free slots on one node", "failed"),
}
"""The kinds, with the words for them; of `slots`, what other jobs had is `others`."""

QUEUED = {
    "no pool": "missing",
    "held back": "room",
    "slots": "taking",
    "starting": "coming",
    "no nodes": "",
}
"""Why a task is queued that could run: the first kind whose fact about the pool is true.

``missing``: there is no pool that may have nodes; ``room``: slots are free on nodes that take
tasks; ``taking``: there are such nodes; ``coming``: others will be such nodes.
"""


def kind_of_queued(facts: Mapping[str, bool]) -> str:
    """Why tasks are queued for a pool, by facts about it."""
    return next(kind for kind, fact in QUEUED.items() if not fact or facts[fact])
