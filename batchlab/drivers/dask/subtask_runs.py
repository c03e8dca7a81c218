"""A subtask of a multi-instance task on its node: a coordination command and its services.

The coordination command may leave services running, but must return. The services then run until
the run is cancelled, its time limit is reached or, on the primary, the application command has
ended; then all remaining processes of both are killed. The coordination command is not reaped
before, so that no other process can get the ID of its process group.
"""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

from batchlab.core.messages.facts import RunCoordinated
from batchlab.core.messages.outputs import Coordination
from batchlab.drivers.dask.processes import Process, split_command
from batchlab.drivers.dask.resources import fetch
from batchlab.drivers.dask.runs import Ending, NodeRun

__all__ = ["SubtaskRun"]

KILLED = 137
"""Exit code of a run that was ended while it was waiting: the same as for a killed process."""


class SubtaskRun(NodeRun):
    """The run of a subtask.

    Parameters
    ----------
    coordination : Coordination
    *args
        The arguments of `NodeRun`.
    """

    _repeats = False  # its coordination command may have run

    def __init__(self, coordination: Coordination, *args: Any) -> None:
        super().__init__(*args)
        self._coordination = coordination
        self._service: Process | None = None
        self._killed = False  # whether the coordination command was killed before it returned
        self._go_on = threading.Event()

    def begin_application(self) -> None:
        """Start the application command: all subtasks are coordinated. Does not block."""
        self._go_on.set()

    def _ends_now(self, why: Ending) -> bool:
        if self._service is None or self._process is not None or self._code is not None:
            return super()._ends_now(why)
        if not self._over and self._ending is None:
            self._ending = why
            self._killed = self._service.kill()
            self._go_on.set()
        return False

    def _perform(self) -> None:
        coordination, start_run = self._coordination, self.start_run
        words = split_command(coordination.command_line)
        variables = self._make_ready()
        directory, shared = variables["AZ_BATCH_TASK_DIR"], variables["AZ_BATCH_TASK_SHARED_DIR"]
        self._equip(variables)
        if self._owner is not None:
            self._owner.share(shared)
        fetch(coordination.resource_files, shared, self._wanted, self._store, self._owner)
        fetch(start_run.resource_files, f"{directory}/wd", self._wanted, self._store, self._owner)
        streams = f"{directory}/"
        if not coordination.subtask:
            streams += "coordination-"
            for name in ("stdout.txt", "stderr.txt"):  # of the application, readable from now on
                Path(directory, name).touch()
        container = self._pack(words)
        with self._lock:
            if self._ending is not None:
                return
            self._service = self._spawn(container, words, directory, variables, streams)
        self._begun(self._service, container)
        began = self.began
        try:
            code = self._service.returned()
            self._unpack(container, code, f"{streams}stderr.txt")
            failed = code != 0 and not self._killed
            if code == 0 and not self._killed:
                self._report(RunCoordinated(run_id=start_run.run_id))
                code = self._apply(directory, variables)
        finally:
            self._process_id = None
            self._service.clear(lambda pid: self._meter.ended(pid, began))
        self._conclude(code, variables, failed=failed)

    def _apply(self, directory: str, variables: dict[str, str]) -> int:
        """Wait, then run the application unless the run was ended; return the exit code."""
        self._go_on.wait()
        if self._ending is not None:
            return KILLED
        process = self._launch(self._words(), directory, variables)
        if process is None:
            return KILLED
        self._begun(process, self._container)
        code = process.wait(self._last_look)
        self._unpack(self._container, code, f"{directory}/stderr.txt")
        return code
