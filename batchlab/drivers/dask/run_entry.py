"""What a node keeps of a run in progress."""

from __future__ import annotations

import asyncio

from batchlab.core.messages.facts import RunExited
from batchlab.drivers.dask.runs import NodeRun

__all__ = ["RunEntry"]


class RunEntry:
    """A run of the node; its future is done when the run is over.

    Parameters
    ----------
    run : NodeRun
    exited : asyncio.Future
    reported : bool
        Whether the host learns of its end.
    """

    __slots__ = ("exited", "reported", "run", "timer")

    def __init__(self, run: NodeRun, exited: asyncio.Future[RunExited], reported: bool) -> None:
        self.run = run
        self.exited = exited
        self.reported = reported
        self.timer: asyncio.TimerHandle | None = None
