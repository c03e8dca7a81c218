"""What nodes did with their time and what that would have cost, as the core counts it for pools.

The core keeps totals of existing pools; this follows each node through the history, so it also
knows when, and includes deleted pools. At every moment a node does exactly one thing.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

from batchlab.core.model import price_per_hour
from batchlab.core.state.activity import beside_node_tasks
from batchlab.core.state.states import NODE
from batchlab.history.schema import NODE_STATES
from batchlab.history.series import Steps
from batchlab.history.subject import SubjectHistory

__all__ = ["NodeTimes"]

_KIND = {"task": "tasks", "subtask": "tasks", "waiting": "held", "jobpreparation": "preparation",
         "jobrelease": "release"}  # fmt: skip


class NodeTimes:
    """What the nodes of a history did with their time.

    Attributes
    ----------
    steps : Steps
        How many nodes did what over time.
    hours : dict
        By pool number and activity.
    costs : dict
        The same in US dollars; sizes without a known price are in `unpriced`.
    machines : dict
        By pool number: how many machines were used.
    unpriced : list of str
    """

    def __init__(self, history: SubjectHistory) -> None:
        self._history = history
        self.steps = Steps()
        self.hours: dict[tuple[int, str], float] = {}
        self.costs: dict[tuple[int, str], float] = {}
        self.machines: dict[int, int] = {}
        self.unpriced: list[str] = []
        events: dict[int, list[tuple[float, str, int]]] = {node: [] for node in history.nodes}
        node_states = history.tables.columns["node_states"]
        for at, node, state in zip(
            node_states["at"], node_states["node"], node_states["state"], strict=True
        ):
            if node in events:
                events[node].append((at, NODE_STATES[state], 0))
        for run in history.all_runs:
            if run.node in events and run.kind in _KIND and run.end > run.start:
                events[run.node] += ((run.start, _KIND[run.kind], 1),
                                     (run.end, _KIND[run.kind], -1))  # fmt: skip
        for node, of_node in events.items():
            self._follow(node, of_node)

    def price(self, node: int) -> float | None:
        """What an hour of a node costs, in US dollars."""
        tables = self._history.tables
        if not tables.priced[self._history.pool_of(node)]:
            return None
        size = tables.vm_sizes[self._history.pool_of(node)]
        return price_per_hour(size, dedicated=bool(tables.columns["nodes"]["dedicated"][node]))

    def _follow(self, node: int, events: list[tuple[float, str, int]]) -> None:
        history, pool = self._history, self._history.pool_of(node)
        price = self.price(node)
        size, priced = history.tables.vm_sizes[pool], history.tables.priced[pool]
        if price is None and priced and size not in self.unpriced:
            self.unpriced.append(size)
        doing, since = "", 0.0
        for at, now_doing in _activities(events):
            if now_doing == doing:
                continue
            if doing:
                self._enter(pool, doing, since, at, price)
            else:
                self.machines[pool] = self.machines.get(pool, 0) + 1
            doing, since = now_doing, at
        if doing:
            self._enter(pool, doing, since, history.end, price)

    def _enter(self, pool: int, doing: str, begin: float, end: float, price: float | None) -> None:
        begin, end = max(begin, self._history.begin), min(end, self._history.end)
        if end <= begin:
            return
        self.steps.span(doing, begin, end)
        key, hours = (pool, doing), (end - begin) / 3600
        self.hours[key] = self.hours.get(key, 0.0) + hours
        if price is not None:
            self.costs[key] = self.costs.get(key, 0.0) + hours * price


def _activities(events: list[tuple[float, str, int]]) -> Iterator[tuple[float, str]]:
    """What a node does, and from when on."""
    state, has_machine = "", False
    runs = {"tasks": 0, "held": 0, "preparation": 0, "release": 0}
    events.sort(key=lambda event: event[0])
    for at, together in groupby(events, key=lambda event: event[0]):
        for _, name, by in together:
            if by:
                runs[name] += by
            else:
                state = name
        there = NODE[state].activity if state in NODE else ""
        has_machine = bool(there) and (has_machine or state == "starting")
        yield at, _activity(state, there, runs) if has_machine else ""


def _activity(state: str, doing: str, runs: dict[str, int]) -> str:
    """What it does while it has a machine; a draining node still runs tasks."""
    if state == "leavingpool" and any(runs.values()):
        doing = "tasks"
    return beside_node_tasks(
        doing, tasks=runs["tasks"] > 0, preparation=runs["preparation"] > 0,
        release=runs["release"] > 0, held=runs["held"] > 0,
    )  # fmt: skip
