"""Records of runs that wait on a node for a slot; `placement.ahead` has the rules.

They only list the tasks and nodes, and never look inside: `Task` and `Node` are their records.
"""

from __future__ import annotations

from typing import Generic, TypeVar

import msgspec

from batchlab.core.model.ids import RunId
from batchlab.core.state.base import Record

Task = TypeVar("Task")
Node = TypeVar("Node")

Rank = tuple[int, int]
"""How far in front a job is: its priority and, if jobs are served by age, minus its number."""


class AheadRecord(Record, Generic[Task, Node], eq=False, kw_only=True):
    """A run that a node starts by itself when a slot is free; until then its task is active.

    `place` is the task's place in the queue of its job, `rank` that of its job, `since` when it
    was sent to the node. When it is `recalled`, `taken` says what to do with the task if the node
    gives it back (``terminate`` or ``delete``; empty to queue it again), and `started` how to end
    the run if the node has started it.
    """

    id: RunId
    task: Task
    node: Node
    place: int
    rank: Rank
    since: float
    recalled: bool = False
    taken: str = ""
    started: str = ""


class NodeAheadRecord(Record, Generic[Task, Node], eq=False, kw_only=True):
    """The queue of a node, oldest first: filled up to `depth`, none for longer than `patience_s`.

    `watched`: there is a deadline for that.
    """

    depth: int = 0
    patience_s: float = 0.0
    queue: dict[RunId, AheadRecord[Task, Node]] = {}
    watched: bool = False

    @property
    def kept(self) -> list[AheadRecord[Task, Node]]:
        """The runs that are not recalled."""
        return [entry for entry in self.queue.values() if not entry.recalled]


class PoolAheadRecord(Record, Generic[Task, Node], eq=False, kw_only=True):
    """The queues of all nodes of a pool.

    `ranks` counts the runs by rank, and `recalled` those that are recalled. `lacking` are the
    nodes whose queues may have room, as far as known.
    """

    runs: dict[RunId, AheadRecord[Task, Node]] = {}
    ranks: dict[Rank, int] = {}
    recalled: int = 0
    lacking: dict[str, Node] = msgspec.field(default_factory=dict)
