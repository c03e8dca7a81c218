"""The core: a pure state machine that reproduces the Azure Batch service.

``Core.handle(now, input) -> Step(commands, changes)`` is the only way in. There is no clock here,
no I/O, no thread and no chance: time is an argument, and the driver asks `Core.next_deadline` when
to come back. The same inputs give the same steps, on any machine.

A request is checked completely before anything changes, and refused with a `BatchError`. A report
is a fact: one that speaks of a run or a boot that is no more is counted in `State.dropped` and has
no effect. After each input, what it made possible happens at once: jobs whose last run has ended
go on ending, and waiting tasks take the slots that became free.

Aggregates have a folder each: `pools` (allocation and resize), `nodes` (boot, start task, drain,
loss), `jobs` (with preparation and release), `tasks`, with `placement` choosing nodes for tasks;
their files change one `State`. When two rules apply, the end of the greater thing wins: lab, pool,
node, job, task.
"""

from __future__ import annotations

from typing import Any

from batchlab.core.answers import queries, waits
from batchlab.core.answers.reasons import Reason
from batchlab.core.handlers import HANDLERS
from batchlab.core.jobs import jobs, schedules
from batchlab.core.messages import inputs
from batchlab.core.messages.outputs import Step
from batchlab.core.messages.questions import Condition, Question
from batchlab.core.model.base import check
from batchlab.core.nodes import nodes
from batchlab.core.state.settings import Settings
from batchlab.core.state.state import State
from batchlab.core.tasks.runs import place
from batchlab.errors import Conflict

__all__ = ["Core", "Settings"]


class Core:
    """The service: its whole state, and what it does about each input.

    Parameters
    ----------
    settings : Settings, optional

    Attributes
    ----------
    state : State
        Everything that is known; only inputs change it.
    """

    def __init__(self, settings: Settings | None = None) -> None:
        self.state = State(settings)

    def handle(self, now: float, item: inputs.Input) -> Step:
        """Take one input: a request or a report, at a time that never goes back.

        Raises
        ------
        BatchError
            A request that is refused; nothing has changed.
        """
        state = self.state
        state.begin_step(now)
        if state.closing:
            if isinstance(item, inputs.Request):
                raise Conflict("OperationInvalidForCurrentState", "the lab is closed")
            state.dropped += 1
        else:
            if isinstance(item, inputs.Request):
                check(item, type(item).__name__)
            HANDLERS[type(item)](state, item)
            _settle(state)
        return Step(state.commands, state.changes)

    def next_deadline(self) -> float | None:
        """When `DeadlineReached` is to be fed next; None if nothing is to come by itself."""
        return None if self.state.closing else self.state.deadlines.next()

    def ask(self, question: Question, now: float) -> Any:
        """Answer a question about the present."""
        return queries.answer(self.state, question, max(now, self.state.now))

    def met(self, condition: Condition) -> bool:
        """Whether a condition holds."""
        return waits.met(self.state, condition)

    def hopeless(self, condition: Condition) -> list[Reason]:
        """Why a condition cannot come true unless somebody acts; empty while there is hope."""
        return waits.hopeless(self.state, condition)


def _settle(state: State) -> None:
    """Let follow what the input has made possible, until nothing more does."""
    while state.undrained or state.unsettled or state.unplaced or state.unscheduled:
        if state.unsettled:
            jobs.settle(state, state.unsettled.popitem()[1])
        elif state.unscheduled:
            first = next(iter(state.unscheduled))  # due at the same moment: in their order
            schedules.settle(state, state.unscheduled.pop(first))
        elif state.unplaced:
            place(state, state.unplaced.popitem()[1])
        else:
            nodes.settle(state, state.undrained.popitem()[1])
