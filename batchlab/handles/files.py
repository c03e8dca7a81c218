"""Files of tasks and nodes: listed, read, followed, downloaded and deleted where they are.

Nothing here holds more than `LARGEST_READ` bytes at once: a larger file is read in parts,
followed, or streamed to disk. Paths are relative to the task's directory or the node's root.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Literal, overload

from batchlab.core.messages.questions import LocateNode, LocateTask, Location
from batchlab.display import Displayed
from batchlab.drivers.ports import MAX_READ, Connection, FileEntry, is_directory
from batchlab.errors import InvalidRequest, invalid
from batchlab.handles.atomic_download import atomic_download
from batchlab.handles.nearest import suggesting
from batchlab.handles.tail import follow as pieces
from batchlab.handles.tail import tail, whole_lines
from batchlab.handles.verbs import verb

__all__ = ["LARGEST_READ", "LARGEST_STREAM", "FileList", "Files"]

LARGEST_READ = 64 * 2**20
"""The most bytes that one `Files.read` returns."""
LARGEST_STREAM = 2**20
"""The most bytes that ``task.stdout`` and ``task.stderr`` show: the last ones."""


class FileList(list[FileEntry], Displayed):
    """Entries of a directory: each has `name`, `is_directory`, `content_length`, ..."""

    def __repr__(self) -> str:
        return "\n".join(entry.name + "/" * entry.is_directory for entry in self) or "(empty)"


class Files(Displayed):
    """The files of one task or of one node.

    Every method raises `NotFound` (``FileNotFound``, ``PathNotFound``, ``NodeNotFound``) or
    `Conflict`: ``TaskFilesUnavailable`` (not started yet), ``TaskFilesCleanedup`` (the retention
    time is over), ``NodeNotReady``. Paths that lead outside the directory are refused.
    """

    __slots__ = ("_connection", "_place", "_title")

    def __init__(self, connection: Connection, place: LocateTask | LocateNode, title: str) -> None:
        self._connection = connection
        self._place = place
        self._title = title

    def __repr__(self) -> str:
        return f"Files of {self._title}"

    @verb
    def list(self, path: str = "", *, recursive: bool = False) -> FileList:
        """Entries of a directory, sorted by name; with `recursive` everything below it.

        Parameters
        ----------
        path : str, default ""
            The directory; the top directory if omitted.
        recursive : bool, default False
            Whether to list everything below it as well.

        Raises
        ------
        NotFound
            ``PathNotFound``.
        InvalidRequest
            ``InvalidPropertyValue``: not a path, or one that leads outside.
        """
        where = self._locate()
        if not isinstance(recursive, bool):
            raise invalid("recursive", recursive, "must be True or False", owner="Files.list")
        name = as_path(path)
        with self._suggesting(where, name):
            return FileList(self._connection.files.list(where, name, recursive=recursive))

    @verb
    def stat(self, path: str) -> FileEntry:
        """One entry: name, size, time of the last change, permissions."""
        where, name = self._locate(), as_path(path)
        with self._suggesting(where, name):
            return self._connection.files.stat(where, name)

    @verb
    def read(self, path: str, start: int = 0, length: int | None = None) -> bytes:
        """Bytes of a file.

        Parameters
        ----------
        path : str
        start : int, default 0
            Where to start; a negative number counts from the end.
        length : int, optional
            How many bytes; up to the end if omitted.

        Raises
        ------
        InvalidRequest
            ``OutOfRangeInput``: more than 64 MiB at once; read a part or download the file.
        """
        where, name = self._locate(), as_path(path)
        first = _whole("start", start)
        size = self._size(where, name)
        first = max(0, size + first) if first < 0 else first
        rest = max(0, size - first)
        wanted = rest if length is None else min(rest, max(0, _whole("length", length)))
        if wanted > LARGEST_READ:
            raise InvalidRequest(
                "OutOfRangeInput",
                f"{name}: {wanted:,} bytes are too many for one read (limit: {LARGEST_READ:,}): "
                f"read a part with start= and length=, or use files.download({name!r}, to)",
            )
        return b"".join(self._blocks(where, name, first, wanted))

    @verb
    def text(self, path: str) -> str:
        """A whole file as text, with U+FFFD for invalid UTF-8; same limit as `read`."""
        return self.read(path).decode(errors="replace")

    @overload
    def tail(self, path: str, lines: int = 10, *, follow: Literal[False] = False) -> str: ...
    @overload
    def tail(self, path: str, lines: int = 10, *, follow: Literal[True]) -> Iterator[str]: ...
    @verb
    def tail(self, path: str, lines: int = 10, *, follow: bool = False) -> str | Iterator[str]:
        """The last lines of a file; with `follow`, also what is appended until its task completes.

        Parameters
        ----------
        path : str
        lines : int, default 10
            How many of the existing lines.
        follow : bool, default False
            Return an iterator over pieces of text as they are written. It waits for a task that
            has not started, continues when a retry starts the file again, and ends when the
            task is completed. Only for files of a task.

        Raises
        ------
        NotFound
            ``FileNotFound``.
        InvalidRequest
            ``InvalidPropertyValue``: not a path or a number, or `follow` for a file of a node.
        """
        name, count = as_path(path), _whole("lines", lines)
        if not follow:
            where = self._locate()
            with self._suggesting(where, name):
                return tail(self._connection.files, where, name, count)
        if isinstance(self._place, LocateNode):
            reason = "only files of a task can be followed: use task.files"
            raise invalid("follow", follow, reason, owner="Files.tail")
        return pieces(self._connection, self._place, name, count)

    @verb
    def download(self, path: str, to: str | os.PathLike[str] = ".") -> Path:
        """Copy a file to this machine and return its path.

        Parameters
        ----------
        path : str
        to : path, default "."
            A file to write, or a directory to put it in. Until the copy is complete it has
            a temporary name, so that an incomplete copy is never mistaken for the file.

        Raises
        ------
        NotFound
            ``FileNotFound``.
        InvalidRequest
            ``InvalidPropertyValue``: a directory, or a place that cannot be written to.
        """
        where, name = self._locate(), as_path(path)
        size = self._size(where, name)
        with (
            atomic_download(to, Path(name).name, "Files.download") as (part, target),
            part.open("xb") as file,
        ):
            for block in self._blocks(where, name, 0, size):
                file.write(block)
        return target

    @verb
    def delete(self, path: str, *, recursive: bool = False) -> None:
        """Delete a file, or with `recursive` a directory and everything below it.

        Parameters
        ----------
        path : str
        recursive : bool, default False
            Whether a directory may be deleted, and everything below it.

        Raises
        ------
        NotFound
            ``FileNotFound``.
        InvalidRequest
            ``InvalidPropertyValue``: not a path, or a directory without `recursive`.
        """
        where, name = self._locate(), as_path(path)
        with self._suggesting(where, name):
            self._connection.files.delete(where, name, recursive=bool(recursive))

    def stream(self, path: str) -> str:
        """A file as text, or its end after a line that says how much was left out."""
        size, data = self._connection.read_end(self._place, as_path(path), LARGEST_STREAM)
        if size <= len(data):  # it may have grown since it was measured
            return data.decode(errors="replace")
        data = whole_lines(data)
        left_out = size - len(data)
        note = f"[{left_out:,} bytes left out here; files.download({path!r}) has them all]\n"
        return note + data.decode(errors="replace")

    def _locate(self) -> Location:
        location: Location = self._connection.ask(self._place)
        return location

    def _size(self, where: Location, path: str) -> int:
        with self._suggesting(where, path):
            entry = self._connection.files.stat(where, path)
        if entry.is_directory:
            raise is_directory(path)
        return entry.content_length or 0

    def _suggesting(self, where: Location, path: str) -> AbstractContextManager[None]:
        """Add the nearest path to the error if there is no such file or directory."""

        def paths() -> Iterator[str]:
            entries = self._connection.files.list(where, "", recursive=True)
            return (entry.name for entry in entries)

        return suggesting(path, paths, "FileNotFound", "PathNotFound")

    def _blocks(self, where: Location, path: str, start: int, count: int) -> Iterator[bytes]:
        while count > 0:
            block = self._connection.files.read(where, path, start, min(count, MAX_READ))
            if not block:
                return  # the file became shorter
            yield block
            start, count = start + len(block), count - len(block)


def as_path(path: Any) -> str:
    """Return a path inside a task's or node's directory as text, or refuse anything else."""
    if isinstance(path, os.PathLike):
        path = os.fspath(path)
    if isinstance(path, str) and "\0" not in path:
        return path
    raise invalid("path", path, "must be a path, like 'wd/result.txt'", owner="Files")


def _whole(name: str, value: Any) -> int:
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        raise invalid(name, value, "must be a whole number", owner="Files")
    return int(value.__index__())
