"""What a job leaves on a node: a worker plugin whose setup prepares and whose teardown releases.

Adding the plugin to the worker runs the job preparation task, taking it away runs the job release
task. A repeated preparation replaces the plugin, and what is replaced tears nothing down. When
nobody ordered a release and the plugin is torn down because the node leaves, Azure runs none; a
lab with ``release_on_leave`` runs the one that came with the preparation, if that had succeeded.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Protocol

import msgspec
from distributed import WorkerPlugin

from batchlab.core.messages.inputs import RunExited
from batchlab.core.messages.outputs import StartRun
from batchlab.core.model.ids import fold

__all__ = ["Footprints", "JobFootprint"]


class Pending(Protocol):
    """A run that the node knows and has not begun."""

    def __call__(self) -> Coroutine[Any, Any, RunExited]:
        """Carry it out, report it, and give the report."""
        ...


class JobFootprint(WorkerPlugin):
    """One job on one node.

    Parameters
    ----------
    name : str
        Under which the worker keeps it.
    preparation : callable, optional
        Runs the job preparation task; None where it has been run before, on an earlier boot.
    leave : callable, optional
        Runs the release when the node leaves and nobody ordered one.
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
        """Release the node from the job, as ordered, or as the lab has it when a node leaves."""
        if self.release is not None:
            await self.release()
        else:
            await self.leave()

    def forget(self) -> None:
        """Have the next teardown do nothing."""
        self._leave = None

    async def leave(self) -> None:
        """Run the release that nobody ordered; once, however often the node is told to go."""
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
        Makes a `Pending` of an order, known to the node from now on; with False its outcome is
        not reported.
    quiet : callable
        Ends all other runs of a node that leaves.
    on_leave : bool
        Whether a node that leaves runs releases.
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
        """Add the footprint of a job, or replace it by a further try of its preparation."""
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
        """Take the footprint of a job away, with its release."""
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
            await self._worker.plugin_remove(name=plugin.name)
        self._carried.pop(key, None)

    async def forget(self, job_id: str) -> None:
        """Take the footprint of a job away without a release."""
        key = fold(job_id)
        async with self._locks.setdefault(key, asyncio.Lock()):
            plugin = self._plugins.pop(key, None)
            if plugin is not None:
                plugin.forget()
                await self._worker.plugin_remove(name=plugin.name)
        self._carried.pop(key, None)
        self._locks.pop(key, None)

    async def leave(self) -> None:
        """The node leaves: run the releases that are to be run then."""
        await asyncio.gather(*(plugin.leave() for plugin in self._plugins.values()))

    async def take_away(self) -> None:
        """Remove all footprints, without release, from a worker that goes on without the node."""
        for plugin in list(self._plugins.values()):
            plugin.forget()
            await self._worker.plugin_remove(name=plugin.name)
        self._plugins.clear()


def _name(key: str) -> str:
    return f"batchlab-job-{key}"
