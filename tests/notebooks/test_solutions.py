"""Every exercise can be done: each lesson runs with its solutions, and all checks say right."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

from batchlab.lessons import exercises
from batchlab.lessons.solving import solutions

ROOT = Path(__file__).parents[2]
LESSONS = {path.stem[:2]: path for path in sorted((ROOT / "notebooks").glob("*.ipynb"))}
CHECK = re.compile(r'^lessons\.check\("(\d\d-\d+)", .+\)$', re.MULTILINE)
PATIENT = "from batchlab.lessons import looking; looking.MOMENT_S = 60"
"""Checks wait as long as it takes on a machine with much else to do."""

each_lesson = pytest.mark.parametrize("number", LESSONS)


def checks(number: str) -> dict[str, Any]:
    """The cells with a check, by exercise."""
    notebook = nbformat.read(LESSONS[number], as_version=4)
    return {
        match[1]: cell
        for cell in notebook.cells
        if cell.cell_type == "code" and (match := CHECK.search(cell.source))
    }


def solved(cell: Any, solution: str) -> str:
    """The cell with the dots replaced by what the solution does, twice."""
    before, dots, _ = re.split(r"(?m)^([\w, ]+ = \.\.\..*)$", cell.source)
    check = CHECK.search(cell.source)
    assert dots
    assert check
    return f"{before}{solution}\n{solution}\n{check[0]}"


def said(cell: Any) -> str:
    return "".join(
        output.data.get("text/plain", "")
        for output in cell.outputs
        if output.output_type == "execute_result"
    )


@each_lesson
def test_lesson_as_shipped_says_that_its_exercises_are_open(number: str) -> None:
    cells = checks(number)
    assert len(cells) >= 2
    assert list(cells) == [name for name in exercises if name.startswith(number)]
    for name, cell in cells.items():
        assert said(cell).startswith(f"{name} open: "), name


@pytest.mark.parametrize(
    "number",
    [
        pytest.param(number, marks=() if number == "01" else pytest.mark.ci("notebooks"))
        for number in LESSONS
    ],
)
@pytest.mark.timeout(300)
def test_lesson_with_solutions_is_all_right(number: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BATCHLAB_STATIC", "1")
    known = solutions(number)
    notebook = nbformat.read(LESSONS[number], as_version=4)
    answered = {}
    for cell in notebook.cells:
        match = CHECK.search(cell.source) if cell.cell_type == "code" else None
        if match:
            cell.source = solved(cell, known[match[1]].code)
            answered[match[1]] = cell
    assert list(answered) == list(known)
    notebook.cells.insert(0, nbformat.v4.new_code_cell(PATIENT))
    NotebookClient(
        notebook, timeout=250, startup_timeout=200, resources={"metadata": {"path": str(ROOT)}}
    ).execute()
    for name, cell in answered.items():
        assert said(cell).startswith(f"{name} right: "), said(cell)


def test_every_exercise_belongs_to_a_lesson() -> None:
    assert {name[:2] for name in exercises} <= LESSONS.keys()
    assert len(exercises) == sum(len(checks(number)) for number in LESSONS)
