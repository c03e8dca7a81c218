"""The scheduler's side: the engine, in a plugin of Dask's scheduler.

So a lab exists as long as its cluster. Clients come and go, and call it over Dask's RPC
(``batchlab_hello@account``, ``batchlab_ask@account/lab`` ...). Each account has its own lab, with
an engine, a journal and a folder. The labs share only the scheduler and the workers. All runs on
the scheduler's loop; an error in a stream handler would remove a worker, so it is logged.
"""

from __future__ import annotations

import asyncio
import logging
import pickle
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
from distributed import Scheduler, SchedulerPlugin

from batchlab.core.answers.present import present
from batchlab.core.machine import Core
from batchlab.core.messages.facts import LabClosing, LabResumed, NodeStarted, Report
from batchlab.core.messages.outputs import (
    CancelRun,
    Command,
    DeleteFiles,
    EvictNode,
    ForgetCertificate,
    ForgetJob,
    MeasureNodes,
    ReleaseNode,
    RestartNode,
    RunKind,
    StartApplication,
    StartNode,
    StartRun,
    StopNode,
    TakeBack,
)
from batchlab.core.messages.questions import ExplainPool, Question
from batchlab.core.model import vm_cores
from batchlab.core.model.jobs import RELEASE_LIMIT
from batchlab.core.model.moments import moment
from batchlab.drivers.change_log import ChangeLog
from batchlab.drivers.dask import guards, messages, threads, watchdog
from batchlab.drivers.dask.agent import END_S
from batchlab.drivers.dask.cluster import ClusterSupply
from batchlab.drivers.dask.config import HostConfig
from batchlab.drivers.dask.fleet import Fleet
from batchlab.drivers.dask.folders import lab_folder, writing_root
from batchlab.drivers.dask.node_calls import NodeCalls
from batchlab.drivers.dask.once import Once
from batchlab.drivers.dask.removing import remove_tree
from batchlab.drivers.dask.supply import LightSupply, ProcessSupply, Supply
from batchlab.drivers.dask.waiting_calls import WaitingCalls
from batchlab.drivers.durable import Opened, open_journal
from batchlab.drivers.engine import Engine
from batchlab.drivers.journal import Notes
from batchlab.drivers.vault import Vault
from batchlab.errors import Conflict
from batchlab.storage.host_folder import HostFolder
from batchlab.storage.locations import HOST_PROTOCOL, StorageLocation

__all__ = ["BatchHost"]

logger = logging.getLogger("batchlab")

_EXTENSION = "batchlab-beginning"


class BatchHost(SchedulerPlugin):
    """A lab in a scheduler.

    Parameters
    ----------
    config : HostConfig
    """

    idempotent = True

    def __init__(self, config: HostConfig) -> None:
        self.config = config
        self.account = config.settings.account_name
        self.name = f"batchlab@{self.account}"  # as a plugin of the scheduler
        self._closed: asyncio.Future[None] | None = None
        self._begun = False
        self.vault = Vault()

    async def start(self, scheduler: Scheduler) -> None:
        """Start the lab, unless another client is just starting it."""
        beginning = scheduler.extensions.setdefault(_EXTENSION, {})
        if other := beginning.get(self.account):
            await asyncio.wait([other])
            return
        beginning[self.account] = asyncio.get_running_loop().create_future()
        try:
            await self._start(scheduler)
        finally:
            beginning.pop(self.account).set_result(None)

    async def _start(self, scheduler: Scheduler) -> None:
        config = self.config
        self._scheduler = scheduler
        self._loop = asyncio.get_running_loop()
        self._epoch, self._started = time.time(), time.monotonic()
        self._timer: asyncio.TimerHandle | None = None
        self.folder = lab_folder(config.lab_id, config.root)
        with writing_root(self.folder):
            opened = await threads.call(self._open)
        self.journal, core = opened.journal, opened.core
        self._epoch = max(self._epoch, core.state.now)  # as it may have run fast
        self.config = config = msgspec.structs.replace(config, settings=core.state.settings)
        data, data_id = Path(f"{self.folder}/.storage"), config.lab_id
        if opened.folder is not None:
            data, data_id = opened.folder.storage, opened.folder.storage_id
        if config.storage is None:
            url = f"file://{data}"
            if config.nodes == "cluster":  # whose machines may not share a folder
                url = f"{HOST_PROTOCOL}://{data_id}"
            storage = StorageLocation(url=url).of_account(self.account)
            self.config = config = msgspec.structs.replace(config, storage=storage)
        self._data = HostFolder(str(data), data_id)
        self.engine = Engine(core, self, self.journal)
        self.history = ChangeLog()
        self._waiting = WaitingCalls(self._open_engine, self.history, self.now)
        self.engine.watchers += [self.history.add, self._waiting.watch]
        self.fleet = Fleet(
            scheduler, self._make_supply(), self._configure, self._report, config.lab_id,
            self.folder,
            3 * END_S + config.release_on_leave * RELEASE_LIMIT.total_seconds() / config.speed,
            config.lease_s,
        )  # fmt: skip
        nodes = NodeCalls(
            scheduler, self.fleet, lambda question: self._open_engine().ask(question),
            config.lab_id, self._lab_time,
        )  # fmt: skip
        once = Once().handler
        ours: dict[str, Any] = {
            "request": once(self._request), "ask": self._ask, "wait": self._waiting.wait,
            "files": once(nodes.files), "close": once(self._close_rpc),
            "changes": self._waiting.changes,
            "lose": once(nodes.lose), "fail_next": once(self._fail_next),
            "create_certificate": once(self._create_certificate), "storage": once(self._storage),
            "hello": self._hello, "log": nodes.log,
        }  # fmt: skip
        for_any_lab = {"hello": self._hello, "scale": self._scale}
        messages.serve(scheduler.handlers, self.account, config.lab_id, for_any_lab, ours)
        scheduler.stream_handlers[messages.reports_op(self.account)] = self._take_reports
        scheduler.stream_handlers[messages.beats_op(self.account)] = self._take_beat
        self._wakeful = asyncio.ensure_future(self._stay_awake())
        self._begun = True
        if opened.resumed:
            self.history.add(present(core.state))
            self.engine.report(LabResumed())

    async def _stay_awake(self) -> None:
        """Keep a cluster with an idle timeout alive: Dask does not see our tasks."""
        scheduler = self._scheduler
        while scheduler.idle_timeout:
            if any(node.runs for node in self.engine.core.state.nodes.values()):
                scheduler.idle_since = None
            await asyncio.sleep(scheduler.idle_timeout / 8)

    def _open(self) -> Opened:
        """Make the lab's folder, and open its journal."""
        config = self.config
        Path(self.folder).mkdir(mode=0o700, parents=True, exist_ok=True)
        guards.guard(self.folder)
        try:
            for name in (".storage", ".dask"):  # the folder itself may have to admit users
                Path(f"{self.folder}/{name}").mkdir(mode=0o700, exist_ok=True)
            if config.journal is None:
                notes = Notes(Path(f"{self.folder}/journal.jsonl"), config.settings)
                return Opened(Core(config.settings), notes)
            opened = open_journal(
                config.journal, config.settings, durability=config.durability, fresh=config.fresh
            )
            # Its watchdog may have been killed, too, or the machine may have failed.
            if opened.folder and (before := opened.folder.work_in(self.folder)):
                watchdog.clear_away(before)
            return opened
        except BaseException:
            self._leave()
            raise

    def _make_supply(self) -> Supply:
        self._cluster: ClusterSupply | None = None
        if self.config.nodes == "cluster":
            self._cluster = ClusterSupply(self._scheduler, self.account, self.config.vm_sizes)
            return self._cluster
        supply = LightSupply if self.config.nodes == "light" else ProcessSupply
        return supply(self._scheduler, self.config.lab_id, f"{self.folder}/.dask")

    def _configure(self, start: StartNode) -> messages.NodeConfig:
        config = self.config
        return messages.NodeConfig(
            lab_id=config.lab_id,
            node_id=start.node_id,
            is_dedicated=start.dedicated,
            cores=vm_cores(start.vm_size),
            task_slots=start.task_slots,
            account_name=config.settings.account_name,
            account_url=config.settings.account_url,
            speed=config.speed,
            root=config.root,
            release_on_leave=config.release_on_leave,
            isolate_users=config.settings.isolate_users,
            storage=config.storage,
            application_packages=start.application_packages,
            certificates=self.vault.of(start.certificate_references),
            engine=config.settings.containers,
            containers=start.containers,
        )

    # -- the driver port --------------------------------------------------------------------------

    def now(self) -> float:
        """The lab's clock, in seconds since 1970 (UTC)."""
        return self._epoch + (time.monotonic() - self._started) * self.config.speed

    def _lab_time(self, when: float) -> float:
        """Return what the lab's clock showed at a moment of real time."""
        return self._epoch + (when - self._epoch) * self.config.speed

    @property
    def pause_s(self) -> float:
        """A second of real time."""
        return self.config.speed

    def obey(self, commands: Sequence[Command]) -> None:
        """Carry out the core's commands; each node gets its own in one list."""
        for_nodes: dict[str, list[Command]] = {}
        for command in commands:
            match command:
                case StartRun() | StartApplication() | CancelRun():
                    for_nodes.setdefault(command.run_id.node_id, []).append(command)
                case DeleteFiles() | ForgetJob() | TakeBack():
                    for_nodes.setdefault(command.node_id, []).append(command)
                case MeasureNodes():
                    for node_id in command.node_ids:
                        measure = MeasureNodes(node_ids=(node_id,))
                        for_nodes.setdefault(node_id, []).append(measure)
                case StartNode():
                    self.fleet.start(command)
                case RestartNode():
                    self.fleet.reboot(command)
                case StopNode():
                    self.fleet.stop(command)
                case ReleaseNode():
                    self.fleet.release(command)
                case EvictNode():
                    self.fleet.evict(command)
                case ForgetCertificate():
                    self.vault.forget(command.thumbprint)
                case _:
                    raise TypeError(f"no way to obey {command}")
        for node_id, group in for_nodes.items():
            self.fleet.send(node_id, group)

    def _report(self, report: Report) -> None:
        """Report what happened to a node; one that lacks a certificate has not started."""
        if isinstance(report, NodeStarted):
            node = self.engine.core.state.nodes.get(report.node_id)
            references = node.certificate_references if node is not None else ()
            report = self.vault.lacking(report.node_id, report.boot, references) or report
        self.engine.report(report)

    def wake_at(self, when: float | None) -> None:
        """Call `Engine.wake` at this lab time; a later call replaces an earlier one."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if when is not None:
            delay = max(0.0, (when - self.now()) / self.config.speed)
            self._timer = self._loop.call_later(delay, self.engine.wake)

    # -- what Dask tells --------------------------------------------------------------------------

    def add_worker(self, scheduler: Scheduler, worker: str) -> None:
        """Note that a worker has joined the cluster."""
        state = scheduler.workers.get(worker)
        if state is not None:
            self.fleet.worker_joined(worker, state.name)

    def remove_worker(self, scheduler: Scheduler, worker: str, **_: Any) -> None:
        """Note that a worker has left the cluster."""
        self.fleet.worker_left(worker)

    def valid_workers_downscaling(self, scheduler: Scheduler, workers: list[Any]) -> list[Any]:
        """Return those of these workers that may be closed."""
        if self._cluster is None:
            return workers
        return self._cluster.shared.scaling.may_close(workers)

    def _take_reports(self, worker: str = "", reports: bytes = b"", **_: Any) -> None:
        try:
            ages, decoded = messages.decode_reports(reports)
            self.engine.report(*decoded, ages=ages)
        except Exception:
            logger.exception("a report from %s cannot be used", worker)

    def _take_beat(
        self, worker: str = "", node_id: str = "", arrival: str = "", sent: float = 0.0,
        over: bool = False, **_: Any,
    ) -> None:  # fmt: skip
        try:
            self.fleet.heard(worker, node_id, arrival, sent, over)
        except Exception:
            logger.exception("a beat from %s cannot be used", worker)

    # -- what clients ask -------------------------------------------------------------------------

    def _hello(self) -> bytes:
        return messages.answer(lambda: (self.config, self.now()))

    def _request(self, payload: bytes) -> bytes:
        return messages.answer(lambda: self._open_engine().request(pickle.loads(payload)))

    def _create_certificate(self, payload: bytes) -> bytes:
        def create() -> None:
            request, contents = pickle.loads(payload)
            self.vault.add(self._open_engine().request, request, contents)

        return messages.answer(create)

    def _ask(self, payload: bytes) -> bytes:
        return messages.answer(lambda: self._answer(pickle.loads(payload)))

    def _answer(self, question: Question) -> Any:
        engine = self._open_engine()
        answer = engine.ask(question)
        if isinstance(question, ExplainPool) and self._cluster is not None:
            nodes = engine.core.state.pool(question.pool_id).nodes
            return answer + self._cluster.explain(nodes, self._clock)
        return answer

    def _clock(self, seconds_ago: float) -> str:
        """Return the lab's time of day, so many real seconds ago."""
        return f"{moment(self.now() - seconds_ago * self.config.speed):%H:%M:%S}"

    def _open_engine(self) -> Engine:
        """Return the engine, unless the lab is closed."""
        if self._closed is not None:
            raise Conflict(
                "OperationInvalidForCurrentState",
                f"the lab of account {self.account!r} is closed",
            )
        return self.engine

    def _fail_next(self, kind: RunKind) -> bytes:
        return messages.answer(lambda: self._open_engine().fail_next(kind))

    async def _storage(self, method: str, path: str, options: dict[str, Any]) -> bytes:
        """Carry out a call of `HostFileSystem`."""
        return await threads.call(messages.answer, lambda: self._data.do(method, path, options))

    async def _scale(self, seconds: float, final: bool = False, **news: Any) -> dict[str, Any]:
        """Return what a client that can scale the cluster should do."""
        if self._cluster is None:
            return {"workers": 0, "close": [], "least": 0, "over": True}
        over = self._closed is not None and self._closed.done()
        advice = await self._cluster.shared.scaling.advise(seconds, final=final or over, **news)
        return advice | {"over": over}

    # -- the end --------------------------------------------------------------------------------

    async def _close_rpc(self) -> bytes:
        """End the lab but not the scheduler: other labs continue, and a new one may start."""
        await self.end()
        if self._scheduler.plugins.get(self.name) is self:
            self._scheduler.remove_plugin(name=self.name)
        return messages.answer(lambda: None)

    async def before_close(self) -> None:
        """End the lab before the scheduler closes, so that no loss is repaired any more."""
        await self.end()

    async def end(self) -> None:
        """End the lab: remove all nodes and delete the lab's folder. Can be called twice."""
        if self._closed is None and self._begun:
            self._closed = asyncio.ensure_future(self._end())
        if self._closed is not None:
            await asyncio.shield(self._closed)

    async def _end(self) -> None:
        self._wakeful.cancel()
        self.engine.report(LabClosing())
        self._waiting.end()
        self.wake_at(None)
        await self.fleet.close()
        self.journal.close()
        await threads.call(self._leave, isinstance(self.journal, Notes) and self.journal.kept)

    def _leave(self, kept: bool = False) -> None:
        """Leave the lab's folder: delete it, unless it is kept."""
        if not kept:
            remove_tree(self.folder)
        guards.dismiss(self.folder)
