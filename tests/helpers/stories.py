"""What stories need: a world with a lab in it, and short ways to say what is expected."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import pytest
from distributed import Nanny
from distributed.core import Status

import batchlab as bl
from batchlab.core.invariants import check
from helpers.waiting import WAIT_S

T = TypeVar("T")
SHARED = "$AZ_BATCH_NODE_SHARED_DIR"
LONG = "sleep 500"
"""Something that is still running when it is looked at, in every world."""
SOON = "1h"
"""Lab time in which everything that is under way must have happened, on a busy machine too."""
SPEED = 10


class Gate:
    """Holds tasks back until it is opened; simulated ones for some seconds.

    Attributes
    ----------
    script : str
        What they have in their shell scripts.
    """

    def __init__(self, script: str, file: Path | None = None) -> None:
        self.script = script
        self._file = file

    def open(self) -> None:
        """Let them go on."""
        if self._file is not None:
            self._file.touch()


class World:
    """One of the worlds, and the lab that a story is about."""

    def __init__(self, name: str, *, speed: float = SPEED, **settings: Any) -> None:
        self.name = name
        self.speed = speed
        self.settings = settings

    @cached_property
    def lab(self) -> Any:
        """A lab of which a second of lab time is short."""
        if self.name == "simulated":
            workload = bl.Workload("5s")
            return bl.SimulatedLab(seed=1, boot="3s", workload=workload, **self.settings)
        return bl.Lab(speed=self.speed, processes=self.name == "processes", **self.settings)

    def sleep(self, seconds: float) -> str:
        """A command that takes so many seconds of lab time."""
        return f"sleep {seconds if self.name == 'simulated' else seconds / self.speed}"

    @cached_property
    def _folder(self) -> Path:
        return Path(tempfile.mkdtemp(prefix="gates-"))

    def gate(self, seconds: float = 15) -> Gate:
        """A gate that is closed."""
        if self.name == "simulated":
            return Gate(self.sleep(seconds))
        file = self._folder / f"gate-{uuid.uuid4()}"
        return Gate(f"until test -e {file}; do sleep 0.02; done", file)

    def until(self, seen: Callable[[], Any]) -> None:
        """Let time pass until something is seen that no state tells of."""
        speed = 60 if self.name == "simulated" else self.speed
        deadline = self.lab.now + timedelta(seconds=WAIT_S) * speed
        while not _sees(seen):
            assert self.lab.now < deadline, "it was not seen in time"
            if self.name == "simulated":
                self.lab.advance("1s")
            else:
                time.sleep(0.01)

    def kill(self, node: bl.Node) -> None:
        """Kill a node without a word."""
        if self.name == "simulated":
            self.lab._connection.world.lose_node(node.id)
            return
        assert self.name == "processes"
        nannies = [each for each in Nanny._instances if each.name == node.id]
        (nanny,) = [each for each in nannies if each.status == Status.running]
        os.kill(nanny.pid, signal.SIGKILL)

    def end(self) -> None:
        """Close the lab, and see that all that must hold holds."""
        if "lab" in vars(self):
            if self.name == "simulated":
                check(self.lab._connection.engine.core.state)
            self.lab.close()
        if "_folder" in vars(self):
            shutil.rmtree(self._folder)


def _sees(seen: Callable[[], Any]) -> Any:
    try:
        return seen()
    except (bl.NotFound, bl.Conflict):
        return False  # a file that is not there yet, a node that is not up


def sh(script: str) -> str:
    """A command line for a shell."""
    assert "'" not in script
    return f"/bin/sh -c '{script}'"


def pool_of(lab: Any, nodes: int = 1, id: str = "p", **settings: Any) -> bl.Pool:  # noqa: A002
    """A pool whose nodes are idle."""
    pool: bl.Pool = lab.create_pool(id, target_dedicated_nodes=nodes, **settings)
    pool.nodes.wait("idle", timeout=SOON)
    return pool


def run(job: bl.Job, *commands: Any) -> Any:
    """Run commands as tasks of a job, to their end; the tasks."""
    tasks = job.create_tasks(list(commands))
    job.tasks.wait(timeout=SOON)
    return tasks


def start(job: bl.Job, *commands: Any) -> Any:
    """Have commands run as tasks of a job; the tasks."""
    tasks = job.create_tasks(list(commands))
    for task in tasks:
        task.wait("running", timeout=SOON)
    return tasks


def spot_of(
    lab: Any, nodes: int = 1, dedicated: int = 0, **settings: Any
) -> tuple[bl.Pool, list[bl.Node]]:
    """A pool of spot nodes, which are idle, and those nodes."""
    pool = pool_of(lab, dedicated, target_low_priority_nodes=nodes, **settings)
    return pool, [node for node in pool.nodes.values() if not node.is_dedicated]


def end(job: bl.Job) -> None:
    """Terminate a job and wait until it is completed."""
    job.terminate()
    job.wait("completed", timeout=SOON)


def only(items: Iterable[T]) -> T:
    """The one item."""
    (item,) = items
    return item


@contextmanager
def refused(code: str) -> Iterator[pytest.ExceptionInfo[bl.BatchError]]:
    """Expect a refusal with this code, that says something."""
    with pytest.raises(bl.BatchError) as caught:
        yield caught
    assert caught.value.code == code
    assert len(caught.value.message) > 10
