"""Application packages are untrusted zip archives.

An archive is checked before any of it is written. It is refused as a whole if a name leads outside
the package's folder, if it contains a link or anything else that is not a plain file, or if it is
encrypted, damaged, or would grow too much. Backslashes in names are read as slashes, because old
tools on Windows write them.
"""

from __future__ import annotations

import stat
import zipfile
import zlib
from collections.abc import Iterator
from typing import IO, NamedTuple

from batchlab.core.messages.facts import NodeStartFailed
from batchlab.core.messages.outputs import PackageToInstall
from batchlab.core.model.values import FailureInfo

__all__ = ["Archive", "Entry", "PackageFailed", "absence", "start_failed"]

MOST_BYTES = 16 * 2**30
"""Maximum size of an unpacked archive."""
MOST_ENTRIES = 200_000
FREE_BYTES = 64 * 2**20
"""Up to this unpacked size, any compression ratio is accepted."""
MOST_GROWTH = 200
"""Maximum growth of a larger archive, as a multiple of its size; ordinary ones stay far below."""
_CHUNK = 2**20
# zipfile raises NotImplementedError for a compression or version that it does not know.
_DAMAGED = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError)


class PackageFailed(Exception):
    """An application package cannot be installed; `failure` says why, in Azure's words."""

    def __init__(self, package: PackageToInstall, reason: str, *, server: bool = False) -> None:
        super().__init__(reason)
        name = f"{package.application_id} {package.version}".strip()
        self.failure = FailureInfo(
            category="ServerError" if server else "UserError",
            code="ApplicationPackageError",
            message="One or more application packages could not be installed on the node",
            details={"ApplicationPackage": name, "Message": reason},
        )


def start_failed(node_id: str, boot: int, failure: FailureInfo) -> NodeStartFailed:
    """Build the report of a node that cannot install a package of its pool."""
    message = ": ".join((failure.message, *failure.details.values()))
    return NodeStartFailed(node_id=node_id, boot=boot, code=failure.code, message=message)


class Entry(NamedTuple):
    """A file or folder of an archive: its path, permissions, and zip entry."""

    path: str
    is_directory: bool
    mode: int
    info: zipfile.ZipInfo


def absence(package: PackageToInstall) -> str:
    """Return the reason why a package does not exist."""
    if not package.by_default:
        return f"application {package.application_id!r} has no version {package.version!r}"
    return (
        f"the reference to application {package.application_id!r} has no version, and the "
        "application does not exist or has no default version"
    )


class Archive:
    """A zip archive that has been checked.

    Parameters
    ----------
    file : file
        Must be seekable.
    package : PackageToInstall
        The package it contains, for error messages.

    Raises
    ------
    PackageFailed
        The archive cannot be unpacked safely.
    """

    def __init__(self, file: IO[bytes], package: PackageToInstall) -> None:
        self._package = package
        try:
            self._zip = zipfile.ZipFile(file)
            size = file.seek(0, 2)
        except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError) as error:
            # zipfile raises the last one for an archive of a later version.
            raise PackageFailed(package, f"the package is not a zip archive: {error}") from None
        infos = self._zip.infolist()
        self.size = sum(info.file_size for info in infos)
        """The unpacked size in bytes."""
        if len(infos) > MOST_ENTRIES or self.size > MOST_BYTES:
            self._refuse(
                f"the package has {len(infos)} entries and {self.size} bytes; the limits are "
                f"{MOST_ENTRIES} entries and {MOST_BYTES} bytes"
            )
        if self.size > max(FREE_BYTES, MOST_GROWTH * size):
            self._refuse(
                f"the package would grow from {size} to {self.size} bytes, more than "
                f"{MOST_GROWTH} times"
            )
        self.entries = [self._look(info) for info in infos]

    def _look(self, info: zipfile.ZipInfo) -> Entry:
        name = info.filename.replace("\\", "/")
        parts = [part for part in name.split("/") if part not in ("", ".")]
        absolute = name.startswith("/") or name[1:2] == ":"
        if absolute or ".." in parts or any("\0" in part for part in parts):
            self._refuse(f"the entry {info.filename!r} is outside the package's folder")
        if info.flag_bits & 0x1:
            self._refuse(f"the entry {info.filename!r} is encrypted")
        mode = info.external_attr >> 16
        kind = stat.S_IFMT(mode)
        if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
            self._refuse(f"the entry {info.filename!r} is a link or a device, not a file")
        is_directory = name.endswith("/") or kind == stat.S_IFDIR
        own = (mode & 0o777) or 0o755
        for_all = own | (own & 0o500) >> 3 | (own & 0o500) >> 6  # tasks of all users share it
        return Entry("/".join(parts), is_directory, for_all, info)

    def _refuse(self, reason: str) -> None:
        raise PackageFailed(self._package, reason)

    def read(self, entry: Entry) -> Iterator[bytes]:
        """Yield the contents of a file in pieces; raises `PackageFailed` if they are damaged."""
        try:
            with self._zip.open(entry.info) as source:
                while chunk := source.read(_CHUNK):
                    yield chunk
        except _DAMAGED as error:
            self._refuse(f"the entry {entry.info.filename!r} is damaged: {error}")
