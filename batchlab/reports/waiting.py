"""Why tasks waited, after the fact: what the pool and the job were like while they did.

For each moment the tasks that were queued are divided, from the outside in, as `task.explain()`
would have said it then:

    the job was disabled; a task waited for those it depends on (as far as the tasks can still be
    asked); there was no pool; no node could take tasks, while some were starting, or none was;
    all slots were taken; or some were free, but not for these: they need more of them than one
    node had free, or a limit of their job held them back.

Tasks that already have their slots, and wait for the preparation of the node, are counted apart.
"""

from __future__ import annotations

from collections.abc import Iterable

from batchlab.reports.series import Steps
from batchlab.reports.story import Story
from batchlab.watching.schema import JOB_STATES, NODE_STATES, NOTHING, POOL_STATES

__all__ = ["REASONS", "Waiting"]

REASONS = {
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
"""Why tasks wait, with the words for it."""

_TAKING = frozenset(NODE_STATES.index(state) for state in ("idle", "running"))
_COMING = frozenset(
    NODE_STATES.index(state)
    for state in ("creating", "starting", "waitingforstarttask", "rebooting", "reimaging",
                  "preempted")
)  # fmt: skip
_ACTIVE = frozenset(JOB_STATES.index(state) for state in ("active", "enabling"))
_DISABLED = frozenset(JOB_STATES.index(state) for state in ("disabling", "disabled"))
_ORDER = {"pool": 0, "node": 1, "job": 2, "counts": 3, "blocked": 4, "slots": 5}


class _Pool:
    """A pool at a moment, with the tasks of the story's jobs that wait for it."""

    def __init__(self) -> None:
        self.there = False
        self.queued = self.disabled = self.blocked = 0
        self.taking = self.coming = self.per_node = 0
        self.used = self.own = 0
        self.told: dict[str, float] = {}

    def reasons(self) -> dict[str, float]:
        """How many tasks wait for which reason."""
        blocked = min(self.blocked, self.queued)
        rest = self.queued - blocked
        found: dict[str, float] = {"disabled": self.disabled, "dependencies": blocked}
        if not self.there:
            found["no pool"] = rest
        elif not self.taking:
            found["starting" if self.coming else "no nodes"] = rest
        elif self.used < self.taking * self.per_node:
            found["held back"] = rest
        else:
            own = rest * self.own / self.used if self.used else rest
            found["slots"], found["others"] = own, rest - own
        found["capacity"] = self.taking * self.per_node
        found["used"] = self.own
        return found


class Waiting:
    """Goes through a story once.

    Parameters
    ----------
    story : Story
    blocked : iterable of (int, float, float)
        Job, from when, until when a task waited for those it depends on.

    Attributes
    ----------
    steps : Steps
        How many tasks waited for each of `REASONS`; ``capacity`` and ``used`` are the slots of
        nodes that take tasks, and those of them that the story's jobs had.
    """

    def __init__(self, story: Story, blocked: Iterable[tuple[int, float, float]] = ()) -> None:
        self.steps = Steps()
        self._story = story
        self._pools: dict[int, _Pool] = {}
        self._jobs: dict[int, tuple[int, int]] = {}  # state and pool
        self._counts: dict[int, int] = {}
        self._blocked: dict[int, int] = {}
        self._nodes: dict[int, int] = {}  # state
        self._held: dict[int, list[int]] = {}  # slots of a node: in use, by the story's jobs
        self._own = set(story.jobs)
        take = {
            "pool": self._pool_event, "node": self._node_event, "job": self._job_event,
            "counts": self._counts_event, "blocked": self._blocked_event,
            "slots": self._slots_event,
        }  # fmt: skip
        touched: dict[int, None] = {}
        now = story.begin
        for at, _, what, number, value in self._events(blocked):
            if at != now:
                self._tell(now, touched)
                touched, now = {}, at
            for pool in take[what](number, value):
                touched[pool] = None
        self._tell(now, touched)
        for run in story.runs:
            if run.kind == "waiting":
                self.steps.span("preparation", run.start, run.end)

    def _events(
        self, blocked: Iterable[tuple[int, float, float]]
    ) -> list[tuple[float, int, str, int, tuple[int, ...]]]:
        columns, wanted = self._story.tables.columns, set(self._story.pools)
        events: list[tuple[float, int, str, int, tuple[int, ...]]] = []

        def add(at: float, what: str, number: int, *value: int) -> None:
            events.append((at, _ORDER[what], what, number, value))

        rows = columns["sizes"]
        for at, pool, state, slots in zip(rows["at"], rows["pool"], rows["state"], rows["slots"],
                                          strict=True):  # fmt: skip
            if pool in wanted:
                add(at, "pool", pool, POOL_STATES[state] != "deleted", slots)
        rows = columns["moves"]
        for at, node, state in zip(rows["at"], rows["node"], rows["state"], strict=True):
            if self._story.pool_of(node) in wanted:
                add(at, "node", node, state)
        rows = columns["turns"]
        for at, job, pool, state in zip(rows["at"], rows["job"], rows["pool"], rows["state"],
                                        strict=True):  # fmt: skip
            if job in self._own:
                add(at, "job", job, state, pool)
        rows = columns["counts"]
        for at, job, active in zip(rows["at"], rows["job"], rows["active"], strict=True):
            if job in self._own:
                add(at, "counts", job, active)
        for job, begin, end in blocked:
            if end > begin:
                add(begin, "blocked", job, 1)
                add(end, "blocked", job, -1)
        for run in self._story.all_runs:
            if run.slots and self._story.pool_of(run.node) in wanted:
                own = run.slots if run.job in self._own else 0
                add(run.start, "slots", run.node, run.slots, own)
                if run.outcome:
                    add(run.end, "slots", run.node, -run.slots, -own)
        events.sort(key=lambda event: event[:2])
        return events

    def _tell(self, at: float, touched: Iterable[int]) -> None:
        for number in touched:
            pool = self._pools[number]
            found = pool.reasons()
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

    # -- what happened: each answers with the pools that it matters for ---------------------------

    def _pool_event(self, number: int, value: tuple[int, ...]) -> Iterable[int]:
        pool = self._of(number)
        pool.there, pool.per_node = bool(value[0]), value[1]
        return (number,)

    def _node_event(self, node: int, value: tuple[int, ...]) -> Iterable[int]:
        number = self._story.pool_of(node)
        pool, old, new = self._of(number), self._nodes.get(node), value[0]
        self._nodes[node] = new
        pool.coming += (new in _COMING) - (old in _COMING)
        taking = (new in _TAKING) - (old in _TAKING)
        if taking:
            used, own = self._held.get(node, (0, 0))
            pool.taking += taking
            pool.used += taking * used
            pool.own += taking * own
        return (number,)

    def _slots_event(self, node: int, value: tuple[int, ...]) -> Iterable[int]:
        number, held = self._story.pool_of(node), self._held.setdefault(node, [0, 0])
        held[0] += value[0]
        held[1] += value[1]
        if self._nodes.get(node) in _TAKING:
            pool = self._of(number)
            pool.used += value[0]
            pool.own += value[1]
        return (number,)

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
        """Add what of a job waits to its pool, or take it away."""
        if job not in self._jobs:
            return
        state, number = self._jobs[job]
        pool, count = self._of(number), self._counts.get(job, 0)
        if state in _ACTIVE:
            pool.queued += sign * count
            pool.blocked += sign * min(count, self._blocked.get(job, 0))
        elif state in _DISABLED:
            pool.disabled += sign * count
