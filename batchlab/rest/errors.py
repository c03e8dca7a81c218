"""Azure's error bodies: a fixed text for each code, and what is particular in `values`.

``PropertyName``, ``PropertyPath`` and ``PropertyValue`` are those of the body that the client has
sent: the error of the core, which knows them as Python does, is looked up in it. A reason is in
the words of the wire, never in those of Python.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import msgspec

from batchlab.core.model.values import FailureInfo, ResizeError
from batchlab.core.tasks.failures import ENDED
from batchlab.errors import BatchError, RequestTooLarge
from batchlab.masking import mask
from batchlab.rest.error_texts import TEXTS, text_of
from batchlab.rest.messages import JSON, Response, Wire
from batchlab.rest.specification import RENAMED
from batchlab.rest.spelling import spelled
from batchlab.rest.unknown_properties import SECRETS
from batchlab.rest.wire import camel, write_datetime, write_pairs

__all__ = ["error_content", "error_response", "failure_content", "too_large"]

RETRY_AFTER_S = 30
MOST_SHOWN = 1024
"""How many characters of a value are returned."""

_SNAKE = re.compile(r"[a-z0-9]+(?:_[a-z0-9]+)+")
_KEY_OF_MAPPING = re.compile(r"\[['\"].*['\"]\]")
_STEP = re.compile(r"[^.\[\]]+|\[\d+\]")
_HIDDEN = ("...", "(not shown)")
_EXPLAINED = frozenset({
    "InvalidApplicationPackageReferences", "InvalidCertificateReferences", "InvalidRange",
    "InvalidRequestBody", "IOError", "NodeNotReady", "OperationInvalidForCurrentState",
    "OperationNotValidOnNode", "RequestBodyTooLarge", "RequestEntityTooLarge",
    "TaskDependencyListTooLong", "TaskDependencyRangesTooLong", "TaskFilesUnavailable",
    "TooManyRequests",
})  # fmt: skip
"""Codes whose text leaves open what is wrong: the reason is a value."""

Step = str | int
Place = tuple[tuple[Step, ...], Any]


def too_large(reason: str) -> RequestTooLarge:
    """Build the error for a body with more bytes or tasks than the service accepts."""
    return RequestTooLarge("RequestBodyTooLarge", f"the request body is too large: {reason}")


def error_content(error: BatchError, sent: Any = None, suffix: str = "") -> Wire:
    """An error on the wire; `sent` is the body of the request, if there is one."""
    text = text_of(error.code, error.status) + suffix
    found: Wire = {"code": error.code, "message": {"lang": "en-US", "value": text}}
    values = [{"key": key, "value": value} for key, value in _values(error, sent).items()]
    return found | {"values": values} if values else found


def error_response(error: BatchError, base: str, request_id: str, body: bytes = b"") -> Response:
    """The response to a refused request."""
    suffix = f"\nRequestId:{request_id}\nTime:{write_datetime(datetime.now(UTC))}"
    kind = "Microsoft.Azure.Batch.Protocol.Entities.Container.errors/@Element"
    content = {"odata.metadata": f"{base}/$metadata#{kind}"}
    content |= error_content(error, _decoded(body), suffix)
    headers = {"Content-Type": JSON}
    if error.status == 503:
        headers["Retry-After"] = str(RETRY_AFTER_S)
    return Response(error.status, headers, msgspec.json.encode(content))


def failure_content(failure: FailureInfo | ResizeError) -> Wire:
    """Why a pool, a job or a task fell short: what the core says is a detail of Azure's text."""
    text = TEXTS.get(failure.code, failure.message) if failure != ENDED else ENDED.message
    found: Wire = {"code": failure.code, "message": text}
    details: dict[str, str] = {}
    if isinstance(failure, FailureInfo):
        found = {"category": failure.category} | found
        details = dict(failure.details)
    said = spelled(failure.message.partition("\n")[0])
    if text != failure.message and said:
        details.setdefault("Message", said)
    if details:
        name = "details" if isinstance(failure, FailureInfo) else "values"
        found[name] = write_pairs(details)
    return found


def _decoded(body: bytes) -> Any:
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _values(error: BatchError, sent: Any) -> dict[str, str]:
    if error.status == 404 or error.code.endswith("Exists"):
        return {}  # the text says it all
    if "Message" in error.values:  # of a formula: the rest is for people at a screen
        return {"Message": error.values["Message"]}
    values = dict(error.values)
    if "PropertyName" in values:
        values = _located(values, sent)
    if error.code in _EXPLAINED and "Reason" not in values:
        values["Reason"] = error.message
    if "Reason" in values:
        values["Reason"] = spelled(values["Reason"])
    return {key: value for key, value in values.items() if value or key != "Reason"}


# -- where a property is in the body ------------------------------------------------------------


def _located(values: dict[str, str], sent: Any) -> dict[str, str]:
    """The values of a property's error, as the client wrote the property."""
    path = _KEY_OF_MAPPING.sub("", values.pop("PropertyPath", values["PropertyName"]))
    steps = _steps(path)
    shown = values.pop("PropertyValue", None)
    place = _place(steps, shown, sent)
    if place is not None:
        steps = place[0]
        shown = _shown(place[1]) if shown not in _HIDDEN else None
    names = [step for step in steps if isinstance(step, str)]
    found = {"PropertyName": names[-1]}
    if len(steps) > 1:
        found["PropertyPath"] = _path(steps)
    if shown is not None and shown not in _HIDDEN and names[-1].lower() not in SECRETS:
        found["PropertyValue"] = shown
    return found | {key: value for key, value in values.items() if key != "PropertyName"}


def _steps(path: str) -> tuple[Step, ...]:
    """The names on the wire and the indices of a path in the core's spelling."""
    if " " in path:  # several properties: "target_dedicated_nodes and/or ..."
        return (_SNAKE.sub(lambda found: camel(found[0]), path),)
    steps = _STEP.findall(path)
    return tuple(int(step[1:-1]) if step[0] == "[" else camel(step) for step in steps)


def _path(steps: tuple[Step, ...]) -> str:
    parts = [f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps]
    return "".join(parts).removeprefix(".")


def _place(steps: tuple[Step, ...], shown: str | None, sent: Any) -> Place | None:
    """The only place in the body that the error can mean: by its path, else by its value."""
    if shown is None:
        return None  # it is missing
    places = [place for place in _places(sent, ()) if _ends(place[0], steps)]
    same = [place for place in places if _shown(place[1]) == shown]
    whole = [place for place in places if len(place[0]) == len(steps)]
    for found in (whole, same, places):
        if len(found) == 1:
            return found[0]
    return None


def _ends(path: tuple[Step, ...], steps: tuple[Step, ...]) -> bool:
    """Whether a path in the body ends with steps, by names of today or of older versions."""
    pairs = zip(reversed(path), reversed(steps), strict=False)
    return len(path) >= len(steps) and all(
        sent == step or step in RENAMED.get(sent, ()) for sent, step in pairs
    )


def _places(value: Any, path: tuple[Step, ...]) -> Iterator[Place]:
    items: Any = ()
    if isinstance(value, dict):
        items = value.items()
    elif isinstance(value, list):
        items = enumerate(value)
    for step, inner in items:
        yield (*path, step), inner
        yield from _places(inner, (*path, step))


def _shown(value: Any) -> str | None:
    """The text of a JSON value; None if it has a secret in it."""
    if any(isinstance(step, str) and step.lower() in SECRETS
           for path, _ in _places(value, ()) for step in path):  # fmt: skip
        return None
    text = mask(value if isinstance(value, str) else msgspec.json.encode(value).decode())
    return text if len(text) <= MOST_SHOWN else text[: MOST_SHOWN - 3] + "..."
