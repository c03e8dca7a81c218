"""Checks of a formula before it runs.

Types are followed through the statements with the same tables as in an evaluation, so whatever is
certain to fail is an *error* here, with the same message. An unknown type (after a first error, or
a choice between two types) suppresses errors that depend on it. *Warnings* are about formulas that
run but probably do not do what was meant.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Literal

import msgspec

from batchlab.autoscale import syntax
from batchlab.autoscale.checks import (
    SAMPLED_NAMES,
    check_assignment,
    find_member,
    no_method,
    sampled_name,
    undefined,
    undefined_function,
)
from batchlab.autoscale.functions import FUNCTIONS, resolve
from batchlab.autoscale.names import DEALLOCATION, SETTABLE, is_service
from batchlab.autoscale.operators import (
    BINARY,
    UNARY,
    explain_binary,
    explain_truth,
    explain_unary,
)
from batchlab.autoscale.parsed_formula import ArgumentTypes
from batchlab.autoscale.problems import Source
from batchlab.autoscale.samples import METHODS, resolve_method
from batchlab.autoscale.suspicions import warnings_of
from batchlab.autoscale.syntax import Expression, Program, SourcePlace
from batchlab.autoscale.timestamps import parse_timestamp
from batchlab.autoscale.values import (
    DEALLOCATION_WORDS,
    INTERVALS,
    Interval,
    Refused,
    Word,
)
from batchlab.display import Displayed

__all__ = ["Finding", "Findings", "lint"]

MAX_FINDINGS = 50


class Finding(msgspec.Struct, frozen=True):
    """An error or a warning about a formula.

    Attributes
    ----------
    severity : str
        ``error``: an evaluation that reaches this place fails. ``warning``: the formula runs, but
        probably does not do what was meant.
    line, column : int
        The position, counted from 1.
    message, hint : str
        What is wrong and how to fix it.
    excerpt : str
        The line of the formula with the position marked below it.
    """

    severity: Literal["error", "warning"]
    line: int
    column: int
    message: str
    hint: str = ""
    excerpt: str = ""

    def __str__(self) -> str:
        head = f"Line {self.line}, Col {self.column}: {self.severity}: {self.message}"
        hint = f"\n  hint: {self.hint}" if self.hint else ""
        return f"{head}\n{self.excerpt}{hint}"


class Findings(tuple[Finding, ...], Displayed):
    """The findings about a formula, printed one below the other."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "\n".join(map(str, self)) or "No errors or warnings."


def lint(program: Program, source: Source) -> Findings:
    """Check a formula; return at most 50 findings, in the order of the text."""
    found: list[tuple[str, SourcePlace, str, str]] = []
    types: ArgumentTypes = {}
    for place, refused in _errors(program, types):
        found.append(("error", place, refused.message, refused.hint))
        if len(found) >= MAX_FINDINGS:
            break
    found += [
        ("warning", warn.place, warn.message, warn.hint) for warn in warnings_of(program, types)
    ]
    found.sort(key=lambda each: each[1].at)
    return Findings(_finding(source, *each) for each in found[:MAX_FINDINGS])


def _finding(
    source: Source, severity: Any, place: SourcePlace, message: str, hint: str
) -> Finding:
    line, column = source.line_and_column(place.at)
    return Finding(severity, line, column, message, hint, source.excerpt(place))


Errors = Iterator[tuple[SourcePlace, Refused]]


def _errors(program: Program, arguments: ArgumentTypes) -> Errors:
    types: dict[str, type | None] = {}
    texts: dict[str, str] = {}
    for statement in program.statements:
        check = _Check(types, texts, arguments)
        kind = check.type_of(statement.value)
        yield from check.found
        target = statement.target
        if target is None:
            continue
        if not is_service(target):
            types[target] = kind
            texts.pop(target, None)
            if isinstance(statement.value, syntax.Text):
                texts[target] = statement.value.value
            continue
        try:
            # Whether the name may be set is known even if the type of the value is not.
            check_assignment(target, kind or (Word if target == DEALLOCATION else float))
        except Refused as refused:
            yield statement.target_place, refused


class _Check:
    """Infers the type of an expression, None if it is unknown, and collects errors."""

    def __init__(
        self, types: dict[str, type | None], texts: dict[str, str], arguments: ArgumentTypes
    ) -> None:
        self.found: list[tuple[SourcePlace, Refused]] = []
        self._types = types
        self._texts = texts
        self._arguments_of = arguments

    def type_of(self, node: Expression) -> type | None:
        return _VISIT[type(node)](self, node)

    def _note(self, place: SourcePlace, refused: Refused) -> None:
        self.found.append((place, refused))

    def _number(self, _: syntax.Number) -> type | None:
        return float

    def _text(self, _: syntax.Text) -> type | None:
        return str

    def _name(self, node: syntax.Name) -> type | None:
        name = node.name
        if name in self._types:
            return self._types[name]
        if name in INTERVALS:
            return Interval
        if name in DEALLOCATION_WORDS or name == DEALLOCATION:
            return Word
        if name in SAMPLED_NAMES or name in SETTABLE:
            return float
        if len(self.found) < MAX_FINDINGS:  # finding the nearest name is slow
            self._note(node.place, undefined(name, self._types))
        return None

    def _unary(self, node: syntax.Unary) -> type | None:
        operand = self.type_of(node.operand)
        if operand is None:
            return None
        entry = UNARY.get((node.symbol, operand))
        if entry is None:
            self._note(node.place, explain_unary(node.symbol, operand))
            return None
        return entry[1]

    def _chain(self, node: syntax.Chain) -> type | None:
        left = self.type_of(node.first)
        if node.rest[0][0] in ("&&", "||"):
            self._condition(left, f"an operand of {node.rest[0][0]}", node.first.place)
            for symbol, operand in node.rest:
                self._condition(self.type_of(operand), f"an operand of {symbol}", operand.place)
            return float
        for index, (symbol, operand) in enumerate(node.rest):
            right = self.type_of(operand)
            if left is not None and right is not None:
                entry = BINARY.get((symbol, left, right))
                if entry is None:
                    place = SourcePlace(node.place.start, operand.place.end, node.points[index])
                    self._note(place, explain_binary(symbol, left, right))
                left = entry[1] if entry else None
            else:
                left = None
        return left

    def _condition(self, kind: type | None, what: str, place: SourcePlace) -> None:
        if kind is not None and kind is not float:
            self._note(place, explain_truth(kind, what))

    def _choice(self, node: syntax.Choice) -> type | None:
        self._condition(self.type_of(node.condition), "the condition of ?:", node.condition.place)
        then, otherwise = self.type_of(node.then), self.type_of(node.otherwise)
        return then if then is otherwise else None

    def _arguments(self, arguments: tuple[Expression, ...]) -> list[type] | None:
        types = [self.type_of(argument) for argument in arguments]
        known = [kind for kind in types if kind is not None]
        return known if len(known) == len(types) else None

    def _call(self, node: syntax.Call) -> type | None:
        types = self._arguments(node.arguments)
        function = FUNCTIONS.get(node.name)
        if function is None:
            if len(self.found) < MAX_FINDINGS:
                self._note(node.place, undefined_function(node.name))
            return None
        if types is None:
            return None
        try:
            kind = resolve(function, types)
            if node.name == "time" and types:
                self._read_time(node.arguments[0])
        except Refused as refused:
            self._note(node.place, refused)
            return None
        return kind

    def _read_time(self, text: Expression) -> None:
        """Read a time that is written in the formula; raises `Refused`."""
        if isinstance(text, syntax.Name) and text.name in self._texts:
            parse_timestamp(self._texts[text.name])
        elif isinstance(text, syntax.Text):
            parse_timestamp(text.value)

    def _member(self, node: syntax.Member) -> type | None:
        target = self.type_of(node.target)
        if target is None:
            return None
        try:
            find_member(node, target)
        except Refused as refused:
            self._note(node.place, refused)
            return None
        return float

    def _method(self, node: syntax.Method) -> type | None:
        types = self._arguments(node.arguments)
        method = METHODS.get(node.name.lower())
        if sampled_name(node.target) is None or method is None:
            if len(self.found) < MAX_FINDINGS:
                self._note(node.place, no_method(node))
            return None
        if types is None:
            return None
        self._arguments_of[id(node)] = types
        try:
            return resolve_method(method, types)[1]
        except Refused as refused:
            self._note(node.place, refused)
            return None


_VISIT: dict[type, Callable[[_Check, Any], type | None]] = {
    syntax.Number: _Check._number,
    syntax.Text: _Check._text,
    syntax.Name: _Check._name,
    syntax.Unary: _Check._unary,
    syntax.Chain: _Check._chain,
    syntax.Choice: _Check._choice,
    syntax.Call: _Check._call,
    syntax.Member: _Check._member,
    syntax.Method: _Check._method,
}
