"""What stands before the REST service of a lab: it takes what a browser asks for.

A browser asks for ``/`` and for what is below ``/page/``, without an ``Authorization`` header.
Everything else, from clients of Azure, goes on to the service as it came.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Mapping
from urllib.parse import parse_qsl

from batchlab.drivers.ports import Connection
from batchlab.rest.callers import Way, Ways, is_same
from batchlab.rest.errors import error_response
from batchlab.rest.guesses import Guesses, TooManyGuesses
from batchlab.rest.messages import Response
from batchlab.rest.server import Answering
from batchlab.widgets.served.access import Access, check_token
from batchlab.widgets.served.documents import HEADERS, asset, document, sign_in
from batchlab.widgets.served.served_lab import ServedLab

__all__ = ["Page"]

logger = logging.getLogger("batchlab")

_BELOW = "/page/"
_LIVE = "/page/live"
_ASK = (
    "Open the address that the server printed when it started: it ends with ?token=…",
    "Or enter the token: ask the person who serves the lab for it.",
)


class Page:
    """The page of a lab, before its service.

    Parameters
    ----------
    service : Answering
        What answers everything else.
    connection : Connection
        The lab.
    ways : Ways
        How browsers reach the server.
    token : str, optional
        Who has it may watch; random if omitted.
    manage : bool, default False
        Whether those who watch may also act.

    Attributes
    ----------
    token : str

    Raises
    ------
    InvalidRequest
        ``InvalidPropertyValue``: the token could be guessed.
    """

    def __init__(
        self, service: Answering, connection: Connection, ways: Ways, *,
        token: str | None = None, manage: bool = False,
    ) -> None:  # fmt: skip
        self.token = check_token(token)
        self._service = service
        self._ways = ways
        self._access = Access(self.token)
        self._guesses = Guesses("token")
        self._served = ServedLab(connection, manage=manage)

    def refuse(
        self, method: str, path: str, query: str, headers: Mapping[str, str], *,
        scheme: str = "http", caller: str = "",
    ) -> Response | None:  # fmt: skip
        """Answer a browser at once, unless it opens its channel; see `Answering`."""
        named = {name.lower(): value for name, value in headers.items()}
        address = self._ways.caller(caller, named)
        asked = _Call(method, path, dict(parse_qsl(query)), named, address)
        if not asked.is_browser:
            return self._service.refuse(method, path, query, headers, scheme=scheme, caller=caller)
        way = self._ways.way(scheme, named)
        try:
            response = self._respond(asked, way)
        except TooManyGuesses as error:
            response = _wait(asked, way, error)
        except Exception as error:
            # Neither the address nor a header may be logged: they hold the token.
            logger.error("the page failed: %s", type(error).__name__)
            response = sign_in(
                500, "Something went wrong", "See the log of the server.", ask=False
            )
        return None if response is None else _finished(response, method)

    def answer(
        self, method: str, path: str, query: str, headers: Mapping[str, str], body: bytes = b"",
        *, scheme: str = "http",
    ) -> Response:  # fmt: skip
        """Open the channel of a page, or let the service answer; see `Answering`."""
        if path == _LIVE and "authorization" not in {name.lower() for name in headers}:
            return Response(visit=self._served.visit)
        return self._service.answer(method, path, query, headers, body, scheme=scheme)

    def close(self, why: str) -> None:
        """End the channels of all pages."""
        self._served.close(why)

    def _respond(self, asked: _Call, way: Way) -> Response | None:
        """The answer to a browser; None if it may open its channel."""
        if not self._ways.is_safe(asked.headers, way):
            return sign_in(
                403, "Not at this address",
                "This name could lead a web page of another site here. Use the address that the "
                "server printed, the name of its machine, or serve the lab with --behind-proxy.",
                ask=False,
            )  # fmt: skip
        if asked.method not in ("GET", "HEAD"):
            return Response(405, HEADERS | {"Allow": "GET, HEAD"})
        if asked.path == "/":
            return self._document(asked, way)
        if asked.path not in (_LIVE, "/page/access"):
            return asset(asked.path.removeprefix(_BELOW), asked.headers)
        if not self._access.has_cookie(asked.headers):
            return Response(401, HEADERS | {"Cache-Control": "no-store"})
        if asked.path != _LIVE:
            return Response(204, HEADERS | {"Cache-Control": "no-store"})
        if not is_same(asked.headers.get("origin", ""), way.base):
            return Response(403, dict(HEADERS))
        if asked.headers.get("upgrade", "").lower() != "websocket":
            return Response(426, HEADERS | {"Upgrade": "websocket"})
        return None

    def _document(self, asked: _Call, way: Way) -> Response:
        token = asked.query.get("token")
        if token is not None:
            if not self._access.has_cookie(asked.headers):
                self._guesses.check(asked.address)
            if not self._access.is_token(token):
                self._guesses.add(asked.address, token)
                return sign_in(403, "This is not the token", *_ASK)
            secure = way.base.startswith("https")
            cookie = self._access.set_cookie(way.prefix, secure=secure)
            return Response(303, HEADERS | {
                "Location": "./", "Set-Cookie": cookie, "Cache-Control": "no-store",
            })  # fmt: skip
        if self._access.has_cookie(asked.headers):
            return document(asked.headers)
        return sign_in(401, "Watch this lab", *_ASK, again=True)


class _Call:
    """A request: names of headers in lower case."""

    def __init__(
        self, method: str, path: str, query: dict[str, str], headers: Mapping[str, str],
        address: str,
    ) -> None:  # fmt: skip
        self.method, self.path, self.query, self.headers = method.upper(), path, query, headers
        self.address = address

    @property
    def is_browser(self) -> bool:
        """Whether it is for the page; clients of Azure have a signature, or want JSON."""
        if "authorization" in self.headers:
            return False
        if self.path == "/":
            opens = "text/html" in self.headers.get("accept", "") or "token" in self.query
            return opens and self.method in ("GET", "HEAD")
        return self.path.startswith(_BELOW)


def _wait(asked: _Call, way: Way, error: TooManyGuesses) -> Response:
    """The answer to an address that has guessed too often: as a page, or as Azure's error."""
    if "text/html" in asked.headers.get("accept", ""):
        why = f"Too many wrong tokens came from this address. Try again in {error.wait_s} seconds."
        response = sign_in(error.status, "Wait a moment", why, ask=False)
    else:
        response = error_response(error, way.base, str(uuid.uuid4()))
    response.headers |= HEADERS | {
        "Retry-After": str(error.wait_s), "Cache-Control": "no-store",
    }  # fmt: skip
    return response


def _finished(response: Response, method: str) -> Response:
    """A response with its length, and without the body that nobody wants."""
    assert isinstance(response.body, bytes)
    if response.status not in (204, 304):
        response.length = len(response.body)
    if method.upper() == "HEAD":
        response.body = b""
    return response
