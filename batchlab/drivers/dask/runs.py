"""One run on a node: its folders, its files, its process, and its result.

A run has a thread, which blocks whenever it must wait, or a spawner (see `plain_runs`). Meanwhile
the node's loop may end the run, because it was cancelled or reached its time limit: its process is
then killed with all its descendants, and the run continues as after any exit. Before the process
starts, there is nothing to kill, so the run ends immediately, and the thread notices that later.
The same applies after the process, while output files are uploaded; the time limit of the run does
not include the upload.
"""

from __future__ import annotations

import errno
import logging
import sys
import threading
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Literal

import msgspec

from batchlab.core.messages.facts import Report, RunContained, RunExited
from batchlab.core.messages.outputs import StartRun
from batchlab.core.model import TaskContainerExecutionInfo
from batchlab.core.model.common import ENTRY_POINT
from batchlab.core.model.values import FailureInfo, NodeUsage, wall_clock_exceeded
from batchlab.core.tasks.environment import NodeFacts, environment
from batchlab.drivers import calls
from batchlab.drivers.archives import PackageFailed
from batchlab.drivers.calls import PROGRAM
from batchlab.drivers.dask.containers import ContainedCommand, NodeContainers
from batchlab.drivers.dask.equipment import Equipment
from batchlab.drivers.dask.meter import Meter
from batchlab.drivers.dask.processes import Process, split_command
from batchlab.drivers.dask.resources import DownloadFailed, fetch
from batchlab.drivers.dask.spawner import make_directories
from batchlab.drivers.dask.uploads import upload
from batchlab.drivers.launches import LaunchFailed, is_exhausted
from batchlab.storage.stores import BlobStore
from batchlab.storage.uploads import ERR, OUT

if TYPE_CHECKING:
    from batchlab.drivers.dask.spawned import Spawned
    from batchlab.drivers.dask.users import NodeUsers, Owner

__all__ = ["Ending", "NodeRun", "measure_runs", "node_failure"]

logger = logging.getLogger("batchlab")

Ending = Literal["cancelled", "expired"]

_CALL = [sys.executable, "-P", calls.__file__]
"""The command for a Python task: a file, because importing the package takes longer."""


PATIENCE_S = 30.0
"""How long a node that has run out of processes, files or memory tries to begin a run."""
LONGEST_PAUSE_S = 1.0


class NodeRun:
    """A run in progress.

    Parameters
    ----------
    start_run : StartRun
    node : NodeFacts
    inherited : dict of str
        The environment variables that runs inherit from the node's process.
    report : callable
        Called from any thread, with a report of how far the run has come.
    done : callable
        Called once, from any thread, with the `RunExited`.
    meter : Meter
        Records the resource usage of runs.
    store : BlobStore or None
        The lab's storage, for runs with files in containers.
    equipment : Equipment
        The node's application packages and certificates.
    containers : NodeContainers
        The node's engine, for runs in containers.
    users : NodeUsers, optional
        The users of the node, if the lab isolates users.

    Attributes
    ----------
    began : float
        When the process was spawned, on the monotonic clock.
    ended : float
        When it ended, if that was noted; 0 otherwise.
    container : ContainedCommand or None
        The container that the process runs.
    """

    _repeats = True
    """Whether a run can begin again on its node."""

    def __init__(
        self,
        start_run: StartRun,
        node: NodeFacts,
        inherited: dict[str, str],
        report: Callable[[Report], None],
        done: Callable[[NodeRun, RunExited], None],
        meter: Meter,
        store: BlobStore | None,
        equipment: Equipment,
        containers: NodeContainers,
        users: NodeUsers | None = None,
    ) -> None:
        self.start_run = start_run
        self._node = node
        self._inherited = inherited
        self._report = report
        self._done = done
        self._store = store
        self._equipment = equipment
        self._containers = containers
        self._container: ContainedCommand | None = None
        self.container: ContainedCommand | None = None
        self._container_info: TaskContainerExecutionInfo | None = None
        self._failure: FailureInfo | None = None  # of a container that never ran its command
        self._users = users
        self._owner: Owner | None = None
        self._lock = threading.Lock()
        self._over = False
        self._ending: Ending | None = None
        self._process: Process | Spawned | None = None
        self._code: int | None = None
        self._meter = meter
        self._process_id: int | None = None
        self._logs = (OUT, ERR) if start_run.output_files else ()
        self.began = self.ended = 0.0

    @property
    def process_id(self) -> int | None:
        """The ID of the run's process and session, while it exists."""
        return self._process_id

    def execute(self) -> None:
        """Carry out the run; blocks until it is over.

        A node that has no process, file or memory left for it is asked again for a while.
        """
        if self._over:
            return
        if self.start_run.failure is not None:
            self._exited(None, self.start_run.failure, None)
            return
        patient_until, pause_s = time.monotonic() + PATIENCE_S, 0.1
        while not self._over:
            try:
                self._perform()
                return
            except (LaunchFailed, DownloadFailed, PackageFailed) as error:
                failure, exhausted = error.failure, is_exhausted(error)
                exhausted = exhausted or getattr(error, "exhausted", False)
            except OSError as error:
                failure, exhausted = node_failure(error), is_exhausted(error)
            except Exception as error:  # of batchlab; without a report, the run would never end
                logger.exception("the run %s failed", self.start_run.run_id)
                if self._process is not None:
                    self._process.kill()
                failure, exhausted = node_failure(error), False
            if not (exhausted and self._repeats and time.monotonic() < patient_until):
                self._exited(None, failure, None, node_fault=exhausted)
                return
            time.sleep(pause_s)
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)

    def _perform(self) -> None:
        words, directory, variables = self._prepare()
        process = self._launch(words, directory, variables)
        if process is not None:
            self._begun(process, self._container)
            code = process.wait(self._last_look)
            self._unpack(self._container, code, f"{directory}/stderr.txt")
            self._conclude(code, variables)

    def _conclude(self, code: int, variables: dict[str, str], *, failed: bool = False) -> None:
        """Upload the output files of a command that has run, and report the end.

        If it `failed` on its own, a later request to end it does not matter.
        """
        failure = self._failure
        if self.start_run.output_files and failure is None:
            failure = self._upload(code, variables)
        with self._lock:
            ending = None if failed else self._ending
        self._exited(code if self._failure is None else None, failure, ending)

    def _begun(self, process: Process, container: ContainedCommand | None) -> None:
        """Note a process and, once its container is there, report that."""
        self.began, self._process_id = time.monotonic(), process.pid
        self.container = container
        if container is not None and (info := container.begun(process.has_ended)):
            self._report(RunContained(run_id=self.start_run.run_id, container=info))

    def _last_look(self, pid: int) -> None:
        self._meter.ended(pid, self.began)
        self._process_id = None

    def end(self, why: Ending) -> None:
        """Kill the run, or prevent its start. Does not block."""
        with self._lock:
            if not self._ends_now(why):
                return
        self._exited(self._code, None, why)

    def _ends_now(self, why: Ending) -> bool:
        """Kill the process; return True if there is none and the run is over. Needs the lock."""
        if self._over or self._ending == "cancelled":
            return False
        if self._code is not None:
            if why == "expired":
                return False  # the process has ended in time
        elif self._ending is not None:
            return False
        elif self._process is not None:
            if self._process.kill():
                self._ending = why
            return False
        self._ending = why
        return True

    def _prepare(self) -> tuple[list[str], str, dict[str, str]]:
        start_run, words = self.start_run, self._words()
        variables = self._make_ready()
        self._equip(variables)
        if start_run.resource_files:
            working = variables["AZ_BATCH_TASK_WORKING_DIR"]
            fetch(start_run.resource_files, working, self._wanted, self._store, self._owner)
        return words, variables["AZ_BATCH_TASK_DIR"], variables

    def _words(self) -> list[str]:
        """Return the words of the command line; a Python task gets this node's program."""
        if self.start_run.command_line == ENTRY_POINT:
            return []
        words = split_command(self.start_run.command_line)
        if words[:1] == [PROGRAM]:
            words[:1] = _CALL
        return words

    def _equip(self, variables: dict[str, str]) -> None:
        """Provide the certificates and application packages that the run needs."""
        equipment, certificates = self._equipment, variables["AZ_BATCH_CERTIFICATES_DIR"]
        equipment.place_certificates(self.start_run.kind, certificates)
        if self._owner is not None:
            self._owner.give_all(certificates)
        equipment.install(self.start_run.application_packages, self._wanted)

    def _make_ready(self) -> dict[str, str]:
        """Create the folders of the run for its user; return its environment variables."""
        start_run, node, inherited = self.start_run, self._node, self._inherited
        if self._users is not None:
            directory = f"{node.root_directory}/{start_run.directory}"
            self._owner = self._users.make_directory(directory, start_run.user)
            inherited = self._owner.environment(inherited, f"{directory}/wd")
            if not self._owner.is_root:
                node = msgspec.structs.replace(node, service="")
        variables = environment(start_run, node, inherited)
        make_directories(variables, self._logs)
        if self._owner is not None:
            self._owner.give(variables["AZ_BATCH_TASK_WORKING_DIR"], 0o750)
        return variables

    def _wanted(self) -> bool:
        return self._ending is None

    def _launch(
        self, words: list[str], directory: str, variables: dict[str, str]
    ) -> Process | None:
        self._container = self._pack(words)
        with self._lock:
            if self._ending is not None:
                return None
            self._process = process = self._spawn(
                self._container, words, directory, variables, f"{directory}/"
            )
            return process

    def _spawn(
        self, container: ContainedCommand | None, words: list[str], directory: str,
        variables: dict[str, str], streams: str,
    ) -> Process:  # fmt: skip
        """Spawn a command, or the engine's program that runs it in a container."""
        owner = self._owner
        if container is not None:
            words, variables, owner = container.words, container.environment, None
        return Process(
            words, f"{directory}/wd", variables,
            f"{streams}stdout.txt", f"{streams}stderr.txt", owner,
        )  # fmt: skip

    def _pack(self, words: list[str]) -> ContainedCommand | None:
        """Put a command into a container, if the run is to have one, with its image there."""
        settings = self.start_run.container
        if settings is None:
            return None
        self._containers.provide(settings.image_name, settings.registry, self._wanted)
        user = None if self._owner is None else (self._owner.uid, self._owner.gid)
        return ContainedCommand(self._containers, self.start_run, self._node, words, user)

    def _unpack(self, container: ContainedCommand | None, code: int, stderr: str) -> None:
        """Clear away what is left of a container, and note what it was."""
        if container is not None:
            killed = self._ending is not None
            self._failure, self._container_info = container.ended(code, killed, stderr)

    def _upload(self, code: int, variables: dict[str, str]) -> FailureInfo | None:
        outputs = [output for output in self.start_run.output_files if output.wanted(code)]
        with self._lock:
            if self._ending == "cancelled" or not outputs or self._store is None:
                return None
            self._code = code
        root = self._node.root_directory
        return upload(
            outputs, self._store, root, variables, lambda: self._ending != "cancelled",
            self._owner,
        )  # fmt: skip

    def _exited(
        self, code: int | None, failure: FailureInfo | None, ending: Ending | None,
        *, node_fault: bool = False,
    ) -> None:  # fmt: skip
        with self._lock:
            if self._over:
                return
            self._over = True
        if ending == "expired":
            failure = wall_clock_exceeded(self.start_run.time_limit_s or 0)
        self._done(
            self,
            RunExited(
                run_id=self.start_run.run_id,
                exit_code=code,
                failure=failure,
                cancelled=ending == "cancelled",
                node_fault=node_fault,
                container=self._container_info,
            ),
        )


def measure_runs(meter: Meter, runs: Iterable[NodeRun]) -> NodeUsage:
    """Measure runs, those in containers by what runs inside; blocks."""
    began, inside = {}, {}
    for run in runs:
        pid, container = run.process_id, run.container
        if pid is not None:
            began[pid] = run.began
            if container is not None and (process_id := container.find_process()):
                inside[pid] = process_id
    return meter.measure(began, inside)


def node_failure(error: Exception) -> FailureInfo:
    """Return why a run failed that its node could not begin."""
    full = isinstance(error, OSError) and error.errno == errno.ENOSPC
    reason = getattr(error, "strerror", None) or f"{type(error).__name__}: {error}"
    return FailureInfo(
        category="ServerError",
        code="DiskFull" if full else "CommandLaunchFailed",
        message=f"The node could not prepare the task: {reason}",
        details={"Message": str(error)},
    )
