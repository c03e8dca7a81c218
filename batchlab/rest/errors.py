"""Azure's error bodies."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import msgspec

from batchlab.errors import BatchError, RequestTooLarge
from batchlab.rest.messages import JSON, Response, Wire
from batchlab.rest.wire import camel, write_datetime

__all__ = ["error_content", "error_response", "too_large"]

_SNAKE = re.compile(r"[a-z0-9]+(?:_[a-z0-9]+)+")
RETRY_AFTER_S = 30


def too_large(reason: str) -> RequestTooLarge:
    """Build the error for a body with more bytes or tasks than the service accepts."""
    return RequestTooLarge("RequestBodyTooLarge", f"The request body is too large: {reason}")


def error_content(error: BatchError, suffix: str = "") -> Wire:
    """An error on the wire, with the names of properties in camel case."""
    values = [
        {"key": key, "value": _SNAKE.sub(_camel, value) if key == "PropertyName" else value}
        for key, value in error.values.items()
    ]
    message = {"lang": "en-US", "value": error.message + suffix}
    found: Wire = {"code": error.code, "message": message}
    return found | {"values": values} if values else found


def error_response(error: BatchError, base: str, request_id: str) -> Response:
    """The response to a refused request."""
    suffix = f"\nRequestId:{request_id}\nTime:{write_datetime(datetime.now(UTC))}"
    kind = "Microsoft.Azure.Batch.Protocol.Entities.Container.errors/@Element"
    content = {"odata.metadata": f"{base}/$metadata#{kind}"} | error_content(error, suffix)
    headers = {"Content-Type": JSON}
    if error.status == 503:
        headers["Retry-After"] = str(RETRY_AFTER_S)
    return Response(error.status, headers, msgspec.json.encode(content))


def _camel(match: re.Match[str]) -> str:
    return camel(match[0])
