"""The client's side of scaling: it carries out, on a cluster object, what the scheduler advises.

Cluster objects differ. Those like Dask's `SpecCluster` (`LocalCluster`, dask-jobqueue) plan
workers by name, so we know which ones we have added, and close exactly those. Others
(dask-gateway, dask-kubernetes) take a number; which workers to close they ask the scheduler, which
names ours. A cluster object can block, has its own loop, and may fail in any way: it is called in
another thread, and its error is reported to the scheduler's side, which explains it.

A `SpecCluster` keeps a worker in its plan when the worker's job has ended, at its walltime or
because it was cancelled. Such a plan looks complete, so neither `scale` nor ``adapt`` would
ever start another job. While nodes wait, the plan is therefore carried out again (see also
`batchlab.drivers.dask.lost_jobs`).
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import logging
import sys
from typing import Any

from distributed.deploy.adaptive import Adaptive

from batchlab.drivers.dask import messages, threads
from batchlab.drivers.dask.lost_jobs import LostJobs

__all__ = ["Scaler", "is_closed"]

logger = logging.getLogger("batchlab")

POLL_S = 1.0
AGAIN_S = 10.0
"""How long to wait after a cluster has failed to scale."""
CLOSE_S = 10.0
"""How long a client that leaves may take to give workers back."""


class Scaler:
    """Scales a cluster for the labs on it.

    Parameters
    ----------
    cluster : cluster
        Has ``scale``; perhaps also ``plan`` and ``scale_down``, as Dask's `SpecCluster`.
    """

    def __init__(self, cluster: Any) -> None:
        self._cluster = cluster
        self._scheduler: Any = None  # an rpc, once running
        self._host: Any = None
        self._named = hasattr(cluster, "plan") and hasattr(cluster, "scale_down")
        self._lost_jobs = LostJobs(cluster) if hasattr(cluster, "worker_spec") else None
        self._failed_at = float("-inf")
        self._news: dict[str, Any] = {}  # for the scheduler's side, with the next call
        self._following: asyncio.Future[None] | None = None
        self._guarded: Any = None  # an `Adaptive` that nodes are added to
        self._least = 0
        self._failure = ""
        if getattr(cluster, "_supports_scaling", True) is False:
            kind = getattr(cluster, "_cluster_class_name", type(cluster).__name__)
            self._failure = f"this {kind} has no specification of new workers"
        self._fixed = bool(self._failure)

    async def run(self, scheduler: Any, account: str) -> None:
        """Follow the advice of an account's lab until the cluster ends.

        Parameters
        ----------
        scheduler : object
            Calls the scheduler's handlers.
        account : str
        """
        self._scheduler = scheduler
        self._host = messages.AccountRpc(scheduler, account)
        while _status(self._cluster) == "running":
            pause = asyncio.ensure_future(asyncio.sleep(POLL_S))
            try:
                await self._turn()
                await pause  # a call without news is held for that long anyway
            finally:
                pause.cancel()

    async def finish(self) -> None:
        """Give back what no node needs any more; `run` has been cancelled."""
        self._least = 0
        if self._host is not None and _status(self._cluster) == "running":
            if self._following is not None:
                await asyncio.wait([self._following], timeout=CLOSE_S)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._turn(final=True), CLOSE_S)
        self._unguard()

    async def _turn(self, final: bool = False) -> None:
        """Ask once for advice, and follow it."""
        news, self._news = self._news, {}
        try:
            advice = await self._host.batchlab_scale(
                seconds=POLL_S, final=final, adaptive=_is_adaptive(self._cluster),
                named=self._named, failure=self._failure, groups=self._groups(),
                limit=_limit(self._cluster), **news,
            )  # fmt: skip
        except asyncio.CancelledError:
            self._news = news
            raise
        except Exception:  # the scheduler is gone, or comes back with or without this lab
            self._news = news
            return
        if not isinstance(advice, dict) or _status(self._cluster) != "running":
            return
        if "close" not in advice:
            return
        self._least = advice.pop("least")
        if advice["over"]:
            self._unguard()
        else:
            self._guard(getattr(self._cluster, "_adaptive", None))
        if self._fixed:
            return
        self._following = asyncio.ensure_future(self._follow(**advice))
        await asyncio.shield(self._following)

    async def _follow(self, workers: int, close: list[str], missing: int, over: bool) -> None:
        loop = asyncio.get_running_loop()
        if loop.time() - self._failed_at < AGAIN_S:
            return
        try:
            if self._lost_jobs is not None:
                await _on(self._cluster.loop.asyncio_loop, self._lost_jobs.look(missing > 0))
            if missing and self._has_lost_workers():
                await self._do(self._cluster.scale, len(self._cluster.plan))
            if close and self._named:
                await self._close(close)
            elif workers and self._named:
                await self._add(workers)
            elif workers or close:
                await self._do(self._cluster.scale, workers)
        except Exception as error:
            logger.info("the cluster could not be scaled", exc_info=True)
            self._failed_at = loop.time()
            self._failure = f"{type(error).__name__}: {error}".rstrip(": ")
        else:
            self._failure = ""

    async def _add(self, workers: int) -> None:
        before = set(self._cluster.plan)
        if workers > len(before):
            await self._do(self._cluster.scale, workers)
            self._news["asked"] = [str(name) for name in set(self._cluster.plan) - before]

    async def _close(self, close: list[str]) -> None:
        """Let workers take no more work, then take them out of the plan, which closes them."""
        planned = [name for name in self._cluster.plan if str(name) in close]
        if planned:
            await self._scheduler.retire_workers(names=planned, close_workers=False, remove=False)
            await self._do(self._cluster.scale_down, planned)
        self._news["closed"] = close

    def _has_lost_workers(self) -> bool:
        """Whether the cluster has given up waiting for a worker that it still plans with."""
        planned = getattr(self._cluster, "worker_spec", {})
        return self._named and not set(planned) <= set(getattr(self._cluster, "workers", planned))

    async def _do(self, method: Any, argument: Any) -> None:
        """Call a method of the cluster, which may block or return something to await."""
        result = await threads.call(method, argument)
        if inspect.isawaitable(result):
            await _on(self._cluster.loop.asyncio_loop, result)

    def _guard(self, adaptive: Any) -> None:
        """Let an adaptive cluster with rules of its own serve labs as well.

        Dask's rules ask the scheduler, which counts nodes; others may close them.
        """
        if not _has_own_rules(adaptive) or "target" in vars(adaptive):  # another lab has done it
            return
        self._unguard()
        target, workers_to_close = adaptive.target, adaptive.workers_to_close

        async def with_nodes() -> int:
            return max(int(await target()), self._least)

        async def without_nodes(target: int) -> list[Any]:
            chosen = await workers_to_close(target)
            everything = {"n": sys.maxsize, "attribute": "name"}
            closable = set(map(str, await self._scheduler.workers_to_close(**everything)))
            return [name for name in chosen if str(name) in closable]

        adaptive.target, adaptive.workers_to_close = with_nodes, without_nodes
        self._guarded = adaptive

    def _unguard(self) -> None:
        if self._guarded is not None:
            del self._guarded.target, self._guarded.workers_to_close
            self._guarded = None

    def _groups(self) -> list[list[str]]:
        """Workers that the cluster can only close together, such as those of one SLURM job."""
        specs = getattr(self._cluster, "worker_spec", {})
        return [
            [f"{name}{suffix}" for suffix in spec["group"]]
            for name, spec in list(specs.items()) if "group" in spec
        ]  # fmt: skip


async def _on(loop: asyncio.AbstractEventLoop, awaitable: Any) -> None:
    async def wait() -> None:
        await awaitable

    if loop is asyncio.get_running_loop():
        await wait()
    else:
        await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(wait(), loop))


def is_closed(thing: Any) -> bool:
    """Whether a client or a cluster is closed, or is closing."""
    return _status(thing) in ("closing", "closed")


def _status(thing: Any) -> str:
    status = getattr(thing, "status", "running")  # a string, or a member of Dask's enumeration
    return str(getattr(status, "name", status))


def _is_adaptive(cluster: Any) -> bool:
    adaptive = getattr(cluster, "_adaptive", None)
    return getattr(adaptive, "periodic_callback", None) is not None


def _has_own_rules(adaptive: Any) -> bool:
    rules = ("target", "workers_to_close")
    return isinstance(adaptive, Adaptive) and any(
        getattr(type(adaptive), rule) is not getattr(Adaptive, rule) for rule in rules
    )


def _limit(cluster: Any) -> int | None:
    """Return the most workers that an adaptive cluster may have; None if unknown or unlimited."""
    most = getattr(getattr(cluster, "_adaptive", None), "maximum", None)
    return most if _is_adaptive(cluster) and isinstance(most, int) else None
