"""Commands that are led to a lab: one that it runs, and those of other terminals.

Each lab that is served with Azure's names has a file with its variables in the user's data
directory, which only the user can read. It is deleted when the lab ends; one whose proxy no longer
listens was left by a process that was killed, and is deleted by the next that looks.
"""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from batchlab.azure.cloud import data_folder
from batchlab.errors import invalid
from batchlab.private_files import write_private

__all__ = ["latest", "remembered", "run"]

POLL_S = 0.1


def run(command: list[str], variables: Mapping[str, str], check: Callable[[], None]) -> int:
    """Run a command with these variables, and return its exit code.

    Ctrl-C reaches the command as well: what it does then is waited for, and so is its end. If it
    is gone, or `check` raises, this is over.
    """
    try:
        process = subprocess.Popen(command, env={**os.environ, **variables})
    except OSError as error:
        reason = error.strerror or str(error)
        raise invalid("command", command[0], reason, owner="serve") from None
    try:
        while True:
            with contextlib.suppress(subprocess.TimeoutExpired):
                code = process.wait(POLL_S)
                return code if code >= 0 else 128 - code
            check()
    except BaseException:
        _end(process)
        raise


def _end(process: subprocess.Popen[bytes]) -> None:
    """Let a command end that may have had Ctrl-C; make it end if it does not."""
    for ask, patience_s in ((None, 5.0), (process.terminate, 5.0), (process.kill, None)):
        if ask is not None:
            ask()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(patience_s)
            return


@contextmanager
def remembered(variables: Mapping[str, str]) -> Iterator[None]:
    """Let other terminals find these variables while this lasts."""
    path = _folder() / f"{os.getpid()}-{_port(variables)}.json"
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        write_private(path, msgspec.json.encode(dict(variables)))
        yield
    finally:
        with contextlib.suppress(FileNotFoundError):
            path.unlink()


def latest(port: int = 0) -> dict[str, str] | None:
    """The variables of the lab that began last, or whose proxy has this port; None without one."""
    found: list[tuple[float, dict[str, str]]] = []
    for path in _folder().glob("*.json"):
        try:
            about = path.stat()
            if about.st_uid != os.geteuid():
                continue
            variables = msgspec.json.decode(path.read_bytes(), type=dict[str, str])
        except (OSError, msgspec.MsgspecError):
            continue  # it has just ended, or has just begun
        if not _listens(variables):
            with contextlib.suppress(FileNotFoundError):
                path.unlink()
        elif port in (0, _port(variables)):
            found.append((about.st_mtime, variables))
    return max(found, key=lambda one: one[0])[1] if found else None


def _folder() -> Path:
    return data_folder() / "served"


def _port(variables: Mapping[str, str]) -> int:
    return urlsplit(variables["HTTPS_PROXY"]).port or 0


def _listens(variables: Mapping[str, str]) -> bool:
    try:
        socket.create_connection(("127.0.0.1", _port(variables)), timeout=5).close()
    except OSError:
        return False
    return True
