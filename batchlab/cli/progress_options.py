"""What `batchlab lab` shows and forgets of a learner's progress."""

from __future__ import annotations

import csv
import io
from datetime import datetime
from pathlib import Path

import typer

from batchlab.cli.terminal import writing
from batchlab.lessons import exercises
from batchlab.lessons.notebooks import restore
from batchlab.lessons.progress import NAME, ExerciseProgress, read_progress

__all__ = ["export_progress", "reset_lesson", "show_progress", "write_csv"]

COLUMNS = ("exercise", "title", "result", "tries", "hints", "solution_seen", "first", "last",
           "solved")  # fmt: skip


def show_progress(folder: Path) -> None:
    """Print a table of what was tried, with times in the zone of this machine."""
    found = _progress(folder)
    total = len(exercises)
    if not found:
        typer.echo(f"No exercise was checked yet in {folder} (0 of {total} solved).")
        return
    rows = [("", "exercise", "tries", "hints", "solution", "first", "last", "result")]
    for title, one in found:
        rows.append((
            one.exercise, title, str(one.tries), str(one.hints),
            "seen" if one.solution_seen else "", _local(one.first), _local(one.last), _result(one),
        ))  # fmt: skip
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        line = (text.ljust(width) for text, width in zip(row, widths, strict=True))
        typer.echo("  ".join(line).rstrip())
    solved = sum(one.solved is not None for _, one in found)
    typer.echo(f"\n{solved} of {total} exercises solved.")


def export_progress(folder: Path, target: str) -> None:
    """Write the progress as CSV, with times in UTC: ``csv`` to stdout, else to that file."""
    text = io.StringIO()
    write = csv.writer(text, lineterminator="\n").writerow
    write(COLUMNS)
    for title, one in _progress(folder):
        write((
            one.exercise, title, _result(one), one.tries, one.hints,
            "yes" if one.solution_seen else "no", one.first.isoformat(), one.last.isoformat(),
            one.solved.isoformat() if one.solved else "",
        ))  # fmt: skip
    write_csv(text.getvalue(), target)


def write_csv(text: str, target: str) -> None:
    """Write text to stdout, if the target is ``csv``, or to a file whose name ends so."""
    if target != "csv" and not target.endswith(".csv"):
        raise typer.BadParameter("--export takes csv, or the name of a file that ends with .csv")
    if target == "csv":
        typer.echo(text, nl=False)
        return
    with writing(target):
        Path(target).write_text(text, encoding="utf-8")


def reset_lesson(source: Path, folder: Path, lesson: str) -> None:
    """Put a lesson back as it was delivered; what the learner made of it is kept."""
    restored, kept = restore(source, folder, lesson)
    typer.echo(f"Restored {restored.name}, and forgot its progress.")
    if kept is not None:
        typer.echo(f"Your version is now {kept}")


def _progress(folder: Path) -> list[tuple[str, ExerciseProgress]]:
    known = exercises.titles()
    found = read_progress(folder / NAME).values()
    return [(known.get(one.exercise, ""), one) for one in found]


def _result(one: ExerciseProgress) -> str:
    return "right" if one.solved else "not yet"


def _local(when: datetime) -> str:
    return f"{when.astimezone():%Y-%m-%d %H:%M}"
