"""Warnings about formulas that run but probably do not do what was meant: one function each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from batchlab.autoscale.checks import SAMPLED_NAMES, sampled_name
from batchlab.autoscale.names import OLD_NAMES, SETTABLE, WITHDRAWN, canonical
from batchlab.autoscale.samples import SAMPLE_PERIOD, guard_of
from batchlab.autoscale.syntax import (
    Call,
    Chain,
    Expression,
    Method,
    Name,
    Number,
    Program,
    SourcePlace,
    walk,
)
from batchlab.autoscale.values import INTERVALS, SECOND

__all__ = ["Warn", "warnings_of"]

_COMPARISONS = {"<", "<=", "==", "!=", ">=", ">"}
_NEVER = {"<": "always true", "<=": "always true", ">": "always false", ">=": "always false"}
_MIRRORED = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}
MISSING = 2
"""Number of samples in the newest minute."""


class Warn(NamedTuple):
    """A warning and its place."""

    place: SourcePlace
    message: str
    hint: str = ""


class _View(NamedTuple):
    """A formula and all its nodes."""

    program: Program
    nodes: list[Expression]

    def names(self) -> set[str]:
        return {node.name for node in self.nodes if isinstance(node, Name)}

    def methods(self, name: str) -> list[Method]:
        return [each for each in self.nodes if isinstance(each, Method) and each.name == name]


def warnings_of(program: Program) -> Iterator[Warn]:
    """Run all checks."""
    nodes = [node for statement in program.statements for node in walk(statement.value)]
    view = _View(program, nodes)
    for suspicion in _SUSPICIONS:
        yield from suspicion(view)


def _fraction(node: Expression) -> bool:
    return isinstance(node, Number) and 0 < node.value <= 1


def _percent_as_fraction(view: _View) -> Iterator[Warn]:
    holding = {
        statement.target
        for statement in view.program.statements
        if isinstance(statement.value, Method) and statement.value.name == "GetSamplePercent"
    }

    def is_percent(node: Expression) -> bool:
        if isinstance(node, Name):
            return node.name in holding
        return isinstance(node, Method) and node.name == "GetSamplePercent"

    for chain in view.nodes:
        if not isinstance(chain, Chain):
            continue
        left = chain.first
        for (symbol, right), point in zip(chain.rest, chain.points, strict=True):
            pairs = ((left, right), (right, left))
            if symbol in _COMPARISONS and any(is_percent(a) and _fraction(b) for a, b in pairs):
                yield Warn(
                    SourcePlace(left.place.start, right.place.end, point),
                    "GetSamplePercent returns 0 to 100, not a fraction",
                    "write 70 for seventy percent",
                )
            left = right


def _required_as_fraction(view: _View) -> Iterator[Warn]:
    for method in view.methods("GetSample"):
        if len(method.arguments) > 1 and _fraction(method.arguments[-1]):
            yield Warn(
                method.arguments[-1].place,
                "the percentage of GetSample is 0 to 100, not a fraction",
                "write 70 for seventy percent",
            )


def _out_of_reach(view: _View) -> Iterator[Warn]:
    """Guards that always fail because the newest minute is usually missing."""
    values: dict[str | None, Expression] = {
        statement.target: statement.value for statement in view.program.statements
    }

    def meant(node: Expression) -> Expression:
        return values.get(node.name, node) if isinstance(node, Name) else node

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
        window = _seconds(percent.arguments[0], meant)
        expected = int(window // SAMPLE_PERIOD.total_seconds()) if window else 0
        if expected < 1:
            continue
        seen = max(0, expected - MISSING)
        most = 100 * seen / expected
        if most < wanted.value <= 100:
            yield Warn(
                chain.place,
                f"the newest minute of samples is usually missing: at most {seen} of {expected} "
                f"in this window are visible ({most:.0f} %), so this is {_NEVER[symbol]}",
                "use a longer window, require less, or fall back on the newest: GetSample(1)",
            )


def _seconds(node: Expression, meant: Callable[[Expression], Expression]) -> float | None:
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


def _active_alone(view: _View) -> Iterator[Warn]:
    names = view.names()
    if "$ActiveTasks" in names and not names & {"$RunningTasks", "$PendingTasks"}:
        first = next(n for n in view.nodes if isinstance(n, Name) and n.name == "$ActiveTasks")
        yield Warn(
            first.place,
            "$ActiveTasks counts waiting tasks but not running ones: a busy pool with an empty "
            "queue would shrink",
            "use $PendingTasks, the sum of $ActiveTasks and $RunningTasks",
        )


def _unguarded(view: _View) -> Iterator[Warn]:
    guarded = {sampled_name(method.target) for method in view.methods("GetSamplePercent")}
    counted = {sampled_name(method.target) for method in view.methods("Count")}
    warned: set[str | None] = set()
    for method in view.methods("GetSample"):
        name = sampled_name(method.target)
        if name is None or name in guarded | counted | warned:
            continue
        warned.add(name)
        yield Warn(
            method.place,
            f"this fails if there are no samples of {name}, as on a new pool",
            guard_of(name),
        )


def _no_effect(view: _View) -> Iterator[Warn]:
    for statement in view.program.statements:
        value = statement.value
        if statement.target is not None or (isinstance(value, Call) and value.name == "stop"):
            continue
        compared = isinstance(value, Chain) and value.rest[0][0] == "=="
        yield Warn(
            value.place,
            "the statement assigns nothing and has no effect",
            "assign with a single =" if compared else "write x = ...",
        )


def _no_target(view: _View) -> Iterator[Warn]:
    targets = [statement.target for statement in view.program.statements]
    if not any(target in SETTABLE[:4] for target in targets):
        place = view.program.statements[-1].place if targets else SourcePlace()
        yield Warn(
            place,
            "the formula sets no target, so the pool keeps its size",
            "assign to $TargetDedicatedNodes or $TargetLowPriorityNodes",
        )


def _dollar_forgotten(view: _View) -> Iterator[Warn]:
    for statement in view.program.statements:
        target = statement.target or ""
        meant = canonical("$" + target)
        if not target.startswith("$") and meant in SETTABLE:
            yield Warn(
                statement.target_place,
                f"{target} is an ordinary variable and does not set {meant}",
                f"write {meant}",
            )


def _both_names(view: _View) -> Iterator[Warn]:
    targets = {statement.target for statement in view.program.statements}
    for statement in view.program.statements:
        new = OLD_NAMES.get(statement.target or "")
        if new in targets:
            yield Warn(
                statement.target_place,
                f"{new} is also set and takes precedence",
                f"remove {statement.target}",
            )


def _out_of_use(view: _View) -> Iterator[Warn]:
    seen: set[str] = set()
    for node in view.nodes:
        if not isinstance(node, Name) or node.name in seen:
            continue
        seen.add(node.name)
        if SAMPLED_NAMES.get(node.name) in WITHDRAWN:
            yield Warn(
                node.place,
                f"Azure retired {node.name} on 31 March 2024",
                "it still works here; for Azure, use the task counts or $CPUPercent",
            )


_SUSPICIONS: tuple[Callable[[_View], Iterator[Warn]], ...] = (
    _percent_as_fraction,
    _required_as_fraction,
    _out_of_reach,
    _active_alone,
    _unguarded,
    _no_effect,
    _no_target,
    _dollar_forgotten,
    _both_names,
    _out_of_use,
)
"""All checks; a new one is a function and a line here."""
