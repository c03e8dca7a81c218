"""SSH servers on this machine, with keys made for the test, and how clients get in.

The program is Debian's (``apt-get install openssh-server``). It runs as this user, on a port that
is free now, so a server that this machine may have is not touched.
"""

from __future__ import annotations

import contextlib
import getpass
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from helpers.ports import free_port
from helpers.waiting import until

CONFIG = """
HostKey {folder}/host-key
AuthorizedKeysFile {folder}/key.pub
PidFile none
StrictModes no
UsePAM no
PermitRootLogin yes
PasswordAuthentication no
"""
CLIENT_CONFIG = """
Host {name}
  HostName {address}
  Port {port}
  User {user}
  IdentityFile {folder}/key
  IdentitiesOnly yes
  UserKnownHostsFile {folder}/known-hosts
"""


def _sshd() -> str | None:
    return shutil.which("sshd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")


def obstacle() -> str:
    """Why there can be no SSH server here; empty if there can."""
    if _sshd() is None or shutil.which("ssh-keygen") is None:
        return "there is no SSH server (sshd of openssh-server is missing)"
    return ""


class Keys:
    """The keys of servers and of their only user.

    Parameters
    ----------
    folder : Path
        Where they are.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(mode=0o700, parents=True)
        self.folder = folder
        for name in ("key", "host-key"):
            make = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)]
            subprocess.run(make, check=True)
        (folder / "sshd_config").write_text(CONFIG.format(folder=folder))

    @contextlib.contextmanager
    def server(self, address: str = "127.0.0.1", *, before: Sequence[str] = ()) -> Iterator[int]:
        """Run a server; the value is its port.

        Parameters
        ----------
        address : str
        before : sequence of str
            What runs the program, such as ``ip netns exec NAME``.
        """
        if os.geteuid() == 0:
            Path("/run/sshd").mkdir(exist_ok=True)  # which the program wants
        port = free_port()
        command = [*before, str(_sshd()), "-D", "-e", "-f", str(self.folder / "sshd_config"),
                   "-o", f"ListenAddress={address}:{port}"]  # fmt: skip
        with (self.folder / f"{port}.log").open("w") as log:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            until(lambda: _greets(address, port))
            yield port
        finally:
            process.terminate()
            process.wait()

    def connect_options(self, port: int) -> dict[str, Any]:
        """What `distributed.SSHCluster` needs to get in."""
        return {
            "port": port, "username": getpass.getuser(), "known_hosts": None,
            "client_keys": [str(self.folder / "key")],
        }  # fmt: skip

    def client_config(self, name: str, address: str, port: int) -> str:
        """What ``~/.ssh/config`` needs, so that a server has this name, and is trusted."""
        key = (self.folder / "host-key.pub").read_text()
        with (self.folder / "known-hosts").open("a") as file:
            file.write(f"[{address}]:{port} {key}")
        return CLIENT_CONFIG.format(
            name=name, address=address, port=port, user=getpass.getuser(), folder=self.folder
        )


def _greets(address: str, port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection((address, port), 1) as link:
        return link.recv(4) == b"SSH-"
    return False
