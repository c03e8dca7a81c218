"""The tables that displays are drawn from: their columns, and the words that numbers stand for.

========  =======================================================================================
nodes     one row per node: its pool, whether it is dedicated; ids in `Tables.node_ids`
moves     a node came into a state at a time
runs      something began on a node: which kind, whose, in which lane, which attempt
ends      a run was over: when, how, and why
counts    the tasks of a job by state, from a time on
sizes     a pool's state, allocation state and targets, from a time on
turns     a job came into a state at a time
holds     a task began to wait for tasks that it depends on; its id in `Tables.held`
frees     it no longer does: they were done, or it is over
========  =======================================================================================
"""

from __future__ import annotations

from batchlab.core.state.states import ALLOCATION, DELETED, JOB, NODE, POOL

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
    "WAITS",
]

NODE_STATES = (*NODE, DELETED.name)
POOL_STATES = (*POOL, DELETED.name)
ALLOCATIONS = tuple(ALLOCATION)
JOB_STATES = (*JOB, DELETED.name)
KINDS = ("starttask", "jobpreparation", "task", "jobrelease", "waiting", "subtask")
OUTCOMES = ("success", "failure", "retry", "requeued", "lost", "ended")
"""``retry``: failed, to be repeated; ``ended``: by somebody's wish, or told no more about."""

WAITS = {
    "slots": "all slots were taken",
    "others": "all slots were taken by other jobs",
    "starting": "nodes were starting",
    "no nodes": "no node could take tasks",
    "no pool": "there was no pool",
    "preparation": "the node was prepared for the job",
    "dependencies": "other tasks had to be done first",
    "disabled": "the job was disabled",
    "held back": "a limit, or more slots than a node had free",
}
"""Why tasks waited, with the words for it: those of reports, and of displays of the past."""

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
    "holds": {"at": "d", "job": "I"},
    "frees": {"at": "d", "hold": "I"},
}  # fmt: skip
"""The columns of each table, with the type of their values as in the module `array`."""

NOTHING = 0xFFFFFFFF
"""In place of the number of a job or pool, where there is none."""
NO_LANE = 0xFFFF
