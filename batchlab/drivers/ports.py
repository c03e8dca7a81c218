"""The seams: between the engine and a world of nodes, and between a lab and its service."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Protocol

import msgspec

from batchlab.core.messages.inputs import CreateCertificate, Request
from batchlab.core.messages.outputs import Command, RunKind
from batchlab.core.messages.questions import Condition, Location, Question
from batchlab.drivers.change_log import Batch
from batchlab.drivers.vault import CertificateContents
from batchlab.errors import Conflict
from batchlab.storage.stores import BlobStore

__all__ = ["MAX_READ", "Connection", "Driver", "FileEntry", "NodeFiles", "refuse_closed"]

MAX_READ = 4 * 2**20
"""Bytes that one `NodeFiles.read` gives at most."""


class Driver(Protocol):
    """A world of nodes: obeys commands, answers with reports, keeps the time.

    A driver never answers from inside `obey`: what it has to report goes to `Engine.report`,
    which queues it behind what is being handled.
    """

    def now(self) -> float:
        """The lab's clock, in seconds since 1970 (UTC)."""
        ...

    def obey(self, commands: Sequence[Command]) -> None:
        """Do what the core decided; never raises."""
        ...

    def wake_at(self, when: float | None) -> None:
        """Call `Engine.wake` at this lab time; a later call replaces an earlier one."""
        ...


class FileEntry(msgspec.Struct, frozen=True, kw_only=True):
    """A file or directory of a node; `name` is relative to the directory that was asked for."""

    name: str
    is_directory: bool
    content_length: int | None = None
    last_modified: datetime | None = None
    file_mode: str | None = None


class NodeFiles(Protocol):
    """Files of nodes. Paths are relative to the location; nothing outside it can be reached.

    All methods raise `NotFound` (``FileNotFound``, ``PathNotFound``), `Conflict`
    (``NodeNotReady``) or `InvalidRequest` (a path that leads outside).
    """

    def list(
        self, location: Location, path: str = "", *, recursive: bool = False
    ) -> list[FileEntry]:
        """Entries of a directory, sorted by name; names are relative to the location."""
        ...

    def stat(self, location: Location, path: str) -> FileEntry:
        """One file or directory."""
        ...

    def read(self, location: Location, path: str, start: int = 0, length: int = MAX_READ) -> bytes:
        """At most `length` (and `MAX_READ`) bytes from `start`; from the end if negative."""
        ...

    def delete(self, location: Location, path: str, *, recursive: bool = False) -> None:
        """Delete a file, or with `recursive` a directory."""
        ...


class Connection(Protocol):
    """What a lab's handles talk to: one service, here or on a remote scheduler.

    May be used from any thread.
    """

    @property
    def files(self) -> NodeFiles:
        """The files of the nodes."""
        ...

    @property
    def account(self) -> str:
        """The name of the account whose service it is."""
        ...

    @property
    def storage(self) -> BlobStore:
        """The lab's storage; data goes there directly."""
        ...

    def now(self) -> float:
        """The lab's clock, in seconds since 1970 (UTC)."""
        ...

    def request(self, request: Request) -> None:
        """Carry out a request, or raise the `BatchError` that refuses it."""
        ...

    def create_certificate(
        self, request: CreateCertificate, contents: CertificateContents
    ) -> None:
        """Carry out the one request with a secret: what is secret stays out of the core.

        The contents go past the core to the nodes that need them.
        """
        ...

    def ask(self, question: Question) -> Any:
        """Answer a question."""
        ...

    def wait(
        self,
        condition: Condition,
        timeout: float | None = None,
        watch: Callable[[], None] | None = None,
    ) -> None:
        """Block until a condition holds.

        `timeout` is in seconds of lab time. `watch` is called a few times a second meanwhile (on
        a simulated lab: after each step), for progress displays. Raises `WaitTimeout`, and
        `WaitNeverEnds` when nothing under way can make the condition true.
        """
        ...

    @property
    def speed(self) -> float:
        """Seconds of lab time in a second of wall clock; 0 where time stands until it is moved."""
        ...

    def changes(self, since: int = 0, seconds: float = 0.0) -> Batch:
        """What has happened from change number `since` on; below 0, nothing but where to go on.

        Where others may make things happen, an answer is held for up to so many `seconds` of wall
        clock while there is nothing new.
        """
        ...

    def lose_node(self, pool_id: str, node_id: str) -> None:
        """Let a node be lost, as when its machine breaks: a trial. Raises `BatchError`."""
        ...

    def fail_next(self, kind: RunKind) -> None:
        """Have the next run of a kind that starts fail, whatever its command: a trial."""
        ...

    def before_close(self, callback: Callable[[], None]) -> None:
        """Have something called once, when the connection is about to close."""
        ...

    def close(self) -> None:
        """Let go of the service; end it if this connection started it. Harmless twice."""
        ...


def refuse_closed(closed: bool) -> None:
    """Refuse what is asked of a lab that is closed."""
    if closed:
        raise Conflict("OperationInvalidForCurrentState", "the lab is closed: open another")
