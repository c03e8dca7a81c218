"""The lab's data: containers of blobs, to upload inputs to and to download results from.

Data goes directly between this process, the nodes and the store; the service sees only names. On
a cluster without a store, the scheduler's machine is the store.
Errors of the store are reported with Azure's codes: ``ContainerNotFound``, ``BlobNotFound``,
``AuthorizationFailure``, ``OperationTimedOut``.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

from batchlab.core.model import check_blob_name, check_container_name
from batchlab.display import Displayed
from batchlab.drivers.ports import Connection
from batchlab.errors import BatchError, Conflict, Forbidden, NotFound, ServerBusy, invalid
from batchlab.handles.atomic_download import atomic_download
from batchlab.handles.nearest import suggesting
from batchlab.handles.verbs import verb
from batchlab.storage.containers import Blob, BlobContainer
from batchlab.storage.faults import Kind, StorageFailed

__all__ = ["BlobList", "Container", "Storage", "as_file", "translate_storage_errors"]


class BlobList(list[Blob], Displayed):
    """Blobs of a container: each has `name`, `content_length`, `last_modified` and `url`."""

    def __repr__(self) -> str:
        return "\n".join(blob.name for blob in self) or "(empty)"


class Container(Displayed):
    """A container of the lab's storage: blobs by name.

    A blob's name is like a path, ``"images/0001.png"``; no directories need to be created.
    """

    __slots__ = ("_blobs", "_name")

    def __init__(self, blobs: BlobContainer, name: str) -> None:
        self._blobs = blobs
        self._name = name

    @property
    def name(self) -> str:
        """Its name."""
        return self._name

    @property
    def url(self) -> str:
        """Its URL, for fsspec, ``storage_container_url`` and ``container_url``."""
        return self._blobs.url

    def url_of(self, blob: str) -> str:
        """Return the URL of a blob, for fsspec and ``http_url``; the blob need not exist."""
        return self._blobs.url_of(_blob_name(blob))

    @verb
    def upload(self, source: bytes | str | os.PathLike[str], blob: str | None = None) -> Blob:
        """Write or replace a blob, atomically.

        Parameters
        ----------
        source : bytes or path
            The contents, or a file on this machine.
        blob : str, optional
            Its name; the name of the file if omitted.

        Raises
        ------
        NotFound
            ``ContainerNotFound``.
        """
        if not isinstance(source, bytes):
            source = as_file(source)
            blob = Path(source).name if blob is None else blob
        name = _blob_name(blob)
        with translate_storage_errors():
            self._blobs.check()
            self._blobs.write(name, source)
            return self._blobs.stat(name)

    @verb
    def download(self, blob: str, to: str | os.PathLike[str] = ".") -> Path:
        """Copy a blob to this machine and return its path.

        Parameters
        ----------
        blob : str
        to : path, default "."
            A file to write, or a directory to put it in. Until the copy is complete it has
            another name.

        Raises
        ------
        NotFound
            ``BlobNotFound``, ``ContainerNotFound``.
        """
        name = _blob_name(blob)
        with (
            atomic_download(to, name.rpartition("/")[2], _OWNER) as (part, target),
            self._suggesting(name),
            translate_storage_errors(),
        ):
            self._blobs.download(name, str(part))
        return target

    @verb
    def read(self, blob: str) -> bytes:
        """Return the contents of a blob; download one that is too large for memory."""
        name = _blob_name(blob)
        with self._suggesting(name), translate_storage_errors():
            return self._blobs.read(name)

    def _suggesting(self, name: str) -> AbstractContextManager[None]:
        """Add the nearest name to the error if there is no such blob."""
        return suggesting(name, lambda: (blob.name for blob in self.list()), "BlobNotFound")

    @verb
    def text(self, blob: str) -> str:
        """Return a blob as text: decoded as UTF-8, with U+FFFD for invalid bytes."""
        return self.read(blob).decode(errors="replace")

    @verb
    def list(self, prefix: str = "") -> BlobList:
        """Return the blobs whose names begin with a prefix, sorted by name."""
        if not isinstance(prefix, str) or "\0" in prefix or ".." in prefix.split("/"):
            raise invalid("prefix", prefix, "must be the beginning of names, like 'images/'",
                          owner=_OWNER)  # fmt: skip
        with translate_storage_errors():
            return BlobList(self._blobs.blobs(prefix))

    @verb
    def delete(self, blob: str | None = None) -> None:
        """Delete a blob, or without a name the container with all its blobs."""
        name = None if blob is None else _blob_name(blob)
        with translate_storage_errors():
            if name is None:
                self._blobs.remove()
            else:
                self._blobs.delete(name)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Container) and self.url == other.url

    def __hash__(self) -> int:
        return hash(self.url)

    def __repr__(self) -> str:
        return f"Container({self._name!r})"


class Storage(Displayed, Mapping[str, Container]):
    """The lab's containers by name, sorted.

    ``lab.storage["results"]`` raises `NotFound` ``ContainerNotFound`` if there is none.
    """

    __slots__ = ("_store",)

    def __init__(self, connection: Connection) -> None:
        self._store = connection.storage

    @property
    def url(self) -> str:
        """Where the data is stored."""
        return self._store.location.base.rstrip("/")

    @verb
    def create_container(self, name: str, *, exist_ok: bool = False) -> Container:
        """Create a container.

        Parameters
        ----------
        name : str
            3 to 63 lower-case letters, digits and single hyphens.
        exist_ok : bool, default False
            Whether to return a container that already exists.

        Raises
        ------
        Conflict
            ``ContainerAlreadyExists``.
        InvalidRequest
            ``InvalidPropertyValue``: not a valid container name.
        """
        container = self._container(name)
        with translate_storage_errors():
            if not container._blobs.exists():
                container._blobs.create()
            elif not exist_ok:
                raise Conflict(
                    "ContainerAlreadyExists",
                    f"container {name!r} already exists: use storage[{name!r}] or pass "
                    "exist_ok=True",
                )
        return container

    @verb
    def upload(
        self, container: str, source: bytes | str | os.PathLike[str], blob: str | None = None
    ) -> Blob:
        """Write a blob to a container; see `Container.upload`.

        Parameters
        ----------
        container : str
        source : bytes or path
            The contents, or a file on this machine.
        blob : str, optional
            Its name; the name of the file if omitted.

        Raises
        ------
        NotFound
            ``ContainerNotFound``.
        InvalidRequest
            ``InvalidPropertyValue``: not a name, or not a file on this machine.
        """
        return self._container(container).upload(source, blob)

    @verb
    def download(self, container: str, blob: str, to: str | os.PathLike[str] = ".") -> Path:
        """Copy a blob from a container to this machine; see `Container.download`.

        Parameters
        ----------
        container, blob : str
        to : path, default "."
            A file to write, or a directory to put it in.

        Raises
        ------
        NotFound
            ``BlobNotFound``, ``ContainerNotFound``.
        InvalidRequest
            ``InvalidPropertyValue``: not the name of a container or a blob.
        """
        return self._container(container).download(blob, to)

    @verb
    def list(self, container: str, prefix: str = "") -> BlobList:
        """Return the blobs of a container whose names begin with a prefix.

        Parameters
        ----------
        container : str
        prefix : str, default ""
            The beginning of their names; all blobs if omitted.

        Raises
        ------
        NotFound
            ``ContainerNotFound``.
        InvalidRequest
            ``InvalidPropertyValue``: not a name or a prefix.
        """
        return self._container(container).list(prefix)

    @verb
    def delete(self, container: str, blob: str | None = None) -> None:
        """Delete a blob of a container, or without a name the container.

        Parameters
        ----------
        container : str
        blob : str, optional
            The container itself if omitted.

        Raises
        ------
        NotFound
            ``BlobNotFound``, ``ContainerNotFound``.
        InvalidRequest
            ``InvalidPropertyValue``: not the name of a container or a blob.
        """
        self._container(container).delete(blob)

    def _container(self, name: Any) -> Container:
        if isinstance(name, Container):
            name = name.name
        if not isinstance(name, str):
            raise invalid("container", name, "must be the name of a container", owner="Storage")
        check_container_name(name, "container", "Storage")
        return Container(self._store.container(name), name)

    def __getitem__(self, name: str) -> Container:
        container = self._container(name)
        with suggesting(name, lambda: iter(self)), translate_storage_errors():
            container._blobs.check()
        return container

    def __contains__(self, name: object) -> bool:
        try:
            return isinstance(name, str) and self[name] is not None
        except BatchError:
            return False

    def get(self, name: str, default: Any = None) -> Any:
        """Return a container, or `default` if there is none."""
        return self[name] if name in self else default  # noqa: SIM401

    def __iter__(self) -> Iterator[str]:
        with translate_storage_errors():
            return iter(list(self._store.containers()))

    def __len__(self) -> int:
        return len(list(iter(self)))

    def __repr__(self) -> str:
        try:
            return "\n".join(self) or "no containers"
        except BatchError as error:
            return f"Storage: {error}"


_OWNER = "Container"


@contextmanager
def translate_storage_errors() -> Iterator[None]:
    """Raise a store's errors with Azure's codes."""
    try:
        yield
    except StorageFailed as fault:
        raise _ANSWERS[fault.kind](fault.reason) from None


_ANSWERS: dict[Kind, Callable[[str], BatchError]] = {
    "container": lambda reason: NotFound(
        "ContainerNotFound", f"{reason}; storage.create_container(name) creates one"
    ),
    "blob": lambda reason: NotFound("BlobNotFound", reason),
    "denied": lambda reason: Forbidden("AuthorizationFailure", reason),
    "timeout": lambda reason: ServerBusy("OperationTimedOut", reason),
    "other": lambda reason: Conflict("OperationInvalidForCurrentState", reason),
}


def _blob_name(blob: Any) -> str:
    if isinstance(blob, Blob):
        return blob.name
    if not isinstance(blob, str):
        raise invalid("blob", blob, "must be the name of a blob, like 'a/b.txt'", owner=_OWNER)
    check_blob_name(blob, "blob", _OWNER)
    return blob


def as_file(source: Any) -> str:
    """Return the path of a file on this machine, or refuse anything else."""
    try:
        path = Path(source).expanduser()
    except TypeError:
        raise invalid("source", source, "must be bytes or a file on this machine",
                      owner=_OWNER) from None  # fmt: skip
    if not path.is_file():
        raise invalid("source", str(source), "is not a file on this machine", owner=_OWNER)
    return str(path)
