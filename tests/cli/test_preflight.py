"""`batchlab lab --check`: what it finds, and what it says to do."""

from __future__ import annotations

import socket
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

import psutil
import pytest
from typer.testing import CliRunner

from batchlab.cli import app, preflight


def only(monkeypatch: pytest.MonkeyPatch, *looks: str) -> None:
    """Leave out the other looks."""
    for name in ("_python", "_packages", "_lessons", "_front_ends", "_port", "_machine", "_lab"):
        if name not in looks:
            monkeypatch.setattr(preflight, name, lambda: iter(()))


def run(*arguments: str) -> Any:
    return CliRunner().invoke(app, ["lab", "--check", *arguments])


def test_this_machine_can_run_the_lessons(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preflight, "LAB_S", 60.0)  # other tests run beside this one
    result = run("--folder", str(tmp_path / "new"))
    assert result.exit_code == 0, result.output
    words = [line.partition(" ")[0] for line in result.stdout.splitlines()]
    assert "FIX" not in words
    assert words.count("OK") + words.count("NOTE") >= 8
    assert "ran a command" in result.stdout
    assert not (tmp_path / "new").exists()


def _missing(name: str) -> str:
    if name == "anywidget":
        raise metadata.PackageNotFoundError(name)
    return "0.1" if name == "distributed" else _version(name)


_version = metadata.version


@pytest.mark.parametrize(
    ("look", "broken", "text"),
    [
        ("_packages", ("metadata.version", _missing), "anywidget is missing"),
        ("_packages", ("metadata.version", _missing), "distributed 0.1 is not >="),
        ("_python", ("OLDEST", (9, 0)), "install Python 3.11 or newer"),
        ("_front_ends", ("EXTENSIONS", {"@no/such": "nosuch"}), "--force-reinstall nosuch"),
        ("_lab", ("LAB", "raise ValueError('no cluster today')"), "ValueError: no cluster today"),
        ("_lab", ("LAB", "print('[1, 2, \"good bye\"]')"), "could not run a command (no output)"),
        ("_lab", ("LAB", "print('noise')"), "could not be started"),
        ("_lab", ("LAB_S", 0.01), "did not run a command within"),
    ],
)
def test_what_is_wrong_is_named_with_its_cure(
    look: str, broken: tuple[str, Any], text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    only(monkeypatch, look)
    monkeypatch.setattr(f"batchlab.cli.preflight.{broken[0]}", broken[1])
    result = run()
    assert result.exit_code == 1
    (line,) = [line for line in result.stdout.splitlines() if line.startswith("FIX")]
    assert text in line


@pytest.mark.parametrize("missing", ["azure", "azure.batch", "plotly"])
def test_what_single_lessons_need_is_a_note(missing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def find_spec(name: str) -> object:
        if name.startswith(f"{missing}."):
            raise ModuleNotFoundError(name)
        return None if name == missing else object()

    only(monkeypatch, "_lessons")
    monkeypatch.setattr(preflight, "find_spec", find_spec)
    result = run()
    assert result.exit_code == 0
    (line,) = [line for line in result.stdout.splitlines() if line.startswith("NOTE")]
    lesson, extra = ("15", "plotly") if missing == "plotly" else ("13", "sdk")
    assert line.startswith(f"NOTE  Lesson {lesson} needs ")
    assert line.endswith(f'pip install "batchlab[{extra}]"')


def test_taken_port_is_no_fault_but_fifty_are(monkeypatch: pytest.MonkeyPatch) -> None:
    only(monkeypatch, "_port")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        monkeypatch.setattr(preflight, "PORT", port)
        result = run()
        assert result.exit_code == 0
        assert f"because {port} is in use" in result.stdout

        def refuse(*address: object) -> None:
            raise OSError("in use")

        monkeypatch.setattr(preflight.socket, "create_server", refuse)
        assert "batchlab lab --port 0" in run().stdout


def _as(**facts: float) -> Callable[..., Any]:
    return lambda *_: type("Facts", (), facts)


def test_little_memory_is_a_note_and_a_full_disk_a_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    only(monkeypatch, "_machine")
    monkeypatch.setattr(psutil, "virtual_memory", _as(available=3e8))
    result = run("--folder", str(tmp_path))
    assert result.exit_code == 0
    assert "NOTE" in result.stdout
    assert "0.3 GB of memory available: close other programs" in result.stdout
    monkeypatch.setattr(psutil, "disk_usage", _as(free=1e6))
    result = run("--folder", str(tmp_path))
    assert result.exit_code == 1
    assert "1 MB left: make room" in result.stdout


def test_folder_that_cannot_be_written_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    only(monkeypatch)
    result = run("--folder", "/proc/lessons")
    assert result.exit_code == 1
    assert "batchlab lab --folder DIR" in result.stdout
