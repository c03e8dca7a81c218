"""A service that answers what a test tells it to, and remembers what it was asked for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from batchlab.core.messages.inputs import Request
from batchlab.core.messages.questions import Condition, LocateTask, Location, Question
from batchlab.drivers.change_log import Batch
from batchlab.drivers.ports import MAX_READ, FileEntry, Place, read_end
from batchlab.errors import NotFound


class FakeFiles:
    """One directory, held as bytes by path; counts how much was read at most at once."""

    def __init__(self) -> None:
        self.contents: dict[str, bytes] = {}
        self.largest_read = 0
        self.bytes_read = 0

    def list(self, location: Location, path: str = "", *, recursive: bool = False) -> Any:
        return [self.stat(location, name) for name in sorted(self.contents)]

    def stat(self, location: Location, path: str) -> FileEntry:
        if path not in self.contents:
            raise NotFound("FileNotFound", f"there is no file {path!r}")
        size = len(self.contents[path])
        return FileEntry(name=path, is_directory=False, content_length=size)

    def read(self, location: Location, path: str, start: int = 0, length: int = MAX_READ) -> bytes:
        self.stat(location, path)
        block = self.contents[path][start : start + min(length, MAX_READ)]
        self.largest_read = max(self.largest_read, len(block))
        self.bytes_read += len(block)
        return block

    def delete(self, location: Location, path: str, *, recursive: bool = False) -> None:
        self.stat(location, path)
        del self.contents[path]


class FakeConnection:
    """Answers by type of question: a value, or a function of the question."""

    def __init__(self, **answers: Any) -> None:
        self.answers: dict[str, Any] = {"LocateTask": Location("p", "n", "d"), **answers}
        self.requests: list[Request] = []
        self.waits: list[tuple[Condition, float | None]] = []
        self.on_wait: Callable[[], None] = lambda: None
        self.files = FakeFiles()

    def now(self) -> float:
        return 0.0

    def request(self, request: Request) -> None:
        self.requests.append(request)

    def create_certificate(self, request: Request, contents: Any) -> None:
        self.request(request)

    def ask(self, question: Question | LocateTask) -> Any:
        answer = self.answers[type(question).__name__]
        if isinstance(answer, Exception):
            raise answer
        return answer(question) if callable(answer) else answer

    def read_end(self, place: Place, path: str, length: int) -> tuple[int, bytes]:
        return read_end(self, place, path, length)

    def wait(self, condition: Condition, timeout: float | None = None, watch: Any = None) -> None:
        self.waits.append((condition, timeout))
        self.on_wait()

    speed = 1.0

    def changes(self, since: int = 0, seconds: float = 0.0) -> Batch:
        return Batch(changes=[], next=since, now=0.0)

    def lose_node(self, pool_id: str, node_id: str) -> None:
        self.requests.append(("lose", pool_id, node_id))

    def fail_next(self, kind: Any) -> None:
        self.requests.append(("fail", kind))

    def before_close(self, callback: Callable[[], None]) -> None:
        pass

    def close(self) -> None:
        self.requests.append("close")
