"""`batchlab demo`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

import batchlab
from batchlab.cli.terminal import (
    INTERRUPTED,
    Processes,
    Scheduler,
    Simulated,
    choose_one,
    fail,
    remembered_interrupt,
)
from batchlab.errors import BatchError

if TYPE_CHECKING:
    from batchlab.lab import BaseLab

__all__ = ["demo"]


def demo(
    nodes: Annotated[int, typer.Option(min=1, max=1000, help="Number of nodes in the pool.")] = 2,
    tasks: Annotated[
        int, typer.Option(min=1, max=100_000, help="Number of tasks in the job.")
    ] = 8,
    processes: Processes = False,
    scheduler: Scheduler = None,
    simulated: Simulated = False,
    yes: Annotated[bool, typer.Option("--yes", help="Answer yes to every question.")] = False,
) -> None:
    """Run the job preparation and release sample.

    A job's preparation task writes the node's id to a file on the node, each task appends its own
    id, and the release task deletes the file when the job ends.
    """
    choose_one(scheduler, processes=processes, simulated=simulated)
    console = Console(highlight=False, markup=False, emoji=False, soft_wrap=True)

    def confirm(question: str) -> bool:
        return _confirm(console, question, yes)

    from batchlab.demo import Demo  # noqa: PLC0415

    try:
        with (
            remembered_interrupt() as check,
            _lab(scheduler, processes=processes, simulated=simulated) as lab,
        ):
            showing = Demo(lab, console, confirm, check)
            try:
                good = showing.run(nodes, tasks)
            except (BatchError, KeyboardInterrupt):
                showing.clean_up()
                raise
    except BatchError as error:
        fail(str(error))
    except KeyboardInterrupt:
        console.print("Interrupted: the job and the pool of this demo are being deleted.")
        raise typer.Exit(INTERRUPTED) from None
    if good:
        console.print("Sample complete.")
    else:
        fail("a task of the sample failed (see above)")


def _lab(scheduler: str | None, *, processes: bool, simulated: bool) -> BaseLab:
    if simulated:
        return batchlab.SimulatedLab()
    return batchlab.Lab(scheduler) if scheduler else batchlab.Lab(processes=processes)


def _confirm(console: Console, question: str, yes: bool) -> bool:
    console.print(f"{question} [yes] no ", end="")
    if yes or not (sys.stdin.isatty() and sys.stdout.isatty()):
        console.print("yes")
        return True
    try:
        return not input().strip().lower().startswith("n")
    except EOFError:
        console.print("yes")
        return True
