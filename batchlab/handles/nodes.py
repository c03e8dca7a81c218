"""The nodes of a pool: list, filter and await them together."""

from __future__ import annotations

from batchlab.core.answers.pages import matching
from batchlab.core.messages.questions import ListNodes, NodesAre
from batchlab.core.messages.views import NodeView
from batchlab.drivers.ports import Connection
from batchlab.handles.base import Awaited
from batchlab.handles.collections.mapping import Handles
from batchlab.handles.node import Node
from batchlab.handles.progress import nodes_of, show_progress
from batchlab.handles.verbs import Duration, Watch, check_state, seconds, verb
from batchlab.words import plural

__all__ = ["Nodes"]


class Nodes(Handles[Node], Awaited):
    """The nodes of a pool by id, in order of allocation."""

    __slots__ = ("_pool_id",)
    _kind = "node"
    _view_type = NodeView
    _shows_progress = True

    def __init__(self, connection: Connection, pool_id: str) -> None:
        super().__init__(connection)
        self._pool_id = pool_id

    def views(self) -> list[NodeView]:
        """An immutable snapshot of each node, all of the same moment."""
        views: list[NodeView] = self._connection.ask(ListNodes(pool_id=self._pool_id))
        return matching(views, self._where)

    @verb
    def wait(
        self, state: str = "idle", *, timeout: Duration = None, watch: Watch | None = None,
        progress: bool | None = None,
    ) -> None:  # fmt: skip
        """Block until the pool is steady and all its nodes are in a state; see `Node.wait`.

        Parameters
        ----------
        state, timeout, watch
            As for `Node.wait`.
        progress : bool, optional
            Whether to show progress, in a notebook or on a terminal, once the wait takes longer
            than half a second. By default it is shown unless `watch` is given.

        Raises
        ------
        InvalidRequest
            ``InvalidPropertyValue``: not a state of a node.
        WaitTimeout
            ``OperationTimedOut``: the timeout expired.
        WaitNeverEnds
            Nothing in progress will bring them into that state; the message says why.
        """
        known = check_state("node", state, "Nodes.wait")
        goal = NodesAre(pool_id=self._pool_id, state=known)
        limit = seconds(timeout, "Nodes.wait")
        with show_progress(nodes_of(self._connection, self._pool_id, (known,)), watch,
                         progress) as look:  # fmt: skip
            self._connection.wait(goal, limit, look)

    def _handle(self, id: str) -> Node:  # noqa: A002
        return Node(self._connection, self._pool_id, id)

    def _summary(self) -> str:
        views = self.views()
        states = dict.fromkeys(view.state for view in views)
        counts = {state: sum(view.state == state for view in views) for state in states}
        parts = ", ".join(f"{count} {state}" for state, count in counts.items())
        return plural(len(views), "node") + f": {parts}" * bool(parts)
