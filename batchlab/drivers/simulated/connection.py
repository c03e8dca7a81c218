"""The connection of a simulated lab: everything runs on the calling thread.

Virtual time is stopped except while the caller waits or advances it. A wait moves from event to
event until its condition holds. When only the core has something left to do, and at intervals
before, it asks the core whether the condition can still become true.
"""

from __future__ import annotations

import gc
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Self

import msgspec

from batchlab.core.answers.present import present
from batchlab.core.machine import Core, Settings
from batchlab.core.messages.facts import LabClosing, LabResumed
from batchlab.core.messages.inputs import CreateCertificate, Request
from batchlab.core.messages.outputs import RunKind
from batchlab.core.messages.questions import Condition, LocateNode, Question
from batchlab.drivers.change_log import Batch, ChangeLog
from batchlab.drivers.durable import Opened, open_journal, refuse_other_settings
from batchlab.drivers.engine import Engine
from batchlab.drivers.journal import Durability
from batchlab.drivers.ports import Place, read_end, refuse_closed
from batchlab.drivers.simulated.node_files import SimulatedFiles
from batchlab.drivers.simulated.world import SimulatedWorld
from batchlab.drivers.vault import CertificateContents
from batchlab.errors import WaitNeverEnds, WaitTimeout
from batchlab.storage.locations import StorageLocation
from batchlab.storage.stores import BlobStore

__all__ = ["LONGEST_WAIT_S", "SimulatedConnection", "undisturbed"]

MOST_UNSEARCHED = 300_000
"""Objects, about 150 MB, that may be garbage until the collector searches for it."""
UNSEARCHED_BEFORE = 50_000
"""The same when a lab begins: earlier ones are often garbage then."""
LONGEST_WAIT_S = 180 * 86400.0
"""Maximum virtual seconds of a wait without a timeout: the maximum lifetime of a task in Azure."""


class SimulatedConnection:
    """A service in a simulated world; a `Connection`.

    Parameters
    ----------
    world : SimulatedWorld
        The nodes and the clock; this connection takes it over.
    opened : Opened, optional
        The journal that records every input, and the core to go on with.
    """

    speed = 0.0

    def __init__(self, world: SimulatedWorld, opened: Opened | None = None) -> None:
        _Unsearched.search(UNSEARCHED_BEFORE)
        self.world = world
        self._journal = opened.journal if opened else None
        core = opened.core if opened else Core(world.settings)
        self.engine = Engine(core, world, self._journal)
        world.engine = self.engine
        self._history = ChangeLog()
        self.engine.watchers.append(self._history.add)
        self._before_close: list[Callable[[], None]] = []
        self._files = SimulatedFiles(world.disk)
        self._lock = threading.RLock()
        self._closed = False
        if opened and opened.resumed:
            self._history.add(present(core.state))
            self.engine.report(LabResumed())

    @classmethod
    def start(
        cls,
        *,
        settings: Mapping[str, Any],
        journal: str | None = None,
        durability: Durability = "flush",
        fresh: bool = False,
        storage: StorageLocation | None = None,
        **conditions: Any,
    ) -> Self:
        """Begin a lab, or go on with the one in a journal.

        Parameters
        ----------
        settings : mapping
            Fields of `Settings`; those of a lab that goes on must match.
        journal, durability, fresh
            See `open_journal`.
        storage : StorageLocation, optional
            Where data is kept; in memory or in the journal's folder if omitted.
        **conditions
            See `SimulatedWorld`.
        """
        if journal is None:
            chosen = Settings(**settings)
            return cls(SimulatedWorld(settings=chosen, storage=storage, **conditions))
        opened = open_journal(journal, Settings(**settings), durability=durability, fresh=fresh)
        try:
            found = opened.core.state
            refuse_other_settings(found.settings, settings, owner="SimulatedLab")
            if opened.folder is not None and storage is None:
                storage = StorageLocation(url=f"file://{opened.folder.storage}")
            if opened.resumed:
                conditions["start"] = found.now
            world = SimulatedWorld(settings=found.settings, storage=storage, **conditions)
            return cls(world, opened)
        except BaseException:
            opened.journal.close()
            raise

    @property
    def files(self) -> SimulatedFiles:
        """The files of the nodes."""
        return self._files

    def read_end(self, place: Place, path: str, length: int) -> tuple[int, bytes]:
        """Return the size of a file on a node and its last bytes."""
        return read_end(self, place, path, length)

    @property
    def account(self) -> str:
        """The name of the service's account."""
        return self.world.settings.account_name

    @property
    def storage(self) -> BlobStore:
        """The lab's storage."""
        return self.world.store

    def now(self) -> float:
        """The virtual time, in seconds since 1970 (UTC)."""
        return self.world.now()

    def request(self, request: Request) -> None:
        """Carry out a request and its immediate consequences, or raise its refusal."""
        with undisturbed(), self._lock:
            refuse_closed(self._closed)
            self.engine.request(request)
            self.world.settle()

    def create_certificate(
        self, request: CreateCertificate, contents: CertificateContents
    ) -> None:
        """Carry out the only request with a secret."""
        self.world.equipment.vault.add(self.request, request, contents)

    def ask(self, question: Question) -> Any:
        """Answer a question."""
        with self._lock:
            refuse_closed(self._closed)
            return self.engine.ask(question)

    def advance(self, seconds: float) -> None:
        """Let virtual time pass."""
        with undisturbed() as check:
            end = self.now() + seconds
            while True:
                check()
                with self._lock:
                    refuse_closed(self._closed)
                    moment = self.world.next_moment()
                    if moment is None or moment > end:
                        self.world.advance_to(end)
                        return
                    self._step(moment)

    def wait(
        self,
        condition: Condition,
        timeout: float | None = None,
        watch: Callable[[], None] | None = None,
    ) -> None:
        """Let virtual time pass until a condition holds.

        Parameters
        ----------
        condition : Condition
        timeout : float, optional
            In virtual seconds; 180 days if omitted.
        watch : callable, optional
            Called after each step.

        Raises
        ------
        WaitNeverEnds
            The condition can no longer become true. No time has passed in vain.
        WaitTimeout
            ``OperationTimedOut``.
        """
        limit = LONGEST_WAIT_S if timeout is None else timeout
        end, steps, next_doubt = self.now() + limit, 0, 0
        with undisturbed() as check:
            while True:
                check()
                with self._lock:
                    refuse_closed(self._closed)
                    if self.engine.met(condition):
                        return
                    if steps >= next_doubt or self.world.next_event() is None:
                        next_doubt = max(64, 2 * steps)
                        self._refuse_hopeless(condition)
                    moment = self.world.next_moment()
                    if moment is None or moment > end:
                        self.world.advance_to(end)
                        raise WaitTimeout(
                            "OperationTimedOut",
                            f"timed out after {limit:g} s of lab time, waiting until {condition}",
                        )
                    self._step(moment)
                steps += 1
                if watch is not None:
                    watch()

    def changes(self, since: int = 0, seconds: float = 0.0) -> Batch:
        """Return the changes from number `since` on, immediately, even if closed."""
        batch = self._history.since(since, self.now())
        over = self._closed and not batch.more
        return msgspec.structs.replace(batch, over="the lab is closed") if over else batch

    def node_log(self, pool_id: str, node_id: str) -> list[tuple[float, str]]:
        """Return what the agent of a node did; see `Connection`."""
        with self._lock:
            refuse_closed(self._closed)
            self.engine.ask(LocateNode(pool_id=pool_id, node_id=node_id))
            return self.world.log(node_id).lines()

    def lose_node(self, pool_id: str, node_id: str) -> None:
        """Lose a node, as if its machine had failed."""
        with undisturbed(), self._lock:
            refuse_closed(self._closed)
            self.engine.ask(LocateNode(pool_id=pool_id, node_id=node_id))
            self.world.lose_node(node_id)
            self.world.settle()

    def fail_next(self, kind: RunKind) -> None:
        """Make the next run of this kind fail, whatever its command."""
        with self._lock:
            refuse_closed(self._closed)
            self.engine.fail_next(kind)

    def before_close(self, callback: Callable[[], None]) -> None:
        """Register a callback that is called once, before the lab closes."""
        self._before_close.append(callback)

    def close(self) -> None:
        """Close the lab. Can be called twice."""
        while self._before_close:
            self._before_close.pop()()
        with self._lock:
            if not self._closed:
                self._closed = True
                self.engine.report(LabClosing())
                self.world.store.close()
                if self._journal is not None:
                    self._journal.close()

    def _step(self, moment: float) -> None:
        self.world.step(moment)
        if self.engine.failure is not None:
            raise self.engine.failure
        if self.engine.stalled is not None:
            raise self.engine.stalled

    def _refuse_hopeless(self, condition: Condition) -> None:
        reasons = self.engine.hopeless(condition)
        if reasons or self.world.next_moment() is None:
            why = (
                " ".join(reason.text for reason in reasons)
                or "nothing in progress can end this wait"
            )
            code = reasons[0].code if reasons else "NothingUnderWay"
            raise WaitNeverEnds(code, why)


@contextmanager
def undisturbed() -> Iterator[Callable[[], None]]:
    """Delay interruptions during a step.

    Ctrl-C waits for `check`, because an interrupted core would be left half changed. The garbage
    collector waits for the end: steps create no cycles, and searching for them among a hundred
    thousand tasks would take a fifth of the time. So what they made counts as old then.
    """
    collecting = gc.isenabled()
    gc.disable()
    try:
        with _interrupts_held() as check:
            yield check
    finally:
        if collecting:
            _count_as_old()
            gc.enable()


class _Frozen:
    """Until when it is known that something is frozen, by the clock of this machine."""

    until = 0.0


class _Unsearched:
    """How many objects have been made since the garbage collector last searched all of them."""

    objects = 0

    @classmethod
    def search(cls, limit: int) -> bool:
        """Search all objects if there are more; they may be of labs that nobody has any more."""
        if cls.objects <= limit:
            return False
        cls.objects = 0
        gc.collect()
        return True


def _count_as_old() -> None:
    """Let the garbage collector count as old what was made, unless something is frozen.

    That should stay so. To count it takes long, so after that nobody counts for a while.
    """
    begun = time.monotonic()
    if begun < _Frozen.until:
        return
    if gc.get_freeze_count():
        now = time.monotonic()
        _Frozen.until = now + 100 * (now - begun)
        return
    _Unsearched.objects += gc.get_count()[0]
    if not _Unsearched.search(MOST_UNSEARCHED):
        gc.freeze()
        gc.unfreeze()


@contextmanager
def _interrupts_held() -> Iterator[Callable[[], None]]:
    if threading.current_thread() is not threading.main_thread():
        yield lambda: None
        return
    held: list[int] = []

    def check() -> None:
        if held:
            raise KeyboardInterrupt

    before = signal.signal(signal.SIGINT, lambda number, frame: held.append(number))
    try:
        yield check
        check()
    finally:
        signal.signal(signal.SIGINT, signal.SIG_DFL if before is None else before)
