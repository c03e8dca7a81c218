"""Storage errors in five kinds, whether from the operating system, S3, Azure or HTTP."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

from batchlab.errors import BatchError

__all__ = ["Kind", "StorageFailed", "failed", "faults"]

Kind = Literal["container", "blob", "denied", "timeout", "other"]

_STATUS: dict[int, Kind] = {401: "denied", 403: "denied", 404: "blob", 408: "timeout",
                            410: "blob", 504: "timeout"}  # fmt: skip


class StorageFailed(Exception):
    """A storage operation failed.

    Parameters
    ----------
    kind : {"container", "blob", "denied", "timeout", "other"}
        The container or blob does not exist, access is denied, it took too long, or anything else.
    reason : str
        The reason, for people.
    """

    def __init__(self, kind: Kind, reason: str) -> None:
        super().__init__(kind, reason)
        self.kind = kind
        self.reason = reason

    def __str__(self) -> str:
        return self.reason


@contextmanager
def faults() -> Iterator[None]:
    """Turn any error of a store into `StorageFailed`."""
    try:
        yield
    except (StorageFailed, BatchError):  # the latter from the lab's host
        raise
    except Exception as error:
        raise failed(error) from error


def failed(error: BaseException) -> StorageFailed:
    """Convert the error of a store."""
    if isinstance(error, StorageFailed):
        return error
    cause = error.__cause__
    shown = cause if isinstance(cause, OSError) else error
    return StorageFailed(_kind(error), f"{type(shown).__name__}: {shown}")


def _kind(error: BaseException) -> Kind:
    """Classify an error; over HTTP, fsspec always raises "not found", with the reason as cause."""
    for each in (error, error.__cause__):
        status = _status_of(each)
        if status is not None:
            return _STATUS.get(status, "other")
    if isinstance(error, PermissionError):
        return "denied"
    names = {kind.__name__ for kind in type(error).__mro__}
    if isinstance(error, TimeoutError) or names & {"ConnectTimeoutError", "ReadTimeoutError",
                                                    "ServiceRequestTimeoutError"}:  # fmt: skip
        return "timeout"
    missing = isinstance(error, (FileNotFoundError, NotADirectoryError))
    unreachable = isinstance(error.__cause__, OSError)
    if missing and not unreachable and getattr(error, "errno", None) in (
        None, errno.ENOENT, errno.ENOTDIR,
    ):  # fmt: skip
        return "blob"
    return "other"


def _status_of(error: Any) -> int | None:
    """Return the status of an HTTP response, as named by aiohttp, botocore and Azure."""
    for name in ("status", "status_code"):
        status = getattr(error, name, None)
        if isinstance(status, int):
            return status
    response = getattr(error, "response", None)
    if isinstance(response, dict):
        status = response.get("ResponseMetadata", {}).get("HTTPStatusCode")
        return status if isinstance(status, int) else None
    return None
