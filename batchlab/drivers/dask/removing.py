"""Removes the folders of nodes and tasks, whatever tasks have made of them.

The watchdog loads this file, too, so it imports only the standard library.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import time
from collections.abc import Callable

__all__ = ["remove_tree"]


def remove_tree(path: str) -> None:
    """Delete a directory and its contents, as far as possible; never raises."""
    if os.path.islink(path):
        with contextlib.suppress(OSError):
            os.unlink(path)
        return
    with contextlib.suppress(RecursionError):
        shutil.rmtree(path, onerror=_unlock)
    if os.path.isdir(path):
        with contextlib.suppress(OSError):
            _flatten(path)
        with contextlib.suppress(RecursionError):
            shutil.rmtree(path, onerror=_unlock)


def _unlock(function: Callable[[str], None], name: str, _: object) -> None:
    """Restore permissions that a task may have removed, and try again."""
    if os.geteuid() == 0:
        return  # permissions do not stop root, and a link could mislead it
    with contextlib.suppress(OSError):
        for place in (os.path.dirname(name), name):
            if not os.path.islink(place):
                os.chmod(place, stat.S_IRWXU)
        if function in (os.unlink, os.rmdir):
            function(name)
        else:
            shutil.rmtree(name, ignore_errors=True)


def _flatten(path: str) -> None:
    """Move directories in directories up: thousands in each other have too long a path."""
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
    root = os.open(path, flags)
    try:
        waiting = _folders(root)
        while waiting:
            with contextlib.suppress(OSError):
                number = os.open(waiting.pop(), flags, dir_fd=root)
                try:
                    for name in _folders(number):
                        up = f".{time.monotonic_ns()}-{len(waiting)}"
                        os.rename(name, up, src_dir_fd=number, dst_dir_fd=root)
                        waiting.append(up)
                finally:
                    os.close(number)
    finally:
        os.close(root)


def _folders(number: int) -> list[str]:
    with os.scandir(number) as entries:
        return [entry.name for entry in entries if entry.is_dir(follow_symlinks=False)]
