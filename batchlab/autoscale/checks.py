"""Rules that an evaluation enforces and lint predicts, with the same messages in both.

Each rule reports a violation as a `Refused`, from the types alone where they are enough.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from difflib import get_close_matches
from math import trunc

from batchlab.autoscale import syntax
from batchlab.autoscale.foreign import (
    function_hint,
    member_hint,
    method_hint,
    name_hint,
)
from batchlab.autoscale.functions import FUNCTIONS
from batchlab.autoscale.names import DEALLOCATION, OLD_NAMES, SAMPLED, SETTABLE, nearest
from batchlab.autoscale.samples import METHODS
from batchlab.autoscale.values import TYPE_NAMES, Refused, Timestamp, Value, Word, show

__all__ = [
    "MEMBERS",
    "SAMPLED_NAMES",
    "check_assignment",
    "check_target",
    "find_member",
    "no_method",
    "sampled_name",
    "undefined",
    "undefined_function",
]

_LARGEST_TARGET = 2**31 - 1

MEMBERS: dict[str, Callable[[Timestamp], int]] = {
    "year": lambda stamp: stamp.moment().year,
    "month": lambda stamp: stamp.moment().month,
    "day": lambda stamp: stamp.moment().day,
    "weekday": lambda stamp: stamp.moment().isoweekday(),
    "hour": lambda stamp: stamp.moment().hour,
    "minute": lambda stamp: stamp.moment().minute,
    "second": lambda stamp: stamp.moment().second,
}
"""The members of a timestamp; Monday is weekday 1."""

SAMPLED_NAMES = {name: name for name in SAMPLED} | {
    old: new for old, new in OLD_NAMES.items() if new in SAMPLED
}
"""Every spelling of a sampled variable, and its current name."""


def undefined(name: str, others: Iterable[str]) -> Refused:
    """Refuse an undefined name."""
    shown = _short(name)
    if name.lower() in FUNCTIONS:
        function = name.lower()
        hint = f"{function} is a function: write {function}()"
        return Refused(f"Undefined symbol: {shown}", hint)
    return Refused(f"Undefined symbol: {shown}", name_hint(name) or nearest(name, others))


def undefined_function(name: str) -> Refused:
    """Refuse a call of something that is not a function."""
    shown = _short(name)
    if name.lower() in METHODS and name.lower() != "count":  # which is also what others call len
        method = METHODS[name.lower()].name
        hint = f"{method} is a method of sampled variables: write $PendingTasks.{method}()"
    else:
        hint = function_hint(name) or nearest(name, FUNCTIONS)
    return Refused(f"Undefined symbol: {shown}", hint)


def check_assignment(target: str, kind: type) -> None:
    """Refuse an assignment that a service variable does not accept; raises `Refused`."""
    if target not in SETTABLE:
        what = "is sampled" if target in SAMPLED_NAMES else "is a constant of the service"
        settable = ", ".join(name for name in SETTABLE if name not in OLD_NAMES)
        raise Refused(f"{target} {what} and cannot be set", f"a formula can set {settable}")
    wanted = Word if target == DEALLOCATION else float
    if kind is wanted:
        return
    hint = ""
    if target == DEALLOCATION:
        hint = "write requeue, terminate, taskcompletion or retaineddata, without quotes"
    elif kind is tuple:
        hint = "reduce the vector to one number, as in avg(v), max(v) or val(v, 0)"
    what = "a deallocation option" if wanted is Word else "a double"
    raise Refused(f"{target} takes {what}, not a {TYPE_NAMES[kind]}", hint)


def check_target(target: str, value: Value) -> None:
    """Refuse an impossible number of nodes; raises `Refused`."""
    if isinstance(value, float) and not 0 <= trunc(value) <= _LARGEST_TARGET:
        reason = "cannot be negative" if value < 0 else f"cannot exceed {_LARGEST_TARGET}"
        raise Refused(
            f"{target} {reason}, but was set to {show(value)}",
            f"limit it: {target} = max(0, min(100, x))",
        )


def find_member(node: syntax.Member, kind: type) -> Callable[[Timestamp], int]:
    """Find a member of a value by the value's type; raises `Refused`."""
    name = node.name
    if kind is not Timestamp:
        method = METHODS.get(name)
        hint = f"{method.name} is a method: write {method.name}()" if method else ""
        owner = _written(node.target)
        if sampled_name(node.target):
            owner = f"{owner}.GetSample(window)"
        if kind is tuple or sampled_name(node.target):
            hint = hint or member_hint(name, owner)
        raise Refused(f"a {TYPE_NAMES[kind]} has no member {_short(name)}", hint)
    member = MEMBERS.get(name)
    if member is None:
        raise Refused(
            f"a timestamp has no member {_short(name)}",
            member_hint(name) or f"its members are {', '.join(MEMBERS)}",
        )
    return member


def sampled_name(node: syntax.Expression) -> str | None:
    """Return the sampled variable that an expression names, None for anything else."""
    return SAMPLED_NAMES.get(node.name) if isinstance(node, syntax.Name) else None


def no_method(node: syntax.Method) -> Refused:
    """Refuse an unknown method, or a method of something that has none."""
    name, low = _short(node.name), node.name.lower()
    owner, sampled = _written(node.target), sampled_name(node.target) is not None
    if low not in METHODS:
        if low in MEMBERS:
            return Refused(f"{node.name} is not a method", f"write .{low} without parentheses")
        hint = method_hint(node.name, owner, sampled=sampled, functions=frozenset(FUNCTIONS))
        return Refused(f"there is no method {name}", hint or _methods_like(low))
    counted = f"write len({owner})" if low == "count" else ""
    if isinstance(node.target, syntax.Name):
        what = node.target.name if len(node.target.name) <= 80 else "this name"
        return Refused(
            f"{what} is not a sampled variable and has no method {name}",
            nearest(node.target.name) or counted,
        )
    return Refused(f"only sampled variables have the method {name}", counted)


def _methods_like(name: str) -> str:
    names = ", ".join(method.name for method in METHODS.values())
    near = get_close_matches(name[:64], METHODS, n=1, cutoff=0.75)
    meant = f"did you mean {METHODS[near[0]].name}? " if near else ""
    return f"{meant}sampled variables have the methods {names}"


def _written(node: syntax.Expression) -> str:
    """The text of an expression for a hint, or a name that stands for a long one."""
    if isinstance(node, syntax.Chain | syntax.Choice):
        return "v"
    text = syntax.print_expression(node)
    return text if len(text) <= 60 else "v"


def _short(name: str) -> str:
    return name if len(name) <= 80 else name[:77] + "..."
