"""Podman or Docker, through its command line: the one door to containers.

No call waits forever: an engine may hang, as Docker's client does when its daemon does. Each
container has two labels, its node's root and its run, by which it is found and ended, whatever it
was called. What does not belong to an engine's words is in `containers`.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import resource
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence

from batchlab.core.model.containers import DOCKER_HUB, ContainerRegistryReference, Engines
from batchlab.drivers.dask.abandoned_containers import remove_containers

__all__ = ["RUN_LABEL", "ContainerEngine", "EngineFailed", "NoEngine", "find_engine",
           "last_words"]  # fmt: skip

RUN_LABEL = "batchlab.run"
ANSWER_S = 10.0
"""How long an engine may take to answer."""
PULL_S = 3600.0
"""How long an image may take to arrive."""
FORGET_S = 10.0
"""How long it is remembered that there is no engine."""
_POLL_S = 0.1
_INSTALL = "install podman (on Debian and Ubuntu: apt-get install podman), then reboot the node"

Wanted = Callable[[], bool]


class NoEngine(Exception):
    """The machine runs no containers; the message says why, and what to install."""


class EngineFailed(Exception):
    """An engine refused a call, did not answer in time, or was no longer needed."""


class ContainerEngine:
    """An engine on this machine.

    Parameters
    ----------
    name : {"podman", "docker"}
    program : str
        The path of its command line.
    """

    def __init__(self, name: str, program: str) -> None:
        self.name = name
        self.program = program

    def __repr__(self) -> str:
        return f"ContainerEngine({self.name!r}, {self.program!r})"

    def check(self) -> None:
        """Raise `EngineFailed` unless it can run containers, as far as that shows."""
        about = "{{.Host.OCIRuntime.Name}}" if self.name == "podman" else "{{.ServerVersion}}"
        self.call("info", "--format", about)

    def call(
        self, *words: str, limit_s: float = ANSWER_S, wanted: Wanted = lambda: True,
        environment: Mapping[str, str] | None = None,
    ) -> str:  # fmt: skip
        """Return what a command of the engine prints; raises `EngineFailed`."""
        until = time.monotonic() + limit_s
        try:
            process = subprocess.Popen(
                [self.program, *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                stderr=subprocess.PIPE, text=True, errors="replace", start_new_session=True,
                env=environment,
            )  # fmt: skip
        except OSError as error:
            raise EngineFailed(f"{self.program} cannot be started: {error.strerror}") from None
        with process:
            while True:
                try:
                    out, err = process.communicate(timeout=_POLL_S)
                    break
                except subprocess.TimeoutExpired:
                    late = time.monotonic() > until
                    if late or not wanted():
                        with contextlib.suppress(ProcessLookupError):
                            os.killpg(process.pid, signal.SIGKILL)
                        process.communicate()
                        why = f"did not answer within {limit_s:.0f} s" if late else "was stopped"
                        raise EngineFailed(f"{self.name} {words[0]} {why}") from None
        if process.returncode:
            raise EngineFailed(
                last_words(err).removeprefix("Error: ") or f"{self.name} {words[0]} failed"
            )
        return out

    # -- images ----------------------------------------------------------------------------------

    def has(self, image: str) -> bool:
        """Whether an image is on this machine."""
        try:
            self.call("image", "inspect", "--format", "{{.Id}}", image)
        except EngineFailed:
            return False
        return True

    def pull(
        self, image: str, registry: ContainerRegistryReference | None, wanted: Wanted,
        environment: Mapping[str, str], folder: str,
    ) -> None:  # fmt: skip
        """Pull an image; raises `EngineFailed`. `folder` is for the password, for that time."""
        with _credentials(registry, folder) as path:
            before, after = [], []
            if path is not None and self.name == "podman":
                after = ["--authfile", path]
            elif path is not None:
                before = ["--config", os.path.dirname(path)]
            self.call(*before, "pull", "--quiet", *after, image, limit_s=PULL_S, wanted=wanted,
                      environment=environment)  # fmt: skip

    # -- containers ------------------------------------------------------------------------------

    def run_words(self, user: str) -> list[str]:
        """Return the start of the command that runs a container and shows what it writes."""
        words = [self.program, "run", "--rm", "--pull=never", "--log-driver=none", "--user", user]
        if self.name == "podman":
            words += ["--security-opt", "label=disable"]
            for name, most in _limits().items():
                words += ["--ulimit", f"{name}={most}:{most}"]
        return words

    def remove(self, label: str, value: str) -> None:
        """Kill and remove the containers with a label, until none is left; never raises."""
        remove_containers(self.program, label, value)


def _limits() -> dict[str, int]:
    """The node's own limits: Podman asks for more, which only a privileged process can have."""
    found = {}
    for name, number in (("nofile", resource.RLIMIT_NOFILE), ("nproc", resource.RLIMIT_NPROC)):
        most = resource.getrlimit(number)[1]
        with contextlib.suppress(OSError, ValueError):
            if name == "nproc":
                with open("/proc/sys/kernel/pid_max", encoding="ascii") as file:
                    pids = int(file.read())
                most = pids if most == resource.RLIM_INFINITY else min(most, pids)
        if most != resource.RLIM_INFINITY:
            found[name] = most
    return found


def last_words(text: str) -> str:
    """The last line that an engine wrote, but for advice on where to read more."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    lines = [line for line in lines if not line.startswith(("See '", "Run '"))] or lines
    return lines[-1] if lines else ""


@contextlib.contextmanager
def _credentials(registry: ContainerRegistryReference | None, folder: str) -> Iterator[str | None]:
    """A file to log in with, as long as it is needed: a command line is public."""
    if registry is None or registry.username is None:
        yield None
        return
    password = registry.password.reveal() if registry.password else ""
    given = f"{registry.username}:{password}".encode()
    server = registry.registry_server.split("://", 1)[-1].rstrip("/")
    servers = [server, "https://index.docker.io/v1/"] if server == DOCKER_HUB else [server]
    auths = {each: {"auth": base64.b64encode(given).decode()} for each in servers}
    with tempfile.TemporaryDirectory(prefix="registry-", dir=folder) as private:  # 0700
        path = f"{private}/config.json"
        with open(path, "w", encoding="ascii") as file:
            json.dump({"auths": auths}, file)
        yield path


# -- which engine there is ----------------------------------------------------------------------

_lock = threading.Lock()
_found: dict[tuple[str, str], ContainerEngine] = {}
_missing: dict[tuple[str, str], tuple[float, str]] = {}


def find_engine(wanted: Engines) -> ContainerEngine:
    """Find the engine of this machine; raises `NoEngine`.

    Parameters
    ----------
    wanted : {"auto", "podman", "docker"}
        ``auto`` takes Podman if it works, else Docker.
    """
    key = wanted, os.environ.get("PATH", "")
    with _lock:
        if key not in _found:
            since, why = _missing.get(key, (0.0, ""))
            if why and time.monotonic() - since < FORGET_S:
                raise NoEngine(why)
            names: Sequence[str] = ("podman", "docker") if wanted == "auto" else (wanted,)
            try:
                _found[key] = _first(names)
            except NoEngine as error:
                _missing[key] = time.monotonic(), str(error)
                raise
        return _found[key]


def _first(names: Sequence[str]) -> ContainerEngine:
    reasons = []
    for name in names:
        program = shutil.which(name)
        if program is None:
            reasons.append(f"there is no program {name!r}")
            continue
        engine = ContainerEngine(name, program)
        try:
            engine.check()
        except EngineFailed as error:
            reasons.append(f"{name} does not work: {error}")
        else:
            return engine
    raise NoEngine(
        f"the node runs no containers: {', and '.join(reasons)}. To run some, {_INSTALL}"
    )
