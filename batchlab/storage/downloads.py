"""Resource files: the files each one stands for, and the failure if one cannot be downloaded."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import IO

from batchlab.core.model.files import ResourceFile
from batchlab.core.model.values import FailureInfo
from batchlab.storage.faults import Kind, StorageFailed
from batchlab.storage.locations import StorageLocation
from batchlab.storage.stores import BlobStore

__all__ = ["download_failure", "sources"]

_CODES: dict[Kind, str] = {
    "container": "BlobNotFound",
    "blob": "BlobNotFound",
    "denied": "BlobAccessDenied",
    "timeout": "BlobDownloadTimedOut",
}
_MESSAGES = {
    "BlobNotFound": "One of the specified resource files does not exist",
    "BlobAccessDenied": "Access for one of the specified resource files is denied",
    "BlobDownloadTimedOut": "One of the specified resource files took too long to download",
    "BlobDownloadMiscError": "One of the specified resource files could not be downloaded",
}
_NOWHERE = BlobStore(StorageLocation(url="memory://batchlab-nowhere"))


def sources(
    file: ResourceFile, store: BlobStore | None = None
) -> Iterator[tuple[str, Callable[[], IO[bytes]]]]:
    """Yield the target of each file, relative to the working directory, and a function to open it.

    Raises `StorageFailed` if a container cannot be listed.
    """
    store = store or _NOWHERE
    if file.http_url is not None:
        yield file.target, partial(store.open_blob, file.http_url)
        return
    if file.storage_container_url is not None:
        container = store.resolve(file.storage_container_url)
    else:
        container = store.container(file.auto_storage_container_name or "")
    before = file.target.rstrip("/")
    for blob in container.blobs(file.blob_prefix or ""):
        target = f"{before}/{blob.name}" if before else blob.name
        yield target, partial(container.open, blob.name)


def download_failure(file: ResourceFile, fault: StorageFailed) -> FailureInfo:
    """Build the failure of a resource file that could not be downloaded."""
    code = _CODES.get(fault.kind, "BlobDownloadMiscError")
    return FailureInfo(
        category="UserError" if code in ("BlobNotFound", "BlobAccessDenied") else "ServerError",
        code=code,
        message=_MESSAGES[code],
        details={**file.source, "FilePath": file.target, "Message": fault.reason},
    )
