"""What teachers have: notes for every lesson, and plans whose times are those of the lessons."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import batchlab as bl
from batchlab.cli import app
from batchlab.lessons import exercises
from batchlab.lessons.solving import solutions
from batchlab.lessons.teaching import cells_of, lesson_time, predictions, teaching_guide
from batchlab.lite.lessons import runs

FOLDER = Path(__file__).parents[2] / "notebooks"
LESSONS = {path.name[:2]: path for path in sorted(FOLDER.glob("[0-9][0-9]-*.ipynb"))}
PAGE = (FOLDER / "teaching/README.md").read_text(encoding="utf-8")
HEADINGS = ["Begin with", "Ask", "Where learners get stuck", "What learners believe",
            "When time is short"]  # fmt: skip
ROW = re.compile(r"^\| (\d+):(\d\d) \|(?: (\d+))? \| (.+) \|$", re.MULTILINE)

lessons = pytest.mark.parametrize("number", LESSONS)


@lessons
def test_lesson_has_notes_that_name_its_own_exercises(number: str) -> None:
    text = (FOLDER / f"teaching/{number}.md").read_text(encoding="utf-8")
    title = cells_of(LESSONS[number])[0]["source"].partition("\n")[0].lstrip("# ")
    assert text.startswith(f"# {number} {title}\n")
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == HEADINGS
    for part in re.split(r"^## .+$", text, flags=re.MULTILINE)[1:]:
        assert len(part.split()) >= 4
    named = set(re.findall(r"\b(\d\d-\d+)\b", text))
    assert named <= set(exercises)
    assert any(one.startswith(f"{number}-") for one in named)


@lessons
def test_guide_has_times_answers_and_solutions(number: str) -> None:
    guide = teaching_guide(LESSONS[number])
    assert f"\n{lesson_time(LESSONS[number])}.\n" in guide
    assert all(f"### {id} " in guide for id in solutions(number))  # noqa: A001
    asked = list(predictions(cells_of(LESSONS[number])))
    assert all(question and answer for question, answer in asked)
    text = "".join(cell["source"] for cell in cells_of(LESSONS[number]))
    assert len(asked) == text.count("**Predict.**")


def test_lesson_without_notes_says_so(tmp_path: Path) -> None:
    (tmp_path / "77-new.ipynb").write_text("{}")
    with pytest.raises(bl.NotFound, match="there are no notes for lesson 77"):
        teaching_guide(tmp_path / "77-new.ipynb")


def plans() -> dict[str, str]:
    parts = re.split(r"^(?:## (.+)|The (first|second) day:)$", PAGE, flags=re.MULTILINE)
    named = zip(parts[1::3], parts[2::3], parts[3::3], strict=True)
    return {str(head or day): text for head, day, text in named if "| start |" in text}


def test_there_are_plans_for_half_a_day_to_three_days() -> None:
    assert len(plans()) == 5


@pytest.mark.parametrize("plan", plans())
def test_times_of_a_plan_add_up(plan: str) -> None:
    rows = ROW.findall(plans()[plan])
    time = 60 * int(rows[0][0]) + int(rows[0][1])
    since_break = 0
    for hour, minute, minutes, what in rows:
        assert (int(hour), int(minute)) == divmod(time, 60)
        time += int(minutes or 0)
        found = re.match(r"\[(\d\d) (.+)\]\(\.\./(.+)\)$", what)
        if found:
            path = LESSONS[found[1]]
            assert path.name == found[3]
            title = cells_of(path)[0]["source"].partition("\n")[0].lstrip("# ")
            assert title == found[2]
            assert int(minutes) == lesson_time(path).total
        since_break = 0 if what in ("break", "lunch") else since_break + int(minutes or 0)
        assert since_break <= 120
    assert rows[-1][3] == "end"


def test_page_says_what_does_not_run_in_a_browser() -> None:
    only_read, partly = [], []
    for number, path in LESSONS.items():
        if runs(json.loads(path.read_bytes())) == "machine":
            only_read.append(number)
        elif any("browser" in cell["metadata"].get("batchlab", {}) for cell in cells_of(path)):
            partly.append(number)
    some = r"lessons ([\d, and]+)"
    found = re.search(rf"{some} can only be read, and some cells of {some} do not run", PAGE)
    assert found
    assert [re.findall(r"\d\d", one) for one in found.groups()] == [only_read, partly]


def run(*arguments: str) -> Any:
    return CliRunner().invoke(app, ["lab", *arguments])


def test_notes_are_printed() -> None:
    result = run("--notes", "3")
    assert result.exit_code == 0, result.output
    assert result.stdout == teaching_guide(LESSONS["03"])
    assert "unknown lesson" in run("--notes", "77").stderr


def test_time_of_a_lesson_that_states_none_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "77-new.ipynb"
    path.write_text('{"cells": [{"source": ["# New"], "cell_type": "markdown"}]}')
    with pytest.raises(bl.NotFound, match="does not say how long"):
        lesson_time(path)
