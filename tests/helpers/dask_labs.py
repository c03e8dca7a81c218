"""What the tests of real nodes share: polling with a deadline, and a node on a worker."""

from __future__ import annotations

import asyncio
import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

import psutil
from distributed import Worker

from batchlab.core.messages import inputs, questions
from batchlab.core.messages.facts import DepthMeasured
from batchlab.core.messages.outputs import StartRun
from batchlab.core.model import JobSpec, PoolSpec, TaskSpec
from batchlab.core.model.ids import RunId
from batchlab.drivers.dask import messages
from batchlab.drivers.dask.agent import PLUGIN_NAME, NodeAgent
from batchlab.drivers.dask.supply import LightWorker, QuietScheduler
from helpers.waiting import WAIT_S


def sleepers(seconds: float) -> list[int]:
    """Processes, zombies aside, that run ``sleep`` for this number of seconds."""
    listing = subprocess.run(
        ["ps", "-axo", "pid=,stat=,args="], capture_output=True, text=True, check=True
    ).stdout
    rows = [line.split(maxsplit=2) for line in listing.splitlines()]
    return [
        int(pid) for pid, state, command in rows
        if command == f"sleep {seconds}" and not state.startswith("Z")
    ]  # fmt: skip


def children_with(word: str, pid: int | None = None, *, recursive: bool = False) -> list[Any]:
    """The children of a process (this one by default) with a word in their command lines."""
    return [
        child for child in psutil.Process(pid).children(recursive=recursive)
        if any(word in part for part in command_line(child))
    ]  # fmt: skip


def command_line(process: psutil.Process) -> list[str]:
    """The command line of a process; empty if it has ended meanwhile."""
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def has_ended(process: psutil.Process) -> bool:
    """Whether a process is gone, or only waits to be reaped."""
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.Error:
        return True


class Node:
    """One node on a light worker, and what it reported to a scheduler that has no host."""

    def __init__(self, root: Any, **config: Any) -> None:
        self.config = messages.NodeConfig(
            lab_id="test", node_id="node", account_name="account",
            account_url="https://account", root=str(root), **config,
        )  # fmt: skip
        self.reports: list[Any] = []
        self.beats: list[dict[str, Any]] = []
        self.answer: bool | None = None  # to its beats: whether its lease is valid
        self._number = 0

    @property
    def root(self) -> str:
        return os.path.realpath(f"{self.config.root}/batchlab-test/node")

    async def __aenter__(self) -> Self:
        self.scheduler = await QuietScheduler(protocol="inproc://", dashboard=False)
        self.scheduler.stream_handlers[messages.reports_op("account")] = self._take
        self.scheduler.stream_handlers[messages.beats_op("account")] = self._hear
        await self.join()
        return self

    async def join(self) -> None:
        """Put the node on a new worker."""
        self.worker = await LightWorker(
            self.scheduler.address, nthreads=1, name="node", memory_limit=0,
            local_directory=self.config.root,
        )  # fmt: skip
        assert isinstance(self.worker, Worker)
        result = await self.worker.plugin_add(NodeAgent(self.config), name=PLUGIN_NAME)
        assert result == {"status": "OK"}

    async def __aexit__(self, *_: object) -> None:
        await self.worker.close()
        await self.scheduler.close()

    def _take(self, reports: bytes = b"", **_: Any) -> None:
        ages, decoded = messages.decode_reports(reports)
        assert len(ages) == len(decoded)
        self.reports += [each for each in decoded if not isinstance(each, DepthMeasured)]

    def _hear(self, worker: str = "", arrival: str = "", sent: float = 0.0, **beat: Any) -> None:
        self.beats.append(beat)
        if self.answer is not None:
            self.scheduler.stream_comms[worker].send(
                {"op": messages.lease_op("test"), "arrival": arrival, "sent": sent,
                 "valid": self.answer}
            )  # fmt: skip

    async def passes(self, condition: Callable[[], Any]) -> None:
        """Wait for a condition while the node lives on."""
        deadline = time.monotonic() + WAIT_S
        while not condition():
            assert time.monotonic() < deadline, f"{condition} did not come true"
            await asyncio.sleep(0.01)

    def run(
        self, command_line: str, kind: Any = "task", name: str = "t1", job_id: str = "j",
        **options: Any,
    ) -> StartRun:  # fmt: skip
        """Order a run; the order."""
        order = self.order(command_line, kind, name, job_id, **options)
        self.send(order)
        return order

    def order(
        self, command_line: str, kind: Any = "task", name: str = "t1", job_id: str = "j",
        **options: Any,
    ) -> StartRun:  # fmt: skip
        """The order of a run."""
        self._number += 1
        return StartRun(
            run_id=RunId(job_id, name, "node", self._number), kind=kind, pool_id="pool",
            command_line=command_line, directory=f"workitems/{job_id}/job-1/{name}", **options,
        )  # fmt: skip

    def send(self, *commands: Any) -> None:
        """Give the node commands."""
        comm = self.scheduler.stream_comms[self.worker.address]
        comm.send(
            {"op": messages.commands_op("test"), "commands": messages.encode_commands(commands)}
        )

    async def report(self, order: StartRun) -> Any:
        """Wait for the report of a run."""
        deadline = time.monotonic() + WAIT_S
        while True:
            for report in self.reports:
                if getattr(report, "run_id", None) == order.run_id:
                    return report
            assert time.monotonic() < deadline, f"no report of {order.command_line}"
            await asyncio.sleep(0.005)

    def read(self, path: str) -> bytes:
        return Path(self.root, path).read_bytes()


# -- a pool and a job through a connection --------------------------------------------------------


def make_pool(lab: Any, nodes: int = 1, slots: int = 1, **options: Any) -> Any:
    lab.request(inputs.CreatePool(spec=PoolSpec(
        id="p", target_dedicated_nodes=nodes, task_slots_per_node=slots, **options)))  # fmt: skip
    lab.wait(questions.NodesAre(pool_id="p", state="idle"), WAIT_S)
    return lab.ask(questions.ListNodes(pool_id="p"))


def add_tasks(lab: Any, *command_lines: str, job: str = "j", **options: Any) -> None:
    specs = [TaskSpec(id=f"t{i}", command_line=line) for i, line in enumerate(command_lines)]
    lab.request(inputs.CreateJob(spec=JobSpec(id=job, pool_info="p", **options)))
    lab.request(inputs.CreateTasks(job_id=job, specs=tuple(specs)))


def finish(lab: Any, job: str = "j") -> Any:
    lab.wait(questions.TasksCompleted(job_id=job), WAIT_S)
    return lab.ask(questions.ListTasks(job_id=job))


def is_running(lab: Any, task: str = "t0") -> bool:
    return lab.ask(questions.GetTask(job_id="j", task_id=task)).state == "running"


def text(lab: Any, task: str, path: str = "stdout.txt") -> str:
    location = lab.ask(questions.LocateTask(job_id="j", task_id=task))
    return lab.files.read(location, path).decode()
