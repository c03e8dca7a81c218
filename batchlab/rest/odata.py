"""The part of a list that a client wants: ``$filter``, ``$select`` and ``maxresults``.

A filter becomes a function from a resource, as it is on the wire, to True or False. It may contain
``eq ne gt ge lt le``, ``and or``, parentheses, ``startswith(name,'x')``, paths into objects, text
in single quotes, numbers, ``true false null`` and times. An unknown property is refused, so that a
typo does not return everything.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Collection
from datetime import UTC, datetime
from typing import Any, NamedTuple

from batchlab.errors import InvalidRequest
from batchlab.rest.messages import Wire

__all__ = [
    "Filter",
    "check_expand",
    "page_size",
    "read_filter",
    "read_select",
    "refusal",
    "select",
]

MOST = 1000
"""The maximum number of entries of a page."""
_DEEPEST = 50
_LONGEST = 4096

Test = Callable[[Wire], bool]
_TOKEN = re.compile(
    r"""\s*(?:
        (?P<moment>(?:[Dd]ate[Tt]ime)'[^']*' | \d{4}-\d\d-\d\dT[0-9:.]+(?:Z|[+-]\d\d:\d\d)?)
      | (?P<text>'(?:[^']|'')*')
      | (?P<number>-?\d+(?:\.\d+)?)
      | (?P<word>[A-Za-z_][\w./-]*)
      | (?P<sign>[(),])
    )""",
    re.VERBOSE,
)
_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "eq": operator.eq,
    "ne": operator.ne,
    "gt": operator.gt,
    "ge": operator.ge,
    "lt": operator.lt,
    "le": operator.le,
}
_WORDS = {"true": True, "false": False, "null": None}


class Filter(NamedTuple):
    """A test, and the state that it requires, if any."""

    test: Test
    state: str | None = None


def refusal(name: str, value: str, reason: str) -> InvalidRequest:
    """Build the error for a query parameter."""
    shown = value if len(value) <= 200 else value[:197] + "..."
    return InvalidRequest(
        "InvalidQueryParameterValue",
        f"Value for one of the query parameters specified in the request URI is invalid: {name}: "
        f"{reason}",
        {"QueryParameterName": name, "QueryParameterValue": shown, "Reason": reason},
    )


def page_size(text: str | None) -> int:
    """Read ``maxresults``."""
    if text is None:
        return MOST
    digits = text.strip()
    if not digits.lstrip("-").isdecimal() or not digits.isascii() or digits.count("-") > 1:
        raise refusal("maxresults", text, "MaxResults must be a whole number")
    if digits.startswith("-") or not int(digits[:9]):
        raise refusal("maxresults", text, "MaxResults cannot be less than 1")
    if len(digits) > 9 or int(digits) > MOST:
        raise refusal("maxresults", text, f"MaxResults cannot be more than {MOST}")
    return int(digits)


# -- select -------------------------------------------------------------------------------------


def read_select(text: str | None, known: Collection[str]) -> frozenset[str]:
    """Read ``$select``: the selected properties; empty for all."""
    wanted = [part.strip() for part in (text or "").split(",")]
    wanted = [part.partition("/")[0] for part in wanted if part]
    if wanted == ["*"]:
        return frozenset()
    for name in wanted:
        if name not in known:
            raise refusal("$select", text or "", f"there is no property {name!r}")
    return frozenset(wanted)


def check_expand(text: str | None) -> None:
    """Refuse ``$expand`` of anything but statistics (which a lab does not have)."""
    for part in (text or "stats").split(","):
        if part.strip() not in ("stats", ""):
            raise refusal("$expand", text or "", f"{part.strip()!r} cannot be expanded")


def select(resource: Wire, wanted: frozenset[str]) -> Wire:
    """The selected properties of a resource."""
    if not wanted:
        return resource
    return {name: value for name, value in resource.items() if name in wanted}


# -- filter -------------------------------------------------------------------------------------


def read_filter(text: str | None, known: Collection[str]) -> Filter | None:
    """Read ``$filter``; None if there is none."""
    if text is None or not text.strip():
        return None
    if len(text) > _LONGEST:
        raise refusal("$filter", text, f"must have at most {_LONGEST} characters")
    return _Parser(text, known).whole()


class _Parser:
    """Reads one filter from left to right; ``and`` binds more tightly than ``or``."""

    def __init__(self, text: str, known: Collection[str]) -> None:
        self.text, self.known = text, known
        self.tokens: list[tuple[str, str]] = []
        self.position, self.depth = 0, 0
        end = 0
        while text[end:].strip():
            match = _TOKEN.match(text, end)
            if match is None:
                raise self.wrong(f"syntax error at {text[end : end + 20]!r}")
            end = match.end()
            kind = match.lastgroup or ""
            self.tokens.append((kind, match[kind]))

    def wrong(self, reason: str) -> InvalidRequest:
        return refusal("$filter", self.text, reason)

    def peek(self) -> str:
        return self.tokens[self.position][1] if self.position < len(self.tokens) else ""

    def next(self) -> tuple[str, str]:
        if self.position >= len(self.tokens):
            raise self.wrong("ends too early")
        self.position += 1
        return self.tokens[self.position - 1]

    def expect(self, sign: str) -> None:
        found = self.next()[1]
        if found != sign:
            raise self.wrong(f"expected {sign!r}, found {found!r}")

    def whole(self) -> Filter:
        found = self.either()
        if self.position < len(self.tokens):
            raise self.wrong(f"expected the end, found {self.peek()!r}")
        return found

    def either(self) -> Filter:
        found = self.both()
        while self.peek() == "or":
            self.next()
            found = Filter(_or(found.test, self.both().test))
        return found

    def both(self) -> Filter:
        found = self.one()
        while self.peek() == "and":
            self.next()
            other = self.one()
            found = Filter(_and(found.test, other.test), found.state or other.state)
        return found

    def one(self) -> Filter:
        kind, token = self.next()
        if token == "(":
            self.depth += 1
            if self.depth > _DEEPEST:
                raise self.wrong("has too many nested parentheses")
            found = self.either()
            self.expect(")")
            self.depth -= 1
            return found
        if kind != "word":
            raise self.wrong(f"expected a property, found {token!r}")
        if token == "startswith" and self.peek() == "(":
            return self.startswith()
        path = self.path(token)
        name = self.next()[1]
        if name not in _COMPARE:
            raise self.wrong(f"expected one of {', '.join(_COMPARE)}, found {name!r}")
        value = self.value()
        state = value if token == "state" and name == "eq" and isinstance(value, str) else None
        return Filter(_comparison(path, _COMPARE[name], value), state)

    def startswith(self) -> Filter:
        self.expect("(")
        path = self.path(self.next()[1])
        self.expect(",")
        start = self.value()
        self.expect(")")
        if not isinstance(start, str):
            raise self.wrong("startswith needs text")
        return Filter(lambda resource: str(_get(resource, path) or "").startswith(start))

    def path(self, token: str) -> list[str]:
        path = token.split("/")
        if path[0] not in self.known:
            raise self.wrong(f"there is no property {path[0]!r}")
        return path

    def value(self) -> Any:
        kind, token = self.next()
        if kind == "text":
            return token[1:-1].replace("''", "'")
        if kind == "number":
            return float(token)
        if kind == "word" and token in _WORDS:
            return _WORDS[token]
        if kind == "moment":
            moment = _moment(token.partition("'")[2].rstrip("'") if "'" in token else token)
            if moment is not None:
                return moment
        raise self.wrong(f"expected a value, found {token!r}")


def _and(left: Test, right: Test) -> Test:
    return lambda resource: left(resource) and right(resource)


def _or(left: Test, right: Test) -> Test:
    return lambda resource: left(resource) or right(resource)


def _comparison(path: list[str], compare: Callable[[Any, Any], bool], wanted: Any) -> Test:
    def test(resource: Wire) -> bool:
        value = _get(resource, path)
        if isinstance(wanted, datetime) and isinstance(value, str):
            value = _moment(value)
        if value is None or wanted is None:
            return compare in (operator.eq, operator.ne) and compare(value, wanted)
        try:
            return compare(value, wanted)
        except TypeError:
            return False

    return test


def _get(resource: Any, path: list[str]) -> Any:
    for name in path:
        if not isinstance(resource, dict):
            return None
        resource = resource.get(name)
    return resource


def _moment(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
