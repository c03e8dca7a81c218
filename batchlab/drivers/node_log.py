"""What the agent of a node did: a bounded log per node, and its upload to a container.

The log has the starts of the node, its runs with their downloads and ends, and errors; secrets, as
in the query of a URL, are left out. Only the latest lines are kept. As in Azure, a log is uploaded
as a whole if any line of it is from the requested time.
"""

from __future__ import annotations

import contextlib
import queue
import uuid
from collections import deque
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from batchlab import background
from batchlab.core.messages.facts import RunExited
from batchlab.core.messages.outputs import StartRun
from batchlab.core.model.ids import RunId
from batchlab.errors import invalid
from batchlab.masking import mask
from batchlab.storage.faults import StorageFailed

if TYPE_CHECKING:
    from batchlab.drivers.ports import Connection

__all__ = ["LogLimit", "NodeLog", "UploadNodeLogs", "UploadNodeLogsResult", "upload"]

MOST_LINES = 1000
NAME = "agent-debug.log"
ANSWER_S = 10.0
"""How long an upload may take."""
Line = tuple[float, str]
"""A time on the lab's clock, and what happened."""


class LogLimit:
    """How many lines a log keeps; simulated nodes share one: there may be thousands of them."""

    def __init__(self) -> None:
        self.lines = MOST_LINES

    def share(self, nodes: int) -> None:
        """Let so many nodes share a million lines, each with at least a hundred."""
        self.lines = max(MOST_LINES // 10, min(MOST_LINES, 1000 * MOST_LINES // max(1, nodes)))


class NodeLog:
    """The latest lines of the log of one node; they are put into words when they are read."""

    def __init__(self, limit: LogLimit | None = None) -> None:
        self._limit = limit or LogLimit()
        self._parts: deque[Any] = deque()  # of each line: its time, its text, the values of that
        self._count = 0

    def note(self, when: float, text: str, *values: Any) -> None:
        """Add a line: a text with a ``%s`` for each value."""
        self._parts.extend((when, text, *values))
        self._count += 1
        while self._count > self._limit.lines:
            self._count -= 1
            _next_line(self._parts.popleft)

    def run_begins(self, when: float, run: StartRun) -> None:
        """Note a run that begins, and what it downloads first."""
        self.note(when, "%s begins in %s: %.200s", run.run_id, run.directory, run.command_line)
        for package in run.application_packages:
            name = f"{package.application_id} {package.version}"
            self.note(when, "%s needs package %s", run.run_id, name)
        for file in run.resource_files:
            source = file.http_url or file.storage_container_url or ""
            source = file.auto_storage_container_name or source.partition("?")[0]
            self.note(when, "%s downloads %s", run.run_id, source)

    def run_ends(self, when: float, report: RunExited) -> None:
        """Note a run that is over, and why it failed."""
        code, failure = report.exit_code, report.failure
        if code is None:
            self.note(when, "%s ends with no exit code", report.run_id)
        else:
            self.note(when, "%s ends with exit code %s", report.run_id, code)
        if failure is not None:
            about = failure.details.get("Message", failure.message)
            self.note(when, "%s failed: %s: %s", report.run_id, failure.code, about)
        elif report.cancelled:
            self.note(when, "%s was ended on request", report.run_id)

    def lines(self) -> list[Line]:
        """All lines that are kept, oldest first."""
        take = iter(self._parts).__next__
        lines = (_next_line(take) for _ in range(self._count))
        return [(when, mask(text % tuple(map(_words, values)))) for when, text, values in lines]

    def save(self, path: str) -> None:
        """Keep the log in a file for the next agent of the node."""
        Path(path).write_bytes(msgspec.json.encode(self.lines()))

    def load(self, path: str) -> None:
        """Continue the log of an earlier agent, if there was one."""
        with contextlib.suppress(OSError, msgspec.DecodeError):
            for when, text in msgspec.json.decode(Path(path).read_bytes(), type=list[Line]):
                self.note(when, "%s", text)


def _next_line(take: Callable[[], Any]) -> tuple[float, str, list[Any]]:
    """Take the parts of one line."""
    when, text = take(), take()
    return when, text, [take() for _ in range(text.count("%"))]


def _words(value: Any) -> Any:
    """A run by its job and task; anything else as it is."""
    if not isinstance(value, RunId):
        return value
    return f"run {value.number} of {'/'.join(filter(None, (value.job_id, value.task_id)))}"


class UploadNodeLogs(msgspec.Struct, frozen=True, kw_only=True):
    """Which log goes where."""

    container_url: str
    start_time: datetime
    end_time: datetime | None = None


class UploadNodeLogsResult(msgspec.Struct, frozen=True, kw_only=True):
    """What was uploaded.

    Attributes
    ----------
    virtual_directory_name : str
        The directory in the container: pool, node, and a unique name.
    number_of_files_uploaded : int
    """

    virtual_directory_name: str
    number_of_files_uploaded: int


def upload(
    connection: Connection, pool_id: str, node_id: str, options: UploadNodeLogs
) -> UploadNodeLogsResult:
    """Upload the log of a node to a container."""
    start, end = options.start_time, options.end_time
    if end is not None and end <= start:
        raise invalid("end_time", end.isoformat(), "must be later than start_time")
    lines = connection.node_log(pool_id, node_id)
    until = float("inf") if end is None else end.timestamp()
    directory = f"{pool_id}/{node_id}/{uuid.uuid4()}"
    wanted = any(start.timestamp() <= when <= until for when, _ in lines)

    def carry_out() -> None:
        container = connection.storage.resolve(options.container_url)
        container.check()
        if wanted:
            container.write(f"{directory}/{NAME}", _text(lines))

    try:
        _limited(carry_out)
    except StorageFailed as error:
        place, reason = options.container_url.partition("?")[0], error.reason
        raise invalid("container_url", place, f"the log cannot be uploaded: {reason}") from None
    return UploadNodeLogsResult(
        virtual_directory_name=directory, number_of_files_uploaded=int(wanted)
    )


def _limited(work: Callable[[], None]) -> None:
    """Do some work with a storage, which may not answer, nor say so, for minutes."""
    if not background.threads():
        work()
        return
    ended: queue.SimpleQueue[Exception | None] = queue.SimpleQueue()

    def carry_out() -> None:
        try:
            work()
        except Exception as error:
            ended.put(error)
        else:
            ended.put(None)

    background.start(carry_out, "batchlab-upload")
    try:
        error = ended.get(timeout=ANSWER_S)
    except queue.Empty:
        reason = f"the container did not answer within {ANSWER_S:g} s"
        raise StorageFailed("timeout", reason) from None
    if error is not None:
        raise error


def _text(lines: Iterable[Line]) -> bytes:
    found = (f"{datetime.fromtimestamp(when, UTC):%Y-%m-%dT%H:%M:%S.%fZ} {text}\n"
             for when, text in lines)  # fmt: skip
    return "".join(found).encode("utf-8", "replace")
