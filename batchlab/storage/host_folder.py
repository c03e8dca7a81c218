"""The data of a lab without a storage location of its own: a folder on its host, served by calls.

The folder is on the machine of the scheduler, which all nodes and clients can reach; they use it
with `host_filesystem`. Paths are those of URLs, ``lab/account/container/blob``, and nothing
outside the folder is accessible. Data comes and goes in chunks, so that memory is bounded,
whatever the size of a blob. A blob is written as a hidden part of its container, and then moved
to its place.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

from batchlab.storage.containers import HIDDEN, put_in_place
from batchlab.storage.faults import StorageFailed
from batchlab.storage.locations import HOST_PROTOCOL

__all__ = ["CHANGING", "CHUNK", "HostFolder"]

CHUNK = 2**20
"""The most bytes of data in one call."""
CHANGING = frozenset({"put", "finish", "append", "remove"})
"""Calls that must not be carried out twice."""


class HostFolder:
    """A folder that is served to nodes and clients.

    Parameters
    ----------
    folder : str
    lab_id : str
        The first part of all paths.
    """

    def __init__(self, folder: str, lab_id: str) -> None:
        self._folder = os.path.realpath(folder)
        self._lab_id = lab_id

    def do(self, method: str, path: str, options: dict[str, Any]) -> Any:
        """Carry out a call; return its result, or the error to be raised by the caller."""
        try:
            return getattr(self, f"_{method}")(path, **options)
        except (OSError, StorageFailed) as error:
            return error

    def _info(self, path: str) -> dict[str, Any]:
        return self._facts(self._real(path))

    def _list(self, path: str, deep: bool = False) -> list[dict[str, Any]]:
        """Return the entries of a folder, or all files below it."""
        real = self._real(path)
        if not deep:
            with os.scandir(real) as entries:
                return sorted((self._facts(entry.path) for entry in entries), key=_name)
        if not os.path.isdir(real):
            return [self._facts(real)]
        files = (
            os.path.join(folder, name) for folder, _, names in os.walk(real) for name in names
        )
        return sorted((self._facts(file) for file in files), key=_name)

    def _read(self, path: str, start: int, length: int) -> bytes:
        with open(self._real(path), "rb") as file:
            return os.pread(file.fileno(), min(length, CHUNK), start)

    def _make(self, path: str) -> None:
        os.makedirs(self._real(path), exist_ok=True)

    def _write(self, path: str, part: str, start: int, data: bytes) -> None:
        """Write a piece of a part; pieces may come in any order, and twice."""
        number = os.open(self._part(path, part), os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.pwrite(number, data, start)
        finally:
            os.close(number)

    def _finish(self, path: str, part: str) -> None:
        """Move a complete part to its place."""
        hidden = self._part(path, part)
        try:
            put_in_place(hidden, self._container(path), self._real(path))
        finally:
            Path(hidden).unlink(missing_ok=True)

    def _discard(self, path: str, part: str) -> None:
        Path(self._part(path, part)).unlink(missing_ok=True)

    def _put(self, path: str, part: str, data: bytes) -> None:
        """Write a small blob."""
        self._write(path, part, 0, data)
        self._finish(path, part)

    def _append(self, path: str, data: bytes) -> None:
        with open(self._real(path), "ab") as file:
            file.write(data)

    def _remove(self, path: str, recursive: bool = False) -> None:
        real = self._real(path)
        if recursive and os.path.isdir(real):
            shutil.rmtree(real)
        else:
            os.unlink(real)

    def _facts(self, real: str) -> dict[str, Any]:
        facts = os.stat(real)
        kind = "directory" if os.path.isdir(real) else "file"
        name = f"{self._lab_id}{real[len(self._folder) :]}"
        return {"name": name, "size": facts.st_size, "type": kind, "mtime": facts.st_mtime}

    def _real(self, path: str) -> str:
        """Return the real path; all of it is our own, so there are no links."""
        lab_id, *parts = path.split("/")
        if lab_id != self._lab_id or ".." in parts or "\0" in path:
            raise FileNotFoundError(f"there is no {HOST_PROTOCOL}://{path}")
        return "/".join([self._folder, *(part for part in parts if part)])

    def _container(self, path: str) -> str:
        return self._real("/".join(path.split("/")[:3]))

    def _part(self, path: str, part: str) -> str:
        if not part.isalnum():
            raise FileNotFoundError(part)
        return f"{self._container(path)}/{HIDDEN}{part}.part"


def _name(facts: dict[str, Any]) -> str:
    name: str = facts["name"]
    return name
