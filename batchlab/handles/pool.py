"""Pools: how many nodes they have, how many they should have, and how to change that."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from batchlab.core.answers.pages import matching
from batchlab.core.messages.inputs import (
    DeletePool,
    MeasurePool,
    RemoveNodes,
    ReplacePoolProperties,
    ResizePool,
    StopPoolResize,
    UpdatePool,
)
from batchlab.core.messages.questions import ExplainPool, GetCost, GetPool, ListPools, PoolIs
from batchlab.core.messages.view_fields import PoolProperties
from batchlab.core.messages.views import PoolView
from batchlab.core.model import (
    ApplicationPackageReference,
    CertificateReference,
    Deallocation,
    PoolSpec,
    StartTask,
    TaskSchedulingPolicy,
    UserAccount,
)
from batchlab.core.state.states import NODE
from batchlab.errors import invalid
from batchlab.handles.applications import Application, ApplicationPackage
from batchlab.handles.auto_scaling import AutoScaling
from batchlab.handles.base import Awaited, Handle
from batchlab.handles.certificates import Certificate
from batchlab.handles.collections.mapping import Handles
from batchlab.handles.costs import Cost
from batchlab.handles.explanation import Explanation
from batchlab.handles.node import Node
from batchlab.handles.nodes import Nodes
from batchlab.handles.progress import nodes_of, show_progress
from batchlab.handles.verbs import (
    Duration,
    Watch,
    ask_for,
    check_state,
    described_by,
    seconds,
    taken,
    verb,
)
from batchlab.words import plural

if TYPE_CHECKING:
    from batchlab.autoscale import Formula
    from batchlab.laboratory.auto_scale_lab import AutoScaleLab
    from batchlab.reports import ActivityReport

__all__ = ["CertificateReferences", "PackageReferences", "Pool", "Pools"]

PackageReferences = Sequence[ApplicationPackageReference | Application | ApplicationPackage | str]
CertificateReferences = Sequence[CertificateReference | Certificate | str]

_HAD = frozenset(name for name, state in NODE.items() if state.activity)
"""The states of a node that has a machine."""


class Pool(Handle, Awaited, AutoScaling, PoolProperties, init=False):
    """A set of nodes. Properties query the service; `view` returns all of them at once."""

    __slots__ = ()
    _shows_progress = True

    def view(self) -> PoolView:
        """All properties at one moment, as an immutable snapshot."""
        view: PoolView = self._connection.ask(GetPool(pool_id=self._id))
        return view

    @property
    def nodes(self) -> Nodes:
        """Its nodes, by id."""
        return Nodes(self._connection, self._id)

    @property
    def cost(self) -> Cost:
        """What its nodes did until now, including removed ones, and what that would have cost."""
        return Cost(self._connection.ask(GetCost(pool_id=self._id)))

    def explain(self) -> Explanation:
        """What keeps it from its target size or its nodes from taking tasks, and what would help.

        `Job.explain` says why the tasks of a job wait.
        """
        reasons = self._connection.ask(ExplainPool(pool_id=self._id))
        view = self.view()
        nodes = plural(sum(view.node_counts.values()), "node")
        nothing = f"Nothing is in its way: the pool is {view.allocation_state}, with {nodes}."
        return Explanation(reasons, nothing, whole=True)

    @verb
    def resize(
        self,
        target_dedicated_nodes: int | None = None,
        *,
        target_low_priority_nodes: int | None = None,
        resize_timeout: Duration = None,
        node_deallocation_option: Deallocation = "requeue",
    ) -> None:
        """Change the number of nodes.

        Parameters
        ----------
        target_dedicated_nodes, target_low_priority_nodes : int, optional
            Give at least one; the other keeps its value.
        resize_timeout : duration, default that of the pool
            At least 5 minutes. When it expires the pool keeps the nodes it has.
        node_deallocation_option : {"requeue", "terminate", "taskcompletion", "retaineddata"}
            What happens to tasks on the nodes that are removed: requeue them, terminate them, or
            wait for them (and with ``"retaineddata"`` also until their retention time is over).

        Raises
        ------
        Conflict
            ``PoolBeingResized``, ``PoolBeingDeleted``.
        """
        ask_for(self._connection, ResizePool, "Pool.resize", pool_id=self._id,
                **taken(ResizePool, locals()))  # fmt: skip

    def auto_scale_lab(self, auto_scale_formula: Formula | str | None = None) -> AutoScaleLab:
        """An editor for its formula: see what it decides, what it would have done, and apply it.

        In a notebook, make it the last line of a cell.

        Parameters
        ----------
        auto_scale_formula : Formula or str, optional
            What to start with. If omitted, the current formula, or one that keeps the present
            targets.
        """
        # The laboratory imports this module.
        from batchlab.laboratory.auto_scale_lab import AutoScaleLab  # noqa: PLC0415

        return AutoScaleLab.of(self, auto_scale_formula)

    @verb
    def measure(self) -> None:
        """Ask its nodes to measure their usage; `Node.usage` shows it a moment later.

        Not needed while autoscale is enabled: nodes then measure every 30 s of lab time.
        """
        ask_for(self._connection, MeasurePool, "Pool.measure", pool_id=self._id)

    @verb
    def stop_resize(self) -> None:
        """Keep the current nodes; `resize_errors` then contains ``ResizeStopped``."""
        ask_for(self._connection, StopPoolResize, "Pool.stop_resize", pool_id=self._id)

    @verb
    def remove_nodes(
        self,
        node_list: Iterable[Node | str],
        *,
        resize_timeout: Duration = None,
        node_deallocation_option: Deallocation = "requeue",
    ) -> None:
        """Remove the given nodes and reduce the target by their number.

        Parameters
        ----------
        node_list : list of Node or str
            100 nodes at most.
        resize_timeout, node_deallocation_option
            As for `resize`.

        Raises
        ------
        Conflict
            ``PoolBeingResized``, ``PoolBeingDeleted``.
        NotFound
            ``PoolNotFound``, ``NodeNotFound``.
        InvalidRequest
            ``InvalidPropertyValue``: not a list of nodes, or more than 100.
        """
        ask_for(self._connection, RemoveNodes, "Pool.remove_nodes", pool_id=self._id,
                node_ids=_node_ids(node_list), resize_timeout=resize_timeout,
                node_deallocation_option=node_deallocation_option)  # fmt: skip

    @verb
    @described_by(PoolSpec, change=True)
    def update(
        self,
        *,
        start_task: StartTask | str | None = None,
        application_package_references: PackageReferences | None = None,
        certificate_references: CertificateReferences | None = None,
        display_name: str | None = None,
        metadata: dict[str, str] | None = None,
        vm_size: str | None = None,
        task_slots_per_node: int | None = None,
        task_scheduling_policy: TaskSchedulingPolicy | str | None = None,
        enable_inter_node_communication: bool | None = None,
        user_accounts: Sequence[UserAccount] | None = None,
    ) -> None:
        """Change the given properties, keep the rest; a node applies them when it next starts.

        A list or `metadata` replaces the previous one. The size, slots, policy, communication and
        users of nodes can only change while the pool has none. What nodes of another size have
        cost is then part of the account's costs only.

        Raises
        ------
        Conflict
            ``InvalidApplicationPackageReferences``, ``InvalidCertificateReferences``,
            ``PoolBeingDeleted``. ``OperationInvalidForCurrentState``: the pool has nodes.
        """
        ask_for(self._connection, UpdatePool, "Pool.update", pool_id=self._id,
                **taken(UpdatePool, locals()))  # fmt: skip

    @verb
    @described_by(PoolSpec, change=True)
    def replace_properties(
        self,
        *,
        start_task: StartTask | str | None = None,
        application_package_references: PackageReferences | None = None,
        certificate_references: CertificateReferences | None = None,
        metadata: dict[str, str] | None = None,
    ) -> None:
        """Like `update`, but properties that are not given are removed.

        Raises
        ------
        Conflict
            ``InvalidApplicationPackageReferences``, ``InvalidCertificateReferences``,
            ``PoolBeingDeleted``.
        """
        ask_for(self._connection, ReplacePoolProperties, "Pool.replace_properties",
                pool_id=self._id, **taken(ReplacePoolProperties, locals()))  # fmt: skip

    def report(self) -> ActivityReport:
        """What happened here until now; in a notebook with figures.

        Utilisation, why tasks waited, run times, preparation compared with tasks, and what its
        nodes cost, as numbers, tables and plotly figures. ``report.save("report.html")`` writes
        one file that works offline. A pool that has been deleted has a report, too.

        Raises
        ------
        NotFound
            ``PoolNotFound``: there never was such a pool.
        """
        from batchlab.reports import report_of  # noqa: PLC0415 - only when wanted

        return report_of(self._connection, "pool", self._id)

    @verb
    def delete(self) -> None:
        """Delete it and its nodes; tasks running there are requeued."""
        ask_for(self._connection, DeletePool, "Pool.delete", pool_id=self._id)

    @verb
    def wait(
        self, state: str = "steady", *, timeout: Duration = None, watch: Watch | None = None,
        progress: bool | None = None,
    ) -> None:  # fmt: skip
        """Block until it is in a state.

        Parameters
        ----------
        state : str, default "steady"
            A state, an allocation state, or ``"deleted"``.
        timeout : duration, optional
            In lab time; no limit if omitted.
        watch : callable, optional
            Called a few times a second while waiting.
        progress : bool, optional
            Whether to show progress, in a notebook or on a terminal, once the wait takes longer
            than half a second. By default it is shown unless `watch` is given.

        Raises
        ------
        InvalidRequest
            ``InvalidPropertyValue``: not one of its states.
        WaitTimeout
            ``OperationTimedOut``: the timeout expired.
        WaitNeverEnds
            Nothing in progress will bring it into that state; the message says why.
        """
        goal = PoolIs(pool_id=self._id, state=check_state("pool", state, "Pool.wait"))
        limit = seconds(timeout, "Pool.wait")
        if goal.state != "steady":
            progress = False
        with show_progress(nodes_of(self._connection, self._id, _HAD), watch, progress) as look:
            self._connection.wait(goal, limit, look)


class Pools(Handles[Pool]):
    """The pools of a lab by id, in order of creation."""

    __slots__ = ()
    _kind = "pool"
    _view_type = PoolView

    def views(self) -> list[PoolView]:
        """An immutable snapshot of each pool, all of the same moment."""
        views: list[PoolView] = self._connection.ask(ListPools())
        return matching(views, self._where)

    def _handle(self, id: str) -> Pool:  # noqa: A002
        return Pool(self._connection, id)

    def _summary(self) -> str:
        return "\n".join(
            f"{view.id}  {view.state}, {view.allocation_state}, "
            f"{view.current_dedicated_nodes} of {view.target_dedicated_nodes} nodes" + _spot(view)
            for view in self.views()
        ) or "no pools"  # fmt: skip


def _spot(view: PoolView) -> str:
    """Spot nodes, where there are any or should be."""
    current, target = view.current_low_priority_nodes, view.target_low_priority_nodes
    return f", {current} of {target} spot nodes" if current or target else ""


def _node_ids(node_list: Any) -> list[str]:
    if isinstance(node_list, (str, Node)) or not isinstance(node_list, Iterable):
        reason = "must be a list of nodes or of their ids"
        raise invalid("node_list", node_list, reason, owner="Pool.remove_nodes")
    items = list(node_list)
    for index, item in enumerate(items):
        if not isinstance(item, (str, Node)):
            reason = "must be a node or its id"
            raise invalid(f"node_list[{index}]", item, reason, owner="Pool.remove_nodes")
    return [item.id if isinstance(item, Node) else item for item in items]
