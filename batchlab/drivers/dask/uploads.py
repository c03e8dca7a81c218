"""Output files of real runs: found on the node's disk, uploaded by the node's own process.

Only files inside the node's root directory can be uploaded, even if a symbolic link leads
elsewhere; if runs have their own users, only files that the run's user may read. An upload runs in
a separate thread, so that one that hangs can be abandoned.
"""

from __future__ import annotations

import os
import stat
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from batchlab.core.model import OutputFile
from batchlab.core.model.values import FailureInfo
from batchlab.drivers.dask.resources import by_service, rights
from batchlab.storage.faults import Kind, StorageFailed, failed
from batchlab.storage.stores import BlobStore
from batchlab.storage.uploads import ERR, OUT, TIMED_OUT, Upload, upload_failure

if TYPE_CHECKING:
    from batchlab.drivers.dask.users import Owner

__all__ = ["STALL_S", "upload"]

STALL_S = 900.0
"""Seconds within which at least one file must be uploaded."""


class _Disk:
    """The part of the node's disk that may be uploaded."""

    def __init__(self, root: str, owner: Owner | None = None) -> None:
        self._root = os.path.realpath(root)
        self._owner = owner

    def files(self, base: str, *, deep: bool) -> Iterator[str]:
        """Return the paths of files in a directory; links to directories are not followed."""
        with rights(self._owner):
            return iter(list(self._list(base, deep=deep)))

    def _list(self, base: str, *, deep: bool) -> Iterator[str]:
        waiting = [""]  # not a recursion: a task may have made thousands of levels
        while waiting:
            before = waiting.pop()
            with suppress(OSError), os.scandir(f"{base}/{before}") as entries:
                for entry in entries:
                    if deep and entry.is_dir(follow_symlinks=False):
                        waiting.append(f"{before}{entry.name}/")
                    elif not deep or not os.path.isdir(entry.path):
                        yield before + entry.name

    @contextmanager
    def opened(self, path: str) -> Iterator[str | None]:
        """Open a file, and provide a path to it that cannot be redirected."""
        self._check(os.path.realpath(path), path)
        try:
            with rights(self._owner):
                number = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except (FileNotFoundError, NotADirectoryError):
            yield None
            return
        except OSError as error:
            kind: Kind = "denied" if isinstance(error, PermissionError) else "other"
            raise StorageFailed(kind, f"{path} cannot be read: {error.strerror}") from None
        try:
            held = f"/proc/self/fd/{number}"
            if os.path.islink(held):
                self._check(os.readlink(held), path)
            else:  # without /proc, as on macOS
                held = path
            yield held if stat.S_ISREG(os.fstat(number).st_mode) else None
        finally:
            os.close(number)

    def _check(self, real: str, path: str) -> None:
        if not real.startswith(self._root + "/"):
            reason = f"{path} is outside the node's root directory {self._root}"
            raise StorageFailed("other", reason)


class _Logs:
    """The two logs of an upload, next to the run's streams; a full disk only makes them short."""

    def __init__(self, directory: str) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
        self._numbers = {name: os.open(f"{directory}/{name}", flags, 0o644) for name in (OUT, ERR)}

    def note(self, name: str, line: str) -> None:
        """Write a line with the time."""
        text = f"{time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime())} {line}\n"
        with suppress(OSError):
            os.write(self._numbers[name], text.encode("utf-8", "replace"))

    def close(self) -> None:
        """Close both."""
        for number in self._numbers.values():
            os.close(number)


def upload(
    outputs: list[OutputFile],
    store: BlobStore,
    root: str,
    environment: Mapping[str, str],
    wanted: Callable[[], bool],
    owner: Owner | None = None,
) -> FailureInfo | None:
    """Upload the output files of a run; blocks until done.

    Parameters
    ----------
    outputs : list of OutputFile
        The output files whose condition holds.
    store : BlobStore
        The lab's storage.
    root : str
        The node's root.
    environment : mapping
        The run's variables.
    wanted : callable
        Called from time to time; the upload stops when it returns False.
    owner : Owner, optional
        The user of the run; the user of this process if omitted.
    """
    for output in outputs if owner is not None and not owner.is_root else ():
        url = store.resolve(output.destination.container.container_url).url
        if not by_service(url, store):
            reason = f"{url} is on this machine, where the task's user has no write access"
            return upload_failure("FileUploadAccessDenied", reason, output)
    disk = _Disk(root, owner)
    given_up = threading.Event()
    result: list[FailureInfo | None] = []
    try:
        logs = _Logs(environment["AZ_BATCH_TASK_DIR"])
    except OSError as error:
        return upload_failure("FileUploadMiscError", f"the log cannot be written: {error}")
    work = Upload(
        store, disk, environment["AZ_BATCH_TASK_WORKING_DIR"], environment, logs.note,
        lambda: wanted() and not given_up.is_set(),
    )  # fmt: skip

    def carry_out() -> None:
        try:
            result.append(work.run(outputs))
        except Exception as error:
            result.append(upload_failure("FileUploadMiscError", failed(error).reason))
        finally:
            logs.close()

    thread = threading.Thread(target=carry_out, name="batchlab-upload", daemon=True)
    thread.start()
    before = -1
    while thread.is_alive() and wanted() and work.uploaded != before:
        before = work.uploaded
        _join(thread, wanted)
    given_up.set()
    if thread.is_alive() or not result:
        reason = f"no file was uploaded for {STALL_S:g} seconds"
        return upload_failure(TIMED_OUT, reason)
    return result[0]


def _join(thread: threading.Thread, wanted: Callable[[], bool]) -> None:
    """Wait for a thread until it has stalled or is no longer wanted."""
    end = time.monotonic() + STALL_S
    thread.join(0.5)
    while thread.is_alive() and wanted() and time.monotonic() < end:
        thread.join(0.5)
