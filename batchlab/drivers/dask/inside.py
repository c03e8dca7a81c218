"""The client's side inside a task: uses the node's gateway, without Dask.

The command of a task, and any process that it starts, connects to its service on first use. All
handles in a process share one connection, so handles of the same thing are equal.
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
import threading
from collections.abc import Callable
from typing import Any

import msgspec

from batchlab.core.messages.questions import Condition, GetTask, JobIs, TaskIs, TasksCompleted
from batchlab.core.model.ids import fold
from batchlab.core.tasks.environment import SERVICE
from batchlab.drivers.dask import messages
from batchlab.drivers.dask.remote import WATCH_S, RemoteConnection
from batchlab.errors import Conflict, NotFound, WaitNeverEnds

__all__ = ["InsideConnection", "current"]

_lock = threading.Lock()
_current: InsideConnection | None = None


def current(owner: str) -> InsideConnection:
    """Return the connection to the service that runs this process.

    Parameters
    ----------
    owner : str
        The calling function, for error messages.

    Raises
    ------
    Conflict
        ``OperationInvalidForCurrentState``: this process was not started by a task of a lab.
    NotFound
        ``ResourceNotFound``: the node that started it no longer exists.
    """
    global _current  # noqa: PLW0603
    address = os.environ.get(SERVICE)
    if not address and "AZ_BATCH_NODE_ID" in os.environ:
        raise Conflict(
            "OperationInvalidForCurrentState",
            f"{owner}() has all rights of the account, so it is for elevated tasks only if the "
            "lab isolates users: give the task a user_identity with elevation_level='admin'",
        )
    if not address:
        raise Conflict(
            "OperationInvalidForCurrentState",
            f"{owner}() works only inside a task, and this process does not belong to one: "
            f"{SERVICE} is not set. Outside of tasks, create a lab with Lab(), or attach to one "
            'with Lab("tcp://scheduler:8786")',
        )
    with _lock:
        if _current is None or _current.closed or _current.address != address:
            _current = InsideConnection(address)
        return _current


class InsideConnection(RemoteConnection):
    """A connection to the service through a node's gateway; a `Connection`.

    Parameters
    ----------
    address : str
        The value of ``BATCHLAB_SERVICE``.
    """

    def __init__(self, address: str) -> None:
        self.address = address
        self._path, _, self._secret = address.rpartition("#")
        self._free: dict[int, list[socket.socket]] = {}  # by process: a fork shares no socket
        self.closed = False
        try:
            now, speed, storage = self.call("hello")
        except Conflict as error:
            raise NotFound("ResourceNotFound", error.message) from None
        super().__init__(now, speed, storage)

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

        There is no network between a task and its node, so each call is sent once.
        """
        self._refuse_closed()
        free = self._free.setdefault(os.getpid(), [])
        link: socket.socket | None = None
        try:
            try:
                link = free.pop()
            except IndexError:
                link = self._connect()
            call = msgspec.msgpack.encode((handler, arguments))
            link.sendall(len(call).to_bytes(messages.LENGTH_BYTES) + call)
            while watch is not None and not select.select([link], [], [], WATCH_S)[0]:
                watch()
            size = int.from_bytes(_receive(link, messages.LENGTH_BYTES))
            answer = _receive(link, size)
        except OSError as error:
            _drop(link)
            raise Conflict(
                "OperationInvalidForCurrentState",
                f"the node that runs this task cannot be reached: {error}",
            ) from None
        except BaseException:
            _drop(link)  # an answer may still arrive on it
            raise
        free.append(link)
        return messages.unpack(answer)

    def wait(
        self,
        condition: Condition,
        timeout: float | None = None,
        watch: Callable[[], None] | None = None,
    ) -> None:
        """Block until a condition holds, unless this process itself prevents it."""
        if self._is_of_this_task(condition):
            raise WaitNeverEnds(
                "WaitsForItself",
                f"this process would wait for itself, until {condition}: wait for each of the "
                "other tasks instead, with job.tasks[id].wait()",
            )
        super().wait(condition, timeout, watch)

    def _is_of_this_task(self, condition: Condition) -> bool:
        """Whether a condition cannot hold before the task that this process belongs to ends."""
        job_id, task_id = (os.environ.get(f"AZ_BATCH_{name}_ID", "") for name in ("JOB", "TASK"))
        match condition:
            case (
                TasksCompleted(job_id=waited) | JobIs(job_id=waited, state="completed" | "deleted")
            ):
                same = fold(waited) == fold(job_id)
            case TaskIs(job_id=waited, task_id=other, state="completed" | "deleted"):
                same = (fold(waited), fold(other)) == (fold(job_id), fold(task_id))
            case _:
                same = False
        if not same:
            return False
        try:
            state: str = self.ask(GetTask(job_id=job_id, task_id=task_id)).state
        except NotFound:
            return False  # a preparation or release task is not one of the job's tasks
        return state != "completed"  # a background process of a completed task may wait

    def shutdown(self) -> None:
        """Refuse: a task cannot end its lab."""
        raise Conflict(
            "OperationInvalidForCurrentState",
            "a task cannot close the lab that it runs in: terminate its job instead",
        )

    def _end(self) -> None:
        self.closed = True
        for link in self._free.pop(os.getpid(), []):
            link.close()

    def _connect(self) -> socket.socket:
        link = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            link.connect(self._path)
            link.sendall(self._secret.encode())
        except OSError:
            link.close()
            raise
        return link


def _receive(link: socket.socket, size: int) -> bytes:
    parts = bytearray()
    while len(parts) < size:
        part = link.recv(min(size - len(parts), 2**20))
        if not part:
            raise ConnectionError("the node closed the connection")
        parts += part
    return bytes(parts)


def _drop(link: socket.socket | None) -> None:
    if link is not None:
        with contextlib.suppress(OSError):
            link.close()
