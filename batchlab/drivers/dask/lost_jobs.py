"""The jobs of a cluster object that are over, although it still counts on their workers.

Dask's `SpecCluster` gives a job up when its worker has been away for some time. It does not see a
job of several workers that ends (dask-jobqueue's ``processes=4``), nor one that never had any,
because it was cancelled while it waited in the queue, or because it failed at once. The first
kind shows in the workers. For the second, SLURM is asked which jobs it still has. Other queues are
not asked: there, such a job is replaced with the next resize.

Nor does Dask try again what could not be started at all, as when a queue refuses a job or does not
answer.
"""

from __future__ import annotations

import asyncio
import getpass
import time
import weakref
from typing import Any

import dask
from dask.utils import parse_timedelta
from distributed.core import Status

__all__ = ["LostJobs"]

ASK_S = 5.0
"""How often SLURM is asked; twice as long after each time that a job was over, as all may fail."""
LONGEST_ASK_S = 300.0
ANSWER_S = 10.0
"""How long SLURM may take to answer."""


class LostJobs:
    """Finds the lost jobs of one cluster object. Called on that object's loop.

    Parameters
    ----------
    cluster : distributed.SpecCluster
    """

    def __init__(self, cluster: Any) -> None:
        self._cluster = cluster
        # When a worker of a job was last there. Dask expects of jobs that are over that no one
        # has them.
        self._seen: weakref.WeakKeyDictionary[Any, float] = weakref.WeakKeyDictionary()
        self._pause_s = ASK_S
        self._ask_at = 0.0

    async def look(self, forget: bool) -> None:
        """Note which jobs have workers; raises why one cannot be started.

        Parameters
        ----------
        forget : bool
            Whether to take lost jobs from the cluster object's workers, so that it starts others,
            and to start those again whose start failed.
        """
        jobs = dict(self._cluster.workers)
        there = {str(info["name"]) for info in self._cluster.scheduler_info["workers"].values()}
        now = time.monotonic()
        self._seen.update({job: now for name, job in jobs.items() if there & self._members(name)})
        if not forget:
            return
        lost = [name for name, job in jobs.items() if self._has_lost_all(name, job, now)]
        if now >= self._ask_at:
            ended = await _ended(
                {name: job for name, job in jobs.items() if job not in self._seen}
            )
            self._ask_at = now + (self._pause_s if ended else ASK_S)
            self._pause_s = min(2 * self._pause_s, LONGEST_ASK_S) if ended else ASK_S
            lost += ended
        for name in lost:
            self._forget(name, jobs[name])
        for name, job in jobs.items():
            if job.status == Status.failed:  # a worker or a nanny
                self._forget(name, job)
            if job.status in (Status.created, Status.failed):  # Dask notes no job before its start
                await job

    def _forget(self, name: Any, job: Any) -> None:
        if self._cluster.workers.get(name) is job:
            del self._cluster.workers[name]

    def _members(self, name: Any) -> set[str]:
        spec = self._cluster.worker_spec.get(name, {})
        return {f"{name}{suffix}" for suffix in spec.get("group", ("",))}

    def _has_lost_all(self, name: Any, job: Any, now: float) -> bool:
        """Whether all workers of a job of several have been away for long."""
        limit_s = parse_timedelta(dask.config.get("distributed.deploy.lost-worker-timeout"))
        return self._members(name) != {str(name)} and now - self._seen.get(job, now) > limit_s


async def _ended(jobs: dict[Any, Any]) -> list[Any]:
    """Return the names of the jobs that SLURM does not have any more."""
    ids = {name: str(job.job_id) for name, job in jobs.items() if _is_of_slurm(job)}
    if not ids:
        return []
    squeue = str(jobs[next(iter(ids))].cancel_command).replace("scancel", "squeue")
    try:
        process = await asyncio.create_subprocess_exec(
            *squeue.split(), "--noheader", "--format=%A", f"--user={getpass.getuser()}",
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
    except OSError:
        return []
    try:
        said, _ = await asyncio.wait_for(process.communicate(), ANSWER_S)
    except TimeoutError:
        process.kill()
        await process.wait()
        return []
    if process.returncode:
        return []
    there = set(said.decode().split())
    return [name for name, job_id in ids.items() if job_id not in there]


def _is_of_slurm(job: Any) -> bool:
    command = str(getattr(job, "cancel_command", ""))
    return "scancel" in command and bool(getattr(job, "job_id", None))
