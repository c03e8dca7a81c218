"""Progress lasts: over sessions, beside other kernels, on bad disks, and in later versions."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from pathlib import Path

import pytest

import batchlab as bl
from batchlab import lessons
from batchlab.lessons.progress import NAME, VARIABLE, forget, read_progress, remember


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory of a notebook: a folder of lessons."""
    (tmp_path / "00-start-here.ipynb").write_text("{}")
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def three(lab: bl.SimulatedLab, pool: bl.Pool) -> bl.Task:
    """The right answer to 00-2."""
    task = lab.create_job("mine", pool).create_task("three", "/bin/sh -c 'exit 3'")
    task.wait()
    return task


def test_checks_are_remembered_without_what_was_answered(folder: Path, three: bl.Task) -> None:
    lessons.check("00-2", ...)
    assert not (folder / NAME).exists(), "nothing was tried"
    for _ in range(2):
        lessons.check("00-2", "my secret answer")
    lessons.solution("00-2")
    assert lessons.check("00-2", three).is_right
    lessons.check("00-2", "again")
    lessons.solution("00-2")
    text = (folder / NAME).read_text()
    assert "secret" not in text
    assert "mine" not in text
    keys = {tuple(json.loads(line)) for line in text.splitlines()}
    assert keys == {("version", "time", "exercise", "event")}
    one = read_progress(folder / NAME)["00-2"]
    assert (one.tries, one.hints, one.solution_seen) == (3, 2, True)
    assert one.solved is not None
    assert one.first <= one.solved <= one.last


def test_solution_after_it_was_solved_is_no_help(folder: Path, three: bl.Task) -> None:
    lessons.check("00-2", three)
    lessons.solution("00-2")
    one = read_progress(folder / NAME)["00-2"]
    assert (one.tries, one.hints, one.solution_seen) == (1, 0, False)


def test_next_session_knows_what_was_tried_and_solved(folder: Path, three: bl.Task) -> None:
    lessons.check("00-2", three)
    for _ in range(2):
        lessons.check("00-1", 1)
    lessons.exercises.reset()  # as in a new kernel
    assert [outcome for _, _, outcome in lessons.exercises.rows()][:3] == [
        "not yet", "right", "open",
    ]  # fmt: skip
    lessons.check("00-2", 1)
    assert (
        dict(zip(lessons.exercises, lessons.exercises.rows(), strict=True))["00-2"][2] == "right"
    )
    assert lessons.solution("00-1").exercise == "00-1", "it was tried twice"


def test_nothing_is_written_where_no_lessons_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    lessons.check("00-1", 1)
    assert list(tmp_path.iterdir()) == []


def test_file_can_be_elsewhere_or_nowhere(
    folder: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, "")
    lessons.check("00-1", 1)
    other = tmp_path_factory.mktemp("other") / "mine.jsonl"
    monkeypatch.setenv(VARIABLE, str(other))
    lessons.check("00-1", 1)
    assert not (folder / NAME).exists()
    assert read_progress(other)["00-1"].tries == 1


def test_place_that_cannot_be_written_stops_no_check(
    folder: Path, three: bl.Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / NAME).mkdir()
    assert lessons.check("00-2", three).is_right
    assert lessons.exercises.rows()[1][2] == "right"
    for path in ("/proc/none/progress", "/dev/full", str(folder / "no" / "such")):
        monkeypatch.setenv(VARIABLE, path)
        assert lessons.check("00-2", three).is_right
        assert read_progress(Path(path)) == {}


FULL_DISK = f"""
import resource
from batchlab.lessons.progress import remember
remember("00-1", "not yet")
resource.setrlimit(resource.RLIMIT_FSIZE, (150, {resource.RLIM_INFINITY}))
remember("00-1", "not yet")
resource.setrlimit(resource.RLIMIT_FSIZE, ({resource.RLIM_INFINITY}, {resource.RLIM_INFINITY}))
remember("00-1", "right")
"""


def test_line_cut_off_by_a_full_disk_spoils_only_itself(folder: Path) -> None:
    subprocess.run([sys.executable, "-c", FULL_DISK], check=True)
    whole = (folder / NAME).read_bytes().splitlines()
    assert [len(line) > 80 for line in whole] == [True, False, True]
    one = read_progress(folder / NAME)["00-1"]
    assert (one.tries, one.solved is not None) == (2, True)


def test_kernels_at_the_same_time_lose_no_line(folder: Path) -> None:
    code = (
        "from batchlab.lessons.progress import remember\n"
        "for _ in range(300): remember('{}', 'not yet')"
    )
    running = [
        subprocess.Popen([sys.executable, "-c", code.format(one)]) for one in ("01-1", "02-1")
    ]
    assert [one.wait() for one in running] == [0, 0]
    assert [one.tries for one in read_progress(folder / NAME).values()] == [300, 300]


TIME = "2026-01-02T03:04:05+00:00"
DAMAGE = [
    {"version": 7, "time": TIME, "exercise": "03-1", "event": "dreamt of", "more": []},
    {"version": 7, "time": TIME, "exercise": 3, "event": "right"},
    {"version": 7, "time": 5, "exercise": "03-1", "event": "right"},
    {"version": 7, "time": "soon", "exercise": "03-1", "event": "right"},
    {"version": 7, "time": TIME, "exercise": "<b>-1", "event": "right"},
    {"version": 7, "time": TIME, "exercise": "03-1", "event": ["right"]},
    ["right"],
    3,
]


@pytest.mark.parametrize("line", DAMAGE, ids=str)
def test_lines_that_are_not_understood_are_left_alone(folder: Path, line: object) -> None:
    text = json.dumps(line) + "\n\xff\0[[\n" + "[" * 100_000 + "\n"
    (folder / NAME).write_text(text, encoding="latin-1")
    remember("03-2", "not yet")
    assert (folder / NAME).read_text(encoding="latin-1").startswith(text)
    found = read_progress(folder / NAME)
    assert list(found) == ["03-2"]
    assert lessons.exercises.rows()


def test_lesson_is_forgotten_and_the_others_are_not(folder: Path) -> None:
    for one in ("01-1", "01-12", "11-1"):
        remember(one, "right")
    forget(folder / NAME, "01")
    assert list(read_progress(folder / NAME)) == ["11-1"]
    remember("01-1", "not yet")
    assert read_progress(folder / NAME)["01-1"].solved is None
