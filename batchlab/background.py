"""Work beside the user's: in threads or, in a browser, on its event loop.

Python in a browser (Pyodide) has one thread, and a single cell that waits would stop everything
that waits for it. There, what a thread would do happens in short turns, whenever the notebook has
nothing else to do. This is the only place that knows which of the two it is.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator

from batchlab.errors import Conflict

__all__ = ["need_machine", "start", "take_turns", "threads"]


def threads() -> bool:
    """Whether this Python can start threads and processes."""
    return sys.platform not in ("emscripten", "wasi")


def need_machine(what: str) -> None:
    """Refuse in a browser what needs processes or a network.

    Parameters
    ----------
    what : str
        The start of a sentence: ``"bl.Lab runs command lines"``.

    Raises
    ------
    Conflict
        ``OperationInvalidForCurrentState``.
    """
    if not threads():
        raise Conflict(
            "OperationInvalidForCurrentState",
            f"{what}, which Python in a browser cannot: use bl.SimulatedLab, or install batchlab "
            "on a computer",
        )


def start(work: Callable[[], None], name: str) -> None:
    """Do some work: at once in a daemon thread, or in the next turn of the event loop.

    Parameters
    ----------
    work : callable
    name : str
        Of the thread.
    """
    if threads():
        threading.Thread(target=work, name=name, daemon=True).start()
    else:
        _later(work, 0.0)


def take_turns(turns: Iterator[float], name: str) -> None:
    """Do work in turns, each of which says how many seconds to rest after it.

    Parameters
    ----------
    turns : iterator of float
    name : str
        Of the thread.
    """

    def sleep() -> None:
        for rest in turns:
            time.sleep(rest)

    def turn() -> None:
        for rest in turns:
            _later(turn, rest)
            break

    start(sleep if threads() else turn, name)


def _later(work: Callable[[], None], seconds: float) -> None:
    import asyncio  # noqa: PLC0415 - takes 40 ms, only needed here

    asyncio.get_running_loop().call_later(seconds, work)
