"""The processes of nodes start without the user's main module.

multiprocessing imports the main module of a program in every process that it starts, so that what
is defined there can be unpickled. A script without ``if __name__ == "__main__":`` would then run
again for every node. Nodes unpickle nothing from it, so their processes do not import it.
All other processes are started as usual.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from multiprocessing import spawn
from typing import Any

from distributed import nanny
from distributed.process import AsyncProcess

from batchlab.drivers.dask.process_settings import WhileNeeded
from batchlab.drivers.dask.supply import ProcessWorker

__all__ = ["WITHOUT_MAIN"]

_MAIN = ("init_main_from_name", "init_main_from_path")


class _NodeName(str):
    """The name of a process that is a node."""

    __slots__ = ()


class _Process(AsyncProcess):
    """A process that a nanny starts; one that is to be a node is marked by its name."""

    def __init__(self, *, target: Any, **options: Any) -> None:
        super().__init__(target=target, **options)  # type: ignore[no-untyped-call]
        if target.keywords["worker_factory"].func is ProcessWorker:
            self._process._name = _NodeName(self._process._name)  # type: ignore[attr-defined]


@contextlib.contextmanager
def _without_main() -> Iterator[None]:
    starter: Any = nanny  # its types do not let anything else in
    prepare = spawn.get_preparation_data

    def preparation_data(name: str) -> dict[str, Any]:
        data: dict[str, Any] = prepare(str(name))
        if isinstance(name, _NodeName):
            return {key: value for key, value in data.items() if key not in _MAIN}
        return data

    # Neither Dask nor multiprocessing has a setting for a single process.
    starter.AsyncProcess, spawn.get_preparation_data = _Process, preparation_data
    try:
        yield
    finally:
        starter.AsyncProcess, spawn.get_preparation_data = AsyncProcess, prepare


WITHOUT_MAIN = WhileNeeded(_without_main)
"""Keeps the user's main module out of nodes that are processes."""
