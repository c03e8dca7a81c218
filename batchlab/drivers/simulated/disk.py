"""The disk of a simulated node: a tree of folders and files from ``/``, with times.

The contents of a real node's root directory are in `ROOT` here, in the service's layout. A run's
directory is only noted at first. It becomes a folder with ``wd``, ``certs`` and empty streams on
the first access, so a hundred thousand silent runs cost little. Errors are those of the operating
system (`OSError`), so a simulated shell can print the same messages as a real one.

A file may be allocated more space than its contents need (``fallocate``). Only that space counts
towards the capacity of the disk: texts are small.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable, Iterator

__all__ = ["ROOT", "Disk", "File", "Folder", "fault"]

ROOT = "/mnt/batch/tasks"
_LAYOUT = ("applications", "fsmounts", "shared", "startup/wd", "volatile/startup", "workitems")


FULL = 0.9
"""From which part of its capacity on a disk counts as full: the agent of a node keeps the rest."""


class File:
    """Contents, allocated space, time of last change (seconds since 1970) and permissions."""

    __slots__ = ("allocated", "data", "mode", "modified")

    def __init__(self, data: bytes, modified: float, mode: int = 0o644) -> None:
        self.data: bytes | bytearray = bytearray(data)
        self.allocated = 0
        self.modified = modified
        self.mode = mode

    @property
    def size(self) -> int:
        """Bytes: what was allocated and not written to reads as zeros."""
        return max(len(self.data), self.allocated)

    def read(self, start: int, length: int) -> bytes:
        """Return up to `length` bytes from `start`."""
        length = max(0, min(length, self.size - start))
        return bytes(self.data[start : start + length]).ljust(length, b"\0")


class Folder(dict[str, "File | Folder"]):
    """A directory: its entries by name."""


def parts_of(path: str) -> list[str]:
    """Split an absolute path into names, resolving ``.`` and ``..``."""
    names: list[str] = []
    for name in path.split("/"):
        if name == "..":
            del names[-1:]
        elif name not in {"", "."}:
            names.append(name)
    return names


def fault(kind: int, path: str) -> OSError:
    """The error of the operating system that a real disk would give."""
    return OSError(kind, os.strerror(kind), path)


class Disk:
    """The file system of one node. Paths are absolute.

    Parameters
    ----------
    capacity : float, optional
        Bytes; no limit if omitted.
    """

    def __init__(self, capacity: float = float("inf")) -> None:
        self._tree = Folder()
        self._noted: dict[str, float] = {}
        self.capacity = capacity
        self._sparse = False  # whether space was ever allocated

    @property
    def allocated(self) -> int:
        """Bytes that are allocated to files."""
        if not self._sparse:
            return 0
        return sum(file.allocated for _, file in self.walk("/") if isinstance(file, File))

    @property
    def is_full(self) -> bool:
        """Whether too little is left of it for a node to work."""
        return self._sparse and self.allocated > FULL * self.capacity

    def working_directory(self, directory: str) -> str:
        """Where a command starts whose run has this directory."""
        return f"{directory}/wd"

    def wipe(self) -> None:
        """Empty the disk, as when a node is reimaged."""
        self._tree = Folder()
        self._noted.clear()
        self._sparse = False

    def note_run(self, directory: str, now: float) -> None:
        """Note that a run starts in this directory (relative to `ROOT`), with empty streams."""
        self._noted[directory] = now

    def find(self, path: str) -> File | Folder:
        """Return the file or folder at a path; raises `OSError`."""
        here: File | Folder = self._settled()
        for name in parts_of(path):
            if not isinstance(here, Folder):
                raise fault(errno.ENOTDIR, path)
            if name not in here:
                raise fault(errno.ENOENT, path)
            here = here[name]
        return here

    def exists(self, path: str) -> bool:
        """Whether a file or folder exists at a path."""
        try:
            self.find(path)
        except OSError:
            return False
        return True

    def read(self, path: str) -> bytes:
        """Return the contents of a file."""
        found = self.find(path)
        if isinstance(found, Folder):
            raise fault(errno.EISDIR, path)
        return bytes(found.data)

    def size(self, path: str) -> int:
        """Bytes of a file; 0 for a folder."""
        found = self.find(path)
        return 0 if isinstance(found, Folder) else found.size

    def allocated_to(self, path: str) -> int:
        """Bytes that were allocated to a file."""
        found = self.find(path)
        return 0 if isinstance(found, Folder) else found.allocated

    def write(self, path: str, data: bytes, now: float, *, append: bool = True) -> None:
        """Append to a file, or replace it; its folder must exist."""
        folder, name = self._parent(path)
        found = folder.get(name)
        if isinstance(found, Folder):
            raise fault(errno.EISDIR, path)
        if data and self.allocated >= self.capacity:
            raise fault(errno.ENOSPC, path)
        if found is None:
            folder[name] = File(data, now)
            return
        if not append:
            found.data, found.allocated = bytearray(), 0
        elif isinstance(found.data, bytes):
            found.data = bytearray(found.data)
        found.data += data
        found.modified = now

    def put(self, path: str, data: bytes, now: float, mode: int) -> None:
        """Put a file at a path, replacing anything there; `data` is shared until changed."""
        folder, name = self._parent(path)
        file = folder[name] = File(b"", now, mode)
        file.data = data

    def allocate(self, path: str, size: int, now: float) -> None:
        """Allocate space to a file, which is made if there is none."""
        if not self.exists(path):
            self.write(path, b"", now)
        found = self.find(path)
        if isinstance(found, Folder):
            raise fault(errno.EISDIR, path)
        more = max(0, size - found.allocated)
        if self.allocated + more > self.capacity:
            raise fault(errno.ENOSPC, path)
        self.count_space()
        found.allocated += more
        found.modified = now

    def count_space(self) -> None:
        """Count from now on how much is allocated; before, nothing was."""
        self._sparse = True

    def set_mode(self, path: str, mode: int) -> None:
        """Change the permissions of a file; folders have none."""
        found = self.find(path)
        if isinstance(found, File):
            found.mode = mode

    def make_folder(self, path: str, *, parents: bool = False) -> None:
        """Create a folder; with `parents`, also its parents, and it may already exist."""
        if parents:
            self._make(self._settled(), path)
            return
        folder, name = self._parent(path)
        if name in folder:
            raise fault(errno.EEXIST, path)
        folder[name] = Folder()

    def remove(self, path: str, *, recursive: bool = False) -> None:
        """Remove a file or, with `recursive`, a folder."""
        folder, name = self._parent(path)
        if name not in folder:
            raise fault(errno.ENOENT, path)
        if isinstance(folder[name], Folder) and not recursive:
            raise fault(errno.EISDIR, path)
        del folder[name]

    def discard(self, directories: Iterable[str]) -> None:
        """Remove directories, relative to `ROOT`, if they exist."""
        for directory in directories:
            if self.exists(f"{ROOT}/{directory}"):
                self.remove(f"{ROOT}/{directory}", recursive=True)

    def walk(self, path: str) -> Iterator[tuple[str, File | Folder]]:
        """Yield everything in a folder, recursively, with paths relative to it."""
        found = self.find(path)
        if not isinstance(found, Folder):
            raise fault(errno.ENOTDIR, path)
        for name, entry in found.items():
            yield name, entry
            if isinstance(entry, Folder):
                for below, inner in self.walk(f"{path}/{name}"):
                    yield f"{name}/{below}", inner

    def _parent(self, path: str) -> tuple[Folder, str]:
        names = parts_of(path)
        if not names:
            raise fault(errno.EISDIR, path)
        folder = self.find("/" + "/".join(names[:-1]))
        if not isinstance(folder, Folder):
            raise fault(errno.ENOTDIR, path)
        return folder, names[-1]

    def _settled(self) -> Folder:
        """Return the tree, with the noted directories created."""
        tree = self._tree
        if not tree:
            tree["tmp"] = Folder()
            tree["dev"] = Folder(null=File(b"", 0.0, 0o666))
            for name in _LAYOUT:
                self._make(tree, f"{ROOT}/{name}")
        if self._noted:
            for directory, begun in self._noted.items():
                folder = self._make(tree, f"{ROOT}/{directory}")
                folder.setdefault("wd", Folder())
                folder.setdefault("certs", Folder())
                folder["stdout.txt"] = File(b"", begun)
                folder["stderr.txt"] = File(b"", begun)
            self._noted.clear()
        return tree

    @staticmethod
    def _make(folder: Folder, path: str) -> Folder:
        for name in parts_of(path):
            below = folder.setdefault(name, Folder())
            if not isinstance(below, Folder):
                raise fault(errno.EEXIST, path)
            folder = below
        return folder
