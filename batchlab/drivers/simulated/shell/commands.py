"""Runs command lines on simulated nodes, so that the same ones work as on real nodes.

A run is a generator: it yields the virtual seconds to wait, and returns its exit code. It reads
and writes files only when their time has come, so runs that share a folder see each other's files
as real ones do. As on real nodes, no shell interprets a command line: its words are literal unless
it is ``/bin/sh -c '...'``.

The shell understands the programs of `programs` and of `launchers`, the builtins of
`shell_builtins`, and the language of `script`. What no shell understands fails as in a real one.
Everything else is left to the workload and named on stderr; if a part of a script is not
understood, so is the whole script. An unknown program behaves as the workload says.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from random import Random

from batchlab.core.messages.outputs import StartRun
from batchlab.core.model.common import ENTRY_POINT
from batchlab.core.model.ids import RunId
from batchlab.drivers.calls import PROGRAM
from batchlab.drivers.launches import launch_failed
from batchlab.drivers.simulated import functions
from batchlab.drivers.simulated.around import Around, Steps, rules_failed
from batchlab.drivers.simulated.disk import ROOT, Disk
from batchlab.drivers.simulated.shell.arguments import not_found, program_of, split
from batchlab.drivers.simulated.shell.process import UNDERSTOOD, SimulatedProcess
from batchlab.drivers.simulated.shell.shell_builtins import BUILTINS
from batchlab.drivers.simulated.workload import Behavior, Launch, Load, Workload

__all__ = ["Shell"]


class Shell:
    """What all runs of a simulated lab share: the workload, the clock, and the random numbers."""

    def __init__(self, workload: Workload, clock: Callable[[], float], random: Random) -> None:
        self.workload = workload
        self.now = clock
        self.random = random

    def launch(
        self,
        start_run: StartRun,
        disk: Disk,
        environment: Callable[[], dict[str, str]],
        new_since: float,
    ) -> tuple[Steps, Load]:
        """Launch a run on a node that is new since a time; return its steps and its load.

        Raises `LaunchFailed`, immediately or from the steps.
        """
        describe = partial(self._describe, start_run.run_id, new_since)
        try:
            behavior = self.workload.of_run(start_run, describe)
        except Exception as error:  # the user's own function
            raise launch_failed("CommandLaunchFailed", rules_failed(error)) from None
        words: list[str] = []
        if behavior is None and start_run.command_line == ENTRY_POINT:
            behavior = self.workload.default
        if behavior is None:
            words = split(start_run.command_line)
            program = program_of(words[0])
            if program in BUILTINS:
                raise not_found(program)
            if program not in UNDERSTOOD:
                behavior = self.workload.default
        command, load = start_run.command_line, (behavior or self.workload.default).load
        calls = PROGRAM in command and command.split(maxsplit=1)[:1] == [PROGRAM]
        if behavior is not None and behavior.is_silent and not calls:
            return self._idle(behavior), load
        around = Around(self.workload, self.now, self.random, describe)
        process = SimulatedProcess(around, disk, f"{ROOT}/{start_run.directory}", environment)
        if calls:
            return functions.call(process, behavior or self.workload.default), load
        if start_run.coordination is not None and not start_run.coordination.subtask:
            process.divert("coordination-")
        steps = (
            process.run(words, top=True)
            if behavior is None
            else process.behave(behavior, top=True)
        )
        return steps, load

    def _describe(self, run_id: RunId, new_since: float, command: str) -> Launch:
        now = self.now()
        age = timedelta(seconds=now - new_since)
        return Launch(command, run_id, datetime.fromtimestamp(now, UTC), age)

    def _idle(self, behavior: Behavior) -> Steps:
        yield self.workload.seconds(behavior, self.random)
        return behavior.exit_code
