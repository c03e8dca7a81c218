"""How fsspec is asked for a file system: which options it gets, what is said when it has none."""

from __future__ import annotations

from contextlib import suppress
from typing import IO, Any

from batchlab.storage.faults import StorageFailed
from batchlab.storage.locations import EXTRAS, protocol_of

__all__ = ["azure_url", "filesystem", "load", "open_any"]


def filesystem(protocol: str, options: dict[str, Any]) -> Any:
    """Open a file system; raises `StorageFailed` where its library is missing."""
    import fsspec  # type: ignore[import-untyped]  # noqa: PLC0415 - slow, and few runs need it

    if protocol in ("az", "abfs", "abfss"):  # else it takes what it may not see to be there
        options = {"assume_container_exists": False, **options}
    try:
        return fsspec.filesystem(protocol, **options)
    except ImportError as error:
        raise StorageFailed("other", _missing_library(protocol, error)) from None


def load(url: str) -> None:
    """Import what opens a URL, for one who may not read libraries when it is opened."""
    import fsspec  # noqa: PLC0415 - slow, and few runs need it

    fsspec.open("file:///dev/null").open().close()  # imports more as it goes
    for part in url.split("::"):
        with suppress(ImportError, ValueError):  # opening it says so
            fsspec.get_filesystem_class(protocol_of(part) if "/" in part else part)


def open_any(url: str) -> IO[bytes]:
    """Open a blob or file that any URL names, for reading."""
    import fsspec  # noqa: PLC0415 - slow, and few runs need it

    try:
        source: IO[bytes] = fsspec.open(url, "rb").open()
    except ImportError as error:
        raise StorageFailed("other", _missing_library(protocol_of(url), error)) from None
    return source


def _missing_library(protocol: str, error: ImportError) -> str:
    extra = EXTRAS.get(protocol)
    return (
        f"{error}; for {protocol}:// install batchlab[{extra}] on the nodes"
        if extra
        else str(error)
    )


def azure_url(url: str) -> tuple[str, dict[str, Any]] | None:
    """Read the address of a container at Azure, with its shared access signature if it has one."""
    if not url.startswith("https://"):
        return None
    from urllib.parse import urlsplit  # noqa: PLC0415 - slow, and few runs need it

    parts = urlsplit(url)
    account, dot, service = (parts.hostname or "").partition(".")
    if not dot or not service.startswith("blob.core."):
        return None
    options: dict[str, Any] = {"account_name": account, "account_host": parts.netloc}
    options |= {"sas_token": parts.query} if parts.query else {"anon": True}
    return f"abfs://{parts.path.strip('/')}", options
