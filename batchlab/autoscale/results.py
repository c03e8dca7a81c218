"""The results of an evaluation: the result string, every value, and how each was computed."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Literal

import msgspec

from batchlab.display import Displayed

if TYPE_CHECKING:
    from batchlab.autoscale.explain import Sentences

__all__ = [
    "MESSAGES",
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

MESSAGES = {
    "InsufficientSampleData": "Autoscale evaluation failed due to insufficient sample data",
    "AutoScalingFormulaEvaluationError": "The specified auto-scaling formula has evaluation error",
}
"""Azure's text for each code of an error of a run."""
PythonValue = float | tuple[float, ...] | str | datetime | timedelta
Outcome = Literal["", "tried", "resized", "unchanged", "resizing", "failed"]
"""The outcome of a decision: not applied, a trial, a resize started, the targets were already the
same, the pool was still resizing, the evaluation failed."""


class SampleCall(msgspec.Struct, frozen=True, gc=False):
    """One call that reads samples.

    Attributes
    ----------
    variable, method : str
        Such as ``$PendingTasks`` and ``GetSample``.
    start, end : datetime
        The window; for ``GetSample(n)``, the times of the oldest and newest sample returned.
    wanted, received : int
        Number of samples expected in the window, and number found.
    percent : float
        The percentage received, 0 to 100.
    required_percent : float or None
        The percentage that the formula required.
    line, column : int
        The position in the formula.
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
    """One decision of ``?:``: the condition as written, its value, and the chosen expression."""

    condition: str
    value: float
    chosen: str
    line: int
    column: int


class Clamp(msgspec.Struct, frozen=True, gc=False):
    """One min() or max() of several arguments: its text, its value, and each argument's value.

    For a vector argument, the value is its least or greatest element.
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
        A general message.
    values : dict
        Azure's details: ``Message`` has the position and the reason.
    line, column : int
        The position, counted from 1.
    excerpt : str
        The line of the formula with the position marked below it.
    hint : str
        How to fix it, if known.
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
    """The targets that a formula sets for a pool."""

    dedicated: int
    low_priority: int
    deallocation: str = "requeue"


class AutoScaleRun(msgspec.Struct, Displayed, frozen=True, kw_only=True):
    """The outcome of one evaluation of a formula.

    Attributes
    ----------
    timestamp : datetime
        The time of the evaluation.
    results : str
        Azure's result string: targets, deallocation option, user variables by name.
    error : AutoScaleRunError or None
        Why the evaluation failed; the targets are then the current ones.
    target_dedicated_nodes, target_low_priority_nodes : int
        The targets, truncated to whole numbers.
    node_deallocation_option : str
        ``requeue``, ``terminate``, ``taskcompletion`` or ``retaineddata``.
    variables : dict
        Values of the user's variables as float, tuple, str, datetime or timedelta.
    statements : tuple of StatementValue
        Each statement that ran, in order; the last ones are missing after an error or stop().
    samples : tuple of SampleCall
        Each call that reads samples, including those that failed.
    branches : tuple of Branch
        Each decision of ``?:``.
    clamps : tuple of Clamp
        Each min() or max() of several arguments.
    current_dedicated_nodes, current_low_priority_nodes : int
        The targets of the pool before the evaluation.
    outcome : str
        The outcome of the decision: ``resized``, ``unchanged``, ``resizing`` (an earlier resize
        was still in progress), ``failed``, ``tried`` (by `evaluate_auto_scale`), or empty.
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
        """The result string in the form of API versions before 2017: one kind of node."""
        _, _, rest = self.results.split(";", 2)
        return f"$TargetDedicated={self.target_dedicated_nodes};{rest}"

    def explain(self) -> Sentences:
        """Explain the decision: the samples, each branch and limit, and the consequences.

        Returns
        -------
        list of str
            Sentences in the order of the formula, then the decision.
        """
        from batchlab.autoscale.explain import explain  # noqa: PLC0415 - loaded only when asked

        return explain(self)

    def __repr__(self) -> str:
        said = self.error.code if self.error else self.results
        outcome = f" ({self.outcome})" if self.outcome else ""
        return f"<AutoScaleRun {self.timestamp:%Y-%m-%d %H:%M:%S}: {said}{outcome}>"

    def __str__(self) -> str:
        return self.results if self.error is None else f"{self.results}\n{self.error}"


def result_string(targets: Targets, shown: Mapping[str, str]) -> str:
    """Write a result string: the targets, then the user's variables sorted by name."""
    first = (
        f"$TargetDedicatedNodes={targets.dedicated}",
        f"$TargetLowPriorityNodes={targets.low_priority}",
        f"$NodeDeallocationOption={targets.deallocation}",
    )
    return ";".join([*first, *[f"{name}={shown[name]}" for name in sorted(shown)]])
