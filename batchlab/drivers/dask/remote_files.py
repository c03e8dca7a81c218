"""Files of nodes, as a lab accesses them: each call goes to the node through the host."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

from batchlab.core.messages.questions import Location
from batchlab.drivers.dask import messages
from batchlab.drivers.ports import MAX_READ, FileEntry, Place

__all__ = ["RemoteFiles"]


class RemoteFiles:
    """Files of nodes, requested through the host; a `NodeFiles`.

    Parameters
    ----------
    call : callable
        Calls a handler of the host, and decodes its answer.
    """

    def __init__(self, call: Callable[..., Any]) -> None:
        self._call_host = call

    def list(
        self, location: Location, path: str = "", *, recursive: bool = False
    ) -> list[FileEntry]:
        """Return the entries of a directory, sorted by name, relative to the location."""
        entries: list[FileEntry] = self.call(location, "list", path, recursive=recursive)
        return entries

    def stat(self, location: Location, path: str) -> FileEntry:
        """Return one file or directory."""
        entry: FileEntry = self.call(location, "stat", path)
        return entry

    def read(self, location: Location, path: str, start: int = 0, length: int = MAX_READ) -> bytes:
        """Return up to `length` (and `MAX_READ`) bytes from `start`; from the end if negative."""
        data: bytes = self.call(location, "read", path, start=start, length=length)
        return data

    def delete(self, location: Location, path: str, *, recursive: bool = False) -> None:
        """Delete a file, or with `recursive` a directory."""
        self.call(location, "delete", path, recursive=recursive)

    def call(self, place: Location | Place, method: str, path: str, **options: Any) -> Any:
        """Call a method of the files at a place; the host finds it if it is a question."""
        call = messages.FileCall(method, path, options)
        payload = pickle.dumps((place, call))
        return self._call_host("files", once=method == "delete", payload=payload)
