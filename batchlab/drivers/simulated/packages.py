"""What is put on simulated nodes: real zip archives, unpacked onto their disks, and certificates.

The contents of an archive are read once and shared by all nodes that have it.
"""

from __future__ import annotations

from collections.abc import Iterable

from batchlab.core.outputs import PackageToInstall, StartRun
from batchlab.drivers.archives import Archive, Entry, PackageFailed, absence
from batchlab.drivers.simulated.disk import ROOT
from batchlab.drivers.simulated.machines import Node
from batchlab.storage.containers import BlobStore
from batchlab.storage.faults import StorageFailed

__all__ = ["Packages", "place_certificates"]


class Packages:
    """Puts application packages on nodes.

    Parameters
    ----------
    store : BlobStore
        Where their contents lie.
    """

    def __init__(self, store: BlobStore) -> None:
        self._store = store
        self._read: dict[str, list[tuple[Entry, bytes]]] = {}

    def install(self, node: Node, packages: Iterable[PackageToInstall], now: float) -> None:
        """Have packages on a node; raises `PackageFailed`."""
        for package in packages:
            if package.directory not in node.installed:
                self._install(node, package, now)
                node.installed[package.directory] = None

    def _install(self, node: Node, package: PackageToInstall, now: float) -> None:
        if not package.location:
            raise PackageFailed(package, absence(package))
        if node.digests.get(package.directory) == package.digest:
            return
        target = f"{ROOT}/{package.directory}"
        contents = self._contents(package)
        node.disk.make_folder(target, parents=True)
        try:
            for entry, data in contents:
                path = f"{target}/{entry.path}"
                if entry.is_directory:
                    node.disk.make_folder(path, parents=True)
                else:
                    node.disk.make_folder(path.rpartition("/")[0], parents=True)
                    node.disk.put(path, data, now, entry.mode)
        except OSError as error:  # a file where a folder is to be
            raise PackageFailed(package, f"{error.filename}: {error.strerror}") from None
        node.digests[package.directory] = package.digest

    def _contents(self, package: PackageToInstall) -> list[tuple[Entry, bytes]]:
        known = self._read.get(package.location)
        if known is None:
            try:
                with self._store.open_blob(package.location) as source:
                    archive = Archive(source, package)
                    known = [
                        (entry, b"" if entry.is_directory else b"".join(archive.read(entry)))
                        for entry in archive.entries
                    ]
            except StorageFailed as error:
                raise PackageFailed(package, error.reason) from None
            self._read[package.location] = known
        return known


def place_certificates(node: Node, run: StartRun, now: float) -> None:
    """Put the certificates that a run may see into its ``certs`` directory."""
    for certificate in node.certificates:
        if certificate.is_for(run.kind):
            for name, data in certificate.files().items():
                node.disk.put(f"{ROOT}/{run.directory}/certs/{name}", data, now, 0o600)
