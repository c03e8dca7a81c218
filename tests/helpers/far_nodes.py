"""Nodes far away from their host, in a time that jumps: a real core, real queues, slow links.

Nothing here waits, and nothing depends on how fast the machine is.
"""

from __future__ import annotations

import asyncio
import selectors
from collections import deque
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from batchlab.core.messages.facts import DeadlineReached, Report, RunExited
from batchlab.core.messages.inputs import CreateJob, CreateTasks
from batchlab.core.messages.outputs import StartRun, TakeBack
from batchlab.core.model import JobSpec, TaskSpec
from batchlab.drivers.dask import lease, messages, run_ahead
from batchlab.drivers.dask.lease import Lease
from batchlab.drivers.dask.messages import NodeConfig
from batchlab.drivers.dask.run_ahead import RunAhead
from helpers.world import World

BEAT_S = 5.0


class JumpingLoop(asyncio.SelectorEventLoop):
    """A loop whose clock jumps to the next moment at which something happens."""

    def __init__(self) -> None:
        super().__init__(_JumpingSelector(self._jump))
        self._now = 0.0

    def time(self) -> float:
        return self._now

    def _jump(self, seconds: float) -> None:
        self._now += seconds


class _JumpingSelector(selectors.SelectSelector):
    def __init__(self, jump: Callable[[float], None]) -> None:
        super().__init__()
        self._jump = jump

    def select(self, timeout: float | None = None) -> Any:
        assert timeout is not None, "nothing will ever happen"
        self._jump(max(0.0, timeout))
        return super().select(0)


class Way:
    """A way in one direction: everything arrives later, in order."""

    def __init__(self, seconds: float, arrive: Callable[[Any], None]) -> None:
        self._seconds = seconds
        self._arrive = arrive
        self._loop = asyncio.get_running_loop()
        self._under_way: deque[Any] = deque()

    def send(self, message: Any) -> None:
        self._under_way.append(message)
        self._loop.call_later(self._seconds, lambda: self._arrive(self._under_way.popleft()))


class FarNode:
    """A node whose messages travel for half a round trip, and whose runs take equally long."""

    def __init__(self, host: FarHost, node_id: str, slots: int, run_s: float) -> None:
        self._host = host
        self._run_s = run_s
        self.messages = 0
        self._loop = asyncio.get_running_loop()
        self._home = Way(host.way_s, host.take)
        self.way = Way(host.way_s, self._obey)
        config = NodeConfig(
            lab_id="l", node_id=node_id, account_name="a", account_url="u", task_slots=slots,
            beat_s=BEAT_S,
        )  # fmt: skip
        self._answers: dict[str, Any] = {}
        worker = SimpleNamespace(
            stream_handlers=self._answers, batched_stream=SimpleNamespace(send=self._beat)
        )
        self.lease = Lease(worker, config, "", lambda: None)
        self.ahead = RunAhead(config, self._start, self._send, self.lease.round_trip_s)

    def _beat(self, beat: dict[str, Any]) -> None:
        answer = self._answers[messages.lease_op("l")]
        self._loop.call_later(
            2 * self._host.way_s, lambda: answer(arrival="", sent=beat["sent"], valid=True)
        )

    def _obey(self, commands: Sequence[Any]) -> None:
        for command in commands:
            if isinstance(command, TakeBack):
                self.ahead.take_back(command.run_ids)
            elif command.ahead:
                self.ahead.add(command)
            else:
                self._start(command)

    def _start(self, start_run: StartRun) -> None:
        self.ahead.begin(start_run)
        self._loop.call_later(self._run_s, self._exit, start_run)

    def _exit(self, start_run: StartRun) -> None:
        self.ahead.exited(RunExited(run_id=start_run.run_id, exit_code=0), reported=True)
        self.ahead.flush()

    def _send(self, reports: Sequence[Report], _: Sequence[float]) -> None:
        if reports:
            self.messages += 1
            self._home.send(reports)


class FarHost:
    """A core with a pool of far nodes that are all up.

    Attributes
    ----------
    way_s : float
        How long a message travels.
    """

    def __init__(self, round_trip_s: float, *, nodes: int = 1, slots: int, run_s: float) -> None:
        self.way_s = round_trip_s / 2
        self.world = World()
        self._loop = asyncio.get_running_loop()
        ids = self.world.pool(nodes=nodes, task_slots_per_node=slots)
        self.nodes = {node_id: FarNode(self, node_id, slots, run_s) for node_id in ids}
        self._timer: asyncio.TimerHandle | None = None

    def take(self, reports: Sequence[Any]) -> None:
        for report in reports:
            self._feed(report)
        self._tell()

    def _feed(self, item: Any) -> None:
        world = self.world
        world.now = 1_000_000.0 + self._loop.time()
        world.unseen += world.core.handle(world.now, item).commands  # unchecked: they are many

    def _tell(self) -> None:
        """Send the commands that the core has given, and wait for its next deadline."""
        for_nodes: dict[str, list[Any]] = {}
        command: Any
        for command in self.world.said():
            one = command.node_id if isinstance(command, TakeBack) else command.run_id.node_id
            for_nodes.setdefault(one, []).append(command)
        for node_id, commands in for_nodes.items():
            self.nodes[node_id].way.send(commands)
        if self._timer is not None:
            self._timer.cancel()
        due = self.world.core.next_deadline()
        if due is not None:
            delay = max(0.0, due - 1_000_000.0 - self._loop.time()) + 1e-6  # and not just before
            self._timer = self._loop.call_later(delay, self.take, [DeadlineReached()])

    async def run(self, tasks: int) -> float:
        """Run so many tasks; the seconds that takes."""
        begin = self._loop.time()
        specs = tuple(TaskSpec(id=f"t{number}", command_line="x") for number in range(tasks))
        self._feed(CreateJob(spec=JobSpec(id="j", pool_info="p")))
        self._feed(CreateTasks(job_id="j", specs=specs))
        self._tell()
        while self.world.job_view().task_counts.completed < tasks:
            await asyncio.sleep(0.01)
        return self._loop.time() - begin


def play(monkeypatch: pytest.MonkeyPatch, work: Callable[[], Any]) -> Any:
    """Run a coroutine on a loop whose time jumps, with the queues and leases of nodes."""
    with asyncio.Runner(loop_factory=JumpingLoop) as runner:
        clock = SimpleNamespace(monotonic=runner.get_loop().time)
        monkeypatch.setattr(run_ahead, "time", clock)
        monkeypatch.setattr(lease, "time", clock)
        return runner.run(work())
