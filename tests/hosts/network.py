"""Several hosts on one machine: each a network namespace, joined at a bridge.

A partition takes a host's cable off the bridge: packets are lost in silence, as in a network, and
no connection is closed. Each host has its own address, loopback and temporary folder; files,
users and the clock are shared, so that what tasks write can be compared. It needs root, and a
kernel that permits network namespaces.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

__all__ = ["Host", "Network", "obstacle"]


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True, text=True)


def obstacle() -> str:
    """Why there can be no such hosts here; empty if there can."""
    if sys.platform != "linux" or os.geteuid() != 0 or shutil.which("ip") is None:
        return "emulated hosts need root on Linux, and the command ip"
    name = f"bl{os.getpid()}"
    try:
        _ip("netns", "add", name)
        _ip("netns", "delete", name)
        _ip("link", "add", name, "type", "bridge")
        _ip("link", "delete", name)
    except subprocess.CalledProcessError as error:
        return f"network namespaces are not permitted here: {error.stderr.strip()}"
    return ""


class Host:
    """One host; commands run in its network.

    Parameters
    ----------
    network : Network
    number : int
        The last part of its address.
    folder : Path
        Its temporary folder.
    """

    def __init__(self, network: Network, number: int, folder: Path) -> None:
        self.address = f"{network.prefix}.{number}"
        self.folder = folder
        self.started: list[subprocess.Popen[bytes]] = []
        self._network = network
        self.name = f"{network.name}n{number}"
        self._cable = f"{network.name}v{number}"
        folder.mkdir()
        _ip("netns", "add", self.name)
        _ip("link", "add", self._cable, "type", "veth", "peer", "name", "eth0",
            "netns", self.name)  # fmt: skip
        _ip("-n", self.name, "addr", "add", f"{self.address}/24", "dev", "eth0")
        for device in ("lo", "eth0"):
            _ip("-n", self.name, "link", "set", device, "up")
        _ip("link", "set", self._cable, "up")
        self.join()
        _ip("-n", self.name, "route", "add", "default", "via", f"{network.prefix}.1")

    def join(self) -> None:
        """Plug the cable in."""
        _ip("link", "set", self._cable, "master", self._network.name)

    def cut(self) -> None:
        """Pull the cable out."""
        _ip("link", "set", self._cable, "nomaster")

    @contextlib.contextmanager
    def partition(self) -> Iterator[None]:
        """Cut the host off for a while."""
        self.cut()
        try:
            yield
        finally:
            self.join()

    def start(self, *command: str) -> subprocess.Popen[bytes]:
        """Start a command of this Python on the host, in a session of its own."""
        with (self.folder / f"{len(self.started)}.log").open("w") as log:
            process = subprocess.Popen(
                ["ip", "netns", "exec", self.name, sys.executable, "-m", *command],
                cwd=self.folder, env={**os.environ, "TMPDIR": str(self.folder)},
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        self.started.append(process)
        return process

    def scheduler(self, *options: str) -> str:
        """Start a Dask scheduler on the host; return its address."""
        file = self.folder / "scheduler.json"
        self.start("dask", "scheduler", "--host", self.address, "--port", "8786",
                   "--no-dashboard", "--scheduler-file", str(file), *options)  # fmt: skip
        end = time.monotonic() + 60
        while not file.exists():
            assert time.monotonic() < end, "the scheduler does not come up"
            time.sleep(0.02)
        return f"tcp://{self.address}:8786"

    def worker(self, scheduler: str, name: str, *options: str) -> subprocess.Popen[bytes]:
        """Start a Dask worker on the host."""
        return self.start("dask", "worker", scheduler, "--name", name, "--nthreads", "1",
                          "--host", self.address, "--no-dashboard", *options)  # fmt: skip

    def kill(self) -> None:
        """End all that was started on the host, at once, as a power cut would."""
        found = subprocess.run(
            ["ip", "netns", "pids", self.name], capture_output=True, text=True, check=False
        ).stdout.split()
        for pid in found:
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGKILL)
        for process in self.started:
            process.wait()

    def close(self) -> None:
        """End the host."""
        self.kill()
        _ip("link", "delete", self._cable)
        _ip("netns", "delete", self.name)


class Network:
    """A bridge, at which this process is the address 1, and hosts.

    Parameters
    ----------
    folder : Path
        Where the hosts have their temporary folders.
    """

    def __init__(self, folder: Path) -> None:
        self.name = f"bl{os.getpid()}"
        self.prefix = f"10.213.{os.getpid() % 250 + 1}"
        self.folder = folder
        self.hosts: list[Host] = []
        _ip("link", "add", self.name, "type", "bridge")
        _ip("addr", "add", f"{self.prefix}.1/24", "dev", self.name)
        _ip("link", "set", self.name, "up")

    def host(self) -> Host:
        """Add a host."""
        number = len(self.hosts) + 2
        host = Host(self, number, self.folder / f"host-{number}")
        self.hosts.append(host)
        return host

    def close(self) -> None:
        """End all hosts, and the bridge."""
        for host in reversed(self.hosts):
            host.close()
        _ip("link", "delete", self.name)
