"""The integers of scripts on simulated nodes: what stands inside ``$((...))``."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from functools import lru_cache

from batchlab.drivers.simulated.shell.words import NotUnderstood

__all__ = ["LONGEST", "evaluate", "parse_expression"]

_LEVELS = (
    ("||",), ("&&",), ("|",), ("^",), ("&",), ("==", "!="), ("<=", ">=", "<", ">"),
    ("<<", ">>"), ("+", "-"), ("*", "/", "%"), ("**",),
)  # fmt: skip
_ASSIGNS = {"=", "+=", "-=", "*=", "/=", "%=", "<<=", ">>=", "&=", "^=", "|="}
_TOKEN = re.compile(
    r"\s*(?:(?P<number>0[xX][0-9a-fA-F]+|\d+)(?!\w)|(?P<name>[A-Za-z_]\w*)"
    r"|(?P<sign><<=|>>=|\*\*|\+\+|--|<<|>>|&&|\|\||[-+*/%&^|<>=!]=|[-+*/%&^|<>=!~?:()]))\s*",
    re.ASCII,
)
_INTEGER = re.compile(r"\s*([+-]?)(0[xX][0-9a-fA-F]+|0[0-7]*|[1-9]\d*)\s*", re.ASCII)
LONGEST = 500
"""Signs of an expression, since parentheses take stack."""

Tree = tuple["str | int | Tree", ...]
"""An operator and what it is applied to."""


class _Names:
    """The variables of the shell."""

    def __init__(self, get: Callable[[str], str], put: Callable[[str, str], None]) -> None:
        self.get = get
        self.put = put


def _quotient(left: int, right: int) -> int:
    """Divide as C does: towards zero."""
    size = abs(left) // abs(right)
    return size if (left < 0) == (right < 0) else -size


_OPERATORS: dict[str, Callable[[int, int], int]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": _quotient,
    "%": lambda left, right: left - right * _quotient(left, right),
    "**": lambda left, right: pow(left, right, 2**64) if right >= 0 else _negative(),
    "<<": lambda left, right: left << (right % 64),
    ">>": lambda left, right: left >> (right % 64),
    "&": operator.and_,
    "|": operator.or_,
    "^": operator.xor,
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def _negative() -> int:
    raise ValueError("exponent less than 0")


class _Parser:
    """A parser by precedence: each level calls the next."""

    def __init__(self, text: str, *, bash: bool) -> None:
        self._text = text
        self._bash = bash
        self._tokens: list[tuple[str, str]] = []
        at = 0
        while at < len(text.rstrip()):
            match = _TOKEN.match(text, at)
            if match is None:
                raise NotUnderstood(text)
            kind = match.lastgroup or ""
            self._tokens.append((kind, match[kind]))
            at = match.end()
        self._tokens.append(("end", ""))
        self._at = 0

    def whole(self) -> Tree:
        """Parse everything."""
        if self._tokens[0][0] == "end" and self._bash:
            return ("number", 0)
        found = self._assignment()
        if self._tokens[self._at][0] != "end":
            raise NotUnderstood(self._text)
        return found

    def _sign(self, *signs: str) -> str:
        """Pass one of these signs, and return it; empty if there is none."""
        kind, token = self._tokens[self._at]
        if kind != "sign" or token not in signs:
            return ""
        self._at += 1
        return token

    def _assignment(self) -> Tree:
        kind, name = self._tokens[self._at]
        after = self._tokens[self._at + 1][1] if kind == "name" else ""
        if after in _ASSIGNS:
            self._at += 2
            value = self._assignment()
            if after != "=":
                value = (after[:-1], ("name", name), value)
            return ("=", name, value)
        condition = self._level(0)
        if not self._sign("?"):
            return condition
        first = self._assignment()
        if not self._sign(":"):
            raise NotUnderstood(self._text)
        return ("?", condition, first, self._assignment())

    def _level(self, level: int) -> Tree:
        if level == len(_LEVELS):
            return self._unary()
        left = self._level(level + 1)
        while sign := self._sign(*_LEVELS[level]):
            if sign == "**" and not self._bash:
                raise NotUnderstood(self._text)
            left = (sign, left, self._level(level if sign == "**" else level + 1))
        return left

    def _unary(self) -> Tree:
        if sign := self._sign("++", "--"):
            kind, name = self._tokens[self._at]
            if not self._bash or kind != "name":
                raise NotUnderstood(self._text)
            self._at += 1
            return ("=", name, (sign[0], ("name", name), ("number", 1)))
        if sign := self._sign("+", "-", "!", "~"):
            return (f"unary {sign}", self._unary())
        if self._sign("("):
            found = self._assignment()
            if not self._sign(")"):
                raise NotUnderstood(self._text)
            return found
        kind, token = self._tokens[self._at]
        self._at += 1
        if kind == "number":
            return ("number", _integer(token))
        if kind != "name":
            raise NotUnderstood(self._text)
        if sign := self._sign("++", "--"):
            if not self._bash:
                raise NotUnderstood(self._text)
            return ("after", token, (sign[0], ("name", token), ("number", 1)))
        return ("name", token)


@lru_cache(maxsize=1024)
def parse_expression(text: str, *, bash: bool = False) -> Tree:
    """Parse an expression; raises `NotUnderstood`."""
    if len(text) > LONGEST:
        raise NotUnderstood(text)
    try:
        return _Parser(text, bash=bash).whole()
    except (RecursionError, ValueError):
        raise NotUnderstood(text) from None


def evaluate(
    text: str, get: Callable[[str], str], put: Callable[[str, str], None], *, bash: bool = False
) -> int:
    """Return the value of an expression, given the values of variables.

    Raises `NotUnderstood`, `ValueError` if a variable is no integer, and `ZeroDivisionError`.
    """
    return _value(parse_expression(text, bash=bash), _Names(get, put))


def _value(tree: Tree, names: _Names) -> int:
    match tree:
        case ("number", int(number)):
            return number
        case ("name", str(name)):
            return _integer(names.get(name) or "0")
        case ("=", str(name), tuple(value)):
            found = _value(value, names)
            names.put(name, str(found))
            return found
        case ("after", str(name), tuple(value)):
            before = _integer(names.get(name) or "0")
            names.put(name, str(_value(value, names)))
            return before
        case ("?", tuple(condition), tuple(first), tuple(second)):
            return _value(first if _value(condition, names) else second, names)
        case ("&&", tuple(left), tuple(right)):
            return int(bool(_value(left, names)) and bool(_value(right, names)))
        case ("||", tuple(left), tuple(right)):
            return int(bool(_value(left, names)) or bool(_value(right, names)))
        case (str(sign), tuple(operand)):
            inner = _value(operand, names)
            return {"unary +": inner, "unary -": -inner, "unary !": int(not inner)}.get(
                sign, ~inner
            )
        case (str(sign), tuple(left), tuple(right)):
            result = int(_OPERATORS[sign](_value(left, names), _value(right, names)))
            return (result + 2**63) % 2**64 - 2**63
    raise NotUnderstood(str(tree))


def _integer(text: str) -> int:
    match = _INTEGER.fullmatch(text)
    if match is None:
        raise ValueError(text)
    base = 16 if match[2][:2].lower() == "0x" else 8 if match[2][0] == "0" else 10
    return int(match[1] + match[2], base)
