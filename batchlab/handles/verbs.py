"""How a verb's arguments are checked: completely, by name, before anything is asked for.

Everything a handle asks for goes through here, so that no slip of a user ends in a traceback from
our insides. `verb` turns arguments that do not fit a signature into a `BatchError`; `ask_for`
reads each property of a request by its annotation, just as the specs read theirs.
"""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from batchlab.core.messages.inputs import Request
from batchlab.core.model.base import checked, unsupported
from batchlab.core.state.states import WAITABLE
from batchlab.drivers.ports import Connection
from batchlab.durations import parse_duration
from batchlab.errors import InvalidRequest, invalid

__all__ = ["Duration", "Watch", "ask_for", "check_state", "given", "seconds", "verb"]

P = ParamSpec("P")
R = TypeVar("R")
Watch = Callable[[], None]
"""Called a few times a second during a wait, for progress displays."""


def verb(function: Callable[P, R]) -> Callable[P, R]:
    """Refuse arguments that do not fit the signature as Azure refuses properties."""
    signature = inspect.signature(function)

    @wraps(function)
    def checking(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            signature.bind(*args, **kwargs)
        except TypeError as error:
            raise _misfit(function, signature, args, kwargs, error) from None
        return function(*args, **kwargs)

    return checking


def _misfit(
    function: Callable[..., Any],
    signature: inspect.Signature,
    args: tuple[Any, ...],
    given: dict[str, Any],
    error: TypeError,
) -> InvalidRequest:
    owner = function.__qualname__.removesuffix(".__init__")
    if args:  # the class that the user knows, not the one where the verb is written
        owner = f"{type(args[0]).__name__}.{function.__name__}".removesuffix(".__init__")
    known = [name for name in signature.parameters if name != "self"]
    for name, value in given.items():
        if name not in known:
            try:
                hints = typing.get_type_hints(function)
            except NameError:  # a type that is loaded when it is needed: no part of a description
                hints = {}
            return unsupported(name, value, owner, {name: hints.get(name) for name in known})
    required = [
        name
        for name, parameter in signature.parameters.items()
        if parameter.default is parameter.empty and name != "self"
    ]
    for name in required[max(0, len(args) - 1) :]:
        if name not in given:
            return InvalidRequest(
                "MissingRequiredProperty",
                f"{owner} needs {name}: {owner}({', '.join(f'{name}=...' for name in required)})",
                {"PropertyName": name},
            )
    return InvalidRequest(
        "InvalidRequestBody", f"{owner}({', '.join(known)}) was called wrongly: {error}"
    )


def given(**properties: Any) -> dict[str, Any]:
    """What of these was given: None is as if it were not."""
    return {name: value for name, value in properties.items() if value is not None}


def ask_for(connection: Connection, kind: type[Request], owner: str, /, **properties: Any) -> None:
    """Make a request of checked properties; one that is None is as if it were not given."""
    connection.request(kind(**checked(kind, given(**properties), owner)))


def check_state(kind: str, state: object, owner: str) -> str:
    """Return a state that things of this kind can be in, or refuse it."""
    if isinstance(state, str) and state.lower() in WAITABLE[kind]:
        return state.lower()
    raise invalid("state", state, f"must be one of {', '.join(WAITABLE[kind])}", owner=owner)


Duration = Any
"""``"90s"``, ``"5m"``, ``"PT5M"``, a number of seconds, or a `datetime.timedelta`."""


def seconds(timeout: Duration, owner: str) -> float | None:
    """Read the timeout of a wait; None is without limit."""
    if timeout is None:
        return None
    return parse_duration(timeout, name="timeout", owner=owner).total_seconds()
