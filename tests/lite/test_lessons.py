"""The copies of the lessons for the browser: what is changed, and that they run so."""

from __future__ import annotations

import contextlib
import io
import json
from pathlib import Path
from typing import Any

import pytest

import batchlab as bl
from batchlab.lite.lessons import adapted, runs, write_lessons

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
LESSONS = {path.name: json.loads(path.read_bytes()) for path in sorted(NOTEBOOKS.glob("*.ipynb"))}
CHANGED = [
    name
    for name, lesson in LESSONS.items()
    if runs(lesson) == "simulated"
    or any("browser" in cell["metadata"].get("batchlab", {}) for cell in lesson["cells"])
]


def notebook(*cells: dict[str, Any], browser: str | None = None) -> dict[str, Any]:
    own = {"batchlab": {"browser": browser}} if browser else {}
    return {"cells": list(cells), "metadata": own}


def text(source: str) -> dict[str, Any]:
    return {"cell_type": "markdown", "metadata": {}, "source": source}


def code(source: str, **metadata: Any) -> dict[str, Any]:
    return {
        "cell_type": "code", "metadata": metadata, "source": source, "execution_count": 7,
        "outputs": [{"output_type": "stream", "name": "stdout", "text": "spoilt"}],
    }  # fmt: skip


def sources(lesson: dict[str, Any]) -> list[str]:
    return ["".join(cell["source"]) for cell in lesson["cells"]]


def test_lesson_for_a_virtual_clock_is_only_stripped_of_its_outputs() -> None:
    lesson = notebook(text("# A"), code("lab = bl.SimulatedLab()\nlab"))
    copied = adapted(lesson, "a.ipynb")
    assert sources(copied) == sources(lesson)
    assert copied["cells"][1]["outputs"] == []
    assert copied["cells"][1]["execution_count"] is None
    assert copied["metadata"]["kernelspec"]["name"] == "python"
    assert lesson["cells"][1]["outputs"]  # the lesson itself is as it was


def test_real_lab_becomes_a_simulated_one_and_the_reader_sees_it() -> None:
    lesson = notebook(text("# A"), code("lab = bl.Lab()\nlab"), browser="simulated")
    title, note, cell = sources(adapted(lesson, "a.ipynb"))
    assert title == "# A"
    assert "`bl.SimulatedLab`" in note
    assert cell == "lab = bl.SimulatedLab()  # in the browser: a virtual clock\nlab"


def test_cell_that_needs_a_computer_is_shown_and_does_nothing() -> None:
    lesson = notebook(text("# A"), code("a = 1\n\nb", batchlab={"browser": "machine"}))
    _, note, cell = sources(adapted(lesson, "a.ipynb"))
    assert "a.ipynb" in note
    assert cell == "# This cell needs a computer:\n# a = 1\n#\n# b"


def test_lesson_that_needs_a_computer_says_so_first() -> None:
    lesson = notebook(text("# A"), code("lab = bl.Lab()"), browser="machine")
    _, note, cell = sources(adapted(lesson, "a.ipynb"))
    assert "only read" in note
    assert cell == "lab = bl.Lab()"


def test_all_lessons_are_written_and_named(tmp_path: Path) -> None:
    done = write_lessons(NOTEBOOKS, tmp_path / "site")
    assert set(done) == {path.name for path in (tmp_path / "site").iterdir()} == set(LESSONS)
    assert set(done.values()) == {"whole", "simulated", "machine"}


@pytest.mark.parametrize("name", CHANGED)
def test_lesson_runs_without_processes(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: Any, **kwargs: Any) -> None:
        raise AssertionError("a lesson for the browser starts a real lab")

    monkeypatch.setattr(bl, "Lab", refuse)
    names: dict[str, Any] = {"__name__": "__main__"}
    for number, cell in enumerate(adapted(LESSONS[name], name)["cells"]):
        if cell["cell_type"] != "code":
            continue
        fails = "raises-exception" in cell["metadata"].get("tags", ())
        allowed = contextlib.suppress(*[bl.BatchError] * fails)
        with contextlib.redirect_stdout(io.StringIO()), allowed:
            exec(compile(cell["source"], f"{name}, cell {number}", "exec"), names)
