"""What went wrong with a store, in five kinds, whoever says it: the system, S3, Azure, HTTP."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

__all__ = ["Kind", "StorageFailed", "failed", "faults"]

Kind = Literal["container", "blob", "denied", "timeout", "other"]

_STATUS: dict[int, Kind] = {401: "denied", 403: "denied", 404: "blob", 408: "timeout",
                            410: "blob", 504: "timeout"}  # fmt: skip


class StorageFailed(Exception):
    """A store did not do what it was asked.

    Parameters
    ----------
    kind : {"container", "blob", "denied", "timeout", "other"}
        The container or blob is missing; access is denied; it took too long; anything else.
    reason : str
        In words.
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
    except StorageFailed:
        raise
    except Exception as error:
        raise failed(error) from error


def failed(error: BaseException) -> StorageFailed:
    """Say what an error of a store means."""
    if isinstance(error, StorageFailed):
        return error
    cause = error.__cause__
    told = cause if isinstance(cause, OSError) else error
    return StorageFailed(_kind(error), f"{type(told).__name__}: {told}")


def _kind(error: BaseException) -> Kind:
    """Sort an error; fsspec says "not found" of all that fails over HTTP, and why as the cause."""
    for told in (error, error.__cause__):
        status = _status_of(told)
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
    """Status of an HTTP answer, under the names that aiohttp, botocore and Azure give it."""
    for name in ("status", "status_code"):
        status = getattr(error, name, None)
        if isinstance(status, int):
            return status
    response = getattr(error, "response", None)
    if isinstance(response, dict):
        status = response.get("ResponseMetadata", {}).get("HTTPStatusCode")
        return status if isinstance(status, int) else None
    return None
