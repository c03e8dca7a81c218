"""A job's footprint on a node: a worker plugin whose setup prepares and whose teardown releases.

Adding the plugin to the worker runs the job preparation task; removing it runs the job release
task. A repeated preparation replaces the plugin without tearing it down. If the plugin is torn
down because the node leaves, without a command to release, Azure runs no release task; a lab with
``release_on_leave`` runs the one that came with the preparation, if that had succeeded.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Protocol

import msgspec
from distributed import WorkerPlugin

from batchlab.core.messages.facts import RunExited
from batchlab.core.messages.outputs import StartRun
from batchlab.core.model.ids import fold
from batchlab.drivers.dask.plugins import remove_plugin

__all__ = ["Footprints", "JobFootprint"]


class Pending(Protocol):
    """A run that the node has received and not yet started."""

    def __call__(self) -> Coroutine[Any, Any, RunExited]:
        """Carry out the run, report it, and return the report."""
        ...


class JobFootprint(WorkerPlugin):
    """One job on one node.

    Parameters
    ----------
    name : str
        The name of the plugin on the worker.
    preparation : callable, optional
        Runs the job preparation task; None if it ran on an earlier boot.
    leave : callable, optional
        Runs the release when the node leaves without a command to release.
    """

    def __init__(
        self, name: str, preparation: Pending | None = None, leave: Pending | None = None
    ) -> None:
        self.name = name
        self.preparation = preparation
        self.release: Pending | None = None
        self.prepared = False
        self._leave = leave
        self._leaving: asyncio.Future[Any] | None = None

    async def setup(self, worker: Any) -> None:
        """Prepare the node for the job."""
        if self.preparation is not None:
            report = await self.preparation()
            self.prepared = report.exit_code == 0 and not report.cancelled

    async def teardown(self, worker: Any) -> None:
        """Release the node from the job, on command or, depending on the lab, when it leaves."""
        if self.release is not None:
            await self.release()
        else:
            await self.leave()

    def forget(self) -> None:
        """Make the next teardown do nothing."""
        self._leave = None

    async def leave(self) -> None:
        """Run the release without a command; only once, even if called again."""
        if self._leaving is None:
            wanted = self._leave is not None and self.prepared and self.release is None
            if not wanted or self._leave is None:
                return
            self._leaving = asyncio.ensure_future(self._leave())
        await asyncio.shield(self._leaving)


class Footprints:
    """All footprints of one node.

    Parameters
    ----------
    worker : distributed.Worker
    pend : callable
        Turns a `StartRun` into a `Pending` and adds it to the node; if the second argument is
        False, its outcome is not reported.
    quiet : callable
        Ends all other runs of a node that leaves.
    on_leave : bool
        Whether a node that leaves runs release tasks.
    """

    def __init__(
        self,
        worker: Any,
        pend: Callable[[StartRun, bool], Pending],
        quiet: Callable[[], Awaitable[None]],
        on_leave: bool,
    ) -> None:
        self._worker = worker
        self._pend = pend
        self._quiet = quiet
        self._on_leave = on_leave
        self._plugins: dict[str, JobFootprint] = {}
        self._carried: dict[str, StartRun] = {}
        self._locks: dict[str, asyncio.Lock] = {}

    def prepare(self, start_run: StartRun) -> Coroutine[Any, Any, None]:
        """Add the footprint of a job, or replace it to retry the preparation."""
        key = fold(start_run.run_id.job_id)
        if start_run.release is not None:
            self._carried[key] = start_run.release
        carried = self._carried.get(key)
        preparation = self._pend(start_run, True)

        async def leave() -> RunExited:
            assert carried is not None
            await self._quiet()
            own = carried.run_id._replace(number=-start_run.run_id.number)  # unknown to the core
            return await self._pend(msgspec.structs.replace(carried, run_id=own), False)()

        wanted = leave if self._on_leave and carried is not None else None
        return self._add(key, JobFootprint(_name(key), preparation, wanted))

    async def _add(self, key: str, plugin: JobFootprint) -> None:
        async with self._locks.setdefault(key, asyncio.Lock()):
            before = self._plugins.get(key)
            if before is not None:
                before.forget()
            self._plugins[key] = plugin
            await self._worker.plugin_add(plugin, name=plugin.name)

    def release(self, start_run: StartRun) -> Coroutine[Any, Any, None]:
        """Remove the footprint of a job, with its release."""
        key = fold(start_run.run_id.job_id)
        release = self._pend(start_run, True)
        return self._remove(key, release)

    async def _remove(self, key: str, release: Pending) -> None:
        async with self._locks.setdefault(key, asyncio.Lock()):
            plugin = self._plugins.pop(key, None)
            if plugin is None:  # the node was rebooted since, and prepared before
                plugin = JobFootprint(_name(key))
                await self._worker.plugin_add(plugin, name=plugin.name)
            plugin.release = release
            await remove_plugin(self._worker, plugin)
        self._carried.pop(key, None)

    async def forget(self, job_id: str) -> None:
        """Remove the footprint of a job without a release."""
        key = fold(job_id)
        async with self._locks.setdefault(key, asyncio.Lock()):
            plugin = self._plugins.pop(key, None)
            if plugin is not None:
                plugin.forget()
                await remove_plugin(self._worker, plugin)
        self._carried.pop(key, None)
        self._locks.pop(key, None)

    async def leave(self) -> None:
        """Run the releases for a node that leaves."""
        await asyncio.gather(*(plugin.leave() for plugin in self._plugins.values()))

    async def take_away(self) -> None:
        """Remove all footprints, without releases, from a worker that outlives the node."""
        for plugin in list(self._plugins.values()):
            plugin.forget()
            await remove_plugin(self._worker, plugin)
        self._plugins.clear()


def _name(key: str) -> str:
    return f"batchlab-job-{key}"
