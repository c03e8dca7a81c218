"""A lab replayed from its journal, read-only.

The core handles the inputs of the journal again, so it reaches the same end; its changes are the
history that displays and reports show. There are no nodes: commands are ignored, and the files on
nodes and in the storage are not available. If an input makes the core fail, as when an internal
error ended the lab, the replay ends before it.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn

import msgspec

from batchlab.core.answers.present import present
from batchlab.core.messages.inputs import CreateCertificate, Request
from batchlab.core.messages.outputs import RunKind
from batchlab.core.messages.questions import Condition, Location, Question
from batchlab.drivers.change_log import Batch, ChangeLog
from batchlab.drivers.journal import Reading
from batchlab.drivers.ports import MAX_READ, FileEntry, Place, read_end, refuse_closed
from batchlab.drivers.simulated.connection import undisturbed
from batchlab.drivers.snapshots import FolderReading
from batchlab.drivers.vault import CertificateContents
from batchlab.errors import BatchError, Conflict, NotFound, WaitNeverEnds
from batchlab.storage.stores import BlobStore

__all__ = ["ReplayedConnection"]


class ReplayedConnection:
    """A service as of the end of its journal; a `Connection` that refuses requests.

    Parameters
    ----------
    source : Path or sequence of str or bytes
        The journal, or its lines.
    until : float, optional
        When to end the replay, in seconds since 1970 (UTC); at the end of the journal if omitted.

    Attributes
    ----------
    ending : str
        Why the replay ends where it does.
    """

    speed = 0.0

    def __init__(self, source: Path | Sequence[str | bytes], until: float | None = None) -> None:
        replay = _Replay(source, until)
        if replay.broken:
            replay = _Replay(source, until, before=replay)
        self._core, self._history, self.ending = replay.core, replay.history, replay.ending
        self._now = self._core.state.now if until is None else max(self._core.state.now, until)
        self._files = _NoFiles()
        self._before_close: list[Callable[[], None]] = []
        self._lock = threading.Lock()
        self._closed = False

    @property
    def files(self) -> _NoFiles:
        """The files of the nodes: none."""
        return self._files

    def read_end(self, place: Place, path: str, length: int) -> tuple[int, bytes]:
        """Return the size of a file on a node and its last bytes."""
        return read_end(self, place, path, length)

    @property
    def account(self) -> str:
        """The name of the service's account."""
        return self._core.state.settings.account_name

    @property
    def storage(self) -> BlobStore:
        """Refused: a journal does not contain the storage."""
        raise _unchangeable("the journal does not contain the storage")

    def now(self) -> float:
        """When the replay ends, in seconds since 1970 (UTC)."""
        return self._now

    def request(self, request: Request) -> NoReturn:
        """Refused."""
        raise _unchangeable(f"{type(request).__name__} is not possible")

    def create_certificate(
        self, request: CreateCertificate, contents: CertificateContents
    ) -> NoReturn:
        """Refused."""
        self.request(request)

    def ask(self, question: Question) -> Any:
        """Answer a question about the end of the replay."""
        with self._lock:
            refuse_closed(self._closed)
            return self._core.ask(question, self._now)

    def wait(
        self,
        condition: Condition,
        timeout: float | None = None,
        watch: Callable[[], None] | None = None,
    ) -> None:
        """Return if a condition holds; otherwise raise `WaitNeverEnds`."""
        if not self._core.met(condition):
            text = f"this is a replay, so nothing more will happen: {self.ending}"
            raise WaitNeverEnds(
                "NothingUnderWay", f"{text}. Waiting until {condition} would never end."
            )

    def advance(self, seconds: float) -> NoReturn:
        """Refused: the clock is stopped."""
        raise _unchangeable("its clock is stopped")

    def changes(self, since: int = 0, seconds: float = 0.0) -> Batch:
        """Return the changes from number `since` on, immediately, even if closed."""
        batch = self._history.since(since, self._now)
        return batch if batch.more else msgspec.structs.replace(batch, over=self.ending)

    def node_log(self, pool_id: str, node_id: str) -> NoReturn:
        """Refused."""
        raise _unchangeable("its nodes no longer exist")

    def lose_node(self, pool_id: str, node_id: str) -> NoReturn:
        """Refused."""
        raise _unchangeable("its nodes no longer exist")

    def fail_next(self, kind: RunKind) -> NoReturn:
        """Refused."""
        raise _unchangeable("no more runs will start")

    def before_close(self, callback: Callable[[], None]) -> None:
        """Register a callback that is called once, before the lab closes."""
        self._before_close.append(callback)

    def close(self) -> None:
        """Stop answering questions. Can be called twice."""
        while self._before_close:
            self._before_close.pop()()
        self._closed = True


class _Replay:
    """A journal replayed up to its end, to a given time, or to where another replay failed."""

    def __init__(
        self, source: Path | Sequence[str | bytes], until: float | None,
        before: _Replay | None = None,
    ) -> None:  # fmt: skip
        reading: Reading | FolderReading
        if isinstance(source, Path) and os.path.isdir(source):  # noqa: PTH112 - it never raises
            reading = FolderReading(source)
        else:
            reading = Reading(source)
        self._reading = reading
        self.core, self.history, self.broken = reading.begin(), ChangeLog(), False
        self.history.add(present(self.core.state))
        self.ending = ""
        with undisturbed() as check:
            for now, item in reading:
                check()
                if before is not None and reading.line == before._reading.line:
                    self.ending = before.ending
                    return
                if until is not None and now > until:
                    self.ending = "the replay was limited to this time"
                    return
                try:
                    step = self.core.handle(now, item)
                except Exception as error:
                    if isinstance(error, BatchError) and isinstance(item, Request):
                        continue  # it was refused in the lab, too
                    self.broken, fault = True, f"{type(error).__name__}: {error}"
                    self.ending = f"line {reading.line} of the journal made batchlab fail: {fault}"
                    return
                self.history.add(step.changes)
        self.ending = "the journal ends here"
        if self.core.state.closing:
            self.ending = "the lab was closed"
        elif reading.cut:
            self.ending += ", in the middle of a line"


class _NoFiles:
    """The files of nodes that no longer exist; `NodeFiles` that finds nothing."""

    def list(
        self, location: Location, path: str = "", *, recursive: bool = False
    ) -> list[FileEntry]:
        """Refused."""
        raise _no_files()

    def stat(self, location: Location, path: str) -> FileEntry:
        """Refused."""
        raise _no_files()

    def read(self, location: Location, path: str, start: int = 0, length: int = MAX_READ) -> bytes:
        """Refused."""
        raise _no_files()

    def delete(self, location: Location, path: str, *, recursive: bool = False) -> None:
        """Refused."""
        raise _no_files()


def _no_files() -> NotFound:
    text = "this is a replay: a journal does not contain files"
    return NotFound("FileNotFound", text)


def _unchangeable(why: str) -> Conflict:
    text = f"this is a replay, so nothing can be changed: {why}"
    return Conflict("OperationInvalidForCurrentState", text)
