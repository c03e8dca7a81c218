"""`batchlab lab`: which folder JupyterLab is started on, and what is said when it cannot be."""

from __future__ import annotations

import importlib.util
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


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A batchlab that is installed without its checkout; the lessons lie in the environment."""
    lessons = tmp_path / "env/share/batchlab/notebooks"
    lessons.mkdir(parents=True)
    (lessons / "01-first.ipynb").write_text("{}")
    monkeypatch.setattr(batchlab, "__file__", str(tmp_path / "env/lib/batchlab/__init__.py"))
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "env"))
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return lessons


def test_lab_of_an_installation_opens_a_copy_of_the_lessons(
    installed: Path, started: list[list[str]]
) -> None:
    assert run().exit_code == 0
    copy = Path.cwd() / "batchlab-notebooks" / "01-first.ipynb"
    assert started[0][-1] == str(copy)
    copy.write_text("what a learner wrote")
    assert run().exit_code == 0
    assert copy.read_text() == "what a learner wrote"


def test_lab_without_lessons_says_so(installed: Path, started: list[list[str]]) -> None:
    (installed / "01-first.ipynb").unlink()
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
    assert "pip install jupyterlab" in result.stderr
    assert started == []
