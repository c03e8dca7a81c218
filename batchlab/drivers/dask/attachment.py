"""Attaching to an existing cluster: find it, check it, install the host in it.

A plugin is sent as a pickle, so a scheduler without batchlab would answer with an unpickling
error: it is asked first, with a function of the standard library, which any Python can unpickle.
The workers are asked one by one, when they become nodes (`batchlab.drivers.dask.passed_over`): one
that is bad must keep nobody from attaching.
"""

from __future__ import annotations

import pydoc
import re
from collections.abc import Mapping
from typing import Any

from distributed import Client

from batchlab.drivers.dask import messages
from batchlab.drivers.dask.config import HostConfig
from batchlab.drivers.dask.folders import lab_folder
from batchlab.drivers.dask.host import BatchHost
from batchlab.drivers.dask.probe import (
    check_scheduler,
    gateway_cluster,
    read_security,
    require_gateway,
)
from batchlab.drivers.dask.scaler import is_closed
from batchlab.errors import Conflict, InvalidRequest, NotFound, invalid
from batchlab.version import __version__

__all__ = ["exposure_of", "find_client", "install_host", "obstacle_here", "refuse_isolation",
           "refuse_other"]  # fmt: skip

CONNECT_S = 10.0


def find_client(cluster: Any, security: Any = None) -> tuple[Any, bool]:
    """Return a client of a cluster, and whether it is a new one.

    Parameters
    ----------
    cluster : cluster, distributed.Client or str
    security : distributed.Security or mapping, optional
        The certificates for an address.
    """
    if security is not None and not isinstance(cluster, str):
        reason = "only for an address: a cluster or a client has its own"
        raise invalid("security", security, reason, owner="Lab")
    if getattr(cluster, "asynchronous", False):
        reason = "must not be asynchronous: use the scheduler's address instead"
        raise invalid("cluster", cluster, reason, owner="Lab")
    if isinstance(cluster, Client):
        loop: Any = cluster.loop  # untyped
        status = cluster.status if loop.asyncio_loop.is_running() else "closed"
        if status != "running":
            reason = f"must be a running client, but this one is {status}"
            raise invalid("cluster", cluster, reason, owner="Lab")
        return cluster, False
    if isinstance(cluster, str):
        cluster = re.sub(r"(?<=\w)/+$", "", cluster.strip())  # as it was copied
        if ":" not in cluster:
            raise InvalidRequest(
                "InvalidUri", f"{cluster!r} is not a scheduler address, such as tcp://host:8786"
            )
        security = read_security(security)
        if cluster.startswith("gateway://"):
            require_gateway()
            cluster = cluster if security is not None else gateway_cluster(cluster)
        else:
            check_scheduler(cluster, security, CONNECT_S)
    elif not hasattr(cluster, "scheduler_address"):
        raise invalid(
            "cluster", cluster, "must be a Dask cluster, a Client or a scheduler's address",
            owner="Lab",
        )  # fmt: skip
    elif is_closed(cluster):
        reason = "must be a running cluster, but this one is closed"
        raise invalid("cluster", cluster, reason, owner="Lab")
    try:
        make: Any = Client  # untyped
        given = {} if security is None else {"security": security}
        return make(cluster, set_as_default=False, timeout=CONNECT_S, **given), True
    except (OSError, TimeoutError) as error:
        raise NotFound(
            "ResourceNotFound", f"no Dask scheduler answers at {cluster}: {error}"
        ) from None
    except ValueError as error:
        raise InvalidRequest("InvalidUri", f"{cluster!r} is not an address: {error}") from None
    except Exception as error:  # an optional kind of network, or another library's cluster object
        raise invalid(
            "cluster", cluster,
            f"a client of it cannot be started here ({type(error).__name__}: {error}): use the "
            "scheduler's address, such as tcp://host:8786",
            owner="Lab",
        ) from error  # fmt: skip


def install_host(client: Any, host: BatchHost) -> tuple[HostConfig, float]:
    """Install the host in the scheduler unless it exists; return its configuration and time."""
    _check_version(client)
    _check_labs(client, host.account)
    client.register_plugin(host, name=host.name)
    hello = messages.AccountRpc(client.scheduler, host.account).batchlab_hello
    answer: tuple[HostConfig, float] = messages.unpack(client.sync(hello))
    return answer


def _check_labs(client: Any, account: str) -> None:
    """Refuse a cluster that another account's lab started for its own use."""
    for other, nodes in client.run_on_scheduler(_labs).items():
        if other != account and nodes != "cluster":
            raise Conflict(
                "OperationInvalidForCurrentState",
                f"the lab of account {other!r} started this cluster for its own use: start a "
                "cluster for both labs, such as dask.distributed.LocalCluster()",
            )


def _labs(dask_scheduler: Any) -> dict[str, str]:
    """Return the kind of nodes of each account's lab in this scheduler."""
    plugins = dask_scheduler.plugins.values()
    return {lab.account: lab.config.nodes for lab in plugins if isinstance(lab, BatchHost)}


def obstacle_here(config: HostConfig) -> str | None:
    """Return why nodes of a lab in this process cannot isolate users, or None."""
    from batchlab.drivers.dask.users import obstacle  # noqa: PLC0415 - rare

    return obstacle(lab_folder(config.lab_id, config.root))


def exposure_of(address: str) -> str | None:
    """Return why nodes of a cluster at this address cannot isolate users, or None."""
    from batchlab.drivers.dask.users import exposure  # noqa: PLC0415 - rare

    return exposure(address)


def refuse_isolation(reasons: Mapping[str, Any]) -> None:
    """Refuse to isolate users if it is not available."""
    for place, reason in reasons.items():
        if reason is not None:
            raise Conflict(
                "OperationInvalidForCurrentState",
                f"isolate_users is not available on {place}: {reason}. Without it, all tasks run "
                "as the lab's own user",
            )


def _check_version(client: Any) -> None:
    version = client.run_on_scheduler(pydoc.locate, "batchlab.__version__")
    if version != __version__:
        has = f"batchlab {version}" if isinstance(version, str) else "no batchlab"
        python = client.run_on_scheduler(pydoc.locate, "sys.executable")
        raise Conflict(
            "OperationInvalidForCurrentState",
            f"the scheduler has {has}, but this is batchlab {__version__}. Install this version "
            f"there, in the environment of {python}, from where it was installed here. Then start "
            "the scheduler again, and attach again",
        )


def refuse_other(there: HostConfig, asked: Mapping[str, Any]) -> None:
    """Refuse values that differ from those of an existing lab."""
    for name, value in asked.items():
        source = there.settings if hasattr(there.settings, name) else there
        found = getattr(source, name)
        if found != value:
            word = name.removesuffix("_s")  # in seconds here, a duration for the user
            reason = (
                f"the lab of account {there.settings.account_name!r} on this cluster has "
                f"{found!r}: omit {word}, or close that lab first"
            )
            raise invalid(word, value, reason, owner="Lab")
