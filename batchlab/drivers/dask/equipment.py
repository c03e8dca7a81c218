"""The equipment of a node for its runs: application packages, unpacked once, and certificates.

A package is unpacked in a temporary folder and then moved into its own folder, over the contents
of an earlier archive of the same version. A file next to the folder identifies the archive: a node
installs changed contents when it next starts, and keeps what it has until then. A run waits for a
package that another run is unpacking.
"""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterable, Sequence
from typing import IO

from batchlab.core.messages.outputs import PackageToInstall, RunKind, StartRun
from batchlab.core.model.values import FailureInfo
from batchlab.drivers.archives import Archive, Entry, PackageFailed, absence
from batchlab.drivers.vault import NodeCertificate
from batchlab.private_files import write_private
from batchlab.storage.faults import StorageFailed, faults
from batchlab.storage.stores import BlobStore

__all__ = ["Equipment"]

Wanted = Callable[[], bool]


class Equipment:
    """The packages and certificates of one boot of a node.

    Parameters
    ----------
    root : str
        The node's root.
    certificates : sequence of NodeCertificate
    store : BlobStore, optional
        Where packages are stored.
    """

    def __init__(
        self, root: str, certificates: Sequence[NodeCertificate], store: BlobStore | None
    ) -> None:
        self._root = root
        self._certificates = certificates
        self._store = store
        self._lock = threading.Lock()
        self._locks: dict[str, threading.Lock] = {}
        self._installed: set[str] = set()

    def is_plain(self, start_run: StartRun) -> bool:
        """Whether a run is a task that needs nothing on its node but a folder and a process."""
        return (
            start_run.kind == "task"
            and start_run.failure is None
            and start_run.container is None
            and start_run.coordination is None
            and not start_run.resource_files
            and not start_run.application_packages
            and not any(certificate.is_for("task") for certificate in self._certificates)
        )

    # -- certificates ---------------------------------------------------------------------------

    def place_certificates(self, kind: RunKind, directory: str) -> None:
        """Put the certificates that runs of this kind may see into their ``certs`` directory."""
        for certificate in self._certificates:
            if certificate.is_for(kind):
                for name, data in certificate.files().items():
                    write_private(f"{directory}/{name}", data)

    # -- packages -------------------------------------------------------------------------------

    def failure(self, packages: Iterable[PackageToInstall], wanted: Wanted) -> FailureInfo | None:
        """Install packages on the node; return the failure, or None."""
        try:
            self.install(packages, wanted)
        except PackageFailed as error:
            return error.failure
        return None

    def install(self, packages: Iterable[PackageToInstall], wanted: Wanted) -> None:
        """Install packages on the node.

        Parameters
        ----------
        packages : iterable of PackageToInstall
        wanted : callable
            Called from time to time; the installation stops when it returns False.

        Raises
        ------
        PackageFailed
            ``ApplicationPackageError``: a package does not exist or cannot be unpacked.
        """
        for package in packages:
            directory = package.directory
            with self._lock:
                lock = self._locks.setdefault(directory, threading.Lock())
            with lock:
                if directory not in self._installed and wanted():
                    self._install(package, directory, wanted)

    def _install(self, package: PackageToInstall, directory: str, wanted: Wanted) -> None:
        if not package.location:
            raise PackageFailed(package, absence(package))
        mark = f"{self._root}/{directory}.digest"
        if _read(mark) != package.digest:
            try:
                self._unpack(package, f"{self._root}/{directory}", wanted)
            except StorageFailed as error:
                raise PackageFailed(package, error.reason) from None
            except OSError as error:
                full = error.errno == errno.ENOSPC
                raise PackageFailed(package, error.strerror or str(error), server=full) from None
            if not wanted():
                return
            with open(mark, "w", encoding="utf-8") as file:
                file.write(package.digest)
        self._installed.add(directory)

    def _unpack(self, package: PackageToInstall, target: str, wanted: Wanted) -> None:
        aside = tempfile.mkdtemp(prefix="package-", dir=f"{self._root}/volatile")
        try:
            with tempfile.TemporaryFile(dir=aside) as file:
                self._fetch(package, file, wanted)
                archive = Archive(file, package)
                free = shutil.disk_usage(aside).free
                if archive.size > free:
                    raise OSError(
                        errno.ENOSPC,
                        f"the package unpacks to {archive.size} bytes, but only {free} are free",
                    )
                for entry in archive.entries:
                    if not wanted():
                        return
                    _write(archive, entry, f"{aside}/new/{entry.path}")
            os.makedirs(f"{aside}/new", exist_ok=True)
            _merge(f"{aside}/new", target)
        finally:
            shutil.rmtree(aside, ignore_errors=True)

    def _fetch(self, package: PackageToInstall, file: IO[bytes], wanted: Wanted) -> None:
        if self._store is None:
            raise StorageFailed("other", "the lab has no storage")
        with self._store.open_blob(package.location) as source, faults():
            while wanted() and (chunk := source.read(2**20)):
                file.write(chunk)


def _read(path: str) -> str | None:
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except OSError:
        return None


def _write(archive: Archive, entry: Entry, path: str) -> None:
    if entry.is_directory:
        os.makedirs(path, exist_ok=True)
        return
    os.makedirs(os.path.dirname(path), exist_ok=True)
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
    with os.fdopen(os.open(path, flags, 0o600), "wb") as target:
        for chunk in archive.read(entry):
            target.write(chunk)
    os.chmod(path, entry.mode)


def _merge(source: str, target: str) -> None:
    """Move a tree into place; keep existing files that are not in the tree."""
    if not os.path.isdir(target):
        if os.path.lexists(target):
            os.unlink(target)
        os.makedirs(os.path.dirname(target), exist_ok=True)
        os.rename(source, target)
        return
    for name in os.listdir(source):
        path = f"{source}/{name}"
        if os.path.isdir(path):
            _merge(path, f"{target}/{name}")
        else:
            if os.path.isdir(f"{target}/{name}") and not os.path.islink(f"{target}/{name}"):
                shutil.rmtree(f"{target}/{name}")
            os.replace(path, f"{target}/{name}")
