"""What an exercise is, how an answer is checked, and how the result is shown.

An exercise is a function. It takes what the learner made (a job, a pool, a simulation ...) and
returns a text that says what the answer shows, or `Missing`: what is not there yet, with two
hints, neither of which gives the answer away. The first try gets the first hint; if the same thing
is still missing later, the second hint follows. The exercises of lesson 03 are in `lesson_03`, and
so on: modules are found by their names.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from importlib import import_module
from pathlib import Path
from types import FunctionType
from typing import Any, NamedTuple

from batchlab.colours import GREEN, GREY, ORANGE
from batchlab.errors import BatchError, invalid
from batchlab.html import card, table, tag
from batchlab.lessons.joining import tell
from batchlab.lessons.progress import progress_file, read_progress, remember

__all__ = ["Answer", "Exercise", "Exercises", "Missing", "check", "exercise", "exercises"]

_MADE = {
    "Formula": "Make a formula from text with bl.Formula(text).",
    "Simulation": "Pass what bl.simulate(...) returns.",
    "function": "Define it with def, and pass its name, without parentheses.",
    "SimulatedLab": "Pass the lab that lessons.broken(...) or lessons.night(...) returned.",
    "dict": "Write it in braces: {'name': value}.",
}
"""How to get the answers that are not handles."""


class Missing(NamedTuple):
    """What an answer does not show yet, a hint, and another hint for the next try."""

    what: str
    hint: str
    second_hint: str


Look = Callable[..., "str | Missing"]


@dataclass(frozen=True)
class Exercise:
    """One exercise; `takes` lists the types of the objects in its answer."""

    id: str
    title: str
    takes: tuple[type, ...]
    look: Look


ENOUGH_TRIES = 2
"""How many answers must have been checked before the solution is shown."""

_known: dict[str, Exercise] = {}
_tries: dict[tuple[str, str], int] = {}
_outcomes: dict[str, str] = {}


def exercise(id: str, title: str, *takes: type) -> Callable[[Look], Look]:  # noqa: A002
    """Register a function as the check of an exercise."""

    def name(look: Look) -> Look:
        _known[id] = Exercise(id, title, takes, look)
        return look

    return name


@cache
def _load() -> None:
    for path in sorted(Path(__file__).parent.glob("lesson_*.py")):
        import_module(f"batchlab.lessons.{path.stem}")


@dataclass(frozen=True)
class Answer:
    """The result of a check.

    Attributes
    ----------
    exercise : str
        The id of the exercise.
    outcome : str
        ``right``, ``not yet``, or ``open`` while there is no answer.
    text : str
        What the answer shows, or what is missing.
    hint : str
        A hint; empty when the answer is right.
    """

    exercise: str
    outcome: str
    text: str
    hint: str = ""

    @property
    def is_right(self) -> bool:
        """Whether the exercise is solved."""
        return self.outcome == "right"

    def __repr__(self) -> str:
        hint = f"\nHint: {self.hint}" if self.hint else ""
        return f"{self.exercise} {self.outcome}: {self.text}{hint}"

    def _repr_html_(self) -> str:
        hint = [tag("p", tag("strong", "Hint: "), self.hint)] if self.hint else []
        colour = {"right": GREEN, "not yet": ORANGE}.get(self.outcome, GREY)
        title, text = f"{self.exercise} {self.outcome}", self.text[:1].upper() + self.text[1:]
        if self.outcome == "not yet" and tries(self.exercise) >= ENOUGH_TRIES:
            shows = f'lessons.solution("{self.exercise}")'
            hint.append(tag("p", tag("strong", "Solution: "), tag("code", shows)))
        return str(card(title, "", [], tag("p", text), *hint, colour=colour))


class Exercises:
    """All exercises, with the results of their checks (see `batchlab.lessons.progress`)."""

    def __iter__(self) -> Iterator[str]:
        _load()
        return iter(sorted(_known, key=_place))

    def __len__(self) -> int:
        _load()
        return len(_known)

    def titles(self) -> dict[str, str]:
        """The title of each exercise, by its id."""
        return {id: _known[id].title for id in self}  # noqa: A001

    def rows(self) -> list[tuple[str, str, str]]:
        """The id, title and outcome of each exercise."""
        before = _remembered()
        return [(id, _known[id].title, _best(before.get(id), _outcomes.get(id))) for id in self]  # noqa: A001

    def reset(self) -> None:
        """Forget all tries and results of this session."""
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
    """Check the answer to an exercise, and say in words whether it is right.

    A check changes nothing in the lab.

    Parameters
    ----------
    exercise : str
        The id of the exercise, such as ``"03-2"``; `exercises` lists them all.
    *answer
        What the exercise asks for: usually a job, a pool or a task. ``...`` and None mean that
        there is no answer yet.

    Raises
    ------
    InvalidRequest
        ``InvalidPropertyValue``: there is no such exercise.
    """
    found = _find(exercise)
    if not answer or any(one is None or one is ... for one in answer):
        return _record(found, "open", f"not answered yet: replace ... with {_kinds(found.takes)}.")
    verdict = _wrong_kind(found, answer) or _looked_at(found, answer)
    if isinstance(verdict, str):
        return _record(found, "right", verdict)
    key = (found.id, verdict.what)
    _tries[key] = _tries.get(key, 0) + 1
    hint = verdict.hint if _tries[key] == 1 else verdict.second_hint
    return _record(found, "not yet", verdict.what, hint)


def tries(id: str) -> int:  # noqa: A002
    """How many answers to an exercise were checked and not right, in this session or before."""
    before = read_progress(progress_file()).get(id)
    now = sum(count for (name, _), count in _tries.items() if name == id)
    return max(now, before.hints if before else 0)


def outcome(id: str) -> str:  # noqa: A002
    """The best result of an exercise, in this session or before."""
    return _best(_remembered().get(id), _outcomes.get(id))


def _best(*results: str | None) -> str:
    return next((one for one in ("right", "not yet") if one in results), "open")


def _remembered() -> dict[str, str]:
    found = read_progress(progress_file()).values()
    return {one.exercise: "right" if one.solved else "not yet" for one in found if one.tries}


def find_exercise(id: Any, owner: str) -> str:  # noqa: A002
    """Return the id of an exercise, or refuse it with the one that was probably meant."""
    return _find(id, owner).id


def _find(id: Any, owner: str = "lessons.check") -> Exercise:  # noqa: A002
    _load()
    if isinstance(id, str) and id in _known:
        return _known[id]
    lesson, _, number = str(id).partition("-")
    padded = f"{lesson:0>2}-{number}"
    near = [padded] if padded in _known else get_close_matches(padded, _known, n=1, cutoff=0.7)
    meant = f"did you mean {near[0]!r}? " if near else ""
    reason = f"{meant}the exercises are {', '.join(exercises)}"
    raise invalid("exercise", id, reason, owner=owner)


def _record(found: Exercise, outcome: str, text: str, hint: str = "") -> Answer:
    if outcome != "open":
        remember(found.id, "right" if outcome == "right" else "not yet")
        if _outcomes.get(found.id) != "right":
            _outcomes[found.id] = outcome
        right = outcome == "right"
        tell(found.id, right=right, tries=tries(found.id) + right, solved=_solved)
    return Answer(found.id, outcome, text, hint)


def _solved() -> list[str]:
    return [id for id, _, outcome in exercises.rows() if outcome == "right"]  # noqa: A001


def _looked_at(found: Exercise, answer: tuple[Any, ...]) -> str | Missing:
    try:
        return found.look(*answer)
    except BatchError as error:
        return Missing(
            f"the check cannot read this from the lab: {error.message}.",
            "Run the check while the lab is open, and before you delete what you made.",
            "Create it again, and run the check right away.",
        )


def _wrong_kind(found: Exercise, answer: tuple[Any, ...]) -> Missing | None:
    if len(answer) == len(found.takes) and all(map(_is_a, answer, found.takes)):
        return None
    given = ", ".join(map(_name, answer))
    what = f"the check takes {_kinds(found.takes)}, but was given: {given}."
    first = found.takes[0].__name__
    if sorted(map(_name, answer)) == sorted(one.__name__ for one in found.takes):
        return Missing(
            what,
            "Right arguments, wrong order: swap them.",
            f"The first argument after the id must be {_a(first)}.",
        )
    if any(isinstance(one, (list, tuple)) for one in answer):
        return Missing(
            what,
            "You passed a list, but the check looks at a single object.",
            "create_tasks returns a list of tasks; its first task is [0].",
        )
    kept = "Keep what a method such as create_job returns: job = lab.create_job(...)."
    return Missing(
        what,
        _MADE.get(first, kept),
        f"type(...) shows what you have; the first argument after the id must be {_a(first)}.",
    )


def _is_a(one: object, kind: type) -> bool:
    # A partial, a method or an object with __call__ is as good as a function.
    return callable(one) if kind is FunctionType else isinstance(one, kind)


def _name(one: object) -> str:
    return type(one).__name__


def _kinds(takes: tuple[type, ...]) -> str:
    names = [one.__name__ for one in takes]
    if len(names) > 1 and len(set(names)) == 1:
        return f"{len(names)} {names[0]}s"
    return " and ".join(map(_a, names))


def _a(name: str) -> str:
    return f"{'an' if name[0] in 'AEIOU' else 'a'} {name}"
