"""JSON answers of everything but the Batch service, and the errors of Azure Resource Manager."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import msgspec

from batchlab.errors import InvalidRequest
from batchlab.rest.messages import Response

__all__ = ["ArmRefused", "error", "host_of", "json", "named", "nothing", "read_object"]


def json(content: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A response with JSON."""
    body = msgspec.json.encode(content)
    named = {"Content-Type": "application/json; charset=utf-8", "Cache-Control": "no-store"}
    return Response(status, named | dict(headers or {}), body, len(body))


def nothing(status: int, headers: Mapping[str, str] | None = None) -> Response:
    """A response without a body."""
    return Response(status, dict(headers or {}), b"", None if status == 204 else 0)


class ArmRefused(Exception):
    """A refused request: its answer."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.answer = error(status, code, message)


def error(
    status: int, code: str, message: str, *, target: str = "",
    headers: Mapping[str, str] | None = None,
) -> Response:  # fmt: skip
    """An error in the shape of Azure Resource Manager."""
    about = {"code": code, "message": message} | ({"target": target} if target else {})
    return json({"error": about}, status, headers)


def named(headers: Mapping[str, str]) -> dict[str, str]:
    """Headers by their names in lower case."""
    return {name.lower(): value for name, value in headers.items()}


def host_of(headers: Mapping[str, str]) -> str:
    """The host that a client has called, without its port; the names are in lower case."""
    try:
        return urlsplit(f"//{headers.get('host', '')}").hostname or ""
    except ValueError:
        return ""


def read_object(body: bytes) -> dict[str, Any]:
    """The JSON object in a body; an empty body is an empty object."""
    try:
        found = msgspec.json.decode(body) if body.strip() else {}
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as problem:
        raise InvalidRequest("InvalidRequestContent", f"the body is not JSON: {problem}") from None
    if not isinstance(found, dict):
        raise InvalidRequest("InvalidRequestContent", "the body must be a JSON object")
    return found
