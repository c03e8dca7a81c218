"""The tables that displays are drawn from: their columns, and the words that numbers stand for.

===========  ====================================================================================
nodes        one row per node: its pool, whether it is dedicated; ids in `Tables.node_ids`
node_states  a node came into a state at a time
runs         something began on a node: which kind, whose, in which lane, which attempt
ends         a run was over: when, how, and why
counts       the tasks of a job by state, from a time on
pool_states  a pool's state, allocation state and targets, from a time on
job_states   a job came into a state at a time
holds        a task began to wait for tasks that it depends on; its id in `Tables.held`
frees        it no longer does: they were done, or it is over
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
"""``retry``: failed, to be repeated; ``ended``: by somebody's wish, or told no more about."""

RUNS = {
    "starttask": Legend("start task", "starting"),
    "jobpreparation": Legend("preparation", "preparing"),
    "running": Legend("running", "going"),
    "success": Legend("succeeded", "good"),
    "failure": Legend("failed", "failed"),
    "retry": Legend("failed, retried", "trouble"),
    "requeued": Legend("sent back", "ended"),
    "lost": Legend("node lost", "away"),
    "ended": Legend("ended", "ended"),
    "jobrelease": Legend("release", "leaving"),
    "waiting": Legend("waits for preparation", "preparing"),
}
"""How runs look: those of node tasks that went well by their kind, others by how they ended."""
NODE_TASKS = {"starttask": "start task", "jobpreparation": "prepare", "jobrelease": "release"}
"""What is written on runs that are not those of tasks."""


def look_of(kind: str, outcome: str) -> str:
    """The key in `RUNS` of a run; without outcome it is under way."""
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
"""In place of the number of a job or pool, where there is none."""
NO_LANE = 0xFFFF
