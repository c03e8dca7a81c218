"""Why a formula made its decision, in sentences: samples, branches, limits, outcome.

Samples, branches and limits are listed in the order of the formula, followed by the decision and
its consequences.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from batchlab.autoscale.names import DEDICATED, LOW_PRIORITY, OLD_NAMES
from batchlab.autoscale.values import show_number
from batchlab.display import Displayed

if TYPE_CHECKING:
    from batchlab.autoscale.results import AutoScaleRun, Branch, Clamp, SampleCall

from batchlab.words import plural

__all__ = ["Sentences", "explain"]

MOST = 40
"""Maximum number of sentences about samples, branches and limits."""
_OPTIONS = {
    "requeue": "running tasks are terminated and queued again",
    "terminate": "running tasks are terminated and do not run again",
    "taskcompletion": "removal waits for running tasks to complete",
    "retaineddata": "removal waits until the files of all tasks have been deleted",
}
_RELEASES = (
    "Job release tasks are not counted as tasks: a node may be removed before a release task has "
    "run on it."
)


class Sentences(list[str], Displayed):
    """Sentences, printed one per line."""

    def __repr__(self) -> str:
        return "\n".join(self)


def explain(run: AutoScaleRun) -> Sentences:
    """Explain how an evaluation reached its decision, and the consequences."""
    steps = [
        *((call.line, call.column, _sample(call)) for call in run.samples),
        *((branch.line, branch.column, _branch(branch)) for branch in run.branches),
        *((clamp.line, clamp.column, _clamp(clamp)) for clamp in run.clamps),
    ]
    sentences = Sentences(sentence for _, _, sentence in sorted(steps, key=lambda step: step[:2]))
    if len(sentences) > MOST:
        sentences[MOST:] = [f"… and {len(sentences) - MOST} more."]
    if run.error is not None:
        sentences += _failure(run)
    else:
        sentences += _decision(run)
        sentences += _consequence(run)
    return sentences


def _sample(call: SampleCall) -> str:
    span = f"between {_clock(call.start)} and {_clock(call.end)}"
    percent = show_number(float(round(call.percent, 1)))
    share = (
        f"Line {call.line}: {call.variable} has {call.received} of "
        f"{plural(call.wanted, 'expected sample')} {span} ({percent} %)"
    )
    if call.method == "GetSamplePercent":
        return f"{share}."
    if call.required_percent is not None and call.percent < call.required_percent:
        return f"{share}, but the formula requires {call.required_percent:g} %."
    if not call.received:
        return f"Line {call.line}: there are no samples of {call.variable}: the vector is empty."
    return (
        f"Line {call.line}: the formula read {plural(call.received, 'sample')} of {call.variable} "
        f"{span}" + (f", out of {call.wanted} expected." if call.received < call.wanted else ".")
    )


def _branch(branch: Branch) -> str:
    truth = "true" if branch.value else "false"
    return (
        f"Line {branch.line}: {_quoted(branch.condition)} is {truth}, so the formula used "
        f"{_quoted(branch.chosen)}."
    )


def _clamp(clamp: Clamp) -> str:
    value = show_number(clamp.value)
    winners = [text for text, worth in clamp.arguments if worth == clamp.value]
    others = [_worth(text, worth) for text, worth in clamp.arguments if worth != clamp.value]
    if not others:
        why = "all arguments are equal" if len(winners) > 1 else "no other argument has a value"
        return f"Line {clamp.line}: {_quoted(clamp.source)} is {value}: {why}."
    least = clamp.function == "min"
    if winners[0].strip() == value:
        won = f"the limit {value} {'caps' if least else 'raises'}"
    else:
        won = f"{_worth(winners[0], clamp.value)} is {'less' if least else 'greater'} than"
    return f"Line {clamp.line}: {_quoted(clamp.source)} is {value}: {won} {' and '.join(others)}."


def _worth(text: str, value: float) -> str:
    number = show_number(value)
    return number if text.strip() == number else f"{_quoted(text)} ({number})"


def _failure(run: AutoScaleRun) -> list[str]:
    error = run.error
    assert error is not None
    said = error.values.get("Message", error.message)
    hint = f" Hint: {error.hint}." if error.hint else ""
    return [
        f"The evaluation failed with {error.code}: {said}.{hint}",
        f"A failed evaluation changes nothing: the pool keeps {_targets(run, before=True)}.",
    ]


def _decision(run: AutoScaleRun) -> list[str]:
    set_by = {OLD_NAMES.get(s.target, s.target): s for s in run.statements if s.target}
    sentences = []
    for name, target in (
        (DEDICATED, run.target_dedicated_nodes),
        (LOW_PRIORITY, run.target_low_priority_nodes),
    ):
        statement = set_by.get(name)
        if statement is None or not isinstance(statement.value, float):
            continue
        exact = show_number(statement.value)
        cut = "" if statement.value == target else f", rounded down to {target}"
        sentences.append(f"Line {statement.line} set {name} to {exact}{cut}.")
    if not sentences:
        sentences.append("No statement set a target, so the targets stay the same.")
    return sentences


def _consequence(run: AutoScaleRun) -> list[str]:
    had, wants = _targets(run, before=True), _targets(run, before=False)
    match run.outcome:
        case "unchanged":
            return [f"The target was already {had}: nothing changes."]
        case "resizing":
            wish = f"The formula asks for {wants} instead of {had}, but the pool is still resizing"
            return [f"{wish}: nothing changes until the next evaluation."]
        case "resized":
            return [f"The target changed from {had} to {wants}: a resize began.", *_leaving(run)]
        case "tried":
            change = f"keep {had}" if had == wants else f"change {had} to {wants}"
            return [f"This was only a trial: the formula would {change}."]
    return [f"The formula asks for {wants}."]


def _leaving(run: AutoScaleRun) -> list[str]:
    gone = [
        max(0, run.current_dedicated_nodes - run.target_dedicated_nodes),
        max(0, run.current_low_priority_nodes - run.target_low_priority_nodes),
    ]
    if not any(gone):
        return []
    option = run.node_deallocation_option
    are = "is" if sum(gone) == 1 else "are"
    removal = f"{plural(sum(gone), 'node')} {are} removed with the option {option}"
    return [f"{removal}: {_OPTIONS[option]}.", _RELEASES]


def _targets(run: AutoScaleRun, *, before: bool) -> str:
    if before:
        dedicated, spot = run.current_dedicated_nodes, run.current_low_priority_nodes
    else:
        dedicated, spot = run.target_dedicated_nodes, run.target_low_priority_nodes
    also = f" and {spot} spot" if run.current_low_priority_nodes or spot else ""
    return f"{dedicated} dedicated{also} node{'s' * (dedicated + spot != 1)}"


def _quoted(text: str) -> str:
    flat = " ".join(text.split())
    return f"`{flat if len(flat) <= 80 else flat[:79] + '…'}`"


def _clock(moment: datetime) -> str:
    return f"{moment:%H:%M:%S}"
