"""The client's side: starts a cluster or attaches to one; asks, waits, closes.

A lab's own cluster has only a scheduler, in a thread of this process; the host in it adds the
nodes. On any other cluster, the first client registers the host; later clients find it there.
"""

from __future__ import annotations

import atexit
import contextlib
import multiprocessing
import os
import threading
import uuid
import weakref
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from distributed.utils import LoopRunner

from batchlab.core.machine import Settings
from batchlab.core.model.ranges import is_number
from batchlab.drivers.dask import messages
from batchlab.drivers.dask.attachment import (
    exposure_of,
    find_client,
    install_host,
    obstacle_here,
    refuse_isolation,
    refuse_other,
)
from batchlab.drivers.dask.config import HostConfig
from batchlab.drivers.dask.fitting import read_vm_sizes
from batchlab.drivers.dask.host import BatchHost
from batchlab.drivers.dask.link import Link
from batchlab.drivers.dask.local_cluster import OwnCluster
from batchlab.drivers.dask.remote import RemoteConnection
from batchlab.drivers.dask.scaler import Scaler
from batchlab.drivers.durable import refuse_other_settings
from batchlab.drivers.journal import Durability
from batchlab.errors import BatchError, Conflict, invalid
from batchlab.storage.locations import StorageLocation

__all__ = ["DaskConnection"]

_open: weakref.WeakSet[DaskConnection] = weakref.WeakSet()


class DaskConnection(RemoteConnection):
    """A connection to a lab in a Dask scheduler. Made by `start` and `attach`.

    Parameters
    ----------
    link : Link
        The way to the host.
    config : HostConfig
        The configuration of the lab.
    now : float
        The current time on the lab's clock.
    close : callable
        Disconnects from the cluster, or ends it; called once.
    """

    def __init__(
        self, link: Link, config: HostConfig, now: float, close: Callable[[], None]
    ) -> None:
        assert config.storage is not None  # ensured by the host
        super().__init__(now, config.speed, config.storage)
        self.config = config
        self._link = link
        self._close = close
        self._closing = threading.Lock()
        _open.add(self)

    # -- making -----------------------------------------------------------------------------------

    @classmethod
    def start(
        cls,
        *,
        processes: bool = False,
        speed: float = 1.0,
        settings: Mapping[str, Any] | None = None,
        root: str | Path | None = None,
        release_on_leave: bool = False,
        journal: str | None = None,
        durability: Durability = "flush",
        fresh: bool = False,
        storage: StorageLocation | None = None,
    ) -> DaskConnection:
        """Start a cluster on this machine, and a lab on it.

        Parameters
        ----------
        processes : bool, default False
            Whether each node is a separate process, not a part of this one.
        speed : float, default 1.0
            Seconds of lab time per real second.
        settings : mapping, optional
            Fields of `Settings`; those of a lab that goes on must match.
        root : path, optional
            Where the lab's folder is created; the temporary directory if omitted.
        release_on_leave : bool, default False
            Whether a node that leaves runs the release tasks of jobs that continue.
        journal : path, optional
            Where to keep the journal; if omitted, it is deleted with the lab's folder.
        durability, fresh
            See `batchlab.drivers.durable.open_journal`.
        storage : StorageLocation, optional
            Where data is kept; in the lab's folder if omitted.

        Raises
        ------
        Conflict
            ``OperationInvalidForCurrentState``: called while a process that multiprocessing
            has started imports its main module.
        """
        if processes and getattr(multiprocessing.current_process(), "_inheriting", False):
            raise Conflict(
                "OperationInvalidForCurrentState",
                "this process is only importing the script of the one that started it, and cannot "
                "start nodes: put the script's code under  if __name__ == '__main__':",
            )
        chosen = Settings(**{"prices": False, **(settings or {})})
        config = HostConfig(
            lab_id=uuid.uuid4().hex[:12],
            nodes="processes" if processes else "light",
            settings=chosen,
            speed=_check_speed(speed),
            root=str(Path(root).resolve()) if root is not None else None,
            release_on_leave=release_on_leave,
            journal=journal,
            durability=durability,
            fresh=fresh,
            storage=storage and storage.of_account(chosen.account_name),
        )
        if config.settings.isolate_users:
            refuse_isolation({"this process": obstacle_here(config)})
        cluster = OwnCluster(config)
        host = cluster.host
        try:
            refuse_other_settings(host.config.settings, settings or {}, owner="Lab")
        except BatchError:
            cluster.close()
            raise
        security = cluster.security
        link = Link(
            cluster.loop, cluster.address, host.account, host.config.lab_id,
            connection_args=security and security.get_connection_args("client"),
        )  # fmt: skip
        cluster.before_end = link.disconnect
        return cls(link, host.config, host.now(), cluster.close)

    @classmethod
    def attach(
        cls,
        cluster: Any,
        *,
        settings: Mapping[str, Any] | None = None,
        speed: float | None = None,
        root: str | Path | None = None,
        release_on_leave: bool | None = None,
        journal: str | None = None,
        durability: Durability | None = None,
        fresh: bool = False,
        storage: StorageLocation | None = None,
        vm_sizes: Any = None,
        security: Any = None,
    ) -> DaskConnection:
        """Attach to the lab of an account on an existing cluster.

        The first client starts the lab. The settings of later clients must match that lab.

        Parameters
        ----------
        cluster : cluster, distributed.Client or str
            A Dask cluster, a client of one, or its scheduler's address.
        settings : mapping, optional
            Fields of `Settings`; ``account_name`` names the account.
        speed, root, release_on_leave, storage, journal, durability, fresh
            As for `start`; paths are those of the scheduler's machine.
        vm_sizes : mapping, optional
            What VM sizes need of a worker; see `Lab`.
        security : distributed.Security or mapping, optional
            The certificates for an address; see `Lab`.

        Raises
        ------
        InvalidRequest
            ``InvalidPropertyValue``: not a cluster, an asynchronous client, or a value that
            differs from the existing lab; ``InvalidUri``: not an address.
        NotFound
            ``ResourceNotFound``: no scheduler answers; the message says what does, and why.
        Forbidden
            ``AuthorizationFailure``: the certificates are not accepted.
        Conflict
            ``OperationInvalidForCurrentState``: the cluster has no batchlab or another version,
            was started by the lab of another account for its own use, or is to isolate users and
            has no TLS.
        """
        chosen = Settings(**{"prices": False, **(settings or {})})
        asked: dict[str, Any] = {
            "speed": None if speed is None else _check_speed(speed),
            "root": None if root is None else str(root),
            "release_on_leave": release_on_leave,
            "journal": journal,
            "durability": durability,
            "storage": storage and storage.of_account(chosen.account_name).marked(),
            "vm_sizes": None if vm_sizes is None else read_vm_sizes(vm_sizes, owner="Lab"),
        }
        asked = {name: value for name, value in asked.items() if value is not None}
        config = HostConfig(
            lab_id=uuid.uuid4().hex[:12], nodes="cluster", settings=chosen, fresh=fresh, **asked
        )
        client, ours = find_client(cluster, security)
        # The lab keeps the loop, but not the client, which gives up after half a minute without
        # its scheduler.
        runner: Any = LoopRunner(loop=client.loop)  # untyped
        runner.start()
        able = cluster if hasattr(cluster, "scale") else client.cluster
        try:
            if chosen.isolate_users:
                refuse_isolation({"this cluster": exposure_of(client.scheduler.address)})
            there, now = install_host(client, BatchHost(config))
            _refuse_other_folder(there.storage, asked.get("storage"))
            refuse_other(there, asked | dict(settings or {}))
            link = Link(
                client.loop, client.scheduler.address, there.settings.account_name, there.lab_id,
                connection_args=client.connection_args, cluster=able,
            )  # fmt: skip
        except BaseException:
            runner.stop()
            raise
        finally:
            if ours:
                client.close()
        if hasattr(able, "scale") and there.nodes == "cluster":
            link.keep(Scaler(able))

        def close() -> None:
            link.close()
            runner.stop()

        return cls(link, there, now, close)

    def shutdown(self) -> None:
        """End the account's lab for all its clients; an existing cluster continues."""
        if not self.closed:
            self.call("close")
        self.close()

    # -- talking ----------------------------------------------------------------------------------

    def call(
        self,
        handler: str,
        watch: Callable[[], None] | None = None,
        *,
        once: bool = False,
        patience_s: float | None = None,
        **arguments: Any,
    ) -> Any:
        """Call a handler of the host; return its result or raise its `BatchError`."""
        self._refuse_closed()
        return messages.unpack(
            self._link.call(handler, arguments, watch, once=once, patience_s=patience_s)
        )

    def _refuse_closed(self) -> None:
        super()._refuse_closed()
        self._link.check()

    def _end(self) -> None:
        with self._closing:
            if not self.closed:
                self.closed = True
                _open.discard(self)
                self._close()
                del self._close  # with the cluster and all that the lab knew


def _refuse_other_folder(there: StorageLocation | None, here: StorageLocation | None) -> None:
    """Refuse a folder with the name of the lab's one that is only on this machine."""
    if there and here and there.url == here.url and there.mark != here.mark:
        reason = (
            f"on {os.uname().nodename} this is another folder than for the lab: storage must be a "
            "folder that all machines share, or a URL such as s3://bucket/folder"
        )
        raise invalid("storage", here.url.removeprefix("file://"), reason, owner="Lab")


def _check_speed(speed: Any) -> float:
    if not is_number(speed) or not 0 < speed < 1e6:
        reason = "must be a number greater than 0 and less than a million"
        raise invalid("speed", speed, reason, owner="Lab")
    return float(speed)


@atexit.register
def _close_all() -> None:
    """Close all open connections before Dask's own finalizers, which were registered earlier."""
    for connection in list(_open):
        with contextlib.suppress(Exception):
            connection.close()
