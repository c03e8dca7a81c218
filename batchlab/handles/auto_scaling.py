"""Autoscaling of a pool: the verbs, and the history of evaluations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from batchlab.autoscale.results import AutoScaleRun
from batchlab.core.messages.inputs import DisableAutoScale, EnableAutoScale
from batchlab.core.messages.questions import EvaluateAutoScale, ListAutoScaleRuns
from batchlab.display import Displayed
from batchlab.drivers.ports import Connection
from batchlab.errors import invalid
from batchlab.handles.verbs import Duration, ask_for, verb

if TYPE_CHECKING:
    from batchlab.autoscale import Formula

__all__ = ["AutoScaleHistory", "AutoScaling"]


class AutoScaling:
    """The verbs of a pool for autoscaling."""

    __slots__ = ()
    _connection: Connection
    _id: str

    @verb
    def enable_auto_scale(
        self,
        auto_scale_formula: Formula | str | None = None,
        *,
        auto_scale_evaluation_interval: Duration = None,
    ) -> None:
        """Enable autoscale with a formula, which is evaluated immediately.

        Parameters
        ----------
        auto_scale_formula : Formula or str, optional
            The formula; the pool's current one if omitted.
        auto_scale_evaluation_interval : duration, default 15 minutes
            5 minutes to 168 hours; it starts over.

        Raises
        ------
        FormulaError
            ``AutoScalingFormulaSyntaxError``, ``AutoScalingFormulaTooLong``, with the position.
        Conflict
            ``PoolBeingResized``, ``PoolBeingDeleted``.
        ServerBusy
            ``TooManyEnableAutoScaleRequests``: less than 30 s since the last time.
        """
        ask_for(self._connection, EnableAutoScale, "Pool.enable_auto_scale", pool_id=self._id,
                auto_scale_formula=_formula(auto_scale_formula),
                auto_scale_evaluation_interval=auto_scale_evaluation_interval)  # fmt: skip

    @verb
    def disable_auto_scale(self) -> None:
        """Disable autoscale; the targets stay."""
        ask_for(self._connection, DisableAutoScale, "Pool.disable_auto_scale",
                pool_id=self._id)  # fmt: skip

    @verb
    def evaluate_auto_scale(self, auto_scale_formula: Formula | str) -> AutoScaleRun:
        """What a formula would decide now, with the current samples; changes nothing.

        Samples are taken while autoscale is enabled.

        Raises
        ------
        FormulaError
            ``AutoScalingFormulaSyntaxError``, ``AutoScalingFormulaTooLong``, with the position.
        """
        text = _formula(auto_scale_formula)
        if not isinstance(text, str):
            raise invalid("auto_scale_formula", text, "must be a Formula or text",
                          owner="Pool.evaluate_auto_scale")  # fmt: skip
        question = EvaluateAutoScale(pool_id=self._id, auto_scale_formula=text)
        run: AutoScaleRun = self._connection.ask(question)
        return run

    @property
    def auto_scale_history(self) -> AutoScaleHistory:
        """Its evaluations since autoscale was enabled, oldest first, 1000 at most."""
        return AutoScaleHistory(self._connection.ask(ListAutoScaleRuns(pool_id=self._id)))


class AutoScaleHistory(list[AutoScaleRun], Displayed):
    """The evaluations of a pool, oldest first; each has a method `explain`."""

    def __repr__(self) -> str:
        return "\n".join(map(repr, self)) or "no evaluations yet"


def _formula(formula: Any) -> Any:
    if formula is None or isinstance(formula, str):
        return formula
    from batchlab.autoscale import Formula  # noqa: PLC0415 - only for a Formula

    return formula.text if isinstance(formula, Formula) else formula
