"""The history of a lab as append-only tables, from which every display is drawn.

Changes come in, rows go out. Rows never change once written, so a reader who has the first n rows
of a table needs only the rest, and any past moment can be reconstructed: this is how a display in
a browser stays up to date and goes back in time by itself.

A task keeps its lanes, one per slot, from its assignment on; while it waits for the job
preparation it is a run of the kind ``waiting``. So does a ``subtask`` of a multi-instance task on
each node except the primary's. Start, preparation and release tasks use no slot: no lane.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import Any, TypeAlias

from batchlab.core.messages.outputs import (
    Change,
    JobChanged,
    NodeChanged,
    NodeTaskChanged,
    PoolChanged,
    SubtaskChanged,
    TaskChanged,
)
from batchlab.core.state.states import NODE
from batchlab.history.schema import (
    ALLOCATIONS,
    COLUMNS,
    JOB_STATES,
    KINDS,
    NO_LANE,
    NODE_STATES,
    NOTHING,
    POOL_STATES,
)

__all__ = ["Column", "Tables"]

_UP = frozenset({*NODE.group("up"), "leavingpool"})
_REASONS = {"retry": 2, "requeued": 3, "node lost": 4, "preempted": 3}
_NODE_STATE = {state: number for number, state in enumerate(NODE_STATES)}
_KIND = {kind: number for number, kind in enumerate(KINDS)}
_TASK, _WAITING, _START = _KIND["task"], _KIND["waiting"], _KIND["starttask"]
_SUBTASK = _KIND["subtask"]
_ACTIVE, _SUCCEEDED, _FAILED = -1, -2, -3  # in place of a run
_COUNTED = ("active", "running", "succeeded", "failed")
_COUNT = {_ACTIVE: 0, _SUCCEEDED: 2, _FAILED: 3}

Column: TypeAlias = "array[Any]"


class _Job:
    """What must be known of a job to continue: its counts and its tasks.

    For each task: its current run or its state, how many runs it has had and, if it waits for
    other tasks, the row that says so.
    """

    __slots__ = ("attempts", "counts", "dirty", "holds", "number", "tasks")

    def __init__(self, number: int) -> None:
        self.number = number
        self.counts = [0, 0, 0, 0]  # as in _COUNTED
        self.tasks: dict[str, int] = {}
        self.attempts: dict[str, int] = {}
        self.holds: dict[str, int] = {}
        self.dirty = False


class Tables:
    """Append-only tables of one lab. Not thread-safe.

    Attributes
    ----------
    pool_ids, job_ids, node_ids : list of str
        By number.
    labels, held : list of str
        The task id of each run, and of each hold.
    reasons : list of str
        Why runs ended, by number; the first is empty.
    vm_sizes : list of str
    priced : list of bool
        Of each pool, by number: its size, and whether that may have a price.
    now : float
        The lab's clock when the last changes came, in seconds since 1970 (UTC).
    over : bool
        Whether no more changes will come.
    """

    def __init__(self) -> None:
        self.columns: dict[str, dict[str, Column]] = {
            table: {name: array(code) for name, code in columns.items()}
            for table, columns in COLUMNS.items()
        }
        self.pool_ids: list[str] = []
        self.job_ids: list[str] = []
        self.node_ids: list[str] = []
        self.labels: list[str] = []
        self.held: list[str] = []
        self.reasons: list[str] = [""]
        self.vm_sizes: list[str] = []
        self.priced: list[bool] = []
        self.now, self.over = 0.0, False
        self._pools: dict[str, int] = {}
        self._nodes: dict[str, int] = {}
        self._jobs: dict[str, _Job] = {}
        self._why: dict[str, int] = {"": 0}
        self._states: list[int] = []
        self._lanes: list[int] = []  # for each node: a bit for each lane in use
        self._node_tasks: dict[tuple[int, int, str], int] = {}  # (kind, node, job) -> current run
        self._subtasks: dict[tuple[str, str, int], int] = {}  # the current run of each
        self._dirty: list[_Job] = []
        self._take = {
            TaskChanged: self._task, SubtaskChanged: self._subtask, NodeChanged: self._node,
            NodeTaskChanged: self._node_task, JobChanged: self._job_changed,
            PoolChanged: self._pool_changed,
        }  # fmt: skip

    def __len__(self) -> int:
        return sum(self.length(table) for table in self.columns)

    def length(self, table: str) -> int:
        """How many rows a table has."""
        return len(next(iter(self.columns[table].values())))

    def take(self, changes: Sequence[Change], now: float) -> None:
        """Add the rows for some changes."""
        take, at = self._take, self.now
        for change in changes:
            if change.at != at:
                self._count(at)
                at = change.at
            do: Any = take.get(type(change))
            if do is not None:
                do(change)
        self._count(at)
        self.now = max(now, at)

    # -- tasks --------------------------------------------------------------------------------

    def _task(self, change: TaskChanged) -> None:
        job = self._jobs.get(change.job_id) or self._job(change.job_id)
        counts, tasks, name, state = job.counts, job.tasks, change.task_id, change.state
        if not job.dirty:
            job.dirty = True
            self._dirty.append(job)
        if change.blocked or job.holds:
            self._hold(job, change)
        old = tasks.get(name)
        if old is not None:
            counts[1 if old >= 0 else _COUNT[old]] -= 1
        if state in ("running", "preparing"):
            counts[1] += 1
            tasks[name] = self._run(job, change, -1 if old is None else old)
            return
        if old is not None and old >= 0:
            self._leave(change, old)
        if state == "completed":
            good = not change.reason
            counts[2 if good else 3] += 1
            tasks[name] = _SUCCEEDED if good else _FAILED
        elif state == "active":
            counts[0] += 1
            tasks[name] = _ACTIVE
        else:
            tasks.pop(name, None)
            job.attempts.pop(name, None)

    def _hold(self, job: _Job, change: TaskChanged) -> None:
        """A task starts or stops waiting for other tasks."""
        holds, name = self.columns["holds"], change.task_id
        if change.blocked and name not in job.holds:
            job.holds[name] = len(self.held)
            self.held.append(name)
            holds["at"].append(change.at)
            holds["job"].append(job.number)
        elif not change.blocked and name in job.holds:
            self._free(job.holds.pop(name), change.at)

    def _free(self, hold: int, at: float) -> None:
        frees = self.columns["frees"]
        frees["at"].append(at)
        frees["hold"].append(hold)

    def _run(self, job: _Job, change: TaskChanged, old: int) -> int:
        """A task has been assigned lanes or, having them, starts running."""
        node = self._nodes.get(change.node_id)
        if node is None:
            node = self._new_node(change.node_id, NOTHING, True)
        runs = self.columns["runs"]
        if old >= 0:
            lane = runs["lane"][old]
            self._end(old, change.at, 0, 0)
        else:
            lane = _free_lane(self._lanes[node], change.slots)
            self._lanes[node] |= ((1 << change.slots) - 1) << lane
        kind, attempt = _WAITING, job.attempts.get(change.task_id, 0)
        if change.state == "running":
            kind = _TASK
            job.attempts[change.task_id] = attempt + 1
        return self._begin(kind, change.at, node, job.number, change.task_id, lane, change.slots,
                           attempt)  # fmt: skip

    def _leave(self, change: TaskChanged, run: int) -> None:
        """A task has left its node: record how."""
        reason, outcome = change.reason, 0
        if change.state == "active":
            outcome = _REASONS.get(reason, 3)
        elif change.state != "completed" or reason == "TaskEnded":
            outcome = 5
        elif reason:
            outcome = 1
        self._vacate(run, change.at, outcome, self._reason(reason))

    def _vacate(self, run: int, at: float, outcome: int, why: int) -> None:
        """A task releases its lanes."""
        runs = self.columns["runs"]
        self._lanes[runs["node"][run]] &= ~(((1 << runs["slots"][run]) - 1) << runs["lane"][run])
        self._end(run, at, outcome, why)

    def _subtask(self, change: SubtaskChanged) -> None:
        """On a node other than the primary's: a lane, like the task itself has on its own."""
        job = self._jobs.get(change.job_id) or self._job(change.job_id)
        key = (change.job_id, change.task_id, change.subtask_id)
        old = self._subtasks.pop(key, -1)
        if old >= 0:
            waited = self.columns["runs"]["kind"][old] == _WAITING
            outcome = 5 if change.reason == "TaskEnded" else 1 if change.reason else 0
            outcome = 3 if waited and change.state == "completed" else outcome
            self._vacate(old, change.at, outcome, self._reason(change.reason))
        if change.state == "completed":
            return
        node = self._nodes.get(change.node_id)
        if node is None:
            node = self._new_node(change.node_id, NOTHING, True)
        lane = _free_lane(self._lanes[node], 1)
        self._lanes[node] |= 1 << lane
        kind = _WAITING if change.state == "preparing" else _SUBTASK
        attempt = job.attempts.get(change.task_id, 0)
        self._subtasks[key] = self._begin(kind, change.at, node, job.number, change.task_id, lane,
                                          1, attempt)  # fmt: skip

    # -- nodes, node tasks ----------------------------------------------------------------------

    def _node(self, change: NodeChanged) -> None:
        node = self._nodes.get(change.node_id)
        if node is None:
            pool = self._pool(change.pool_id)
            node = self._new_node(change.node_id, pool, change.dedicated)
        state = _NODE_STATE.get(change.state, _NODE_STATE["unknown"])
        if state != self._states[node]:
            self._states[node] = state
            node_states = self.columns["node_states"]
            node_states["at"].append(change.at)
            node_states["node"].append(node)
            node_states["state"].append(state)
        if self._node_tasks and change.state not in _UP:
            run = self._node_tasks.pop((_START, node, ""), None)
            if run is not None:
                self._end(run, change.at, 4, self._reason(change.reason))

    def _new_node(self, name: str, pool: int, dedicated: bool) -> int:
        self._nodes[name] = number = len(self.node_ids)
        self.node_ids.append(name)
        self._lanes.append(0)
        self._states.append(-1)
        nodes = self.columns["nodes"]
        nodes["pool"].append(pool)
        nodes["dedicated"].append(dedicated)
        return number

    def _node_task(self, change: NodeTaskChanged) -> None:
        node = self._nodes.get(change.node_id)
        if node is None:
            node = self._new_node(change.node_id, NOTHING, True)
        kind = _KIND[change.kind]
        key = (kind, node, change.job_id)
        run, attempt = self._node_tasks.pop(key, None), 0
        if change.state == "running":
            if run is not None:  # it failed and is retried
                attempt = self.columns["runs"]["attempt"][run] + 1
                self._end(run, change.at, 2, 0)
            job = self._job(change.job_id).number if change.job_id else NOTHING
            self._node_tasks[key] = self._begin(
                kind, change.at, node, job, "", NO_LANE, 0, attempt
            )
        elif run is not None:
            outcome = 1 if change.reason else 0
            if change.state == "pending":
                outcome = 4
            elif change.reason == "TaskEnded":
                outcome = 5
            self._end(run, change.at, outcome, self._reason(change.reason))

    # -- jobs and pools -----------------------------------------------------------------------

    def _job_changed(self, change: JobChanged) -> None:
        job = self._jobs.get(change.job_id) or self._job(change.job_id)
        job_states = self.columns["job_states"]
        job_states["at"].append(change.at)
        job_states["job"].append(job.number)
        job_states["pool"].append(self._pool(change.pool_id) if change.pool_id else NOTHING)
        job_states["state"].append(JOB_STATES.index(change.state))
        if change.state == "deleted":
            for run in job.tasks.values():
                if run >= 0:
                    self._vacate(run, change.at, 5, 0)
            for hold in job.holds.values():
                self._free(hold, change.at)
            job.holds.clear()
            job.counts[:] = 0, 0, 0, 0
            job.tasks.clear()
            job.attempts.clear()
            if not job.dirty:
                job.dirty = True
                self._dirty.append(job)

    def _pool_changed(self, change: PoolChanged) -> None:
        pool = self._pool(change.pool_id)
        self.vm_sizes[pool], self.priced[pool] = change.vm_size, change.priced
        pool_states = self.columns["pool_states"]
        pool_states["at"].append(change.at)
        pool_states["pool"].append(pool)
        pool_states["target"].append(change.target_dedicated_nodes)
        pool_states["spot"].append(change.target_low_priority_nodes)
        pool_states["slots"].append(change.task_slots_per_node)
        pool_states["state"].append(POOL_STATES.index(change.state))
        pool_states["allocation"].append(ALLOCATIONS.index(change.allocation_state))

    def _pool(self, name: str) -> int:
        number = self._pools.get(name)
        if number is None:
            self._pools[name] = number = len(self.pool_ids)
            self.pool_ids.append(name)
            self.vm_sizes.append("")
            self.priced.append(True)
        return number

    def _job(self, name: str) -> _Job:
        job = self._jobs.get(name)
        if job is None:
            self._jobs[name] = job = _Job(len(self.job_ids))
            self.job_ids.append(name)
        return job

    # -- rows ---------------------------------------------------------------------------------

    def _begin(
        self, kind: int, at: float, node: int, job: int, label: str, lane: int, slots: int,
        attempt: int,
    ) -> int:  # fmt: skip
        runs = self.columns["runs"]
        runs["start"].append(at)
        runs["node"].append(node)
        runs["job"].append(job)
        runs["lane"].append(lane)
        runs["slots"].append(slots)
        runs["attempt"].append(min(attempt, 0xFFFF))
        runs["kind"].append(kind)
        self.labels.append(label)
        return len(self.labels) - 1

    def _end(self, run: int, at: float, outcome: int, why: int) -> None:
        ends = self.columns["ends"]
        ends["at"].append(at)
        ends["run"].append(run)
        ends["why"].append(why)
        ends["outcome"].append(outcome)

    def _reason(self, text: str) -> int:
        number = self._why.get(text)
        if number is None:
            if len(self.reasons) >= 0xFFFF:
                return 0
            self._why[text] = number = len(self.reasons)
            self.reasons.append(text)
        return number

    def _count(self, at: float) -> None:
        """Record the counts of the jobs whose tasks have changed, once per time."""
        if not self._dirty:
            return
        counts = self.columns["counts"]
        for job in self._dirty:
            job.dirty = False
            counts["at"].append(at)
            counts["job"].append(job.number)
            for name, count in zip(_COUNTED, job.counts, strict=True):
                counts[name].append(count)
        self._dirty.clear()


def _free_lane(used: int, slots: int) -> int:
    """The lowest adjacent free lanes, beyond those in use if necessary."""
    want, lane = (1 << slots) - 1, 0
    while used >> lane & want:
        lane += 1
    return lane
