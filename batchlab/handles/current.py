"""Where a process is that a task has started: its service, and its names there."""

from __future__ import annotations

import os

from batchlab.drivers.ports import Connection
from batchlab.errors import Conflict

__all__ = ["current_connection", "current_name"]


def current_connection(owner: str) -> Connection:
    """The connection to the service that runs this process; all of a process share one."""
    from batchlab.drivers.dask.inside import current  # noqa: PLC0415 - only inside a task

    return current(owner)


def current_name(variable: str, owner: str) -> str:
    """What the service calls something this process belongs to."""
    name = os.environ.get(variable)
    if name:
        return name
    raise Conflict(
        "OperationInvalidForCurrentState",
        f"{owner}(): this process belongs to no job ({variable} is not set): a start task runs "
        "for its node alone",
    )
