"""`batchlab lite`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from batchlab.cli.terminal import fail
from batchlab.errors import BatchError

__all__ = ["lite"]


def lite(
    output: Annotated[Path, typer.Option(metavar="DIR", help="Where to put the site.")] = Path(
        "batchlab-lite"
    ),
    serve: Annotated[
        bool, typer.Option("--serve", help="Show the site on this computer until Ctrl-C.")
    ] = False,
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="For --serve; 0 takes a free one.")
    ] = 8000,
    pyodide: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="A folder with Pyodide; by default npm downloads it."),
    ] = None,
) -> None:
    """Build the lessons as a static site, in which the browser runs Python.

    Publish the folder on any server for static files, such as GitHub Pages. The site asks no
    other host for anything.
    """
    from batchlab.lite import SiteServer, build_site  # noqa: PLC0415 - only for this

    try:
        typer.echo("Building the site takes a moment ...", err=True)
        site = build_site(output, pyodide=pyodide)
        runs = list(site.lessons.values())
        typer.echo(
            f"{site.folder}: {len(runs) - runs.count('machine')} of {len(runs)} lessons run in "
            f"the browser, {site.size / 1e6:.0f} MB"
        )
        if not serve:
            return
        with SiteServer(site.folder, port) as server:
            typer.echo(f"{server.address} (Ctrl-C ends it)")
            typer.launch(server.address)
            server.serve_forever()
    except BatchError as error:
        fail(error.message)
    except KeyboardInterrupt:
        typer.echo()
