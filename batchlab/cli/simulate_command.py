"""`batchlab simulate`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

import batchlab
from batchlab.cli.terminal import fail, writing
from batchlab.errors import BatchError

__all__ = ["simulate"]

Pattern = Literal["constant", "office-hours", "bursts"]


def simulate(
    formula: Annotated[
        list[str],
        typer.Argument(
            help="Files with a formula, '-' for stdin, or names from batchlab.formulas."
        ),
    ],
    arrivals: Annotated[Pattern, typer.Option(help="When tasks arrive.")] = "office-hours",
    journal: Annotated[
        Path | None, typer.Option(help="Take the tasks from the journal of a lab instead.")
    ] = None,
    tasks: Annotated[
        int, typer.Option(min=0, max=1_000_000, help="Tasks per hour, or per burst.")
    ] = 120,
    task: Annotated[
        str, typer.Option(metavar="DURATION", help="How long each task takes.")
    ] = "5m",
    every: Annotated[str, typer.Option(metavar="DURATION", help="Time between bursts.")] = "4h",
    vm_size: Annotated[str, typer.Option(metavar="SIZE", help="Size of the nodes.")] = "small",
    slots: Annotated[int, typer.Option(min=1, help="Task slots per node.")] = 1,
    interval: Annotated[
        str, typer.Option(metavar="DURATION", help="Time between evaluations.")
    ] = "15m",
    boot: Annotated[
        str, typer.Option(metavar="DURATION", help="How long a node takes to start.")
    ] = "90s",
    days: Annotated[float, typer.Option(help="How many days to simulate.")] = 1.0,
    seed: Annotated[int, typer.Option(help="Random seed; equal seeds give equal results.")] = 0,
    figure: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write a figure (HTML) to this file.")
    ] = None,
) -> None:
    """Simulate days of a pool with autoscale; compare several formulas."""
    load = {
        "constant": lambda: batchlab.Arrivals.constant(tasks, task=task),
        "office-hours": lambda: batchlab.Arrivals.office_hours(tasks, task=task),
        "bursts": lambda: batchlab.Arrivals.bursts(tasks, every=every, task=task),
    }
    try:
        pattern = batchlab.Arrivals.recorded(journal) if journal else load[arrivals]()
        result = batchlab.compare(
            {name: _formula(name) for name in formula}, pattern, vm_size=vm_size,
            task_slots_per_node=slots, auto_scale_evaluation_interval=interval, boot=boot,
            days=days, seed=seed,
        )  # fmt: skip
    except BatchError as error:
        fail(str(error))
    shown = result if len(result) > 1 else next(iter(result.values()))
    typer.echo(repr(shown))
    if figure is not None:
        with writing(figure):
            figure.write_text(shown.figure().to_html(include_plotlyjs=True), encoding="utf-8")


def _formula(name: str) -> batchlab.Formula | str:
    """The formula of a file, of stdin, or of the library."""
    if name == "-":
        return sys.stdin.read()
    known = name.replace("-", "_")
    if known in batchlab.formulas.__all__ and not Path(name).exists():
        formula: batchlab.Formula = getattr(batchlab.formulas, known)()
        return formula
    try:
        return Path(name).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        names = ", ".join(batchlab.formulas.__all__)
        why = getattr(error, "strerror", None) or "not a text file"
        fail(f"{name} is neither a readable file ({why}) nor one of: {names}")
