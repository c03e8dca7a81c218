"""A request as operations see it, and a response."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import quote, unquote

import msgspec

from batchlab.core.messages.inputs import Request
from batchlab.core.messages.questions import Question
from batchlab.errors import InvalidRequest

if TYPE_CHECKING:
    from batchlab.drivers.ports import Connection
    from batchlab.rest.unknown_properties import UnknownProperties
    from batchlab.rest.versions import Version

__all__ = ["JSON", "MOST_BYTES", "Response", "RestCall", "Socket", "Visit", "Visitor", "Wire"]

Wire = dict[str, Any]
"""A JSON object."""
JSON = "application/json; odata=minimalmetadata"
_RAW = "/:(),="
"""The characters that the service does not encode in the path of a URL."""
MOST_BYTES = 4 * 2**20
"""How large the body of a request may be."""


class Socket(Protocol):
    """The WebSocket of one client, for use on the server's event loop."""

    async def write(self, message: str | bytes) -> None:
        """Send a message, and wait until the client takes it; raises `OSError` if it has gone."""
        ...

    def close(self, code: int, reason: str) -> None:
        """Close it, with at most 120 bytes of a reason."""
        ...


class Visitor(Protocol):
    """What a client does on its WebSocket; called on the server's event loop."""

    def hear(self, message: str | bytes) -> None:
        """Take a message."""
        ...

    def leave(self) -> None:
        """The client has gone."""
        ...


Visit = Callable[[Socket], Visitor]
"""Called with the socket of a new client."""


@dataclass(slots=True)
class Response:
    """A response; if `body` comes in pieces, `length` is its total length.

    With a `tunnel`, a port of this machine, the client is connected to it instead; with a
    `visit`, its connection becomes a WebSocket, and what it does there is the visit's.
    """

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes | Iterator[bytes] = b""
    length: int | None = None
    tunnel: int | None = None
    visit: Visit | None = None


@dataclass(slots=True, kw_only=True)
class RestCall:
    """An authenticated request to an operation.

    `base` is how the client reaches the service: scheme, host, and the prefix of a proxy. `query`
    has the first value of each parameter; the names of `headers` are in lower case. `version` is
    the version of the API that the client speaks, `body_type` the body's type in it.
    `elevated_start_tasks` says whether start tasks may run as administrators.
    """

    connection: Connection
    unknown_properties: UnknownProperties
    elevated_start_tasks: bool = True
    base: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes = b""
    path: str = ""
    version: Version
    body_type: str = ""

    def ask(self, question: Question) -> Any:
        """Ask the core."""
        return self.connection.ask(question)

    def request(self, request: Request) -> None:
        """Send a request to the core."""
        self.connection.request(request)

    def json(self) -> Wire:
        """The body with the names of the newest version; an empty body is an empty object."""
        try:
            found = msgspec.json.decode(self.body) if self.body else {}
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise InvalidRequest(
                "InvalidRequestBody", f"the body of the request is not JSON: {error}"
            ) from None
        if not isinstance(found, dict):
            raise InvalidRequest("InvalidRequestBody", "the body must be a JSON object")
        return self.version.read(found, self.body_type) if self.body_type else found

    def url(self, *parts: str) -> str:
        """The URL of a resource; a part may be a path."""
        return "/".join([self.base, *(quote(part, safe=_RAW) for part in parts)])

    @property
    def own_path(self) -> str:
        """The path of this request, decoded, without slashes at its ends."""
        return "/".join(part for part in unquote(self.path).split("/") if part)

    @property
    def own_url(self) -> str:
        """The URL of this request, without its query, as the service writes it."""
        return self.url(self.own_path)

    def flag(self, name: str) -> bool:
        """Whether a query parameter is true."""
        return self.query.get(name, "").lower() == "true"
