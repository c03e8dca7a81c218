"""A lab: the Batch service, to make pools and jobs on.

`Lab` runs commands for real, on the workers of a Dask cluster; `SimulatedLab` has the same verbs
on a virtual clock. Both are a `Connection` to a service and the verbs that make things; what is
made is held by handles (`batchlab.handles`). Dask is imported when the first `Lab` is made.
"""

from __future__ import annotations

import math
import os
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from batchlab.core.settings import Settings
from batchlab.core.specs import Quotas
from batchlab.drivers.ports import Connection
from batchlab.durations import parse_duration
from batchlab.errors import Conflict, invalid
from batchlab.handles.current import current_connection
from batchlab.handles.job import given
from batchlab.handles.lab import BaseLab
from batchlab.handles.verbs import Duration, verb
from batchlab.storage.containers import BlobStore
from batchlab.storage.faults import StorageFailed
from batchlab.storage.locations import StorageLocation, read_location

if TYPE_CHECKING:
    from batchlab.drivers.simulated.connection import SimulatedConnection
    from batchlab.drivers.simulated.workload import Workload

__all__ = ["BaseLab", "Lab", "SimulatedLab"]

NEEDS_POSIX = (
    "batchlab's nodes need POSIX (Linux, macOS, or Windows' WSL): on this system only "
    "SimulatedLab works"
)
if os.name != "posix":
    warnings.warn(NEEDS_POSIX, RuntimeWarning, stacklevel=2)


class Lab(BaseLab):
    """The Batch service on a Dask cluster: commands run for real.

    Parameters
    ----------
    cluster : Cluster, Client or str, optional
        A Dask cluster to use, a client of one, or the address of its scheduler
        (``"tcp://...:8786"``). Another notebook may use it at the same time: whoever attaches to
        the address finds the same pools and jobs. A cluster on this machine is started if
        omitted, and ended by `close`.
    speed : float, default 1
        How many times faster than the wall clock lab time runs.
    processes : bool, default False
        Whether each node is a process of its own; else nodes are light and live in this process.
        The commands of tasks are processes of their own either way.
    release_on_leave : bool, default False
        Whether a node that leaves while its jobs go on runs their release tasks. Azure does not;
        a cluster whose machines outlive its workers may want it.
    root : path, optional
        Where the folders of the nodes are made; the directory for temporary files if omitted.
    journal : path, optional
        Where every input of the service is written down, to be replayed. If omitted the journal
        goes with the lab, unless a fault of batchlab's own ends it. Not for a cluster that was
        there before.

    quotas : Quotas, optional
        What may be had at a time; without limit if omitted.
    spot_return : duration, default 5 minutes
        How long a preempted node stays away, in lab time.
    storage : str or path, optional
        Where data is kept, for resource files and output files: a folder, or any URL that fsspec
        writes to (``s3://bucket/folder`` with ``batchlab[s3]``, ``az://container`` with
        ``batchlab[azure]`` ...). If omitted a folder on the scheduler's machine, which goes with
        the lab; nodes on other machines cannot reach that one.
    storage_options : mapping, optional
        For fsspec: credentials and the like, as plain values. They go to the nodes.
    sample_delay : duration, default 1 minute
        How old a sample is when an autoscale formula first sees it. Azure's newest minute is
        missing; with 0 nothing is.

    Raises
    ------
    InvalidRequest
        ``InvalidPropertyValue``: what was given is no cluster, or a setting is wrong.
    """

    __slots__ = ()

    @verb
    def __init__(
        self,
        cluster: Any = None,
        *,
        speed: float | None = None,
        processes: bool | None = None,
        release_on_leave: bool = False,
        root: str | os.PathLike[str] | None = None,
        journal: str | os.PathLike[str] | None = None,
        quotas: Quotas | None = None,
        spot_return: Duration = None,
        storage: str | os.PathLike[str] | None = None,
        storage_options: Mapping[str, Any] | None = None,
        sample_delay: Duration = None,
    ) -> None:
        if os.name != "posix":
            raise Conflict("OperationInvalidForCurrentState", NEEDS_POSIX)
        own = given(
            processes=_truth("processes", processes), journal=_path("journal", journal, "Lab")
        )
        settings = given(
            speed=_positive("speed", speed),
            release_on_leave=_truth("release_on_leave", release_on_leave),
            root=_path("root", root, "Lab"),
            storage=_storage(storage, storage_options, "Lab", shared=processes or cluster),
            settings=_settings(quotas, spot_return, sample_delay, "Lab"),
        )
        for name, value in own.items() if cluster is not None else ():
            reason = "only for a cluster that this lab starts; this one is there already"
            raise invalid(name, value, reason, owner="Lab")
        # Dask takes a second to import: only those who run nodes pay for it.
        from batchlab.drivers.dask.connection import DaskConnection  # noqa: PLC0415

        connection: Connection
        if cluster is None:
            connection = DaskConnection.start(**settings, **own)
        else:
            connection = DaskConnection.attach(cluster, **settings)
        super().__init__(connection, _describe("Lab", cluster is not None, speed, processes))

    @classmethod
    def current(cls) -> Lab:
        """The lab that runs this process: for the commands of tasks, job managers above all.

        Nothing needs to be configured: each run finds in its environment how to reach the service
        through its node. It is the whole account, as for whoever made the lab, because tasks run
        as the same user; `close` only lets go of it. `Job.current` and `Task.current` are the job
        and the task themselves. A task that was started again finds what it did before, so a job
        manager adds only the tasks that are not there.

        Raises
        ------
        Conflict
            ``OperationInvalidForCurrentState``: no task has started this process.
        NotFound
            ``ResourceNotFound``: the node that started it is gone.

        Examples
        --------
        >>> job = Job.current()  # doctest: +SKIP
        >>> wanted = {f"frame{n}": f"render {n}" for n in range(100)}
        >>> missing = wanted.keys() - set(job.tasks)
        >>> job.create_tasks([TaskSpec(id=id, command_line=wanted[id]) for id in missing])
        """
        lab = cls.__new__(cls)
        BaseLab.__init__(lab, current_connection("Lab.current"), "Lab.current()")
        return lab


class SimulatedLab(BaseLab):
    """The Batch service on a virtual clock: the same verbs, and a day takes a second.

    A wait moves the clock as far as it needs; `advance` moves it by hand. The same seed and the
    same verbs give the same history.

    Parameters
    ----------
    seed : int, default 0
        For the workload's chance.
    boot : duration, default "90s"
        How long a node takes to start.
    workload : Workload, optional
        How long commands take and how they end. A little of ``/bin/sh -c`` is understood without:
        ``echo``, ``cat``, ``rm``, ``sleep``, ``exit``, ``>``, ``$VARIABLES`` ...
    max_nodes : int, optional
        How many nodes can be had at a time; a resize beyond ends with ``AllocationFailed``.
    journal : path, optional
        Where every input of the service is written down, to be replayed.
    quotas : Quotas, optional
        What may be had at a time; without limit if omitted.
    spot_return : duration, default 5 minutes
        How long a preempted node stays away.
    storage : str or path, optional
        Where data is kept, for resource files and output files: a folder, or any URL that fsspec
        writes to (``s3://bucket/folder`` with ``batchlab[s3]``, ``az://container`` with
        ``batchlab[azure]`` ...). In memory if omitted, and gone with the lab.
    storage_options : mapping, optional
        For fsspec: credentials and the like, as plain values. They go to the nodes.
    sample_delay : duration, default 1 minute
        How old a sample is when an autoscale formula first sees it. Azure's newest minute is
        missing; with 0 nothing is.
    """

    __slots__ = ()
    _connection: SimulatedConnection

    @verb
    def __init__(
        self,
        *,
        seed: int = 0,
        boot: Duration = "90s",
        workload: Workload | None = None,
        max_nodes: int | None = None,
        journal: str | os.PathLike[str] | None = None,
        quotas: Quotas | None = None,
        spot_return: Duration = None,
        storage: str | os.PathLike[str] | None = None,
        storage_options: Mapping[str, Any] | None = None,
        sample_delay: Duration = None,
    ) -> None:
        from batchlab.drivers.simulated.connection import SimulatedConnection  # noqa: PLC0415
        from batchlab.drivers.simulated.workload import Workload  # noqa: PLC0415
        from batchlab.drivers.simulated.world import SimulatedWorld  # noqa: PLC0415

        owner = "SimulatedLab"
        if workload is not None and not isinstance(workload, Workload):
            raise invalid("workload", workload, "must be a Workload", owner=owner)
        world = SimulatedWorld(
            workload,
            seed=_whole("seed", seed),
            boot_s=parse_duration(boot, name="boot", owner=owner).total_seconds(),
            max_nodes=None if max_nodes is None else _whole("max_nodes", max_nodes),
            storage=_storage(storage, storage_options, owner),
            settings=_settings(quotas, spot_return, sample_delay, owner),
        )
        connection = SimulatedConnection(world, journal=_path("journal", journal, owner))
        super().__init__(connection, f"SimulatedLab(seed={seed})")

    @verb
    def advance(self, span: Duration) -> None:
        """Move the clock on by a span of lab time, with all that happens in it."""
        length = parse_duration(span, name="span", owner="SimulatedLab.advance")
        self._connection.advance(length.total_seconds())


def _settings(quotas: Any, spot_return: Duration, sample_delay: Duration, owner: str) -> Settings:
    if quotas is not None and not isinstance(quotas, Quotas):
        raise invalid("quotas", quotas, "must be a Quotas", owner=owner)
    settings = Settings(quotas=quotas or Quotas())
    spans = {"spot_return": spot_return, "sample_delay": sample_delay}
    given_s = {
        f"{name}_s": parse_duration(span, name=name, owner=owner).total_seconds()
        for name, span in spans.items()
        if span is not None
    }
    return msgspec.structs.replace(settings, **given_s)


def _storage(
    storage: Any, options: Any, owner: str, *, shared: Any = False
) -> StorageLocation | None:
    if storage is None:
        if options is not None:
            raise invalid("storage_options", "...", "needs storage=...", owner=owner)
        return None
    location = read_location(storage, options, owner=owner)
    if shared and location.url.startswith("memory://"):
        reason = "nodes in other processes cannot see the memory of this one"
        raise invalid("storage", location.url, reason, owner=owner)
    try:
        BlobStore(location).prepare()
    except StorageFailed as error:
        raise invalid("storage", location.url, f"cannot be used: {error}", owner=owner) from None
    return location


def _describe(name: str, attached: bool, speed: Any, processes: Any) -> str:
    parts: Sequence[str] = [
        *(["cluster"] if attached else []),
        *([f"speed={speed:g}"] if speed is not None else []),
        *([f"processes={processes}"] if processes is not None else []),
    ]
    return f"{name}({', '.join(parts)})"


def _positive(name: str, value: Any) -> float | None:
    if value is None:
        return None
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not number or not math.isfinite(value) or not 0 < value <= 1_000_000:
        raise invalid(name, value, "must be a number above 0", owner="Lab")
    return float(value)


def _truth(name: str, value: Any) -> bool | None:
    if value is None or isinstance(value, bool):
        return value
    raise invalid(name, value, "must be True or False", owner="Lab")


def _whole(name: str, value: Any) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    raise invalid(name, value, "must be a whole number, 0 or more", owner="SimulatedLab")


def _path(name: str, value: Any, owner: str) -> Path | None:
    if value is None or isinstance(value, (str, os.PathLike)):
        return None if value is None else Path(value)
    raise invalid(name, value, "must be a path", owner=owner)
