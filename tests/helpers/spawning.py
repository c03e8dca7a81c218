"""What the tests of spawners share: one that is talked to directly, and those that are at work."""

from __future__ import annotations

import os
import select
import socket
import subprocess
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Self

import psutil

from batchlab.drivers.dask import spawner, spawner_processes, spawners
from batchlab.drivers.dask.guards import SessionTable
from batchlab.drivers.dask.watchdog import kin_of
from helpers.dask_labs import Node, children_with
from helpers.waiting import WAIT_S

NAME = spawner.__file__


def at_work() -> list[spawners.Spawner]:
    """The spawners of this process that take orders."""
    seats = [seat for loop in spawners._loops.values() for seat in loop._seats]
    return [seat.current for seat in seats if seat.current and seat.current.works]


def spawners_below(pid: int) -> list[psutil.Process]:
    """The spawners that a process and those below it have started."""
    return children_with(NAME, pid, recursive=True)


ESCAPE = """
import os, sys, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.setsid()
        for number in range(3):
            os.dup2(os.open("/dev/null", os.O_RDWR), number)
        os.execve("/bin/sleep", ["sleep", sys.argv[1]], {})
    os._exit(0)
time.sleep(600)
"""


def waiting_for(path: Path) -> list[str]:
    """A command that ends when a file is there."""
    return ["/bin/sh", "-c", f"until test -e {path}; do sleep 0.01; done"]


@asynccontextmanager
async def spawning(root: Any, **config: Any) -> AsyncIterator[tuple[Node, spawners.Spawner]]:
    """A node whose spawner is at work, and the spawner."""
    async with Node(root, **config) as node:
        await node.report(node.run("true", name="first"))
        await node.passes(at_work)
        (spawner,) = at_work()
        yield node, spawner


class Talk:
    """A spawner without a worker, and what it reported."""

    def __init__(self, root: Any) -> None:
        self.root = str(root)
        self.table = SessionTable()
        self._link, theirs = socket.socketpair()
        with theirs:
            self.process: subprocess.Popen[bytes] = spawner_processes.start_process(
                self.table, theirs
            )
        self._frames = spawner.Frames()
        self.reports: list[Any] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._link.close()
        self.process.kill()
        self.process.wait()
        self.table.file.close()

    def start(self, number: int, *words: str, **variables: str) -> tuple[Any, ...]:
        """Return an order to start a command."""
        directory = f"{self.root}/{number}"
        variables = {
            "PATH": os.environ["PATH"],
            "AZ_BATCH_TASK_DIR": directory,
            "AZ_BATCH_TASK_WORKING_DIR": f"{directory}/wd",
            "AZ_BATCH_CERTIFICATES_DIR": f"{directory}/certs",
            **variables,
        }
        (limit,) = kin_of(self.root, directory)
        return ("start", number, 0, number, limit, list(words), directory, (), variables)

    def stage(self, number: int, *words: str, seconds: float = 60.0) -> tuple[Any, ...]:
        """Return an order to begin a command after another one, if that is soon enough."""
        return ("stage", time.monotonic() + seconds, *self.start(number, *words)[1:])

    def send(self, *orders: tuple[Any, ...]) -> None:
        """Send orders in one message."""
        self._link.sendall(spawner.frame(list(orders)))

    def hang_up(self) -> None:
        """Close the link."""
        self._link.close()

    def has_said(self) -> bool:
        """Whether there are reports that were not read."""
        return bool(select.select([self._link], [], [], 0.0)[0])

    def report(self, number: int) -> tuple[Any, ...]:
        """Wait for the report of a command: without its number, and what has begun after it."""
        deadline = time.monotonic() + WAIT_S
        while True:
            for found, *rest in self.reports:
                if found == number:
                    return tuple(rest[:-2])
            wait_s = deadline - time.monotonic()
            assert wait_s > 0, f"no report of {number}"
            if select.select([self._link], [], [], wait_s)[0]:
                data = self._link.recv(2**16)
                assert data, "the spawner has ended"
                for reports in self._frames.feed(data):
                    self.reports += reports
