"""The tree of a formula, and its canonical text.

Nodes are equal if they mean the same, wherever they are: their places are kept for messages and
not compared. A chain holds all operators of one precedence level side by side (``a + b - c``), so
a sum of a thousand terms is no deeper than a sum of two; `depth` limits every recursion over a
tree. Parentheses have no node: printing adds them where they are needed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import NamedTuple

__all__ = [
    "Call",
    "Chain",
    "Choice",
    "Expression",
    "Member",
    "Method",
    "Name",
    "Number",
    "Program",
    "SourcePlace",
    "Statement",
    "Text",
    "Unary",
    "children",
    "print_expression",
    "print_program",
    "walk",
]


class SourcePlace(NamedTuple):
    """Offsets into the text: the start and end of a node, and the point that messages name."""

    start: int = 0
    end: int = 0
    at: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Node:
    place: SourcePlace = field(default=SourcePlace(), compare=False, repr=False)
    depth: int = field(default=1, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Number(_Node):
    """A literal number."""

    value: float


@dataclass(frozen=True, slots=True)
class Text(_Node):
    """A literal string."""

    value: str


@dataclass(frozen=True, slots=True)
class Name(_Node):
    """A variable, a constant or a bare word; service names in canonical spelling."""

    name: str


@dataclass(frozen=True, slots=True)
class Unary(_Node):
    """``-x`` or ``!x``."""

    symbol: str
    operand: Expression


@dataclass(frozen=True, slots=True)
class Chain(_Node):
    """Operands joined by operators of one precedence level, from left to right."""

    first: Expression
    rest: tuple[tuple[str, Expression], ...]
    points: tuple[int, ...] = field(default=(), compare=False, repr=False)
    """The offset of each operator in the text."""


@dataclass(frozen=True, slots=True)
class Choice(_Node):
    """``condition ? then : otherwise``."""

    condition: Expression
    then: Expression
    otherwise: Expression


@dataclass(frozen=True, slots=True)
class Call(_Node):
    """A function call."""

    name: str
    arguments: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Member(_Node):
    """``target.name``."""

    target: Expression
    name: str


@dataclass(frozen=True, slots=True)
class Method(_Node):
    """``target.name(arguments)``."""

    target: Expression
    name: str
    arguments: tuple[Expression, ...]


Expression = Number | Text | Name | Unary | Chain | Choice | Call | Member | Method


@dataclass(frozen=True, slots=True)
class Statement(_Node):
    """An assignment or, without a target, an expression that has no effect."""

    target: str | None
    value: Expression
    target_place: SourcePlace = field(default=SourcePlace(), compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Program:
    """All statements of a formula."""

    statements: tuple[Statement, ...]


def children(node: Expression) -> tuple[Expression, ...]:
    """Return the direct subexpressions of a node, in the order of the text."""
    match node:
        case Unary():
            return (node.operand,)
        case Chain():
            return (node.first, *(operand for _, operand in node.rest))
        case Choice():
            return (node.condition, node.then, node.otherwise)
        case Call():
            return node.arguments
        case Member():
            return (node.target,)
        case Method():
            return (node.target, *node.arguments)
        case _:
            return ()


def walk(node: Expression) -> Iterator[Expression]:
    """Visit an expression and all its subexpressions, in the order of the text."""
    waiting = [node]
    while waiting:
        found = waiting.pop()
        yield found
        waiting += reversed(children(found))


LEVELS = ({"||"}, {"&&"}, {"==", "!="}, {"<", "<=", ">", ">="}, {"+", "-"}, {"*", "/"})
"""Operators by precedence, loosest first."""

LEVEL_OF = {symbol: level for level, symbols in enumerate(LEVELS, 1) for symbol in symbols}
"""How tightly each binary operator binds, from 1."""

_CHOICE, _UNARY, _POSTFIX = 0, len(LEVELS) + 1, len(LEVELS) + 2


def _level(node: Expression) -> int:
    """How tightly a node binds; inside a tighter one, it needs parentheses."""
    if isinstance(node, Choice):
        return _CHOICE
    if isinstance(node, Chain):
        return LEVEL_OF[node.rest[0][0]]
    return _UNARY if isinstance(node, Unary) else _POSTFIX


def print_expression(node: Expression, tighter_than: int = _CHOICE) -> str:
    """Write an expression on one line, with only the parentheses it needs."""
    text = _print(node)
    return f"({text})" if _level(node) < tighter_than else text


def _print(node: Expression) -> str:
    match node:
        case Number():
            return format(Decimal(repr(node.value)), "f").removesuffix(".0")
        case Text():
            return f'"{node.value}"'
        case Name():
            return node.name
        case Unary():
            return node.symbol + print_expression(node.operand, _UNARY)
        case Chain():
            inner = _level(node) + 1
            parts = [print_expression(node.first, inner)]
            parts += [f"{symbol} {print_expression(each, inner)}" for symbol, each in node.rest]
            return " ".join(parts)
        case Choice():
            condition = print_expression(node.condition, _CHOICE + 1)
            # Branches need no parentheses, but a choice within a branch gets them: other formula
            # parsers refuse it without.
            then = print_expression(node.then, _CHOICE + 1)
            return f"{condition} ? {then} : {print_expression(node.otherwise, _CHOICE + 1)}"
        case Call():
            return f"{node.name}({_print_all(node.arguments)})"
        case Member():
            return f"{print_expression(node.target, _POSTFIX)}.{node.name}"
        case Method():
            target = print_expression(node.target, _POSTFIX)
            return f"{target}.{node.name}({_print_all(node.arguments)})"


def _print_all(arguments: tuple[Expression, ...]) -> str:
    return ", ".join(print_expression(each) for each in arguments)


def print_program(program: Program) -> str:
    """Write a formula with one statement per line, in canonical spelling."""
    return "\n".join(
        f"{statement.target} = {print_expression(statement.value)};"
        if statement.target
        else f"{print_expression(statement.value)};"
        for statement in program.statements
    )
