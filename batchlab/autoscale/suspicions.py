"""Warnings about formulas that run but probably do not do what was meant: one function each.

Those about samples are in `sample_suspicions`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from difflib import get_close_matches

from batchlab.autoscale.checks import SAMPLED_NAMES
from batchlab.autoscale.names import DEALLOCATION, OLD_NAMES, SETTABLE, WITHDRAWN, canonical
from batchlab.autoscale.parsed_formula import ArgumentTypes, ParsedFormula, Warn
from batchlab.autoscale.sample_suspicions import SAMPLE_SUSPICIONS
from batchlab.autoscale.syntax import (
    Call,
    Chain,
    Choice,
    Expression,
    Name,
    Number,
    Program,
    SourcePlace,
    Text,
)

__all__ = ["warnings_of"]

_TARGETS = SETTABLE[:4]


def warnings_of(program: Program, types: ArgumentTypes) -> Iterator[Warn]:
    """Run all checks; `types` are those of the arguments of methods, where they are known."""
    view = ParsedFormula.of(program, types)
    for suspicion in _SUSPICIONS:
        yield from suspicion(view)


def _active_alone(view: ParsedFormula) -> Iterator[Warn]:
    names = view.names()
    if "$ActiveTasks" in names and not names & {"$RunningTasks", "$PendingTasks"}:
        first = next(n for n in view.nodes if isinstance(n, Name) and n.name == "$ActiveTasks")
        yield Warn(
            first.place,
            "$ActiveTasks counts waiting tasks but not running ones: a busy pool with an empty "
            "queue would shrink",
            "use $PendingTasks, the sum of $ActiveTasks and $RunningTasks",
        )


def _no_effect(view: ParsedFormula) -> Iterator[Warn]:
    for statement in view.program.statements:
        value = statement.value
        if statement.target is not None or (isinstance(value, Call) and value.name == "stop"):
            continue
        hint = "write x = ..."
        if isinstance(value, Chain) and value.rest[0][0] == "==":
            hint = "assign with a single ="
        elif isinstance(value, Text):
            hint = "a formula has no quotes around it"
        yield Warn(value.place, "the statement assigns nothing and has no effect", hint)


def _no_target(view: ParsedFormula) -> Iterator[Warn]:
    targets = [statement.target for statement in view.program.statements]
    if not any(target in _TARGETS for target in targets):
        place = view.program.statements[-1].place if targets else SourcePlace()
        yield Warn(
            place,
            "the formula sets no target, so the pool keeps its size",
            "assign to $TargetDedicatedNodes or $TargetLowPriorityNodes",
        )


def _misspelt(view: ParsedFormula) -> Iterator[Warn]:
    read, written = view.names(), {statement.target for statement in view.program.statements}
    for statement in view.program.statements:
        target = statement.target or ""
        meant = canonical("$" + target)
        if (target.startswith("$") or meant not in SETTABLE) and target not in SETTABLE:
            # One that is set as well, or read, is a variable on purpose.
            near = get_close_matches("$" + target.lstrip("$"), SETTABLE, n=1, cutoff=0.9)
            meant = near[0] if near and near[0] not in written and target not in read else ""
        if target not in SETTABLE and meant in SETTABLE:
            yield Warn(
                statement.target_place,
                f"{target} is an ordinary variable and does not set {meant}",
                f"write {meant}",
            )


def _both_names(view: ParsedFormula) -> Iterator[Warn]:
    targets = {statement.target for statement in view.program.statements}
    for statement in view.program.statements:
        new = OLD_NAMES.get(statement.target or "")
        if new is not None and new in targets:
            yield Warn(
                statement.target_place,
                f"{new} is also set and takes precedence",
                f"remove {statement.target}",
            )


def _out_of_use(view: ParsedFormula) -> Iterator[Warn]:
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


def _requeues(view: ParsedFormula) -> Iterator[Warn]:
    """Formulas that may remove a node from under its tasks, and do not say what happens then."""
    kinds: dict[str, str] = {}
    lowering: SourcePlace | None = None
    for statement in view.program.statements:
        target = statement.target
        if target is None:
            continue
        if target == DEALLOCATION:
            return
        kind = _change(statement.value, kinds)
        if target in _TARGETS and lowering is None and kind not in ("fixed", _nodes(target)):
            lowering = statement.target_place
        kinds[target] = kind
    if lowering is not None:
        yield Warn(
            lowering,
            f"this may remove nodes, and without {DEALLOCATION} their running tasks start over "
            "elsewhere (requeue)",
            f"let them finish first: {DEALLOCATION} = taskcompletion",
        )


def _nodes(name: str) -> str:
    """Which nodes a target or a count is about; any other name as it is."""
    new = OLD_NAMES.get(name, name)
    return new.removeprefix("$Target").removeprefix("$Current")


def _change(node: Expression, kinds: dict[str, str]) -> str:
    """``fixed``, the nodes whose number a value is never below, or ``other``."""
    match node:
        case Number():
            return "fixed"
        case Name(name=name):
            return kinds.get(name) or (_nodes(name) if _nodes(name) != name else "other")
        case Call(name="max" | "min" as function, arguments=arguments):
            found = {_change(each, kinds) for each in arguments}
            kept = found - {"fixed", "other"}
            if len(kept) != 1 or (function == "min" and "other" in found):
                return "fixed" if found == {"fixed"} else "other"
            return kept.pop()
        case Call(name="round" | "ceil" | "floor" | "trunc", arguments=(only,)):
            return _change(only, kinds)
        case Chain(first=first, rest=rest) if all(
            isinstance(each, Number) and (symbol == "+" or (symbol == "*" and each.value >= 1))
            for symbol, each in rest
        ):
            return _change(first, kinds)
        case Choice(then=then, otherwise=otherwise):
            one = _change(then, kinds)
            return one if one != "fixed" and one == _change(otherwise, kinds) else "other"
    return "other"


_SUSPICIONS: tuple[Callable[[ParsedFormula], Iterator[Warn]], ...] = (
    *SAMPLE_SUSPICIONS,
    _active_alone,
    _no_effect,
    _no_target,
    _misspelt,
    _both_names,
    _requeues,
    _out_of_use,
)
"""All checks; a new one is a function and a line here."""
