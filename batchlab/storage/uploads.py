"""Output files of a finished run: selected, uploaded and logged, the same for all drivers.

Every output file whose condition holds is tried, even after an earlier one failed; the first
failure becomes the failure of the run. Uploads are logged in ``fileuploadout.txt``, errors in
``fileuploaderr.txt``; both exist as soon as one output file is tried.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from typing import Protocol

from batchlab.core.model.files import OutputFile
from batchlab.core.model.values import FailureInfo
from batchlab.storage.containers import BlobContainer
from batchlab.storage.faults import Kind, StorageFailed
from batchlab.storage.patterns import Pattern, read_pattern
from batchlab.storage.stores import BlobStore
from batchlab.words import plural

__all__ = ["ERR", "OUT", "TIMED_OUT", "NodeDisk", "Upload", "upload_failure"]

OUT, ERR = "fileuploadout.txt", "fileuploaderr.txt"
TIMED_OUT = "FileUploadTimedOut"
_CODES: dict[Kind, str] = {
    "container": "FileUploadContainerNotFound",
    "denied": "FileUploadAccessDenied",
    "timeout": TIMED_OUT,
}
_MESSAGES = {
    "FileUploadContainerNotFound": "The container for the output files does not exist",
    "FileUploadAccessDenied": "Access to the container for the output files is denied",
    TIMED_OUT: "The upload of the output files took too long",
    "FileUploadMiscError": "The output files could not be uploaded",
}


class NodeDisk(Protocol):
    """The disk with the output files. Paths are absolute."""

    def files(self, base: str, *, deep: bool) -> Iterator[str]:
        """Yield the paths of files in a directory, including subdirectories if `deep`."""
        ...

    def opened(self, path: str) -> AbstractContextManager[bytes | str | None]:
        """Provide the contents of a file, or a path to read it from; None if it is not a file.

        Raises `StorageFailed` if the file must not be uploaded.
        """
        ...


def upload_failure(code: str, reason: str, output: OutputFile | None = None) -> FailureInfo:
    """Build the failure of output files that could not be uploaded."""
    details = {"Message": reason}
    if output is not None:
        details["FilePattern"] = output.file_pattern
        details["ContainerUrl"] = _without_signature(output.destination.container.container_url)
    return FailureInfo(category="UserError", code=code, message=_MESSAGES[code], details=details)


class Upload:
    """The upload of the output files of one run.

    Parameters
    ----------
    store : BlobStore
        The lab's storage.
    disk : NodeDisk
    directory : str
        The run's working directory, absolute.
    environment : mapping
        The run's variables.
    note : callable
        Called with the name of a log and a line for it.
    wanted : callable, optional
        Called before each file; the upload stops when it returns False.

    Attributes
    ----------
    uploaded : int
        Number of files uploaded so far.
    """

    def __init__(
        self,
        store: BlobStore,
        disk: NodeDisk,
        directory: str,
        environment: Mapping[str, str],
        note: Callable[[str, str], None],
        wanted: Callable[[], bool] = lambda: True,
    ) -> None:
        self._store = store
        self._disk = disk
        self._directory = directory
        self._environment = environment
        self._note = note
        self._wanted = wanted
        self.uploaded = 0

    def run(self, outputs: Iterable[OutputFile]) -> FailureInfo | None:
        """Upload output files; return the first failure, or None."""
        failure = None
        for output in outputs:
            try:
                self._one(output)
            except StorageFailed as error:
                self._note(ERR, f"{output.file_pattern}: {error.reason}")
                code = _CODES.get(error.kind, "FileUploadMiscError")
                failure = failure or upload_failure(code, error.reason, output)
        return failure

    def _one(self, output: OutputFile) -> None:
        destination = output.destination.container
        try:
            pattern = read_pattern(output.file_pattern, self._directory, self._environment)
        except re.error as error:
            raise StorageFailed("other", f"the pattern is invalid: {error}") from None
        container = self._store.resolve(destination.container_url)
        container.check()
        url = _without_signature(container.url)
        count, first = 0, None
        for found in self._matches(pattern):
            if not self._wanted():
                return
            blob = pattern.blob(found, destination.path)
            try:
                sent = self._send(container, f"{pattern.base}/{found}", blob)
            except StorageFailed as error:
                self._note(ERR, f"{pattern.base}/{found} -> {url}/{blob}: {error.reason}")
                first = first or error
                if error.kind == "container":
                    break
            else:
                count += sent
                if sent:
                    self._note(OUT, f"{pattern.base}/{found} -> {url}/{blob}")
        self._note(OUT, f"{output.file_pattern}: {plural(count, 'file')} uploaded to {url}")
        if first is not None:
            raise first

    def _matches(self, pattern: Pattern) -> Iterator[str]:
        if pattern.regex is None:
            yield pattern.name
            return
        for found in sorted(self._disk.files(pattern.base, deep=pattern.deep)):
            if pattern.regex.match(found):
                yield found

    def _send(self, container: BlobContainer, path: str, blob: str) -> bool:
        with self._disk.opened(path) as content:
            if content is None:
                return False
            container.write(blob, content)
        self.uploaded += 1
        return True


def _without_signature(url: str) -> str:
    """Remove the query of a URL, which may contain an access signature."""
    return url.partition("?")[0]
