"""The life of a run on simulated nodes: start, waits, end, upload, report.

This is a part of the world (`batchlab.drivers.simulated.world`), which schedules the events.
"""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import partial
from math import inf
from typing import Any

import msgspec

from batchlab.core.machine import Settings
from batchlab.core.messages import facts, outputs
from batchlab.core.model import OutputFile, TaskContainerExecutionInfo
from batchlab.core.model.values import FailureInfo, wall_clock_exceeded
from batchlab.core.tasks.environment import environment
from batchlab.drivers.launches import LaunchFailed
from batchlab.drivers.simulated.around import Steps
from batchlab.drivers.simulated.container_disk import ContainerDisk
from batchlab.drivers.simulated.equipment import SimulatedEquipment
from batchlab.drivers.simulated.machines import Machine, SimulatedRun
from batchlab.drivers.simulated.resources import upload, upload_seconds
from batchlab.drivers.simulated.shell.commands import Shell
from batchlab.storage.stores import BlobStore

__all__ = ["SHORTEST_S", "Happening", "Runner", "fact"]

SHORTEST_S = 0.01
KILL_S = 0.1

Happening = Callable[[Any], facts.Report | None]
Exited = facts.RunExited | None


class Runner(ABC):
    """The part of a world that handles runs."""

    settings: Settings
    store: BlobStore
    equipment: SimulatedEquipment
    _now: float
    _nodes: dict[str, Machine]
    _shell: Shell

    @abstractmethod
    def _disk_full(self, node_id: str) -> facts.Report | None:
        """Take a node out of service whose disk is full; a `Happening`."""

    @abstractmethod
    def _arrange(self, when: float, happen: Happening, subject: Any) -> None:
        """Schedule an event."""

    def _start_run(self, start_run: outputs.StartRun) -> None:
        run_id, now = start_run.run_id, self._now
        node = self._nodes.get(run_id.node_id)
        if node is None or not node.up:
            reason = "The node no longer exists"
            lost = FailureInfo(category="ServerError", code="Unknown", message=reason)
            self._arrange(now, fact, facts.RunExited(run_id=run_id, failure=lost))
            return
        limit = start_run.time_limit_s
        run = SimulatedRun(start_run, node, now, inf if limit is None else now + limit)
        node.begin(run)
        node.log.run_begins(now, start_run)
        node.disk.note_run(start_run.directory, now)
        if start_run.failure is not None:
            self._end(run, facts.RunExited(run_id=run_id, failure=start_run.failure))
            return
        try:
            self.equipment.provide(node, start_run, now)
            if start_run.coordination is None:
                run.steps = self._launch(run, start_run)
            else:
                launch = partial(self._launch, run)
                run.steps = _subtask_steps(start_run, launch, lambda: self._coordinated(run))
        except LaunchFailed as error:
            self._end(run, facts.RunExited(run_id=run_id, failure=error.failure))
        else:
            self._go_on(run)

    def _launch(self, run: SimulatedRun, start_run: outputs.StartRun) -> Steps:
        """Begin what a run was commanded to do, or a part of it."""
        node, container = run.node, start_run.container
        disk = node.disk if container is None else ContainerDisk(node.disk, start_run)
        steps, load = self._shell.launch(
            start_run,
            disk,
            lambda: environment(run.start_run, node.facts(self.settings)),
            node.new_since,
        )
        node.set_load(run, load)
        if container is None:
            return steps
        pull_s = self.equipment.pull_s(node, container.image_name, self._now)
        return _after(pull_s, steps, lambda: self._contained(run))

    def _contained(self, run: SimulatedRun) -> None:
        report = facts.RunContained(run_id=run.id, container=_container_of(run, "running"))
        self._arrange(max(self._now, run.begun + SHORTEST_S), fact, report)

    def _coordinated(self, run: SimulatedRun) -> None:
        report = facts.RunCoordinated(run_id=run.id)
        self._arrange(max(self._now, run.begun + SHORTEST_S), fact, report)

    def _start_application(self, command: outputs.StartApplication) -> None:
        node = self._nodes.get(command.run_id.node_id)
        run = node.runs.get(command.run_id) if node else None
        if run is not None:
            self._arrange(self._now, self._go_on, run)

    def _go_on(self, run: SimulatedRun) -> Exited:
        """Continue a run until it next waits or ends."""
        if run.steps is None:
            return None
        try:
            when = self._now + next(run.steps)
        except StopIteration as ended:
            return self._process_ended(run, facts.RunExited(run_id=run.id, exit_code=ended.value))
        except LaunchFailed as error:
            return self._end(run, facts.RunExited(run_id=run.id, failure=error.failure))
        if when > run.limit:
            self._arrange(run.limit, self._time_over, run)
        elif when != inf:
            self._arrange(when, self._go_on, run)
        return None

    def _process_ended(self, run: SimulatedRun, result: facts.RunExited) -> Exited:
        """End a run whose process has ended, when its output files have been uploaded."""
        files, code = run.start_run.output_files, result.exit_code or 0
        wanted = [output for output in files if output.wanted(code)] if files else []
        if not wanted:
            return self._end(run, result)
        run.result = result
        seconds = upload_seconds(run.node.disk, run.start_run.directory)
        self._arrange(self._now + seconds, self._uploaded, (run, wanted))
        return None

    def _uploaded(self, work: tuple[SimulatedRun, list[OutputFile]]) -> Exited:
        run, wanted = work
        if run.steps is None or run.result is None:
            return None  # it was cancelled meanwhile
        variables = environment(run.start_run, run.node.facts(self.settings))
        failure = upload(wanted, run.start_run, run.node.disk, self._now, self.store, variables)
        result = msgspec.structs.replace(run.result, failure=run.result.failure or failure)
        return self._end(run, result)

    def _end(self, run: SimulatedRun, result: facts.RunExited) -> Exited:
        """End a run now or, if it has only just started, shortly after."""
        run.steps, run.result = None, result
        soonest = run.begun + SHORTEST_S
        if self._now >= soonest:
            return self._exited(run)
        self._arrange(soonest, self._exited, run)
        return None

    def _time_over(self, run: SimulatedRun) -> Exited:
        if run.steps is None:
            return None
        failure = wall_clock_exceeded(run.limit - run.begun)
        result = facts.RunExited(run_id=run.id, exit_code=137, failure=failure)
        return self._process_ended(run, result)

    def _exited(self, run: SimulatedRun) -> Exited:
        if not run.node.ended(run, self._now):
            return None
        result = run.result
        if result is not None:
            run.node.log.run_ends(self._now, result)
            if run.node.disk.is_full:
                self._arrange(self._now, self._disk_full, run.node.id)
            if result.exit_code is not None and run.start_run.container is not None:
                return msgspec.structs.replace(result, container=_container_of(run, "exited"))
        return result

    def _cancel_run(self, command: outputs.CancelRun) -> None:
        node = self._nodes.get(command.run_id.node_id)
        run = node.runs.get(command.run_id) if node else None
        if run is None or run.steps is None:
            return  # it has just ended on its own
        code = run.result.exit_code if run.result else 137  # only its upload is unfinished
        result = facts.RunExited(run_id=run.id, exit_code=code, cancelled=True)
        run.steps, run.result = None, result
        self._arrange(self._now + KILL_S, self._exited, run)


def fact(report: facts.Report) -> facts.Report:
    """Send a report that was determined when it was scheduled; a `Happening`."""
    return report


def _after(seconds: float, steps: Steps, begun: Callable[[], None]) -> Steps:
    """Wait until an image is there, then run a command."""
    if seconds:
        yield seconds
    begun()
    return (yield from steps)


def _container_of(run: SimulatedRun, state: str) -> TaskContainerExecutionInfo:
    """The container of a run whose command ran in one; its id is as long as a real one."""
    words = f"{run.node.id} {run.id} {run.begun}"
    container_id = hashlib.sha256(words.encode()).hexdigest()
    return TaskContainerExecutionInfo(container_id=container_id, state=state)


def _subtask_steps(
    start_run: outputs.StartRun,
    launch: Callable[[outputs.StartRun], Steps],
    coordinated: Callable[[], None],
) -> Steps:
    """Run the coordination command of a subtask, then possibly the application command.

    In between, the subtask waits indefinitely, like a background process that the coordination
    command started on a real node; the world continues the primary when all subtasks are ready.
    """
    coordination = start_run.coordination
    assert coordination is not None
    code = yield from launch(
        msgspec.structs.replace(start_run, command_line=coordination.command_line)
    )
    if code:
        return code
    coordinated()
    yield inf
    return (yield from launch(msgspec.structs.replace(start_run, coordination=None)))
