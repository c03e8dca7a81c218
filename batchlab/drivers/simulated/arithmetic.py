"""The integers of scripts on simulated nodes: what stands inside ``$((...))``.

Python reads the expression, because what is understood here, ``+ - * / %``, parentheses, and one
comparison, has the same precedence in both languages.
"""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable
from functools import lru_cache

from batchlab.drivers.simulated.words import NotUnderstood

__all__ = ["evaluate", "parse_expression"]

_UNDERSTOOD = re.compile(r"(?!.*(?:\+\+|--|\d_))[\w\s+*/%()<>=!-]{1,500}", re.ASCII | re.DOTALL)
_OCTAL = re.compile(r"\b0+(?=\d)", re.ASCII)
_INTEGER = re.compile(r"\s*([+-]?)(0[0-7]*|[1-9]\d*)\s*", re.ASCII)


def _quotient(left: int, right: int) -> int:
    """Divide as C does: towards zero."""
    size = abs(left) // abs(right)
    return size if (left < 0) == (right < 0) else -size


_OPERATORS: dict[type[ast.AST], Callable[[int, int], int]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: _quotient,
    ast.Mod: lambda left, right: left - right * _quotient(left, right),
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}
_SIGNS: dict[type[ast.AST], int] = {ast.UAdd: 1, ast.USub: -1}


@lru_cache(maxsize=1024)
def parse_expression(text: str) -> ast.expr:
    """Parse an expression; raises `NotUnderstood`."""
    if not _UNDERSTOOD.fullmatch(text):
        raise NotUnderstood(text)
    try:
        body = ast.parse(_OCTAL.sub("0o", " ".join(text.split())), mode="eval").body
    except (SyntaxError, RecursionError, MemoryError):
        raise NotUnderstood(text) from None
    _check(body)
    return body


def _check(node: ast.expr) -> None:
    match node:
        case ast.Name():
            return None
        case ast.Constant(value=value) if type(value) is int:
            return None
        case ast.UnaryOp(op=sign, operand=operand) if type(sign) in _SIGNS:
            return _check(operand)
        case (
            ast.BinOp(left=left, op=action, right=right)
            | ast.Compare(left=left, ops=[action], comparators=[right])
        ) if type(action) in _OPERATORS:
            _check(left)
            return _check(right)
    raise NotUnderstood(ast.unparse(node))


def evaluate(text: str, value_of: Callable[[str], str]) -> int:
    """Return the value of an expression, given the values of variables.

    Raises `NotUnderstood`, `ValueError` if a variable is no integer, and `ZeroDivisionError`.
    """
    return _value(parse_expression(text), value_of)


def _value(node: ast.expr, value_of: Callable[[str], str]) -> int:
    match node:
        case ast.Name(id=name):
            return _integer(value_of(name) or "0")
        case ast.UnaryOp(op=sign, operand=operand):
            return _SIGNS[type(sign)] * _value(operand, value_of)
        case (
            ast.BinOp(left=left, op=action, right=right)
            | ast.Compare(left=left, ops=[action], comparators=[right])
        ):
            found = _OPERATORS[type(action)](_value(left, value_of), _value(right, value_of))
            return (found + 2**63) % 2**64 - 2**63
        case ast.Constant(value=int(value)):
            return value
    raise NotUnderstood(ast.unparse(node))


def _integer(text: str) -> int:
    match = _INTEGER.fullmatch(text)
    if match is None:
        raise ValueError(text)
    return int(match[1] + match[2], 8 if match[2][0] == "0" else 10)
