"""Runs in containers: the command of a run, rewritten so that an engine runs it in an image.

As in Azure, a container sees the node's directories at the paths where the node has them, so all
``AZ_BATCH_`` variables mean the same inside; they are also at `AZURE_ROOT`, which many images have
written in them. The engine's program is the run's process: it writes what the container writes,
and exits with its exit code. The values of variables go through its environment, as a command
line is public.

Ending the engine's program does not end its container. So a container is removed by its label
whenever its program was killed, and its node's label lets the next boot and the watchdog find it.
"""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import threading
import time
import uuid
from collections.abc import Callable, Mapping

import psutil

from batchlab.core.messages.outputs import StartRun, no_containers
from batchlab.core.model import (
    ContainerConfiguration,
    ContainerRegistryReference,
    TaskContainerExecutionInfo,
    TaskContainerSettings,
)
from batchlab.core.model.containers import Engines, mounted
from batchlab.core.model.values import FailureInfo
from batchlab.core.tasks.environment import PASSED_ON, SERVICE, NodeFacts, environment
from batchlab.drivers.dask.abandoned_containers import NODE_LABEL, clear_node
from batchlab.drivers.dask.engines import (
    RUN_LABEL,
    ContainerEngine,
    EngineFailed,
    NoEngine,
    Wanted,
    find_engine,
    last_words,
)
from batchlab.drivers.dask.watchdog import engine_file
from batchlab.drivers.launches import LaunchFailed

__all__ = ["AZURE_ROOT", "ContainedCommand", "NodeContainers"]

AZURE_ROOT = "/mnt/batch/tasks"
"""Where Azure's nodes have their root."""

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.02, 0.5
"""Between two looks for a new container."""

_OWN = re.compile(
    r"HOME|PATH|TMPDIR|_|[A-Z]+_PROXY|[a-z]+_proxy|(LD|XDG|DOCKER|CONTAINERS?|PODMAN|STORAGE|SSL|"
    r"LISTEN)_.*|GO.*|NOTIFY_SOCKET"
)
"""Variables that mean something to an engine's program, so that their values go as words."""
_NETWORK = re.compile(r"--net(work)?(=.*)?")
_DETACHED = re.compile(r"-[dit]*d[dit]*|--detach(=.*)?|--cidfile(=.*)?")
_REFUSED = re.compile(
    r"(Error|docker|podman): .*(OCI|runc|crun|conmon|container|workdir|executable|rootless|"
    r"slirp4netns|pasta|netavark|plugin type=)"
)
_UNREACHED = re.compile(
    r"(?i)unauthorized|authentication|incorrect username|denied|no such host|connection refused|"
    r"dial tcp|invalid registry|x509|timeout"
)
_LOST = (
    "the password for {} was lost when the lab was opened again, because it is kept in memory "
    "only: create the pool or the task that has it again"
)
_MESSAGES = {
    "ContainerInvalidImage": "One or more container images specified are invalid",
    "ContainerInvalidRegistry": "One or more container registries specified are invalid",
    "ContainerInvalidSettings":
        "At least one value of specified task container settings is invalid",
    "CommandProgramNotFound": "The specified command program is not found",
    "CommandLaunchFailed": "Failed to launch the specified command line",
}  # fmt: skip


def _failed(code: str, reason: str, **details: str) -> LaunchFailed:
    return LaunchFailed(
        FailureInfo(
            category="UserError", code=code, message=_MESSAGES[code],
            details={**details, "Message": reason},
        )
    )  # fmt: skip


class NodeContainers:
    """The engine of a node, its images, and its containers.

    Parameters
    ----------
    wanted : {"auto", "podman", "docker"}
    root : str
        The node's root.
    inherited : mapping
        The environment of the node. The engine's program has it, too, without what only leads
        commands to services on this machine.
    """

    def __init__(self, wanted: Engines, root: str, inherited: Mapping[str, str]) -> None:
        self._wanted = wanted
        self.root = root
        names = inherited.get(PASSED_ON, "").split()
        self.passed_on = {name: inherited[name] for name in names if name in inherited}
        own = {name: value for name, value in inherited.items() if name not in self.passed_on}
        self.inherited = {**own, "AZ_BATCH_NODE_ROOT_DIR": root}
        self._engine: ContainerEngine | None = None
        self._pulls: dict[str, threading.Lock] = {}
        self._lock = threading.Lock()

    def engine(self) -> ContainerEngine:
        """Return the engine; raises `LaunchFailed` if there is none."""
        if self._engine is None:
            try:
                engine = find_engine(self._wanted)
            except NoEngine as error:
                raise LaunchFailed(no_containers(str(error))) from None
            with open(engine_file(self.root), "w", encoding="utf-8") as file:
                file.write(engine.program)
            self._engine = engine
        return self._engine

    def failure(
        self, configuration: ContainerConfiguration | None, wanted: Wanted
    ) -> FailureInfo | None:
        """Have the images of a pool; return the failure, or None."""
        if configuration is None:
            return None
        try:
            self.engine()
            for image in configuration.container_image_names:
                self.provide(image, configuration.registry_of(image), wanted)
        except LaunchFailed as error:
            return error.failure
        return None

    def provide(
        self, image: str, registry: ContainerRegistryReference | None, wanted: Wanted
    ) -> None:
        """Have an image on the node: it is pulled unless it is there. Raises `LaunchFailed`."""
        engine = self.engine()
        with self._lock:
            lock = self._pulls.setdefault(image, threading.Lock())
        with lock:
            if engine.has(image):
                return
            if registry is not None and registry.password and not registry.password.is_kept:
                raise _failed(
                    "ContainerInvalidRegistry", _LOST.format(registry.registry_server),
                    ContainerRegistry=registry.registry_server,
                )  # fmt: skip
            try:
                engine.pull(image, registry, wanted, self.inherited, f"{self.root}/volatile")
                return
            except EngineFailed as error:
                reason = str(error)
        if registry is not None and registry.username and _UNREACHED.search(reason):
            raise _failed(
                "ContainerInvalidRegistry", reason, ContainerRegistry=registry.registry_server
            )
        raise _failed("ContainerInvalidImage", reason, ContainerImage=image)

    def clear(self) -> None:
        """Remove the containers of this boot of the node and of earlier ones."""
        clear_node(engine_file(self.root))


class ContainedCommand:
    """One command in a container.

    Parameters
    ----------
    containers : NodeContainers
    start_run : StartRun
        Has a `container`.
    node : NodeFacts
    words : list of str
        The command; none to run the entry point.
    user : tuple of int, optional
        The user and group it runs as; those of the node if omitted.

    Attributes
    ----------
    words : list of str
        The command that runs it.
    environment : dict of str
        The environment of that command.

    Raises
    ------
    LaunchFailed
        ``ContainerInvalidSettings``.
    """

    def __init__(
        self,
        containers: NodeContainers,
        start_run: StartRun,
        node: NodeFacts,
        words: list[str],
        user: tuple[int, int] | None = None,
    ) -> None:
        assert start_run.container is not None
        settings, engine = start_run.container, containers.engine()
        self._engine, self._name = engine, f"batchlab-{node.node_id}-{uuid.uuid4().hex[:12]}"
        self._id_file = f"{containers.root}/volatile/{self._name}"
        variables, options = environment(start_run, node), _options(settings)
        self._directory = variables["AZ_BATCH_TASK_DIR"]
        self._process: int | None = None
        uid, gid = user or _user_of(engine)
        run = engine.run_words(f"{uid}:{gid}")
        run += ["--name", self._name, "--cidfile", self._id_file]
        run += [
            "--label",
            f"{NODE_LABEL}={containers.root}",
            "--label",
            f"{RUN_LABEL}={self._name}",
        ]
        mounts = _mounts(settings, start_run, containers.root)
        for path, alias, mode in mounts:
            run += ["--volume", f"{path}:{path}:{mode}", "--volume", f"{path}:{alias}:{mode}"]
        if service := variables.get(SERVICE):
            socket = service.rpartition("#")[0]
            run += ["--volume", f"{socket}:{socket}"]
        if containers.passed_on and not any(map(_NETWORK.fullmatch, options)):
            variables = containers.passed_on | variables
            run += ["--network", "host"]
            for path in {each for each in containers.passed_on.values() if os.path.isfile(each)}:
                run += ["--volume", f"{path}:{path}:ro"]
        if settings.working_directory == "taskworkingdirectory":
            working = variables["AZ_BATCH_TASK_WORKING_DIR"]
            run += ["--workdir", working]
            if not any(f"{working}/".startswith(f"{path}/") for path, _, _ in mounts):
                run += ["--tmpfs", working]  # as with Docker, it is there, and empty
        self.environment = dict(containers.inherited)
        for name, value in variables.items():
            if (name in containers.inherited and containers.inherited[name] != value) or (
                _OWN.fullmatch(name)
            ):
                run += ["--env", f"{name}={value}"]
            else:
                self.environment[name] = value
                run += ["--env", name]
        self.words = [*run, *options, settings.image_name, *words]

    def begun(self, has_ended: Callable[[], bool]) -> TaskContainerExecutionInfo | None:
        """Wait until the container is there; None if its program has ended without one."""
        pause_s = FIRST_PAUSE_S
        while not (container_id := self._read_id()):
            if has_ended():
                return None
            time.sleep(pause_s)
            pause_s = min(1.5 * pause_s, LONGEST_PAUSE_S)
        return TaskContainerExecutionInfo(container_id=container_id, state="running")

    def find_process(self) -> int | None:
        """The first process in the container, if it is on this machine; asks the engine once."""
        if self._process is None and (container_id := self._read_id()):
            with contextlib.suppress(EngineFailed, ValueError, psutil.Error):
                words = ("inspect", "--format", "{{.State.Pid}}", container_id)
                process = psutil.Process(int(self._engine.call(*words)))
                # Docker may run containers elsewhere, where numbers mean other processes.
                if process.environ().get("AZ_BATCH_TASK_DIR") == self._directory:
                    self._process = process.pid
        return self._process

    def _read_id(self) -> str:
        with contextlib.suppress(OSError), open(self._id_file, encoding="ascii") as file:
            return file.read().strip()
        return ""

    def ended(
        self, code: int, killed: bool, stderr: str
    ) -> tuple[FailureInfo | None, TaskContainerExecutionInfo | None]:
        """Leave nothing of it behind; return why it never ran, if so, and what it was.

        Parameters
        ----------
        code : int
            What its program exited with.
        killed : bool
            Whether that was killed.
        stderr : str
            The file with the last words of the program.
        """
        if killed or code >= 125:
            self._engine.remove(RUN_LABEL, self._name)
        container_id = self._read_id()
        with contextlib.suppress(OSError):
            os.unlink(self._id_file)
        reason = "" if killed or code not in (125, 126, 127) else _last_line(stderr)
        if not reason or (container_id and not _REFUSED.match(reason)):
            if not container_id:
                return None, None
            return None, TaskContainerExecutionInfo(container_id=container_id, state="exited")
        kind = {126: "CommandLaunchFailed", 127: "CommandProgramNotFound"}.get(code)
        reason = reason.partition(": ")[2] or reason
        info = TaskContainerExecutionInfo(
            container_id=container_id, state="created" if container_id else "", error=reason
        )
        return _failed(kind or "ContainerInvalidSettings", reason).failure, info


def _user_of(engine: ContainerEngine) -> tuple[int, int]:
    """The node's own user, as the container sees it."""
    own = os.geteuid(), os.getegid()
    return (0, 0) if engine.name == "podman" else own  # root in a rootless container is this user


def _mounts(
    settings: TaskContainerSettings, start_run: StartRun, root: str
) -> list[tuple[str, str, str]]:
    """The node's directories that a container sees, where Azure has them, and the mode."""
    seen = mounted(settings, start_run.directory, start_run.preparation_directory)
    return [
        (f"{root}/{name}".rstrip("/"), f"{AZURE_ROOT}/{name}".rstrip("/"), "ro" if only else "rw")
        for name, only in seen.items()
        if os.path.isdir(f"{root}/{name}")
    ]


def _options(settings: TaskContainerSettings) -> list[str]:
    text = settings.container_run_options or ""
    try:
        words = shlex.split(text)
    except ValueError as error:
        reason = f"container_run_options {text!r} cannot be parsed: {error}"
        raise _failed("ContainerInvalidSettings", reason) from None
    for word in words:
        if _DETACHED.fullmatch(word):
            reason = f"container_run_options has {word!r}, which is not one of docker create"
            raise _failed("ContainerInvalidSettings", reason)
    return words


def _last_line(path: str) -> str:
    """The last words of an engine in a file, which may be long."""
    try:
        with open(path, "rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - 4096))
            return last_words(file.read().decode(errors="replace"))
    except OSError:
        return ""
