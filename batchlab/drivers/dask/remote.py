"""The calls of a lab to its host, from anywhere: requests, questions, waits, files.

The two kinds of connection transport the calls: `connection` over Dask's RPC, `inside` through the
gateway of a node. Nothing here needs Dask.
"""

from __future__ import annotations

import logging
import pickle
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

import msgspec

from batchlab.core.messages.inputs import CreateCertificate, Request
from batchlab.core.messages.outputs import RunKind
from batchlab.core.messages.questions import Condition, Question
from batchlab.drivers.change_log import Batch, decode_changes
from batchlab.drivers.dask.remote_files import RemoteFiles
from batchlab.drivers.ports import Place, refuse_closed
from batchlab.drivers.vault import CertificateContents
from batchlab.errors import WaitNeverEnds, WaitTimeout
from batchlab.storage.locations import StorageLocation
from batchlab.storage.stores import BlobStore

__all__ = ["WATCH_S", "RemoteConnection"]

logger = logging.getLogger("batchlab")

LARGE = 100_000_000
"""The bytes of a file that should not go through the scheduler."""
POLL_S = 1.0
"""How long the host holds a call for a condition that does not hold yet."""
WAIT_PATIENCE_S = 3600.0
"""How long a wait without a time limit waits for a network that is lost."""
NOTICE_S = 2.0
"""How long a display waits for a network before it says that it is lost; it then asks again."""
SLEPT_S = 2.0
"""How far the clock may be off, in seconds of real time: answers travel for a while."""
WATCH_S = 0.2


class RemoteConnection(ABC):
    """A connection to a lab in another thread or process.

    Parameters
    ----------
    now : float
        The current time on the lab's clock.
    speed : float
        Seconds of lab time per real second.
    storage : StorageLocation
        Where the lab's data is kept.
    """

    def __init__(self, now: float, speed: float, storage: StorageLocation) -> None:
        self.speed = speed
        self.account = storage.account
        self._storage = BlobStore(storage, self.call, self._recommend_storage)
        self.files = RemoteFiles(self.call)
        self._clock = now, time.monotonic()
        self._before_close: list[Callable[[], None]] = []
        self.closed = False
        self._recommended = False

    @abstractmethod
    def call(
        self,
        handler: str,
        watch: Callable[[], None] | None = None,
        *,
        once: bool = False,
        patience_s: float | None = None,
        **arguments: Any,
    ) -> Any:
        """Call a handler of the host; return its result or raise its `BatchError`.

        Parameters
        ----------
        handler : str
        watch : callable, optional
            Called a few times a second meanwhile.
        once : bool, default False
            Whether the call changes something, so that it must not be carried out twice.
        patience_s : float, optional
            How long to wait for a network that is lost, in seconds of real time.
        """

    @property
    def storage(self) -> BlobStore:
        """The lab's storage; data goes there directly."""
        self._refuse_closed()
        return self._storage

    def _recommend_storage(self, size: int) -> None:
        """Say once that large data should not go through the scheduler."""
        if size > LARGE and not self._recommended:
            self._recommended = True
            logger.warning(
                "%.0f MB go through the Dask scheduler, because the lab has no storage. This "
                "works, but for large data a place that all nodes can reach is faster, such as "
                "Lab(..., storage='s3://bucket/folder') or a shared folder",
                size / 1e6,
            )

    def _correct_clock(self, now: float) -> None:
        """Correct the clock after this computer has slept, when it stands still."""
        if abs(now - self.now()) > SLEPT_S * self.speed:
            self._clock = now, time.monotonic()

    def now(self) -> float:
        """The lab's clock, in seconds since 1970 (UTC)."""
        epoch, began = self._clock
        return epoch + (time.monotonic() - began) * self.speed

    def request(self, request: Request) -> None:
        """Carry out a request, or raise the `BatchError` that refuses it."""
        self.call("request", once=True, payload=pickle.dumps(request))

    def read_end(self, place: Place, path: str, length: int) -> tuple[int, bytes]:
        """Return the size of a file on a node and its last bytes; see `Connection`."""
        end: tuple[int, bytes] = self.files.call(place, "read_end", path, length=length)
        return end

    def create_certificate(
        self, request: CreateCertificate, contents: CertificateContents
    ) -> None:
        """Carry out the only request with a secret."""
        self.call("create_certificate", once=True, payload=pickle.dumps((request, contents)))

    def ask(self, question: Question) -> Any:
        """Answer a question."""
        return self.call("ask", payload=pickle.dumps(question))

    def wait(
        self,
        condition: Condition,
        timeout: float | None = None,
        watch: Callable[[], None] | None = None,
    ) -> None:
        """Block until a condition holds; see `batchlab.drivers.ports.Connection`."""
        payload = pickle.dumps(condition)
        deadline = None if timeout is None else self.now() + timeout
        while True:
            seconds, patience_s = POLL_S, WAIT_PATIENCE_S
            if deadline is not None:
                patience_s = max(0.0, (deadline - self.now()) / self.speed)
                seconds = min(POLL_S, patience_s)
            answer = self.call(
                "wait", watch, patience_s=patience_s, payload=payload, seconds=seconds
            )
            if answer is True:
                return
            if answer:
                raise WaitNeverEnds(answer[0].code, " ".join(reason.text for reason in answer))
            if deadline is not None and self.now() >= deadline:
                raise WaitTimeout(
                    "OperationTimedOut",
                    f"timed out after {timeout:g} s of lab time, waiting until {condition}",
                )

    def changes(self, since: int = 0, seconds: float = 0.0) -> Batch:
        """Return the changes from number `since` on; see `Connection`."""
        batch, packed = self.call(
            "changes", self._refuse_closed, patience_s=NOTICE_S if seconds else None,
            since=since, seconds=seconds,
        )  # fmt: skip
        self._correct_clock(batch.now)
        done: Batch = msgspec.structs.replace(batch, changes=decode_changes(packed))
        return done

    def node_log(self, pool_id: str, node_id: str) -> list[tuple[float, str]]:
        """Return what the agent of a node did; see `Connection`."""
        lines: list[tuple[float, str]] = self.call("log", pool_id=pool_id, node_id=node_id)
        return lines

    def lose_node(self, pool_id: str, node_id: str) -> None:
        """Lose a node, as if its machine had failed."""
        self.call("lose", once=True, pool_id=pool_id, node_id=node_id)

    def fail_next(self, kind: RunKind) -> None:
        """Make the next run of this kind fail, whatever its command."""
        self.call("fail_next", once=True, kind=kind)

    def before_close(self, callback: Callable[[], None]) -> None:
        """Register a callback that is called once, before the connection closes."""
        self._before_close.append(callback)

    def close(self) -> None:
        """Disconnect; end the lab if this connection started it. Can be called twice."""
        while self._before_close:
            self._before_close.pop()()
        self._end()

    @abstractmethod
    def _end(self) -> None:
        """Disconnect from the lab, unless already done."""

    def _refuse_closed(self) -> None:
        refuse_closed(self.closed)
