"""A file system for fsspec whose files are on a lab's host: each call goes there over the network.

Large files travel in chunks, several at a time, so that a slow network is used well and memory is
bounded on both sides. See `host_folder` for the other side.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Iterator
from typing import Any, ClassVar, Protocol
from weakref import WeakValueDictionary

from fsspec import register_implementation  # type: ignore[import-untyped]
from fsspec.spec import (  # type: ignore[import-untyped]
    AbstractBufferedFile,
    AbstractFileSystem,
)

from batchlab.storage.host_folder import CHANGING, CHUNK
from batchlab.storage.locations import HOST_PROTOCOL

__all__ = ["HostCall", "HostFileSystem"]

AT_A_TIME = 8
"""How many chunks of a file travel at the same time."""
BLOCK = AT_A_TIME * CHUNK


class HostCall(Protocol):
    """Calls the host; ``once`` if a second time would change something again."""

    def __call__(self, handler: str, *, once: bool = False, **arguments: Any) -> Any:
        """Return the handler's answer, or raise its `BatchError`."""
        ...


class HostFileSystem(AbstractFileSystem):  # type: ignore[misc]
    """The files on a lab's host.

    fsspec makes it from a URL, too, in a process that has opened the lab.

    Parameters
    ----------
    lab_id : str
    call : HostCall, optional
        As given before for this lab, if omitted.
    large : callable, optional
        Called with the size of each file of more than `BLOCK` bytes that is sent or fetched.
    """

    protocol = HOST_PROTOCOL
    cachable = False
    _of_labs: ClassVar[WeakValueDictionary[str, HostFileSystem]] = WeakValueDictionary()

    def __init__(
        self,
        lab_id: str = "",
        call: HostCall | None = None,
        large: Callable[[int], None] | None = None,
    ) -> None:
        super().__init__()
        if call is None:
            known = self._of_labs.get(lab_id)
            if known is None:
                raise FileNotFoundError(
                    f"lab {lab_id!r} is not open in this process: open it with Lab(address), or "
                    "in a task with Lab.current()"
                )
            call, large = known._call_host, known._large
        else:
            self._of_labs[lab_id] = self
        self._call_host: HostCall = call
        self._large: Callable[[int], None] = large or (lambda size: None)

    @classmethod
    def _get_kwargs_from_urls(cls, path: str) -> dict[str, Any]:
        return {"lab_id": cls._strip_protocol(path).partition("/")[0]}

    def _call(self, method: str, path: str, **options: Any) -> Any:
        path = self._strip_protocol(path)
        result = self._call_host(
            "storage", once=method in CHANGING, method=method, path=path, options=options
        )
        if isinstance(result, Exception):
            raise result
        return result

    # -- looking ----------------------------------------------------------------------------------

    def info(self, path: str, **_: Any) -> dict[str, Any]:
        """Return the name, type, size and time of a file or directory."""
        facts: dict[str, Any] = self._call("info", path)
        return facts

    def exists(self, path: str, **_: Any) -> bool:
        """Whether a file or directory exists; fsspec would take any error as a no."""
        return self._kind(path) is not None

    def isfile(self, path: str) -> bool:
        """Whether a file exists."""
        return self._kind(path) == "file"

    def isdir(self, path: str) -> bool:
        """Whether a directory exists."""
        return self._kind(path) == "directory"

    def _kind(self, path: str) -> str | None:
        try:
            kind: str = self.info(path)["type"]
        except FileNotFoundError:
            return None
        return kind

    def ls(self, path: str, detail: bool = True, **_: Any) -> list[Any]:
        """Return the entries of a directory."""
        entries: list[dict[str, Any]] = self._call("list", path)
        return entries if detail else [entry["name"] for entry in entries]

    def find(
        self,
        path: str,
        maxdepth: Any = None,
        withdirs: bool = False,
        detail: bool = False,
        **_: Any,
    ) -> Any:
        """Return all files below a directory."""
        if maxdepth is not None or withdirs:
            return super().find(path, maxdepth=maxdepth, withdirs=withdirs, detail=detail)
        try:
            entries = self._call("list", path, deep=True)
        except FileNotFoundError:
            entries = []
        return {e["name"]: e for e in entries} if detail else [e["name"] for e in entries]

    # -- reading ----------------------------------------------------------------------------------

    def cat_file(
        self, path: str, start: int | None = None, end: int | None = None, **_: Any
    ) -> bytes:
        """Return the bytes of a file from `start` up to `end`."""
        first, last = start or 0, end
        if first >= 0 and last is None:
            data: bytes = self._call("read", path, start=first, length=CHUNK)
            if len(data) < CHUNK:  # most files need no second call
                return data
        if last is None or first < 0 or last < 0:
            size = self.info(path)["size"]
            first = max(0, size + first) if first < 0 else first
            last = size if last is None else size + last if last < 0 else last
        return b"".join(self._chunks(path, first, last))

    def get_file(self, rpath: str, lpath: Any, callback: Any = None, **_: Any) -> None:
        """Copy a file to this machine."""
        size = self.info(rpath)["size"]
        if size > BLOCK:
            self._large(size)
        with open(lpath, "wb") as file:
            for start in range(0, size, BLOCK):
                file.writelines(self._chunks(rpath, start, min(start + BLOCK, size)))

    def _chunks(self, path: str, first: int, last: int) -> Iterator[bytes]:
        def read(start: int) -> bytes:
            data: bytes = self._call("read", path, start=start, length=min(CHUNK, last - start))
            return data

        return _spread(read, range(first, last, CHUNK))

    # -- writing ----------------------------------------------------------------------------------

    def makedirs(self, path: str, exist_ok: bool = False) -> None:
        """Create a directory, with those above it."""
        self._call("make", path)

    def mkdir(self, path: str, create_parents: bool = True, **_: Any) -> None:
        """Create a directory, with those above it."""
        self._call("make", path)

    def pipe_file(self, path: str, value: bytes, mode: str = "overwrite", **_: Any) -> None:
        """Write a file, completely or not at all."""
        if len(value) <= CHUNK:
            self._call("put", path, part=uuid.uuid4().hex, data=value)
            return
        view = memoryview(value)
        self._send(path, len(value), lambda start, length: bytes(view[start : start + length]))

    def put_file(
        self, lpath: Any, rpath: str, callback: Any = None, mode: str = "overwrite", **_: Any
    ) -> None:
        """Copy a file of this machine, completely or not at all."""
        with open(lpath, "rb") as file:
            size = os.fstat(file.fileno()).st_size
            if size <= CHUNK:
                self.pipe_file(rpath, file.read(CHUNK + 1))
            else:
                self._send(rpath, size, lambda start, n: os.pread(file.fileno(), n, start))

    def _send(self, path: str, size: int, read: Callable[[int, int], bytes]) -> None:
        if size > BLOCK:
            self._large(size)
        part = uuid.uuid4().hex

        def send(start: int) -> None:
            data = read(start, min(CHUNK, size - start))
            self._call("write", path, part=part, start=start, data=data)

        try:
            for _ in _spread(send, range(0, size, CHUNK)):
                pass
        except BaseException:
            self._call("discard", path, part=part)
            raise
        self._call("finish", path, part=part)

    def rm_file(self, path: str) -> None:
        """Delete a file."""
        self._call("remove", path)

    def rm(self, path: str, recursive: bool = False, maxdepth: Any = None) -> None:
        """Delete a file, or with `recursive` a directory."""
        self._call("remove", path, recursive=recursive)

    def _open(self, path: str, mode: str = "rb", block_size: Any = None, **options: Any) -> Any:
        return _HostFile(self, path, mode, block_size=BLOCK, **options)


register_implementation(HOST_PROTOCOL, HostFileSystem, clobber=True)


class _HostFile(AbstractBufferedFile):  # type: ignore[misc]
    """An open file: it is read in blocks, and written as a part or at its end."""

    def _initiate_upload(self) -> None:
        self.part = uuid.uuid4().hex

    def _upload_chunk(self, final: bool = False) -> bool:
        fs: HostFileSystem = self.fs
        data = memoryview(self.buffer.getvalue())
        for start in range(0, len(data), CHUNK):
            piece = bytes(data[start : start + CHUNK])
            if self.mode == "ab":
                fs._call("append", self.path, data=piece)
            else:
                fs._call("write", self.path, part=self.part, start=self.offset + start, data=piece)
        if final and self.mode != "ab":
            if not data and not self.offset:
                fs._call("write", self.path, part=self.part, start=0, data=b"")
            fs._call("finish", self.path, part=self.part)
        return True


def _spread(work: Callable[[int], Any], starts: range) -> Iterator[Any]:
    """Carry out work for several chunks at a time; yield the results in order."""
    if len(starts) <= 1:
        yield from map(work, starts)
        return
    from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415 - slow

    with ThreadPoolExecutor(min(AT_A_TIME, len(starts))) as pool:
        waiting: list[Any] = []
        try:
            for start in starts:
                waiting.append(pool.submit(work, start))
                if len(waiting) == AT_A_TIME:
                    yield waiting.pop(0).result()
            for future in waiting:
                yield future.result()
        finally:
            for future in waiting:
                future.cancel()
