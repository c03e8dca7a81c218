"""Files of simulated nodes: the `NodeFiles` port over their disks."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from batchlab.core.messages.questions import Location
from batchlab.drivers.ports import MAX_READ, FileEntry
from batchlab.drivers.simulated.disk import ROOT, Disk, File, Folder
from batchlab.errors import Conflict, Forbidden, NotFound, invalid

__all__ = ["SimulatedFiles"]


class SimulatedFiles:
    """Lists, reads and deletes the files of simulated nodes.

    Parameters
    ----------
    disk_of : callable
        Returns the disk of a node from the node's id, or None while the node is not up.
    """

    def __init__(self, disk_of: Callable[[str], Disk | None]) -> None:
        self._disk_of = disk_of

    def list(
        self, location: Location, path: str = "", *, recursive: bool = False
    ) -> list[FileEntry]:
        """Return the entries of a directory, sorted by name, relative to the location."""
        disk, full, name = self._open(location, path)
        folder = _find(disk, full, name, "PathNotFound")
        if not isinstance(folder, Folder):
            raise NotFound("PathNotFound", f"{name} is a file, not a directory")
        entries = disk.walk(full) if recursive else folder.items()
        before = f"{name}/" if name else ""
        return sorted(
            (_entry(before + below, found) for below, found in entries),
            key=lambda entry: entry.name,
        )

    def stat(self, location: Location, path: str) -> FileEntry:
        """Return one file or directory."""
        disk, full, name = self._open(location, path)
        return _entry(name, _find(disk, full, name))

    def read(self, location: Location, path: str, start: int = 0, length: int = MAX_READ) -> bytes:
        """Return up to `length` (and `MAX_READ`) bytes from `start`; from the end if negative."""
        if length < 0:
            raise invalid("length", length, "must be 0 or more", owner="read")
        disk, full, name = self._open(location, path)
        found = _find(disk, full, name)
        if isinstance(found, Folder):
            raise Forbidden("IOError", f"{path!r} is not a regular file")
        first = max(0, found.size + start) if start < 0 else start
        return found.read(first, min(length, MAX_READ))

    def delete(self, location: Location, path: str, *, recursive: bool = False) -> None:
        """Delete a file, or with `recursive` a directory."""
        disk, full, name = self._open(location, path)
        if not name:
            raise invalid("path", path, "the directory itself cannot be deleted", owner="delete")
        if isinstance(_find(disk, full, name), Folder) and not recursive:
            raise invalid(
                "path", path, "is a directory: use recursive=True to delete it", owner="delete"
            )
        disk.remove(full, recursive=True)

    def _open(self, location: Location, path: str) -> tuple[Disk, str, str]:
        """Return the disk, the absolute path on it, and the path relative to the location."""
        name = _inside(path)
        disk = self._disk_of(location.node_id)
        if disk is None:
            raise Conflict("NodeNotReady", f"node {location.node_id!r} is not up")
        base = f"{ROOT}/{location.directory}".rstrip("/")
        return disk, f"{base}/{name}" if name else base, name


def _inside(path: str) -> str:
    """Normalize a path; refuse one that could lead outside."""
    names = [name for name in path.split("/") if name not in {"", "."}]
    if path.startswith("/") or "\0" in path or ".." in names:
        reason = "must be relative to the directory, without '..'"
        raise invalid("path", path, reason, owner="files")
    return "/".join(names)


def _find(disk: Disk, full: str, name: str, code: str = "FileNotFound") -> File | Folder:
    try:
        return disk.find(full)
    except OSError:
        raise NotFound(
            code, f"there is no file or directory {name!r}", {"FilePath": name}
        ) from None


def _entry(name: str, found: File | Folder) -> FileEntry:
    if isinstance(found, Folder):
        return FileEntry(name=name, is_directory=True)
    return FileEntry(
        name=name,
        is_directory=False,
        content_length=found.size,
        last_modified=datetime.fromtimestamp(found.modified, UTC),
        file_mode=f"0o100{found.mode:03o}",
    )
