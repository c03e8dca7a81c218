"""What goes wrong, told by whose fault it is.

::

    BatchError              anything the lab refuses or reports; carries Azure's `code`
    ├─ InvalidRequest       400  what was asked is wrong in itself: a property, a value, an id
    │  └─ RequestTooLarge   413  it is too much at once
    ├─ Forbidden            403  what was asked is not allowed to whoever asks
    ├─ NotFound             404  there is no such pool, node, job, task or file
    ├─ Conflict             409  well formed, but not in the state the thing is in now
    │  └─ NotInstalled      409  it needs a library that is not installed (also an `ImportError`)
    ├─ ServerBusy           503  asked too often: the same request may succeed later
    ├─ TaskFailed           409  a task has no result, and its function raised no exception
    ├─ WaitTimeout               a wait ran out of time (also a `TimeoutError`)
    ├─ WaitNeverEnds             a wait for something that nothing under way will bring about
    └─ LabFailed            500  a fault of batchlab's own, with the place of its journal
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any

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
    """A request that the service refused, or a wait that could not be kept.

    Parameters
    ----------
    code : str
        Azure Batch's error code, such as ``"JobNotFound"``.
    message : str
        What is wrong, where, and what to do about it.
    values : mapping of str to str, optional
        Azure's details. A refused property has ``PropertyName``, ``PropertyValue`` and ``Reason``.

    Attributes
    ----------
    status : int
        The HTTP status that Azure answers with.
    """

    status = 500

    def __init__(self, code: str, message: str, values: Mapping[str, str] | None = None) -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message
        self.values: dict[str, str] = dict(values or {})

    def __str__(self) -> str:
        return f"{self.code}: {self.message}"

    def _render_traceback_(self) -> list[str]:
        """What IPython shows of it: the line that asked, and the answer; none of our lines."""
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
    """What was asked is wrong in itself (HTTP 400)."""

    status = 400


class RequestTooLarge(InvalidRequest):
    """What was asked has more bytes, or more entries, than the service takes (HTTP 413)."""

    status = 413


class Forbidden(BatchError):
    """What was asked is not allowed to whoever asks (HTTP 403)."""

    status = 403


class NotFound(BatchError):
    """There is no such pool, node, job, task or file (HTTP 404)."""

    status = 404


class Conflict(BatchError):
    """The request is well formed but not possible in the present state (HTTP 409)."""

    status = 409


class NotInstalled(Conflict, ModuleNotFoundError):
    """An optional library is not installed; the message says how to install it."""

    def __str__(self) -> str:
        return self.message  # its code, which Azure has for other reasons, explains nothing


class ServerBusy(BatchError):
    """Asked too often; the same request may succeed later (HTTP 503)."""

    status = 503


class TaskFailed(BatchError):
    """A Python task has no result, for a reason that is not an exception of its function's own.

    Its process was killed, its files could not be fetched, its result could not be stored ...:
    `code` is that of the task's ``failure_info``.
    """

    status = 409


class WaitTimeout(BatchError, TimeoutError):
    """A wait ran out of time; what was waited for may still happen."""

    status = 408


class WaitNeverEnds(BatchError):
    """A wait for something that nothing under way will bring about; the message says why."""

    status = 409


class LabFailed(BatchError):
    """A fault of batchlab's own; the message says where the journal of the lab is kept."""


def _asking(lines: TracebackType | None) -> TracebackType | None:
    """The part of a traceback before our first line; all of it if that is the first at all."""
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
    """Build the refusal of a property, with Azure's details.

    Parameters
    ----------
    name : str
        The property, as the user spells it.
    value : object
        What was given for it.
    reason : str
        Why it is refused and what would be accepted.
    owner : str, optional
        The model or verb the property belongs to, for the message.
    code : str, default "InvalidPropertyValue"
        Azure's code.
    """
    try:
        shown = repr(value) if name != "password" else "(not shown)"
    except Exception:  # a whole number of 5000 digits has none
        shown = f"<{type(value).__name__}>"
    if len(shown) > 200:
        shown = shown[:197] + "..."
    where = f"{owner}.{name}" if owner else name
    return InvalidRequest(
        code,
        f"{where} is {shown}: {reason}",
        {"PropertyName": name, "PropertyValue": shown, "Reason": reason},
    )
