"""How a verb's arguments are checked: completely, by name, before any request is made.

Every request of a handle goes through here, so that no mistake ends in a traceback from inside
the library. `verb` turns arguments that do not fit a signature into a `BatchError`; `ask_for`
reads each property of a request by its annotation, as the specs do.
"""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, ParamSpec, TypeVar

import msgspec

from batchlab.core.messages.inputs import Request
from batchlab.core.model.base import checked, unsupported
from batchlab.core.model.fields import describe
from batchlab.core.state.states import WAITABLE
from batchlab.drivers.ports import Connection
from batchlab.durations import parse_duration
from batchlab.errors import InvalidRequest, invalid

__all__ = [
    "Duration",
    "Watch",
    "ask_for",
    "check_state",
    "described_by",
    "seconds",
    "taken",
    "verb",
]

P = ParamSpec("P")
R = TypeVar("R")
Watch = Callable[[], None]
"""Called a few times a second during a wait, to show progress."""


def verb(function: Callable[P, R]) -> Callable[P, R]:
    """Refuse arguments that do not fit the signature, as Azure refuses properties."""
    signature = inspect.signature(function)

    @wraps(function)
    def checking(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            signature.bind(*args, **kwargs)
        except TypeError as error:
            raise _misfit(function, signature, args, kwargs, error) from None
        return function(*args, **kwargs)

    return checking


def described_by(
    kind: type, *, change: bool = False, **called: str
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Document a verb's parameters from the class that declares them as properties.

    Parameters
    ----------
    kind : type
        A spec or the class of its fields.
    change : bool, default False
        Whether the verb changes something that exists: defaults then do not apply.
    **called : str
        The name of a parameter in the class, where it differs.
    """

    def describing(function: Callable[P, R]) -> Callable[P, R]:
        if function.__doc__:  # none with -OO
            names = [name for name in inspect.signature(function).parameters if name != "self"]
            parameters = {name: called.get(name, name) for name in names}
            function.__doc__ = describe(function.__doc__, kind, parameters, change=change)
        return function

    return describing


def _misfit(
    function: Callable[..., Any],
    signature: inspect.Signature,
    args: tuple[Any, ...],
    given: dict[str, Any],
    error: TypeError,
) -> InvalidRequest:
    owner = function.__qualname__.removesuffix(".__init__")
    if args:  # the class that the user knows, not the one that defines the verb
        owner = f"{type(args[0]).__name__}.{function.__name__}".removesuffix(".__init__")
    known = [name for name in signature.parameters if name != "self"]
    for name, value in given.items():
        if name not in known:
            try:
                hints = typing.get_type_hints(function)
            except NameError:  # a type that is only imported when needed
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
        "InvalidRequestBody", f"{owner}({', '.join(known)}) cannot be called like this: {error}"
    )


def given(**properties: Any) -> dict[str, Any]:
    """The properties that were given: None means not given."""
    return {name: value for name, value in properties.items() if value is not None}


def taken(kind: type[msgspec.Struct], arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Those of a verb's arguments (its ``locals()``) that are properties of a struct."""
    return given(**{name: arguments.get(name) for name in kind.__struct_fields__})


def ask_for(connection: Connection, kind: type[Request], owner: str, /, **properties: Any) -> None:
    """Make a request from checked properties; None means not given."""
    connection.request(kind(**checked(kind, given(**properties), owner)))


def check_state(kind: str, state: object, owner: str) -> str:
    """Return a state of this kind of thing, or refuse it."""
    if isinstance(state, str) and state.lower() in WAITABLE[kind]:
        return state.lower()
    raise invalid("state", state, f"must be one of {', '.join(WAITABLE[kind])}", owner=owner)


Duration = Any
"""``"90s"``, ``"5m"``, ``"PT5M"``, a number of seconds, or a `datetime.timedelta`."""


def seconds(timeout: Duration, owner: str) -> float | None:
    """Read the timeout of a wait; None means no limit."""
    if timeout is None:
        return None
    return parse_duration(timeout, name="timeout", owner=owner).total_seconds()
