"""One function from a request to a response: signature, version, operation, errors.

`Service` has no sockets or threads. `refuse` needs only the headers of a request, and answers at
once those who may not call. `answer` may be called from any thread, and blocks until the lab has
answered; `handle` is both.
"""

from __future__ import annotations

import logging
import re
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from urllib.parse import parse_qsl

from batchlab.drivers.ports import Connection
from batchlab.errors import BatchError, InvalidRequest, LabFailed
from batchlab.rest import account, files, jobs, nodes, older, pools, schedules, tasks
from batchlab.rest.callers import Callers, Way, Ways
from batchlab.rest.errors import error_response, too_large
from batchlab.rest.messages import MOST_BYTES, Response, RestCall
from batchlab.rest.odata import refusal
from batchlab.rest.routes import find
from batchlab.rest.specification import BODIES
from batchlab.rest.unknown_properties import unknown_properties_of
from batchlab.rest.versions import OLDEST, Version

__all__ = ["OPERATION_MODULES", "Service"]

OPERATION_MODULES = (account, files, jobs, nodes, older, pools, schedules, tasks)
"""The modules of the operations; importing them registers them."""
logger = logging.getLogger("batchlab")
_VERSION = re.compile(r"(\d{4}-(?:0[1-9]|1[0-2]))-(?:0[1-9]|[12]\d|3[01])(?:\.\d+\.\d+)?")


class Service:
    """The REST API of one account's lab.

    Parameters
    ----------
    connection : Connection
        The lab.
    key : bytes
        The account's key: anyone who has it may do anything.
    bearer : bool, default False
        Whether any bearer token is accepted instead of a signature: for development only.
    tokens : callable, optional
        Whether a bearer token was issued for this service; see `callers`.
    allow_elevated : bool, default True
        Whether pools may have start tasks that run as administrators.
    behind_proxy : bool, default False
        Whether to trust the headers of a proxy; see `callers`.
    host : str, optional
        The name or address that a server listens on. Without one no browser can reach the
        service, and any Host header is good.
    clock : callable, optional
        The wall clock for checking the date of requests, in seconds since 1970.
    """

    def __init__(
        self,
        connection: Connection,
        key: bytes,
        *,
        bearer: bool = False,
        tokens: Callable[[str], bool] | None = None,
        allow_elevated: bool = True,
        behind_proxy: bool = False,
        host: str | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._connection = connection
        self._callers = Callers(
            connection.account, key, bearer=bearer, tokens=tokens,
            ways=Ways(host, behind_proxy=behind_proxy),
        )  # fmt: skip
        self._allow_elevated = allow_elevated
        self._clock = clock
        self._unknown_properties = unknown_properties_of(connection)

    def handle(
        self,
        method: str,
        path: str,
        query: str,
        headers: Mapping[str, str],
        body: bytes = b"",
        *,
        scheme: str = "http",
    ) -> Response:
        """Answer a request.

        Parameters
        ----------
        method : str
        path, query : str
            Not decoded.
        headers : mapping
        body : bytes
        scheme : str, default "http"
            The scheme of the connection, for the URLs in the response.
        """
        refused = self.refuse(method, path, query, headers, scheme=scheme)
        return refused or self.answer(method, path, query, headers, body, scheme=scheme)

    def refuse(
        self, method: str, path: str, query: str, headers: Mapping[str, str], *,
        scheme: str = "http", caller: str = "",
    ) -> Response | None:  # fmt: skip
        """Return the answer to a request that may not be made, or None; see `handle`."""

        def check(named: Mapping[str, str], way: Way) -> Response | None:
            now, given = self._clock(), _parameters(query)
            self._callers.check(now, method.upper(), path, given, named, way)
            return None

        return self._respond(check, method, path, headers, scheme)

    def answer(
        self, method: str, path: str, query: str, headers: Mapping[str, str], body: bytes = b"",
        *, scheme: str = "http",
    ) -> Response:  # fmt: skip
        """Answer a request that may be made; see `handle`."""

        def ask(named: Mapping[str, str], way: Way) -> Response:
            if len(body) > MOST_BYTES:
                raise too_large(f"it has more than {MOST_BYTES:,} bytes")
            given = _parameters(query)
            version = _read_version(given.get("api-version"))
            operation, names = find(method.upper(), path)
            call = RestCall(
                connection=self._connection, unknown_properties=self._unknown_properties,
                base=way.base, query=given, headers=named, body=body, path=_clean(path),
                version=version, body_type=BODIES.get(operation.__name__, ""),
                elevated_start_tasks=self._allow_elevated,
            )  # fmt: skip
            return operation(call, **names)

        response = self._respond(ask, method, path, headers, scheme, body)
        assert response is not None
        return response

    def _respond(
        self, step: Callable[[Mapping[str, str], Way], Response | None], method: str, path: str,
        headers: Mapping[str, str], scheme: str, body: bytes = b"",
    ) -> Response | None:  # fmt: skip
        """Return what a step returns; a response gets its last headers, an error becomes one."""
        named = {name.lower(): value for name, value in headers.items()}
        way = self._callers.ways.way(scheme, named)
        request_id = str(uuid.uuid4())
        try:
            response = step(named, way)
        except BatchError as error:
            response = error_response(error, way.base, request_id, body)
        except Exception as error:
            logger.exception("the REST service failed at %s %s", method, path)
            text = f"an internal error of batchlab: {type(error).__name__}"
            response = error_response(LabFailed("InternalError", text), way.base, request_id)
        if response is not None:
            _finish(response, method.upper(), named, request_id)
        return response


def _parameters(query: str) -> dict[str, str]:
    """The first value of each parameter."""
    given: dict[str, str] = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        given.setdefault(name, value)
    return given


def _clean(path: str) -> str:
    return "/" + path.strip("/")


def _read_version(text: str | None) -> Version:
    """Read ``api-version``."""
    if text is None:
        raise InvalidRequest(
            "MissingRequiredQueryParameter",
            "the query parameter api-version is required",
            {"QueryParameterName": "api-version"},
        )
    match = _VERSION.fullmatch(text) if text.isascii() else None
    if match is None:
        raise refusal("api-version", text, "must be a version, such as 2025-06-01")
    if match[1] < OLDEST:
        raise refusal("api-version", text, "the oldest supported version is 2017-01-01.4.0")
    return Version(match[1])


def _finish(response: Response, method: str, headers: Mapping[str, str], request_id: str) -> None:
    """Add the headers of every response, and remove bodies that are not allowed."""
    response.headers |= {
        "request-id": request_id, "DataServiceVersion": "3.0",
        "X-Content-Type-Options": "nosniff",  # a task's output is not a web page
    }  # fmt: skip
    sent = headers.get("client-request-id")
    if sent and headers.get("return-client-request-id", "").lower() == "true":
        response.headers["client-request-id"] = sent
    if response.status in (204, 304):
        response.body, response.length = b"", None
        response.headers.pop("Content-Type", None)
    elif response.length is None and not isinstance(response.body, Iterator):
        response.length = len(response.body)
    if method == "HEAD":
        response.body = b""
        if response.status >= 400:  # there is nothing that could have a type
            response.headers.pop("Content-Type", None)
            response.length = 0
