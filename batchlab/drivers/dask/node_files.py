"""Access to the files of a node: nothing outside the given directory is accessible.

A path is relative, has no ``..``, and must be inside the directory after all its symbolic links
are followed; a link itself is listed as a link and not followed. Reads are limited in size, and to
regular files: a pipe would block, and reading a device could have side effects.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from datetime import UTC, datetime

from batchlab.drivers.dask.removing import remove_tree
from batchlab.drivers.ports import MAX_READ, FileEntry, is_directory
from batchlab.errors import Forbidden, NotFound, invalid

__all__ = ["Directory"]


class Directory:
    """The files in one directory.

    Parameters
    ----------
    directory : str
        An absolute path, which need not exist.
    """

    def __init__(self, directory: str) -> None:
        self.directory = directory

    def list(self, path: str = "", *, recursive: bool = False) -> list[FileEntry]:
        """Return the entries of a directory, sorted by name, relative to `directory`."""
        real = self._find(path, "PathNotFound")
        if not os.path.isdir(real):
            raise NotFound("PathNotFound", f"{path!r} is not a directory")
        prefix = "/".join(_parts(path))
        return sorted(_walk(real, prefix, recursive), key=lambda entry: entry.name)

    def stat(self, path: str) -> FileEntry:
        """Return one file or directory."""
        return _entry("/".join(_parts(path)), os.stat(self._find(path)))

    def read(self, path: str, start: int = 0, length: int = MAX_READ) -> bytes:
        """Return up to `length` (and `MAX_READ`) bytes from `start`; from the end if negative."""
        if length < 0:
            raise invalid("length", length, "must be 0 or more", owner="read")
        real = self._find(path)
        try:
            number = os.open(real, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except PermissionError as error:
            raise Forbidden("IOError", f"{path!r} cannot be read: {error.strerror}") from None
        except OSError:
            raise _missing(path) from None
        try:
            facts = os.fstat(number)
            if not stat.S_ISREG(facts.st_mode):
                raise Forbidden("IOError", f"{path!r} is not a regular file")
            begin = start if start >= 0 else max(0, facts.st_size + start)
            return os.pread(number, min(length, MAX_READ), begin)
        finally:
            os.close(number)

    def read_end(self, path: str, length: int) -> tuple[int, bytes]:
        """Return the size of a file, and its last bytes."""
        entry = self.stat(path)
        if entry.is_directory:
            raise is_directory(path)
        size = entry.content_length or 0
        return size, self.read(path, max(0, size - length), length)

    def delete(self, path: str, *, recursive: bool = False) -> None:
        """Delete a file, or with `recursive` a directory."""
        parts = _parts(path)
        if not parts:
            raise invalid("path", path, "the directory itself cannot be deleted", owner="delete")
        parent = self._find("/".join(parts[:-1]))
        target = f"{parent}/{parts[-1]}"
        if not os.path.lexists(target):
            raise _missing(path)
        if os.path.islink(target) or not os.path.isdir(target):
            os.unlink(target)
        elif recursive:
            remove_tree(target)
        else:
            raise invalid(
                "path", path, "is a directory: use recursive=True to delete it", owner="delete"
            )

    def _find(self, path: str, code: str = "FileNotFound") -> str:
        """Return the real path of an existing file inside the directory."""
        base = os.path.realpath(self.directory)
        real = os.path.realpath("/".join([base, *_parts(path)]))
        if real != base and not real.startswith(base + "/"):
            raise invalid(
                "path", path, "a symbolic link in it leads outside the directory", owner="files"
            )
        if not os.path.lexists(real):
            raise _missing(path, code)
        return real


def _parts(path: str) -> list[str]:
    if not isinstance(path, str) or "\0" in path or path.startswith("/"):
        raise invalid("path", path, "must be relative to the directory", owner="files")
    parts = [part for part in path.split("/") if part not in ("", ".")]
    if ".." in parts:
        raise invalid("path", path, "must not contain '..'", owner="files")
    return parts


def _missing(path: str, code: str = "FileNotFound") -> NotFound:
    return NotFound(code, f"there is no file or directory {path!r}", {"FilePath": path})


def _walk(directory: str, prefix: str, recursive: bool) -> Iterator[FileEntry]:
    waiting = [(directory, prefix)]  # not a recursion: a task may have made thousands of levels
    while waiting:
        directory, prefix = waiting.pop()
        try:
            scan = os.scandir(directory)
        except OSError:
            continue  # deleted or made inaccessible meanwhile
        with scan:
            for item in scan:
                name = f"{prefix}/{item.name}" if prefix else item.name
                try:
                    facts = item.stat(follow_symlinks=False)
                except OSError:
                    continue
                yield _entry(name, facts)
                if recursive and stat.S_ISDIR(facts.st_mode):
                    waiting.append((item.path, name))


def _entry(name: str, facts: os.stat_result) -> FileEntry:
    shown = name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    if stat.S_ISDIR(facts.st_mode):
        return FileEntry(name=shown, is_directory=True)
    return FileEntry(
        name=shown,
        is_directory=False,
        content_length=facts.st_size,
        last_modified=datetime.fromtimestamp(facts.st_mtime, UTC),
        file_mode=f"0o{facts.st_mode:o}",
    )
