"""The configuration of a lab on Dask, set by the client that started it."""

from __future__ import annotations

from typing import Literal

import msgspec

from batchlab.core.machine import Settings
from batchlab.drivers.dask import lease
from batchlab.drivers.dask.fitting import WorkerNeeds
from batchlab.drivers.journal import Durability
from batchlab.storage.locations import StorageLocation

__all__ = ["HostConfig"]


class HostConfig(msgspec.Struct, frozen=True, kw_only=True):
    """The configuration of a lab, from the client that started it.

    Parameters
    ----------
    lab_id : str
    nodes : {"light", "processes", "cluster"}
        Where nodes run: in this process, in separate processes, or on existing workers.
    settings : Settings
    speed : float
        Seconds of lab time per real second.
    root : str, optional
        Where the lab's folder is created on each machine; its temporary directory if omitted.
    release_on_leave : bool
        Whether a node that leaves runs the release tasks of jobs that continue.
    journal : str, optional
        Where to keep the journal; if omitted, it is deleted together with the lab's folder.
    durability : {"flush", "fsync"}
        Whether the journal survives a power cut.
    fresh : bool
        Whether to begin a new lab although there is one in the journal.
    lease_s : float
        How long a node that hears nothing from its host continues its runs, in real seconds.
    storage : StorageLocation, optional
        Where the lab's data is kept; if omitted, in the lab's folder on the scheduler's machine,
        which serves it to the nodes of an existing cluster.
    vm_sizes : dict
        What VM sizes need of a worker, where that is not as many threads as cores.
    """

    lab_id: str
    nodes: Literal["light", "processes", "cluster"]
    settings: Settings
    speed: float = 1.0
    root: str | None = None
    release_on_leave: bool = False
    journal: str | None = None
    durability: Durability = "flush"
    fresh: bool = False
    lease_s: float = msgspec.field(default_factory=lambda: lease.LEASE_S)
    storage: StorageLocation | None = None
    vm_sizes: dict[str, WorkerNeeds] = {}
