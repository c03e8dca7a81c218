"""The tables that displays are drawn from: their columns, and the words that numbers stand for.

========  =======================================================================================
nodes     one row per node: its pool, whether it is dedicated; ids in `Tables.node_ids`
moves     a node came into a state at a time
runs      something began on a node: which kind, whose, in which lane, which attempt
ends      a run was over: when, how, and why
counts    the tasks of a job by state, from a time on
sizes     a pool's state, allocation state and targets, from a time on
turns     a job came into a state at a time
========  =======================================================================================
"""

from __future__ import annotations

__all__ = [
    "ALLOCATIONS",
    "COLUMNS",
    "JOB_STATES",
    "KINDS",
    "NODE_STATES",
    "NOTHING",
    "NO_LANE",
    "OUTCOMES",
    "POOL_STATES",
]

NODE_STATES = (
    "creating", "starting", "waitingforstarttask", "idle", "running", "starttaskfailed",
    "preempted", "leavingpool", "unusable", "offline", "rebooting", "reimaging", "unknown",
    "deleted",
)  # fmt: skip
POOL_STATES = ("active", "deleting", "deleted")
ALLOCATIONS = ("steady", "resizing", "stopping")
JOB_STATES = (
    "active", "disabling", "disabled", "enabling", "terminating", "completed", "deleting",
    "deleted",
)  # fmt: skip
KINDS = ("starttask", "jobpreparation", "task", "jobrelease", "waiting", "subtask")
OUTCOMES = ("success", "failure", "retry", "requeued", "lost", "ended")
"""``retry``: failed, to be repeated; ``ended``: by somebody's wish, or told no more about."""

COLUMNS: dict[str, dict[str, str]] = {
    "nodes": {"pool": "I", "dedicated": "B"},
    "moves": {"at": "d", "node": "I", "state": "B"},
    "runs": {
        "start": "d", "node": "I", "job": "I", "lane": "H", "slots": "H", "attempt": "H",
        "kind": "B",
    },
    "ends": {"at": "d", "run": "I", "why": "H", "outcome": "B"},
    "counts": {
        "at": "d", "job": "I", "active": "I", "running": "I", "succeeded": "I", "failed": "I",
    },
    "sizes": {
        "at": "d", "pool": "I", "target": "I", "spot": "I", "slots": "H", "state": "B",
        "allocation": "B",
    },
    "turns": {"at": "d", "job": "I", "pool": "I", "state": "B"},
}  # fmt: skip
"""The columns of each table, with the type of their values as in the module `array`."""

NOTHING = 0xFFFFFFFF
"""In place of the number of a job or pool, where there is none."""
NO_LANE = 0xFFFF
