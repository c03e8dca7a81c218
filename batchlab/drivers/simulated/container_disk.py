"""What a container on a simulated node sees: some directories of the node, and its own disk.

The node's folders are in the tree of the container as the same objects, so what either writes
there, both have. Everything else is the container's own, and is lost with it.
"""

from __future__ import annotations

import errno

from batchlab.core.messages.outputs import StartRun
from batchlab.core.model.containers import mounted
from batchlab.drivers.simulated.disk import ROOT, Disk, Folder, fault, parts_of

__all__ = ["ContainerDisk"]


class ContainerDisk(Disk):
    """The file system of one container.

    Parameters
    ----------
    node : Disk
        The disk of its node.
    start_run : StartRun
        Has a `container`, which says what is mounted. The streams of the run are written by the
        node, whatever that is.
    """

    def __init__(self, node: Disk, start_run: StartRun) -> None:
        super().__init__(node.capacity)
        assert start_run.container is not None
        self._node = node
        self._settings = start_run.container
        self._mounts = mounted(
            self._settings, start_run.directory, start_run.preparation_directory
        )
        self._directory = f"{ROOT}/{start_run.directory}"

    def working_directory(self, directory: str) -> str:
        """Where the command starts; an image's own directory is ``/`` here."""
        if self._settings.working_directory == "containerimagedefault":
            return "/"
        return super().working_directory(directory)

    def write(self, path: str, data: bytes, now: float, *, append: bool = True) -> None:
        """Append to a file, or replace it; the streams of the run are on the node."""
        folder, _, name = path.rpartition("/")
        if folder == self._directory and name.endswith(("stdout.txt", "stderr.txt")):
            self._node.write(path, data, now, append=append)
        else:
            super().write(path, data, now, append=append)

    def allocate(self, path: str, size: int, now: float) -> None:
        """Allocate space to a file; in a folder of the node, it counts there."""
        super().allocate(path, size, now)
        self._node.count_space()

    def make_folder(self, path: str, *, parents: bool = False) -> None:
        """Create a folder; with `parents`, also its parents, and it may already exist."""
        if not (parents and self.exists(path)):
            self._refuse_read_only(path)
        super().make_folder(path, parents=parents)

    def _parent(self, path: str) -> tuple[Folder, str]:
        self._refuse_read_only(path)
        return super()._parent(path)

    def _refuse_read_only(self, path: str) -> None:
        there = "/".join(["", *parts_of(path), ""])
        if any(
            only and there.startswith(f"{ROOT}/{name}/") for name, only in self._mounts.items()
        ):
            raise fault(errno.EROFS, path)

    def _settled(self) -> Folder:
        """Return the tree, with what the node has by now."""
        self._node.find(ROOT)  # also makes the directories of runs that have begun
        if self._tree:
            return self._tree
        self._tree["tmp"] = Folder()
        for name in self._mounts:
            path = f"{ROOT}/{name}".rstrip("/")
            if self._node.exists(path):
                above, _, last = path.rpartition("/")
                self._make(self._tree, above)[last] = self._node.find(path)
        if self._settings.working_directory == "taskworkingdirectory":
            self._make(self._tree, self.working_directory(self._directory))
        return self._tree
