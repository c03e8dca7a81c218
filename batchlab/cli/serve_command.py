"""`batchlab serve`."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Annotated, Any

import typer

import batchlab
from batchlab.cli.terminal import (
    INTERRUPTED,
    Certificate,
    CertificateKey,
    Processes,
    Scheduler,
    Simulated,
    choose_one,
    fail,
    remembered_interrupt,
    terminated_as_interrupted,
    until_interrupted,
)
from batchlab.errors import BatchError

if TYPE_CHECKING:
    from batchlab.lab import BaseLab
    from batchlab.rest.endpoint import Endpoint

__all__ = ["serve"]

_ALL = ("0.0.0.0", "::", "")
_HERE = ("127.0.0.1", "::1", "localhost")
KEY, PAGE_TOKEN = "BATCHLAB_KEY", "BATCHLAB_PAGE_TOKEN"


def serve(
    context: typer.Context,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 means any free port.")] = 0,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    scheduler: Scheduler = None,
    processes: Processes = False,
    simulated: Simulated = False,
    speed: Annotated[
        float, typer.Option(help="How many times faster than the wall clock the lab runs.")
    ] = 1.0,
    boot: Annotated[
        str | None,
        typer.Option(metavar="DURATION", help="How long a simulated node takes to start."),
    ] = None,
    account: Annotated[str | None, typer.Option(metavar="NAME", help="Account name.")] = None,
    key: Annotated[
        str | None,
        typer.Option(
            metavar="KEY", envvar=KEY,
            help="Account key in base64; random if omitted.",
        ),
    ] = None,
    storage: Annotated[
        str | None, typer.Option(metavar="URL", help="Where to store data: a folder or a URL.")
    ] = None,
    journal: Annotated[
        str | None,
        typer.Option(
            metavar="FOLDER",
            help="Keep the lab in this folder: served again, it goes on where it was. With "
            "--scheduler, a folder on its machine. FILE.jsonl only records it, for ReplayedLab.",
        ),
    ] = None,
    durability: Annotated[
        str | None,
        typer.Option(metavar="flush|fsync", help="Whether the journal survives a power cut."),
    ] = None,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Begin a new lab; move the one in the journal aside.")
    ] = False,
    cert: Certificate = None,
    cert_key: CertificateKey = None,
    bearer: Annotated[
        bool, typer.Option("--bearer", help="Accept any bearer token; for development only.")
    ] = False,
    isolate_users: Annotated[
        bool,
        typer.Option("--isolate-users", help="Run tasks as users of their own; requires root."),
    ] = False,
    containers: Annotated[
        str | None,
        typer.Option(
            metavar="auto|podman|docker", help="What runs tasks with container settings."
        ),
    ] = None,
    behind_proxy: Annotated[
        bool, typer.Option("--behind-proxy", help="Trust a proxy's X-Forwarded-* headers.")
    ] = False,
    allow_elevated: Annotated[
        bool,
        typer.Option("--allow-elevated", help="As root: let start tasks change this machine."),
    ] = False,
    page: Annotated[
        bool,
        typer.Option("--page/--no-page", help="Whether a browser can show the live displays."),
    ] = True,
    page_token: Annotated[
        str | None,
        typer.Option(
            metavar="TOKEN", envvar=PAGE_TOKEN,
            help="Who has it may watch; random if omitted. With the same one, open pages connect "
            "again after a restart.",
        ),
    ] = None,
    manage: Annotated[
        bool,
        typer.Option(
            "--manage", help="Let those who watch also act: terminate tasks, reboot nodes."
        ),
    ] = False,
    azure: Annotated[
        bool,
        typer.Option(
            "--azure",
            help="Serve Azure's host names, tokens, management and blobs as well; -- COMMAND "
            "runs a command that is led there, and ends with it.",
        ),
    ] = False,
    env: Annotated[
        bool,
        typer.Option("--env", help="With --azure: print the variables of the lab being served."),
    ] = False,
    shell: Annotated[
        str | None, typer.Option(metavar="bash|fish|powershell", help="For which shell.")
    ] = None,
) -> None:  # fmt: skip
    """Serve the Azure Batch REST API, for the azure-batch SDKs and `az batch`, until Ctrl-C.

    The lab can be watched in a browser, at the address that is printed. Anyone who has the key can
    run commands on this machine; anyone who has the page's token can read the files of tasks.
    """
    command = context.args
    if (env or shell or command) and not azure:
        raise typer.BadParameter("--env, --shell and a command require --azure")
    if env:
        from batchlab.cli.serve_azure import print_variables  # noqa: PLC0415

        print_variables(port, shell)
        return
    for secret in (KEY, PAGE_TOKEN):  # tasks inherit the environment
        os.environ.pop(secret, None)
    choose_one(scheduler, processes=processes, simulated=simulated)
    if isolate_users and simulated:
        raise typer.BadParameter("--isolate-users has no meaning with --simulated: no task runs")
    if containers and simulated:
        raise typer.BadParameter("--containers has no meaning with --simulated: no task runs")
    if boot is not None and not simulated:
        raise typer.BadParameter(
            "--boot requires --simulated: a real node starts as fast as it can"
        )
    common: dict[str, Any] = {
        "account": account, "storage": storage, "journal": journal, "durability": durability,
        "fresh": fresh or None,
    }  # fmt: skip
    real: dict[str, Any] = {
        "speed": speed, "isolate_users": isolate_users or None, "containers": containers,
    }  # fmt: skip
    own: dict[str, Any] = {
        "host": host, "bearer": bearer, "cert": cert, "cert_key": cert_key,
        "behind_proxy": behind_proxy, "page": page, "page_token": page_token, "manage": manage,
    }  # fmt: skip
    code = 0
    try:
        if azure:
            from batchlab.azure.variables import chosen_shell  # noqa: PLC0415
            from batchlab.cli.serve_azure import announced, opened_cloud  # noqa: PLC0415

            wanted = chosen_shell(shell)
        with (
            remembered_interrupt() as check,
            terminated_as_interrupted(),
            opened_cloud(account, key, port, own) if azure else nullcontext() as cloud,
        ):
            if not simulated:
                typer.echo(_runners(scheduler, isolated=isolate_users), err=bool(command))
            as_root = not (simulated or scheduler or os.geteuid())
            elevated = allow_elevated or not as_root or _confirmed_elevation()
            if simulated:
                lab: BaseLab = batchlab.SimulatedLab(boot=boot or "90s", **common)
            elif scheduler:
                lab = batchlab.Lab(scheduler, **real, **common)
            else:
                lab = batchlab.Lab(processes=processes, **real, **common)
            with lab, lab.serve(
                port=port, key=key, speed=speed, allow_elevated=elevated, azure=cloud or False,
                **own,
            ) as endpoint:  # fmt: skip
                watch_at = _watch_at(endpoint, host, shows_token=page_token is None)
                if command:
                    from batchlab.azure.running import run  # noqa: PLC0415

                    typer.echo(watch_at.removeprefix("\n"), err=True, nl=False)
                    code = run(command, endpoint.environment, check)
                else:
                    with (
                        announced(cloud, wanted, watch_at) if cloud
                        else _announced(endpoint, watch_at, shows_key=key is None)
                    ):  # fmt: skip
                        until_interrupted(check, "\nPress Ctrl-C to stop.")
    except BatchError as error:
        fail(str(error))
    except KeyboardInterrupt:
        typer.echo("Stopped.", err=bool(command))
        code = INTERRUPTED if command else 0
    raise typer.Exit(code)


def _confirmed_elevation() -> bool:
    """Whether someone at the terminal lets start tasks change this machine."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        return False
    question = "May elevated start tasks of clients change this machine, as root?"
    return typer.confirm(question, default=False)


def _runners(scheduler: str | None, *, isolated: bool) -> str:
    """As which user tasks run, and a warning if that is root."""
    if isolated:
        return "Tasks run as users of their own; elevated ones as root."
    if scheduler:
        return "Tasks run as the user of the worker they run on."
    import pwd  # noqa: PLC0415 - not on Windows

    number = os.geteuid()
    try:
        name = pwd.getpwuid(number).pw_name
    except KeyError:  # a container may have numbers only
        name = str(number)
    if number:
        return f"Tasks run as the user {name}."
    return (
        f"Warning: tasks run as the user {name}. Anyone with the key can do anything on this "
        "machine.\nServe the lab as another user, or with --isolate-users. For clients that "
        "install programs, use --simulated\nor run batchlab in a container."
    )


def _watch_at(endpoint: Endpoint, host: str, *, shows_token: bool) -> str:
    """Where a browser shows the lab, with a token only if nobody knows it yet."""
    if endpoint.page_url is None:
        return ""
    base, _, _ = endpoint.page_url.partition("?")
    where = endpoint.page_url if shows_token else f"{base} with the token as given"
    others = "On other machines, use the name or address of this one.\n" * (host in _ALL)
    if base.startswith("http:") and host not in _HERE:
        others += "The token travels unencrypted: where others can listen, serve with --cert.\n"
    return f"\nWatch it at {where}\n{others}"


@contextmanager
def _announced(endpoint: Endpoint, watch_at: str, *, shows_key: bool) -> Iterator[None]:
    """Say what is served, and how clients come here."""
    titles = {"python": "Python", "az": "az", "javascript": "JavaScript"}
    typer.echo(f"\nEndpoint: {endpoint.url}")
    typer.echo(f"Account:  {endpoint.account}")
    typer.echo(f"Key:      {endpoint.key if shows_key else '(as given)'}")
    typer.echo(watch_at, nl=False)
    for name, snippet in endpoint.snippets.items():
        typer.echo(f"\n{titles[name]}:\n\n{snippet}")
    yield
