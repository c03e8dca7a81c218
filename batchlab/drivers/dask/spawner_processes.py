"""The processes of spawners: how they are started and ended, and what is killed after them."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import weakref
from collections.abc import Mapping

from batchlab.drivers.dask import guards, spawner, watchdog
from batchlab.drivers.dask.processes import kill_remaining

__all__ = ["end_process", "kill_lost", "links", "start_process"]

PATIENCE_S = 5.0
"""How long a spawner that is closed has time to end by itself."""
_SPAWN = """
import os, sys
sys.path.append(os.path.dirname(sys.argv[1]))
import spawner
spawner.spawn_forever()
"""

links: weakref.WeakSet[socket.socket] = weakref.WeakSet()
"""The workers' ends of all links."""


def start_process(table: guards.SessionTable, link: socket.socket) -> subprocess.Popen[bytes]:
    """Start a spawner at the other end of a link."""
    number = table.file.fileno()
    return subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", _SPAWN, spawner.__file__, str(number),
         str(watchdog.SESSION_BYTES)],
        pass_fds=[number], stdin=link.fileno(), stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL, start_new_session=True, cwd="/",
    )  # fmt: skip


def end_process(process: subprocess.Popen[bytes], gently: bool) -> None:
    """Wait until a spawner has ended, which it does by itself if it can."""
    with contextlib.suppress(subprocess.TimeoutExpired):
        if gently:
            process.wait(PATIENCE_S)
    process.kill()
    process.wait()


def kill_lost(places: Mapping[int, Mapping[str, str]], table: guards.SessionTable) -> None:
    """Kill the commands of a spawner that has ended, also those that it had just spawned.

    Parameters
    ----------
    places : mapping
        The variables of each command, by its place in the table.
    table : SessionTable
    """
    sessions = {pid for place in places if (pid := table.session(place))}
    for session in sessions:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(session, signal.SIGKILL)
    for variables in places.values():
        kill_remaining(variables, sessions)


def _forget() -> None:
    """Close the links: a forked child's copy would hide the end of its parent from spawners."""
    for link in list(links):
        with contextlib.suppress(OSError):
            os.close(link.detach())


os.register_at_fork(after_in_child=_forget)
