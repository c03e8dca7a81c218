"""Evaluation: run the statements in order, look up operations in the tables, count the cost.

A formula has no loops, so each node is computed at most once and only vectors can make an
evaluation slow. Every vector element that is read or created counts against a budget; a formula
that exceeds it fails like any other evaluation error.

Where Azure's documentation says nothing: ``&&`` and ``||`` stop as soon as the result is known; a
target keeps its fraction while the formula runs and is truncated at the end; without samples,
``$CurrentDedicatedNodes`` and ``$CurrentLowPriorityNodes`` read as the current counts.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from math import trunc
from typing import Any

from batchlab.autoscale import syntax
from batchlab.autoscale.checks import (
    SAMPLED_NAMES,
    check_assignment,
    check_target,
    find_member,
    no_method,
    sampled_name,
    undefined,
    undefined_function,
)
from batchlab.autoscale.functions import FUNCTIONS, SLOW, Dice, call
from batchlab.autoscale.names import (
    DEALLOCATION,
    DEDICATED,
    LOW_PRIORITY,
    OLD_NAMES,
    SETTABLE,
    is_service,
)
from batchlab.autoscale.operators import binary, truth, unary
from batchlab.autoscale.problems import Source
from batchlab.autoscale.results import (
    MESSAGES,
    AutoScaleRun,
    AutoScaleRunError,
    PythonValue,
    StatementValue,
    Targets,
    result_string,
)
from batchlab.autoscale.samples import (
    METHODS,
    Insufficient,
    SampleHistory,
    Visible,
    resolve_method,
)
from batchlab.autoscale.syntax import SourcePlace
from batchlab.autoscale.trace import BOUNDS, Trace
from batchlab.autoscale.values import (
    CONSTANTS,
    Refused,
    Timestamp,
    Value,
    Word,
    as_python,
    show,
    type_name,
)

__all__ = ["MAX_ELEMENTS", "Evaluation"]

MAX_ELEMENTS = 2_000_000
"""How many vector elements one evaluation may read and create: enough for a day of samples."""

_SPELLINGS = {
    name: (name, full, full.removesuffix("Nodes"))
    for name, full in ((name, OLD_NAMES.get(name, name)) for name in SETTABLE)
}


class _Failed(Exception):
    def __init__(self, refused: Refused, place: SourcePlace) -> None:
        super().__init__(refused.message)
        self.refused = refused
        self.place = place


class _Stopped(Exception):
    """The formula called stop()."""


class Evaluation:
    """One run of a program over samples at a given time.

    Parameters
    ----------
    source : Source
        The text the program was parsed from.
    histories : callable
        Returns the samples of a variable, or None if there are none.
    now : Timestamp
        The value of time().
    current : Targets
        The current targets of the pool.
    seed : int
        The seed of rand().
    seen_until : datetime, optional
        Samples later than this, or later than `now`, are ignored.
    earlier_rules : bool, default False
        How windows and missing samples are read; see `Formula.evaluate`.
    """

    def __init__(
        self,
        source: Source,
        histories: Callable[[str], SampleHistory | None],
        now: Timestamp,
        current: Targets,
        seed: int,
        seen_until: datetime | None = None,
        earlier_rules: bool = False,
    ) -> None:
        self.now = now
        self._earlier_rules = earlier_rules
        self._seen_until = seen_until
        self._source = source
        self._histories = histories
        self._current = current
        self.random = Dice(seed).random
        self._left = MAX_ELEMENTS
        self._user: dict[str, Value] = {}
        self._set: dict[str, Value] = {}
        self._places: dict[str, SourcePlace] = {}
        self._python: dict[str | None, PythonValue] = {}
        self._seen: dict[str, Visible] = {}
        self._statements: list[StatementValue] = []
        self._trace = Trace(source)

    def run(self, program: syntax.Program) -> AutoScaleRun:
        """Run all statements; a failure becomes the `error` of the result."""
        try:
            with suppress(_Stopped):
                for statement in program.statements:
                    self._run_statement(statement)
            return self._outcome(self._targets(), self._user, None)
        except _Failed as failed:
            return self._outcome(self._current, {}, self._error(failed))

    # ── statements ──────────────────────────────────────────────────────────────────────

    def _run_statement(self, statement: syntax.Statement) -> None:
        value = _VISIT[type(statement.value)](self, statement.value)
        target = statement.target
        if target is not None:
            self._assign(statement, target, value)
        text, line = self._source.text_and_line(statement.place)
        result = self._python[target] = as_python(value)
        self._statements.append(StatementValue(text, line, target, type_name(value), result))

    def _assign(self, statement: syntax.Statement, target: str, value: Value) -> None:
        if not is_service(target):
            self._user[target] = value
            return
        try:
            check_assignment(target, type(value))
        except Refused as refused:
            raise _Failed(refused, statement.target_place) from None
        self._set[target] = value
        self._places[target] = statement.target_place

    def _targets(self) -> Targets:
        option = self._set.get(DEALLOCATION, CONSTANTS["requeue"])
        assert isinstance(option, Word)
        return Targets(self._target(DEDICATED), self._target(LOW_PRIORITY), option.name)

    def _target(self, name: str) -> int:
        spelling = self._spelling(name)
        value = self._read_target(name)
        assert isinstance(value, float)
        if spelling is not None:
            # Only the final value of a target matters; a formula may limit it in two steps.
            try:
                check_target(spelling, value)
            except Refused as refused:
                raise _Failed(refused, self._places[spelling]) from None
        return trunc(value)

    def _read_target(self, name: str) -> Value:
        spelling = self._spelling(name)
        if spelling is not None:
            return self._set[spelling]
        current = self._current
        dedicated = OLD_NAMES.get(name, name) == DEDICATED
        return float(current.dedicated if dedicated else current.low_priority)

    def _spelling(self, name: str) -> str | None:
        """Find the name under which a target was set, trying the given one first."""
        for spelling in _SPELLINGS[name]:
            if spelling in self._set:
                return spelling
        return None

    # ── expressions ─────────────────────────────────────────────────────────────────────

    def _literal(self, node: syntax.Number | syntax.Text) -> Value:
        return node.value

    def _name(self, node: syntax.Name) -> Value:
        name = node.name
        value = self._user.get(name)
        if value is None:
            value = CONSTANTS.get(name)
        if value is not None:
            return value
        if name in SAMPLED_NAMES:
            return self._latest(node)
        if name == DEALLOCATION:
            return self._set.get(name, CONSTANTS["requeue"])
        if name in SETTABLE:
            return self._read_target(name)
        raise _Failed(undefined(name, self._user), node.place)

    def _latest(self, node: syntax.Name) -> float:
        name = SAMPLED_NAMES[node.name]
        seen = self._visible(name)
        if seen is None:
            current = {
                "$CurrentDedicatedNodes": self._current.dedicated,
                "$CurrentLowPriorityNodes": self._current.low_priority,
            }.get(name)
            if current is not None:
                return float(current)
            seen = self._none(name)
        try:
            return seen.latest()
        except Refused as refused:
            raise _Failed(refused, node.place) from None

    def _unary(self, node: syntax.Unary) -> Value:
        operand = _VISIT[type(node.operand)](self, node.operand)
        try:
            return unary(node.symbol, operand)
        except Refused as refused:
            raise _Failed(refused, node.place) from None

    def _chain(self, node: syntax.Chain) -> Value:
        left = _VISIT[type(node.first)](self, node.first)
        symbol = node.rest[0][0]
        if symbol in ("&&", "||"):
            return self._logic(node, left)
        for index, (symbol, operand) in enumerate(node.rest):
            right = _VISIT[type(operand)](self, operand)
            try:
                if type(left) is tuple:
                    self._spend(len(left) * 2)
                left = binary(symbol, left, right)
            except Refused as refused:
                place = SourcePlace(node.place.start, operand.place.end, node.points[index])
                raise _Failed(refused, place) from None
        return left

    def _logic(self, node: syntax.Chain, left: Value) -> Value:
        outcome = left
        known = node.first.place
        for symbol, operand in node.rest:
            if self._truth(outcome, f"an operand of {symbol}", known) is (symbol == "||"):
                return float(symbol == "||")
            outcome, known = _VISIT[type(operand)](self, operand), operand.place
        return float(self._truth(outcome, f"an operand of {symbol}", known))

    def _choice(self, node: syntax.Choice) -> Value:
        condition = _VISIT[type(node.condition)](self, node.condition)
        holds = self._truth(condition, "the condition of ?:", node.condition.place)
        chosen = node.then if holds else node.otherwise
        assert isinstance(condition, float)
        self._trace.branch(node, condition, chosen)
        return _VISIT[type(chosen)](self, chosen)

    def _truth(self, value: Value, what: str, place: SourcePlace) -> bool:
        try:
            return truth(value, what)
        except Refused as refused:
            raise _Failed(refused, place) from None

    def _call(self, node: syntax.Call) -> Value:
        function = FUNCTIONS.get(node.name)
        if function is None:
            raise _Failed(undefined_function(node.name), node.place)
        arguments = [_VISIT[type(each)](self, each) for each in node.arguments]
        try:
            if node.name == "stop" and not arguments:
                raise _Stopped
            for each in arguments:
                if type(each) is tuple:
                    self._spend(len(each) * SLOW.get(node.name, 1))
            value = call(function, arguments, self)
        except Refused as refused:
            raise _Failed(refused, node.place) from None
        if len(arguments) > 1 and node.name in BOUNDS:
            assert isinstance(value, float)
            self._trace.bound(node, value, arguments)
        return value

    def _member(self, node: syntax.Member) -> Value:
        target = _VISIT[type(node.target)](self, node.target)
        try:
            member = find_member(node, type(target))
        except Refused as refused:
            raise _Failed(refused, node.place) from None
        assert isinstance(target, Timestamp)
        return float(member(target))

    def _method(self, node: syntax.Method) -> Value:
        name = sampled_name(node.target)
        method = METHODS.get(node.name.lower())
        if name is None or method is None:
            raise _Failed(no_method(node), node.place)
        seen = self._visible(name) or self._none(name)
        arguments = [_VISIT[type(each)](self, each) for each in node.arguments]
        try:
            look_at, _ = resolve_method(method, [type(value) for value in arguments])
            value, look = look_at(seen, *arguments)
            if type(value) is tuple:
                self._spend(len(value))
        except Insufficient as refused:
            self._trace.look(node, name, refused.look)
            raise _Failed(refused, node.place) from None
        except Refused as refused:
            raise _Failed(refused, node.place) from None
        if look is not None:
            self._trace.look(node, name, look)
        return value

    def _visible(self, name: str) -> Visible | None:
        seen = self._seen.get(name)
        if seen is None:
            history = self._histories(name)
            if history is None:
                return None
            seen = Visible(name, history, self.now, self._seen_until, self._earlier_rules)
            self._seen[name] = seen
        return seen

    def _none(self, name: str) -> Visible:
        return Visible(name, SampleHistory(), self.now, None, self._earlier_rules)

    def _spend(self, elements: int) -> None:
        self._left -= elements
        if self._left < 0:
            raise Refused(
                f"the formula uses more than {MAX_ELEMENTS} sample values",
                "use shorter windows, and keep a vector that is used twice in a variable",
            )

    # ── outcome ─────────────────────────────────────────────────────────────────────────

    def _error(self, failed: _Failed) -> AutoScaleRunError:
        missing = isinstance(failed.refused, Insufficient)
        code = "InsufficientSampleData" if missing else "AutoScalingFormulaEvaluationError"
        line, column = self._source.line_and_column(failed.place.at)
        said = self._source.said(failed.place, failed.refused.message)
        return AutoScaleRunError(
            code=code, message=MESSAGES[code], values={"Message": said}, line=line, column=column,
            excerpt=self._source.excerpt(failed.place), hint=failed.refused.hint,
        )  # fmt: skip

    def _outcome(
        self, targets: Targets, variables: dict[str, Value], error: AutoScaleRunError | None
    ) -> AutoScaleRun:
        shown = {name: show(value) for name, value in variables.items()}
        return AutoScaleRun(
            timestamp=self.now.moment(),
            results=result_string(targets, shown),
            error=error,
            target_dedicated_nodes=targets.dedicated,
            target_low_priority_nodes=targets.low_priority,
            node_deallocation_option=targets.deallocation,
            variables={name: self._python[name] for name in variables},
            statements=tuple(self._statements),
            samples=tuple(self._trace.samples),
            branches=tuple(self._trace.branches),
            clamps=tuple(self._trace.clamps),
            current_dedicated_nodes=self._current.dedicated,
            current_low_priority_nodes=self._current.low_priority,
        )


_VISIT: dict[type, Callable[[Evaluation, Any], Value]] = {
    syntax.Number: Evaluation._literal,
    syntax.Text: Evaluation._literal,
    syntax.Name: Evaluation._name,
    syntax.Unary: Evaluation._unary,
    syntax.Chain: Evaluation._chain,
    syntax.Choice: Evaluation._choice,
    syntax.Call: Evaluation._call,
    syntax.Member: Evaluation._member,
    syntax.Method: Evaluation._method,
}
