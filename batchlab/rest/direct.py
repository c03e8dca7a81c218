"""A request without a server: definitions in JSON, as Azure's tools send them.

There is no signature to check and no version to read, because the caller holds the lab. What is
refused is raised as it is, so a caller reads the whole sentence and not the text of the wire.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from batchlab.errors import InvalidRequest, invalid
from batchlab.rest import service  # registers the operations
from batchlab.rest.messages import RestCall
from batchlab.rest.routes import find
from batchlab.rest.specification import BODIES
from batchlab.rest.unknown_properties import unknown_properties_of
from batchlab.rest.versions import Version

if TYPE_CHECKING:
    from batchlab.drivers.ports import Connection

__all__ = ["post"]

assert service.OPERATION_MODULES
NEWEST = Version("2025-06")


def post(
    connection: Connection, path: str, body: Mapping[str, Any] | str | bytes
) -> dict[str, Any]:
    """Answer a POST request; see `BaseLab.post`."""
    given: Any = path
    if not isinstance(given, str) or "?" in given:
        raise invalid("path", given, "must be a path, such as '/pools'", owner="lab.post")
    operation, names = find("POST", path)
    call = RestCall(
        connection=connection, unknown_properties=unknown_properties_of(connection), base="",
        query={}, headers={}, body=_encoded(body), path="/" + path.strip("/"), version=NEWEST,
        body_type=BODIES.get(operation.__name__, ""),
    )  # fmt: skip
    answer = operation(call, **names).body
    found: dict[str, Any] = (
        msgspec.json.decode(answer) if isinstance(answer, bytes) and answer else {}
    )
    return found


def _encoded(body: Any) -> bytes:
    if isinstance(body, (str, bytes)):
        return body.encode() if isinstance(body, str) else body
    try:
        return msgspec.json.encode(body)
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise InvalidRequest(
            "InvalidRequestBody", f"the body cannot be written as JSON: {error}"
        ) from None
