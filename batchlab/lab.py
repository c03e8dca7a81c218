"""Labs: the Batch service, to create pools and jobs on.

`Lab` runs real commands on the workers of a Dask cluster; `SimulatedLab` has the same verbs on a
virtual clock. Both are a `Connection` to a service plus the verbs that create things; what they
return are handles (`batchlab.handles`). `lab_settings` checks what they are given. Dask is
imported when the first `Lab` is created.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from batchlab import background
from batchlab.core.model import Quotas
from batchlab.core.model.containers import Engines
from batchlab.core.model.quotas import Restricted
from batchlab.durations import parse_duration
from batchlab.errors import Conflict, invalid
from batchlab.handles.current import current_connection
from batchlab.handles.lab import BaseLab
from batchlab.handles.verbs import Duration, given, verb
from batchlab.lab_settings import (
    account_settings,
    engine_name,
    journal_settings,
    path_given,
    positive,
    storage_location,
    truth,
    whole,
)

if TYPE_CHECKING:
    from batchlab.drivers.dask.connection import DaskConnection
    from batchlab.drivers.dask.inside import InsideConnection
    from batchlab.drivers.journal import Durability
    from batchlab.drivers.simulated.connection import SimulatedConnection
    from batchlab.drivers.simulated.workload import Workload

__all__ = ["BaseLab", "Lab", "SimulatedLab"]

NEEDS_POSIX = (
    "batchlab nodes need POSIX (Linux, macOS, or WSL on Windows): on this system only "
    "SimulatedLab works"
)
if os.name != "posix":
    warnings.warn(NEEDS_POSIX, RuntimeWarning, stacklevel=2)


class Lab(BaseLab):
    """The Batch service on a Dask cluster, running real commands.

    Parameters
    ----------
    cluster : Cluster, Client or str, optional
        A Dask cluster to use, a client of one, or the address of its scheduler
        (``"tcp://...:8786"``, ``"tls://..."``, ``"gateway://..."``). Several notebooks can use it
        at the same time: those that attach with the same account see the same pools and jobs; any
        other setting they pass has to match the existing lab. A cluster object that can scale is
        asked for the workers that nodes need, and gets them back afterwards; ``cluster.adapt()``
        works as well. If omitted, a cluster is started on this machine, and stopped by `close`.
    account : str, default "batchlab"
        The account that owns the lab: 1 to 24 lower-case letters and digits. Accounts on one
        cluster are isolated from each other: each has its own pools, jobs, tasks, files and
        priorities. They share the workers, each of which is a node of one account at a time.
    speed : float, default 1
        How many times faster than the wall clock the lab's clock runs.
    processes : bool, default False
        Whether each node is a separate process; otherwise nodes are light and run in this
        process. Task commands are separate processes in both cases. The nodes accept only
        connections of this lab, also on a machine with other users (by TLS with a certificate
        that exists only in memory).
    release_on_leave : bool, default False
        Whether a node that leaves while its jobs are active runs their release tasks. Azure does
        not do that, but it is useful on a cluster whose machines outlive its workers.
    root : path, optional
        Where to create the folders of the nodes; the temporary directory if omitted.
    journal : path, optional
        A folder (``"lab/"``) that keeps the lab: opening it again goes on where it was, also if
        the process, the scheduler or the machine has failed. Requests that were acknowledged and
        tasks that were completed stay so. What was running runs again, which is no retry, and
        nodes restart with empty disks. Data is kept in the folder, too, unless `storage` says
        otherwise; only the contents of certificates have to be added again. On an existing
        cluster it is a path on the machine of the scheduler. A name with a suffix
        (``"lab.jsonl"``) is that of a file that only records the lab, for `ReplayedLab`. If
        omitted, the lab ends with its process.
    durability : {"flush", "fsync"}, default "flush"
        Whether the journal also survives a power cut (``"fsync"``), which costs a moment for each
        request.
    fresh : bool, default False
        Whether to begin a new lab although there is one in `journal`, which is moved aside.
    quotas : Quotas, optional
        Limits on what can exist at a time; no limits if omitted.
    not_enabled : list of str, optional
        Properties of jobs that the account refuses with ``Forbidden``, as an Azure account does
        for which they were not enabled on request: ``"max_parallel_tasks"``,
        ``"allow_task_preemption"``. None by default.
    spot_return : duration, default 5 minutes
        How long a preempted node stays away, in lab time.
    isolate_users : bool, default False
        Whether commands run as separate users, which requires that the lab runs as root. A
        command that is not elevated then runs as a user of its node, without access to files of
        other accounts or, with scope ``task``, of other tasks; an elevated one runs as root. An
        existing cluster must have TLS, as everyone who can talk to a Dask cluster without it can
        run code there. If
        False, all commands run as the lab's user, and `Task.explain` mentions it for tasks that
        request another user.
    containers : {"auto", "podman", "docker"}, default "auto"
        What runs the tasks that have container settings. ``"auto"`` takes Podman if a node has
        it, else Docker. Nodes without either fail such tasks with ``ContainerPoolNotSupported``.
    storage : str or path, optional
        Where to store data, such as resource files and output files: a folder, or any URL that
        fsspec can write to (``s3://bucket/folder`` with ``batchlab[s3]``, ``az://container`` with
        ``batchlab[azure]`` ...). By default, data is kept on the scheduler's machine and deleted
        with the lab. On an existing cluster it goes through the scheduler, which suits files up
        to 100 MB or so; for more data, give a location that all nodes can reach.
    storage_options : mapping, optional
        Options for fsspec, such as credentials, as plain values. They are sent to the nodes.
    sample_delay : duration, default 30 seconds
        How old a sample is when an autoscale formula first sees it. In Azure samples are delayed,
        too; 0 makes them visible immediately.
    prices : bool, default False
        Whether nodes of the sizes ``small`` to ``extralarge`` have prices, so that displays and
        reports show dollars. Nodes with a size of Azure's have them in every lab.
    vm_sizes : mapping, optional
        What nodes of a size need of a worker of an existing cluster, by the name of the size: any
        of ``threads``, ``memory`` (bytes, or a text such as ``"8 GB"``) and ``resources``, which
        Dask's workers declare: ``{"standard_nc4as_t4_v3": {"threads": 1, "resources": {"GPU":
        1}}}``. By default a worker needs as many threads as the size has cores.
    security : distributed.Security or mapping, optional
        The certificates for an address that begins with ``tls://``: a `distributed.Security`, or
        the paths ``tls_ca_file``, ``tls_client_cert`` and ``tls_client_key``. By default, those
        of Dask's configuration. An address of dask-gateway (``gateway://proxy:8786/cluster``)
        needs them only if Dask's configuration does not name the gateway.

    Notes
    -----
    If the network to a scheduler elsewhere is lost, calls continue when it is back: waits within
    their `timeout` (one hour without one), other calls within a minute. After that they raise
    `ServerBusy`, and the next call tries again. No request is carried out twice.

    Raises
    ------
    InvalidRequest
        ``InvalidPropertyValue``: not a cluster, an invalid setting, or one that does not match
        the existing lab.
    Conflict
        ``OperationInvalidForCurrentState``: batchlab is not installed on the cluster, or another
        account owns it; `isolate_users` is set and the lab does not run as root, or its cluster
        has no TLS; or the lab in `journal` is open elsewhere, or `journal` is a file that exists.
    """

    __slots__ = ()
    _connection: DaskConnection | InsideConnection

    @verb
    def __init__(
        self,
        cluster: Any = None,
        *,
        speed: float | None = None,
        processes: bool | None = None,
        account: str | None = None,
        release_on_leave: bool | None = None,
        root: str | os.PathLike[str] | None = None,
        journal: str | os.PathLike[str] | None = None,
        durability: Durability | None = None,
        fresh: bool | None = None,
        quotas: Quotas | None = None,
        not_enabled: Collection[Restricted] | None = None,
        spot_return: Duration = None,
        isolate_users: bool | None = None,
        containers: Engines | None = None,
        storage: str | os.PathLike[str] | None = None,
        storage_options: Mapping[str, Any] | None = None,
        sample_delay: Duration = None,
        prices: bool | None = None,
        vm_sizes: Mapping[str, Mapping[str, Any]] | None = None,
        security: Any = None,
    ) -> None:
        if os.name != "posix":
            raise Conflict("OperationInvalidForCurrentState", NEEDS_POSIX)
        background.need_machine("bl.Lab runs command lines in processes")
        own = given(processes=truth("processes", processes))
        settings = given(
            **journal_settings("Lab", journal, durability, fresh),
            speed=positive("speed", speed),
            release_on_leave=truth("release_on_leave", release_on_leave),
            root=path_given("root", root, "Lab"),
            storage=storage_location(storage, storage_options, "Lab", shared=processes or cluster),
        )
        choices = account_settings(
            "Lab", account, quotas, not_enabled, spot_return=spot_return, sample_delay=sample_delay
        ) | given(
            prices=truth("prices", prices),
            isolate_users=truth("isolate_users", isolate_users),
            containers=engine_name(containers),
        )
        if security is not None and cluster is None:
            reason = "only for the address of an existing cluster"
            raise invalid("security", security, reason, owner="Lab")
        for name, value in own.items() if cluster is not None else ():
            reason = "only for a cluster that the lab starts, not for an existing one"
            raise invalid(name, value, reason, owner="Lab")
        if vm_sizes is not None and cluster is None:
            reason = "only for an existing cluster: the nodes that a lab starts fit every size"
            raise invalid("vm_sizes", vm_sizes, reason, owner="Lab")
        # Dask takes a second to import, so only labs that run nodes import it. The process that
        # nodes are forked from imports it at the same time.
        if processes:
            from batchlab.drivers.dask.process_settings import begin_to_fork  # noqa: PLC0415

            begin_to_fork()
        from batchlab.drivers.dask.connection import DaskConnection  # noqa: PLC0415

        if cluster is None:
            connection = DaskConnection.start(settings=choices, **settings, **own)
        else:
            connection = DaskConnection.attach(
                cluster, settings=choices, vm_sizes=vm_sizes, security=security, **settings
            )
        super().__init__(
            connection, _describe("Lab", cluster is not None, account, speed, processes)
        )

    @verb
    def shutdown(self) -> None:
        """Shut down the lab of this account, for everyone attached to it.

        On an existing cluster, `close` only disconnects and the lab keeps running; this stops its
        nodes, deletes its folders and releases its workers. The cluster and the labs of other
        accounts stay.
        """
        self._connection.shutdown()

    @classmethod
    def current(cls) -> Lab:
        """The lab that runs this process, for task commands, above all job managers.

        It needs no configuration: the environment of each run says how to reach the service
        through its node. It has access to the whole account, because tasks run as the same user;
        `close` only disconnects. `Job.current` and `Task.current` return the job and the task
        themselves. A task that is started again finds what it did before, so a job manager should
        add only the tasks that are missing.

        Raises
        ------
        Conflict
            ``OperationInvalidForCurrentState``: this process was not started by a task.
        NotFound
            ``ResourceNotFound``: the node that started it is gone.

        Examples
        --------
        >>> job = Job.current()  # doctest: +SKIP
        >>> wanted = {f"frame{n}": f"render {n}" for n in range(100)}
        >>> missing = wanted.keys() - set(job.tasks)
        >>> job.create_tasks([TaskSpec(id=id, command_line=wanted[id]) for id in missing])
        """
        return cls._on(current_connection("Lab.current"), "Lab.current()")


class SimulatedLab(BaseLab):
    """The Batch service on a virtual clock: the same verbs, but a day takes a second.

    A wait moves the clock as far as needed; `advance` moves it explicitly. The same seed and the
    same calls give the same history.

    Parameters
    ----------
    seed : int, default 0
        Random seed of the workload.
    boot : duration, default "90s"
        How long a node takes to start.
    workload : Workload, optional
        How long commands take and how they end. By default a small subset of ``/bin/sh -c`` works:
        ``echo``, ``cat``, ``rm``, ``sleep``, ``exit``, ``>``, ``$VARIABLES`` ...
    account : str, default "batchlab"
        The value of ``AZ_BATCH_ACCOUNT_NAME``: 1 to 24 lower-case letters and digits.
    max_nodes : int, optional
        The most nodes available at a time; a resize beyond it ends with ``AllocationFailed``.
    journal : path, optional
        A folder (``"lab/"``) that keeps the lab: opening it again goes on where it was, at the
        same virtual time; nodes restart with empty disks. A name with a suffix
        (``"lab.jsonl"``) is that of a file that only records the lab, for `ReplayedLab`.
    durability : {"flush", "fsync"}, default "flush"
        Whether the journal also survives a power cut (``"fsync"``).
    fresh : bool, default False
        Whether to begin a new lab although there is one in `journal`, which is moved aside.
    quotas : Quotas, optional
        Limits on what can exist at a time; no limits if omitted.
    not_enabled : list of str, optional
        Properties of jobs that the account refuses with ``Forbidden``, as an Azure account does
        for which they were not enabled on request: ``"max_parallel_tasks"``,
        ``"allow_task_preemption"``. None by default.
    spot_return : duration, default 5 minutes
        How long a preempted node stays away.
    storage : str or path, optional
        Where to store data, such as resource files and output files: a folder, or any URL that
        fsspec can write to (``s3://bucket/folder`` with ``batchlab[s3]``, ``az://container`` with
        ``batchlab[azure]`` ...). The default is in memory, until the lab is closed.
    storage_options : mapping, optional
        Options for fsspec, such as credentials, as plain values. They are sent to the nodes.
    sample_delay : duration, default 30 seconds
        How old a sample is when an autoscale formula first sees it. In Azure samples are delayed,
        too; 0 makes them visible immediately.
    prices : bool, default True
        Whether nodes of the sizes ``small`` to ``extralarge`` have prices, so that displays and
        reports show dollars. Nodes with a size of Azure's have them in every lab.

    Raises
    ------
    InvalidRequest
        ``InvalidPropertyValue``: a setting is invalid.
    Conflict
        ``OperationInvalidForCurrentState``: the lab in `journal` is open elsewhere, or `journal`
        is a file that exists.
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
        account: str | None = None,
        max_nodes: int | None = None,
        journal: str | os.PathLike[str] | None = None,
        durability: Durability | None = None,
        fresh: bool | None = None,
        quotas: Quotas | None = None,
        not_enabled: Collection[Restricted] | None = None,
        spot_return: Duration = None,
        storage: str | os.PathLike[str] | None = None,
        storage_options: Mapping[str, Any] | None = None,
        sample_delay: Duration = None,
        prices: bool | None = None,
    ) -> None:
        from batchlab.drivers.simulated.connection import SimulatedConnection  # noqa: PLC0415
        from batchlab.drivers.simulated.workload import Workload  # noqa: PLC0415

        owner = "SimulatedLab"
        if workload is not None and not isinstance(workload, Workload):
            raise invalid("workload", workload, "must be a Workload", owner=owner)
        choices = account_settings(
            owner, account, quotas, not_enabled, spot_return=spot_return, sample_delay=sample_delay
        ) | given(prices=truth("prices", prices, owner))
        connection = SimulatedConnection.start(
            settings=choices,
            workload=workload,
            seed=whole("seed", seed),
            boot_s=parse_duration(boot, name="boot", owner=owner).total_seconds(),
            max_nodes=None if max_nodes is None else whole("max_nodes", max_nodes),
            storage=storage_location(storage, storage_options, owner),
            **journal_settings(owner, journal, durability, fresh),
        )
        super().__init__(connection, f"SimulatedLab(seed={seed})")

    @verb
    def advance(self, span: Duration) -> None:
        """Advance the clock by a span of lab time, with everything that happens in it."""
        length = parse_duration(span, name="span", owner="SimulatedLab.advance")
        self._connection.advance(length.total_seconds())


def _describe(name: str, attached: bool, account: Any, speed: Any, processes: Any) -> str:
    parts: Sequence[str] = [
        *(["cluster"] if attached else []),
        *([f"account={account!r}"] if account is not None else []),
        *([f"speed={speed:g}"] if speed is not None else []),
        *([f"processes={processes}"] if processes is not None else []),
    ]
    return f"{name}({', '.join(parts)})"
