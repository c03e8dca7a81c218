"""The function table: the name, arguments and result of each function.

An entry of `FUNCTIONS` lists its overloads by argument types. Functions over a *doubleVecList*
(those with a `spread`) take any number of doubles and vectors in any order and see one flat list:
if v holds 1, 2 and 3, ``avg(v, 7)`` is the mean of four numbers.

On a pool without samples, ``GetSample(n)`` is an empty vector. Azure takes it wherever it was seen
(``val(v, 0)``, ``max(0, v)``): it adds nothing to a list of other values, and alone it counts as
0, in `val` and `percentile` too. Only `std` still asks for two values.

Where Azure's documentation says nothing: ``percentile`` uses the nearest rank, so the result is
always an element of the vector (Azure calls it "the percentile element"); ``round`` rounds halves
away from zero; ``std`` of one number and logarithms of zero or less are errors; an index or a
count is truncated to a whole number, as targets are; ``rand`` uses a seed from the caller.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Protocol

import msgspec

from batchlab.autoscale.operators import finite
from batchlab.autoscale.timestamps import parse_timestamp
from batchlab.autoscale.values import TYPE_NAMES, Refused, Timestamp, Value

__all__ = ["FUNCTIONS", "SLOW", "Dice", "Function", "World", "call", "resolve"]

Vector = tuple[float, ...]
SLOW = {"percentile": 4, "std": 4, "lg": 4, "ln": 4, "log": 4, "ceil": 2, "floor": 2, "round": 4,
        "trunc": 2}  # fmt: skip
"""How often these functions count each element against the budget; operators count it twice."""


class World(Protocol):
    """The context of a function call, besides its arguments."""

    now: Timestamp

    def random(self) -> float:
        """Return the next number of the sequence, at least 0 and below 1."""


class Dice:
    """The generator of rand(): splitmix64, so equal seeds give equal numbers on every platform."""

    __slots__ = ("_state",)
    _MASK = 2**64 - 1

    def __init__(self, seed: int) -> None:
        self._state = seed & self._MASK

    def random(self) -> float:
        """Return the next number, at least 0 and below 1."""
        mask = self._MASK
        self._state = mixed = (self._state + 0x9E3779B97F4A7C15) & mask
        mixed = ((mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9) & mask
        mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) & mask
        return ((mixed ^ (mixed >> 31)) >> 11) / 2**53


Overloads = dict[tuple[type, ...], tuple[Callable[..., Value], type]]


class Function(msgspec.Struct, frozen=True):
    """One function: its usage, and either its overloads or its operation on a flat list."""

    name: str
    usage: str
    overloads: Overloads = {}
    spread: Callable[[Vector], float] | None = None


def _mean(values: Vector) -> float:
    return math.fsum(values) / len(values) if values else 0.0


def _std(values: Vector) -> float:
    if len(values) < 2:
        raise Refused("std needs at least two values", "guard it: len(v) > 1 ? std(v) : 0")
    mean = _mean(values)
    deviations = [value - mean for value in values]
    # hypot scales its arguments, so that their squares do not overflow.
    return math.hypot(*deviations) / math.sqrt(len(values) - 1)


def _percentile(_: World, values: Vector, percent: float) -> float:
    if not 0 <= percent <= 100:
        raise Refused("the second argument of percentile must be between 0 and 100")
    if not values:
        return 0.0
    rank = math.ceil(percent * len(values) / 100)  # this order keeps whole ranks whole
    return sorted(values)[max(rank, 1) - 1]


def _val(_: World, values: Vector, index: float) -> float:
    whole = math.trunc(index)
    if not values and whole >= 0:
        return 0.0
    if not 0 <= whole < len(values):
        raise Refused(f"there is no value {whole} in a doubleVec of length {len(values)}",
                      "indexes start at 0")  # fmt: skip
    return values[whole]


def _half_away_from_zero(value: float) -> float:
    whole = math.floor(abs(value))
    return math.copysign(whole + (abs(value) - whole >= 0.5), value)


def _logarithm(name: str, compute: Callable[[float], float]) -> Callable[[float], float]:
    def of(value: float) -> float:
        if value <= 0:
            raise Refused(f"{name} needs a value above 0", f"limit it: {name}(max(1, x))")
        return compute(value)

    return of


def _each(name: str, compute: Callable[[float], float]) -> Function:
    """Make a function that works on a double or on each value of a doubleVec."""

    def number(_: World, value: float) -> float:
        return compute(value)

    def vector(_: World, values: Vector) -> Vector:
        return tuple([compute(value) for value in values])

    overloads: Overloads = {(float,): (number, float), (tuple,): (vector, tuple)}
    return Function(name, f"{name}(double) or {name}(doubleVec)", overloads)


def _list(name: str, compute: Callable[[Vector], float]) -> Function:
    return Function(name, f"{name}(doubles and doubleVecs)", spread=compute)


def _stop(_: World) -> Value:
    raise AssertionError("the evaluation ends at stop() and never calls it")


_TABLE = (
    _list("avg", _mean),
    _list("max", lambda values: max(values, default=0.0)),
    _list("min", lambda values: min(values, default=0.0)),
    _list("sum", math.fsum),
    _list("norm", lambda values: math.hypot(*values)),
    _list("range", lambda values: max(values) - min(values) if values else 0.0),
    _list("std", _std),
    _list("len", lambda values: float(len(values))),
    _each("lg", _logarithm("lg", math.log2)),
    _each("ln", _logarithm("ln", math.log)),
    _each("log", _logarithm("log", math.log10)),
    _each("ceil", lambda value: float(math.ceil(value))),
    _each("floor", lambda value: float(math.floor(value))),
    _each("round", _half_away_from_zero),
    _each("trunc", lambda value: float(math.trunc(value))),
    Function("percentile", "percentile(doubleVec, double from 0 to 100)",
             {(tuple, float): (_percentile, float)}),
    Function("val", "val(doubleVec, double)", {(tuple, float): (_val, float)}),
    Function("rand", "rand()", {(): (lambda world: world.random(), float)}),
    Function("stop", "stop()", {(): (_stop, float)}),
    Function("time", 'time() or time("2016-10-13T19:18:47Z")', {
        (): (lambda world: world.now, Timestamp),
        (str,): (lambda _, text: parse_timestamp(text), Timestamp),
    }),
)  # fmt: skip

FUNCTIONS = {function.name: function for function in _TABLE}
"""All functions by name, in lower case."""


def resolve(function: Function, types: list[type]) -> type:
    """Return the type of a call from the types of its arguments; raises `Refused`."""
    if function.spread is not None:
        wrong = [TYPE_NAMES[t] for t in types if t not in (float, tuple)]
        if types and not wrong:
            return float
        found = f"not a {wrong[0]}" if wrong else "at least one"
        raise Refused(f"{function.name} takes doubles and doubleVecs, {found}")
    entry = function.overloads.get(tuple(types))
    if entry is None:
        raise Refused(_mismatch(function, types), _cure(function, types))
    return entry[1]


def _mismatch(function: Function, types: list[type]) -> str:
    given = ", ".join(TYPE_NAMES[t] for t in types[:8]) + (", ..." if len(types) > 8 else "")
    return f"{function.name}({given}) is not supported: write {function.usage}"


def _cure(function: Function, types: list[type]) -> str:
    if float in types and (float,) not in function.overloads and function.name != "time":
        return "GetSample returns a doubleVec; a list of numbers is not one"
    return ""


def call(function: Function, arguments: list[Value], world: World) -> Value:
    """Call a function.

    Raises
    ------
    Refused
        No overload takes these arguments, or the result is not defined for them.
    """
    if function.spread is None:
        entry = function.overloads.get(tuple([type(value) for value in arguments]))
        if entry is not None:
            return entry[0](world, *arguments)
    elif arguments:
        flat = _flat(arguments)
        if flat is not None:
            return _reduced(function.spread, flat)
    resolve(function, [type(value) for value in arguments])
    raise AssertionError("resolve accepts what call refuses")


def _reduced(compute: Callable[[Vector], float], flat: Vector) -> float:
    try:
        return finite(compute(flat))
    except OverflowError:
        raise Refused("the result is too large for a double") from None


def _flat(arguments: list[Any]) -> Vector | None:
    """Join doubles and doubleVecs into one list; None if there is anything else."""
    first = arguments[0]
    if len(arguments) == 1 and type(first) is tuple:
        return first
    flat: list[float] = []
    for value in arguments:
        if type(value) is float:
            flat.append(value)
        elif type(value) is tuple:
            flat += value
        else:
            return None
    return tuple(flat)
