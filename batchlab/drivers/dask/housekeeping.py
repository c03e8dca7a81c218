"""What a node does with its folders and processes when it comes and goes; all of it blocks."""

from __future__ import annotations

import contextlib
import os
import time
import uuid
from typing import TYPE_CHECKING

from batchlab.drivers.dask import guards, watchdog

if TYPE_CHECKING:
    from batchlab.drivers.dask.containers import NodeContainers
    from batchlab.drivers.dask.folders import NodeFolders
    from batchlab.drivers.dask.messages import NodeConfig
    from batchlab.drivers.dask.users import NodeUsers
    from batchlab.drivers.node_log import NodeLog

__all__ = ["Housekeeping"]


class Housekeeping:
    """The housekeeping of one boot of one node.

    Parameters
    ----------
    config : NodeConfig
    folders : NodeFolders
    log : NodeLog
    containers : NodeContainers
    """

    def __init__(
        self, config: NodeConfig, folders: NodeFolders, log: NodeLog, containers: NodeContainers
    ) -> None:
        self._config = config
        self._folders = folders
        self._log = log
        self._containers = containers

    def arrive(self, address: str, *, grace: bool) -> NodeUsers | None:
        """Create the folders, kill what an earlier boot has left; return the users of tasks.

        Parameters
        ----------
        address : str
            Where the worker listens.
        grace : bool
            Whether the watchdog keeps the folders for some time, as the node may come back.
        """
        owner, users = uuid.uuid4().hex, None
        if self._folders.make():
            self._kill_all()
            if self._config.reimage:
                self._folders.reimage()
        self._folders.own(owner)
        self._log.load(self._folders.log)
        self._log.note(time.time(), "node %s starts", self._config.node_id)
        if self._config.isolate_users:
            from batchlab.drivers.dask.users import open_users  # noqa: PLC0415 - rare

            users = open_users(address, self._folders)
        guards.guard(self._folders.root, grace=grace, owner=owner)
        return users

    def clear(self, *, ran: bool, keep: bool, reimage: bool, dismiss: bool) -> None:
        """Release the folders.

        Parameters
        ----------
        ran : bool
            Whether there were runs, whose processes are killed.
        keep, reimage, dismiss : bool
            See `NodeAgent.leave`.
        """
        if ran:
            self._kill_all()
        if reimage:
            self._folders.reimage()
        elif not keep:
            self._folders.remove()
        if keep:
            with contextlib.suppress(OSError):
                self._log.save(self._folders.log)
        if dismiss:
            guards.dismiss(self._folders.root)

    def _kill_all(self) -> None:
        """Kill processes left by the node's runs or by those of an earlier boot."""
        root = self._folders.root
        watchdog.kill_marked(watchdog.ROOT_MARK + os.fsencode(root), kin=watchdog.kin_of(root))
        watchdog.kill_users(watchdog.users_below(root))
        self._containers.clear()
