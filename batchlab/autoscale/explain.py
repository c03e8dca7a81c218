"""Why a formula decided so, in sentences: what it saw, which way it went, what held it, what came.

Samples, branches and bounds are told in the order in which they stand in the formula, then the
decision and what became of it.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from batchlab.autoscale.names import DEDICATED, LOW_PRIORITY, OLD_NAMES
from batchlab.autoscale.values import show_number
from batchlab.display import Displayed

if TYPE_CHECKING:
    from batchlab.autoscale.results import AutoScaleRun, Branch, Clamp, SampleCall

__all__ = ["Sentences", "explain"]

MOST = 40
"""Sentences about samples, branches and bounds that are told at most."""
_OPTIONS = {
    "requeue": "their tasks are stopped and queued again",
    "terminate": "their tasks are ended and not run again",
    "taskcompletion": "they go when their tasks have ended",
    "retaineddata": "they go when the files of their tasks are no longer kept",
}
_RELEASES = (
    "Release tasks are in no task counter: a node may go before the release task of a job has run "
    "there."
)


class Sentences(list[str], Displayed):
    """Sentences, to be read one below the other."""

    def __repr__(self) -> str:
        return "\n".join(self)


def explain(run: AutoScaleRun) -> Sentences:
    """Tell how an evaluation came to its decision, and what became of it."""
    steps = [
        *((call.line, call.column, _sample(call)) for call in run.samples),
        *((branch.line, branch.column, _branch(branch)) for branch in run.branches),
        *((clamp.line, clamp.column, _clamp(clamp)) for clamp in run.clamps),
    ]
    told = Sentences(sentence for _, _, sentence in sorted(steps, key=lambda step: step[:2]))
    if len(told) > MOST:
        told[MOST:] = [f"… and {len(told) - MOST} more."]
    if run.error is not None:
        told += _failure(run)
    else:
        told += _decision(run)
        told += _consequence(run)
    return told


def _sample(call: SampleCall) -> str:
    span = f"between {_clock(call.start)} and {_clock(call.end)}"
    percent = show_number(float(round(call.percent, 1)))
    if call.method == "GetSamplePercent":
        return (
            f"Line {call.line}: of the {_count(call.wanted, 'sample')} that {call.variable} "
            f"should have {span} there {_are(call.received)}, which is {percent} %."
        )
    short = call.required_percent is not None and call.percent < call.required_percent
    if short or not call.received:
        need = "at least one" if not short else f"{call.required_percent:g} %"
        return (
            f"Line {call.line}: {call.variable} has {_count(call.received, 'sample')} {span}, "
            f"{percent} % of {call.wanted}, and the formula needs {need}."
        )
    return (
        f"Line {call.line}: it read {_count(call.received, 'sample')} of {call.variable} {span}"
        + (f", of {call.wanted} that could be there." if call.received < call.wanted else ".")
    )


def _branch(branch: Branch) -> str:
    truth = "true" if branch.value else "false"
    return (
        f"Line {branch.line}: {_quoted(branch.condition)} is {truth}, so it took "
        f"{_quoted(branch.chosen)}."
    )


def _clamp(clamp: Clamp) -> str:
    value = show_number(clamp.value)
    winners = [text for text, worth in clamp.arguments if worth == clamp.value]
    others = [_worth(text, worth) for text, worth in clamp.arguments if worth != clamp.value]
    if not others:
        return f"Line {clamp.line}: {_quoted(clamp.source)} is {value}; it bounds nothing."
    least = clamp.function == "min"
    if winners[0].strip() == value:
        won = f"the bound {value} {'holds down' if least else 'lifts'}"
    else:
        won = f"{_worth(winners[0], clamp.value)} is {'less' if least else 'more'} than"
    return f"Line {clamp.line}: {_quoted(clamp.source)} is {value}: {won} {' and '.join(others)}."


def _worth(text: str, value: float) -> str:
    number = show_number(value)
    return number if text.strip() == number else f"{_quoted(text)} ({number})"


def _failure(run: AutoScaleRun) -> list[str]:
    error = run.error
    assert error is not None
    said = error.values.get("Message", error.message)
    cure = f" The cure: {error.hint}." if error.hint else ""
    return [
        f"The evaluation failed with {error.code}: {said}.{cure}",
        f"A failed evaluation changes nothing: the pool keeps {_targets(run, before=True)}.",
    ]


def _decision(run: AutoScaleRun) -> list[str]:
    set_by = {OLD_NAMES.get(s.target, s.target): s for s in run.statements if s.target}
    told = []
    for name, target in (
        (DEDICATED, run.target_dedicated_nodes),
        (LOW_PRIORITY, run.target_low_priority_nodes),
    ):
        statement = set_by.get(name)
        if statement is None or not isinstance(statement.value, float):
            continue
        cut = "" if statement.value == target else (
            f" of {show_number(statement.value)}: the fraction is cut off"
        )  # fmt: skip
        told.append(f"Line {statement.line} set {name} to {target}{cut}.")
    if not told:
        told.append("No statement set a target, so the targets stay what they were.")
    return told


def _consequence(run: AutoScaleRun) -> list[str]:
    had, wants = _targets(run, before=True), _targets(run, before=False)
    match run.outcome:
        case "unchanged":
            return [f"The pool had {had} as its target already: nothing changes."]
        case "resizing":
            wish = f"It wants {wants} where the target is {had}, but the pool was still resizing"
            return [f"{wish}: nothing changes now, and the next evaluation decides anew."]
        case "resized":
            return [f"The target was {had} and is now {wants}: a resize began.", *_leaving(run)]
        case "tried":
            change = "the same" if had == wants else f"{wants} where the target is {had}"
            return [f"It was only tried: it would want {change}."]
    return [f"It wants {wants}."]


def _leaving(run: AutoScaleRun) -> list[str]:
    gone = [
        max(0, run.current_dedicated_nodes - run.target_dedicated_nodes),
        max(0, run.current_low_priority_nodes - run.target_low_priority_nodes),
    ]
    if not any(gone):
        return []
    option = run.node_deallocation_option
    leave = "leaves" if sum(gone) == 1 else "leave"
    told = f"{_count(sum(gone), 'node')} {leave} with the option {option}: {_OPTIONS[option]}."
    return [told, _RELEASES]


def _targets(run: AutoScaleRun, *, before: bool) -> str:
    if before:
        dedicated, spot = run.current_dedicated_nodes, run.current_low_priority_nodes
    else:
        dedicated, spot = run.target_dedicated_nodes, run.target_low_priority_nodes
    also = f" and {spot} spot" if run.current_low_priority_nodes or spot else ""
    return f"{dedicated} dedicated{also} node{'s' * (dedicated + spot != 1)}"


def _count(count: int, noun: str) -> str:
    return f"{count} {noun}{'s' * (count != 1)}"


def _are(count: int) -> str:
    return "is 1" if count == 1 else f"are {count}"


def _quoted(text: str) -> str:
    flat = " ".join(text.split())
    return f"`{flat if len(flat) <= 80 else flat[:79] + '…'}`"


def _clock(moment: datetime) -> str:
    return f"{moment:%H:%M:%S}"
