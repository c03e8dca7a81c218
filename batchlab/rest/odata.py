"""The part of a list that a client wants: ``$filter``, ``$select`` and ``maxresults``.

A filter, whose grammar is in ``odata.lark``, becomes a function from a resource, as it is on the
wire, to True or False. Parsed filters are cached: a client that polls sends the same one again and
again. An unknown property is refused, so that a typo does not return everything.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Collection
from datetime import UTC, datetime
from functools import cache, lru_cache
from typing import Any, NamedTuple

from lark import Lark, Token, Transformer, v_args
from lark.exceptions import UnexpectedCharacters, UnexpectedToken

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
_LONGEST = 4096

Test = Callable[[Wire], bool]
_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "eq": operator.eq,
    "ne": operator.ne,
    "gt": operator.gt,
    "ge": operator.ge,
    "lt": operator.lt,
    "le": operator.le,
}
_CONSTANTS = {"true": True, "false": False, "null": None}
_EXPECTED = {
    "PATH": "a property",
    "OPERATOR": f"one of {', '.join(_COMPARE)}",
    "NUMBER": "a value",
    "TEXT": "text in single quotes",
    "LPAR": "'('",
    "COMMA": "','",
    "RPAR": "')'",
}
"""The terminals of the grammar in words; an error names the first that is accepted."""


class Filter(NamedTuple):
    """A test, the properties it reads, and the state that it requires, if any."""

    test: Test
    names: tuple[str, ...]
    state: str | None = None


def refusal(name: str, value: str, reason: str) -> InvalidRequest:
    """Build the error for a query parameter."""
    shown = value if len(value) <= 200 else value[:197] + "..."
    return InvalidRequest(
        "InvalidQueryParameterValue",
        f"{name}: {reason}",
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
    found = _read(text)
    if isinstance(found, str):
        raise refusal("$filter", text, found)
    for name in found.names:
        if name not in known:
            raise refusal("$filter", text, f"there is no property {name!r}")
    return found


@lru_cache(256)
def _read(text: str) -> Filter | str:
    """Parse a filter, or say what is wrong with it."""
    try:
        return _parser()(text)
    except UnexpectedToken as error:
        if error.token.type == "$END":
            return "ends too early"
        accepted = error.interactive_parser.accepts()  # type: ignore[no-untyped-call]
        wanted = next((what for kind, what in _EXPECTED.items() if kind in accepted), "the end")
        return f"expected {wanted}, found {str(error.token)!r}"
    except UnexpectedCharacters as error:
        start = error.pos_in_stream or 0
        return f"syntax error at {text[start : start + 20]!r}"
    except ValueError as error:
        return str(error)


@cache
def _parser() -> Callable[[str], Filter]:
    lark = Lark.open_from_package(__package__, "odata.lark", parser="lalr", transformer=_Builder())
    return lark.parse  # type: ignore[return-value]


@v_args(inline=True)
class _Builder(Transformer[Token, Filter]):
    """Callbacks for lark: children in, filter or value out."""

    def either(self, left: Filter, right: Filter) -> Filter:
        one, other = left.test, right.test
        return Filter(lambda found: one(found) or other(found), left.names + right.names)

    def both(self, left: Filter, right: Filter) -> Filter:
        one, other = left.test, right.test
        names, state = left.names + right.names, left.state or right.state
        return Filter(lambda found: one(found) and other(found), names, state)

    def comparison(self, token: Token, name: Token, value: Any) -> Filter:
        path = token.split("/")
        state = value if token == "state" and name == "eq" and isinstance(value, str) else None
        return Filter(_comparison(path, _COMPARE[name], value), (path[0],), state)

    def prefix(self, token: Token, start: str) -> Filter:
        path = token.split("/")
        return Filter(lambda found: str(_get(found, path) or "").startswith(start), (path[0],))

    def text(self, token: Token) -> str:
        return token[1:-1].replace("''", "'")

    def number(self, token: Token) -> float:
        return float(token)

    def constant(self, token: Token) -> bool | None:
        return _CONSTANTS[token]

    def moment(self, token: Token) -> datetime:
        moment = _moment(token.partition("'")[2].rstrip("'") if "'" in token else token)
        if moment is None:
            raise ValueError(f"expected a value, found {str(token)!r}")
        return moment


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
