"""`batchlab lab --progress`, `--export` and `--reset`: what a learner did, and starting over."""

from __future__ import annotations

import csv
import errno
import json
import os
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from batchlab.cli import app
from batchlab.lessons.notebooks import copy_lessons, lessons_folder
from batchlab.lessons.progress import NAME, read_progress

LESSON = "03-preparation-and-release.ipynb"


def run(*arguments: str) -> Any:
    return CliRunner().invoke(app, ["lab", *arguments])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the lessons in which two exercises were tried."""
    copy_lessons(lessons_folder()[0], tmp_path / "mine")
    events = [("03-1", "not yet"), ("03-1", "right"), ("05-1", "not yet"), ("99-1", "right")]
    lines = [
        {"version": 1, "time": f"2026-01-02T03:0{minute}:00+00:00", "exercise": id, "event": what}
        for minute, (id, what) in enumerate(events)  # noqa: A001
    ]
    (tmp_path / "mine" / NAME).write_text("".join(json.dumps(line) + "\n" for line in lines))
    return tmp_path / "mine"


def test_progress_is_shown_as_a_table(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    result = run("--progress", "--folder", str(folder))
    assert result.exit_code == 0, result.output
    head, first, second, *_, last = result.stdout.splitlines()
    assert head.split() == ["exercise", "tries", "hints", "solution", "first", "last", "result"]
    assert first.split()[:6] == ["03-1", "A", "second", "try", "for", "a"]
    assert first.endswith("right")
    assert second.endswith("not yet")
    assert last.endswith("exercises solved.")


def test_no_progress_says_so(tmp_path: Path) -> None:
    result = run("--progress", "--folder", str(tmp_path / "none"))
    assert result.exit_code == 0
    assert result.stdout.startswith("No exercise was checked yet in ")
    assert not (tmp_path / "none").exists()


def test_progress_is_exported(folder: Path, tmp_path: Path) -> None:
    shown = run("--export", "csv", "--folder", str(folder)).stdout
    rows = list(csv.DictReader(shown.splitlines()))
    assert [(row["exercise"], row["result"], row["tries"], row["hints"]) for row in rows] == [
        ("03-1", "right", "2", "1"), ("05-1", "not yet", "1", "1"), ("99-1", "right", "1", "0"),
    ]  # fmt: skip
    assert rows[0]["solved"] == "2026-01-02T03:01:00+00:00"
    target = tmp_path / "out.csv"
    assert run("--export", str(target), "--folder", str(folder)).exit_code == 0
    assert target.read_text() == shown


@pytest.mark.parametrize(
    ("target", "code", "message"),
    [("xml", 2, "takes csv, or the name of a file"), ("/no/such/out.csv", 1, "cannot be written")],
)
def test_export_elsewhere_is_refused(folder: Path, target: str, code: int, message: str) -> None:
    result = run("--export", target, "--folder", str(folder))
    assert result.exit_code == code
    assert message in result.stderr


@pytest.mark.parametrize("number", ["03", "3"])
def test_lesson_is_restored_and_the_learners_version_kept(folder: Path, number: str) -> None:
    delivered = (folder / LESSON).read_bytes()
    (folder / LESSON).write_text("what a learner wrote")
    result = run("--reset", number, "--folder", str(folder))
    assert result.exit_code == 0, result.output
    assert (folder / LESSON).read_bytes() == delivered
    (kept,) = folder.glob(f"mine-{LESSON[:-6]}-*.ipynb")
    assert kept.read_text() == "what a learner wrote"
    assert str(kept) in result.stdout
    assert list(read_progress(folder / NAME)) == ["05-1", "99-1"]
    assert copy_lessons(lessons_folder()[0], folder).kept == []


def test_two_versions_are_kept_apart(folder: Path) -> None:
    for text in ("one", "two", "three"):
        (folder / LESSON).write_text(text)
        assert run("--reset", "03", "--folder", str(folder)).exit_code == 0
    kept = {path.read_text() for path in folder.glob("mine-*.ipynb")}
    assert kept == {"one", "two", "three"}


def test_full_disk_leaves_the_learners_version_where_it_is(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / LESSON).write_text("what a learner wrote")

    def full(self: Path, data: bytes) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "write_bytes", full)
    result = run("--reset", "03", "--folder", str(folder))
    assert result.exit_code == 1
    assert "cannot be restored there: No space left on device" in result.stderr
    assert (folder / LESSON).read_text() == "what a learner wrote"


def test_unknown_lesson_and_a_checkout_are_refused(folder: Path) -> None:
    result = run("--reset", "77", "--folder", str(folder))
    assert result.exit_code == 1
    assert "unknown lesson; the lessons are 00, 01" in result.stderr
    result = run("--reset", "03")
    assert result.exit_code == 1
    assert "git restores them" in result.stderr
