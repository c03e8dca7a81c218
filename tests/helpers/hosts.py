"""A cluster of several machines, emulated on this one: each has temporary files of its own.

Each program has the same temporary directory by name, but with the rights of root a mount and a
host name of its own, as on another machine. Without them, the programs only have separate
directories.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from helpers.ports import free_port
from helpers.storage_servers import running

HOST = """
set -e
hostname "$1"
mount -t tmpfs none "$2"
mkdir "$2/tmp"
shift 2
exec "$@"
"""


def are_separate() -> bool:
    """Whether this user can give programs mounts of their own."""
    try:
        return not subprocess.run(
            ["unshare", "-m", "-u", "true"], capture_output=True, check=False
        ).returncode
    except OSError:
        return False


class Hosts:
    """A scheduler and workers; `address`, and the `folder` that each of them has for itself."""

    def __init__(self, address: str, folder: Path) -> None:
        self.address = address
        self.folder = folder


@contextmanager
def hosts(folder: Path, workers: int = 2) -> Iterator[Hosts]:
    """Start a scheduler on one host and a worker on each of the others."""
    address = f"tcp://127.0.0.1:{(port := free_port())}"
    private = folder / "private"
    private.mkdir()
    with ExitStack() as stack:
        dask = [sys.executable, "-m", "distributed.cli.dask_scheduler"]
        options = ["--host", "127.0.0.1", "--port", str(port), "--no-dashboard"]
        stack.enter_context(_host("scheduler", private, [*dask, *options], port))
        for number in range(workers):
            dask = [sys.executable, "-m", "distributed.cli.dask_worker", address]
            port = free_port()
            options = ["--host", "127.0.0.1", "--worker-port", str(port), "--nthreads", "2",
                       "--no-dashboard", "--no-nanny", "--name", f"host-{number}"]  # fmt: skip
            stack.enter_context(_host(f"host-{number}", private, [*dask, *options], port))
        yield Hosts(address, private)


def _host(name: str, private: Path, command: list[str], port: int) -> Any:
    if are_separate():
        temporary = private / "tmp"
        command = ["unshare", "-m", "-u", "sh", "-c", HOST, "sh", name, str(private), *command]
    else:
        temporary = private / name
        temporary.mkdir()
    return running(["env", f"TMPDIR={temporary}", *command], port, {})
