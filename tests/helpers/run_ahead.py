"""The queue of a node without a node: runs exit when they are told to."""

from __future__ import annotations

from typing import Any

from batchlab.core.messages.facts import DepthMeasured, Report, RunExited
from batchlab.core.messages.outputs import StartRun
from batchlab.core.model.ids import RunId
from batchlab.drivers.dask.messages import NodeConfig
from batchlab.drivers.dask.run_ahead import RunAhead

__all__ = ["Node", "exited", "run"]


class Node:
    """A node whose runs exit when they are told to."""

    def __init__(self, slots: int = 1, speed: float = 1.0, round_trip_s: float = 0.0) -> None:
        config = NodeConfig(
            lab_id="l", node_id="n", account_name="a", account_url="u", task_slots=slots,
            speed=speed,
        )  # fmt: skip
        self.started: list[str] = []
        self.sent: list[list[Report]] = []
        self.ages: list[float] = []
        self.ahead = RunAhead(config, self.start, self.send, lambda: round_trip_s)

    def start(self, start_run: StartRun) -> None:
        self.started.append(start_run.run_id.task_id)
        self.ahead.begin(start_run)

    def send(self, reports: Any, ages: Any) -> None:
        assert len(reports) == len(ages)
        self.sent.append([each for each in reports if not isinstance(each, DepthMeasured)])
        self.ages += ages

    def wait(self, *names: str) -> None:
        for name in names:
            self.ahead.add(run(name, ahead=True))

    def exit(self, *names: str, when: float = 0.0) -> None:
        for name in names:
            self.ahead.exited(RunExited(run_id=run(name).run_id, exit_code=0), when, reported=True)
        self.ahead.flush()

    def said(self) -> list[Report]:
        """What was sent since the last look."""
        sent, self.sent = self.sent, []
        return [report for reports in sent for report in reports]


def run(name: str, **settings: Any) -> StartRun:
    return StartRun(
        run_id=RunId("j", name, "n", ord(name)), kind="task", pool_id="p", command_line="x",
        directory="d", **settings,
    )  # fmt: skip


def exited(name: str, then: str | None = None) -> RunExited:
    return RunExited(run_id=run(name).run_id, exit_code=0, then=run(then).run_id if then else None)
