"""Responses from answers of the core: one resource, a page of a list, or only headers.

If a resource has a version, requests can depend on it (``If-Match`` ...).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from email.utils import format_datetime, parsedate_to_datetime
from typing import Any, Protocol
from urllib.parse import quote

import msgspec

from batchlab.core.messages.inputs import Request
from batchlab.core.messages.questions import Question
from batchlab.errors import BatchError, InvalidRequest
from batchlab.rest import odata
from batchlab.rest.messages import JSON, Response, RestCall, Wire
from batchlab.rest.resources import names
from batchlab.rest.wire import Unknown

__all__ = [
    "ConditionNotMet",
    "changed",
    "check_conditions",
    "done",
    "json",
    "listed",
    "one",
    "page",
    "versioned",
]

Writer = Callable[[RestCall, Any], Wire]


_CONDITIONS = ("if-match", "if-none-match", "if-modified-since", "if-unmodified-since")


class HasVersion(Protocol):
    """A view of a resource with versions."""

    @property
    def etag(self) -> str: ...
    @property
    def last_modified(self) -> datetime: ...


class ConditionNotMet(BatchError):
    """The resource does not have the requested version (HTTP 412, or 304 for reads)."""

    status = 412

    def __init__(self, *, unchanged: bool = False) -> None:
        super().__init__("ConditionNotMet", "the resource does not have the requested version")
        if unchanged:
            self.status = 304


def check_conditions(call: RestCall, view: HasVersion, *, reading: bool = False) -> None:
    """Refuse a conditional request if the condition is not met."""
    headers = call.headers
    wanted, unwanted = headers.get("if-match"), headers.get("if-none-match")
    if wanted is not None and not _matches(wanted, view.etag):
        raise ConditionNotMet
    if unwanted is not None and _matches(unwanted, view.etag):
        raise ConditionNotMet(unchanged=reading)
    since = _moment(headers, "If-Modified-Since")
    until = _moment(headers, "If-Unmodified-Since")
    modified = view.last_modified.replace(microsecond=0)
    if until is not None and modified > until:
        raise ConditionNotMet
    if since is not None and unwanted is None and modified <= since:
        raise ConditionNotMet(unchanged=reading)


def _matches(header: str, etag: str) -> bool:
    tags = [tag.strip().removeprefix("W/").strip('"') for tag in header.split(",")]
    return "*" in tags or etag in tags


def _moment(headers: Mapping[str, str], name: str) -> datetime | None:
    header = headers.get(name.lower())
    if header is None:
        return None
    try:
        moment = parsedate_to_datetime(header)
        moment.timestamp()
    except (TypeError, ValueError, OverflowError, IndexError):
        reason = "must be like 'Sat, 21 Nov 2026 18:52:40 GMT'"
        values = {"HeaderName": name, "HeaderValue": header, "Reason": reason}
        raise InvalidRequest("InvalidHeaderValue", f"{name}: {reason}", values) from None
    return moment if moment.tzinfo is not None else None


def versioned(view: HasVersion) -> dict[str, str]:
    """The headers with the version of a resource."""
    return {
        "ETag": view.etag,
        "Last-Modified": format_datetime(view.last_modified, usegmt=True),
    }


def json(call: RestCall, content: Wire, metadata: str, **headers: str) -> Response:
    """A response with an object."""
    whole = {"odata.metadata": f"{call.base}/$metadata#{metadata}"} | content
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response(200, {"Content-Type": JSON} | named, msgspec.json.encode(whole))


def one(call: RestCall, view: Any, writer: Writer, kind: str) -> Response:
    """A response with one resource, or with its selected properties."""
    cls: type[msgspec.Struct] = type(view)
    odata.check_expand(call.query.get("$expand"))
    known = call.version.names(names(cls), kind)
    wanted = odata.read_select(call.query.get("$select"), known)
    dated = hasattr(view, "etag")
    if dated:
        check_conditions(call, view, reading=True)
    resource = call.version.write(writer(call, view), kind)
    response = json(call, odata.select(resource, wanted), f"{kind}/@Element")
    if dated:
        response.headers |= versioned(view)
    return response


def done(call: RestCall, status: int, view: HasVersion | None = None, *where: str) -> Response:
    """A response without a body: the request has succeeded; `view` is the resource now."""
    url = call.url(*where) if where else call.own_url
    headers = {"DataServiceId": url}
    if view is not None:
        headers |= versioned(view)
    if status == 201:
        headers["Location"] = url
    return Response(status, headers)


def changed(
    call: RestCall, question: Question, request: Request, status: int, *key: str,
    unknown: Unknown | None = None, given: Iterable[str] = (),
) -> Response:  # fmt: skip
    """Change a resource, if it has the version that the client requires.

    `question` asks for the resource. The unknown properties inside those that are `given` are
    stored under `key`, instead of those that were there. Without a condition the core checks
    first, as the service does: the body, then the resource.
    """
    if any(name in call.headers for name in _CONDITIONS):
        check_conditions(call, call.ask(question))
    call.request(request)
    view = call.ask(question)
    if unknown is not None:
        call.unknown_properties.put(key, view.creation_time, unknown, given)
    return done(call, status, view)


# -- lists --------------------------------------------------------------------------------------


def page(
    call: RestCall, kind: str, cls: type[msgspec.Struct], views: Sequence[Any], writer: Writer
) -> Response:
    """A page of a complete list.

    A page starts after the last entry of the previous page, wherever that is now, or where it was
    if it is gone.
    """
    size = odata.page_size(call.query.get("maxresults"))
    start = _start(call.query.get("$skiptoken"), views)

    def numbered() -> Iterator[tuple[int, Wire]]:
        for number in range(start, len(views)):
            yield number, writer(call, views[number])

    def token(number: int) -> str:
        return f"{number}!{_name(views[number])}"

    return listed(call, kind, cls, numbered(), size, token)


def listed(
    call: RestCall, kind: str, cls: type[msgspec.Struct], found: Iterable[tuple[int, Wire]],
    size: int, token: Callable[[int], str],
) -> Response:  # fmt: skip
    """A page of numbered resources that pass the filter; a token continues the list."""
    known = call.version.names(names(cls), kind)
    odata.check_expand(call.query.get("$expand"))
    wanted = odata.read_select(call.query.get("$select"), known)
    chosen = odata.read_filter(call.query.get("$filter"), known)
    rows: list[Wire] = []
    more, last = False, 0
    for number, whole in found:
        resource = call.version.write(whole, kind)
        if chosen is not None and not chosen.test(resource):
            continue
        if len(rows) == size:
            more = True
            break
        rows.append(odata.select(resource, wanted))
        last = number
    content: Wire = {"value": rows}
    if more:
        content["odata.nextLink"] = _next_link(call, token(last))
    return json(call, content, kind)


def _next_link(call: RestCall, token: str) -> str:
    query = {name: value for name, value in call.query.items() if name != "$skiptoken"}
    pairs = [*query.items(), ("$skiptoken", token)]
    text = "&".join(f"{quote(name, safe='$')}={quote(value, safe='')}" for name, value in pairs)
    return f"{call.own_url}?{text}"


def _start(token: str | None, views: Sequence[Any]) -> int:
    if token is None:
        return 0
    digits, mark, name = token.partition("!")
    if not (mark and digits.isdecimal() and digits.isascii() and len(digits) < 10):
        raise odata.refusal("$skiptoken", token, "is not a token from this service")
    number = int(digits)
    if number < len(views) and _name(views[number]) == name:
        return number + 1
    for index, view in enumerate(views):
        if _name(view) == name:
            return index + 1
    return number


def _name(view: Any) -> str:
    for field in ("id", "node_id", "thumbprint", "name", "pool_id"):
        found = getattr(view, field, None)
        if found is not None:
            return str(found)
    return ""
