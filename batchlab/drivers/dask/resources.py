"""Resource files: what a run needs is put into its working directory before its command starts.

A source is a local path, any URL that fsspec reads, or the blobs of a container. A target never
leaves the working directory, also where a symbolic link on the way to it leads outside.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import IO

from batchlab.core.specs import ResourceFile
from batchlab.core.views import FailureInfo
from batchlab.storage.containers import BlobStore
from batchlab.storage.downloads import download_failure, sources
from batchlab.storage.faults import StorageFailed, failed

__all__ = ["DownloadFailed", "fetch"]

_CHUNK = 2**20


class DownloadFailed(Exception):
    """A resource file could not be had; `failure` says why, in Azure's words."""

    def __init__(self, failure: FailureInfo) -> None:
        super().__init__(failure.details["Message"])
        self.failure = failure


def fetch(
    files: Iterable[ResourceFile],
    directory: str,
    wanted: Callable[[], bool] = lambda: True,
    store: BlobStore | None = None,
) -> None:
    """Put resource files into a directory.

    Parameters
    ----------
    files : iterable of ResourceFile
    directory : str
        The run's working directory.
    wanted : callable, optional
        Asked from time to time; when it is False the rest is left.
    store : BlobStore, optional
        The lab's storage.

    Raises
    ------
    DownloadFailed
        ``BlobNotFound``, ``BlobAccessDenied``, ``BlobDownloadTimedOut`` or
        ``BlobDownloadMiscError``.
    """
    for file in files:
        try:
            for target, source in sources(file, store):
                if not wanted():
                    return
                _copy(source, target, file, directory, wanted)
        except Exception as error:
            raise DownloadFailed(download_failure(file, failed(error))) from None


def _copy(
    source: Callable[[], IO[bytes]],
    path: str,
    file: ResourceFile,
    directory: str,
    wanted: Callable[[], bool],
) -> None:
    with source() as opened, _open_target(path, file.file_mode, directory) as target:
        while wanted() and (chunk := opened.read(_CHUNK)):
            target.write(chunk)


def _open_target(name: str, mode: str, directory: str) -> IO[bytes]:
    inside = os.path.realpath(directory)
    path = os.path.join(inside, name)
    parent = os.path.dirname(path)
    if not _is_inside(os.path.realpath(parent), inside) or os.path.basename(path) in ("", ".."):
        raise StorageFailed("other", f"{name} leads out of the working directory")
    os.makedirs(parent, exist_ok=True)
    if os.path.islink(path):
        os.unlink(path)
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
    number = os.open(path, flags, 0o600)
    os.fchmod(number, int(mode, 8) & 0o7777)
    return os.fdopen(number, "wb")


def _is_inside(path: str, directory: str) -> bool:
    return path == directory or path.startswith(directory + "/")
