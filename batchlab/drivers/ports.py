"""The interfaces between the engine and its driver, and between a lab and its service."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Protocol

import msgspec

from batchlab.core.messages.inputs import CreateCertificate, Request
from batchlab.core.messages.outputs import Command, RunKind
from batchlab.core.messages.questions import (
    Condition,
    LocateNode,
    LocateTask,
    Location,
    Question,
)
from batchlab.drivers.change_log import Batch
from batchlab.drivers.vault import CertificateContents
from batchlab.errors import Conflict, InvalidRequest, invalid
from batchlab.storage.stores import BlobStore

__all__ = ["MAX_READ", "Connection", "Driver", "FileEntry", "NodeFiles", "Place",
           "is_directory", "read_end", "refuse_closed"]  # fmt: skip

Place = LocateTask | LocateNode
"""Where files are, by a question that only the service can answer."""
MAX_READ = 4 * 2**20
"""Maximum number of bytes that one `NodeFiles.read` returns."""


class Driver(Protocol):
    """Manages nodes: obeys commands, sends reports, keeps the time.

    A driver sends its reports to `Engine.report`, which queues them behind the input that is being
    handled.
    """

    @property
    def pause_s(self) -> float:
        """How long to wait before a failed attempt is repeated, in seconds of lab time."""
        ...

    def now(self) -> float:
        """The lab's clock, in seconds since 1970 (UTC)."""
        ...

    def obey(self, commands: Sequence[Command]) -> None:
        """Carry out the core's commands; never raises."""
        ...

    def wake_at(self, when: float | None) -> None:
        """Call `Engine.wake` at this lab time; a later call replaces an earlier one."""
        ...


class FileEntry(msgspec.Struct, frozen=True, kw_only=True):
    """A file or directory on a node; `name` is relative to the requested directory."""

    name: str
    is_directory: bool
    content_length: int | None = None
    last_modified: datetime | None = None
    file_mode: str | None = None


class NodeFiles(Protocol):
    """Files on nodes. Paths are relative to the location; nothing outside it is accessible.

    All methods raise `NotFound` (``FileNotFound``, ``PathNotFound``), `Conflict`
    (``NodeNotReady``) or `InvalidRequest` (a path that leads outside).
    """

    def list(
        self, location: Location, path: str = "", *, recursive: bool = False
    ) -> list[FileEntry]:
        """Return the entries of a directory, sorted by name, relative to the location."""
        ...

    def stat(self, location: Location, path: str) -> FileEntry:
        """Return one file or directory."""
        ...

    def read(self, location: Location, path: str, start: int = 0, length: int = MAX_READ) -> bytes:
        """Return up to `length` (and `MAX_READ`) bytes from `start`; from the end if negative."""
        ...

    def delete(self, location: Location, path: str, *, recursive: bool = False) -> None:
        """Delete a file, or with `recursive` a directory."""
        ...


class Connection(Protocol):
    """A lab's connection to its service, in this process or on a remote scheduler.

    Can be used from any thread.
    """

    @property
    def files(self) -> NodeFiles:
        """The files of the nodes."""
        ...

    def read_end(self, place: Place, path: str, length: int) -> tuple[int, bytes]:
        """Return the size of a file on a node and its last bytes, in one call to the service.

        Raises as `NodeFiles`, and as the question.
        """
        ...

    @property
    def account(self) -> str:
        """The name of the service's account."""
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
        """Carry out the only request with a secret, which never enters the core.

        The contents go directly to the nodes that need them.
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

        `timeout` is in seconds of lab time. During the wait, `watch` is called a few times a
        second (on a simulated lab, after each step), for progress displays. Raises `WaitTimeout`,
        or `WaitNeverEnds` if the condition can no longer become true.
        """
        ...

    @property
    def speed(self) -> float:
        """Seconds of lab time per real second; 0 if the clock moves only when advanced."""
        ...

    def changes(self, since: int = 0, seconds: float = 0.0) -> Batch:
        """Return the changes from number `since` on; if negative, only where to continue.

        If nothing is new and other clients may change things, wait up to `seconds` of real time.
        """
        ...

    def node_log(self, pool_id: str, node_id: str) -> list[tuple[float, str]]:
        """Return what the agent of a node did, with the times on the lab's clock.

        Raises `NotFound`, or `Conflict` (``NodeNotReady``) while the node is not up.
        """
        ...

    def lose_node(self, pool_id: str, node_id: str) -> None:
        """Lose a node, as if its machine had failed, as a test. Raises `BatchError`."""
        ...

    def fail_next(self, kind: RunKind) -> None:
        """Make the next run of this kind fail, whatever its command, as a test."""
        ...

    def before_close(self, callback: Callable[[], None]) -> None:
        """Register a callback that is called once, before the connection closes."""
        ...

    def close(self) -> None:
        """Disconnect; end the service if this connection started it. Can be called twice."""
        ...


def read_end(connection: Connection, place: Place, path: str, length: int) -> tuple[int, bytes]:
    """Carry out `Connection.read_end` where calls cost nothing."""
    where = connection.ask(place)
    entry = connection.files.stat(where, path)
    if entry.is_directory:
        raise is_directory(path)
    size = entry.content_length or 0
    return size, connection.files.read(where, path, max(0, size - length), length)


def is_directory(path: str) -> InvalidRequest:
    """Build the error for a directory that should be a file."""
    return invalid("path", path, "is a directory: use files.list()", owner="Files")


def refuse_closed(closed: bool) -> None:
    """Refuse any operation on a closed lab."""
    if closed:
        raise Conflict("OperationInvalidForCurrentState", "the lab is closed: open a new one")
