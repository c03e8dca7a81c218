"""What clusters of ours set for the whole process, while there is one.

Dask reads these settings of the process at moments of its own, such as when a nanny starts a
worker again, so they cannot be set around a call.
"""

from __future__ import annotations

import contextlib
import logging
import sys
import threading
from collections.abc import Callable, Iterator
from multiprocessing import forkserver, util

import dask

from batchlab.drivers.dask import watchdog

__all__ = ["FORKING", "SILENCE", "begin_to_fork"]

METHOD = "distributed.worker.multiprocessing-method"


class WhileNeeded:
    """A context of the process: entered with the first who needs it, left with the last.

    Parameters
    ----------
    make : callable
        Makes the context.
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
def _silence() -> Iterator[None]:
    logger = logging.getLogger("distributed")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(level)


def begin_to_fork() -> bool:
    """Have the process that workers are forked from import what they need; whether it does.

    Not where the user has chosen otherwise, or where Python itself does not, from 3.14 on.
    """
    if sys.platform != "linux" or dask.config.get(METHOD, "spawn") not in ("spawn", "forkserver"):
        return False
    forkserver.set_forkserver_preload(["batchlab.drivers.dask.agent"])
    try:
        forkserver.ensure_running()
    except OSError:  # the folder for temporary files has too long a name for a socket
        return False
    return True


@contextlib.contextmanager
def _forking() -> Iterator[None]:
    if not begin_to_fork():
        yield
        return
    from distributed import utils  # noqa: PLC0415

    # Otherwise Dask sets a list of its own, with all of pandas, and imports that here, too.
    utils._forkserver_preload_set = True
    folder = util.get_temp_dir()  # where that process has its socket
    watchdog.guard(folder)
    try:
        with dask.config.set({METHOD: "forkserver"}):
            yield
    finally:
        watchdog.dismiss(folder)


SILENCE = WhileNeeded(_silence)
"""Keeps Dask's logging quiet: the cluster is not the user's."""
FORKING = WhileNeeded(_forking)
"""Has workers forked from one process: a new one would import Dask for most of a second."""
