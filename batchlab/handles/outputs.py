"""The outputs of jobs and tasks, kept in the lab's storage by Azure's file conventions.

They outlive nodes, tasks and retention times: the job's id is enough to find them. In a notebook
use ``job.output_storage`` and ``task.output_storage``; inside a task, those of `Job.current` and
`Task.current`. The container of a job is created with its first output.
"""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath
from typing import Any

import msgspec

from batchlab.core.model import OutputFileBlobContainerDestination
from batchlab.display import Displayed
from batchlab.drivers.ports import Connection
from batchlab.durations import parse_duration
from batchlab.errors import invalid
from batchlab.handles.storage import BlobList, Container, as_file, translate_storage_errors
from batchlab.handles.tracked_save import TrackedSave
from batchlab.handles.verbs import Duration, verb
from batchlab.storage.containers import Blob
from batchlab.storage.conventions import (
    TaskOutputKind,
    job_container_name,
    output_prefix,
)

__all__ = ["JobOutputStorage", "OutputStorage", "TaskOutputStorage"]

FLUSH_S = 15.0
Kind = Any
"""A `JobOutputKind` or a `TaskOutputKind`."""


class OutputStorage(Displayed):
    """What job and task outputs have in common. Names of outputs are relative to their kind."""

    __slots__ = ("_blobs", "_job_id", "_task_id")

    def __init__(self, connection: Connection, job_id: str, task_id: str | None = None) -> None:
        self._blobs = connection.storage.container(job_container_name(job_id))
        self._job_id = job_id
        self._task_id = task_id

    @property
    def container_name(self) -> str:
        """The name of the job's container."""
        return job_container_name(self._job_id)

    @property
    def url(self) -> str:
        """The URL of the job's container."""
        return self._blobs.url

    @verb
    def save(
        self, kind: Kind, source: bytes | str | os.PathLike[str], name: str | None = None
    ) -> Blob:
        """Save a file as an output, replacing any output of that name.

        Parameters
        ----------
        kind : str
            ``"JobOutput"``, ``"JobPreview"``; for a task ``"TaskOutput"``, ``"TaskPreview"``,
            ``"TaskLog"``, ``"TaskIntermediate"``.
        source : bytes or path
            The contents, or a file. A relative path starts at the current directory, which in a
            task is its working directory.
        name : str, optional
            Its name; by default the relative path.

        Raises
        ------
        InvalidRequest
            ``InvalidPropertyValue``: no such kind or file, or a name is required.
        """
        where = self._place(kind, _named(source, name))
        if not isinstance(source, bytes):
            source = as_file(source)
        self._container().url_of(where)  # refuses invalid names
        return self._shown(self._prepared().upload(source, where), kind)

    @verb
    def list(self, kind: Kind) -> BlobList:
        """Return the outputs of a kind, sorted by name; empty if nothing was saved yet."""
        start = self._start(kind)
        with translate_storage_errors():
            if not self._blobs.exists():
                return BlobList()
        found = self._container().list(start)
        return BlobList(self._shown(blob, kind) for blob in found)

    @verb
    def read(self, kind: Kind, name: str) -> bytes:
        """Return the contents of an output.

        Parameters
        ----------
        kind : str
            As for `save`.
        name : str
            Its name.

        Raises
        ------
        NotFound
            ``BlobNotFound``, ``ContainerNotFound``.
        InvalidRequest
            ``InvalidPropertyValue``: no such kind, or not a name.
        """
        where = self._place(kind, name)
        return self._container().read(where)

    @verb
    def text(self, kind: Kind, name: str) -> str:
        """Return an output as text: decoded as UTF-8, with U+FFFD for invalid bytes.

        Parameters
        ----------
        kind : str
            As for `save`.
        name : str
            Its name.

        Raises
        ------
        NotFound
            ``BlobNotFound``, ``ContainerNotFound``.
        InvalidRequest
            ``InvalidPropertyValue``: no such kind, or not a name.
        """
        where = self._place(kind, name)
        return self._container().text(where)

    @verb
    def download(self, kind: Kind, name: str, to: str | os.PathLike[str] = ".") -> Path:
        """Copy an output to this machine; see `Container.download`.

        Parameters
        ----------
        kind : str
            As for `save`.
        name : str
            Its name.
        to : path, default "."
            A file to write, or a directory to put it in.

        Raises
        ------
        NotFound
            ``BlobNotFound``, ``ContainerNotFound``.
        InvalidRequest
            ``InvalidPropertyValue``: no such kind, or not a name.
        """
        where = self._place(kind, name)
        return self._container().download(where, to)

    @verb
    def delete(self, kind: Kind, name: str) -> None:
        """Delete an output.

        Parameters
        ----------
        kind : str
            As for `save`.
        name : str
            Its name.

        Raises
        ------
        NotFound
            ``BlobNotFound``, ``ContainerNotFound``.
        InvalidRequest
            ``InvalidPropertyValue``: no such kind, or not a name.
        """
        where = self._place(kind, name)
        self._container().delete(where)

    @verb
    def url_of(self, kind: Kind, name: str) -> str:
        """Return the URL of an output, for fsspec and ``http_url``; it need not exist.

        Parameters
        ----------
        kind : str
            As for `save`.
        name : str
            Its name.

        Raises
        ------
        InvalidRequest
            ``InvalidPropertyValue``: no such kind, or not a name.
        """
        where = self._place(kind, name)
        return self._container().url_of(where)

    def _container(self) -> Container:
        return Container(self._blobs, self.container_name)

    def _prepared(self) -> Container:
        with translate_storage_errors():
            if not self._blobs.exists():
                self._blobs.create()
        return self._container()

    def _start(self, kind: Kind) -> str:
        return output_prefix(kind, self._task_id, type(self).__name__) + "/"

    def _place(self, kind: Kind, name: Any) -> str:
        if isinstance(name, Blob):
            name = name.name
        if not isinstance(name, str):
            raise invalid("name", name, "must be text", owner=type(self).__name__)
        return self._start(kind) + name

    def _shown(self, blob: Blob, kind: Kind) -> Blob:
        return msgspec.structs.replace(blob, name=blob.name.removeprefix(self._start(kind)))

    def __repr__(self) -> str:
        whose = f"job {self._job_id!r}"
        if self._task_id is not None:
            whose = f"task {self._task_id!r} of {whose}"
        return f"Outputs of {whose} in container {self.container_name}"


class JobOutputStorage(OutputStorage):
    """Outputs of a job as a whole: ``"JobOutput"`` and ``"JobPreview"``."""

    __slots__ = ()

    @verb
    def destination(
        self, kind: TaskOutputKind, task_id: str, name: str | None = None
    ) -> OutputFileBlobContainerDestination:
        """Where output files of a task become its outputs; creates the container.

        Parameters
        ----------
        kind : str
            As for `TaskOutputStorage`.
        task_id : str
        name : str, optional
            The name of the output; required for a pattern without wildcards.

        Raises
        ------
        InvalidRequest
            ``InvalidPropertyValue``: no such kind, or not a name.
        """
        path = output_prefix(kind, task_id, "JobOutputStorage.destination")
        path = path if name is None else f"{path}/{name}"
        return OutputFileBlobContainerDestination(container_url=self._prepared().url, path=path)


class TaskOutputStorage(OutputStorage):
    """Outputs of a task: ``"TaskOutput"``, ``"TaskPreview"``, ``"TaskLog"``, ...

    ``"TaskLog"`` is for what it prints, ``"TaskIntermediate"`` for what only other tasks need.
    """

    __slots__ = ()

    @verb
    def save_tracked(
        self,
        source: str | os.PathLike[str],
        name: str | None = None,
        *,
        kind: TaskOutputKind = "TaskLog",
        interval: Duration = FLUSH_S,
    ) -> TrackedSave:
        """Save a growing file, such as a log: new data is uploaded at regular intervals.

        Parameters
        ----------
        source : path
            It need not exist yet.
        name : str, optional
            As for `save`.
        kind : str, default "TaskLog"
        interval : duration, default 15 seconds
            Between uploads, in wall-clock time.

        Returns
        -------
        TrackedSave
            Close it when the file is complete, or use it in ``with``.

        Raises
        ------
        InvalidRequest
            ``InvalidPropertyValue``: no such kind, a name is required, or the interval is zero.
        """
        where = self._place(kind, _named(source, name))
        span = parse_duration(interval, name="interval", owner="save_tracked").total_seconds()
        if span <= 0:
            raise invalid("interval", interval, "must be greater than zero",
                          owner="save_tracked")  # fmt: skip
        self._container().url_of(where)  # refuses invalid names
        self._prepared()
        return TrackedSave(self._blobs, where, os.fspath(source), span)


def _named(source: Any, name: Any) -> Any:
    """Return the name of an output: the given one, or the relative path of its file."""
    if name is not None:
        return name
    path = None if isinstance(source, bytes) else source
    try:
        parts = PurePosixPath(path).parts  # type: ignore[arg-type]
    except TypeError:
        parts = ()
    if not parts or parts[0] == "/" or ".." in parts:
        raise invalid("name", None, "pass name=...; only a file below the current directory "
                      "has a default name", owner="save")  # fmt: skip
    return "/".join(parts)
