"""The command line: `batchlab class`, `demo`, `lab`, `lite`, `serve` and `simulate`.

Fast to start: Dask and the rest are imported only by the commands that need them.
"""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

import batchlab
from batchlab.cli.class_command import class_
from batchlab.cli.demo_command import demo
from batchlab.cli.lab_command import lab
from batchlab.cli.lite_command import lite
from batchlab.cli.serve_command import serve
from batchlab.cli.simulate_command import simulate

__all__ = ["app", "main"]

app = typer.Typer(
    help="Azure Batch, in your notebook.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",  # the others keep the line breaks of docstrings
)


def main() -> None:
    """Run the command line."""
    try:
        app(prog_name="batchlab")
    except OSError as error:  # commands say themselves what they cannot read or write
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # Python writes what is left at its end
        sys.exit(f"batchlab: cannot write to standard output: {error.strerror or error}")


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"batchlab {batchlab.__version__}")
        raise typer.Exit


@app.callback()
def _common(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    pass


app.command(name="class")(class_)
app.command()(demo)
app.command(context_settings={"allow_extra_args": True})(serve)
app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})(lab)
app.command()(lite)
app.command()(simulate)
