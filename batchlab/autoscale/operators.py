"""The operator table: the operand types and the result type of each operator.

`BINARY` and `UNARY` are complete. Any other pair of types is an evaluation error, even if its
meaning seems obvious (``timestamp - timeinterval``): Azure documents what it accepts, and a
formula that works here must work there. ``&&``, ``||`` and ``?:`` take doubles and evaluate only
the operands they need, so ``x != 0 && 1 / x > 2`` is safe; `evaluate` handles them.

No operation returns infinity or "not a number": division by zero and overflow are errors. This is
our choice; Azure does not document it.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable
from math import isfinite
from typing import Any

from batchlab.autoscale.values import TYPE_NAMES, Interval, Refused, Timestamp, Value

__all__ = [
    "BINARY",
    "UNARY",
    "binary",
    "explain_binary",
    "explain_truth",
    "explain_unary",
    "truth",
    "unary",
]

Vector = tuple[float, ...]

_ARITHMETIC: dict[str, Callable[[float, float], float]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
}
_COMPARISON: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    "==": operator.eq,
    ">=": operator.ge,
    ">": operator.gt,
    "!=": operator.ne,
}


def finite(value: float) -> float:
    """Refuse a result that is too large for a double."""
    if not isfinite(value):
        raise Refused("the result is too large for a double")
    return value


def _finite_vector(values: Iterable[float]) -> Vector:
    vector = tuple(values)
    # If a value is not finite, neither is the sum; but a sum may also just overflow.
    if not isfinite(sum(vector)) and not all(map(isfinite, vector)):
        raise Refused("a value of the resulting doubleVec is too large for a double")
    return vector


def _numbers(compute: Callable[[float, float], float]) -> Callable[[float, float], float]:
    return lambda left, right: finite(compute(left, right))


def _vector_number(compute: Callable[[float, float], float]) -> Callable[[Vector, float], Vector]:
    return lambda left, right: _finite_vector([compute(value, right) for value in left])


def _vectors(compute: Callable[[float, float], float]) -> Callable[[Vector, Vector], Vector]:
    def combine(left: Vector, right: Vector) -> Vector:
        if len(left) != len(right):
            raise Refused(
                f"the two vectors have {len(left)} and {len(right)} values",
                "vectors are combined value by value and must have the same length; "
                "reduce them first, as in avg(v)",
            )
        return _finite_vector(map(compute, left, right))

    return combine


def _comparison(compare: Callable[[Any, Any], bool]) -> Callable[[Any, Any], float]:
    return lambda left, right: 1.0 if compare(left, right) else 0.0


def _stretch(span: Interval, factor: float) -> Interval:
    # Whole factors stay exact: a double has 53 bits, an interval 63.
    return Interval.of(span.ticks * (int(factor) if factor.is_integer() else factor))


Table = dict[tuple[str, type, type], tuple[Callable[[Any, Any], Value], type]]

BINARY: Table = {
    ("*", float, Interval): (lambda number, span: _stretch(span, number), Interval),
    ("*", Interval, float): (_stretch, Interval),
    ("/", Interval, float): (lambda span, number: Interval.of(span.ticks / number), Interval),
    ("+", Interval, Interval): (lambda a, b: Interval.of(a.ticks + b.ticks), Interval),
    ("-", Interval, Interval): (lambda a, b: Interval.of(a.ticks - b.ticks), Interval),
    ("+", Interval, Timestamp): (lambda a, b: Timestamp.of(a.ticks + b.ticks), Timestamp),
    ("+", Timestamp, Interval): (lambda a, b: Timestamp.of(a.ticks + b.ticks), Timestamp),
    ("-", Timestamp, Timestamp): (lambda a, b: Interval.of(a.ticks - b.ticks), Interval),
}
for _symbol, _compute in _ARITHMETIC.items():
    BINARY[_symbol, float, float] = (_numbers(_compute), float)
    BINARY[_symbol, tuple, float] = (_vector_number(_compute), tuple)
    BINARY[_symbol, tuple, tuple] = (_vectors(_compute), tuple)
for _symbol, _compare in _COMPARISON.items():
    for _type in (float, str, Timestamp, Interval):
        BINARY[_symbol, _type, _type] = (_comparison(_compare), float)

UNARY: dict[tuple[str, type], tuple[Callable[[Any], Value], type]] = {
    ("-", float): (operator.neg, float),
    ("!", float): (lambda number: 1.0 if number == 0 else 0.0, float),
    ("-", Interval): (lambda span: Interval(-span.ticks), Interval),
}

_CURES: dict[tuple[str, type, type], str] = {
    ("-", Timestamp, Interval): "write ts + (-1) * ti",
    ("/", Interval, Interval): "compare the two intervals, or divide by a number",
    ("+", str, str): "strings can only be compared",
    ("+", float, tuple): "put the vector first: v + 2",
    ("*", float, tuple): "put the vector first: v * 2",
    ("-", float, tuple): "put the vector first: v * (-1) + 2",
    ("-", float, Interval): "give the number a unit: 5 * TimeInterval_Minute",
    ("-", Interval, float): "give the number a unit: 5 * TimeInterval_Minute",
    ("+", float, Interval): "give the number a unit: 5 * TimeInterval_Minute",
    ("+", Interval, float): "give the number a unit: 5 * TimeInterval_Minute",
    ("-", Timestamp, float): "give the number a unit: ts + (-5) * TimeInterval_Minute",
    ("+", Timestamp, float): "give the number a unit: ts + 5 * TimeInterval_Minute",
}


def binary(symbol: str, left: Value, right: Value) -> Value:
    """Apply an operator of the table.

    Raises
    ------
    Refused
        The table has no entry for the two types, or the result would not be finite.
    """
    entry = BINARY.get((symbol, type(left), type(right)))
    if entry is None:
        raise explain_binary(symbol, type(left), type(right))
    try:
        return entry[0](left, right)
    except ZeroDivisionError:
        raise Refused("division by zero", "guard it with ?:, as in x != 0 ? y / x : 0") from None
    except OverflowError:
        raise Refused("the result is too large for a double") from None


def unary(symbol: str, operand: Value) -> Value:
    """Apply ``-`` or ``!``; raises `Refused` for a type that is not in the table."""
    entry = UNARY.get((symbol, type(operand)))
    if entry is None:
        raise explain_unary(symbol, type(operand))
    return entry[0](operand)


def truth(value: Value, what: str) -> bool:
    """Evaluate a condition: a double, true unless it is zero. `what` names it in the error."""
    if type(value) is not float:
        raise explain_truth(type(value), what)
    return value != 0


def explain_binary(symbol: str, left: type, right: type) -> Refused:
    """Build the error for an operator with two wrong types, and suggest an alternative."""
    return Refused(
        f"operator {symbol} does not apply to {TYPE_NAMES[left]} and {TYPE_NAMES[right]}",
        _CURES.get((symbol, left, right)) or _generic_cure(symbol, left, right),
    )


def _generic_cure(symbol: str, left: type, right: type) -> str:
    if symbol in _COMPARISON and tuple in (left, right):
        return "reduce the vector first, as in avg(v) or max(v)"
    if symbol in _COMPARISON:
        return "both sides of a comparison must have the same type"
    partners = [TYPE_NAMES[pair[2]] for pair in BINARY if pair[:2] == (symbol, left)]
    kinds = " or ".join(partners)
    return f"after a {TYPE_NAMES[left]}, {symbol} takes a {kinds}" if partners else ""


def explain_unary(symbol: str, operand: type) -> Refused:
    """Build the error for an operator that does not apply to a type."""
    hint = "multiply instead: v * (-1)" if (symbol, operand) == ("-", tuple) else ""
    return Refused(f"operator {symbol} does not apply to a {TYPE_NAMES[operand]}", hint)


def explain_truth(kind: type, what: str) -> Refused:
    """Build the error for a type that cannot be a condition."""
    hint = "reduce a vector first, as in max(v) > 0" if kind is tuple else ""
    return Refused(f"{what} must be a double, not a {TYPE_NAMES[kind]}", hint)
