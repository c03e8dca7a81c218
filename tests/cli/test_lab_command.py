"""`batchlab lab`: which folder JupyterLab is started on, and what is said when it cannot be."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import batchlab
from batchlab.cli import app

CHECKOUT = Path(batchlab.__file__).parent.parent


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    commands: list[list[str]] = []

    class Popen:
        def __init__(self, command: list[str]) -> None:
            commands.append(command)

        def __enter__(self) -> Popen:
            return self

        def __exit__(self, *error: object) -> None:
            pass

        def wait(self) -> int:
            return 0

    monkeypatch.setattr(subprocess, "Popen", Popen)
    return commands


def run(*arguments: str) -> Any:
    return CliRunner().invoke(app, ["lab", *arguments])


def test_lab_of_a_checkout_opens_its_first_lesson(started: list[list[str]]) -> None:
    result = run("--port", "9000", "--no-browser")
    assert result.exit_code == 0, result.output
    first = min((CHECKOUT / "notebooks").glob("*.ipynb"))
    expected = [sys.executable, "-m", "jupyterlab", "--port", "9000", "--no-browser", str(first)]
    assert started == [expected]


def test_lab_lists_the_lessons(started: list[list[str]]) -> None:
    result = run("--list")
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert lines[0] == "00  Start here: the whole story in five steps"
    assert "13  From lab to Azure" in lines
    assert len(lines) == len(list((CHECKOUT / "notebooks").glob("*.ipynb")))
    assert started == []


def test_lab_of_a_checkout_works_in_a_copy_when_asked_to(
    started: list[list[str]], tmp_path: Path
) -> None:
    folder = tmp_path / "deep" / "mine"
    result = run("--folder", str(folder), "--no-browser")
    assert result.exit_code == 0, result.output
    assert f"Lessons: {folder}" in result.stdout
    lessons = sorted((CHECKOUT / "notebooks").glob("*.ipynb"))
    assert sorted(path.name for path in folder.glob("*.ipynb")) == [one.name for one in lessons]
    assert started[0][-2:] == ["--no-browser", str(folder / lessons[0].name)]
    copied = json.loads((folder / lessons[3].name).read_bytes())["cells"]
    assert not any(cell.get("outputs") for cell in copied)
    kept = [cell for cell in copied if "predict" not in cell["metadata"].get("tags", [])]
    assert len(kept) < len(copied)
    stored = json.loads(lessons[3].read_bytes())["cells"]
    code = [cell["source"] for cell in stored if cell["cell_type"] == "code"]
    assert [cell["source"] for cell in kept if cell["cell_type"] == "code"] == code


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A batchlab that is installed without its checkout; the lessons lie in the package."""
    lessons = tmp_path / "site/batchlab/lessons/shipped"
    lessons.mkdir(parents=True)
    (lessons / "01-first.ipynb").write_text("{}")
    (lessons / "02-second.ipynb").write_text('{"cells": [{"source": ["# Second\\n", "more"]}]}')
    (lessons / "conftest.py").write_text("")
    monkeypatch.setattr(batchlab, "__file__", str(tmp_path / "site/batchlab/__init__.py"))
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return lessons


def test_lab_of_an_installation_opens_a_copy_of_the_lessons(
    installed: Path, started: list[list[str]]
) -> None:
    assert run().exit_code == 0
    copy = Path.cwd() / "batchlab-notebooks" / "01-first.ipynb"
    assert started[0][-1] == str(copy)
    names = {path.name for path in copy.parent.iterdir()}
    assert names == {".batchlab-lessons.json", "01-first.ipynb", "02-second.ipynb"}
    assert run("--list").stdout.splitlines() == ["01  (cannot be read)", "02  Second"]


def test_notebooks_that_are_no_lessons_are_neither_opened_nor_listed(
    installed: Path, started: list[list[str]]
) -> None:
    for name in ("!scratch.ipynb", "00 notes.ipynb", "Untitled.ipynb"):
        (installed / name).write_text("{}")
    assert run().exit_code == 0
    assert started[0][-1].endswith("01-first.ipynb")
    assert len(run("--list").stdout.splitlines()) == 2


def test_copy_follows_the_installation_but_keeps_what_was_changed(
    installed: Path, started: list[list[str]]
) -> None:
    run()
    copy = Path.cwd() / "batchlab-notebooks"
    (copy / "01-first.ipynb").write_text("what a learner wrote")
    assert "Kept" not in run().stdout, "the installed one is as it was"
    for name in ("01-first.ipynb", "02-second.ipynb", "03-third.ipynb"):
        (installed / name).write_text("a new edition")
    result = run()
    assert result.exit_code == 0, result.output
    assert "Kept your changed version although a newer one exists: 01-first.ipynb" in result.stdout
    assert (copy / "01-first.ipynb").read_text() == "what a learner wrote"
    assert (copy / "02-second.ipynb").read_text() == "a new edition"
    assert (copy / "03-third.ipynb").read_text() == "a new edition"
    (copy / "01-first.ipynb").unlink()
    assert "Kept" not in run().stdout
    assert (copy / "01-first.ipynb").read_text() == "a new edition"


@pytest.mark.parametrize("memory", ["", "[]", '{"01-first.ipynb": 1}'])
def test_copy_whose_memory_is_lost_overwrites_nothing(
    installed: Path, started: list[list[str]], memory: str
) -> None:
    run()
    copy = Path.cwd() / "batchlab-notebooks"
    (copy / ".batchlab-lessons.json").write_text(memory)
    (installed / "01-first.ipynb").write_text("a new edition")
    assert "Kept" in run().stdout
    assert (copy / "01-first.ipynb").read_text() == "{}"


def test_lab_in_a_folder_that_cannot_be_written_says_so(
    installed: Path, started: list[list[str]]
) -> None:
    Path("taken").write_text("a file")
    result = run("--folder", "taken")
    assert result.exit_code == 1
    assert "the lessons cannot be copied there: File exists" in result.stderr
    assert started == []


def test_lab_without_lessons_says_so(installed: Path, started: list[list[str]]) -> None:
    for lesson in installed.glob("*.ipynb"):
        lesson.unlink()
    result = run()
    assert result.exit_code == 1
    assert "the lessons are not installed" in result.stderr
    assert started == []


def test_lab_without_jupyterlab_says_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch, started: list[list[str]]
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    result = run()
    assert result.exit_code == 1
    assert 'pip install "batchlab[notebook]"' in result.stderr
    assert started == []


def test_lab_opens_a_lesson_and_no_other_notebook_of_the_folder(
    installed: Path, started: list[list[str]]
) -> None:
    Path("batchlab-notebooks").mkdir()
    Path("batchlab-notebooks/00-mine.ipynb").write_text("{}")
    assert run().exit_code == 0
    assert started[0][-1].endswith("batchlab-notebooks/01-first.ipynb")


def test_shells_can_complete_the_commands() -> None:
    result = CliRunner().invoke(
        app, [], prog_name="batchlab",
        env={"_BATCHLAB_COMPLETE": "complete_bash", "COMP_WORDS": "batchlab se",
             "COMP_CWORD": "1"},
    )  # fmt: skip
    assert result.stdout.split() == ["serve"]
