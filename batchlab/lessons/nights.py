"""Nights in which something goes wrong: simulated labs with hidden faults, for lesson 21.

In each night a machine has a broken disk, on another one the download never ends, and spot nodes
are taken away twice. Which and when depends on the number of the night, and on nothing else. The
faults are in the machines and programs, so a design shows whether it can cope with them; nothing
here knows how a design looks.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from random import Random
from typing import Any

from batchlab.core.messages.inputs import PreemptNode
from batchlab.core.messages.questions import ListNodes, ListPools
from batchlab.core.model.ranges import is_number
from batchlab.core.state.states import NODE
from batchlab.drivers.simulated.connection import SimulatedConnection
from batchlab.drivers.simulated.workload import Behavior, Launch, Workload
from batchlab.errors import invalid
from batchlab.lab import SimulatedLab

__all__ = ["BOOK", "DOWNLOAD", "Faults", "NightConnection", "night"]

DOWNLOAD, BOOK, CHECK = timedelta(minutes=8), timedelta(minutes=3), timedelta(seconds=2)
HANGS = timedelta(hours=6)
AWAY_S = 20 * 60.0
"""How long a preempted node stays away."""
MOST = 999
BROKEN_DISK = Behavior(
    duration=timedelta(seconds=4),
    exit_code=1,
    stderr="cannot write risk.json: Input/output error\n",
)
NO_PRICES = Behavior(
    duration=timedelta(seconds=1), exit_code=2, stderr="the prices are not on this node\n"
)
BAD_CHECK = Behavior(duration=CHECK, exit_code=1, stderr="check: the disk is broken\n")


class Faults:
    """What goes wrong in a night, and which nodes have the prices.

    Attributes
    ----------
    bad, slow : int
        Which machines of a pool have a broken disk, and a download that hangs: their numbers in
        the order in which the pool got them.
    preemptions : list of (timedelta, int)
        When spot nodes are taken away, and which part of them: each second, each third.
    broken_runs : int
        How many runs of books have failed on the broken disk so far.
    """

    def __init__(self, number: int) -> None:
        chance = Random(number)
        self.bad, self.slow = chance.sample(range(2, 32), 2)
        self.preemptions = [
            (timedelta(minutes=chance.randint(25, 35)), 2),
            (timedelta(minutes=chance.randint(42, 52)), 3),
        ]
        self.broken_runs = 0
        self._downloads: dict[str, datetime] = {}

    def workload(self) -> Workload:
        """What the programs do on each machine."""
        return Workload(rules={
            "check disk": lambda launch: BAD_CHECK if self.is_bad(launch) else CHECK,
            "download prices": self._download,
            "value book": self._value,
        })  # fmt: skip

    def is_bad(self, launch: Launch) -> bool:
        """Whether the disk of the machine is broken."""
        return machine(launch.run_id.node_id) == self.bad

    def _download(self, launch: Launch) -> timedelta:
        node_id = launch.run_id.node_id
        span = HANGS if machine(node_id) == self.slow else DOWNLOAD
        self._downloads[node_id] = launch.now + span
        return span

    def _value(self, launch: Launch) -> Behavior | timedelta:
        there = self._downloads.get(launch.run_id.node_id)
        new_since = launch.now - launch.node_age
        if there is None or not new_since < there <= launch.now:  # a new node has an empty disk
            return NO_PRICES
        if not self.is_bad(launch):
            return BOOK
        self.broken_runs += 1
        return BROKEN_DISK


def machine(node_id: str) -> int:
    """Which machine of its pool a node is, in the order in which the pool got them."""
    return int(node_id.partition("_")[2].partition("-")[0])


class NightConnection(SimulatedConnection):
    """The service of a night; `faults` is what goes wrong in it."""

    faults: Faults

    def preempt(self, each: int) -> None:
        """Take spot nodes away: each second, or each third, that is up."""
        for pool in self.ask(ListPools()):
            nodes = [
                node.id
                for node in self.ask(ListNodes(pool_id=pool.id))
                if not node.is_dedicated and node.state in NODE.group("taking")
            ]
            for node_id in nodes[::each]:
                self.engine.request(PreemptNode(pool_id=pool.id, node_id=node_id))


def night(number: int) -> SimulatedLab:
    """Open the lab of a night in which something goes wrong; lesson 21 is about these.

    Equal numbers give equal nights.

    Parameters
    ----------
    number : int
        1 to 999.

    Raises
    ------
    InvalidRequest
        ``InvalidPropertyValue``: not such a number.
    """
    given: Any = number
    if not is_number(given) or given not in range(1, MOST + 1):
        raise invalid("number", given, f"must be from 1 to {MOST}", owner="lessons.night")
    faults = Faults(int(given))
    connection = NightConnection.start(
        settings={"spot_return_s": AWAY_S}, workload=faults.workload(), boot_s=90.0
    )
    connection.faults = faults
    for after, each in faults.preemptions:
        when = connection.now() + after.total_seconds()
        connection.world.plan(when, lambda each=each: connection.preempt(each))  # type: ignore[misc]
    return SimulatedLab._on(connection, f"lessons.night({number})")
