"""The exceptions of batchlab, by cause.

::

    BatchError              anything the lab refuses or reports; carries Azure's `code`
    ├─ InvalidRequest       400  the request itself is wrong: a property, a value or an id
    │  └─ RequestTooLarge   413  the request has too many bytes or entries
    ├─ Forbidden            403  the caller is not allowed to do this
    ├─ NotFound             404  the pool, node, job, task or file does not exist
    ├─ Conflict             409  the request is valid, but not in the current state
    │  └─ NotInstalled      409  an optional library is not installed (also an `ImportError`)
    ├─ ServerBusy           503  too many requests, or no connection: try again later
    ├─ TaskFailed           409  a Python task has no result, but its function did not raise
    ├─ WaitTimeout               a wait ran out of time (also a `TimeoutError`)
    ├─ WaitNeverEnds             a wait for something that can no longer happen
    └─ LabFailed            500  an internal error of batchlab; names the journal
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any

from batchlab.masking import mask

__all__ = [
    "BatchError",
    "Conflict",
    "Forbidden",
    "InvalidRequest",
    "LabFailed",
    "NotFound",
    "NotInstalled",
    "RequestTooLarge",
    "ServerBusy",
    "TaskFailed",
    "WaitNeverEnds",
    "WaitTimeout",
]


class BatchError(Exception):
    """A request that the service refused, or a wait that failed.

    Parameters
    ----------
    code : str
        Azure Batch's error code, such as ``"JobNotFound"``.
    message : str
        What is wrong, where, and how to fix it. Secrets in it are masked, also in `values`.
    values : mapping of str to str, optional
        Azure's details. A refused property has ``PropertyName``, ``PropertyValue`` and ``Reason``.

    Attributes
    ----------
    status : int
        The HTTP status that Azure returns.
    """

    status = 500

    def __init__(self, code: str, message: str, values: Mapping[str, str] | None = None) -> None:
        message = mask(message)
        super().__init__(code, message)
        self.code = code
        self.message = message
        self.values: dict[str, str] = {
            name: mask(value) if isinstance(value, str) else value
            for name, value in (values or {}).items()
        }

    def __str__(self) -> str:
        return f"{self.code}: {self.message}"

    def _render_traceback_(self) -> list[str]:
        """Show only the caller's line and the message in IPython, none of batchlab's frames."""
        self.__suppress_context__ = True
        shown: list[str] = (
            sys.modules["IPython"]
            .get_ipython()
            .InteractiveTB.structured_traceback(type(self), self, _asking(self.__traceback__))
        )
        return shown

    def __reduce__(
        self,
    ) -> tuple[Callable[..., BatchError], tuple[str, str, dict[str, str]]]:
        return type(self), (self.code, self.message, self.values)


class InvalidRequest(BatchError):
    """The request itself is wrong (HTTP 400)."""

    status = 400


class RequestTooLarge(InvalidRequest):
    """The request has more bytes or entries than the service accepts (HTTP 413)."""

    status = 413


class Forbidden(BatchError):
    """The caller is not allowed to do this (HTTP 403)."""

    status = 403


class NotFound(BatchError):
    """The pool, node, job, task or file does not exist (HTTP 404)."""

    status = 404


class Conflict(BatchError):
    """The request is valid, but not possible in the current state (HTTP 409)."""

    status = 409


class NotInstalled(Conflict, ModuleNotFoundError):
    """An optional library is not installed; the message says how to install it."""

    def __str__(self) -> str:
        return self.message  # Azure's code would not help here


class ServerBusy(BatchError):
    """Too many requests, or the scheduler cannot be reached; try again later (HTTP 503)."""

    status = 503


class TaskFailed(BatchError):
    """A Python task has no result, and the reason is not an exception in its function.

    For example, its process was killed, a file could not be downloaded or the result could not
    be stored. `code` is the code of the task's ``failure_info``.
    """

    status = 409


class WaitTimeout(BatchError, TimeoutError):
    """A wait ran out of time; the awaited state may still be reached later."""

    status = 408


class WaitNeverEnds(BatchError):
    """A wait for something that can no longer happen; the message says why."""

    status = 409


class LabFailed(BatchError):
    """An internal error of batchlab; the message says where the lab's journal is."""


def _asking(lines: TracebackType | None) -> TracebackType | None:
    """Cut a traceback before batchlab's first frame; keep all of it if that comes first."""
    kept = []
    while lines and lines.tb_frame.f_globals.get("__name__", "").split(".")[0] != "batchlab":
        kept.append(lines)
        lines = lines.tb_next
    rest = None if kept else lines
    for line in reversed(kept):
        rest = TracebackType(rest, line.tb_frame, line.tb_lasti, line.tb_lineno)
    return rest


def invalid(
    name: str, value: Any, reason: str, *, owner: str = "", code: str = "InvalidPropertyValue"
) -> InvalidRequest:
    """Build the error for an invalid property, with Azure's details.

    Parameters
    ----------
    name : str
        The property, as the user spells it.
    value : object
        The value that was given.
    reason : str
        Why it is refused, and which values are accepted.
    owner : str, optional
        The model or method the property belongs to, for the message.
    code : str, default "InvalidPropertyValue"
        Azure's code.
    """
    if name == "password":
        shown = raw = "(not shown)"
    else:
        shown, raw = _text(value, repr), value if isinstance(value, str) else _text(value, _json)
    where = f"{owner}.{name}" if owner else name
    values = {"PropertyName": name}
    if value is not None:
        values["PropertyValue"] = _short(raw)
    values["Reason"] = reason
    return InvalidRequest(code, f"{where} is {_short(shown)}: {reason}", values)


def _text(value: Any, write: Callable[[Any], str]) -> str:
    try:
        return write(value)
    except Exception:  # an integer of 5000 digits has no text
        return f"<{type(value).__name__}>"


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)


def _short(text: str) -> str:
    return text if len(text) <= 200 else text[:197] + "..."
