"""What an evaluation leaves: the result string, every value, and how they came about."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Literal

import msgspec

from batchlab.display import Displayed

if TYPE_CHECKING:
    from batchlab.autoscale.explain import Sentences

__all__ = [
    "AutoScaleRun",
    "AutoScaleRunError",
    "Branch",
    "Clamp",
    "Outcome",
    "PythonValue",
    "SampleCall",
    "StatementValue",
    "Targets",
    "result_string",
]

PythonValue = float | tuple[float, ...] | str | datetime | timedelta
Outcome = Literal["", "tried", "resized", "unchanged", "resizing", "failed"]
"""What became of a decision: nobody followed it, it was a trial, it started a resize, it was what
the pool had, the pool was still resizing, it could not be made."""


class SampleCall(msgspec.Struct, frozen=True, gc=False):
    """One look at samples.

    Attributes
    ----------
    variable, method : str
        Such as ``$PendingTasks`` and ``GetSample``.
    start, end : datetime
        The window; for ``GetSample(n)`` the moments of the oldest and newest sample given.
    wanted, received : int
        How many samples the window should hold, and how many it holds.
    percent : float
        The share received, 0 to 100.
    required_percent : float or None
        The share that the formula insisted on.
    line, column : int
        Where it stands.
    """

    variable: str
    method: str
    start: datetime
    end: datetime
    wanted: int
    received: int
    percent: float
    required_percent: float | None
    line: int = 0
    column: int = 0


class Branch(msgspec.Struct, frozen=True, gc=False):
    """One decision of ``?:``: the condition as written, its value, and what was chosen."""

    condition: str
    value: float
    chosen: str
    line: int
    column: int


class Clamp(msgspec.Struct, frozen=True, gc=False):
    """One min() or max() of several things: its text, its value, what each argument was worth.

    An argument that is a vector stands for its own least or greatest element.
    """

    source: str
    function: str
    value: float
    arguments: tuple[tuple[str, float], ...]
    line: int
    column: int


class StatementValue(msgspec.Struct, frozen=True, gc=False):
    """One statement that ran: its text, line, target (None without one), type and value."""

    source: str
    line: int
    target: str | None
    type: str
    value: PythonValue


class AutoScaleRunError(msgspec.Struct, frozen=True, kw_only=True):
    """Why an evaluation failed.

    Attributes
    ----------
    code : str
        ``InsufficientSampleData`` or ``AutoScalingFormulaEvaluationError``.
    message : str
        What happened, in general.
    values : dict
        Azure's details: ``Message`` says the place and the reason.
    line, column : int
        The place, counted from 1.
    excerpt : str
        The line of the formula with a mark under the place.
    hint : str
        The cure, where there is one.
    """

    code: str
    message: str
    values: dict[str, str]
    line: int
    column: int
    excerpt: str
    hint: str = ""

    def __str__(self) -> str:
        hint = f"\n  hint: {self.hint}" if self.hint else ""
        return f"{self.code}: {self.values['Message']}\n{self.excerpt}{hint}"


class Targets(msgspec.Struct, frozen=True, gc=False):
    """What a formula decides about a pool."""

    dedicated: int
    low_priority: int
    deallocation: str = "requeue"


class AutoScaleRun(msgspec.Struct, Displayed, frozen=True, kw_only=True):
    """The outcome of one evaluation of a formula.

    Attributes
    ----------
    timestamp : datetime
        The moment it was evaluated for.
    results : str
        Azure's result string: targets, deallocation option, user variables by name.
    error : AutoScaleRunError or None
        Why it failed; then the targets are the present ones.
    target_dedicated_nodes, target_low_priority_nodes : int
        The targets, cut to whole numbers.
    node_deallocation_option : str
        ``requeue``, ``terminate``, ``taskcompletion`` or ``retaineddata``.
    variables : dict
        Values of the user's variables as float, tuple, str, datetime or timedelta.
    statements : tuple of StatementValue
        Each statement that ran, in order; the last ones are missing after an error or stop().
    samples : tuple of SampleCall
        Each look at samples, those that were refused included.
    branches : tuple of Branch
        Each decision of ``?:``.
    clamps : tuple of Clamp
        Each min() or max() of several things.
    current_dedicated_nodes, current_low_priority_nodes : int
        The targets that the pool had before.
    outcome : str
        What became of the decision: ``resized``, ``unchanged``, ``resizing`` (the pool was still
        busy with the resize before), ``failed``, ``tried`` (by `evaluate_auto_scale`), or empty.
    """

    timestamp: datetime
    results: str
    error: AutoScaleRunError | None = None
    target_dedicated_nodes: int
    target_low_priority_nodes: int
    node_deallocation_option: str = "requeue"
    variables: dict[str, PythonValue] = {}
    statements: tuple[StatementValue, ...] = ()
    samples: tuple[SampleCall, ...] = ()
    branches: tuple[Branch, ...] = ()
    clamps: tuple[Clamp, ...] = ()
    current_dedicated_nodes: int = 0
    current_low_priority_nodes: int = 0
    outcome: Outcome = ""

    @property
    def old_results(self) -> str:
        """The result string as API versions before 2017 wrote it: one kind of node."""
        _, _, rest = self.results.split(";", 2)
        return f"$TargetDedicated={self.target_dedicated_nodes};{rest}"

    def explain(self) -> Sentences:
        """Why it came to this: the samples it saw, each branch and bound, and what came of it.

        Returns
        -------
        list of str
            Sentences, in the order of the formula, then about the decision.
        """
        from batchlab.autoscale.explain import explain  # noqa: PLC0415 - for those who ask why

        return explain(self)

    def __repr__(self) -> str:
        said = self.error.code if self.error else self.results
        outcome = f" ({self.outcome})" if self.outcome else ""
        return f"<AutoScaleRun {self.timestamp:%Y-%m-%d %H:%M:%S}: {said}{outcome}>"

    def __str__(self) -> str:
        return self.results if self.error is None else f"{self.results}\n{self.error}"


def result_string(targets: Targets, shown: Mapping[str, str]) -> str:
    """Write a result string: the decision, then the user's variables, sorted by name."""
    first = (
        f"$TargetDedicatedNodes={targets.dedicated}",
        f"$TargetLowPriorityNodes={targets.low_priority}",
        f"$NodeDeallocationOption={targets.deallocation}",
    )
    return ";".join([*first, *[f"{name}={shown[name]}" for name in sorted(shown)]])
