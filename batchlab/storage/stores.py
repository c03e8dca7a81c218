"""A lab's storage: its containers by name, and any other blob by URL."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from typing import IO, TYPE_CHECKING, Any

from batchlab.core.model.files import is_container_name
from batchlab.storage.containers import BlobContainer
from batchlab.storage.faults import StorageFailed, faults
from batchlab.storage.filesystems import azure_url, filesystem, open_any
from batchlab.storage.locations import (
    HOST_PROTOCOL,
    OBJECT_STORES,
    StorageLocation,
    protocol_of,
)

if TYPE_CHECKING:
    from batchlab.storage.host_filesystem import HostCall

__all__ = ["BlobStore"]


class BlobStore:
    """A lab's storage: its containers by name, and any other blob by URL.

    Parameters
    ----------
    location : StorageLocation
    call : HostCall, optional
        Calls the lab's host, if the data is there.
    large : callable, optional
        Called with the size of a large file that goes to or comes from the host.
    """

    def __init__(
        self,
        location: StorageLocation,
        call: HostCall | None = None,
        large: Callable[[int], None] | None = None,
    ) -> None:
        self.location = location
        self._call = call
        self._large = large
        self._is_here = False
        self._fs: Any = None
        self._lock = threading.Lock()

    def prepare(self) -> None:
        """Create the folder for the containers; raises `StorageFailed`."""
        with faults():
            protocol = protocol_of(self.location.url)
            if protocol == "file":
                os.makedirs(self.location.url.removeprefix("file://"), exist_ok=True)
            elif protocol not in OBJECT_STORES:
                self._open().makedirs(self.location.url, exist_ok=True)
            elif not self.location.is_bare:
                bucket = self.location.url.partition("://")[2].partition("/")[0]
                if not self._open().exists(bucket):
                    raise StorageFailed("container", f"there is no bucket or container {bucket}")

    def close(self) -> None:
        """Delete data that is kept only while the lab is open."""
        if self._fs is None or not self.location.fleeting:
            return
        with faults():
            fs = self._open()
            if fs.exists(self.location.url):
                fs.rm(self.location.url, recursive=True)

    def container(self, name: str) -> BlobContainer:
        """Return a container by name, whether it exists or not."""
        return self._own(f"{self.location.base}{name}")

    def containers(self) -> Iterator[str]:
        """Return the names of all containers, sorted."""
        with faults():
            fs, base = self._open(), self.location.base
            fs.invalidate_cache()
            if not self.location.is_bare and not fs.exists(base.rstrip("/")):
                return iter(())
            entries = fs.ls(base, detail=True)
            names = {
                entry["name"].rstrip("/").rpartition("/")[2]
                for entry in entries
                if entry["type"] == "directory"
            }
            return iter(sorted(filter(is_container_name, names)))

    def resolve(self, url: str) -> BlobContainer:
        """Return the container for a URL, an absolute path or a name."""
        if "://" not in url:
            if is_container_name(url):
                return self.container(url)
            url = f"file://{url}"
        url = url.rstrip("/")
        if self.owns(url):
            return self._own(url)
        azure = azure_url(url)
        if azure is not None:
            return BlobContainer(azure[0], lambda: filesystem("abfs", azure[1]))
        return BlobContainer(url, lambda: filesystem(protocol_of(url), {}))

    def open_blob(self, url: str) -> IO[bytes]:
        """Open the blob or file at a URL or path; raises `StorageFailed`."""
        with faults():
            if "://" not in url and "::" not in url:
                return open(os.path.expanduser(url), "rb")
            if self.owns(url):
                self._check_place()
                if url.startswith("file://"):
                    return open(url.removeprefix("file://"), "rb")
                file: IO[bytes] = self._open().open(url, "rb")
                return file
            return open_any(url)

    def owns(self, url: str) -> bool:
        """Whether a URL is in the lab's own storage."""
        return url.startswith(self.location.base)

    def _own(self, url: str) -> BlobContainer:
        return BlobContainer(url, self._open, check_place=self._check_place)

    def _check_place(self) -> None:
        """Refuse a folder of this machine that is not the one which the lab was given."""
        if self._is_here or not self.location.url.startswith("file://"):
            return
        folder, mark = self.location.url.removeprefix("file://"), self.location.mark
        here = os.uname().nodename
        if not os.path.isdir(folder):
            raise StorageFailed("other", f"the folder {folder} does not exist on {here}: {_CURE}")
        if mark and self.location.found_mark() != mark:
            reason = f"the folder {folder} on {here} is not the one of the lab: {_CURE}"
            raise StorageFailed("other", reason)
        self._is_here = bool(mark)

    def _open(self) -> Any:
        with self._lock:
            if self._fs is None:
                protocol = protocol_of(self.location.url)
                if protocol == HOST_PROTOCOL and self._call is not None:
                    from batchlab.storage.host_filesystem import (  # noqa: PLC0415 - slow
                        HostFileSystem,
                    )

                    self._fs = HostFileSystem(
                        self.location.url.partition("://")[2], self._call, self._large
                    )
                else:
                    self._fs = filesystem(protocol, self.location.options)
            return self._fs


_CURE = (
    "the notebook and all nodes must share the lab's storage; set Lab(..., storage=...) to a "
    "location that all of them can reach, such as a shared folder or s3://bucket/folder"
)
