"""`batchlab class`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from batchlab.cli.terminal import (
    Certificate,
    CertificateKey,
    fail,
    remembered_interrupt,
    terminated_as_interrupted,
    until_interrupted,
)
from batchlab.errors import BatchError

if TYPE_CHECKING:
    from batchlab.classroom.site import LiteSite

__all__ = ["class_"]

OPEN_FILES = 2048
"""For six connections of each browser."""


def class_(
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 means any free port.")] = (
        8800
    ),
    host: Annotated[
        str, typer.Option(help="Address to listen on; by default all of this machine.")
    ] = "0.0.0.0",
    lite: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Serve the lessons too, so that learners need nothing but a browser; "
            "a site for them is built in DIR unless there is one.",
        ),
    ] = None,
    code: Annotated[
        str | None, typer.Option(help="What learners need to join; random if omitted.")
    ] = None,
    table: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Keep the table here: started again, the class goes on."
        ),
    ] = None,
    cert: Certificate = None,
    cert_key: CertificateKey = None,
    export: Annotated[
        str | None,
        typer.Option(
            metavar="csv|FILE.csv", help="With --table: only write it, to stdout or a file."
        ),
    ] = None,
) -> None:
    """Show at which exercise each learner of a class is, until Ctrl-C.

    Learners join with a code. Their progress and their names, which are optional, travel the
    network, unencrypted without --cert; their answers never do.
    """
    from batchlab.classroom import ClassServer, ClassTable  # noqa: PLC0415 - only for this
    from batchlab.classroom.server import as_csv  # noqa: PLC0415
    from batchlab.rest.https import read_certificate  # noqa: PLC0415

    if export is not None and table is None:
        raise typer.BadParameter("--export requires --table; a class that runs has a link for it")
    try:
        seats = ClassTable(code, table)
        if export is not None:
            from batchlab.cli.progress_options import write_csv  # noqa: PLC0415

            write_csv(as_csv(seats), export)
            return
        tls = read_certificate(cert, cert_key, "batchlab class")
        site = None if lite is None else _site(lite)
        with remembered_interrupt() as check, terminated_as_interrupted():
            server = ClassServer(seats, host, port, site=site, tls=tls)
            try:
                typer.echo(f"Join code:  {seats.code}\n")
                if server.join_page:
                    typer.echo(f"With a browser alone:  {server.join_page}\n")
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


def _site(folder: Path) -> LiteSite:
    """The lessons for browsers; a class opens many connections, each of which is a file."""
    import resource  # noqa: PLC0415 - not on Windows

    from batchlab.classroom.site import LiteSite  # noqa: PLC0415
    from batchlab.lite import ready_site  # noqa: PLC0415

    typer.echo("Preparing the lessons may take a moment ...", err=True)
    site = ready_site(folder)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < OPEN_FILES:
        most = OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, OPEN_FILES)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    return LiteSite(folder, min(site.lessons, default=""))
