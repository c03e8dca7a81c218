"""`batchlab class`: what the teacher's terminal shows, and the table of a class that is over."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
from typer.testing import CliRunner

import batchlab as bl
from batchlab.classroom import ClassTable
from batchlab.cli import app
from batchlab.lite import site


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


@contextmanager
def serving(*options: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A class that is shown, and what its terminal says."""
    command = [sys.executable, "-m", "batchlab", "class", "--port", "0", "--host", "127.0.0.1"]
    with subprocess.Popen([*command, *options], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        shown = ""
        for line in process.stdout:
            shown += line
            if "Ctrl-C" in line:
                break
        try:
            yield process, shown
        finally:
            process.kill()


@pytest.fixture
def running(table: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    with serving("--table", str(table)) as found:
        yield found


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
    assert "class.cert is '/none.pem': is not a readable file" in run("--cert", "/none.pem").stderr
    assert "is the key of `cert`" in run("--cert-key", "/none.pem").stderr


def test_lessons_for_browsers_are_served_from_a_site_that_is_there(tmp_path: Path) -> None:
    site = tmp_path / "site"
    site.mkdir()
    (site / "index.html").write_text("the lessons")
    lessons = {"01-more.ipynb": "whole", "00-start.ipynb": "simulated"}
    mark = {"version": bl.__version__, "lessons": lessons}
    (site / "batchlab-lite.json").write_text(json.dumps(mark))
    with serving("--code", "ABCDEF", "--lite", str(site)) as (_, shown):
        found = re.search(r"With a browser alone:  (http://127\.0\.0\.1:\d+)/#ABCDEF\n", shown)
        assert found is not None
        with urlopen(f"{found[1]}/lessons/") as answer:
            assert answer.read() == b"the lessons"
        joined = urlopen(f"{found[1]}/join", json.dumps({"code": "ABCDEF"}).encode())
        with joined as answer:
            assert json.load(answer)["start"] == "lessons/lab/index.html?path=00-start.ipynb"


def test_folder_that_is_no_site_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(site, "_need_libraries", lambda: None)
    (tmp_path / "thesis.txt").write_text("mine")
    refused = run("--lite", str(tmp_path))
    assert refused.exit_code == 1
    assert "choose an empty or a new folder" in refused.stderr
    assert (tmp_path / "thesis.txt").read_text() == "mine"


@pytest.mark.parametrize("mark", ["", "[]", "{}", '{"version": "0", "lessons": {}}'])
def test_site_of_another_batchlab_is_built_again(
    mark: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    built: list[Path] = []

    def build(folder: Path, *, pyodide: Path | None) -> site.Site:
        built.append(folder)
        return site.Site(folder, {}, 0)

    monkeypatch.setattr(site, "build_site", build)
    (tmp_path / site.MARK).write_text(mark)
    site.ready_site(tmp_path)
    assert built == [tmp_path]
