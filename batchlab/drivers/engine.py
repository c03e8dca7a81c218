"""Runs one core with one driver.

Only the engine calls `Core.handle`. Reports are queued in an inbox; a turn drains it, passes all
commands of the turn to the driver at once, publishes the changes and sets the single timer. A
driver that reports from inside `obey` only adds to the inbox.

The journal is written ahead: no input is handled before it is recorded, all of a turn at once. If
that fails, as on a full disk, requests are refused and reports stay in the inbox, in order, until
it succeeds.

An unexpected error ends the engine but not its process: no more inputs are accepted, the journal
is kept, and every later request raises a `LabFailed` that names the journal.

All methods must be called on one thread.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from batchlab.core.answers.reasons import Reason
from batchlab.core.machine import Core
from batchlab.core.messages.facts import DeadlineReached, Report
from batchlab.core.messages.inputs import Input, Request
from batchlab.core.messages.outputs import Change, Command, RunKind, StartRun
from batchlab.core.messages.questions import Condition, Question
from batchlab.drivers.journal import Journal
from batchlab.drivers.ports import Driver
from batchlab.errors import BatchError, LabFailed, ServerBusy

__all__ = ["Engine"]

logger = logging.getLogger("batchlab")

FAILING = "/bin/sh -c 'echo this failure was requested; exit 1'"
"""Replaces a command that should fail."""

_STALLED = (
    "the lab's journal {path} cannot be written ({why}), so nothing can be changed now. Make room "
    "on that disk, then try again: what nodes report meanwhile is kept"
)

Watcher = Callable[[Sequence[Change]], None]


class Engine:
    """Passes inputs to a core, and its commands to a driver.

    Parameters
    ----------
    core : Core
    driver : Driver
        Manages the nodes.
    journal : Journal, optional
        Records every input.
    """

    def __init__(self, core: Core, driver: Driver, journal: Journal | None = None) -> None:
        self.core = core
        self.driver = driver
        self.journal = journal
        self.watchers: list[Watcher] = []
        self.failure: LabFailed | None = None
        self.stalled: ServerBusy | None = None
        self._inbox: deque[tuple[float, Report]] = deque()
        self._turning = False
        self._to_fail: list[RunKind] = []

    def request(self, request: Request) -> None:
        """Carry out a request, or raise the `BatchError` that refuses it."""
        self.turn()
        self._raise_failure()
        commands: list[Command] = []
        changes: list[Change] = []
        now = self.driver.now()
        if self.stalled is not None and self._inbox:
            raise self.stalled
        if self.journal is not None:
            self._record([(now, request)], self.journal)
        if self.stalled is not None:
            raise self.stalled
        self._handle(now, request, commands, changes)
        self._conclude(commands, changes)

    def report(self, *reports: Report, ages: Sequence[float] = ()) -> None:
        """Queue reports, and handle them unless a turn is in progress.

        Parameters
        ----------
        *reports : Report
            In the order in which they happened.
        ages : sequence of float, optional
            How long ago each happened, in seconds of lab time; just now if omitted. The time of
            the lab never goes back: one that is older than the last input counts from then on.
        """
        self._inbox += zip(ages, reports, strict=False) if ages else [(0.0, r) for r in reports]
        if not self._turning:
            self.turn()

    def wake(self) -> None:
        """Handle the expiry of the timer that `Driver.wake_at` set."""
        if self._inbox:
            self.turn()
        else:
            self.report(DeadlineReached())

    def ask(self, question: Question) -> Any:
        """Answer a question; raises `NotFound` or `Conflict` as documented for the question."""
        self._raise_failure()
        return self.core.ask(question, self.driver.now())

    def met(self, condition: Condition) -> bool:
        """Whether a condition holds now."""
        if self.failure is not None:
            raise self.failure
        return self.core.met(condition)

    def hopeless(self, condition: Condition) -> list[Reason]:
        """Explain why a condition can no longer become true; empty if it still can."""
        self._raise_failure()
        return self.core.hopeless(condition)

    def fail_next(self, kind: RunKind) -> None:
        """Make the next run of this kind fail, whatever its command, as a test."""
        self._raise_failure()
        self._to_fail.append(kind)

    def turn(self) -> None:
        """Handle all queued reports."""
        if self._turning or not self._inbox:
            return
        if self.failure is not None:
            self._inbox.clear()
            return
        commands: list[Command] = []
        changes: list[Change] = []
        now, last = self.driver.now(), self.core.state.now
        entries: list[tuple[float, Report]] = []
        for age, item in self._inbox:
            when = now - age if age else now
            last = max(last, when)
            entries.append((last, item))
        if self.journal is not None:
            self._record(entries, self.journal)
        if self.stalled is not None:
            self.driver.wake_at(now + self.driver.pause_s)
            return
        self._inbox.clear()
        for when, item in entries:
            if self.failure is None:
                self._handle(when, item, commands, changes)
        self._conclude(commands, changes)

    def _record(self, entries: Sequence[tuple[float, Input]], journal: Journal) -> None:
        """Write inputs to the journal; if that fails, the engine is stalled until it succeeds."""
        stalled = None
        try:
            journal.write(entries)
        except OSError as error:
            text = _STALLED.format(path=journal.path, why=error.strerror or error)
            stalled = ServerBusy("ServerBusy", text)
            if self.stalled is None:
                logger.warning("%s", text)
        self.stalled = stalled

    def _handle(
        self, now: float, item: Input, commands: list[Command], changes: list[Change]
    ) -> None:
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
            f"an internal error stopped this lab: {type(error).__name__}: {error}{where}",
        )
        for watcher in tuple(self.watchers):
            watcher(())

    def _raise_failure(self) -> None:
        if self.failure is not None:
            raise self.failure
