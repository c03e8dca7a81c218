"""Files of simulated runs: downloaded before a run starts, uploaded after it ends.

The lab's storage and the files on this machine are really read and written, so a script next to
the notebook is available with both drivers. A simulation does not use the network for single
files: whatever an ``http://`` or similar URL names is assumed to exist and to be empty.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime

from batchlab.core.messages.outputs import StartRun
from batchlab.core.model import OutputFile, ResourceFile
from batchlab.core.model.values import FailureInfo
from batchlab.drivers.launches import LaunchFailed
from batchlab.drivers.simulated.disk import ROOT, Disk, File, Folder
from batchlab.storage.downloads import download_failure, sources
from batchlab.storage.faults import StorageFailed, failed
from batchlab.storage.stores import BlobStore
from batchlab.storage.uploads import ERR, OUT, Upload

__all__ = ["UPLOAD_S", "place", "upload", "upload_seconds"]

UPLOAD_S = 1.0
"""Minimum virtual seconds for the upload of a run."""
BYTES_PER_S = 50e6
_AT_HAND = ("file", "memory", "local")


def place(start_run: StartRun, disk: Disk, now: float, store: BlobStore) -> None:
    """Put a run's resource files into its working directory; raises `LaunchFailed`.

    Common resource files of a multi-instance task go into the task's shared directory.
    """
    _place(start_run.resource_files, f"{ROOT}/{start_run.directory}/wd", disk, now, store)
    if start_run.coordination is not None:
        shared = f"{ROOT}/{start_run.coordination.directory}"
        _place(start_run.coordination.resource_files, shared, disk, now, store)


def _place(
    files: Iterable[ResourceFile], directory: str, disk: Disk, now: float, store: BlobStore
) -> None:
    for resource in files:
        try:
            for name, data in _contents(resource, store):
                if ".." in name.split("/"):
                    raise StorageFailed("other", f"{name} is outside the working directory")
                path = f"{directory}/{name}"
                disk.make_folder(path.rpartition("/")[0], parents=True)
                disk.write(path, data, now, append=False)
                disk.set_mode(path, int(resource.file_mode, 8))
        except Exception as error:
            raise LaunchFailed(download_failure(resource, failed(error))) from None


def _contents(resource: ResourceFile, store: BlobStore) -> Iterator[tuple[str, bytes]]:
    url = resource.http_url or ""
    protocol, found, _ = url.partition("://")
    if found and protocol not in _AT_HAND and not store.owns(url):
        yield resource.target, b""
        return
    for name, opened in sources(resource, store):
        with opened() as source:
            yield name, source.read()


class _Disk:
    """The part of a simulated disk that may be uploaded."""

    def __init__(self, disk: Disk) -> None:
        self._disk = disk

    def files(self, base: str, *, deep: bool) -> Iterator[str]:
        """Yield the paths of files in a directory."""
        try:
            folder = self._disk.find(base)
        except OSError:
            return
        if isinstance(folder, Folder):
            entries = self._disk.walk(base) if deep else folder.items()
            yield from (name for name, entry in entries if isinstance(entry, File))

    @contextmanager
    def opened(self, path: str) -> Iterator[bytes | None]:
        """Provide the contents of a file."""
        if not path.startswith(f"{ROOT}/"):
            raise StorageFailed("other", f"{path} is outside the node's root directory {ROOT}")
        found = self._disk.find(path) if self._disk.exists(path) else None
        yield bytes(found.data) if isinstance(found, File) else None


def upload_seconds(disk: Disk, directory: str) -> float:
    """Return the duration of an upload: a short time, and more for large files."""
    entries = disk.walk(f"{ROOT}/{directory}")
    size = sum(len(entry.data) for _, entry in entries if isinstance(entry, File))
    return UPLOAD_S + size / BYTES_PER_S


def upload(
    outputs: list[OutputFile],
    start_run: StartRun,
    disk: Disk,
    now: float,
    store: BlobStore,
    environment: Mapping[str, str],
) -> FailureInfo | None:
    """Upload the output files of a run; the failure, or None."""
    base = f"{ROOT}/{start_run.directory}"
    stamp = f"{datetime.fromtimestamp(now, UTC):%Y-%m-%dT%H:%M:%SZ}"
    logs: dict[str, str] = {OUT: "", ERR: ""}

    def note(name: str, line: str) -> None:
        logs[name] += f"{stamp} {line}\n"

    failure = Upload(store, _Disk(disk), f"{base}/wd", environment, note).run(outputs)
    for name, text in logs.items():
        disk.write(f"{base}/{name}", text.encode(), now, append=False)
    return failure
