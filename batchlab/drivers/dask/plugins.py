"""Removing our plugins from a worker."""

from __future__ import annotations

from typing import Any

from distributed.core import Status

__all__ = ["remove_plugin"]


async def remove_plugin(worker: Any, plugin: Any) -> None:
    """Remove a plugin from a worker, unless it has been replaced or the worker is closing.

    A worker that closes removes all of its plugins itself. Dask logs an error for each removal of
    a plugin that is not there.
    """
    if worker.status in (Status.closing, Status.closed):
        return
    if worker.plugins.get(plugin.name) is plugin:
        await worker.plugin_remove(name=plugin.name)
