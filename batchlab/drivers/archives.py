"""Application packages as what they are: zip archives that somebody else made.

An archive is looked through before anything of it is written. It is refused whole when a name in
it leads outside, when it has a link or anything else that is no plain file, when it is encrypted,
broken, or would grow beyond measure. Backslashes in names are taken for slashes, as old tools on
Windows write them.
"""

from __future__ import annotations

import stat
import zipfile
import zlib
from collections.abc import Iterator
from typing import IO, NamedTuple

from batchlab.core.messages.inputs import NodeStartFailed
from batchlab.core.messages.outputs import PackageToInstall
from batchlab.core.model.values import FailureInfo

__all__ = ["Archive", "Entry", "PackageFailed", "absence", "start_failed"]

MOST_BYTES = 16 * 2**30
"""What an archive may unpack to."""
MOST_ENTRIES = 200_000
FREE_BYTES = 64 * 2**20
"""Up to here an archive may be packed as tightly as it likes."""
MOST_GROWTH = 200
"""How many times its own size a larger archive may grow to; honest ones stay far below."""
_CHUNK = 2**20
# NotImplementedError is zipfile's own: a compression or version that it does not know.
_DAMAGED = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError)


class PackageFailed(Exception):
    """An application package cannot be had; `failure` says why, in Azure's words."""

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
    """What a node says that lacks a package of its pool."""
    message = ": ".join((failure.message, *failure.details.values()))
    return NodeStartFailed(node_id=node_id, boot=boot, code=failure.code, message=message)


class Entry(NamedTuple):
    """A file or folder of an archive: its path inside, permissions, and where it is found."""

    path: str
    is_directory: bool
    mode: int
    info: zipfile.ZipInfo


def absence(package: PackageToInstall) -> str:
    """What there is to say of a package that does not exist."""
    if not package.by_default:
        return f"application {package.application_id!r} has no version {package.version!r}"
    return (
        f"the reference to application {package.application_id!r} names no version, and there is "
        "no such application, or it has no default version"
    )


class Archive:
    """A zip archive, looked through.

    Parameters
    ----------
    file : file
        Must allow to seek.
    package : PackageToInstall
        Whose contents it is, for what is said about it.

    Raises
    ------
    PackageFailed
        It is not one that can be unpacked safely.
    """

    def __init__(self, file: IO[bytes], package: PackageToInstall) -> None:
        self._package = package
        try:
            self._zip = zipfile.ZipFile(file)
            size = file.seek(0, 2)
        except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError) as error:
            # The last is zipfile's own, of an archive for a later version.
            raise PackageFailed(package, f"it is no zip archive: {error}") from None
        infos = self._zip.infolist()
        self.size = sum(info.file_size for info in infos)
        """What it unpacks to, in bytes."""
        if len(infos) > MOST_ENTRIES or self.size > MOST_BYTES:
            self._refuse(
                f"it has {len(infos)} entries of {self.size} bytes; {MOST_ENTRIES} entries and "
                f"{MOST_BYTES} bytes are the most"
            )
        if self.size > max(FREE_BYTES, MOST_GROWTH * size):
            self._refuse(
                f"it would grow from {size} to {self.size} bytes: more than {MOST_GROWTH} times"
            )
        self.entries = [self._look(info) for info in infos]

    def _look(self, info: zipfile.ZipInfo) -> Entry:
        name = info.filename.replace("\\", "/")
        parts = [part for part in name.split("/") if part not in ("", ".")]
        absolute = name.startswith("/") or name[1:2] == ":"
        if absolute or ".." in parts or any("\0" in part for part in parts):
            self._refuse(f"its entry {info.filename!r} leads outside of the package's folder")
        if info.flag_bits & 0x1:
            self._refuse(f"its entry {info.filename!r} is encrypted")
        mode = info.external_attr >> 16
        kind = stat.S_IFMT(mode)
        if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
            self._refuse(f"its entry {info.filename!r} is a link or a device, not a file")
        is_directory = name.endswith("/") or kind == stat.S_IFDIR
        own = (mode & 0o777) or 0o755
        for_all = own | (own & 0o500) >> 3 | (own & 0o500) >> 6  # tasks of all users share it
        return Entry("/".join(parts), is_directory, for_all, info)

    def _refuse(self, reason: str) -> None:
        raise PackageFailed(self._package, reason)

    def read(self, entry: Entry) -> Iterator[bytes]:
        """The contents of a file, piece by piece; raises `PackageFailed` if they are damaged."""
        try:
            with self._zip.open(entry.info) as source:
                while chunk := source.read(_CHUNK):
                    yield chunk
        except _DAMAGED as error:
            self._refuse(f"its entry {entry.info.filename!r} is damaged: {error}")
