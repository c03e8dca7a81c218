"""Files of tasks: those downloaded before a command starts, and those uploaded after it.

A container is a set of blobs, as in Azure Storage. The lab's own containers are given by name, all
others by URL: any URL that fsspec supports, the URL of an Azure Blob Storage container with its
shared access signature, or an absolute path.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

import msgspec

from batchlab.core.model.base import Model
from batchlab.errors import InvalidRequest, RequestTooLarge, invalid

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
"""How large the list of a task's files may be, as JSON."""


def is_container_name(name: str) -> bool:
    """Whether a name is valid for a container."""
    return 3 <= len(name) <= 63 and _CONTAINER.fullmatch(name) is not None


def check_container_name(name: str, property_name: str, owner: str) -> None:
    """Refuse a container name that Azure Storage does not accept."""
    if not is_container_name(name):
        reason = "must be 3 to 63 lower-case letters, digits or single hyphens between them"
        raise invalid(property_name, name, reason, owner=owner)


def check_blob_name(name: str, property_name: str, owner: str) -> None:
    """Refuse a blob name that would lead outside its container."""
    parts = name.split("/")
    if len(name) > 1024 or "" in parts or "." in parts or ".." in parts or "\0" in name:
        reason = "must be like 'a/b.txt': up to 1024 characters, no '.', '..' or empty part"
        raise invalid(property_name, name, reason, owner=owner)


def check_files(resource_files: tuple[Model, ...], name: str, owner: str) -> None:
    """Refuse a list of files that is too large."""
    if len(resource_files) > 100 and len(msgspec.json.encode(resource_files)) > MOST_BYTES:
        raise RequestTooLarge(
            "RequestEntityTooLarge",
            f"{owner}.{name} has {len(resource_files)} entries with more than "
            f"{MOST_BYTES:,} bytes: put the files into a container and reference that",
            {"PropertyName": name},
        )


def _check_place(url: str, name: str, owner: str) -> None:
    if "://" not in url and not url.startswith("/"):
        reason = "must be a URL or an absolute path, such as container.url"
        raise invalid(name, url, reason, owner=owner)


def _name_in(url: str) -> str:
    """The name of the file at a URL; empty if the URL ends with a slash."""
    return url.split("?", maxsplit=1)[0].rpartition("/")[2]


Url = Annotated[str, _check_place]


class ResourceFile(Model, frozen=True, kw_only=True):
    """Files downloaded into the task's working directory before its command starts.

    Exactly one of `http_url`, `storage_container_url` and `auto_storage_container_name` says where
    they come from. A string is the `http_url` of a file that keeps its name; a container or a
    blob of ``lab.storage`` works as well.

    Parameters
    ----------
    http_url : str, optional
        One file: an absolute path or any URL that fsspec can read (``https://``, ``file://``,
        ``memory://``, ``s3://`` ...), such as ``container.url_of("blob")``.
    storage_container_url : str, optional
        All blobs of a container, such as ``container.url``; their names become paths.
    auto_storage_container_name : str, optional
        The same for a container of the lab's own storage, ``lab.storage``.
    blob_prefix : str, optional
        Only blobs whose names start with this prefix; not allowed with `http_url`.
    file_path : str, optional
        Where to put it, relative to the working directory. With `http_url` the path of the file,
        which is required; otherwise a directory.
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
        url = value if isinstance(value, str) else getattr(value, "url", None)
        if not isinstance(url, str):
            return None
        if hasattr(value, "url_of"):
            return cls(storage_container_url=url)
        return cls(http_url=url, file_path=_name_in(url) or None)

    @classmethod
    def _check_new(cls, given: dict[str, Any]) -> None:
        url = given.get("http_url")
        if url and given.get("file_path") is None:
            raise InvalidRequest(
                "MissingRequiredProperty",
                "ResourceFile.file_path is required with http_url: pass "
                f"file_path={_name_in(url) or 'data.csv'!r}",
                {"PropertyName": "file_path"},
            )

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
            raise invalid(given[0], "", "give a path or a URL", owner="ResourceFile")
        if self.blob_prefix is not None and self.http_url is not None:
            raise invalid("blob_prefix", self.blob_prefix, "is only for containers: omit it, or "
                          "give the container", owner="ResourceFile")  # fmt: skip

    @property
    def target(self) -> str:
        """The path of the file or of a container's files, relative to the working directory."""
        if self.file_path is not None or self.http_url is None:
            return self.file_path or ""
        return _name_in(self.http_url)

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
    """A container that output files are uploaded to. Its URL or name works as well.

    Parameters
    ----------
    container_url : str
        ``container.url``, the name of a container in the lab's own storage, any URL that fsspec
        can write to, the URL of an Azure Blob Storage container with its shared access signature,
        or an absolute path. The container must exist.
    path : str, optional
        The name of the blob for a pattern without wildcards, otherwise a directory that is put in
        front of the blob names.
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
    """Where output files go: a container. The container, its URL or its name works as well."""

    container: OutputFileBlobContainerDestination

    @classmethod
    def _from_sugar(cls, value: Any) -> Any:
        if isinstance(value, OutputFileBlobContainerDestination):
            return cls(container=value)
        container = OutputFileBlobContainerDestination._from_sugar(value)
        return None if container is None else cls(container=container)


class OutputFileUploadConfiguration(Model, frozen=True, kw_only=True):
    """When output files are uploaded. The condition alone works as well.

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

    The task's ``fileuploadout.txt`` and ``fileuploaderr.txt`` log the uploads. If an upload fails,
    the exit code does not change, but the task fails with
    ``FileUploadContainerNotFound``, ``FileUploadAccessDenied``, ``FileUploadTimedOut`` or
    ``FileUploadMiscError``.

    Parameters
    ----------
    file_pattern : str
        Which files: relative to the working directory (``"../std*.txt"`` are stdout and stderr) or
        absolute, below the node's root. ``*`` and ``?`` do not match ``/``, but ``**`` does;
        ``[abc]``, ``[a-c]`` and ``[!abc]`` match one character. A leading dot in a name must be
        given explicitly. ``$VARIABLES`` of the task are expanded. It is no error if no file
        matches.
    destination : OutputFileDestination, Container or str
        The container; with ``path`` for a name or directory in it.
    upload_options : OutputFileUploadConfiguration or str, default "taskcompletion"
        When the files are uploaded.
    """

    file_pattern: str
    destination: OutputFileDestination
    upload_options: OutputFileUploadConfiguration = OutputFileUploadConfiguration()

    def __post_init__(self) -> None:
        if not self.file_pattern.strip():
            raise invalid("file_pattern", self.file_pattern, "give a file name or a pattern like "
                          "'**/*.csv'", owner="OutputFile")  # fmt: skip

    def wanted(self, exit_code: int) -> bool:
        """Whether files are uploaded after this exit code."""
        condition = self.upload_options.upload_condition
        return condition == "taskcompletion" or (condition == "tasksuccess") == (exit_code == 0)
