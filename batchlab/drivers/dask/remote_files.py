"""Files of nodes, as a lab accesses them: each call goes to the node through the host."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

from batchlab.core.messages.questions import Location
from batchlab.drivers.dask import messages
from batchlab.drivers.ports import MAX_READ, FileEntry

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
        entries: list[FileEntry] = self._call("list", location, path, recursive=recursive)
        return entries

    def stat(self, location: Location, path: str) -> FileEntry:
        """Return one file or directory."""
        entry: FileEntry = self._call("stat", location, path)
        return entry

    def read(self, location: Location, path: str, start: int = 0, length: int = MAX_READ) -> bytes:
        """Return up to `length` (and `MAX_READ`) bytes from `start`; from the end if negative."""
        data: bytes = self._call("read", location, path, start=start, length=length)
        return data

    def delete(self, location: Location, path: str, *, recursive: bool = False) -> None:
        """Delete a file, or with `recursive` a directory."""
        self._call("delete", location, path, recursive=recursive)

    def _call(self, method: str, location: Location, path: str, **options: Any) -> Any:
        call = messages.FileCall(method, location.directory, path, options)
        payload = pickle.dumps((location, call))
        return self._call_host("files", once=method == "delete", payload=payload)
