"""Files of tasks: what is fetched before a command starts, and what is uploaded when it has ended.

A container is a set of blobs, as in Azure Storage; the lab's own are named, all others have a URL.
A URL is anything that fsspec knows, a container's of Azure Blob Storage with its shared access
signature, or an absolute path.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

import msgspec

from batchlab.core.model.base import Model
from batchlab.errors import RequestTooLarge, invalid

__all__ = [
    "OutputFile",
    "OutputFileBlobContainerDestination",
    "OutputFileDestination",
    "OutputFileUploadConfiguration",
    "ResourceFile",
    "ResourceFiles",
    "UploadCondition",
    "check_blob_name",
    "check_container_name",
    "check_files",
    "is_container_name",
]

UploadCondition = Literal["tasksuccess", "taskfailure", "taskcompletion"]

_CONTAINER = re.compile(r"[a-z0-9](?:-?[a-z0-9])+")
MOST_BYTES = 1_000_000
"""How large the list of a task's files may be."""


def is_container_name(name: str) -> bool:
    """Whether a container may be called so."""
    return 3 <= len(name) <= 63 and _CONTAINER.fullmatch(name) is not None


def check_container_name(name: str, property_name: str, owner: str) -> None:
    """Refuse what Azure Storage does not take for the name of a container."""
    if not is_container_name(name):
        reason = "must be 3 to 63 lower-case letters, digits and single hyphens between them"
        raise invalid(property_name, name, reason, owner=owner)


def check_blob_name(name: str, property_name: str, owner: str) -> None:
    """Refuse a name of a blob that would not stay in its container."""
    parts = name.split("/")
    if len(name) > 1024 or "" in parts or "." in parts or ".." in parts or "\0" in name:
        reason = "must be like 'a/b.txt': up to 1024 characters, no '.', '..' or empty part"
        raise invalid(property_name, name, reason, owner=owner)


def check_files(resource_files: tuple[Model, ...], name: str, owner: str) -> None:
    """Refuse a list of files that is too large."""
    if len(resource_files) > 100 and len(msgspec.json.encode(resource_files)) > MOST_BYTES:
        raise RequestTooLarge(
            "RequestEntityTooLarge",
            f"{owner}.{name} has {len(resource_files)} entries, which are more than "
            f"{MOST_BYTES:,} bytes: put the files into a container, and name that",
            {"PropertyName": name},
        )


def _check_place(url: str, name: str, owner: str) -> None:
    if "://" not in url and not url.startswith("/"):
        reason = "must be a URL or an absolute path, such as container.url"
        raise invalid(name, url, reason, owner=owner)


Url = Annotated[str, _check_place]


class ResourceFile(Model, frozen=True, kw_only=True):
    """Files put into the task's working directory before its command starts.

    Exactly one of `http_url`, `storage_container_url` and `auto_storage_container_name` says where
    they come from. A text means `http_url`; a container or a blob of ``lab.storage`` may be given
    as it is.

    Parameters
    ----------
    http_url : str, optional
        One file: an absolute path or any URL that fsspec reads (``https://``, ``file://``,
        ``memory://``, ``s3://`` ...), such as ``container.url_of("blob")``.
    storage_container_url : str, optional
        All blobs of a container, such as ``container.url``; their names become paths.
    auto_storage_container_name : str, optional
        The same for a container of the lab's own storage, ``lab.storage``.
    blob_prefix : str, optional
        Only blobs whose names begin so; not with `http_url`.
    file_path : str, optional
        Where to put it, relative to the working directory. For `http_url` the path of the file
        (the name in the URL if omitted), else a directory.
    file_mode : str, default "0770"
        Permissions, as octal text.
    """

    http_url: str | None = None
    storage_container_url: Url | None = None
    auto_storage_container_name: Annotated[str, check_container_name] | None = None
    blob_prefix: str | None = None
    file_path: str | None = None
    file_mode: str = "0770"

    @classmethod
    def _from_sugar(cls, value: Any) -> Any:
        if isinstance(value, str):
            return cls(http_url=value)
        url = getattr(value, "url", None)
        if not isinstance(url, str):
            return None
        return cls(storage_container_url=url) if hasattr(value, "url_of") else cls(http_url=url)

    def __post_init__(self) -> None:
        self._check_source()
        target = self.target
        parts = target.split("/")
        directory = self.http_url is None and target == ""
        bad_end = self.http_url is not None and parts[-1] in ("", ".")
        if ".." in parts or (parts[0] == "" and not directory) or bad_end:
            reason = "must be a path inside the task's working directory"
            raise invalid("file_path", self.file_path, reason, owner="ResourceFile")
        digits = self.file_mode
        if not 3 <= len(digits) <= 5 or any(digit not in "01234567" for digit in digits):
            raise invalid("file_mode", digits, "must be octal, like '0770'", owner="ResourceFile")

    def _check_source(self) -> None:
        names = ("http_url", "storage_container_url", "auto_storage_container_name")
        given = [name for name in names if getattr(self, name) is not None]
        if len(given) != 1:
            name = given[1] if given else "http_url"
            raise invalid(name, getattr(self, name), f"give exactly one of {', '.join(names)}",
                          owner="ResourceFile")  # fmt: skip
        if not getattr(self, given[0]):
            raise invalid(given[0], "", "name a path or a URL", owner="ResourceFile")
        if self.blob_prefix is not None and self.http_url is not None:
            raise invalid("blob_prefix", self.blob_prefix, "is only for containers: leave it out, "
                          "or give the container", owner="ResourceFile")  # fmt: skip

    @property
    def target(self) -> str:
        """Where the file goes, or the files of a container, relative to the working directory."""
        if self.file_path is not None or self.http_url is None:
            return self.file_path or ""
        return self.http_url.split("?")[0].rpartition("/")[2]

    @property
    def source(self) -> dict[str, str]:
        """Where it comes from, under Azure's name, for the details of a failure."""
        if self.http_url is not None:
            return {"HttpUrl": self.http_url}
        if self.storage_container_url is not None:
            return {"StorageContainerUrl": self.storage_container_url}
        return {"AutoStorageContainerName": self.auto_storage_container_name or ""}


ResourceFiles = Annotated[tuple[ResourceFile, ...], check_files]


class OutputFileBlobContainerDestination(Model, frozen=True, kw_only=True):
    """A container that output files are uploaded to. Its URL or name says the same.

    Parameters
    ----------
    container_url : str
        ``container.url``, the name of a container of the lab's own storage, any URL that fsspec
        writes to, a container's of Azure Blob Storage with its shared access signature, or an
        absolute path. The container must be there.
    path : str, optional
        For a pattern without wildcards the name of the blob, else a directory put before the
        names of the blobs.
    """

    container_url: str
    path: Annotated[str, check_blob_name] | None = None

    @classmethod
    def _from_sugar(cls, value: Any) -> Any:
        url = value if isinstance(value, str) else getattr(value, "url", None)
        return cls(container_url=url) if isinstance(url, str) else None

    def __post_init__(self) -> None:
        if not is_container_name(self.container_url):
            owner = "OutputFileBlobContainerDestination"
            _check_place(self.container_url, "container_url", owner)


class OutputFileDestination(Model, frozen=True, kw_only=True):
    """Where output files go: a container. The container, its URL or its name says the same."""

    container: OutputFileBlobContainerDestination

    @classmethod
    def _from_sugar(cls, value: Any) -> Any:
        if isinstance(value, OutputFileBlobContainerDestination):
            return cls(container=value)
        container = OutputFileBlobContainerDestination._from_sugar(value)
        return None if container is None else cls(container=container)


class OutputFileUploadConfiguration(Model, frozen=True, kw_only=True):
    """When output files are uploaded. The condition says the same.

    Parameters
    ----------
    upload_condition : {"taskcompletion", "tasksuccess", "taskfailure"}, default "taskcompletion"
        After each run of the task; after exit code 0; after any other.
    """

    upload_condition: UploadCondition = "taskcompletion"

    @classmethod
    def _from_sugar(cls, value: Any) -> Any:
        condition: Any = value  # checked by the constructor
        return cls(upload_condition=condition) if isinstance(value, str) else None


class OutputFile(Model, frozen=True, kw_only=True):
    """Files uploaded from the node when the task's process has ended.

    What became of it is in ``fileuploadout.txt`` and ``fileuploaderr.txt`` of the task. When an
    upload failed the exit code stays as it is, and the task has failed:
    ``FileUploadContainerNotFound``, ``FileUploadAccessDenied``, ``FileUploadTimedOut`` or
    ``FileUploadMiscError``.

    Parameters
    ----------
    file_pattern : str
        Which files, relative to the working directory (``"../std*.txt"`` are the streams) or
        absolute, below the node's root. ``*`` and ``?`` stop at a directory, ``**`` does not;
        ``[abc]``, ``[a-c]``, ``[!abc]``; a name that begins with a dot is matched only if its dot
        is spelt; ``$VARIABLES`` of the task are filled in. No match is no error.
    destination : OutputFileDestination, Container or str
        The container; with ``path`` for a name or directory in it.
    upload_options : OutputFileUploadConfiguration or str, default "taskcompletion"
        When.
    """

    file_pattern: str
    destination: OutputFileDestination
    upload_options: OutputFileUploadConfiguration = OutputFileUploadConfiguration()

    def __post_init__(self) -> None:
        if not self.file_pattern.strip():
            raise invalid("file_pattern", self.file_pattern, "name a file, or a pattern like "
                          "'**/*.csv'", owner="OutputFile")  # fmt: skip

    def wanted(self, exit_code: int) -> bool:
        """Whether files are to be uploaded after this exit code."""
        condition = self.upload_options.upload_condition
        return condition == "taskcompletion" or (condition == "tasksuccess") == (exit_code == 0)
