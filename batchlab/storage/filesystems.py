"""Opening fsspec's file systems: their options, and the error if a library is missing.

Files on the web are fetched through the proxy that the environment names (``HTTPS_PROXY``,
``HTTP_PROXY``, ``NO_PROXY``). The libraries for S3 and Azure do so by themselves.
"""

from __future__ import annotations

from contextlib import suppress
from typing import IO, Any

from batchlab.extras import install_command
from batchlab.storage.faults import StorageFailed
from batchlab.storage.locations import EXTRAS, protocol_of

__all__ = ["AZURE", "azure_url", "filesystem", "load", "open_any"]

AZURE = frozenset({"az", "abfs", "abfss"})
"""The protocols of Azure Blob Storage."""
_WEB = ("http", "https")


def filesystem(protocol: str, options: dict[str, Any]) -> Any:
    """Open a file system; raises `StorageFailed` if its library is not installed."""
    import fsspec  # type: ignore[import-untyped]  # noqa: PLC0415 - slow, and few runs need it

    if protocol in AZURE:  # otherwise it assumes that a container it cannot see exists
        options = {"assume_container_exists": False, **options}
    if protocol in _WEB:
        options = _through_proxy(options)
    try:
        return fsspec.filesystem(protocol, **options)
    except ImportError as error:
        raise StorageFailed("other", _missing_library(protocol, error)) from None


def load(url: str) -> None:
    """Import the library that opens a URL, while the process may still read libraries."""
    import fsspec  # noqa: PLC0415 - slow, and few runs need it

    fsspec.open("file:///dev/null").open().close()  # imports more when it is used
    for part in url.split("::"):
        with suppress(ImportError, ValueError):  # opening it will raise this
            fsspec.get_filesystem_class(protocol_of(part) if "/" in part else part)


def open_any(url: str) -> IO[bytes]:
    """Open the blob or file at any URL for reading."""
    import fsspec  # noqa: PLC0415 - slow, and few runs need it

    try:
        # fsspec.open would hide the reason: it takes a URL with a question mark as a pattern.
        parts = {protocol_of(part) for part in url.split("::")}
        web = {protocol: _through_proxy({}) for protocol in _WEB if protocol in parts}
        fs, path = fsspec.url_to_fs(url, **web)
        source: IO[bytes] = fs.open(path, "rb")
    except ImportError as error:
        raise StorageFailed("other", _missing_library(protocol_of(url), error)) from None
    return source


def _through_proxy(options: dict[str, Any]) -> dict[str, Any]:
    return {**options, "client_kwargs": {"trust_env": True, **options.get("client_kwargs", {})}}


def _missing_library(protocol: str, error: ImportError) -> str:
    name = EXTRAS.get(protocol)
    return f"{error}: run {install_command(name)} on the nodes" if name else str(error)


def azure_url(url: str) -> tuple[str, dict[str, Any]] | None:
    """Parse the URL of a container of Azure blobs, with its shared access signature if any.

    On Azure, the account is part of the host name. Emulators such as Azurite have it as the first
    part of the path; only a signature identifies such a URL. A signature does not permit checking
    whether the container exists.
    """
    if not url.startswith(("https://", "http://")):
        return None
    from urllib.parse import parse_qs, urlsplit  # noqa: PLC0415 - slow, and few runs need it

    parts = urlsplit(url)
    path = parts.path.strip("/")
    account, dot, service = (parts.hostname or "").partition(".")
    if dot and service.startswith("blob.core.") and parts.scheme == "https":
        options: dict[str, Any] = {"account_name": account, "account_host": parts.netloc}
        signed = {"sas_token": parts.query, "assume_container_exists": True}
        return f"abfs://{path}", options | (signed if parts.query else {"anon": True})
    account, _, name = path.partition("/")
    if name and "/" not in name and {"sv", "sig"} <= parse_qs(parts.query).keys():
        endpoint = f"{parts.scheme}://{parts.netloc}/{account}"
        text = f"BlobEndpoint={endpoint};SharedAccessSignature={parts.query}"
        return f"abfs://{name}", {"connection_string": text, "assume_container_exists": True}
    return None
