"""What a teacher needs for a lesson: how long it takes, notes, answers, and slides.

The notes are in the folder `teaching` beside the lessons. Everything else is taken from the
lessons themselves, so it cannot differ from them: times, predictions with their answers, and the
exercises with their solutions.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from batchlab.errors import NotFound
from batchlab.lessons.copies import QUESTION
from batchlab.lessons.exercises import exercises
from batchlab.lessons.solving import solutions

__all__ = ["LessonTime", "cells_of", "lesson_time", "predictions", "teaching_guide"]

_TIME = re.compile(
    r"^- (\d+) minutes to read and run, and (\d+) for the exercises(?:; (\d+) more)?", re.MULTILINE
)

Cell = dict[str, Any]


class LessonTime(NamedTuple):
    """How long a lesson takes, in minutes; what is optional comes on top."""

    reading: int
    exercises: int
    optional: int = 0

    @property
    def total(self) -> int:
        """Without what is optional."""
        return self.reading + self.exercises

    def __str__(self) -> str:
        more = f", and {self.optional} more for what is optional" if self.optional else ""
        return f"{self.reading} minutes to read and run, {self.exercises} for the exercises{more}"


def cells_of(lesson: Path) -> list[Cell]:
    """The cells of a notebook, each with its source as one text."""
    cells = json.loads(lesson.read_bytes())["cells"]
    return [{**cell, "source": "".join(cell["source"])} for cell in cells]


def lesson_time(lesson: Path) -> LessonTime:
    """How long a lesson takes, as it says in its first cell.

    Raises
    ------
    NotFound
        ``FileNotFound``: it does not say so.
    """
    found = _TIME.search(cells_of(lesson)[0]["source"])
    if found is None:
        raise NotFound("FileNotFound", f"{lesson.name} does not say how long it takes")
    return LessonTime(*(int(one or 0) for one in found.groups()))


def predictions(cells: list[Cell]) -> Iterator[tuple[str, str]]:
    """The questions of a lesson, each with the paragraph that answers it."""
    asked = ""
    for cell in cells:
        if cell["cell_type"] != "markdown":
            continue
        blocks = cell["source"].split("\n\n")
        if asked:
            yield asked, blocks[0]
            asked = ""
        for block in blocks:
            if QUESTION in block:
                asked = block.replace(QUESTION, "").strip()


def teaching_guide(lesson: Path) -> str:
    """All that a teacher needs for a lesson, as Markdown.

    Parameters
    ----------
    lesson : Path
        Its notebook.

    Raises
    ------
    NotFound
        ``FileNotFound``: there are no notes for this lesson.
    """
    number, path = lesson.name[:2], lesson.parent / "teaching" / f"{lesson.name[:2]}.md"
    try:
        title, _, notes = path.read_text(encoding="utf-8").partition("\n")
    except OSError as error:
        reason = f"there are no notes for lesson {number}: {error.strerror or error}"
        raise NotFound("FileNotFound", reason) from None
    parts = [title, f"{lesson_time(lesson)}.", notes.strip(), "## Predictions and their answers"]
    parts += [f"- {question}\n\n  {answer}" for question, answer in predictions(cells_of(lesson))]
    parts.append("## Exercises and their solutions")
    titles = exercises.titles()
    for id, one in solutions(number).items():  # noqa: A001
        parts.append(f"### {id} {titles.get(id, '')}\n\n{one.reason}")
        parts.append(f"```python\n{one.code.strip()}\n```")
    return "\n\n".join(parts) + "\n"
