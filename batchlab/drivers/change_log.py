"""Every change in a lab since it was opened, for displays that are opened later.

Changes are numbered from 0. A watcher asks for the changes from some number on, then from the
number in the answer; so it misses none and sees none twice. The latest changes are kept as they
are; older ones are compressed, from about a hundred bytes each to ten. When there are too many of
those, the oldest are dropped, except for the last change of each thing that still exists: a later
watcher starts with these.
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

BLOCK = 2_000
"""Number of changes in a compressed block, and the maximum in one answer."""
LIMIT = 5_000_000
"""Number of changes to keep. A million tasks make three million, which take 35 MB; the last change
of each task, which stays when they are dropped, would take ten times as much."""

AnyChange = Union[  # noqa: UP007
    PoolChanged, AutoScaleEvaluated, NodeChanged, JobChanged, JobScheduleChanged, TaskChanged,
    NodeTaskChanged, ApplicationChanged, CertificateChanged, SubtaskChanged,
]  # fmt: skip

_encoder = msgspec.msgpack.Encoder()
_decoder: msgspec.msgpack.Decoder[list[Any]] = msgspec.msgpack.Decoder(list[AnyChange])


def encode_changes(changes: Sequence[Change]) -> bytes:
    """Encode changes to send or store them."""
    return _encoder.encode(changes)


def decode_changes(data: bytes) -> list[Change]:
    """Decode changes that `encode_changes` encoded."""
    return _decoder.decode(data)


class Batch(msgspec.Struct, frozen=True, kw_only=True):
    """Some changes in order, and the time `now` of the lab's clock.

    Continue from `next`, immediately if `more`. If `fresh`, these are the first changes: discard
    everything known before. If there will never be more changes, `over` says why.
    """

    changes: list[Change]
    next: int
    now: float
    fresh: bool = False
    more: bool = False
    over: str = ""


class ChangeLog:
    """Keeps changes; can be used from any thread.

    Parameters
    ----------
    recent : int
        Number of changes to keep uncompressed.
    limit : int
        Number of changes to keep in total.
    """

    def __init__(self, *, recent: int = BLOCK, limit: int = LIMIT) -> None:
        self._lock = threading.Lock()
        self._recent: list[Change] = []
        self._packed: deque[bytes] = deque()
        self._last = _LastWords()
        self._forgotten = 0
        self._most_recent = recent
        self._most_packed = max(0, limit - recent) // BLOCK

    @property
    def end(self) -> int:
        """The number of the next change."""
        with self._lock:
            return self._begin + len(self._recent)

    def add(self, changes: Sequence[Change]) -> None:
        """Keep new changes; a watcher of an `Engine`."""
        with self._lock:
            self._recent += changes
            while len(self._recent) >= self._most_recent + BLOCK:
                self._packed.append(zlib.compress(encode_changes(self._recent[:BLOCK]), 1))
                del self._recent[:BLOCK]
                if len(self._packed) > self._most_packed:
                    self._last.take(decode_changes(zlib.decompress(self._packed.popleft())))
                    self._forgotten += BLOCK

    def since(self, number: int, now: float) -> Batch:
        """Return up to `BLOCK` changes from a number on; only future ones if it is negative."""
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
    """The last change of each thing that still exists, in order of arrival."""

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
