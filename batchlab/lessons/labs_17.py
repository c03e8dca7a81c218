"""The labs of lesson 17: nodes that go, a node that is slow, and a server with too few seats."""

from __future__ import annotations

import re
from collections import Counter
from datetime import datetime, timedelta

from batchlab.core.messages.inputs import PreemptNode
from batchlab.drivers.simulated.workload import Behavior, Launch, Workload
from batchlab.lab import SimulatedLab
from batchlab.lessons.broken import breaking

__all__ = [
    "ITEMS",
    "ITEM_S",
    "LOAD_S",
    "LOSSES",
    "SEATS",
    "STEPS",
    "STEP_S",
    "Busy",
    "Licensed",
    "items_of",
]

ITEMS = 1200
ITEM_S, LOAD_S = 3, 20
"""Seconds for each item, and for loading the model before the first one."""
STORM = timedelta(minutes=4)
"""How often a node is taken in 17-1."""
STEP_S = 600
STEPS = 6
"""The steps of the calculation of 17-2, and how long each takes."""
LOSSES = (25, 45, 62)
"""After how many minutes the node that works is taken in 17-2."""
SLOW = 10
SEATS = 3
_PRICE = re.compile(r"price (\d+) (\d+)")


def items_of(script: str) -> list[int]:
    """The items that the commands of a script price; none if it has other commands."""
    found: list[int] = []
    for command in re.split(r"\s*(?:;|&&|\n)\s*", script.strip()):
        match = _PRICE.fullmatch(command)
        if match is None:
            return []
        found += range(int(match[1]), int(match[2]) + 1)
    return found


class Busy(Workload):
    """``price 1 100`` takes its time for each item; ``render`` takes a minute.

    Attributes
    ----------
    slow : str
        The id of the first node that renders, which takes ten times as long; empty if none did.
    """

    def __init__(self) -> None:
        super().__init__("60s", rules={"price *": self._price, "render *": self._render})
        self.slow = ""

    def _price(self, launch: Launch) -> Behavior:
        count = len(items_of(launch.command))
        return Behavior(duration=timedelta(seconds=LOAD_S + ITEM_S * count))

    def _render(self, launch: Launch) -> Behavior:
        self.slow = self.slow or launch.run_id.node_id
        factor = SLOW if launch.run_id.node_id == self.slow else 1
        return Behavior(duration=factor * timedelta(minutes=1))


class Licensed(Workload):
    """``solve`` needs a seat of a licence server for a minute; without one it fails at once.

    Attributes
    ----------
    calls, refused : Counter
        How often the server was asked, and how often it had no seat, by job.
    solved : set
        The tasks that had a seat: the ids of their jobs, and their own.
    """

    def __init__(self) -> None:
        super().__init__("60s", rules={"solve*": self._solve})
        self.calls: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()
        self.solved: set[tuple[str, str]] = set()
        self._until: list[datetime] = []

    def _solve(self, launch: Launch) -> Behavior:
        job_id = launch.run_id.job_id
        self.calls[job_id] += 1
        self._until = [until for until in self._until if until > launch.now]
        if len(self._until) >= SEATS:
            self.refused[job_id] += 1
            said = "solve: no licence seat is free\n"
            return Behavior(duration=timedelta(seconds=1), exit_code=75, stderr=said)
        duration = timedelta(minutes=1)
        self._until.append(launch.now + duration)
        self.solved.add((job_id, launch.run_id.task_id))
        return Behavior(duration=duration, stdout="solved\n")


def _take(lab: SimulatedLab, turn: int) -> None:
    """Take the next spot node that works, in turns."""
    pool = lab.pools.get("spot")
    nodes = pool.nodes.values() if pool else ()
    at_work = [node for node in nodes if node.state == "running" and not node.is_dedicated]
    if at_work:
        node = at_work[turn % len(at_work)]
        lab._connection.engine.request(PreemptNode(pool_id="spot", node_id=node.id))


def _plan(lab: SimulatedLab, when: timedelta, turn: int) -> None:
    moment = lab.now + when
    lab._connection.world.plan(moment.timestamp(), lambda: _take(lab, turn))


def _spot(lab: SimulatedLab, nodes: int) -> None:
    pool = lab.create_pool("spot", target_dedicated_nodes=0, target_low_priority_nodes=nodes)
    pool.nodes.wait("idle")


@breaking("17-1", workload=Busy)
def _storm(lab: SimulatedLab) -> None:
    _spot(lab, 4)
    for turn in range(1, 120):
        _plan(lab, turn * STORM, turn)


@breaking("17-2", workload=Busy)
def _losses(lab: SimulatedLab) -> None:
    _spot(lab, 2)
    lab.storage.create_container("checkpoints")
    for minutes in LOSSES:
        _plan(lab, timedelta(minutes=minutes), 0)


@breaking("17-3", workload=Busy, max_nodes=5)
def _slow_node(lab: SimulatedLab) -> None:
    lab.create_pool("farm", target_dedicated_nodes=5).nodes.wait("idle")


@breaking("17-4", workload=Licensed, max_nodes=6)
def _too_few_seats(lab: SimulatedLab) -> None:
    lab.create_pool("farm", target_dedicated_nodes=6).nodes.wait("idle")
