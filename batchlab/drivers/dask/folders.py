"""A node's folders, with the layout of Azure's nodes, and their trash.

::

    <temporary files>/batchlab-<lab>/<node>/     the node's root
        shared  startup/wd  workitems  volatile/startup  fsmounts  applications
    <temporary files>/batchlab-<lab>/.<node>.trash/
    <temporary files>/batchlab-<lab>/.<node>.owner
    <temporary files>/batchlab-<lab>/.<node>.log    between two boots
    <temporary files>/batchlab-<lab>/.<node>.sock
    <temporary files>/batchlab-<lab>/.<node>.engine  if it ran containers

They are outside Dask's scratch space, because a node's folders outlive its worker, which may
reboot, or be killed and return under the same name.

Deleting means renaming into the trash. On ext4, creating files is many times slower for minutes
after a few thousand files were deleted (the file system avoids recently deleted inodes), so the
trash is emptied in bulk, when nothing runs on the node.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator

from batchlab.drivers.dask.removing import remove_tree
from batchlab.drivers.dask.watchdog import engine_file, owner_file
from batchlab.errors import invalid

__all__ = ["NodeFolders", "lab_folder", "writing_root"]

LAYOUT = ("shared", "startup/wd", "workitems", "volatile/startup", "fsmounts", "applications")


def lab_folder(lab_id: str, root: str | None = None) -> str:
    """Return the folder of a lab on this machine, whether it exists or not."""
    parent = os.path.realpath(root or tempfile.gettempdir())
    return os.path.join(parent, f"batchlab-{lab_id}")


@contextlib.contextmanager
def writing_root(folder: str) -> Iterator[None]:
    """Refuse the root of a lab whose folder cannot be written."""
    try:
        yield
    except OSError as error:
        reason = f"cannot be written: {error.strerror}"
        raise invalid("root", os.path.dirname(folder), reason, owner="Lab") from None


class NodeFolders:
    """The folders of one node.

    Parameters
    ----------
    lab : str
        The lab's folder.
    node_id : str
    """

    def __init__(self, lab: str, node_id: str) -> None:
        self.lab = lab
        self.root = f"{lab}/{node_id}"
        self.trash = f"{lab}/.{node_id}.trash"
        self.log = f"{lab}/.{node_id}.log"
        self._thrown = 0

    def make(self) -> bool:
        """Create missing folders; return whether the node was here before."""
        os.makedirs(self.lab, mode=0o700, exist_ok=True)
        before = os.path.isdir(self.root)
        for name in LAYOUT:
            os.makedirs(f"{self.root}/{name}", exist_ok=True)
        with contextlib.suppress(OSError):
            self._thrown = len(os.listdir(self.trash))
        return before

    def own(self, owner: str) -> None:
        """Record the owner of these folders."""
        with open(owner_file(self.root), "w", encoding="utf-8") as file:
            file.write(owner)

    def throw_away(self, directory: str) -> None:
        """Move a directory, relative to the root, to the trash."""
        path = os.path.normpath(f"{self.root}/{directory}")
        if not path.startswith(self.root + "/"):
            return
        os.makedirs(self.trash, mode=0o700, exist_ok=True)
        while True:
            self._thrown += 1
            target = f"{self.trash}/{self._thrown}"
            if not os.path.lexists(target):
                break
        with contextlib.suppress(FileNotFoundError):
            os.rename(path, target)

    def empty_trash(self) -> None:
        """Delete the trash."""
        remove_tree(self.trash)

    def reimage(self) -> None:
        """Empty all folders."""
        remove_tree(self.root)
        self.empty_trash()
        self.make()

    def remove(self) -> None:
        """Delete all folders, and the lab's folder if it is then empty."""
        remove_tree(self.root)
        self.empty_trash()
        for path in (owner_file(self.root), engine_file(self.root), self.log):
            with contextlib.suppress(OSError):
                os.unlink(path)
        with contextlib.suppress(OSError):
            os.rmdir(self.lab)
