"""Warnings about samples: percentages taken for fractions, windows that are never full, no guard.

A variable stands for the expression that was last assigned to it, so a threshold or a window may
have a name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from batchlab.autoscale.checks import SAMPLED_NAMES, sampled_name
from batchlab.autoscale.parsed_formula import ParsedFormula, Warn
from batchlab.autoscale.samples import DEFAULT_PERCENT, SAMPLE_PERIOD, guard_of
from batchlab.autoscale.syntax import (
    Call,
    Chain,
    Choice,
    Expression,
    Method,
    Name,
    Number,
    SourcePlace,
    children,
    walk,
)
from batchlab.autoscale.values import INTERVALS, SECOND, Interval, Timestamp, show_number

__all__ = ["SAMPLE_SUSPICIONS"]

_COMPARISONS = {"<", "<=", "==", "!=", ">=", ">"}
_NEVER = {"<": "always true", "<=": "always true", ">": "always false", ">=": "always false"}
_MIRRORED = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}
_ONE_OF_MANY = {"avg", "max", "min", "val", "percentile", "round", "ceil", "floor", "trunc"}
"""Functions of percentages that return a percentage."""
_PERCENTAGES = {"$CPUPercent"}
_SEVENTY = "write 70 for seventy percent"
MISSING = 1
"""Number of samples that are taken and not yet visible."""

_Percentage = tuple[str, float]
"""What makes an expression a percentage, and the largest number that is meant as a fraction: a
share of the samples is never compared with 1 %, a processor may be."""
Meant = Callable[[Expression], Expression]


def _meant(values: dict[str, Expression]) -> Meant:
    def of(node: Expression) -> Expression:
        return values.get(node.name, node) if isinstance(node, Name) else node

    return of


def _fraction_for_percentage(view: ParsedFormula) -> Iterator[Warn]:
    values: dict[str, Expression] = {}
    percentages: dict[str, _Percentage] = {}
    for statement in view.program.statements:
        for chain in walk(statement.value):
            if isinstance(chain, Chain):
                yield from _compared(chain, _meant(values), percentages)
        if statement.target:
            values[statement.target] = statement.value
            percentages[statement.target] = _percentage(statement.value, percentages)


def _compared(chain: Chain, meant: Meant, percentages: dict[str, _Percentage]) -> Iterator[Warn]:
    left = chain.first
    for (symbol, right), point in zip(chain.rest, chain.points, strict=True):
        for one, other in ((left, right), (right, left)) if symbol in _COMPARISONS else ():
            what, most = _percentage(one, percentages)
            number = meant(other)
            if what and isinstance(number, Number) and 0 < number.value <= most:
                yield Warn(
                    SourcePlace(left.place.start, right.place.end, point),
                    f"{what} 0 to 100, not a fraction",
                    _SEVENTY,
                )
        left = right


def _percentage(node: Expression, names: dict[str, _Percentage]) -> _Percentage:
    match node:
        case Name(name=name) if name in names:
            return names[name]
        case Name(name=name) if SAMPLED_NAMES.get(name) in _PERCENTAGES:
            return f"{name} is", 0.999
        case Method(name="GetSamplePercent"):
            return "GetSamplePercent returns", 1
        case Method(name="GetSample", target=target):
            return _percentage(target, {})
        case Call(name=name, arguments=(first, *_)) if name in _ONE_OF_MANY:
            return _percentage(first, names)
        case Choice(then=then, otherwise=otherwise):
            one = _percentage(then, names)
            return one if one[0] else _percentage(otherwise, names)
    return "", 0


def _required_as_fraction(view: ParsedFormula) -> Iterator[Warn]:
    meant = _meant(view.values())
    for method in view.methods("GetSample"):
        percent = meant(method.arguments[-1]) if len(method.arguments) > 1 else None
        if isinstance(percent, Number) and 0 < percent.value <= 1:
            yield Warn(
                method.arguments[-1].place,
                "the percentage of GetSample is 0 to 100, not a fraction",
                _SEVENTY,
            )


def _guard_out_of_reach(view: ParsedFormula) -> Iterator[Warn]:
    """Guards that always fail because the newest sample is usually missing."""
    meant = _meant(view.values())
    for chain in view.nodes:
        if not isinstance(chain, Chain) or len(chain.rest) != 1 or chain.rest[0][0] not in _NEVER:
            continue
        symbol, right = chain.rest[0]
        percent, wanted = meant(chain.first), meant(right)
        if isinstance(percent, Number):
            percent, wanted, symbol = wanted, percent, _MIRRORED[symbol]
        if not isinstance(wanted, Number) or not isinstance(percent, Method):
            continue
        if percent.name != "GetSamplePercent" or len(percent.arguments) != 1:
            continue
        if most := _most(percent.arguments[0], wanted.value, meant):
            yield Warn(
                chain.place,
                f"the newest sample is usually missing: at most {most}, so this is "
                f"{_NEVER[symbol]}",
                "use a longer window, require less, or fall back on the newest: GetSample(1)",
            )


def _window_out_of_reach(view: ParsedFormula) -> Iterator[Warn]:
    """Windows that are never full enough for the percentage that they require."""
    meant = _meant(view.values())
    for method in view.methods("GetSample"):
        types = view.types.get(id(method), [])
        if types not in ([Interval], [Interval, float]):
            continue
        percent = meant(method.arguments[1]) if len(types) > 1 else Number(DEFAULT_PERCENT)
        if not isinstance(percent, Number):
            continue
        if most := _most(method.arguments[0], percent.value, meant):
            needs = f"{show_number(percent.value)} %"
            yield Warn(
                method.place,
                f"the newest sample is usually missing: at most {most}, and GetSample requires "
                f"{needs}{'' if len(types) > 1 else ' unless it is given a percentage'}",
                "use a longer window, or require less: GetSample(window, 50)",
            )


def _most(window: Expression, wanted: float, meant: Meant) -> str:
    """How much of a window is ever visible, if that is less than the percentage wanted."""
    length = _seconds(window, meant)
    expected = int(length // SAMPLE_PERIOD.total_seconds()) if length else 0
    if expected < 1:
        return ""
    seen = max(0, expected - MISSING)
    most = 100 * seen / expected
    if not most < wanted <= 100:
        return ""
    return f"{seen} of {expected} in this window are visible ({most:.0f} %)"


def _seconds(node: Expression, meant: Meant) -> float | None:
    """The length of a window with a constant length, ``5 * TimeInterval_Minute``, or None."""
    node = meant(node)
    factors = [node]
    if isinstance(node, Chain) and len(node.rest) == 1 and node.rest[0][0] == "*":
        factors = [meant(node.first), meant(node.rest[0][1])]
    seconds = 1.0
    units = 0
    for factor in factors:
        if isinstance(factor, Name) and factor.name in INTERVALS:
            seconds *= INTERVALS[factor.name].ticks / SECOND
            units += 1
        elif isinstance(factor, Number):
            seconds *= factor.value
        else:
            return None
    return seconds if units == 1 else None


def _unconditional(view: ParsedFormula) -> set[int]:
    """The nodes that are evaluated in any case, by their `id`."""
    if any(isinstance(node, Call) and node.name == "stop" for node in view.nodes):
        return set()
    waiting = [statement.value for statement in view.program.statements]
    found = set()
    while waiting:
        node = waiting.pop()
        found.add(id(node))
        if isinstance(node, Choice):
            waiting.append(node.condition)
        elif isinstance(node, Chain) and node.rest[0][0] in ("&&", "||"):
            waiting.append(node.first)
        else:
            waiting += children(node)
    return found


def _unguarded(view: ParsedFormula) -> Iterator[Warn]:
    guarded = {sampled_name(method.target) for method in view.methods("GetSamplePercent")}
    counted = {sampled_name(method.target) for method in view.methods("Count")}
    certain = _unconditional(view)
    warned: set[str | None] = set()
    for method in view.methods("GetSample"):
        name = sampled_name(method.target)
        if name is None or name in warned:
            continue
        if name in guarded | counted and id(method) not in certain:
            continue
        types = view.types.get(id(method), [])
        if types[:1] not in ([Interval], [Timestamp]):
            continue  # GetSample(n) takes what there is
        if types[-1] is float and method.arguments[-1] == Number(0):
            continue
        warned.add(name)
        yield Warn(
            method.place,
            f"this fails if there are no samples of {name}, as on a new pool",
            guard_of(name),
        )


def _limit_of_nothing(view: ParsedFormula) -> Iterator[Warn]:
    """``min(25, v)`` of the empty vector that ``GetSample(n)`` is on a new pool: that is 25."""
    guarded = {sampled_name(method.target) for method in view.methods("GetSamplePercent")}
    counted = {sampled_name(method.target) for method in view.methods("Count")}
    for call in view.nodes:
        if not isinstance(call, Call) or call.name != "min" or len(call.arguments) < 2:
            continue
        for each in call.arguments:
            if not isinstance(each, Method) or view.types.get(id(each)) != [float]:
                continue
            name = sampled_name(each.target)
            if each.name == "GetSample" and name not in guarded | counted:
                yield Warn(
                    each.place,
                    f"if there are no samples of {name}, as on a new pool, only the other "
                    "arguments of min count",
                    f"write max(0, {name}.GetSample(1))",
                )


SAMPLE_SUSPICIONS: tuple[Callable[[ParsedFormula], Iterator[Warn]], ...] = (
    _fraction_for_percentage,
    _required_as_fraction,
    _guard_out_of_reach,
    _window_out_of_reach,
    _unguarded,
    _limit_of_nothing,
)
