"""Progress that lasts: which exercises were tried and solved, in a file beside the notebooks.

Each check adds a line of JSON, so kernels that run at the same time do not overwrite each other, a
line that was cut off by a full disk spoils only itself, and lines of a later version stay. The
file says what was tried, when, and with which result; it has no answers and no names. Where it
cannot be written, checks work as well, and remember as long as their kernel runs.

The file is in the folder of the notebook, if that has lessons. The variable ``BATCHLAB_PROGRESS``
names another file; if it is empty, nothing is kept.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from batchlab.words import natural

__all__ = [
    "NAME",
    "VARIABLE",
    "ExerciseProgress",
    "forget",
    "progress_file",
    "read_progress",
    "remember",
]

NAME = ".batchlab-progress.jsonl"
VARIABLE = "BATCHLAB_PROGRESS"
VERSION = 1
LESSON = "[0-9][0-9]-*.ipynb"
MOST_BYTES = 2**24
"""How much of a file is read: a hundred thousand checks."""

Event = Literal["not yet", "right", "solution", "reset"]

_EXERCISE = re.compile(r"[0-9]{2}-[0-9]+")


@dataclass
class ExerciseProgress:
    """What a learner did in one exercise.

    Attributes
    ----------
    exercise : str
        The id of the exercise.
    tries : int
        How many answers were checked until the first right one, with that.
    hints : int
        How many of them were answered with a hint.
    solution_seen : bool
        Whether its solution was shown before it was solved.
    first, last : datetime
        When it was tried for the first and for the last time.
    solved : datetime or None
        When an answer was right for the first time.
    """

    exercise: str
    first: datetime
    last: datetime
    tries: int = 0
    hints: int = 0
    solution_seen: bool = False
    solved: datetime | None = None


def progress_file() -> Path | None:
    """The file of this process; None if nothing is kept."""
    named = os.environ.get(VARIABLE)
    if named is not None:
        return Path(named) if named else None
    try:
        here = Path.cwd()
        return here / NAME if next(here.glob(LESSON), None) else None
    except OSError:  # the folder was deleted
        return None


def remember(exercise: str, event: Event) -> None:
    """Add to the file what happened in an exercise; ``03`` stands for all of a lesson."""
    path = progress_file()
    if path is not None:
        with contextlib.suppress(OSError):  # a full or read-only disk is no reason to stop
            _append(path, exercise, event)


def forget(path: Path, lesson: str) -> None:
    """Forget the progress in a lesson.

    Raises
    ------
    OSError
        The file cannot be written to.
    """
    if path.exists():
        _append(path, lesson, "reset")


def _append(path: Path, exercise: str, event: Event) -> None:
    now = datetime.now(UTC).isoformat(timespec="seconds")
    line = {"version": VERSION, "time": now, "exercise": exercise, "event": event}
    if path.exists() and not path.is_file():
        raise OSError(f"{path} is not a file")
    with path.open("ab+", buffering=0) as file:
        if file.seek(0, os.SEEK_END):
            file.seek(-1, os.SEEK_END)
        cut_off = file.read(1) not in {b"", b"\n"}
        file.write(b"\n" * cut_off + json.dumps(line).encode() + b"\n")


def read_progress(path: Path | None) -> dict[str, ExerciseProgress]:
    """The progress in a file, by exercise; what cannot be read there is left out."""
    found: dict[str, ExerciseProgress] = {}
    for line in _lines(path):
        exercise, event = line.get("exercise"), line.get("event")
        if not isinstance(exercise, str):
            continue
        if event == "reset":
            for id in [id for id in found if id.startswith(f"{exercise}-")]:  # noqa: A001
                del found[id]
            continue
        when = _time(line.get("time"))
        known = event in ("not yet", "right", "solution")
        if known and when is not None and _EXERCISE.fullmatch(exercise):
            _add(found.setdefault(exercise, ExerciseProgress(exercise, when, when)), event, when)
    return {id: found[id] for id in sorted(found, key=natural)}  # noqa: A001


def _add(one: ExerciseProgress, event: object, when: datetime) -> None:
    if event == "solution":
        one.solution_seen |= one.solved is None
        return
    one.last = max(one.last, when)
    if one.solved is None:
        one.tries += 1
        one.hints += event == "not yet"
        one.solved = when if event == "right" else None


def _lines(path: Path | None) -> Iterator[dict[str, Any]]:
    if path is None or not path.is_file():
        return
    with contextlib.suppress(OSError), path.open("rb") as file:
        for text in file.read(MOST_BYTES).splitlines():
            with contextlib.suppress(ValueError, RecursionError):
                line = json.loads(text)
                if isinstance(line, dict):
                    yield line


def _time(text: object) -> datetime | None:
    try:
        when = datetime.fromisoformat(text)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return None
    return when if when.tzinfo else when.replace(tzinfo=UTC)
