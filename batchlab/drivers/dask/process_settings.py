"""Process-wide settings that apply while one of our own clusters exists.

Dask reads these settings at arbitrary times, such as when a nanny restarts a worker, so they
cannot be set only for the duration of a call.
"""

from __future__ import annotations

import contextlib
import logging
import resource
import sys
import threading
from collections.abc import Callable, Iterator
from functools import partial
from multiprocessing import forkserver, util

import dask

from batchlab.drivers.dask import guards

__all__ = ["FORKING", "SILENCE", "allow_files", "begin_to_fork"]

METHOD = "distributed.worker.multiprocessing-method"


class WhileNeeded:
    """A process-wide context: entered for its first user, left after its last.

    Parameters
    ----------
    make : callable
        Creates the context.
    """

    def __init__(self, make: Callable[[], contextlib.AbstractContextManager[None]]) -> None:
        self._make = make
        self._lock = threading.Lock()
        self._needed = 0
        self._entered = contextlib.ExitStack()

    def __enter__(self) -> None:
        with self._lock:
            if not self._needed:
                self._entered.enter_context(self._make())
            self._needed += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._needed -= 1
            if not self._needed:
                self._entered.close()


@contextlib.contextmanager
def _silence(name: str) -> Iterator[None]:
    logger = logging.getLogger(name)
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(level)


def begin_to_fork() -> bool:
    """Let the process that workers are forked from preload batchlab; return whether it does.

    It does not if the user has chosen another method, or on platforms other than Linux.
    """
    if sys.platform != "linux" or dask.config.get(METHOD, "spawn") not in ("spawn", "forkserver"):
        return False
    forkserver.set_forkserver_preload(["batchlab.drivers.dask.agent"])
    try:
        forkserver.ensure_running()
    except OSError:  # the name of the temporary directory is too long for a socket
        return False
    return True


@contextlib.contextmanager
def _forking() -> Iterator[None]:
    forks = begin_to_fork()
    # Has the socket of that process; exists even if the name was too long for a socket.
    folder = util.get_temp_dir()
    guards.guard(folder)
    try:
        if forks:
            from distributed import utils  # noqa: PLC0415

            # Otherwise Dask sets its own list, with all of pandas, and also imports it here.
            utils._forkserver_preload_set = True
        with dask.config.set({METHOD: "forkserver"} if forks else {}):
            yield
    finally:
        guards.dismiss(folder)


SILENCE = WhileNeeded(partial(_silence, "distributed"))
"""Silences Dask's logging: the user did not start the cluster."""
FORKING = WhileNeeded(_forking)
"""Forks workers from one process: a new one would need most of a second to import Dask."""


def allow_files(count: int) -> None:
    """Let this process have so many files open, as far as its user may allow that.

    Many systems stop a process at 256 or 1,024 unless it asks for more.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if resource.RLIM_INFINITY != soft < count:
        wanted = count if hard == resource.RLIM_INFINITY else min(count, hard)
        with contextlib.suppress(OSError, ValueError):  # macOS has another limit of its own
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
