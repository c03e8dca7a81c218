"""How many workers a cluster should have, and which it may close: the scheduler's side.

Dask's own rule counts Dask's tasks, so it does not see labs: an adaptive cluster would close the
workers under their nodes. While there is a lab, the scheduler's ``adaptive_target`` is therefore
also at least what labs need, whether ``cluster.adapt()`` asks for it, dask-gateway, or the
operator of dask-kubernetes. The workers that are nodes are never among those to close, which the
plugin of each lab says through Dask's own hook.

A cluster that is not adaptive is scaled by the clients that have its cluster object: see
`batchlab.drivers.dask.scaler`. They are asked for the workers that nodes wait for, and to close
those that came for a node and that nothing uses any more.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from distributed import Scheduler
from distributed.core import Status

from batchlab.words import plural

if TYPE_CHECKING:
    from batchlab.drivers.dask.cluster import ClusterWorkers

__all__ = ["Scaling"]

SCALER_S = 4.0
"""How long a client that can scale counts as present after its last call."""
ADAPTIVE_S = 15.0
"""How long a cluster counts as adaptive after it last asked for its target."""
SILENCE_S = 6.0
"""How long a cluster that may be adaptive has to ask for its target before a client scales it."""
GRACE_S = 3.0
"""How long a worker stays free before it is given back, as another pool may want it."""
LEAVING_S = 60.0
"""How long a worker that is given back may take to close. A nanny may restart it meanwhile."""


class Scaling:
    """What one cluster is asked for, by all labs together.

    Parameters
    ----------
    scheduler : Scheduler
    workers : ClusterWorkers
        Knows which workers are nodes, and which nodes wait.

    Attributes
    ----------
    wanted : asyncio.Event
        Set while nodes wait for additional workers.
    failure : str
        Why the client with the cluster object cannot scale it; empty if it can.
    limit : int, optional
        The most workers that an adaptive cluster may have, where a client knows it.
    """

    def __init__(self, scheduler: Scheduler, workers: ClusterWorkers) -> None:
        self._scheduler = scheduler
        self._workers = workers
        self.wanted = asyncio.Event()
        self.failure, self.limit = "", None  # type: str, int | None
        self._labs = 0
        self._undo: Callable[[], None] = lambda: None
        self._began = self._scaler_seen = self._adaptive_seen = float("-inf")
        self._due = 0  # workers asked for by number that have not joined
        self._asked: set[str] = set()  # names of workers that labs asked clients for
        self._came: set[str] = set()  # names of workers that joined because nodes waited
        self._mates: dict[str, frozenset[str]] = {}  # workers that can only be closed together
        self._free_since: dict[str, float] = {}  # by address
        self._leaving: dict[str, float] = {}  # name -> until when it should have closed

    # -- the labs -----------------------------------------------------------------------------

    def begin(self) -> None:
        """Note that a lab has started; the first one makes Dask's target count nodes."""
        self._labs += 1
        if self._labs == 1:
            self._began = _now()
            self._undo = _override(self._scheduler, "adaptive_target", self._adaptive_target)

    def end(self) -> None:
        """Note that a lab has ended; the last one leaves the scheduler as it was."""
        self._labs -= 1
        if not self._labs:
            self._undo()

    def _adaptive_target(self, original: Callable[..., int], target_duration: Any = None) -> int:
        self._adaptive_seen = _now()
        self._due = self._workers.missing
        return max(original(target_duration), self.least())

    # -- the workers --------------------------------------------------------------------------

    def least(self) -> int:
        """Return how many workers the cluster should have for all nodes.

        If nodes wait, the workers that are free now are of no use to them.
        """
        free = sum(
            address not in self._workers.nodes and not self.is_leaving(worker)
            for address, worker in self._scheduler.workers.items()
        )
        missing = self._workers.missing
        return len(self._workers.nodes) + (missing + free if missing else 0)

    def joined(self, address: str, name: Any) -> None:
        """Note that a worker has joined the cluster; only the first time counts."""
        if address in self._free_since or address in self._workers.nodes:
            return
        self.freed(address)
        if self._due:
            self._due -= 1
            self._came.add(str(name))
            if not self.adaptive:  # such a cluster gives its workers back itself
                self._asked.add(str(name))

    def freed(self, address: str) -> None:
        """Note that a worker is no node, from now on."""
        self._free_since.setdefault(address, _now())

    def taken(self, address: str, name: Any) -> None:
        """Note that a worker is a node."""
        self._free_since.pop(address, None)
        self._came.discard(str(name))

    def left(self, address: str) -> None:
        """Note that a worker has left the cluster."""
        self._free_since.pop(address, None)
        there = {str(worker.name) for worker in self._scheduler.workers.values()}
        self._came &= there | self._asked

    def came_in_vain(self, worker: Any) -> bool:
        """Whether a worker joined because nodes waited, and no node could take it."""
        return str(worker.name) in self._came and not self.is_leaving(worker)

    def is_leaving(self, worker: Any) -> bool:
        """Whether a worker is about to close."""
        if worker.status in (Status.closing_gracefully, Status.closing):
            return True
        return self._leaving.get(str(worker.name), 0.0) > _now()

    def may_close(self, workers: Iterable[Any]) -> list[Any]:
        """Return those of these workers that the cluster may close: no nodes.

        Workers that are given back come first: a cluster that is asked to scale down closes only
        them.
        """
        leaving = [worker for worker in workers if str(worker.name) in self._leaving]
        nodes = self._node_names()
        return [
            worker for worker in leaving or workers
            if worker.address not in self._workers.nodes
            and nodes.isdisjoint(self._group(str(worker.name)))
        ]  # fmt: skip

    def _node_names(self) -> set[str]:
        there = self._scheduler.workers
        return {str(there[a].name) for a in self._workers.nodes if a in there}

    def _group(self, name: str) -> frozenset[str]:
        """The workers that can only be closed together with this one."""
        return self._mates.get(name, frozenset((name,)))

    def explain(self) -> tuple[str, str]:
        """Say what the cluster was asked for, and what would help."""
        have = plural(len(self._scheduler.workers), "worker")
        most = self._most() if self.adaptive else None
        wanted = self.least()
        if not self.hope:
            why = f" ({self.failure})" if self.failure else ""
            remedy = "start more workers, or attach the lab with a cluster object that can scale"
            return f"the cluster has {have}, and nobody can scale it{why}", remedy
        if most is not None and most < wanted:
            text = f"the cluster has {have}, and its adaptive scaling allows {most} at most"
            return text, "cluster.adapt(maximum=...)"
        but = f", but: {self.failure}" if self.failure else ""
        return f"the cluster has {have} and was asked for {wanted}{but}", ""

    def _most(self) -> int | None:
        """The most workers that an adaptive cluster may have, if known."""
        for plugin in self._scheduler.plugins.values():
            service = getattr(plugin, "service", None)  # of dask-gateway
            most = getattr(service, "maximum", None)
            if isinstance(most, int):
                return most
        return self.limit

    # -- the clients that can scale -----------------------------------------------------------

    @property
    def hope(self) -> bool:
        """Whether a client or the cluster itself scales it."""
        return _now() - self._scaler_seen < SCALER_S or self.adaptive

    @property
    def adaptive(self) -> bool:
        """Whether the cluster asks how many workers it should have, so nobody should tell it."""
        return _now() - self._adaptive_seen < ADAPTIVE_S

    async def advise(
        self,
        seconds: float,
        *,
        final: bool = False,
        failure: str = "",
        limit: int | None = None,
        adaptive: bool = False,
        named: bool = True,
        asked: Iterable[str] = (),
        closed: Iterable[str] = (),
        groups: Iterable[Iterable[str]] = (),
    ) -> dict[str, Any]:
        """Return what a client should do: the workers to have and those to close.

        Parameters
        ----------
        seconds : float
            How long to wait for nodes that need workers.
        final : bool
            Whether the client leaves, so that no worker is kept for another pool.
        failure : str
            Why the client cannot scale; empty if it can.
        limit : int, optional
            The most workers that its adaptive cluster may have.
        adaptive : bool
            Whether its cluster object is adaptive.
        named : bool
            Whether the client scales by names, and knows whether its cluster is adaptive.
        asked : iterable of str
            The names of the workers that the client has asked for since its last call.
        closed : iterable of str
            The names of the workers that it has given back since then.
        groups : iterable of iterables of str
            Names of workers that can only be closed together.
        """
        if adaptive:
            self._adaptive_seen = _now()
            self.limit = limit
        self.failure = failure
        self._asked = self._asked.union(asked).difference(closed)
        for name in (*asked, *closed):  # such names are used again
            self._leaving.pop(name, None)
        self._leaving = {name: end for name, end in self._leaving.items() if end > _now()}
        self._came.update(set(asked).difference(self._node_names()))
        self._mates = {name: frozenset(group) for group in map(list, groups) for name in group}
        if failure:
            self._due = 0
        elif not final:
            self._scaler_seen = _now()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.wanted.wait(), seconds)
            self._scaler_seen = _now()
        needs = {"least": self.least(), "missing": self._workers.missing}
        if failure or self.adaptive or not (named or _now() - self._began > SILENCE_S):
            return {"workers": 0, "close": [], **needs}
        close = self._to_close(0.0 if final else GRACE_S, named)
        if final:  # also what the client has not finished
            close += sorted(self._asked.intersection(self._leaving).difference(close))
        self._leaving |= dict.fromkeys(close, _now() + LEAVING_S)
        count = self._to_have(named, bool(close))
        return {"workers": count, "close": close, **needs}

    def _to_have(self, named: bool, fewer: bool) -> int:
        """How many workers a client should scale to; 0 if there is nothing to do."""
        wanted = self.least() if self._workers.missing else 0
        if named:
            return wanted
        workers = self._scheduler.workers.values()
        planned = self._due + sum(not self.is_leaving(worker) for worker in workers)
        self._due += max(0, wanted - planned)
        return max(wanted, planned) if fewer or wanted > planned else 0

    def _to_close(self, grace_s: float, named: bool) -> list[str]:
        """Names of workers that came for nodes, and that nothing uses or waits for any more."""
        there = {str(worker.name): worker for worker in self._scheduler.workers.values()}
        spare = {name for name in self._asked & set(there) if self._is_spare(there[name], grace_s)}
        missing = self._workers.missing
        if missing:
            spare -= self._came  # until the nodes that wait have seen that they do not fit
        spare = {name for name in spare if self._group(name).intersection(there) <= spare}
        late = self._asked - set(there) - set(self._leaving)
        if not named:  # they have left
            self._asked -= late
            return sorted(spare)
        for group in sorted({self._group(name) for name in late}, key=sorted):
            if missing > 0:
                missing -= len(group)
            elif group <= late:
                spare |= group
        return sorted(spare)

    def _is_spare(self, worker: Any, grace_s: float) -> bool:
        since = self._free_since.get(worker.address)
        return (
            since is not None
            and _now() - since >= grace_s
            and not self.is_leaving(worker)
            and not (worker.processing or worker.has_what or worker.actors or worker.long_running)
        )


def _now() -> float:
    return time.monotonic()  # other threads may ask for the target


def _override(scheduler: Any, name: str, replacement: Callable[..., Any]) -> Callable[[], None]:
    """Let a method of the scheduler, and its handler, ask a replacement; return how to undo it."""
    original = getattr(scheduler, name)
    before = vars(scheduler).get(name)
    handler = scheduler.handlers.get(name)
    active = True

    def method(*args: Any, **kwargs: Any) -> Any:
        # Something else may have wrapped this, and keep it after the labs.
        return replacement(original, *args, **kwargs) if active else original(*args, **kwargs)

    setattr(scheduler, name, method)
    scheduler.handlers[name] = method

    def undo() -> None:
        nonlocal active
        active = False
        if vars(scheduler).get(name) is method:
            if before is None:
                delattr(scheduler, name)
            else:
                setattr(scheduler, name, before)
        if scheduler.handlers.get(name) is method:
            scheduler.handlers[name] = handler

    return undo
