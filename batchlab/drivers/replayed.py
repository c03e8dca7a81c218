"""A lab that is over, lived again from its journal: to be looked at, with nothing to be changed.

The core takes the journal's inputs as it took them then, so it comes to the same end; its changes
are the story that displays and reports tell. There are no nodes: nobody obeys the commands, and
what was written to files and to the storage is not there. An input that the core breaks at, as it
did when a fault of batchlab's own ended the lab, ends the story before it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn

import msgspec

from batchlab.core.machine import Core
from batchlab.core.messages.inputs import CreateCertificate, Request
from batchlab.core.messages.outputs import RunKind
from batchlab.core.messages.questions import Condition, Location, Question
from batchlab.drivers.change_log import Batch, ChangeLog
from batchlab.drivers.journal import Reading
from batchlab.drivers.ports import MAX_READ, FileEntry, refuse_closed
from batchlab.drivers.simulated.connection import undisturbed
from batchlab.drivers.vault import CertificateContents
from batchlab.errors import BatchError, Conflict, NotFound, WaitNeverEnds
from batchlab.storage.stores import BlobStore

__all__ = ["ReplayedConnection"]


class ReplayedConnection:
    """A service as its journal left it; a `Connection` that refuses requests.

    Parameters
    ----------
    source : Path or sequence of str or bytes
        The journal, or its lines.
    until : float, optional
        The moment at which the story ends, in seconds since 1970 (UTC); with the journal if
        omitted.

    Attributes
    ----------
    ending : str
        Why the story ends where it does.
    """

    speed = 0.0

    def __init__(self, source: Path | Sequence[str | bytes], until: float | None = None) -> None:
        told = _Told(source, until)
        if told.broken:
            told = _Told(source, until, before=told)
        self._core, self._history, self.ending = told.core, told.history, told.ending
        self._now = self._core.state.now if until is None else max(self._core.state.now, until)
        self._files = _NoFiles()
        self._before_close: list[Callable[[], None]] = []
        self._lock = threading.Lock()
        self._closed = False

    @property
    def files(self) -> _NoFiles:
        """The files of the nodes: none."""
        return self._files

    @property
    def account(self) -> str:
        """The name of the account whose service it was."""
        return self._core.state.settings.account_name

    @property
    def storage(self) -> BlobStore:
        """Refused: a journal does not hold what was stored."""
        raise _unchangeable("what was in its storage is not in the journal")

    def now(self) -> float:
        """The moment at which the story ends, in seconds since 1970 (UTC)."""
        return self._now

    def request(self, request: Request) -> NoReturn:
        """Refused."""
        raise _unchangeable(f"{type(request).__name__} is too late")

    def create_certificate(
        self, request: CreateCertificate, contents: CertificateContents
    ) -> NoReturn:
        """Refused."""
        self.request(request)

    def ask(self, question: Question) -> Any:
        """Answer a question about the end of the story."""
        with self._lock:
            refuse_closed(self._closed)
            return self._core.ask(question, self._now)

    def wait(
        self,
        condition: Condition,
        timeout: float | None = None,
        watch: Callable[[], None] | None = None,
    ) -> None:
        """Return if a condition holds; else raise `WaitNeverEnds`, as nothing more will happen."""
        if not self._core.met(condition):
            text = f"this is a replay, and nothing more will happen: {self.ending}"
            raise WaitNeverEnds("NothingUnderWay", f"{text}. Not so then: {condition}")

    def advance(self, seconds: float) -> NoReturn:
        """Refused: time stands still."""
        raise _unchangeable("its clock stands still")

    def changes(self, since: int = 0, seconds: float = 0.0) -> Batch:
        """What happened from change number `since` on; answers at once, even if closed."""
        batch = self._history.since(since, self._now)
        return batch if batch.more else msgspec.structs.replace(batch, over=self.ending)

    def lose_node(self, pool_id: str, node_id: str) -> NoReturn:
        """Refused."""
        raise _unchangeable("its nodes are gone")

    def fail_next(self, kind: RunKind) -> NoReturn:
        """Refused."""
        raise _unchangeable("nothing will start any more")

    def before_close(self, callback: Callable[[], None]) -> None:
        """Have something called once, when the lab is about to close."""
        self._before_close.append(callback)

    def close(self) -> None:
        """Answer no more questions. Harmless twice."""
        while self._before_close:
            self._before_close.pop()()
        self._closed = True


class _Told:
    """A journal that was told to a core, up to its end, a moment, or where another one broke."""

    def __init__(
        self, source: Path | Sequence[str | bytes], until: float | None,
        before: _Told | None = None,
    ) -> None:  # fmt: skip
        reading = self._reading = Reading(source)
        self.core, self.history, self.broken = Core(reading.settings), ChangeLog(), False
        self.ending = ""
        with undisturbed() as check:
            for now, item in reading:
                check()
                if before is not None and reading.line == before._reading.line:
                    self.ending = before.ending
                    return
                if until is not None and now > until:
                    self.ending = "what came later was not to be replayed"
                    return
                try:
                    step = self.core.handle(now, item)
                except Exception as error:
                    if isinstance(error, BatchError) and isinstance(item, Request):
                        continue  # it was refused then, too
                    self.broken, fault = True, f"{type(error).__name__}: {error}"
                    self.ending = f"line {reading.line} of the journal broke batchlab: {fault}"
                    return
                self.history.add(step.changes)
        self.ending = "its journal ends here"
        if self.core.state.closing:
            self.ending = "the lab was closed"
        elif reading.cut:
            self.ending += ", in the middle of a line"


class _NoFiles:
    """The files of nodes that are gone; `NodeFiles` that finds nothing."""

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
    text = "this is a replay: its journal tells what happened, and holds no files"
    return NotFound("FileNotFound", text)


def _unchangeable(why: str) -> Conflict:
    text = f"this is a replay of what was, and nothing can be changed: {why}"
    return Conflict("OperationInvalidForCurrentState", text)
