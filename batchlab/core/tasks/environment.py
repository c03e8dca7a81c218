"""The environment variables of a run, and their precedence.

There are three layers, each overriding the ones before: the variables of the node's own process
(``PATH`` and the like), the user's settings (the task's override the job's), and the variables
that the service sets. System names cannot be overridden: a user's ``AZ_BATCH_JOB_ID`` is dropped,
even where the service sets none, and so is any name that starts like that of an application
package. Which system variables a run has depends on its kind: a start task belongs to no job, and
a preparation task has no variable for its own directory, which only tasks have.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from batchlab.core.messages.outputs import Coordination, PackageToInstall, StartRun

__all__ = ["ADDRESS", "PASSED_ON", "SERVICE", "NodeFacts", "environment"]

SERVICE = "BATCHLAB_SERVICE"
PASSED_ON = "BATCHLAB_PASSED_ON"
"""The names of the variables that lead to services on the node's own machine. A container has them
if it shares the node's network, and with them the files that they name."""
"""How a task reaches the service it runs in; Azure has no such variable."""
ADDRESS = "BATCHLAB_NODE_IP_ADDRESS"
"""Where a task of a communicating pool may listen; in Azure that is the node's network card."""

RESERVED_DISK_BYTES = "1000000000"

_JOB_NAMES = ("JOB_ID", "TASK_ID", "JOB_PREP_DIR", "JOB_PREP_WORKING_DIR")
_NODE_NAMES = (
    "ACCOUNT_NAME", "ACCOUNT_URL", "POOL_ID", "NODE_ID", "NODE_IS_DEDICATED", "NODE_ROOT_DIR",
    "NODE_SHARED_DIR", "NODE_STARTUP_DIR", "NODE_MOUNTS_DIR", "TASK_DIR", "TASK_WORKING_DIR",
    "TASK_RESERVED_EPHEMERAL_DISK_SPACE_BYTES", "CERTIFICATES_DIR",
)  # fmt: skip
_INSTANCES_NAMES = ("HOST_LIST", "NODE_LIST", "IS_CURRENT_NODE_MASTER", "MASTER_NODE",
                    "TASK_SHARED_DIR")  # fmt: skip
_OLD_NAMES = ("ACCOUNT_NAME", "WORKITEM_NAME", "JOB_NAME", "TASK_NAME", "POOL_NAME", "TVM_NAME",
              "TVM_ROOT_DIR", "PORTRANGE_LOW", "PORTRANGE_HIGH")  # fmt: skip
SYSTEM_NAMES = frozenset(
    [f"AZ_BATCH_{name}" for name in _NODE_NAMES + _JOB_NAMES + _INSTANCES_NAMES]
    + [f"WATASK_{name}" for name in _OLD_NAMES]
    + ["CCP_NODES", ADDRESS, SERVICE]
)


PACKAGE_PREFIX = "AZ_BATCH_APP_PACKAGE_"


class NodeFacts(msgspec.Struct, frozen=True, kw_only=True):
    """The facts about a node that the environment of a run depends on.

    Parameters
    ----------
    account_name, account_url, node_id : str
    root_directory : str
        The node's root, as an absolute path.
    is_dedicated : bool, default True
        False for a spot node.
    packages : tuple of PackageToInstall
        The application packages of its pool.
    service : str, default ""
        How a task reaches the service; empty if it cannot.
    """

    account_name: str
    account_url: str
    node_id: str
    root_directory: str
    is_dedicated: bool = True
    packages: tuple[PackageToInstall, ...] = ()
    service: str = ""


def environment(
    start_run: StartRun, node: NodeFacts, inherited: Mapping[str, str] | None = None
) -> dict[str, str]:
    """All environment variables of a run.

    Parameters
    ----------
    run : StartRun
        The command to run; its `environment` has the user's settings.
    node : NodeFacts
    inherited : mapping, optional
        The environment of the node's own process.
    """
    values = dict(inherited or {})
    values.update(start_run.environment)
    for name in values.keys() & SYSTEM_NAMES:
        del values[name]
    for name in start_run.environment:
        if name.startswith(PACKAGE_PREFIX):
            del values[name]
    root, pool_id = node.root_directory, start_run.pool_id
    directory = f"{root}/{start_run.directory}"
    values |= {
        "AZ_BATCH_ACCOUNT_NAME": node.account_name,
        "AZ_BATCH_ACCOUNT_URL": node.account_url,
        "AZ_BATCH_POOL_ID": pool_id,
        "AZ_BATCH_NODE_ID": node.node_id,
        "AZ_BATCH_NODE_IS_DEDICATED": "true" if node.is_dedicated else "false",
        "AZ_BATCH_NODE_ROOT_DIR": root,
        "AZ_BATCH_NODE_SHARED_DIR": f"{root}/shared",
        "AZ_BATCH_NODE_STARTUP_DIR": f"{root}/startup",
        "AZ_BATCH_NODE_MOUNTS_DIR": f"{root}/fsmounts",
        "AZ_BATCH_TASK_DIR": directory,
        "AZ_BATCH_TASK_WORKING_DIR": f"{directory}/wd",
        "AZ_BATCH_TASK_RESERVED_EPHEMERAL_DISK_SPACE_BYTES": RESERVED_DISK_BYTES,
        "AZ_BATCH_CERTIFICATES_DIR": f"{directory}/certs",
        "WATASK_ACCOUNT_NAME": node.account_name,
        "WATASK_POOL_NAME": pool_id,
        "WATASK_TVM_NAME": node.node_id,
        "WATASK_TVM_ROOT_DIR": root,
    }
    if node.service:
        values[SERVICE] = node.service
    if start_run.kind != "starttask":
        values |= _of_job(start_run, root)
    if node.packages or start_run.application_packages:
        for package in (*node.packages, *start_run.application_packages):
            values |= _of_package(package, root)
    if start_run.network is not None:
        values |= {
            "WATASK_PORTRANGE_LOW": str(start_run.network.low_port),
            "WATASK_PORTRANGE_HIGH": str(start_run.network.high_port),
            ADDRESS: start_run.network.ip_address,
        }
    if start_run.coordination is not None:
        values |= _of_instances(start_run.coordination, root)
    return values


def _of_package(package: PackageToInstall, root: str) -> dict[str, str]:
    """The directory of a package, under its name as given and in lower case."""
    name = package.application_id
    if not package.by_default:
        name = f"{name}_{package.version}"
    for char in ".-#":
        name = name.replace(char, "_")
    path = f"{root}/{package.directory}"
    return {f"{PACKAGE_PREFIX}{name}": path, f"{PACKAGE_PREFIX}{name.lower()}": path}


def _of_job(start_run: StartRun, root: str) -> dict[str, str]:
    job_id, task_id = start_run.run_id.job_id, start_run.run_id.task_id
    values = {
        "AZ_BATCH_JOB_ID": job_id,
        "AZ_BATCH_TASK_ID": task_id,
        "WATASK_WORKITEM_NAME": job_id.partition(":")[0],
        "WATASK_JOB_NAME": job_id,
        "WATASK_TASK_NAME": task_id,
    }
    if start_run.preparation_directory is not None and start_run.kind != "jobpreparation":
        preparation = f"{root}/{start_run.preparation_directory}"
        values["AZ_BATCH_JOB_PREP_DIR"] = preparation
        values["AZ_BATCH_JOB_PREP_WORKING_DIR"] = f"{preparation}/wd"
    return values


def _in_url(host: str) -> str:
    """A host before a port: an IPv6 address has colons of its own."""
    return f"[{host}]" if ":" in host else host


def _of_instances(coordination: Coordination, root: str) -> dict[str, str]:
    hosts, cores = coordination.hosts, coordination.cores
    return {
        "AZ_BATCH_HOST_LIST": ",".join(hosts),
        "AZ_BATCH_NODE_LIST": ";".join(hosts),
        "AZ_BATCH_IS_CURRENT_NODE_MASTER": "false" if coordination.subtask else "true",
        "AZ_BATCH_MASTER_NODE": f"{_in_url(hosts[0])}:{coordination.port}",
        "AZ_BATCH_TASK_SHARED_DIR": f"{root}/{coordination.directory}",
        "CCP_NODES": " ".join([str(len(hosts)), *(f"{host} {cores}" for host in hosts)]),
    }
