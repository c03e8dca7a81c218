"""Resource files: what a run needs is put into its working directory before its command starts.

A source is a local path or any URL that fsspec reads. A target never leaves the working
directory, also where a symbolic link on the way to it leads outside.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import IO

from batchlab.core.specs import ResourceFile
from batchlab.core.views import FailureInfo

__all__ = ["DownloadFailed", "fetch"]

_CHUNK = 2**20
_MESSAGES = {
    "BlobNotFound": "One of the specified resource files does not exist",
    "BlobAccessDenied": "Access for one of the specified resource files is denied",
    "BlobDownloadMiscError": "One of the specified resource files could not be fetched",
}
_STATUS = {401: "BlobAccessDenied", 403: "BlobAccessDenied", 404: "BlobNotFound",
           410: "BlobNotFound"}  # fmt: skip


class DownloadFailed(Exception):
    """A resource file could not be had; `failure` says why, in Azure's words."""

    def __init__(self, file: ResourceFile, code: str, reason: str) -> None:
        super().__init__(reason)
        self.failure = FailureInfo(
            category="UserError",
            code=code,
            message=_MESSAGES[code],
            details={**file.source, "FilePath": file.target, "Message": reason},
        )


def fetch(
    files: Iterable[ResourceFile], directory: str, wanted: Callable[[], bool] = lambda: True
) -> None:
    """Put resource files into a directory.

    Parameters
    ----------
    files : iterable of ResourceFile
    directory : str
        The run's working directory.
    wanted : callable, optional
        Asked from time to time; when it is False the rest is left.

    Raises
    ------
    DownloadFailed
        ``BlobNotFound``, ``BlobAccessDenied`` or ``BlobDownloadMiscError``.
    """
    for file in files:
        if not wanted():
            return
        try:
            url = file.http_url or ""
            with _open_source(url) as source, _open_target(file, directory) as target:
                while wanted() and (chunk := source.read(_CHUNK)):
                    target.write(chunk)
        except DownloadFailed:
            raise
        except Exception as error:
            raise DownloadFailed(file, _code(error), _reason(error)) from None


def _open_source(url: str) -> IO[bytes]:
    if "://" not in url and "::" not in url:
        return open(os.path.expanduser(url), "rb")
    import fsspec  # type: ignore[import-untyped]  # noqa: PLC0415 - slow, and few runs need it

    source: IO[bytes] = fsspec.open(url, "rb").open()
    return source


def _open_target(file: ResourceFile, directory: str) -> IO[bytes]:
    inside = os.path.realpath(directory)
    path = os.path.join(inside, file.target)
    parent = os.path.dirname(path)
    if not _is_inside(os.path.realpath(parent), inside):
        raise DownloadFailed(
            file, "BlobDownloadMiscError", f"{file.target} leads out of the working directory"
        )
    os.makedirs(parent, exist_ok=True)
    if os.path.islink(path):
        os.unlink(path)
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
    number = os.open(path, flags, 0o600)
    os.fchmod(number, int(file.file_mode, 8) & 0o7777)
    return os.fdopen(number, "wb")


def _is_inside(path: str, directory: str) -> bool:
    return path == directory or path.startswith(directory + "/")


def _code(error: BaseException) -> str:
    """Azure's code; fsspec says "not found" of all that fails over HTTP, and why as the cause."""
    for exception in (error, error.__cause__):
        status = getattr(exception, "status", None)  # of an HTTP answer
        if status is not None:
            return _STATUS.get(status, "BlobDownloadMiscError")
    if isinstance(error, PermissionError):
        return "BlobAccessDenied"
    unreachable = isinstance(error.__cause__, OSError)
    if isinstance(error, FileNotFoundError) and not unreachable:
        return "BlobNotFound"
    return "BlobDownloadMiscError"


def _reason(error: Exception) -> str:
    if isinstance(error, ImportError):
        return f"{error}; for http:// and https:// install batchlab[http] on the nodes"
    told = error.__cause__ if isinstance(error.__cause__, OSError) else error
    return f"{type(told).__name__}: {told}"
