"""The calls of a lab to its host, from anywhere: requests, questions, waits, files.

The two kinds of connection transport the calls: `connection` over Dask's RPC, `inside` through the
gateway of a node. Nothing here needs Dask.
"""

from __future__ import annotations

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
from batchlab.drivers.ports import refuse_closed
from batchlab.drivers.vault import CertificateContents
from batchlab.errors import WaitNeverEnds, WaitTimeout
from batchlab.storage.locations import StorageLocation
from batchlab.storage.stores import BlobStore

__all__ = ["WATCH_S", "RemoteConnection"]

POLL_S = 1.0
"""How long the host holds a call for a condition that does not hold yet."""
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
        self._storage = BlobStore(storage)
        self.files = RemoteFiles(self.call)
        self._epoch, self._began = now, time.monotonic()
        self._before_close: list[Callable[[], None]] = []
        self.closed = False

    @abstractmethod
    def call(self, handler: str, watch: Callable[[], None] | None = None, **arguments: Any) -> Any:
        """Call a handler of the host; return its result or raise its `BatchError`."""

    @property
    def storage(self) -> BlobStore:
        """The lab's storage; data goes there directly."""
        self._refuse_closed()
        return self._storage

    def now(self) -> float:
        """The lab's clock, in seconds since 1970 (UTC)."""
        return self._epoch + (time.monotonic() - self._began) * self.speed

    def request(self, request: Request) -> None:
        """Carry out a request, or raise the `BatchError` that refuses it."""
        self.call("request", payload=pickle.dumps(request))

    def create_certificate(
        self, request: CreateCertificate, contents: CertificateContents
    ) -> None:
        """Carry out the only request with a secret."""
        self.call("create_certificate", payload=pickle.dumps((request, contents)))

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
            seconds = POLL_S
            if deadline is not None:
                left = (deadline - self.now()) / self.speed
                seconds = max(0.0, min(POLL_S, left))
            answer = self.call("wait", watch, payload=payload, seconds=seconds)
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
        batch, packed = self.call("changes", self._refuse_closed, since=since, seconds=seconds)
        done: Batch = msgspec.structs.replace(batch, changes=decode_changes(packed))
        return done

    def lose_node(self, pool_id: str, node_id: str) -> None:
        """Lose a node, as if its machine had failed."""
        self.call("lose", pool_id=pool_id, node_id=node_id)

    def fail_next(self, kind: RunKind) -> None:
        """Make the next run of this kind fail, whatever its command."""
        self.call("fail_next", kind=kind)

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
