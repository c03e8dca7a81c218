"""`batchlab class`: what the teacher's terminal shows, and the table of a class that is over."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
from typer.testing import CliRunner

from batchlab.classroom import ClassTable
from batchlab.cli import app


def run(*arguments: str) -> Any:
    return CliRunner().invoke(app, ["class", *arguments])


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """The table of a class with two learners."""
    file = tmp_path / "class.json"
    seats = ClassTable("ABCDEF", file)
    seats.join("secret-of-learner-0001", "Ada")
    seats.join("secret-of-learner-0002")
    return file


@pytest.fixture
def running(table: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    command = [sys.executable, "-m", "batchlab", "class", "--port", "0", "--host", "127.0.0.1"]
    with subprocess.Popen(
        [*command, "--table", str(table)], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        shown = ""
        for line in process.stdout:
            shown += line
            if "Ctrl-C" in line:
                break
        yield process, shown
        process.kill()


def test_class_is_shown_joined_and_ended(
    running: tuple[subprocess.Popen[str], str], tmp_path: Path
) -> None:
    process, shown = running
    assert "Join code:  ABCDEF" in shown
    joining = re.search(r"batchlab (lab --join ABCDEF http://[\d.:]+)\n", shown)
    assert joining is not None
    folder = tmp_path / "mine"
    result = CliRunner().invoke(
        app, [*joining[1].split(), "--name", "Bob", "--folder", str(folder), "--version"]
    )
    assert "You have seat 3 as Bob." in result.stdout
    assert (folder / ".batchlab-class.json").exists()
    page = re.search(r"Your page, for nobody else:  (\S+)", shown)
    assert page is not None
    with urlopen(page[1].replace("/?", "/class.csv?")) as answer:
        names = [line.split(",")[1] for line in answer.read().decode().splitlines()]
    assert names == ["name", "Ada", "", "Bob"]
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 0


def test_wrong_code_opens_nothing(
    running: tuple[subprocess.Popen[str], str], tmp_path: Path
) -> None:
    url = re.search(r"http://[\d.:]+", running[1])
    assert url is not None
    result = CliRunner().invoke(
        app, ["lab", "--join", "WRONG1", url[0], "--folder", str(tmp_path / "mine")]
    )
    assert result.exit_code == 1
    assert "this is not the code of the class" in result.stderr


def test_table_is_exported_when_the_class_is_over(table: Path, tmp_path: Path) -> None:
    shown = run("--table", str(table), "--export", "csv").stdout
    assert [line[:6] for line in shown.splitlines()] == ["seat,n", "1,Ada,", "2,,,,,"]
    target = tmp_path / "out.csv"
    assert run("--table", str(table), "--export", str(target)).exit_code == 0
    assert target.read_text().splitlines()[0] == shown.splitlines()[0]


def test_wrong_options_are_refused(table: Path) -> None:
    assert "--export requires --table" in run("--export", "csv").stderr
    assert "4 to 20 letters" in run("--code", "?").stderr
    table.write_text("my thesis")
    assert "not the table of a class" in run("--table", str(table)).stderr
