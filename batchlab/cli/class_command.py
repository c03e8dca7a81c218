"""`batchlab class`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from batchlab.cli.terminal import (
    fail,
    remembered_interrupt,
    terminated_as_interrupted,
    until_interrupted,
)
from batchlab.errors import BatchError

__all__ = ["class_"]


def class_(
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 means any free port.")] = (
        8800
    ),
    host: Annotated[
        str, typer.Option(help="Address to listen on; by default all of this machine.")
    ] = "0.0.0.0",
    code: Annotated[
        str | None, typer.Option(help="What learners need to join; random if omitted.")
    ] = None,
    table: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Keep the table here: started again, the class goes on."
        ),
    ] = None,
    export: Annotated[
        str | None,
        typer.Option(
            metavar="csv|FILE.csv", help="With --table: only write it, to stdout or a file."
        ),
    ] = None,
) -> None:
    """Show at which exercise each learner of a class is, until Ctrl-C.

    Learners join with a code. Their names, which are optional, and their progress travel the
    network unencrypted; their answers stay where they are.
    """
    from batchlab.classroom import ClassServer, ClassTable  # noqa: PLC0415 - only for this
    from batchlab.classroom.server import as_csv  # noqa: PLC0415

    if export is not None and table is None:
        raise typer.BadParameter("--export requires --table; a class that runs has a link for it")
    try:
        seats = ClassTable(code, table)
        if export is not None:
            from batchlab.cli.progress_options import write_csv  # noqa: PLC0415

            write_csv(as_csv(seats), export)
            return
        with remembered_interrupt() as check, terminated_as_interrupted():
            server = ClassServer(seats, host, port)
            try:
                typer.echo(f"Join code:  {seats.code}\n")
                typer.echo(f'In a lesson:    lessons.join("{seats.code}", "{server.url}")')
                typer.echo(f"In a terminal:  batchlab lab --join {seats.code} {server.url}\n")
                typer.echo(f"Your page, for nobody else:  {server.page}\n")
                until_interrupted(check, "Press Ctrl-C to end the class.")
            finally:
                server.stop()
    except BatchError as error:
        fail(error.message)
    except KeyboardInterrupt:
        typer.echo("Stopped.")
