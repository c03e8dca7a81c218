"""Runs one core in one world of nodes.

The engine is the only one that calls `Core.handle`. Reports queue in an inbox; a turn drains it,
lets the driver obey all commands of the turn at once, publishes the changes and sets the one
timer. A driver that reports from inside `obey` only adds to the inbox. An unexpected error ends
the engine, not the process around it: inputs are no longer taken, the journal is kept, and every
later request is answered with a `LabFailed` that says where the journal is.

All entries are to be called on one thread.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from batchlab.core.answers.reasons import Reason
from batchlab.core.machine import Core
from batchlab.core.messages.inputs import DeadlineReached, Input, Report, Request
from batchlab.core.messages.outputs import Change, Command, RunKind, StartRun
from batchlab.core.messages.questions import Condition, Question
from batchlab.drivers.journal import Journal
from batchlab.drivers.ports import Driver
from batchlab.errors import BatchError, LabFailed

__all__ = ["Engine"]

logger = logging.getLogger("batchlab")

FAILING = "/bin/sh -c 'echo this failure was asked for; exit 1'"
"""What runs in the place of a command that is to fail."""

Watcher = Callable[[Sequence[Change]], None]


class Engine:
    """Feeds a core, and has its commands obeyed.

    Parameters
    ----------
    core : Core
    driver : Driver
        The world of nodes.
    journal : Journal, optional
        Where every input is written down.
    """

    def __init__(self, core: Core, driver: Driver, journal: Journal | None = None) -> None:
        self.core = core
        self.driver = driver
        self.journal = journal
        self.watchers: list[Watcher] = []
        self.failure: LabFailed | None = None
        self._inbox: deque[Report] = deque()
        self._turning = False
        self._to_fail: list[RunKind] = []

    def request(self, request: Request) -> None:
        """Carry a request out, or raise the `BatchError` that refuses it."""
        self.turn()
        self._raise_failure()
        commands: list[Command] = []
        changes: list[Change] = []
        self._handle(request, commands, changes)
        self._conclude(commands, changes)

    def report(self, *reports: Report) -> None:
        """Queue what has happened, and handle it unless a turn is under way."""
        self._inbox.extend(reports)
        if not self._turning:
            self.turn()

    def wake(self) -> None:
        """The timer that was set by `Driver.wake_at` has come."""
        self.report(DeadlineReached())

    def ask(self, question: Question) -> Any:
        """Answer a question; raises `NotFound` or `Conflict` as the question says."""
        self._raise_failure()
        return self.core.ask(question, self.driver.now())

    def met(self, condition: Condition) -> bool:
        """Whether a condition holds now."""
        self._raise_failure()
        return self.core.met(condition)

    def hopeless(self, condition: Condition) -> list[Reason]:
        """Why nothing under way can make a condition true; empty while there is hope."""
        self._raise_failure()
        return self.core.hopeless(condition)

    def fail_next(self, kind: RunKind) -> None:
        """Have the next run of a kind that starts fail, whatever its command: a trial."""
        self._raise_failure()
        self._to_fail.append(kind)

    def turn(self) -> None:
        """Handle all queued reports."""
        if self._turning:
            return
        if self.failure is not None:
            self._inbox.clear()
        if not self._inbox:
            return
        commands: list[Command] = []
        changes: list[Change] = []
        while self._inbox and self.failure is None:
            self._handle(self._inbox.popleft(), commands, changes)
        self._conclude(commands, changes)

    def _handle(self, item: Input, commands: list[Command], changes: list[Change]) -> None:
        now = self.driver.now()
        if self.journal is not None:
            self.journal.write(now, item)
        try:
            step = self.core.handle(now, item)
        except BatchError:
            raise
        except Exception as error:
            self._fail(error, item)
            if isinstance(item, Request):
                self._raise_failure()
            return
        commands += step.commands
        changes += step.changes

    def _conclude(self, commands: list[Command], changes: list[Change]) -> None:
        self._turning = True
        try:
            if commands:
                if self._to_fail:
                    commands = [self._spoilt(command) for command in commands]
                self.driver.obey(commands)
            self.driver.wake_at(self.core.next_deadline())
            if changes:
                for watcher in tuple(self.watchers):
                    watcher(changes)
        except Exception as error:
            self._fail(error, None)
        finally:
            self._turning = False
        if self._inbox:
            self.turn()

    def _spoilt(self, command: Command) -> Command:
        if not isinstance(command, StartRun) or command.kind not in self._to_fail:
            return command
        self._to_fail.remove(command.kind)
        return msgspec.structs.replace(command, command_line=FAILING, resource_files=())

    def _fail(self, error: Exception, item: Input | None) -> None:
        logger.exception("batchlab stopped at %r", item)
        where = f"; its journal is {self.journal.keep()}" if self.journal else ""
        self.failure = LabFailed(
            "InternalError",
            f"a fault in batchlab stopped this lab: {type(error).__name__}: {error}{where}",
        )
        for watcher in tuple(self.watchers):
            watcher(())

    def _raise_failure(self) -> None:
        if self.failure is not None:
            raise self.failure
