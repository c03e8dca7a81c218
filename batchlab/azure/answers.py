"""JSON answers of everything but the Batch service, and the errors of Azure Resource Manager."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import msgspec

from batchlab.errors import InvalidRequest
from batchlab.rest.messages import Response
from batchlab.rest.wire import write_datetime

__all__ = [
    "ArmRefused",
    "batch_error",
    "check_etag",
    "error",
    "etag_of",
    "host_of",
    "json",
    "named",
    "nothing",
    "read_object",
]


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

    def __init__(self, answer: Response) -> None:
        super().__init__(answer.status)
        self.answer = answer


def error(
    status: int, code: str, message: str, *, target: str = "",
    headers: Mapping[str, str] | None = None,
) -> Response:  # fmt: skip
    """An error in the shape of Azure Resource Manager."""
    about = {"code": code, "message": message} | ({"target": target} if target else {})
    return json({"error": about}, status, headers)


def batch_error(status: int, found: Mapping[str, Any]) -> Response:
    """An error of the Batch service as the management plane has it: each value is a detail."""
    said = found.get("message", {}).get("value", "").partition("\n")[0]
    text = f"{said}\nRequestId:{uuid.uuid4()}\nTime:{write_datetime(datetime.now(UTC))}"
    code = found.get("code", "InternalError")
    about: dict[str, Any] = {"code": code, "message": text, "target": "BatchAccount"}
    details = [{"code": one["key"], "message": one["value"]} for one in found.get("values", ())]
    return json({"error": about | ({"details": details} if details else {})}, status)


def etag_of(content: Any) -> str:
    """The version of a resource that has no number of its own: another content has another."""
    digest = uuid.uuid5(uuid.NAMESPACE_OID, msgspec.json.encode(content).decode()).hex
    return f'W/"0x{digest[:15].upper()}"'


def check_etag(headers: Mapping[str, str], etag: str | None) -> None:
    """Refuse a request for another version of a resource; `etag` is None if there is none."""
    wanted, unwanted = headers.get("if-match"), headers.get("if-none-match")
    tags = [tag.strip().removeprefix("W/").strip('"') for tag in (wanted or "*").split(",")]
    own = None if etag is None else etag.removeprefix("W/").strip('"')
    if (wanted is not None and (own is None or not {"*", own} & set(tags))) or (
        unwanted == "*" and own is not None
    ):
        said = "The condition specified using HTTP conditional header(s) is not met."
        found = {"code": "ConditionNotMet", "message": {"value": said}}
        raise ArmRefused(batch_error(412, found))


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
