"""A SLURM of several nodes on this machine: munged, slurmctld and slurmd in their own folder.

The programs are Debian's (``apt-get install slurmctld slurmd slurm-client munge``). They run as
root, on ports that are free now, so a SLURM that this machine may have is not touched. Each slurmd
is a node, with as many CPUs as the test says, whatever this machine has. With
`Slurm.environment`, the ordinary commands use this SLURM.
"""

from __future__ import annotations

import getpass
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from helpers.ports import free_port

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "scancel", "squeue")
PATIENCE_S = 60

CONFIG = """
ClusterName=test
SlurmctldHost=localhost(127.0.0.1)
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CredType=cred/munge
SlurmctldPort={port}
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd-%n.pid
SlurmdSpoolDir={folder}/spool-%n
StateSaveLocation={folder}/state
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd-%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SlurmdParameters=config_overrides
ReturnToService=2
KillWait=2
SchedulerParameters=sched_min_interval=100000,batch_sched_delay=0
JobRequeue=1
MailProg=/bin/true
{nodes}
PartitionName=normal Nodes=ALL Default=YES State=UP MaxTime=INFINITE
"""


def obstacle() -> str:
    """Why there can be no SLURM here; empty if there can."""
    missing = [name for name in PROGRAMS if shutil.which(name, path=_path()) is None]
    if missing:
        return f"SLURM is not installed ({', '.join(missing)} are missing)"
    if sys.platform != "linux" or os.geteuid() != 0:
        return "an emulated SLURM needs root on Linux"
    return ""


def _path() -> str:
    return f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"


class Slurm:
    """The SLURM that runs.

    Attributes
    ----------
    environment : dict
        What commands and clients need in their environment.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment = {"SLURM_CONF": str(folder / "slurm.conf")}

    def call(self, *command: str) -> str:
        """Run one of SLURM's commands; return what it prints."""
        return subprocess.run(
            command, env={**os.environ, **self.environment, "PATH": _path()}, check=True,
            capture_output=True, text=True, timeout=PATIENCE_S,
        ).stdout  # fmt: skip

    def jobs(self) -> dict[str, str]:
        """The jobs in the queue, by id, with their states."""
        rows = self.call("squeue", "--noheader", "--states=all", "--format=%i %T").split("\n")
        states = dict(row.split() for row in rows if row)
        over = {"CANCELLED", "COMPLETED", "FAILED", "TIMEOUT", "PREEMPTED", "NODE_FAIL"}
        return {job: state for job, state in states.items() if state not in over}


@contextmanager
def slurm(folder: Path, nodes: int = 3, cpus: int = 2) -> Iterator[Slurm]:
    """Start a SLURM; end it, and all of its jobs, afterwards."""
    running = Slurm(folder)
    started: list[subprocess.Popen[bytes]] = []
    environment = {**os.environ, **running.environment, "PATH": _path()}

    def start(*command: str) -> None:
        with (folder / f"{command[0]}-{len(started)}.out").open("w") as log:
            started.append(
                subprocess.Popen(
                    [shutil.which(command[0], path=_path()) or command[0], *command[1:]],
                    env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                    start_new_session=True,
                )
            )  # fmt: skip

    folder.chmod(0o755)
    names = [f"node{number}" for number in range(1, nodes + 1)]
    for name in ("state", *(f"spool-{name}" for name in names)):
        (folder / name).mkdir()
    lines = [
        f"NodeName={name} NodeAddr=127.0.0.1 NodeHostname=localhost Port={free_port()} CPUs={cpus}"
        " RealMemory=4000 State=UNKNOWN"
        for name in names
    ]
    (folder / "slurm.conf").write_text(
        CONFIG.format(
            user=getpass.getuser(), folder=folder, port=free_port(), nodes="\n".join(lines)
        )
    )
    key = folder / "munge.key"
    key.write_bytes(os.urandom(128))
    key.chmod(0o400)
    start("munged", "--foreground", "--force",
          f"--socket={folder}/munge.socket", f"--key-file={key}",
          f"--pid-file={folder}/munged.pid", f"--log-file={folder}/munged.log",
          f"--seed-file={folder}/munged.seed")  # fmt: skip
    try:
        wait((folder / "munge.socket").exists, "munged")
        start("slurmctld", "-D", "-c")
        for name in names:
            start("slurmd", "-D", "-N", name)
        wait(lambda: _idle(running) == nodes, "slurmd")
        yield running
    finally:
        with suppress(subprocess.SubprocessError):
            jobs = running.jobs()
            if jobs:
                running.call("scancel", *jobs)
                wait(lambda: not running.jobs(), "scancel")
        for process in reversed(started):
            process.terminate()
            try:
                process.wait(PATIENCE_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _idle(running: Slurm) -> int:
    try:
        found = running.call("sinfo", "--noheader", "--Node", "--format=%T")
    except subprocess.CalledProcessError:  # the controller is not up yet
        return 0
    return found.split().count("idle")


def wait(condition: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < end, f"{what} does not come"
        time.sleep(0.1)
