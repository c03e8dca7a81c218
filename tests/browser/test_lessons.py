"""Lessons as a learner takes them: opened in JupyterLab, and run from top to bottom."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from helpers.jupyter_page import Notebook

pytestmark = [pytest.mark.ci("browser"), pytest.mark.timeout(400)]

LESSONS = Path(__file__).parents[2] / "notebooks"
SHOTS = os.environ.get("BATCHLAB_SHOTS")
"""A folder for pictures of the lessons, to be looked at."""


@pytest.mark.parametrize("number", ["00", "03", "08", "13"])
def test_lesson_runs_in_a_browser_with_live_displays_and_without_errors(
    notebook: Notebook, number: str
) -> None:
    lesson = next(LESSONS.glob(f"{number}-*.ipynb"))
    shutil.copy(lesson, notebook.folder)
    notebook.open_file(lesson.name)
    outputs = [one for cell in notebook.run_through() for one in cell["outputs"]]
    assert [one for one in outputs if one["output_type"] == "error"] == []
    assert [one for one in outputs if one.get("name") == "stderr"] == []
    data = [one.get("data", {}) for one in outputs]
    assert any("bl-still" in "".join(one.get("text/html", "")) for one in data)
    assert not any("application/vnd.jupyter.widget-view+json" in one for one in data)
    drawn = 0
    for piece in notebook.page_through():
        drawn += notebook.page.locator(".bl-view[data-draws]:visible").count()
        mathematics = notebook.page.locator(".jp-OutputArea mjx-container")
        assert mathematics.count() == 0, mathematics.first.inner_text()
        if SHOTS:
            notebook.page.screenshot(path=Path(SHOTS) / f"{number}-{piece:02}.png")
    assert drawn
