"""Why tasks waited, in retrospect: the state of the pool and the job while they did.

For each moment the queued tasks are divided by the kinds of wait (`wait_kinds`), with the same
rule that `task.explain()` uses for the kind of its reasons; a test compares the two. Tasks that
already have their slots and wait for the job preparation are counted separately.

A live display of a past moment says the same, from the same tables, in the browser
(`widgets/static/past_waits.js`); another test compares these.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from batchlab.core.answers.wait_kinds import kind_of_queued
from batchlab.core.state.states import JOB, NODE, POOL
from batchlab.history.schema import (
    JOB_STATES,
    NODE_STATES,
    NOTHING,
    POOL_STATES,
)
from batchlab.history.series import Steps
from batchlab.history.subject import PastRun, SubjectHistory

__all__ = ["Waiting"]

_TAKING = frozenset(NODE_STATES.index(state) for state in NODE.group("taking"))
_COMING = frozenset(NODE_STATES.index(state) for state in NODE.group("coming"))
_WAITING = frozenset(JOB_STATES.index(state) for state in JOB.group("going"))
_HELD = frozenset(JOB_STATES.index(state) for state in JOB.group("held"))
_BUSY = frozenset(NODE_STATES.index(state) for state in NODE.group("busy"))
_USABLE = POOL.group("usable")
_ORDER = {"pool": 0, "node": 1, "job": 2, "counts": 3, "blocked": 4, "slots": 5}


class _Pool:
    """A pool at a moment, with the subject's tasks that wait for it."""

    def __init__(self) -> None:
        self.usable = False
        self.queued = self.disabled = self.blocked = 0
        self.taking = self.coming = self.per_node = 0
        self.used, self.own = 0, 0.0
        self.told: dict[str, float] = {}

    def reasons(self) -> dict[str, float]:
        """How many tasks wait, by reason."""
        blocked = min(self.blocked, self.queued)
        rest = self.queued - blocked
        found: dict[str, float] = {"disabled": self.disabled, "dependencies": blocked}
        kind = kind_of_queued({
            "missing": not self.usable, "room": self.used < self.taking * self.per_node,
            "taking": self.taking > 0, "coming": self.coming > 0,
        })  # fmt: skip
        own = rest * self.own / self.used if kind == "slots" and self.used else rest
        found[kind], found["others"] = own, rest - own
        found["capacity"] = self.taking * self.per_node
        found["used"] = self.own
        return found


class Waiting:
    """One pass through a history.

    Parameters
    ----------
    history : SubjectHistory

    Attributes
    ----------
    steps : Steps
        How many tasks waited for each of `WAITS`; ``capacity`` and ``used`` are the slots of
        nodes that take tasks, and those used by the subject's jobs.
    """

    def __init__(self, history: SubjectHistory) -> None:
        self.steps = Steps()
        self._history = history
        self._pools: dict[int, _Pool] = {}
        self._jobs: dict[int, tuple[int, int]] = {}  # state and pool
        self._counts: dict[int, int] = {}
        self._blocked: dict[int, int] = {}
        self._nodes: dict[int, int] = {}  # state
        self._counted: dict[int, tuple[int, float]] = {}  # of them, as the pool counts them
        self._held: dict[int, list[int]] = {}  # slots of a node: in use, by the subject's jobs
        is_job = (
            history.kind == "job"
        )  # a pool's tasks are those of all jobs, while they are there
        self._own = set(history.jobs) if is_job else set(history.job_pools)
        self._wanted = None if history.kind == "lab" else {*history.pools}
        if is_job:
            self._wanted = history.pools_of(*history.jobs)
        take = {
            "pool": self._pool_event, "node": self._node_event, "job": self._job_event,
            "counts": self._counts_event, "blocked": self._blocked_event,
            "slots": self._slots_event,
        }  # fmt: skip
        touched: dict[int, None] = {}
        now = history.begin
        for at, _, what, number, value in self._events():
            if at != now:
                self._tell(now, touched)
                touched, now = {}, at
            for pool in take[what](number, value):
                touched[pool] = None
        self._tell(now, touched)
        for begin, end in _prepared_for(history.runs):
            self.steps.span("preparation", begin, end)

    def _events(self) -> list[tuple[float, int, str, int, tuple[int, ...]]]:
        columns = self._history.tables.columns
        events: list[tuple[float, int, str, int, tuple[int, ...]]] = []

        def add(at: float, what: str, number: int, *value: int) -> None:
            events.append((at, _ORDER[what], what, number, value))

        rows = columns["pool_states"]
        for at, pool, state, slots in zip(rows["at"], rows["pool"], rows["state"], rows["slots"],
                                          strict=True):  # fmt: skip
            if self._is_wanted(pool):
                add(at, "pool", pool, POOL_STATES[state] in _USABLE, slots)
        rows = columns["node_states"]
        for at, node, state in zip(rows["at"], rows["node"], rows["state"], strict=True):
            if self._is_wanted(self._history.pool_of(node)):
                add(at, "node", node, state)
        rows = columns["job_states"]
        for at, job, pool, state in zip(rows["at"], rows["job"], rows["pool"], rows["state"],
                                        strict=True):  # fmt: skip
            if job in self._own:
                add(at, "job", job, state, pool)
        rows = columns["counts"]
        for at, job, active in zip(rows["at"], rows["job"], rows["active"], strict=True):
            if job in self._own:
                add(at, "counts", job, active)
        rows = columns["holds"]
        for at, job in zip(rows["at"], rows["job"], strict=True):
            if job in self._own:
                add(at, "blocked", job, 1)
        held, rows = rows["job"], columns["frees"]
        for at, hold in zip(rows["at"], rows["hold"], strict=True):
            if held[hold] in self._own:
                add(at, "blocked", held[hold], -1)
        for run in self._history.all_runs:
            if run.slots and self._is_wanted(self._history.pool_of(run.node)):
                own = run.slots if run.job in self._own else 0
                add(run.start, "slots", run.node, run.slots, own)
                if run.outcome:
                    add(run.end, "slots", run.node, -run.slots, -own)
        events.sort(key=lambda event: event[:2])
        return events

    def _is_wanted(self, pool: int) -> bool:
        return self._wanted is None or pool in self._wanted

    def _is_told(self, number: int) -> bool:
        """Whether tasks waiting for a pool belong to the subject; for a job, while it uses it."""
        if self._history.kind != "job":
            return self._is_wanted(number)
        return any(job in self._jobs and self._jobs[job][1] == number for job in self._own)

    def _tell(self, at: float, touched: Iterable[int]) -> None:
        for number in touched:
            pool = self._pools[number]
            found = pool.reasons() if self._is_told(number) else {}
            for reason in {**pool.told, **found}:
                grown = found.get(reason, 0) - pool.told.get(reason, 0)
                if grown:
                    self.steps.add(reason, at, grown)
            pool.told = found

    def _of(self, number: int) -> _Pool:
        pool = self._pools.get(number)
        if pool is None:
            pool = self._pools[number] = _Pool()
        return pool

    # -- events: each returns the pools that it affects -------------------------------------------

    def _pool_event(self, number: int, value: tuple[int, ...]) -> Iterable[int]:
        pool = self._of(number)
        pool.usable, pool.per_node = bool(value[0]), value[1]
        return (number,)

    def _node_event(self, node: int, value: tuple[int, ...]) -> Iterable[int]:
        number = self._history.pool_of(node)
        pool, old, new = self._of(number), self._nodes.get(node), value[0]
        self._nodes[node] = new
        pool.coming += (new in _COMING) - (old in _COMING)
        pool.taking += (new in _TAKING) - (old in _TAKING)
        self._count_slots(node)
        return (number,)

    def _slots_event(self, node: int, value: tuple[int, ...]) -> Iterable[int]:
        number, held = self._history.pool_of(node), self._held.setdefault(node, [0, 0])
        held[0] += value[0]
        held[1] += value[1]
        self._count_slots(node)
        return (number,)

    def _count_slots(self, node: int) -> None:
        """Record slots in use on a node; a task on several nodes may leave it before it ends."""
        pool, (used, own) = self._of(self._history.pool_of(node)), self._held.get(node, (0, 0))
        counted = min(used, pool.per_node) if self._nodes.get(node) in _BUSY else 0
        share = own * counted / used if used else 0.0
        before = self._counted.get(node, (0, 0.0))
        pool.used += counted - before[0]
        pool.own += share - before[1]
        self._counted[node] = (counted, share)

    def _job_event(self, job: int, value: tuple[int, ...]) -> Iterable[int]:
        before = self._jobs.get(job, (-1, NOTHING))[1]
        self._count(job, -1)
        self._jobs[job] = (value[0], value[1])
        self._count(job, 1)
        return (before, value[1]) if before in self._pools else (value[1],)

    def _counts_event(self, job: int, value: tuple[int, ...]) -> Iterable[int]:
        self._count(job, -1)
        self._counts[job] = value[0]
        self._count(job, 1)
        return (self._jobs[job][1],) if job in self._jobs else ()

    def _blocked_event(self, job: int, value: tuple[int, ...]) -> Iterable[int]:
        self._count(job, -1)
        self._blocked[job] = self._blocked.get(job, 0) + value[0]
        self._count(job, 1)
        return (self._jobs[job][1],) if job in self._jobs else ()

    def _count(self, job: int, sign: int) -> None:
        """Add the waiting tasks of a job to its pool, or subtract them."""
        if job not in self._jobs:
            return
        state, number = self._jobs[job]
        pool, count = self._of(number), self._counts.get(job, 0)
        if state in _WAITING:
            pool.queued += sign * count
            pool.blocked += sign * min(count, self._blocked.get(job, 0))
        elif state in _HELD:
            pool.disabled += sign * count


def _prepared_for(runs: Iterable[PastRun]) -> Iterator[tuple[float, float]]:
    """When tasks waited for preparations; a task on several nodes counts once."""
    until: dict[tuple[int, str], float] = {}
    for run in runs:
        if run.kind == "waiting":
            key = (run.job, run.task_id)
            begin = max(run.start, until.get(key, 0.0))
            until[key] = max(run.end, begin)
            yield begin, run.end
