"""What an exercise is, how an answer to it is looked at, and how that is told.

An exercise is a function from what the learner made (a job, a pool, a simulation ...) to a text,
"what was shown", or to `Missing`: what is not there yet, with two hints, neither of which is the
answer. The first hint comes with the first try; the second when the same is still missing at a
later one. Exercises live in one module for each lesson, named in `LESSONS`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from importlib import import_module
from typing import Any, NamedTuple

from batchlab.errors import BatchError, invalid
from batchlab.widgets.html import card, table, tag

__all__ = ["Answer", "Exercise", "Exercises", "Missing", "check", "exercise", "exercises"]

LESSONS = tuple(f"{number:02d}" for number in range(16))
"""Those that have exercises; each is a module of this package."""


_MADE = {
    "Formula": "A text becomes a formula by bl.Formula(text).",
    "Simulation": "It is what bl.simulate(...) gives back.",
    "SimulatedLab": "It is what lessons.broken(...) gave you: broken itself, when it is mended.",
}
"""How to come by what is no handle."""


class Missing(NamedTuple):
    """What an answer does not show yet, a hint, and one more for the next try."""

    what: str
    hint: str
    second_hint: str


Look = Callable[..., "str | Missing"]


@dataclass(frozen=True)
class Exercise:
    """One exercise: `takes` are the kinds of things that its answer consists of."""

    id: str
    title: str
    takes: tuple[type, ...]
    look: Look


_known: dict[str, Exercise] = {}
_tries: dict[tuple[str, str], int] = {}
_outcomes: dict[str, str] = {}


def exercise(id: str, title: str, *takes: type) -> Callable[[Look], Look]:  # noqa: A002
    """Make a function the check of an exercise."""

    def name(look: Look) -> Look:
        _known[id] = Exercise(id, title, takes, look)
        return look

    return name


@cache
def _load() -> None:
    for lesson in LESSONS:
        import_module(f"batchlab.lessons.lesson_{lesson}")


@dataclass(frozen=True)
class Answer:
    """What a check has found.

    Attributes
    ----------
    exercise : str
        Its id.
    outcome : str
        ``right``, ``not yet``, or ``open`` as long as nothing was answered.
    text : str
        What was shown, or what is missing.
    hint : str
        What may help; empty when it is right.
    """

    exercise: str
    outcome: str
    text: str
    hint: str = ""

    @property
    def is_right(self) -> bool:
        """Whether the exercise is done."""
        return self.outcome == "right"

    def __repr__(self) -> str:
        hint = f"\nHint: {self.hint}" if self.hint else ""
        return f"{self.exercise} {self.outcome}: {self.text}{hint}"

    def _repr_html_(self) -> str:
        hint = [tag("p", tag("strong", "Hint: "), self.hint)] if self.hint else []
        colour = {"right": "#009e73", "not yet": "#e69f00"}.get(self.outcome, "#999999")
        title = f"{self.exercise} {self.outcome}"
        return str(card(title, "", [], tag("p", self.text), *hint, colour=colour))


class Exercises:
    """All exercises, with what the checks of this session have found."""

    def __iter__(self) -> Iterator[str]:
        _load()
        return iter(sorted(_known, key=_place))

    def __len__(self) -> int:
        _load()
        return len(_known)

    def rows(self) -> list[tuple[str, str, str]]:
        """Id, title and outcome of each."""
        return [(id, _known[id].title, _outcomes.get(id, "open")) for id in self]  # noqa: A001

    def reset(self) -> None:
        """Forget all tries: as if the session had just begun."""
        _tries.clear()
        _outcomes.clear()

    def __repr__(self) -> str:
        width = max(len(title) for _, title, _ in self.rows())
        return "\n".join(f"{id}  {title:<{width}}  {found}" for id, title, found in self.rows())  # noqa: A001

    def _repr_html_(self) -> str:
        grid = table("", ("exercise", "what to do", "outcome"), self.rows())
        return str(card("Exercises", "", [], grid))


def _place(id: str) -> tuple[str, int]:  # noqa: A002
    lesson, _, number = id.partition("-")
    return lesson, int(number)


exercises = Exercises()


def check(exercise: str, *answer: Any) -> Answer:
    """Look at what was done for an exercise, and say in words whether that is it.

    Nothing in the lab is changed.

    Parameters
    ----------
    exercise : str
        Its id, such as ``"03-2"``; `exercises` lists them.
    *answer
        What the exercise asks for: most often a job, a pool or a task. ``...`` and None stand for
        no answer yet.

    Raises
    ------
    InvalidRequest
        ``InvalidPropertyValue``: there is no such exercise.
    """
    found = _find(exercise)
    if not answer or any(one is None or one is ... for one in answer):
        return _told(found, "open", f"not answered yet: it asks for {_kinds(found.takes)}.")
    verdict = _wrong_kind(found, answer) or _looked_at(found, answer)
    if isinstance(verdict, str):
        return _told(found, "right", verdict)
    key = (found.id, verdict.what)
    _tries[key] = _tries.get(key, 0) + 1
    hint = verdict.hint if _tries[key] == 1 else verdict.second_hint
    return _told(found, "not yet", verdict.what, hint)


def _find(id: Any) -> Exercise:  # noqa: A002
    _load()
    if isinstance(id, str) and id in _known:
        return _known[id]
    lesson, _, number = str(id).partition("-")
    padded = f"{lesson:0>2}-{number}"
    near = [padded] if padded in _known else get_close_matches(padded, _known, n=1, cutoff=0.7)
    meant = f"did you mean {near[0]!r}? " if near else ""
    reason = f"{meant}the exercises are {', '.join(exercises)}"
    raise invalid("exercise", id, reason, owner="lessons.check")


def _told(found: Exercise, outcome: str, text: str, hint: str = "") -> Answer:
    if outcome != "open" and _outcomes.get(found.id) != "right":
        _outcomes[found.id] = outcome
    return Answer(found.id, outcome, text, hint)


def _looked_at(found: Exercise, answer: tuple[Any, ...]) -> str | Missing:
    try:
        return found.look(*answer)
    except BatchError as error:
        return Missing(
            f"the lab does not show it: {error.message}.",
            "Check while the lab is open, and before what you made is deleted.",
            "Make it again, and run the check right after.",
        )


def _wrong_kind(found: Exercise, answer: tuple[Any, ...]) -> Missing | None:
    if len(answer) == len(found.takes) and all(map(isinstance, answer, found.takes)):
        return None
    given = ", ".join(map(_name, answer))
    what = f"it asks for {_kinds(found.takes)}, and was given: {given}."
    first = found.takes[0].__name__
    if sorted(map(_name, answer)) == sorted(one.__name__ for one in found.takes):
        return Missing(what, "It is only their order.", "Change places in the parentheses.")
    if any(isinstance(one, (list, tuple)) for one in answer):
        return Missing(
            what,
            "A list has several; the check looks at one.",
            "create_tasks gives back a list of tasks: the first of it is [0].",
        )
    kept = "What a verb such as create_job gives back has to be kept: job = lab.create_job(...)."
    return Missing(
        what,
        _MADE.get(first, kept),
        f"type(...) tells what you have; the first in the parentheses must be {_a(first)}.",
    )


def _name(one: object) -> str:
    return type(one).__name__


def _kinds(takes: tuple[type, ...]) -> str:
    names = [one.__name__ for one in takes]
    if len(names) > 1 and len(set(names)) == 1:
        return f"{len(names)} {names[0]}s"
    return ", and ".join(map(_a, names))


def _a(name: str) -> str:
    return f"{'an' if name[0] in 'AEIOU' else 'a'} {name}"
