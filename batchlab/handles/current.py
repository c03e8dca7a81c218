"""Where a process started by a task runs: its service, job and task."""

from __future__ import annotations

import os

from batchlab.drivers.ports import Connection
from batchlab.errors import Conflict

__all__ = ["current_connection", "current_name"]


def current_connection(owner: str) -> Connection:
    """The connection to the service that runs this process, one per process."""
    from batchlab.drivers.dask.inside import current  # noqa: PLC0415 - only inside a task

    return current(owner)


def current_name(variable: str, owner: str) -> str:
    """The service's name of something this process belongs to."""
    name = os.environ.get(variable)
    if name:
        return name
    raise Conflict(
        "OperationInvalidForCurrentState",
        f"{owner}(): this process does not belong to a job ({variable} is not set); a start task "
        "belongs only to its node",
    )
