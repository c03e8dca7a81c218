"""Routes: which operation answers which URL. Ids and paths are decoded only here.

Operations are registered under their names in the SDK, so that a test can compare the two lists.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, NamedTuple
from urllib.parse import unquote_to_bytes

from batchlab.errors import BatchError, InvalidRequest
from batchlab.rest.messages import Response

__all__ = ["OPERATIONS", "Route", "find", "operation"]

Operation = Callable[..., Response]


class Route(NamedTuple):
    """A method, a URL template with names in braces, and the operation."""

    method: str
    template: str
    name: str
    pattern: re.Pattern[str]
    answer: Operation


class VerbNotSupported(BatchError):
    """The URL exists, but not for this method (HTTP 405)."""

    status = 405


OPERATIONS: list[Route] = []
_BY_ROOT: dict[str, list[Route]] = {}


def operation(method: str, template: str, name: str = "") -> Callable[[Operation], Operation]:
    """Register an operation; the last name of a template may match several parts of a path."""

    def register(answer: Operation) -> Operation:
        pattern = re.escape(template).replace(r"\{", "{").replace(r"\}", "}")
        pattern = re.sub(r"\{path\}", r"(?P<path>.+)", pattern)
        pattern = re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", pattern)
        called = name or getattr(answer, "__name__", "")
        route = Route(method, template, called, re.compile(pattern), answer)
        OPERATIONS.append(route)
        _BY_ROOT.setdefault(_root(template), []).append(route)
        return answer

    return register


def find(method: str, path: str) -> tuple[Operation, dict[str, Any]]:
    """Find the operation for an encoded path, and the values of its names.

    Raises
    ------
    InvalidRequest
        ``InvalidUri``: no such URL.
    BatchError
        ``UnsupportedHttpVerb``.
    """
    path = "/" + path.strip("/")
    methods = []
    for route in _BY_ROOT.get(_root(path), ()):
        match = route.pattern.fullmatch(path)
        if match is None:
            continue
        if route.method == method:
            return route.answer, {key: _decode(value) for key, value in match.groupdict().items()}
        methods.append(route.method)
    if methods:
        raise VerbNotSupported(
            "UnsupportedHttpVerb",
            f"supported verbs: {', '.join(methods)}",
        )
    raise InvalidRequest(
        "InvalidUri",
        f"there is no {path}",
    )


def _root(path: str) -> str:
    return re.split(r"[/(]", path[1:], maxsplit=1)[0]


def _decode(part: str) -> str:
    try:
        return unquote_to_bytes(part).decode()
    except (UnicodeDecodeError, UnicodeEncodeError):
        raise InvalidRequest("InvalidUri", "the URL is not valid UTF-8") from None
