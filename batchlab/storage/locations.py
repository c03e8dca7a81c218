"""Where a lab keeps its data: a URL for fsspec, and the options to open it with.

Containers are folders in the account's folder: ``<location>/<account>/<container>/<blob>``. If the
location is the bare root of an object store (``s3://``, ``az://``), the containers are the store's
own buckets or containers, which only the store's own account separates from others.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Mapping
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any

import msgspec

from batchlab.core.state.settings import Settings
from batchlab.errors import InvalidRequest, invalid
from batchlab.extras import install_command

__all__ = [
    "EXTRAS",
    "HOST_PROTOCOL",
    "OBJECT_STORES",
    "StorageLocation",
    "in_memory",
    "protocol_of",
    "read_location",
]

HOST_PROTOCOL = "batchlab"
"""The protocol of data that a lab's host keeps; see `host_folder`."""
OBJECT_STORES = ("s3", "s3a", "gs", "gcs", "az", "abfs", "abfss")
"""Protocols of stores without directories."""
EXTRAS = {"s3": "s3", "s3a": "s3", "az": "azure", "abfs": "azure", "abfss": "azure",
          "http": "http", "https": "http"}  # fmt: skip
_MARK = ".batchlab-storage"
_numbers = count(1)
_READ_ONLY = ("http", "https", "data", "zip", "tar", "git", "github", "reference")


class StorageLocation(msgspec.Struct, frozen=True, kw_only=True):
    """Where a lab keeps its data.

    Parameters
    ----------
    url : str
        URL of the location, without a trailing slash.
    options : dict
        Options for fsspec, such as credentials; plain values, never shown.
    account : str
        The account whose part of the location this is.
    fleeting : bool
        Whether the data is deleted when the lab is closed.
    mark : str
        What a file in the account's folder says, if the location is a folder of several machines.
        A machine where it says something else does not share the folder.
    """

    url: str
    options: dict[str, Any] = {}
    account: str = Settings().account_name
    fleeting: bool = False
    mark: str = ""

    def of_account(self, account: str) -> StorageLocation:
        """Return the part of another account."""
        if account != self.account and self.is_bare:
            reason = (
                f"account {account!r} needs its own part of the storage: name a bucket, such as "
                "s3://bucket"
            )
            raise invalid("storage", self.url, reason, owner="Lab")
        return msgspec.structs.replace(self, account=account)

    def marked(self) -> StorageLocation:
        """Mark the folder, unless it is marked; return the location with its mark."""
        if not self.url.startswith("file://"):
            return self
        path = Path(self.folder, _MARK)
        with suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True)
            with suppress(FileExistsError), path.open("x", encoding="utf-8") as file:
                file.write(uuid.uuid4().hex)
        return msgspec.structs.replace(self, mark=self.found_mark())

    def found_mark(self) -> str:
        """Return the mark of the folder on this machine; empty if there is none."""
        try:
            return Path(self.folder, _MARK).read_text(encoding="utf-8")
        except OSError:
            return ""

    @property
    def folder(self) -> str:
        """The account's folder, if the location is a folder."""
        return self.base.removeprefix("file://").rstrip("/")

    @property
    def is_bare(self) -> bool:
        """Whether containers are those of the store itself, not folders."""
        return self.url.endswith("://")

    @property
    def base(self) -> str:
        """The prefix of the URL of each container."""
        return self.url if self.is_bare else f"{self.url}/{self.account}/"

    def __repr__(self) -> str:
        return f"StorageLocation({self.base!r})"


def in_memory() -> StorageLocation:
    """Return a new, unused location in the memory of this process."""
    return StorageLocation(url=f"memory://batchlab-{next(_numbers)}", fleeting=True)


def protocol_of(url: str) -> str:
    """Return the protocol of a URL; that of a path is ``file``."""
    return url.partition("://")[0] if "://" in url else "file"


def read_location(storage: Any, options: Any = None, *, owner: str = "Lab") -> StorageLocation:
    """Read a storage location and its options, as given by a user.

    Parameters
    ----------
    storage : str or path
        A folder, or a URL that fsspec can write to.
    options : mapping, optional
        Options for fsspec.
    owner : str
        The class or function that received them, for error messages.

    Raises
    ------
    InvalidRequest
        ``InvalidPropertyValue``: not a location, a read-only location, options that cannot be
        sent to nodes, or a missing library; ``InvalidUri``: an unknown protocol.
    """
    plain = _read_options(options, owner)
    if isinstance(storage, os.PathLike):
        storage = os.fspath(storage)
    if not isinstance(storage, str) or not storage or "\0" in storage:
        raise invalid("storage", storage, "must be a folder, or a URL such as s3://bucket/folder",
                      owner=owner)  # fmt: skip
    protocol = protocol_of(storage)
    if protocol in ("file", "local"):
        path = os.path.abspath(os.path.expanduser(storage.partition("://")[2] or storage))
        return StorageLocation(url=f"file://{path.rstrip('/')}", options=plain)
    if "::" in storage or protocol in _READ_ONLY:
        raise invalid("storage", storage, "must be writable, but this is read-only", owner=owner)
    _check_protocol(protocol, storage, owner)
    rest = storage.partition("://")[2].strip("/")
    if not rest and protocol not in OBJECT_STORES:
        raise invalid("storage", storage, f"must name a folder: {protocol}://folder", owner=owner)
    return StorageLocation(url=f"{protocol}://{rest}", options=plain)


def _read_options(options: Any, owner: str) -> dict[str, Any]:
    if options is None:
        return {}
    name = "storage_options"
    if not isinstance(options, Mapping) or not all(isinstance(key, str) for key in options):
        raise invalid(name, "...", "must be a mapping of names to values", owner=owner)
    try:
        plain: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(dict(options)))
    except (TypeError, ValueError):
        plain = {}
    if plain != dict(options):
        reason = "must be text, numbers, lists or mappings, because they are sent to the nodes"
        raise invalid(name, "...", reason, owner=owner)
    return plain


def _check_protocol(protocol: str, url: str, owner: str) -> None:
    import fsspec  # type: ignore[import-untyped]  # noqa: PLC0415 - slow, and few labs need it

    try:
        fsspec.get_filesystem_class(protocol)
    except ImportError as error:
        name = EXTRAS.get(protocol)
        cure = f"run {install_command(name)} here and on the nodes" if name else str(error)
        raise invalid("storage", url, f"the library for {protocol}:// is not installed: {cure}",
                      owner=owner) from None  # fmt: skip
    except ValueError:
        raise InvalidRequest("InvalidUri", f"{url!r}: fsspec has no protocol {protocol!r}"
                             ) from None  # fmt: skip
