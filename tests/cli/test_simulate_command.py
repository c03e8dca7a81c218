"""`batchlab simulate`: formulas from files, stdin and the library, told in the terminal."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

import batchlab as bl
from batchlab.cli import app

SHORT = ["--days", "0.5", "--tasks", "20"]


def run(*arguments: str, text: str | None = None) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["simulate", *arguments], input=text)
    return result.exit_code, result.output


def test_one_formula_of_a_file_is_told_at_length(tmp_path: Path) -> None:
    path = tmp_path / "two.txt"
    path.write_text("$TargetDedicatedNodes = 2;")
    code, said = run(str(path), *SHORT, "--arrivals", "constant")
    assert code == 0
    assert "12 h of Arrivals.constant(20, task=5m) on small nodes" in said
    assert "most 2," in said


def test_several_formulas_are_a_table_with_a_row_each() -> None:
    code, said = run("pending-tasks", "fixed", "office_hours", *SHORT)
    assert code == 0
    assert [line.split()[0] for line in said.splitlines()] == [
        "formula", "pending-tasks", "fixed", "office_hours",
    ]  # fmt: skip


def test_formula_may_come_on_stdin_and_tasks_in_bursts() -> None:
    bursts = ["--arrivals", "bursts", "--every", "6h", "--task", "1m", "--vm-size", "medium"]
    code, said = run("-", *SHORT, *bursts, text="$TargetDedicatedNodes = 3;")
    assert code == 0
    assert "Arrivals.bursts(20, every=6h, task=1m) on medium nodes" in said


def test_tasks_may_come_from_a_journal(tmp_path: Path) -> None:
    path = tmp_path / "lab.jsonl"
    with bl.SimulatedLab(journal=path) as lab:
        pool = lab.create_pool("p", target_dedicated_nodes=1)
        lab.create_job("j", pool).create_tasks(["sleep 60"] * 3)
        lab.advance("1h")
    code, said = run("fixed", "--journal", str(path))
    assert code == 0
    assert "tasks   3: 3 succeeded" in said


def test_figure_is_written_as_a_page(tmp_path: Path) -> None:
    path = tmp_path / "figure.html"
    code, _ = run("fixed", *SHORT, "--figure", str(path))
    assert code == 0
    assert "waiting tasks" in path.read_text()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["no-such-file"], "nor one of: cpu_rule, day_of_week"),
        (["fixed", "--days", "99"], "days"),
        (["fixed", "--vm-size", "potato"], "there is no such size"),
        (["fixed", "--task", "soon"], "not a duration"),
        (["fixed", "--interval", "1m"], "5 minutes"),
        (["fixed", "--journal", "/no/such"], "cannot be read"),
        (["fixed", *SHORT, "--figure", "/no/such/folder/x.html"], "No such file"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_line(arguments: list[str], said: str) -> None:
    code, output = run(*arguments)
    assert code == 1
    assert said in output
    assert "Traceback" not in output


def test_mistake_in_a_formula_is_shown_at_its_place() -> None:
    code, output = run("-", text="$TargetDedicatedNodes = ;")
    assert code == 1
    assert "^" in output
