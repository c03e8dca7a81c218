"""What simulated nodes are equipped with: application packages, certificates, resource files.

Packages are real zip archives, unpacked onto simulated disks. An archive is read once, and its
contents are shared by all nodes that have it. Images are not real: a node takes `PULL_S` to pull
one that it does not have. A command then sees what is mounted, and else a disk of its own; its
programs are those of the node, and options for the engine have no effect.
"""

from __future__ import annotations

from collections.abc import Iterable

from batchlab.core.messages.facts import NodeStartFailed
from batchlab.core.messages.outputs import (
    ForgetCertificate,
    PackageToInstall,
    RestartNode,
    StartNode,
    StartRun,
)
from batchlab.core.model.containers import full_name
from batchlab.drivers.archives import Archive, Entry, PackageFailed, absence, start_failed
from batchlab.drivers.launches import LaunchFailed
from batchlab.drivers.simulated.disk import ROOT
from batchlab.drivers.simulated.machines import Machine
from batchlab.drivers.simulated.resources import place
from batchlab.drivers.vault import Vault
from batchlab.storage.faults import StorageFailed
from batchlab.storage.stores import BlobStore

__all__ = ["PULL_S", "Boot", "SimulatedEquipment"]

Boot = StartNode | RestartNode
PULL_S = 30.0
"""How long an image is pulled: half a gigabyte, with what unpacking it costs."""


class SimulatedEquipment:
    """Equips nodes and runs.

    Parameters
    ----------
    store : BlobStore
        Where packages and resource files are stored.

    Attributes
    ----------
    vault : Vault
        The contents of certificates.
    """

    def __init__(self, store: BlobStore) -> None:
        self.vault = Vault()
        self._store = store
        self._read: dict[str, list[tuple[Entry, bytes]]] = {}

    def forget(self, command: ForgetCertificate) -> None:
        """Forget a deleted certificate."""
        self.vault.forget(command.thumbprint)

    def boot(self, node: Machine, command: Boot) -> None:
        """Begin a boot with the packages and certificates of the pool."""
        node.packages = command.application_packages
        node.references = command.certificate_references
        node.certificates = self.vault.of(command.certificate_references)
        node.installed = set()
        node.containers = command.containers

    def start(self, node: Machine, now: float) -> NodeStartFailed | None:
        """Equip a starting node with what its pool references; return the report if this fails."""
        lacking = self.vault.lacking(node.id, node.boot, node.references)
        if lacking is not None:
            return lacking
        try:
            self._install(node, node.packages, now)
        except PackageFailed as error:
            return start_failed(node.id, node.boot, error.failure)
        return None

    def boot_pull_s(self, node: Machine, now: float) -> float:
        """How long a booting node pulls the images of its pool."""
        names = node.containers.container_image_names if node.containers else ()
        return sum(self.pull_s(node, name, now) for name in names)

    def pull_s(self, node: Machine, image: str, now: float) -> float:
        """How long a node takes until it has an image; 0 if it has it."""
        return max(0.0, node.images.setdefault(full_name(image), now + PULL_S) - now)

    def provide(self, node: Machine, start_run: StartRun, now: float) -> None:
        """Have what a run needs on its node; raises `LaunchFailed`."""
        for certificate in node.certificates:
            if certificate.is_for(start_run.kind):
                for name, data in certificate.files().items():
                    node.disk.put(f"{ROOT}/{start_run.directory}/certs/{name}", data, now, 0o600)
        if start_run.application_packages:
            try:
                self._install(node, start_run.application_packages, now)
            except PackageFailed as error:
                raise LaunchFailed(error.failure) from None
        if start_run.resource_files or start_run.coordination:
            place(start_run, node.disk, now, self._store)

    def _install(self, node: Machine, packages: Iterable[PackageToInstall], now: float) -> None:
        for package in packages:
            if package.directory not in node.installed:
                if not package.location:
                    raise PackageFailed(package, absence(package))
                if node.digests.get(package.directory) != package.digest:
                    self._unpack(node, package, now)
                    node.digests[package.directory] = package.digest
                node.installed.add(package.directory)

    def _unpack(self, node: Machine, package: PackageToInstall, now: float) -> None:
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
        except OSError as error:  # there is a file where a folder should be
            raise PackageFailed(package, f"{error.filename}: {error.strerror}") from None

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
