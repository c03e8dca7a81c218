"""The lessons: where they lie, what they are called, and a copy of them to work in.

In a checkout the lessons are in its folder `notebooks`. A wheel carries them inside the package,
where nobody should write, so they are copied into a folder of the learner's choice. The copy
remembers what it was given: a file that is still as it came follows the installed version, one
that the learner has changed, or only run, is never touched, and one that was deleted comes back.
The copies have no outputs, and their answers are folded (`batchlab.lessons.copies`).
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import batchlab
from batchlab.errors import NotFound, invalid
from batchlab.lessons.copies import for_learners
from batchlab.lessons.progress import NAME as PROGRESS
from batchlab.lessons.progress import forget

__all__ = ["Copied", "copy_lessons", "find_lesson", "lesson_files", "lessons_folder", "restore",
           "titles"]  # fmt: skip

REMEMBERED = ".batchlab-lessons.json"
"""In a copy: the digest of each lesson as it was copied."""


@dataclass
class Copied:
    """What copying the lessons did, by names of files.

    Attributes
    ----------
    written : list of str
        New ones, and those that had not been changed since they were copied.
    kept : list of str
        Those that were changed, while the installed lesson is another one by now.
    """

    written: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)


def lessons_folder() -> tuple[Path, bool]:
    """Where the lessons are, and whether that is a checkout, in which one may work.

    Raises
    ------
    NotFound
        ``FileNotFound``: this installation has none.
    """
    package = Path(batchlab.__file__).parent
    for folder, own in (
        (package.parent / "notebooks", True),
        (package / "lessons" / "shipped", False),
    ):
        if lesson_files(folder):
            return folder, own and os.access(folder, os.W_OK)
    raise NotFound(
        "FileNotFound",
        f"the lessons are not installed: {folder} is missing; reinstall batchlab",
    )


def lesson_files(folder: Path) -> list[Path]:
    """The lessons in a folder, the first one first; other notebooks that lie there are none."""
    return sorted(folder.glob("[0-9][0-9]-*.ipynb"))


def titles(folder: Path) -> Iterator[tuple[str, str]]:
    """The name and the title of each lesson in a folder."""
    for path in lesson_files(folder):
        yield path.name, _title(path)


def _title(path: Path) -> str:
    try:
        cells = json.loads(path.read_bytes())["cells"]
        text = "".join(cells[0]["source"])
    except (OSError, ValueError, LookupError, TypeError):
        return "(cannot be read)"
    return text.partition("\n")[0].lstrip("# ").strip()


def copy_lessons(source: Path, folder: Path) -> Copied:
    """Copy the lessons into a folder, which is made; nothing that was changed is overwritten.

    Raises
    ------
    InvalidRequest
        ``InvalidPropertyValue``: the folder cannot be written to.
    """
    done = Copied()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        known = _remembered(folder)
        for lesson in lesson_files(source):
            new, target = for_learners(lesson.read_bytes()), folder / lesson.name
            old = target.read_bytes() if target.exists() else None
            if old is None or (old != new and known.get(lesson.name) == _digest(old)):
                target.write_bytes(new)
                done.written.append(lesson.name)
            elif old != new:
                if known.get(lesson.name) != _digest(new):
                    done.kept.append(lesson.name)
                continue
            known[lesson.name] = _digest(new)
        (folder / REMEMBERED).write_text(json.dumps(known, indent=1) + "\n")
    except OSError as error:
        reason = f"the lessons cannot be copied there: {error.strerror or error}"
        raise invalid("folder", str(folder), reason, owner="batchlab lab") from None
    return done


def find_lesson(folder: Path, lesson: str) -> Path:
    """The notebook of a lesson, such as ``"03"``.

    Raises
    ------
    InvalidRequest
        ``InvalidPropertyValue``: there is no such lesson.
    """
    known = {path.name[:2]: path for path in lesson_files(folder)}
    found = known.get(lesson.zfill(2))
    if found is None:
        reason = f"unknown lesson; the lessons are {', '.join(known)}"
        raise invalid("lesson", lesson, reason, owner="batchlab lab")
    return found


def restore(source: Path, folder: Path, lesson: str) -> tuple[Path, Path | None]:
    """Put a lesson back as it was delivered, and forget the progress in it.

    Parameters
    ----------
    source : Path
        The lessons as they are installed.
    folder : Path
        The copy of the learner.
    lesson : str
        Its number, such as ``"03"``.

    Returns
    -------
    tuple of Path and (Path or None)
        The notebook, and where the learner's version of it is now; None if there was no other.

    Raises
    ------
    InvalidRequest
        ``InvalidPropertyValue``: there is no such lesson, or the folder cannot be written to.
    """
    delivered = find_lesson(source, lesson)
    target, kept = folder / delivered.name, None
    new = for_learners(delivered.read_bytes())
    try:
        folder.mkdir(parents=True, exist_ok=True)
        beside = target.with_suffix(".new")
        beside.write_bytes(new)  # before the learner's version is moved: the disk may be full
        if target.exists() and target.read_bytes() != new:
            kept = _unused(folder, target)
            target.rename(kept)
        beside.replace(target)
        known = {**_remembered(folder), target.name: _digest(new)}
        (folder / REMEMBERED).write_text(json.dumps(known, indent=1) + "\n")
        forget(folder / PROGRESS, target.name[:2])
    except OSError as error:
        reason = f"the lesson cannot be restored there: {error.strerror or error}"
        raise invalid("folder", str(folder), reason, owner="batchlab lab") from None
    return target, kept


def _unused(folder: Path, lesson: Path) -> Path:
    """A name for the learner's version: not that of a lesson, with the time, and not in use."""
    stem = f"mine-{lesson.stem}-{datetime.now():%Y-%m-%d-%H%M%S}"
    names = (f"{stem}{number}.ipynb" for number in ("", *(f"-{n}" for n in range(2, 1000))))
    return next(folder / name for name in names if not (folder / name).exists())


def _remembered(folder: Path) -> dict[str, Any]:
    try:
        known = json.loads((folder / REMEMBERED).read_bytes())
    except (FileNotFoundError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
