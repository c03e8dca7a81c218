"""Upload of a growing file: a thread uploads new data at regular intervals."""

from __future__ import annotations

import os
import threading
from types import TracebackType
from typing import Self

from batchlab import background
from batchlab.errors import BatchError, NotFound
from batchlab.handles.storage import translate_storage_errors
from batchlab.storage.containers import BlobContainer

__all__ = ["TrackedSave"]

BLOCK = 4 * 2**20


class TrackedSave:
    """Upload of a growing file, until `close`.

    Each flush uploads only what was appended since the last one. If the file has become shorter,
    it is uploaded again from the start. The next flush makes up for one that failed.
    """

    def __init__(self, blobs: BlobContainer, blob: str, path: str, interval_s: float) -> None:
        self._blobs = blobs
        self._blob = blob
        self._path = os.path.abspath(path)  # noqa: PTH100 - the file need not exist
        self._interval_s = interval_s
        self._sent: int | None = 0
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._error: BatchError | None = None
        self._forget()
        self._thread = threading.Thread(target=self._keep, name="batchlab-tracked", daemon=True)
        if background.threads():  # else the file is uploaded when it is closed
            self._thread.start()

    @property
    def error(self) -> BatchError | None:
        """Why the last flush failed; None if it succeeded."""
        return self._error

    def flush(self) -> None:
        """Upload what was appended since the last time.

        Raises `BatchError` if the storage refuses it.
        """
        with self._lock:
            try:
                self._flush()
            except BatchError as error:
                self._error, self._sent = error, None
                raise
            self._error = None

    def close(self) -> None:
        """Upload the rest and stop. Calling it twice is harmless."""
        if not self._closed.is_set():
            self._closed.set()
            if self._thread.is_alive():
                self._thread.join()
            self.flush()

    def _keep(self) -> None:
        while not self._closed.wait(self._interval_s):
            try:
                self.flush()
            except BatchError:
                continue  # the next flush makes up for it; until then `error` has it

    def _flush(self) -> None:
        if self._sent is None:
            self._sent = self._size()
        try:
            file = open(self._path, "rb")  # noqa: PTH123, SIM115 - may not exist
        except FileNotFoundError:
            return
        with file, translate_storage_errors():
            if os.fstat(file.fileno()).st_size < self._sent:
                self._forget()
            file.seek(self._sent)
            while data := file.read(BLOCK):
                self._blobs.append(self._blob, data)
                self._sent += len(data)

    def _size(self) -> int:
        """How much has been uploaded; after a failure only the storage knows."""
        try:
            with translate_storage_errors():
                return self._blobs.stat(self._blob).content_length
        except NotFound:
            return 0

    def _forget(self) -> None:
        self._sent = 0
        try:
            with translate_storage_errors():
                self._blobs.delete(self._blob)
        except NotFound:
            pass

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
