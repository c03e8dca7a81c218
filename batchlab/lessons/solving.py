"""Solutions: ``lessons.solution("03-2")``, for those who have tried twice.

They are in the files ``solutions/03.md`` and so on: for each exercise a heading, why it is done
so, and the code. The code may be run again and again: what it creates has a new id each time
(`fresh`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from batchlab.colours import GREEN
from batchlab.errors import Conflict, invalid
from batchlab.html import card, tag
from batchlab.lessons.exercises import ENOUGH_TRIES, find_exercise, outcome, tries
from batchlab.lessons.progress import remember

__all__ = ["Solution", "fresh", "solution", "solutions"]

FOLDER = Path(__file__).parent / "solutions"
_SOLUTION = re.compile(
    r"^## (?P<id>\d\d-\d+)\n(?P<reason>.*?)^```python\n(?P<code>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
_used: dict[str, int] = {}


@dataclass(frozen=True)
class Solution:
    """A solution of an exercise; others are as good.

    Attributes
    ----------
    exercise : str
        The id of the exercise.
    reason : str
        Why it is done so.
    code : str
        The code, which may be run more than once.
    """

    exercise: str
    reason: str
    code: str

    def __repr__(self) -> str:
        return f"# {self.exercise}: {self.reason}\n{self.code}"

    def _repr_html_(self) -> str:
        code = tag("pre", self.code, style="overflow-x:auto")
        title = f"{self.exercise} solution"
        return str(card(title, "", [], tag("p", self.reason), code, colour=GREEN))


def solutions(lesson: str) -> dict[str, Solution]:
    """All solutions of a lesson, such as ``"03"``, by exercise."""
    text = (FOLDER / f"{lesson}.md").read_text(encoding="utf-8")
    found = (Solution(m["id"], m["reason"].strip(), m["code"]) for m in _SOLUTION.finditer(text))
    return {one.exercise: one for one in found}


def solution(exercise: str) -> Solution:
    """Show a solution of an exercise, after two tries.

    Copy its code above the check of the exercise. It can be run more than once.

    Parameters
    ----------
    exercise : str
        The id of the exercise, such as ``"03-2"``.

    Raises
    ------
    InvalidRequest
        ``InvalidPropertyValue``: there is no such exercise.
    Conflict
        ``OperationInvalidForCurrentState``: it has not been tried twice yet.
    """
    found = find_exercise(exercise, owner="lessons.solution")
    count = tries(found)
    if count < ENOUGH_TRIES and outcome(found) != "right":
        raise Conflict(
            "OperationInvalidForCurrentState",
            f"exercise {found} was tried {('not yet', 'once')[count]}: its solution is shown "
            f"after {ENOUGH_TRIES} tries; lessons.check({found!r}, ...) gives a hint for each",
        )
    remember(found, "solution")
    return solutions(found[:2])[found]


def fresh(name: str) -> str:
    """Return an id that was not used before: ``"where"``, then ``"where-2"``, ``"where-3"`` ...

    An id can be used only once, so trying again with the same one ends in ``JobExists``,
    ``TaskExists`` or ``PoolExists``.

    Parameters
    ----------
    name : str
        What the id begins with.

    Raises
    ------
    InvalidRequest
        ``InvalidPropertyValue``: not a name.

    Examples
    --------
    >>> lab.create_job(fresh("whole-story"), pool)  # doctest: +SKIP
    """
    given: Any = name
    if not isinstance(given, str) or not given:
        raise invalid("name", given, "must be the beginning of an id", owner="lessons.fresh")
    key = given.lower()
    _used[key] = _used.get(key, 0) + 1
    return given if _used[key] == 1 else f"{given}-{_used[key]}"
