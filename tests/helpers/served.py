"""A store whose data is on a lab's host, without a network: calls are pickled, as over Dask."""

from __future__ import annotations

import pickle
import threading
from typing import Any

from batchlab.storage.host_folder import HostFolder
from batchlab.storage.locations import StorageLocation
from batchlab.storage.stores import BlobStore


class Served:
    """A folder that is served; `calls` are the methods that were called.

    Parameters
    ----------
    folder : path
    """

    def __init__(self, folder: Any) -> None:
        self.calls: list[tuple[str, bool]] = []
        self.at_a_time = self.largest = 0
        self.meets = False  # whether the first write waits until another call is under way
        self._met = threading.Event()
        self._folder = HostFolder(str(folder), "lab")
        self._lock = threading.Lock()
        self._now = 0

    def __call__(self, handler: str, *, once: bool = False, **arguments: Any) -> Any:
        assert handler == "storage"
        sent = pickle.dumps(arguments)
        with self._lock:
            self.calls.append((arguments["method"], once))
            self._now += 1
            self.at_a_time = max(self.at_a_time, self._now)
        if self.at_a_time > 1:
            self._met.set()
        elif self.meets and arguments["method"] == "write":
            self._met.wait(60)
        answer = pickle.dumps(self._folder.do(**pickle.loads(sent)))
        with self._lock:
            self._now -= 1
            self.largest = max(self.largest, len(sent), len(answer))
        return pickle.loads(answer)

    def use_in(self, store: BlobStore) -> None:
        """Let a store keep its data here."""
        store.location = StorageLocation(url="batchlab://lab")
        store._call = self
        store._fs = None
