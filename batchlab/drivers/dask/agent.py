"""A node: a worker plugin that receives commands, runs them, and reports.

Commands arrive in lists over the scheduler's stream to the worker, and all reports since the last
turn of the loop are sent back in one list. Blocking work is done in threads (`runs`), so the loop,
which is shared with Dask, stays free.

A node may be installed on a worker where an earlier boot of it was killed and left processes; they
are killed before the node is ready. A node leaves on request (`leave`) or because its worker
closes. Its folders are then deleted, unless the worker has a nanny: it may restart the worker
under the same name, so the `watchdog` decides later.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from distributed import WorkerPlugin

from batchlab.core.messages.facts import NodesMeasured, Report, RunExited, RunStarted
from batchlab.core.messages.outputs import (
    CancelRun,
    DeleteFiles,
    ForgetJob,
    MeasureNodes,
    StartApplication,
    StartRun,
    TakeBack,
)
from batchlab.core.model.ids import RunId
from batchlab.core.model.values import FailureInfo
from batchlab.core.tasks.environment import NodeFacts
from batchlab.drivers.dask import messages, threads
from batchlab.drivers.dask.containers import NodeContainers
from batchlab.drivers.dask.equipment import Equipment
from batchlab.drivers.dask.folders import NodeFolders, lab_folder
from batchlab.drivers.dask.footprint import Footprints, Pending
from batchlab.drivers.dask.gateway import Gateway
from batchlab.drivers.dask.handlers import forget_handlers
from batchlab.drivers.dask.housekeeping import Housekeeping
from batchlab.drivers.dask.inherited import inherited
from batchlab.drivers.dask.lease import Lease
from batchlab.drivers.dask.meter import Meter
from batchlab.drivers.dask.node_files import Directory
from batchlab.drivers.dask.plain_runs import PlainRun
from batchlab.drivers.dask.plugins import remove_plugin
from batchlab.drivers.dask.run_ahead import RunAhead
from batchlab.drivers.dask.run_entry import EndedRuns, RunEntry
from batchlab.drivers.dask.runs import NodeRun, measure_runs, node_failure
from batchlab.drivers.dask.spawners import NodeSpawner
from batchlab.drivers.dask.staged_runs import StagedRuns
from batchlab.drivers.dask.subtask_runs import SubtaskRun
from batchlab.drivers.dask.trash import Trash
from batchlab.drivers.node_log import NodeLog
from batchlab.errors import Conflict
from batchlab.storage.stores import BlobStore

if TYPE_CHECKING:
    from batchlab.drivers.dask.users import NodeUsers

__all__ = ["PLUGIN_NAME", "NodeAgent"]

logger = logging.getLogger("batchlab")

PLUGIN_NAME = "batchlab-node"
END_S = 10.0
"""How long a node that leaves waits for its killed processes to end."""


class NodeAgent(WorkerPlugin):
    """One boot of one node, on the worker it is added to.

    Parameters
    ----------
    config : NodeConfig
    """

    name = PLUGIN_NAME

    def __init__(self, config: messages.NodeConfig) -> None:
        self.config = config
        self._arriving: asyncio.Future[None] | None = None
        self._leaving: asyncio.Future[None] | None = None

    # -- coming and going -----------------------------------------------------------------------

    async def setup(self, worker: Any) -> None:
        """Prepare the node: create folders, kill old processes, install handlers."""
        config = self.config
        before = getattr(worker.handlers.get("batchlab_leave"), "__self__", None)
        if before is not None and before.is_leaving:
            await before.torn_down.wait()
        self.torn_down = asyncio.Event()
        self._worker = worker
        self._loop = asyncio.get_running_loop()
        self.folders = NodeFolders(lab_folder(config.lab_id, config.root), config.node_id)
        self._gateway = Gateway(worker, self.folders.root, config.account_name, config.lab_id)
        self._facts = NodeFacts(
            account_name=config.account_name,
            account_url=config.account_url,
            node_id=config.node_id,
            root_directory=self.folders.root,
            is_dedicated=config.is_dedicated,
            packages=config.application_packages,
            service=self._gateway.address,
        )
        self._log = NodeLog()
        self._inherited = inherited(worker)
        self._store = None
        if config.storage is not None:
            self._store = BlobStore(config.storage, self._call_host)
        self._equipment = Equipment(self.folders.root, config.certificates, self._store)
        self._containers = NodeContainers(config.engine, self.folders.root, self._inherited)
        self._users: NodeUsers | None = None
        self._housekeeping = Housekeeping(config, self.folders, self._log, self._containers)
        self._spawner = NodeSpawner()
        self._runs: dict[RunId, RunEntry] = {}
        self._ended = EndedRuns(self._spawner.soon, self._take_ended)
        self._tasks: set[asyncio.Task[None]] = set()
        self._left = False
        self._has_run = False
        self._trash = Trash(self.folders, lambda: bool(self._runs) or self._left)
        self._quiet: asyncio.Future[None] | None = None
        self._meter = Meter(config.cores, self.folders.root, config.speed)
        self._measuring: asyncio.Future[None] | None = None
        self._footprints = Footprints(worker, self._pend, self._end_runs, config.release_on_leave)
        self._lease = Lease(worker, config, self.folders.root, self._lose_lease)
        stage = StagedRuns(self._make, self._enter, self._spawner, self._lease.end_s).stage
        self._ahead = RunAhead(config, self._start, self._send, self._lease.round_trip_s, stage)
        self._arriving = asyncio.ensure_future(threads.call(self._arrive))
        try:
            await self._arriving
        except Exception:
            self._lease.end()
            raise
        if self.is_leaving:  # the worker closes, or is to have another agent
            return
        self._lease.begin()
        worker.stream_handlers[messages.commands_op(config.lab_id)] = self._take
        worker.handlers["batchlab_files"] = self._files
        worker.handlers["batchlab_leave"] = self._leave_rpc
        worker.handlers["batchlab_install"] = self._install
        worker.handlers["batchlab_log"] = self._log.lines

    def _arrive(self) -> None:
        worker = self._worker
        self._users = self._housekeeping.arrive(worker.address, grace=worker.nanny is not None)

    async def teardown(self, worker: Any) -> None:
        """Leave when the plugin is removed: the worker closes, or the node is removed from it."""
        if self._arriving is None:  # its setup failed at once
            return
        try:
            await self.leave(keep=worker.nanny is not None, dismiss=worker.nanny is None)
        finally:
            worker.stream_handlers[messages.commands_op(self.config.lab_id)] = lambda **_: None
            for name in ("files", "leave", "install", "log"):
                worker.handlers.pop(f"batchlab_{name}", None)
            forget_handlers()
            self.torn_down.set()

    async def _install(self) -> bytes:
        """Have the pool's packages and images; answer with the failure, or None."""
        config = self.config

        def install() -> FailureInfo | None:
            return self._equipment.failure(
                config.application_packages, self._stays
            ) or self._containers.failure(config.containers, self._stays)

        return await threads.call(messages.answer, install)

    def _stays(self) -> bool:
        return not self._left

    async def _leave_rpc(
        self, keep: bool, reimage: bool = False, arrival: str = "", remove: bool = False
    ) -> str:
        if arrival not in ("", self.config.arrival):
            return "another node"
        await self.leave(keep=keep, reimage=reimage)
        await self._footprints.take_away()
        if remove:
            await remove_plugin(self._worker, self)
        return "OK"

    def _lose_lease(self) -> None:
        """End all runs without a report: the host has lost this node, or is about to."""
        self._left = True
        self._spawn(self._end_runs())

    async def leave(self, *, keep: bool, reimage: bool = False, dismiss: bool = True) -> None:
        """End all runs and release the folders; later calls wait for the first one.

        Parameters
        ----------
        keep : bool
            Whether to keep the folders.
        reimage : bool, default False
            Whether to empty them first.
        dismiss : bool, default True
            Whether the watchdog stops guarding the folders.
        """
        if self._leaving is None:
            self._leaving = asyncio.ensure_future(self._leave(keep, reimage, dismiss))
        await asyncio.shield(self._leaving)

    @property
    def is_leaving(self) -> bool:
        """Whether it has begun to leave."""
        return self._leaving is not None

    async def _leave(self, keep: bool, reimage: bool, dismiss: bool) -> None:
        assert self._arriving is not None
        await asyncio.wait([self._arriving])
        self._trash.end()
        await self._end_runs()
        if not self._lease.is_over():
            await self._footprints.leave()
        self._lease.end()
        await self._gateway.close()
        await self._spawner.leave()
        await threads.call(
            lambda: self._housekeeping.clear(
                ran=self._has_run, keep=keep, reimage=reimage, dismiss=dismiss
            )
        )

    async def _end_runs(self) -> None:
        """End all current runs; the first call does it, later ones wait for it."""
        if self._quiet is None:
            self._left = True
            self._ahead.close()
            for entry in list(self._runs.values()):
                entry.run.end("cancelled")
            self._quiet = asyncio.ensure_future(self._wait_for_runs())
        await asyncio.shield(self._quiet)

    async def _wait_for_runs(self) -> None:
        if waiting := [entry.exited for entry in self._runs.values()]:
            await asyncio.wait(waiting, timeout=END_S)

    # -- commands -------------------------------------------------------------------------------

    def _take(self, commands: bytes, **_: Any) -> None:
        """Receive commands; an error in here would disconnect the worker from its scheduler."""
        try:
            decoded = messages.decode_commands(commands)
        except Exception:
            logger.exception("node %s cannot read its commands", self.config.node_id)
            return
        for command in decoded:
            if self._left or self._lease.is_over():
                return
            try:
                self._obey(command)
            except Exception as error:  # the others must be carried out all the same
                logger.exception("node %s could not carry out a command", self.config.node_id)
                if isinstance(command, StartRun) and command.run_id not in self._runs:
                    begun = [RunStarted(run_id=command.run_id)] if command.ahead else []
                    failed = RunExited(run_id=command.run_id, failure=node_failure(error))
                    self._ahead.send([*begun, failed])

    def _obey(self, command: Any) -> None:
        match command:
            case StartRun(kind="jobpreparation"):
                self._spawn(self._footprints.prepare(command))
            case StartRun(kind="jobrelease"):
                self._spawn(self._footprints.release(command))
            case StartRun(ahead=True):
                self._ahead.add(command)
            case TakeBack():
                self._ahead.take_back(command.run_ids)
            case StartRun():
                self._start(command)
            case StartApplication():
                entry = self._runs.get(command.run_id)
                if entry is not None and isinstance(entry.run, SubtaskRun):
                    entry.run.begin_application()
            case CancelRun():
                entry = self._runs.get(command.run_id)
                if entry is not None:
                    entry.run.end("cancelled")
            case ForgetJob():
                self._spawn(self._footprints.forget(command.job_id))
            case MeasureNodes():
                if self._measuring is None or self._measuring.done():
                    self._measuring = asyncio.ensure_future(self._measure())
            case DeleteFiles():
                self._trash.throw(command.directories)

    async def _measure(self) -> None:
        """Report the resource usage; requests during a measurement are ignored."""
        self._spawner.measure()
        runs = [entry.run for entry in self._runs.values()]
        usage = await threads.call(measure_runs, self._meter, runs)
        self._ahead.send([NodesMeasured(usages={self.config.node_id: usage})])

    def _spawn(self, work: Any) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _start(self, start_run: StartRun) -> None:
        self._begin(self._register(self._make(start_run)))

    def _begin(self, entry: RunEntry) -> None:
        entry.limit(self.config.speed)
        self._spawner.begin(entry.run)

    def _enter(self, run: NodeRun) -> None:
        """A staged run begins."""
        self._register(run).limit(self.config.speed)
        if self._left:
            run.end("cancelled")

    def _make(self, start_run: StartRun) -> NodeRun:
        parts = (start_run, self._facts, self._inherited, self._report, self._done, self._meter,
                 self._store, self._equipment, self._containers, self._users)  # fmt: skip
        if start_run.coordination is None:
            return PlainRun(*parts)
        return SubtaskRun(start_run.coordination, *parts)

    def _register(self, run: NodeRun, reported: bool = True) -> RunEntry:
        entry = RunEntry(run, self._loop.create_future(), reported)
        self._runs[run.start_run.run_id] = entry
        self._has_run = True
        self._ahead.begin(run.start_run, run.began)
        self._log.run_begins(time.time(), run.start_run)
        self._gateway.open()
        return entry

    def _pend(self, start_run: StartRun, reported: bool) -> Pending:
        entry = self._register(self._make(start_run), reported)

        async def perform() -> RunExited:
            self._begin(entry)
            return await entry.exited

        return perform

    # -- reports --------------------------------------------------------------------------------

    def _done(self, run: NodeRun, report: RunExited) -> None:
        """Note that a run is over, on any thread."""
        self._log.run_ends(time.time(), report)
        self._ended.add(run, report)

    def _report(self, report: Report) -> None:
        """Report how far a run has come, on any thread."""
        with contextlib.suppress(RuntimeError):  # the loop is closed
            self._loop.call_soon_threadsafe(self._ahead.send, [report])

    def _take_ended(self, ended: list[tuple[NodeRun, RunExited]]) -> None:
        for run, report in ended:
            entry = self._runs.pop(run.start_run.run_id)
            entry.over(report)
            self._ahead.exited(report, run.ended, reported=entry.reported)
        self._ahead.flush()
        self._trash.empty_later()

    def _send(self, reports: Sequence[Report], ages: Sequence[float]) -> None:
        if not reports or self._left or self._lease.is_over():
            return
        with contextlib.suppress(OSError):  # the scheduler has stopped
            self._worker.batched_stream.send(
                {
                    "op": messages.reports_op(self.config.account_name),
                    "node_id": self.config.node_id,
                    "reports": messages.encode_reports(reports, ages),
                }
            )

    def _call_host(self, handler: str, *, once: bool = False, **arguments: Any) -> Any:
        """Call a handler of the host from a thread."""
        host = messages.AccountRpc(
            self._worker.scheduler, self.config.account_name, self.config.lab_id
        )

        async def call() -> Any:
            return await getattr(host, f"batchlab_{handler}")(**arguments)

        return messages.unpack(asyncio.run_coroutine_threadsafe(call(), self._loop).result())

    # -- files ----------------------------------------------------------------------------------

    async def _files(self, payload: bytes, lab_id: str) -> bytes:
        call = messages.unpack(payload)
        if self._left or lab_id != self.config.lab_id:  # the worker now belongs to another lab
            return messages.answer_error(
                Conflict("NodeNotReady", f"node {self.config.node_id} is leaving or restarting")
            )
        files = Directory(os.path.join(self.folders.root, call.directory))
        method = getattr(files, call.method)
        return await threads.call(messages.answer, lambda: method(call.path, **call.options))
