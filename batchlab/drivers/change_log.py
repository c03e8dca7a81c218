"""What has happened in a lab: every change since it began, for displays that are opened late.

Changes are numbered from 0. A watcher asks for those from a number on, and again from the number
it is given: it misses none, and sees none twice. The latest changes are kept as they are, which
costs nothing; older ones are packed, at some ten bytes each. When even those are too many, the
oldest are forgotten but for the last word on each thing that still exists: a watcher who comes
later begins with that.
"""

from __future__ import annotations

import threading
import zlib
from collections import deque
from collections.abc import Iterable, Sequence
from typing import Any, Union

import msgspec

from batchlab.core.messages.outputs import (
    ApplicationChanged,
    AutoScaleEvaluated,
    CertificateChanged,
    Change,
    JobChanged,
    JobScheduleChanged,
    NodeChanged,
    NodeTaskChanged,
    PoolChanged,
    SubtaskChanged,
    TaskChanged,
)

__all__ = ["BLOCK", "Batch", "ChangeLog", "decode_changes", "encode_changes"]

BLOCK = 10_000
"""Changes in one packed block, and in one answer at most."""

AnyChange = Union[  # noqa: UP007
    PoolChanged, AutoScaleEvaluated, NodeChanged, JobChanged, JobScheduleChanged, TaskChanged,
    NodeTaskChanged, ApplicationChanged, CertificateChanged, SubtaskChanged,
]  # fmt: skip

_encoder = msgspec.msgpack.Encoder()
_decoder: msgspec.msgpack.Decoder[list[Any]] = msgspec.msgpack.Decoder(list[AnyChange])


def encode_changes(changes: Sequence[Change]) -> bytes:
    """Pack changes for a journey or for later."""
    return _encoder.encode(changes)


def decode_changes(data: bytes) -> list[Change]:
    """Unpack what `encode_changes` packed."""
    return _decoder.decode(data)


class Batch(msgspec.Struct, frozen=True, kw_only=True):
    """Some changes in order, of a lab whose clock says `now`.

    Go on asking from `next`, at once if `more`. With `fresh` they are the first there are:
    whatever was known before is to be forgotten. `over` says why nothing more will ever come.
    """

    changes: list[Change]
    next: int
    now: float
    fresh: bool = False
    more: bool = False
    over: str = ""


class ChangeLog:
    """Keeps changes; may be asked from any thread.

    Parameters
    ----------
    recent : int
        Changes that are kept as they are.
    limit : int
        Changes that are kept at all.
    """

    def __init__(self, *, recent: int = 10 * BLOCK, limit: int = 100 * BLOCK) -> None:
        self._lock = threading.Lock()
        self._recent: list[Change] = []
        self._packed: deque[bytes] = deque()
        self._last = _LastWords()
        self._forgotten = 0
        self._most_recent = recent
        self._most_packed = max(0, limit - recent) // BLOCK

    @property
    def end(self) -> int:
        """The number that the next change will have."""
        with self._lock:
            return self._begin + len(self._recent)

    def add(self, changes: Sequence[Change]) -> None:
        """Keep what has just happened: a watcher of an `Engine`."""
        with self._lock:
            self._recent += changes
            while len(self._recent) >= self._most_recent + BLOCK:
                self._packed.append(zlib.compress(encode_changes(self._recent[:BLOCK]), 1))
                del self._recent[:BLOCK]
            while len(self._packed) > self._most_packed:
                self._last.take(decode_changes(zlib.decompress(self._packed.popleft())))
                self._forgotten += BLOCK

    def since(self, number: int, now: float) -> Batch:
        """Changes from a number on, `BLOCK` of them at most; from now on, if it is below 0."""
        with self._lock:
            if number < 0:
                end = self._begin + len(self._recent)
                return Batch(changes=[], next=end, now=now)
            if number < self._forgotten:
                return Batch(changes=self._last.all(), next=self._forgotten, now=now, fresh=True,
                             more=True)  # fmt: skip
            fresh = number == 0
            if number < self._begin:
                block, skip = divmod(number - self._forgotten, BLOCK)
                packed = self._packed[block]
            else:
                skip = number - self._begin
                changes, packed = self._recent[skip : skip + BLOCK], b""
            end = self._begin + len(self._recent)
        if packed:
            changes = decode_changes(zlib.decompress(packed))[skip:]
        then = number + len(changes)
        return Batch(changes=changes, next=then, now=now, fresh=fresh, more=then < end)

    @property
    def _begin(self) -> int:
        return self._forgotten + BLOCK * len(self._packed)


class _LastWords:
    """The last change of each thing that still exists, in the order in which they came."""

    def __init__(self) -> None:
        self._things: dict[tuple[str, ...], Change] = {}
        self._of_jobs: dict[str, dict[tuple[str, ...], Change]] = {}

    def take(self, changes: Iterable[Change]) -> None:
        for change in changes:
            key: tuple[str, ...]
            match change:
                case TaskChanged():
                    self._put(self._job(change), (change.task_id,), change, change.state)
                case SubtaskChanged():
                    key = (change.task_id, str(change.subtask_id))
                    state = "deleted" if change.state == "completed" else change.state
                    self._put(self._job(change), key, change, state)
                case NodeTaskChanged():
                    key = (change.kind, change.node_id)
                    state = "deleted" if change.state == "completed" else change.state
                    self._put(self._job(change), key, change, state)
                case JobChanged():
                    if change.state == "deleted":
                        self._of_jobs.pop(change.job_id, None)
                    self._put(self._things, ("job", change.job_id), change, change.state)
                case NodeChanged():
                    self._put(self._things, ("node", change.node_id), change, change.state)
                case PoolChanged():
                    self._put(self._things, ("pool", change.pool_id), change, change.state)
                case JobScheduleChanged():
                    key = ("job schedule", change.job_schedule_id)
                    self._put(self._things, key, change, change.state)
                case ApplicationChanged():
                    key = ("application", change.application_id, change.version)
                    self._put(self._things, key, change, change.state)
                case CertificateChanged():
                    key = ("certificate", change.thumbprint)
                    self._put(self._things, key, change, change.state)
                case AutoScaleEvaluated():
                    self._put(self._things, ("formula", change.pool_id), change, "")

    def all(self) -> list[Change]:
        known = [*self._things.values()]
        for things in self._of_jobs.values():
            known += things.values()
        return sorted(known, key=lambda change: change.at)

    def _job(
        self, change: TaskChanged | SubtaskChanged | NodeTaskChanged
    ) -> dict[tuple[str, ...], Change]:
        return self._of_jobs.setdefault(change.job_id, {})

    def _put(
        self, things: dict[tuple[str, ...], Change], key: tuple[str, ...], change: Change,
        state: str,
    ) -> None:  # fmt: skip
        things.pop(key, None)
        if state != "deleted":
            things[key] = change
