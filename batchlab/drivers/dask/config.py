"""What a lab on Dask is, as the client that began it says; whoever attaches is told the same."""

from __future__ import annotations

from typing import Literal

import msgspec

from batchlab.core.machine import Settings
from batchlab.storage.locations import StorageLocation

__all__ = ["HostConfig"]


class HostConfig(msgspec.Struct, frozen=True, kw_only=True):
    """What a lab is, as the client that began it says.

    Parameters
    ----------
    lab_id : str
    nodes : {"light", "processes", "cluster"}
        Where nodes come from: this process, processes of their own, workers that are there.
    settings : Settings
    speed : float
        Seconds of lab time in a second of wall clock.
    root : str, optional
        Where the lab's folder is made on each machine; its temporary directory if omitted.
    release_on_leave : bool
        Whether a node that leaves while jobs live on runs their release.
    journal : str, optional
        Where the journal is kept for good; in the lab's folder, and deleted with it, if omitted.
    storage : StorageLocation, optional
        Where the lab's data is kept; in the lab's folder on the scheduler's machine if omitted.
    """

    lab_id: str
    nodes: Literal["light", "processes", "cluster"]
    settings: Settings
    speed: float = 1.0
    root: str | None = None
    release_on_leave: bool = False
    journal: str | None = None
    storage: StorageLocation | None = None
