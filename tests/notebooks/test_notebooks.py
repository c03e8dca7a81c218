"""Every lesson runs from top to bottom and shows exactly the text that is stored in it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import nbformat
import pytest

from batchlab.lessons.teaching import lesson_time

ROOT = Path(__file__).parents[2]
LESSONS = sorted((ROOT / "notebooks").glob("*.ipynb"))
PYTEST = """
import sys

sys.modules["rfc3987_syntax"] = None  # nbformat would load it: a grammar, for three seconds
import pytest

sys.exit(pytest.console_main())
"""
HEADINGS = [
    "## What you'll do",
    "## What you'll learn",
    "## What you'll need",
    "## Your turn",
    "## In practice",
    "## Further reading",
]

lessons = pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.stem)


def read(lesson: Path) -> Any:
    return nbformat.read(lesson, as_version=4)


@pytest.mark.parametrize(
    "lesson",
    [
        pytest.param(lesson, id=lesson.stem, marks=pytest.mark.ci("notebooks") if later else ())
        for later, lesson in enumerate(LESSONS)
    ],
)
@pytest.mark.timeout(300)
def test_lesson_shows_what_is_stored_in_it(lesson: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PYTEST, "-q", "-p", "no:cacheprovider",
         "-W", "default", "--nbval", "--nbval-current-env", "--nbval-cell-timeout", "100",
         "--nbval-kernel-startup-timeout", "100",
         "--nbval-sanitize-with", "notebooks/sanitize.cfg", str(lesson)],
        cwd=ROOT, capture_output=True, text=True, timeout=280, check=False,
        env={**os.environ, "BATCHLAB_STATIC": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
    assert " passed" in done.stdout


@lessons
def test_lesson_has_the_parts_of_a_lesson_in_their_order(lesson: Path) -> None:
    notebook = read(lesson)
    lines = [
        line
        for cell in notebook.cells
        if cell.cell_type == "markdown"
        for line in cell.source.splitlines()
    ]
    assert lines[0].startswith("# ")
    assert [line for line in lines if line in HEADINGS] == HEADINGS


@lessons
def test_lesson_is_stored_as_it_was_run_and_without_errors(lesson: Path) -> None:
    notebook = read(lesson)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    for cell in cells:
        assert not any(output.output_type == "error" for output in cell.outputs)
        assert "execution" not in cell.metadata
    assert "widgets" not in notebook.metadata
    assert not re.search(r"file:///|/tmp/|/home/|/root/", lesson.read_text(encoding="utf-8"))
    assert notebook.metadata.kernelspec.name == "python3"


def test_there_are_lessons() -> None:
    assert LESSONS


def test_readme_s_badge_opens_the_first_lesson() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert "labpath=notebooks%2F" + LESSONS[0].name in readme


def effort(lesson: Path, *, optional: bool) -> tuple[float, int]:
    """Minutes to read what is optional or what is not, and how many exercises it has."""
    minutes, exercises, level = 0.0, 0, 0  # the level of the optional heading above
    for cell in read(lesson).cells:
        if cell.cell_type == "code":
            if bool(level) is optional:
                minutes += len(cell.source.splitlines()) / 12  # five seconds a line
            continue
        for part in re.split(r"^(?=#+ |\*\*Exercise)", cell.source, flags=re.MULTILINE):
            head = re.match(r"(#+) .*\n+(\*Optional\.\*)?", part)
            if head and (head[2] or len(head[1]) <= level):
                level = len(head[1]) if head[2] else 0
            exercise = re.match(r"\*\*Exercise \d\d-\d+\.\*\*( \*Optional\.\*)?", part)
            left_out = bool(level) or bool(exercise and exercise[1])
            if left_out is optional:
                minutes += len(part.split()) / 150 + part.count("**Predict.**")
                exercises += exercise is not None
    return minutes, exercises


@lessons
def test_lesson_states_how_long_it_takes_to_read_and_to_solve(lesson: Path) -> None:
    stated = lesson_time(lesson)
    minutes, exercises = effort(lesson, optional=False)
    assert minutes <= stated.reading <= max(15, 1.4 * minutes)
    assert 5 * exercises <= stated.exercises <= 15 * exercises
    minutes, exercises = effort(lesson, optional=True)
    assert minutes + 5 * exercises <= stated.optional <= 1.4 * minutes + 15 * exercises + 3
    assert stated.total <= 45, "a lesson is a lesson at school; mark something as optional"


@lessons
def test_stored_picture_has_a_text_for_those_who_cannot_see_it(lesson: Path) -> None:
    for cell in read(lesson).cells:
        for output in cell.get("outputs", []):
            if "image/png" in output.get("data", {}):
                text = output.metadata["image/png"]["alt"]
                if "alt" in cell.metadata:  # figures of a report have words of their own
                    assert text == cell.metadata["alt"]
                assert len(text.split()) > 5
            for picture in re.findall(
                r"<svg[^>]*>", "".join(output.get("data", {}).get("text/html", ""))
            ):
                assert "aria-" in picture
