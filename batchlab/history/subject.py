"""The part of a lab's history that a report is about: its nodes, jobs and runs.

An id may have been used twice, after the first thing was deleted: the report is about the last.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from batchlab.core.model.ids import fold
from batchlab.drivers.ports import Connection
from batchlab.errors import NotFound
from batchlab.history.schema import JOB_STATES, KINDS, NOTHING, OUTCOMES, POOL_STATES
from batchlab.history.tables import Tables

__all__ = ["PastRun", "SubjectHistory", "by", "tables_of"]


class PastRun(NamedTuple):
    """Something that ran on a node or, with the kind ``waiting``, held slots there."""

    kind: str
    job: int
    node: int
    task_id: str
    slots: int
    attempt: int
    start: float
    end: float
    outcome: str
    """Empty while it is running."""
    reason: str

    @property
    def seconds(self) -> float:
        """How long it took; until now if it is running."""
        return self.end - self.start


def tables_of(connection: Connection) -> Tables:
    """Everything that is known of a lab until now."""
    tables, since, more = Tables(), 0, True
    while more:
        batch = connection.changes(since)
        if batch.fresh and since:
            tables = Tables()
        tables.take(batch.changes, batch.now)
        since, more = batch.next, batch.more
    tables.over = bool(batch.over)
    return tables


class SubjectHistory:
    """The part of a lab's tables that a report is about.

    Parameters
    ----------
    tables : Tables
    kind : {"lab", "pool", "job"}
    name : str
        The id of the pool or job.

    Attributes
    ----------
    begin, end : float
        The time covered, in seconds since 1970 (UTC).
    going_on : bool
        Whether more may happen.
    pools, jobs, nodes : list of int
        The numbers of the things it is about; for a job, the nodes that it used.
    job_pools : dict
        The pool number of each job that ever existed.
    runs : list of PastRun
    all_runs : list of PastRun
        The runs of all jobs: slots that a job did not get were used by others.
    """

    def __init__(self, tables: Tables, kind: str, name: str = "") -> None:
        self.tables, self.kind, self.name = tables, kind, name
        self._job_lives = self._lives("job_states", "job", JOB_STATES.index("deleted"))
        self._pool_lives = self._lives("pool_states", "pool", POOL_STATES.index("deleted"))
        job_states, columns = tables.columns["job_states"], tables.columns
        self.job_pools = dict(zip(job_states["job"], job_states["pool"], strict=True))
        self.slots = dict(
            zip(columns["pool_states"]["pool"], columns["pool_states"]["slots"], strict=True)
        )
        self.begin, self.end, self.going_on = 0.0, tables.now, True
        self.pools, self.jobs = list(self._pool_lives), list(self._job_lives)
        self.all_runs = self._read_runs()
        if kind == "job":
            self._only_job(_number(tables.job_ids, name))
        elif kind == "pool":
            self._only_pool(_number(tables.pool_ids, name))
        else:
            self.begin = min([*self._firsts("node_states"), *self._firsts("job_states"),
                              *self._firsts("pool_states"), tables.now])  # fmt: skip
        self.going_on = self.going_on and not tables.over
        self.runs = self._chosen_runs()
        self.nodes = self._chosen_nodes()

    def _lives(self, table: str, what: str, deleted: int) -> dict[int, tuple[float, float | None]]:
        """When the last thing of each name was created and deleted."""
        rows = self.tables.columns[table]
        lives: dict[int, tuple[float, float | None]] = {}
        for at, number, state in zip(rows["at"], rows[what], rows["state"], strict=True):
            begin, end = lives.get(number, (at, None))
            lives[number] = (at if end is not None else begin, at if state == deleted else None)
        return lives

    def _firsts(self, table: str) -> list[float]:
        return list(self.tables.columns[table]["at"][:1])

    def _only_job(self, job: int) -> None:
        if job not in self._job_lives:
            raise NotFound("JobNotFound", f"there is no job {self.name!r} and never was")
        self.begin, gone = self._job_lives[job]
        self.jobs, self.pools = [job], [self.job_pools[job]]
        rows = self.tables.columns["job_states"]
        state = dict(zip(rows["job"], rows["state"], strict=True))[job]
        self.going_on = JOB_STATES[state] not in ("completed", "deleted")
        if gone is not None:
            self.end = gone
            return
        counts = self.tables.columns["counts"]
        last = {n: row for row, n in enumerate(counts["job"])}.get(job)
        idle = last is None or not (counts["active"][last] or counts["running"][last])
        if idle or not self.going_on:  # nothing has happened since
            ats = [at for at, n in zip(rows["at"], rows["job"], strict=True) if n == job]
            ats += [run.end for run in self.all_runs if run.job == job]
            ats += [] if last is None else [counts["at"][last]]
            self.end = max(ats)

    def _only_pool(self, pool: int) -> None:
        if pool not in self._pool_lives:
            reason = f"there is no pool {self.name!r} and never was"
            raise NotFound("PoolNotFound", reason)
        self.begin, gone = self._pool_lives[pool]
        self.going_on = gone is None
        self.end = self.tables.now if gone is None else gone
        self.pools = [pool]
        self.jobs = [
            job for job, (_, end) in self._job_lives.items()
            if self.job_pools[job] == pool and (end is None or end >= self.begin)
        ]  # fmt: skip

    def _read_runs(self) -> list[PastRun]:
        columns, now = self.tables.columns, self.tables.now
        ends = columns["ends"]
        over = {
            run: (at, OUTCOMES[outcome], self.tables.reasons[why])
            for run, at, outcome, why in zip(
                ends["run"], ends["at"], ends["outcome"], ends["why"], strict=True
            )
        }
        under_way = (now, "", "")
        rows = columns["runs"]
        return [
            PastRun(KINDS[kind], job, node, label, slots, attempt, start,
                    *over.get(row, under_way))
            for row, (kind, job, node, label, slots, attempt, start) in enumerate(
                zip(rows["kind"], rows["job"], rows["node"], self.tables.labels, rows["slots"],
                    rows["attempt"], rows["start"], strict=True)
            )
        ]  # fmt: skip

    def _chosen_runs(self) -> list[PastRun]:
        if self.kind == "lab":
            return self.all_runs
        if self.kind == "job":
            (job,) = self.jobs
            return [run for run in self.all_runs if run.job == job and run.start >= self.begin]
        pool_of = self.tables.columns["nodes"]["pool"]
        return [
            run for run in self.all_runs
            if pool_of[run.node] == self.pools[0] and run.start >= self.begin
        ]  # fmt: skip

    def _chosen_nodes(self) -> list[int]:
        if self.kind == "job":
            return list(dict.fromkeys(run.node for run in self.runs))
        pool_of, node_states = (
            self.tables.columns["nodes"]["pool"],
            self.tables.columns["node_states"],
        )
        wanted = set(self.pools) if self.kind == "pool" else None
        late = {
            n
            for at, n in zip(node_states["at"], node_states["node"], strict=True)
            if at >= self.begin
        }
        return [
            node for node in range(len(self.tables.node_ids))
            if node in late and (wanted is None or pool_of[node] in wanted)
        ]  # fmt: skip

    def pool_of(self, node: int) -> int:
        """The number of a node's pool."""
        return int(self.tables.columns["nodes"]["pool"][node])

    def pools_of(self, *jobs: int) -> set[int]:
        """The numbers of all pools that some jobs ever used."""
        rows = self.tables.columns["job_states"]
        return {pool for job, pool in zip(rows["job"], rows["pool"], strict=True) if job in jobs}

    def life(self, job: int) -> tuple[float, float]:
        """When a job was created and deleted."""
        begin, gone = self._job_lives[job]
        return begin, self.tables.now if gone is None else gone

    def job_name(self, job: int) -> str:
        """The id of a job."""
        return "" if job == NOTHING else self.tables.job_ids[job]

    def pool_name(self, pool: int) -> str:
        """The id of a pool."""
        return "" if pool == NOTHING else self.tables.pool_ids[pool]


def by(runs: list[PastRun], key: Callable[[PastRun], int]) -> dict[int, list[PastRun]]:
    """Runs by the number of their job or node."""
    groups: dict[int, list[PastRun]] = {}
    for run in runs:
        groups.setdefault(key(run), []).append(run)
    return groups


def _number(names: list[str], name: str) -> int:
    """The number of a thing; ids are not case-sensitive."""
    key = fold(name)
    found = [number for number, known in enumerate(names) if fold(known) == key]
    return found[-1] if found else -1
