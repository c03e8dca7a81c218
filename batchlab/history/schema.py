"""The tables that displays are drawn from: their columns, and the names that numbers stand for.

===========  ====================================================================================
nodes        one row per node: its pool, whether it is dedicated; ids in `Tables.node_ids`
node_states  a node entered a state at a time
runs         something started on a node: which kind, whose, in which lane, which attempt
ends         a run ended: when, how, and why
counts       the tasks of a job by state, from a time on
pool_states  a pool's state, allocation state and targets, from a time on
job_states   a job entered a state at a time
holds        a task started waiting for its dependencies; its id in `Tables.held`
frees        it stopped waiting: they were done, or it ended
===========  ====================================================================================
"""

from __future__ import annotations

from batchlab.core.state.states import ALLOCATION, DELETED, JOB, NODE, POOL, Legend

__all__ = [
    "ALLOCATIONS",
    "COLUMNS",
    "JOB_STATES",
    "KINDS",
    "NODE_STATES",
    "NODE_TASKS",
    "NOTHING",
    "NO_LANE",
    "OUTCOMES",
    "POOL_STATES",
    "RUNS",
    "look_of",
]

NODE_STATES = (*NODE, DELETED.name)
POOL_STATES = (*POOL, DELETED.name)
ALLOCATIONS = tuple(ALLOCATION)
JOB_STATES = (*JOB, DELETED.name)
KINDS = ("starttask", "jobpreparation", "task", "jobrelease", "waiting", "subtask")
OUTCOMES = ("success", "failure", "retry", "requeued", "lost", "ended")
"""``retry``: failed, will be repeated; ``ended``: on request, or no longer tracked."""

RUNS = {
    "starttask": Legend("start task", "starting"),
    "jobpreparation": Legend("preparation", "preparing"),
    "running": Legend("running", "going"),
    "success": Legend("succeeded", "good"),
    "failure": Legend("failed", "failed"),
    "retry": Legend("failed, retried", "trouble"),
    "requeued": Legend("requeued", "ended"),
    "lost": Legend("node lost", "away"),
    "ended": Legend("ended", "ended"),
    "jobrelease": Legend("release", "leaving"),
    "waiting": Legend("waiting for preparation", "preparing"),
}
"""The look of runs: successful node tasks by their kind, others by how they ended."""
NODE_TASKS = {"starttask": "start task", "jobpreparation": "prepare", "jobrelease": "release"}
"""The labels of runs that are not tasks."""


def look_of(kind: str, outcome: str) -> str:
    """The key of a run in `RUNS`; without an outcome it is still running."""
    if kind in ("task", "subtask"):
        return outcome or "running"
    return kind if outcome in ("", "success") else outcome


COLUMNS: dict[str, dict[str, str]] = {
    "nodes": {"pool": "I", "dedicated": "B"},
    "node_states": {"at": "d", "node": "I", "state": "B"},
    "runs": {
        "start": "d", "node": "I", "job": "I", "lane": "H", "slots": "H", "attempt": "H",
        "kind": "B",
    },
    "ends": {"at": "d", "run": "I", "why": "H", "outcome": "B"},
    "counts": {
        "at": "d", "job": "I", "active": "I", "running": "I", "succeeded": "I", "failed": "I",
    },
    "pool_states": {
        "at": "d", "pool": "I", "target": "I", "spot": "I", "slots": "H", "state": "B",
        "allocation": "B",
    },
    "job_states": {"at": "d", "job": "I", "pool": "I", "state": "B"},
    "holds": {"at": "d", "job": "I"},
    "frees": {"at": "d", "hold": "I"},
}  # fmt: skip
"""The columns of each table, with the type of their values as in the module `array`."""

NOTHING = 0xFFFFFFFF
"""Instead of the number of a job or pool, if there is none."""
NO_LANE = 0xFFFF
