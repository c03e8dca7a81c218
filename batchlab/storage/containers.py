"""Containers and their blobs, on any file system of fsspec.

A container is a folder or, at the bare root of an object store, a bucket or container of that
store. Object stores have no empty folders, so a hidden blob marks a container there. If the store
would show a partly written blob, the blob is first written under a temporary name.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

import msgspec

from batchlab.errors import BatchError
from batchlab.storage.faults import StorageFailed, failed, faults
from batchlab.storage.filesystems import AZURE
from batchlab.storage.locations import OBJECT_STORES, protocol_of
from batchlab.words import plural

__all__ = ["HIDDEN", "Blob", "BlobContainer", "put_in_place"]

HIDDEN = ".batchlab-"
"""Prefix of our own file names: the mark of a container and partly written blobs."""
_MARK = f"{HIDDEN}container"


class Blob(msgspec.Struct, frozen=True, kw_only=True):
    """A blob: its `name`, size in bytes, time of last change (None if unknown), and URL."""

    name: str
    content_length: int
    last_modified: datetime | None
    url: str

    def __repr__(self) -> str:
        count = self.content_length
        return f"Blob({self.name!r}, {plural(count, 'byte')})"


class BlobContainer:
    """One container. All methods raise `StorageFailed`; they may be used from any thread.

    Parameters
    ----------
    url : str
    open_fs : callable
        Opens its file system, on first use.
    check_place : callable, optional
        Raises `StorageFailed` if the place of the container cannot be reached from here.
    """

    def __init__(
        self,
        url: str,
        open_fs: Callable[[], Any],
        *,
        check_place: Callable[[], None] = lambda: None,
    ) -> None:
        self.url = url
        self._open_fs = open_fs
        self._check_place = check_place
        self._protocol = protocol_of(url)

    def url_of(self, blob: str) -> str:
        """Return the URL of a blob."""
        return f"{self.url}/{blob}"

    def exists(self) -> bool:
        """Whether the container exists."""
        with faults():
            if self._is_local:
                return os.path.isdir(self._path())
            fs = self._open_fs()
            fs.invalidate_cache()
            return bool(fs.exists(self._path()))

    def check(self) -> None:
        """Raise `StorageFailed` unless it exists; skipped without permission to check."""
        try:
            there = self.exists()
        except StorageFailed as fault:
            if fault.kind != "denied":
                raise
            return
        if not there:
            raise StorageFailed("container", f"there is no container {self.url}{self._here()}")

    def create(self) -> None:
        """Create the container; harmless if it exists."""
        with faults():
            path = self._path()
            if self._is_local:
                os.makedirs(path, exist_ok=True)
                return
            fs = self._open_fs()
            if self._protocol not in OBJECT_STORES:
                fs.makedirs(path, exist_ok=True)
            elif "/" in path:
                fs.pipe_file(f"{path}/{_MARK}", b"")
            elif not self.exists():
                fs.mkdir(path)

    def remove(self) -> None:
        """Delete the container and all its blobs."""
        self.check()
        with faults():
            self._open_fs().rm(self._path(), recursive=True)

    def blobs(self, prefix: str = "") -> list[Blob]:
        """Return all blobs whose names start with a prefix, sorted by name."""
        self.check()
        with faults():
            path = self._path()
            folder, _, _ = prefix.rpartition("/")
            found = self._find(f"{path}/{folder}" if folder else path)
            start = len(path) + 1
            blobs = (self._blob(name[start:], facts) for name, facts in found.items())
            return sorted(
                (
                    blob
                    for blob in blobs
                    if blob.name.startswith(prefix) and f"/{HIDDEN}" not in f"/{blob.name}"
                ),
                key=lambda blob: blob.name,
            )

    def _find(self, path: str) -> dict[str, Any]:
        fs = self._open_fs()
        try:
            found: dict[str, Any] = fs.find(path, detail=True)
        except Exception as error:
            if self._protocol not in AZURE or failed(error).kind != "denied":
                raise
            # If there are no blobs, adlfs asks for the container itself, which a signature does
            # not allow. Then there are none, unless listing is not allowed or fails here.
            fs.ls(self._path())
            found = {}
        return found

    def stat(self, blob: str) -> Blob:
        """Return the properties of one blob."""
        with _BlobErrors(self, blob):
            fs = self._open_fs()
            fs.invalidate_cache()
            return self._blob(blob, fs.info(f"{self._path()}/{blob}"))

    def _blob(self, name: str, facts: dict[str, Any]) -> Blob:
        changed = (
            facts.get("mtime")
            or facts.get("LastModified")
            or facts.get("last_modified")
            or facts.get("created")
        )
        if isinstance(changed, (int, float)):
            changed = datetime.fromtimestamp(changed, UTC)
        known = changed if isinstance(changed, datetime) else None
        size = int(facts.get("size") or 0)
        return Blob(name=name, content_length=size, last_modified=known, url=self.url_of(name))

    def write(self, blob: str, source: bytes | str | os.PathLike[str]) -> None:
        """Write a blob, completely or not at all, from bytes or from a file on this machine."""
        path = f"{self._path()}/{blob}"
        try:
            if self._is_local:
                self._write_file(path, source)
                return
            fs = self._open_fs()
            if isinstance(source, bytes):
                fs.pipe_file(path, source)
            elif self._protocol in AZURE:  # put_file never returns if the container is missing
                with open(source, "rb") as file:
                    fs.pipe_file(path, file)
            else:
                fs.put_file(os.fspath(source), path)
        except BatchError:
            raise
        except Exception as error:
            fault = failed(error)
            if fault.kind == "blob" and (self._protocol in AZURE or not self.exists()):
                fault = StorageFailed("container", f"the container {self.url} no longer exists")
            raise fault from error

    def _write_file(self, path: str, source: bytes | str | os.PathLike[str]) -> None:
        base = self._path()
        part = f"{base}/{HIDDEN}{uuid.uuid4().hex}.part"
        try:
            with open(part, "xb") as target:
                if isinstance(source, bytes):
                    target.write(source)
                else:
                    with open(source, "rb") as file:
                        while chunk := file.read(2**20):
                            target.write(chunk)
            put_in_place(part, base, path)
        finally:
            Path(part).unlink(missing_ok=True)

    def append(self, blob: str, data: bytes) -> None:
        """Append to a blob, creating it if necessary."""
        with faults():
            path = f"{self._path()}/{blob}"
            fs = self._open_fs()
            if self._protocol not in OBJECT_STORES:
                fs.makedirs(path.rpartition("/")[0], exist_ok=True)
            with fs.open(path, "ab") as file:
                file.write(data)

    def read(self, blob: str, start: int | None = None, end: int | None = None) -> bytes:
        """Return the contents of a blob, or only the bytes from `start` up to `end`."""
        with _BlobErrors(self, blob):
            data: bytes = self._open_fs().cat_file(f"{self._path()}/{blob}", start, end)
            return data

    def open(self, blob: str) -> IO[bytes]:
        """Open a blob for reading."""
        with _BlobErrors(self, blob):
            file: IO[bytes] = self._open_fs().open(f"{self._path()}/{blob}", "rb")
            return file

    def download(self, blob: str, to: str) -> None:
        """Copy a blob to a file on this machine."""
        with _BlobErrors(self, blob):
            self._open_fs().get_file(f"{self._path()}/{blob}", to)

    def delete(self, blob: str) -> None:
        """Delete a blob."""
        with _BlobErrors(self, blob):
            fs, path = self._open_fs(), f"{self._path()}/{blob}"
            fs.invalidate_cache()
            if not fs.isfile(path):  # object stores silently "delete" a missing blob
                raise FileNotFoundError(blob)
            fs.rm_file(path)

    @property
    def _is_local(self) -> bool:
        return self._protocol == "file"

    def _here(self) -> str:
        return f" on {os.uname().nodename}" if self._is_local else ""

    def _path(self) -> str:
        self._check_place()
        if self._is_local:
            return self.url.removeprefix("file://").rstrip("/")
        path: str = self._open_fs()._strip_protocol(self.url)
        return path.rstrip("/")


def put_in_place(part: str, base: str, path: str) -> None:
    """Move a complete file to the place of a blob in the folder of a container."""
    parents = path[len(base) + 1 :].split("/")[:-1]
    for count in range(len(parents)):  # one by one, to never re-create the container
        folder = "/".join((base, *parents[: count + 1]))
        try:
            Path(folder).mkdir(exist_ok=True)
        except FileExistsError as error:
            raise _twice(folder[len(base) + 1 :]) from error
    try:
        Path(part).replace(path)
    except IsADirectoryError:  # deleted blobs may have left it
        _remove_empty(path, path[len(base) + 1 :])
        Path(part).replace(path)


def _remove_empty(folder: str, name: str) -> None:
    """Remove a folder without files, so that a blob can take its name."""
    for path, _, files in os.walk(folder, topdown=False):
        if files:
            raise _twice(name)
        Path(path).rmdir()


def _twice(name: str) -> StorageFailed:
    return StorageFailed(
        "other",
        f"{name!r} would be both a blob and the directory of other blobs, which is not possible "
        "when the storage is a folder: rename one of them",
    )


class _BlobErrors:
    """Turns errors into `StorageFailed`, and checks whether the container itself is missing."""

    def __init__(self, container: BlobContainer, blob: str) -> None:
        self._container = container
        self._blob = blob

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if not isinstance(error, Exception) or isinstance(error, BatchError):
            return
        fault = failed(error)
        if fault.kind == "blob":
            self._container.check()
            reason = f"there is no blob {self._blob!r} in {self._container.url}"
            fault = StorageFailed("blob", reason)
        raise fault from error
