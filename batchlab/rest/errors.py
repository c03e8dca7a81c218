"""Azure's error bodies."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import msgspec

from batchlab.errors import BatchError
from batchlab.rest.messages import JSON, Response, Wire
from batchlab.rest.wire import camel, write_datetime

__all__ = ["TooLarge", "error_content", "error_response"]

_SNAKE = re.compile(r"[a-z0-9]+(?:_[a-z0-9]+)+")
RETRY_AFTER_S = 30


class TooLarge(BatchError):
    """A request has more bytes, or more tasks, than the service takes (HTTP 413)."""

    status = 413

    def __init__(self, reason: str) -> None:
        super().__init__("RequestBodyTooLarge", f"The request body is too large: {reason}")


def error_content(error: BatchError, suffix: str = "") -> Wire:
    """What an error is on the wire; the names of properties are spelt as there."""
    values = [
        {"key": key, "value": _SNAKE.sub(_camel, value) if key == "PropertyName" else value}
        for key, value in error.values.items()
    ]
    message = {"lang": "en-US", "value": error.message + suffix}
    found: Wire = {"code": error.code, "message": message}
    return found | {"values": values} if values else found


def error_response(error: BatchError, base: str, request_id: str) -> Response:
    """The response to a request that was refused."""
    suffix = f"\nRequestId:{request_id}\nTime:{write_datetime(datetime.now(UTC))}"
    kind = "Microsoft.Azure.Batch.Protocol.Entities.Container.errors/@Element"
    content = {"odata.metadata": f"{base}/$metadata#{kind}"} | error_content(error, suffix)
    headers = {"Content-Type": JSON}
    if error.status == 503:
        headers["Retry-After"] = str(RETRY_AFTER_S)
    return Response(error.status, headers, msgspec.json.encode(content))


def _camel(match: re.Match[str]) -> str:
    return camel(match[0])
