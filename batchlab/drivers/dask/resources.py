"""Resource files: they are put into a run's working directory before its command starts.

A source is a local path, any URL that fsspec can read, or the blobs of a container. A target is
never outside the working directory, even if a symbolic link leads there. If runs have their own
users, the node writes files, and reads files of its machine, only where the run's user may.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from typing import IO, TYPE_CHECKING

from batchlab.core.model import ResourceFile
from batchlab.core.model.values import FailureInfo
from batchlab.storage.downloads import download_failure, sources
from batchlab.storage.faults import StorageFailed, failed
from batchlab.storage.filesystems import load
from batchlab.storage.locations import OBJECT_STORES, protocol_of
from batchlab.storage.stores import BlobStore

if TYPE_CHECKING:
    from batchlab.drivers.dask.users import Owner

__all__ = ["DownloadFailed", "by_service", "fetch", "rights"]

_CHUNK = 2**20
_REMOTE = (*OBJECT_STORES, "http", "https", "memory")


class DownloadFailed(Exception):
    """A resource file could not be downloaded; `failure` says why, in Azure's words."""

    def __init__(self, failure: FailureInfo) -> None:
        super().__init__(failure.details["Message"])
        self.failure = failure


def fetch(
    files: Iterable[ResourceFile],
    directory: str,
    wanted: Callable[[], bool] = lambda: True,
    store: BlobStore | None = None,
    owner: Owner | None = None,
) -> None:
    """Put resource files into a directory.

    Parameters
    ----------
    files : iterable of ResourceFile
    directory : str
        The run's working directory.
    wanted : callable, optional
        Called from time to time; the download stops when it returns False.
    store : BlobStore, optional
        The lab's storage.
    owner : Owner, optional
        The owner of the files; the user of this process if omitted.

    Raises
    ------
    DownloadFailed
        ``BlobNotFound``, ``BlobAccessDenied``, ``BlobDownloadTimedOut`` or
        ``BlobDownloadMiscError``.
    """
    for file in files:
        try:
            url = file.http_url
            if file.storage_container_url is not None and store is not None:
                url = store.resolve(file.storage_container_url).url
            reader = None if by_service(url, store) else owner
            if reader is not None and url is not None:
                load(url)  # the user may not be allowed to read the library
            with rights(reader):
                found = list(sources(file, store))
            for target, source in found:
                if not wanted():
                    return
                with rights(reader):
                    opened = source()
                with opened:
                    with rights(owner):
                        written = _open_target(target, file.file_mode, directory)
                    with written:
                        while wanted() and (chunk := opened.read(_CHUNK)):
                            written.write(chunk)
        except Exception as error:
            raise DownloadFailed(download_failure(file, failed(error))) from None


def rights(owner: Owner | None) -> AbstractContextManager[None]:
    """Access files with the rights of a user; None is the user of this process."""
    return nullcontext() if owner is None else owner.acting()


def by_service(url: str | None, store: BlobStore | None) -> bool:
    """Whether the service itself reads a URL: one in its storage or on another machine.

    Any other URL is on this machine, where the user's rights apply.
    """
    if url is None:
        return True
    if ".." in url.split("/") or "::" in url:
        return False
    return (store is not None and store.owns(url)) or protocol_of(url) in _REMOTE


def _open_target(name: str, mode: str, directory: str) -> IO[bytes]:
    inside = os.path.realpath(directory)
    path = os.path.join(inside, name)
    parent = os.path.dirname(path)
    if not _is_inside(os.path.realpath(parent), inside) or os.path.basename(path) in ("", ".."):
        raise StorageFailed("other", f"{name} is outside the working directory")
    os.makedirs(parent, exist_ok=True)
    if os.path.islink(path):
        os.unlink(path)
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
    number = os.open(path, flags, 0o600)
    os.fchmod(number, int(mode, 8) & 0o7777)
    return os.fdopen(number, "wb")


def _is_inside(path: str, directory: str) -> bool:
    return path == directory or path.startswith(directory + "/")
