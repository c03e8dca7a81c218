"""The broken labs of lesson 16, and what the commands on their nodes do.

What was installed on a machine, or fetched to it, is known here and not on its disk: so nobody can
put it there in another way.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from functools import partial

from batchlab.core.model import StartTask, TaskSpec
from batchlab.drivers.simulated.workload import Behavior, Launch, Workload
from batchlab.lab import SimulatedLab
from batchlab.lessons.broken import breaking

__all__ = ["FETCH_CODE", "FRAMES", "INSTALL", "Machines", "node_of_fetch"]

INSTALL = "/bin/sh -c 'apt-get install -y povray'"
FRAMES = 30
"""The number of tasks in the job of 16-2."""
FETCH_CODE = 22
LOCKED = timedelta(minutes=3)
"""How long a new machine holds the package lock, because it updates itself."""
LOCK = "/var/lib/dpkg/lock-frontend"
APT_WAITS_S = 120  # apt itself waits, apt-get does not
INSTALL_S = 30
MOMENT = timedelta(seconds=0.1)
_TIMEOUT = re.compile(r"DPkg::Lock::Timeout=(-?\d+)", re.IGNORECASE)

Machine = tuple[str, datetime]


def _machine(launch: Launch) -> Machine:
    return launch.run_id.node_id, launch.now - launch.node_age


class Machines(Workload):
    """Machines that update themselves when they are new; the first model does not arrive.

    Attributes
    ----------
    unlucky : str
        The id of the node that did not get its model; empty if there is none.
    """

    def __init__(self) -> None:
        super().__init__(
            default="60s",
            rules={
                "apt-get *": partial(self._apt, waits_s=0),
                "apt *": partial(self._apt, waits_s=APT_WAITS_S),
                "sudo apt-get *": partial(self._apt, waits_s=0),
                "sudo apt *": partial(self._apt, waits_s=APT_WAITS_S),
                f"fuser *{LOCK}*": self._held,
                f"lsof *{LOCK}*": self._held,
                f"sudo fuser *{LOCK}*": self._held,
                f"sudo lsof *{LOCK}*": self._held,
                "pgrep *unattended*": self._held,
                "systemctl *unattended*": self._stop,
                "sudo systemctl *unattended*": self._stop,
                "povray *": self._povray,
                "fetch-model*": self._fetch,
                "render *": self._render,
            },
        )
        self.unlucky = ""
        self._installed: set[Machine] = set()
        self._fetched: set[Machine] = set()

    def _apt(self, launch: Launch, waits_s: float) -> Behavior:
        left = max(0.0, (LOCKED - launch.node_age).total_seconds())
        option = _TIMEOUT.search(launch.command)
        if option:
            waits_s = float("inf") if int(option[1]) < 0 else int(option[1])
        if left > waits_s:
            held = f"E: Could not get lock {LOCK}. It is held by process 812 (unattended-upgr)\n"
            return Behavior(
                duration=timedelta(seconds=max(1.0, waits_s)), exit_code=100, stderr=held
            )
        if not re.search(r"\binstall\b", launch.command):
            return Behavior(duration=timedelta(seconds=left + 5))
        if re.search(r"\bpovray\b", launch.command):
            self._installed.add(_machine(launch))
        duration = timedelta(seconds=left + INSTALL_S)
        return Behavior(duration=duration, stdout="Setting up povray ...\n")

    def _held(self, launch: Launch) -> Behavior:
        return Behavior(duration=MOMENT, exit_code=int(launch.node_age >= LOCKED))

    def _stop(self, launch: Launch) -> Behavior:
        return Behavior(duration=max(MOMENT, LOCKED - launch.node_age))  # until it has finished

    def _povray(self, launch: Launch) -> Behavior:
        there = _machine(launch) in self._installed
        return Behavior(failure=None if there else "CommandProgramNotFound")

    def _fetch(self, launch: Launch) -> Behavior:
        if not self.unlucky:
            self.unlucky = launch.run_id.node_id
            said = f"curl: ({FETCH_CODE}) The requested URL returned error: 503\n"
            return Behavior(duration=timedelta(seconds=5), exit_code=FETCH_CODE, stderr=said)
        self._fetched.add(_machine(launch))
        return Behavior(duration=timedelta(seconds=20), stdout="model.bin: 1.2 GB\n")

    def _render(self, launch: Launch) -> Behavior:
        if _machine(launch) in self._fetched:
            return Behavior(stdout="frame.png\n")
        said = "render: cannot open model.bin\n"
        return Behavior(duration=timedelta(seconds=1), exit_code=3, stderr=said)


def node_of_fetch(lab: SimulatedLab) -> str:
    """The id of the node that did not get its model."""
    workload = lab._connection.world.workload
    assert isinstance(workload, Machines)
    return workload.unlucky


@breaking("16-1", locked=True, workload=Machines)
def _lock_at_boot(lab: SimulatedLab) -> None:
    lab.create_pool("farm", target_dedicated_nodes=2, start_task=INSTALL)
    work = lab.create_job("work", "farm")
    work.create_tasks([f"povray scene{number}.pov" for number in (1, 2, 3)])
    lab.advance("10m")


@breaking("16-2", locked=True, workload=Machines)
def _black_hole(lab: SimulatedLab) -> None:
    start_task = StartTask(command_line="fetch-model", wait_for_success=False)
    farm = lab.create_pool("farm", target_dedicated_nodes=3, start_task=start_task)
    farm.nodes.wait("idle")
    lab.advance("1m")
    work = lab.create_job("work", "farm")
    frames = range(1, FRAMES + 1)
    work.create_tasks([TaskSpec(id=f"frame{n}", command_line=f"render {n}") for n in frames])
    lab.advance("10m")
