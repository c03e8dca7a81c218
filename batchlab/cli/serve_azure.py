"""What `batchlab serve --azure` adds: Azure's names around the lab, and their variables."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import typer

from batchlab.azure.cloud import Cloud, open_cloud
from batchlab.azure.running import latest, remembered
from batchlab.azure.variables import SHELLS, Shell, chosen_shell, joining, written
from batchlab.cli.terminal import fail
from batchlab.errors import BatchError
from batchlab.lab_settings import account_name

__all__ = ["announced", "opened_cloud", "print_variables"]


@contextmanager
def opened_cloud(
    account: str | None, key: str | None, port: int, other: dict[str, Any]
) -> Iterator[Cloud]:
    """Azure's names on this machine, with the variables that lead nodes there."""
    cloud = open_cloud(True, account_name("serve", account), key, port, other)
    before = dict(os.environ)
    os.environ.update(cloud.node_variables)
    try:
        yield cloud
    finally:
        os.environ.clear()
        os.environ.update(before)
        cloud.close()


def print_variables(port: int, shell: str | None) -> None:
    """Print the variables of the lab that is being served, in any terminal."""
    try:
        chosen = chosen_shell(shell)
        variables = latest(port)
        if variables is None:
            where = f" on port {port}" if port else ""
            fail(f"no lab is served with --azure{where}: start one in another terminal")
        typer.echo(written(variables, chosen))
    except BatchError as error:
        fail(str(error))


@contextmanager
def announced(cloud: Cloud, shell: Shell, watch_at: str) -> Iterator[None]:
    """Say what is served, and let other terminals find it while this lasts."""
    typer.echo(f"\nEndpoint: {cloud.url}")
    typer.echo(f"Account:  {cloud.account.name}")
    typer.echo(f"Proxy:    {cloud.proxy}")
    blobs = f"https://{cloud.account.blob_host}" if cloud.has_storage else (
        "none, because Azurite is not installed: npm install -g azurite")  # fmt: skip
    typer.echo(f"Blobs:    {blobs}")
    typer.echo(watch_at, nl=False)
    typer.echo(f"\n{written(cloud.variables, shell)}")
    typer.echo(f"\nIn another terminal: {joining(shell, cloud.port)}")
    others = " or ".join(f"--shell {name}" for name in SHELLS if name != shell)
    typer.echo(f"For another shell, serve with {others}.")
    with remembered(cloud.variables):
        yield
